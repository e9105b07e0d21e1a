#include "codegen/cpp/text.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>

#include "ir/diagnostics.h"
#include "ir/text_literal.h"

namespace descent::codegen::cpp {
namespace {

constexpr std::size_t widest_line = 120;

bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// What the depth of brackets is in front of each place where a line may be broken: behind ", " and "? ", "{ ", and in
// front of an operator with blanks around it.
struct Break {
  std::size_t at = 0;
  int depth = 0;
};
std::vector<Break> breaks_of(const std::string& line) {
  std::vector<Break> breaks;
  int depth = 0;
  for (std::size_t i = 0; i + 1 < line.size(); ++i) {
    if (line.compare(i, 2, "//") == 0) break;
    if (line[i] == '(' || line[i] == '[' || line[i] == '{') ++depth;
    if (line[i] == ')' || line[i] == ']' || line[i] == '}') --depth;
    if (line[i + 1] != ' ' || i + 2 >= line.size()) continue;
    const bool before_operator =
        i + 3 < line.size() && line[i + 3] == ' ' && std::string("+-*/?:&|^<>").find(line[i + 2]) != std::string::npos;
    const bool before_long_operator = i + 4 < line.size() && line[i + 4] == ' ' &&
                                      (line.compare(i + 2, 2, "&&") == 0 || line.compare(i + 2, 2, "||") == 0);
    if (line[i] == ',' || before_operator || before_long_operator || (line[i] == '=' && depth == 0)) {
      breaks.push_back({i + 2, depth});
    }
  }
  return breaks;
}

std::string rest_of(const std::string& line, std::size_t from) {
  return from == std::string::npos || from >= line.size() ? "" : line.substr(from);
}

}  // namespace

std::string identifier(std::string_view name) {
  std::string made;
  for (char c : name) {
    const bool keeps = is_letter(c) || is_digit(c);
    if (keeps) made += c;
    if (!keeps && !made.empty() && made.back() != '_') made += '_';
  }
  while (!made.empty() && made.back() == '_') made.pop_back();
  if (made.empty() || is_digit(made[0])) made = "n" + made;
  return made;
}

bool is_identifier(std::string_view name) {
  const auto allowed = [](char c) { return is_letter(c) || is_digit(c) || c == '_'; };
  return !name.empty() && !is_digit(name[0]) && std::all_of(name.begin(), name.end(), allowed);
}

std::string comment(std::string_view text) {
  std::string line(text);
  for (char& c : line) {
    if (std::iscntrl(static_cast<unsigned char>(c)) != 0) c = ' ';
  }
  while (!line.empty() && (line.back() == ' ' || line.back() == '\\')) line.pop_back();
  return "// " + line;
}

std::string quoted(std::string_view text) {
  static const char digits[] = "01234567";
  std::string made = "\"";
  for (char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (is_letter(c) || is_digit(c) || c == '_' || c == '.') {
      made += c;
    } else {
      made += {'\\', digits[code >> 6], digits[code >> 3 & 7], digits[code & 7]};
    }
  }
  return made + "\"";
}

std::string value_type(DType type) {
  switch (type) {
    case DType::f32:
      return "float";
    case DType::f64:
      return "double";
    case DType::i32:
      return "int32_t";
    case DType::u32:
      return "uint32_t";
    case DType::u8:
      return "uint8_t";
    case DType::boolean:
      return "bool";
  }
  internal_error(__FILE__, __LINE__, "no such type");
}

std::string memory_type(DType type) { return value_type(type == DType::boolean ? DType::u8 : type); }

std::string vector_type(DType type, std::int64_t lanes) {
  const std::string name = type == DType::boolean ? "Mask" : std::string(name_of(type)) + "x";
  return name + "<" + std::to_string(lanes) + ">";
}

std::string literal(double value, DType type) {
  if (is_float(type)) {
    const std::string name = std::isnan(value) ? "nan" : std::isinf(value) ? "infinity" : "";
    if (!name.empty()) return (value < 0 ? "-" : "") + name + "<" + value_type(type) + ">";
    std::string digits = print_literal(value, type);
    digits = digits.substr(0, digits.find('_'));
    return type == DType::f32 ? digits + "f" : digits;
  }
  if (type == DType::boolean) return (word_of(value, type).bits & 0xff) != 0 ? "true" : "false";
  const std::uint64_t bits = word_of(value, type).bits;
  if (type == DType::u32) return std::to_string(static_cast<std::uint32_t>(bits)) + "u";
  if (type == DType::u8) return "uint8_t(" + std::to_string(bits & 0xff) + ")";
  const auto number = static_cast<std::int32_t>(static_cast<std::uint32_t>(bits));
  if (number == std::numeric_limits<std::int32_t>::min()) return "(-2147483647 - 1)";
  return std::to_string(number);
}

std::string sum_of(const Affine& form, const std::function<std::string(AxisId)>& name) {
  std::string text;
  const auto add = [&](bool negative, const std::string& part) {
    text += text.empty() ? (negative ? "-" : "") : (negative ? " - " : " + ");
    text += part;
  };
  for (const Term& term : form.terms) {
    const std::uint64_t factor = term.coefficient < 0 ? -static_cast<std::uint64_t>(term.coefficient)
                                                      : static_cast<std::uint64_t>(term.coefficient);
    add(term.coefficient < 0, factor == 1 ? name(term.axis) : std::to_string(factor) + " * " + name(term.axis));
  }
  if (form.constant != 0 || text.empty()) {
    const std::string digits = std::to_string(form.constant);
    add(form.constant < 0, form.constant < 0 ? digits.substr(1) : digits);
  }
  return text;
}

void Lines::add(int depth, const std::string& line) {
  std::string indent(static_cast<std::size_t>(2 * depth), ' ');
  std::string rest = line;
  for (bool first = true;; first = false) {
    const std::size_t code = rest.find("  //");
    const std::size_t length = code == std::string::npos ? rest.size() : code;
    const std::vector<Break> breaks = breaks_of(rest);
    const Break* best = nullptr;
    for (const Break& one : breaks) {
      if (one.at + indent.size() > widest_line) break;
      if (best == nullptr || one.depth <= best->depth) best = &one;
    }
    if (indent.size() + length <= widest_line || best == nullptr || line.compare(0, 2, "//") == 0) break;
    const std::size_t end = rest.find_last_not_of(' ', best->at - 1);
    text_ += indent + rest.substr(0, end + 1) + "\n";
    rest = rest_of(rest, best->at);
    if (first) indent += "    ";
  }
  text_ += indent + rest + "\n";
}

Names::Names(const std::vector<std::string>& taken) : taken_(taken.begin(), taken.end()) {}

std::string Names::take(const std::string& wanted) {
  int& number = numbers_[wanted];
  Taken one{wanted, wanted, number};
  while (!is_free(one.name)) {
    number = std::max(number, 1) + 1;
    one.name = wanted + "_" + std::to_string(number);
  }
  taken_.insert(one.name);
  order_.push_back(one);
  return one.name;
}

void Names::release(std::size_t mark) {
  for (; order_.size() > mark; order_.pop_back()) {
    taken_.erase(order_.back().name);
    numbers_[order_.back().wanted] = order_.back().number_before;
  }
}

const std::vector<std::string>& reserved_words() {
  static const std::vector<std::string> words = {
      "alignas",
      "alignof",
      "and",
      "asm",
      "auto",
      "bitand",
      "bitor",
      "bool",
      "break",
      "case",
      "catch",
      "char",
      "class",
      "compl",
      "concept",
      "const",
      "consteval",
      "constexpr",
      "constinit",
      "continue",
      "decltype",
      "default",
      "delete",
      "do",
      "double",
      "else",
      "enum",
      "explicit",
      "export",
      "extern",
      "false",
      "float",
      "for",
      "friend",
      "goto",
      "if",
      "inline",
      "int",
      "long",
      "mutable",
      "namespace",
      "new",
      "noexcept",
      "not",
      "nullptr",
      "operator",
      "or",
      "private",
      "protected",
      "public",
      "register",
      "requires",
      "return",
      "short",
      "signed",
      "sizeof",
      "static",
      "struct",
      "switch",
      "template",
      "this",
      "throw",
      "true",
      "try",
      "typedef",
      "typeid",
      "typename",
      "union",
      "unsigned",
      "using",
      "virtual",
      "void",
      "volatile",
      "wchar_t",
      "while",
      "xor",
      "unix",
      "linux",
      // runtime/abi.h and descent_simd.h
      "int32_t",
      "int64_t",
      "uint8_t",
      "uint32_t",
      "f32x",
      "f64x",
      "i32x",
      "u32x",
      "u8x",
      "Mask",
      "Vector",
      "load",
      "load_every",
      "store",
      "gather",
      "indices",
      "slice",
      "any",
      "select",
      "fma",
      "min",
      "max",
      "abs",
      "sqrt",
      "floor",
      "round",
      "to",
      "add",
      "subtract",
      "multiply",
      "negate",
      "exponent",
      "mantissa",
      "arena_at",
      "input_at",
      "output_at",
      "parallel",
      "infinity",
      "nan",
      "power_of_two",
      "multiply_high",
      "require_exact_arithmetic",
      "kept",
      "first",
      "load_if",
      "copy_in",
      "copy_out",
      "turn",
      // what the generated functions call their own
      "batch",
      "threads",
      "begin",
      "end",
      "call",
      "arena",
  };
  return words;
}

}  // namespace descent::codegen::cpp
