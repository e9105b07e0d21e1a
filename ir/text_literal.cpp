// Printing and reading scalar literals.
#include "ir/text_literal.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <optional>

namespace descent {
namespace {

std::string float_digits(double value, DType type) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  const auto narrow = static_cast<float>(value);
  std::string digits = type == DType::f32 && narrow == value ? fmt::format("{}", narrow) : fmt::format("{}", value);
  if (digits.find_first_of(".e") == std::string::npos) digits += ".0";
  return digits;
}

// "0.5_f64" → "0.5" and "f64"; "inf" → "inf" and "".
std::pair<std::string_view, std::string_view> split_suffix(std::string_view text) {
  const std::size_t cut = text.find('_');
  if (cut == std::string_view::npos) return {text, {}};
  return {text.substr(0, cut), text.substr(cut + 1)};
}

bool is_special(const Token& token) {
  if (token.kind != Token::Kind::word) return false;
  const auto [digits, suffix] = split_suffix(token.text);
  return (digits == "inf" || digits == "nan") && (suffix.empty() || suffix == "f64");
}

template <class T>
std::optional<double> read_number(std::string_view digits) {
  T value = 0;
  const auto [rest, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || rest != digits.data() + digits.size()) return std::nullopt;
  return static_cast<double>(value);
}

std::optional<double> read_as(std::string_view digits, DType type) {
  switch (type) {
    case DType::f32:
      return read_number<float>(digits);
    case DType::f64:
      return read_number<double>(digits);
    case DType::i32:
      return read_number<std::int32_t>(digits);
    case DType::u32:
      return read_number<std::uint32_t>(digits);
    case DType::u8:
      return read_number<std::uint8_t>(digits);
    case DType::boolean:
      return std::nullopt;
  }
  return std::nullopt;
}

DType type_without_suffix(std::string_view digits) {
  const bool whole = digits.find_first_not_of("0123456789") == std::string_view::npos;
  return whole ? DType::i32 : DType::f32;
}

constexpr std::int64_t largest_extent = std::int64_t{1} << 40;
constexpr std::size_t largest_rank = 64;

// dtype = 'f32' | 'f64' | 'i32' | 'u32' | 'u8' | 'bool'
DType parse_dtype(TokenStream& stream) {
  static const std::vector<std::string> names = {"f32", "f64", "i32", "u32", "u8", "bool"};
  const Token token = stream.peek();
  if (token.kind != Token::Kind::word) {
    stream.fail_expected("a type");
    return DType::f32;
  }
  const std::optional<DType> type = dtype_named(token.text);
  if (!type) {
    stream.fail(token, "unknown-type", fmt::format("expected a type, found '{}'", token.text),
                suggestion(token.text, names));
  }
  stream.next();
  return type.value_or(DType::f32);
}

}  // namespace

std::string print_literal(double value, DType type) {
  const bool whole = std::trunc(value) == value && std::abs(value) < 9e15 && !(value == 0 && std::signbit(value));
  const std::string integer = whole ? fmt::format("{:.0f}", value) : float_digits(value, DType::f64);
  switch (type) {
    case DType::f32:
      return float_digits(value, type);
    case DType::f64:
      return float_digits(value, type) + "_f64";
    case DType::i32:
      return whole ? integer : integer + "_i32";
    case DType::u32:
      return integer + "_u32";
    case DType::u8:
      return integer + "_u8";
    case DType::boolean:
      return value == 0 ? "false" : value == 1 ? "true" : integer + "_bool";
  }
  return integer;
}

bool at_literal(const TokenStream& stream) {
  const Token& token = stream.peek(stream.at("-") ? 1 : 0);
  if (token.kind == Token::Kind::number || is_special(token)) return true;
  return token.is("true") || token.is("false");
}

// literal = '-'? (number | 'inf' | 'nan') | 'true' | 'false'
TypedLiteral parse_literal(TokenStream& stream) {
  const Token first = stream.peek();
  if (stream.accept("true")) return {1, DType::boolean};
  if (stream.accept("false")) return {0, DType::boolean};
  const bool negative = stream.accept("-");
  const Token token = stream.peek();
  if (token.kind != Token::Kind::number && !is_special(token)) {
    stream.fail_expected("a literal");
    return {};
  }
  stream.next();
  const auto [digits, suffix] = split_suffix(token.text);
  const std::optional<DType> named = suffix.empty() ? type_without_suffix(digits) : dtype_named(suffix);
  if (!named) {
    stream.fail(token, "unknown-type", fmt::format("expected f32, f64, i32, u32 or u8 after '_', found '{}'", suffix));
    return {};
  }
  const std::string signed_digits = (negative ? "-" : "") + std::string(digits);
  const std::optional<double> value = read_as(signed_digits, *named);
  if (!value) {
    stream.fail(stream.span_from(first), "number-out-of-range",
                fmt::format("expected a number that {} can hold, found {}", name_of(*named), signed_digits));
  }
  return {value.value_or(0), *named};
}

// extent = 'batch' | integer
Extent parse_extent(TokenStream& stream) {
  if (stream.accept("batch")) return Extent::batch();
  return {stream.expect_integer("an extent", 1, largest_extent)};
}

// type = dtype '[' (extent (',' extent)*)? ']' ('in' integer '..<' integer)?
TensorType parse_type(TokenStream& stream) {
  TensorType type;
  type.dtype = parse_dtype(stream);
  stream.expect("[", "after the element type");
  while (!stream.at_end() && !stream.at("]")) {
    if (!type.shape.empty()) stream.expect(",", "between extents");
    if (type.shape.size() == largest_rank)
      stream.fail_here("too-many-axes", fmt::format("expected at most {} axes", largest_rank));
    type.shape.push_back(parse_extent(stream));
  }
  stream.expect("]", "after the extents");
  if (!stream.accept("in")) return type;
  constexpr std::int64_t bound = std::int64_t{1} << 31;
  const std::int64_t low = stream.expect_integer("the least integer", -bound, bound - 1);
  stream.expect("..<", "between the ends of a range");
  type.range = Range{low, stream.expect_integer("the end of the range", low + 1, bound)};
  return type;
}

}  // namespace descent
