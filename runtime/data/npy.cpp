// .npy: magic, version, length of a Python dict literal, the dict, elements.
#include "runtime/data/npy.h"

#include <array>
#include <charconv>
#include <cstring>

#include "runtime/data/file.h"
#include "runtime/data/half.h"

namespace descent::data {

namespace {

constexpr std::string_view magic{"\x93NUMPY", 6};

template <class Stored, class Wide>
void widen(const std::byte* source, std::int64_t count, std::byte* target) {
  for (std::int64_t i = 0; i < count; ++i) {
    Stored stored;
    std::memcpy(&stored, source + static_cast<std::size_t>(i) * sizeof(Stored), sizeof(Stored));
    const Wide wide = stored;
    std::memcpy(target + static_cast<std::size_t>(i) * sizeof(Wide), &wide, sizeof(Wide));
  }
}

// A row of the type table: NumPy's name without the byte order, bytes per element, what it becomes.
struct Element {
  std::string_view code;
  std::int64_t size;
  DType dtype;
  void (*decode)(const std::byte* source, std::int64_t count, std::byte* target);
};

constexpr std::array<Element, 11> elements{{
    {"f4", 4, DType::f32, widen<float, float>},
    {"f8", 8, DType::f64, widen<double, double>},
    {"i4", 4, DType::i32, widen<std::int32_t, std::int32_t>},
    {"i8", 8, DType::i64, widen<std::int64_t, std::int64_t>},
    {"u1", 1, DType::u8, widen<std::uint8_t, std::uint8_t>},
    {"b1", 1, DType::boolean, widen<std::uint8_t, std::uint8_t>},
    {"i1", 1, DType::i32, widen<std::int8_t, std::int32_t>},
    {"i2", 2, DType::i32, widen<std::int16_t, std::int32_t>},
    {"u2", 2, DType::i32, widen<std::uint16_t, std::int32_t>},
    {"u4", 4, DType::i64, widen<std::uint32_t, std::int64_t>},
    {"f2", 2, DType::f32, widen_half<half_to_float>},
}};

// What the dict says.
struct Header {
  std::string descr;
  bool fortran_order = false;
  Shape shape;
};

// dict  = "{" (entry ("," entry)* ","?)? "}"
// entry = string ":" (string | "True" | "False" | tuple)
// Reads exactly what NumPy writes, in any order and spacing; anything else is not a header.
class HeaderParser {
 public:
  explicit HeaderParser(std::string_view text) : rest_(text) {}

  std::optional<Header> parse() {
    Header header;
    if (!take('{')) return std::nullopt;
    while (!take('}')) {
      const auto key = string();
      if (!key || !take(':') || !entry(*key, header)) return std::nullopt;
      if (!take(',') && peek() != '}') return std::nullopt;
    }
    skip_blanks();
    return rest_.empty() && seen_ == 7 ? std::optional(header) : std::nullopt;
  }

 private:
  bool entry(std::string_view key, Header& header) {
    if (key == "descr" && once(1)) {
      const auto text = string();
      // A list stands for a structured type: named here so that the message can say so.
      header.descr = text ? *text : "a structured type";
      if (!text) skip_list();
      return true;
    }
    if (key == "fortran_order" && once(2)) {
      header.fortran_order = word("True");
      return header.fortran_order || word("False");
    }
    return key == "shape" && once(4) && tuple(header.shape);
  }

  bool once(int bit) {
    const bool fresh = !(seen_ & bit);
    seen_ |= bit;
    return fresh;
  }

  void skip_blanks() {
    while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\n')) rest_.remove_prefix(1);
  }
  char peek() {
    skip_blanks();
    return rest_.empty() ? '\0' : rest_[0];
  }
  bool take(char sign) {
    if (rest_.empty() || peek() != sign) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool word(std::string_view expected) {
    skip_blanks();
    if (!rest_.starts_with(expected)) return false;
    rest_.remove_prefix(expected.size());
    return true;
  }
  std::optional<std::string> string() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') return std::nullopt;
    const std::size_t end = rest_.find(quote, 1);
    if (end == std::string_view::npos) return std::nullopt;
    std::string text(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    return text;
  }
  void skip_list() {
    const std::size_t end = rest_.find(']');
    if (peek() == '[' && end != std::string_view::npos) rest_.remove_prefix(end + 1);
  }
  bool tuple(Shape& shape) {
    if (!take('(')) return false;
    while (!take(')')) {
      skip_blanks();
      std::int64_t extent = 0;
      const auto [end, failed] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), extent);
      if (failed != std::errc{} || extent < 0 || shape.size() == 64) return false;
      rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
      shape.push_back(extent);
      if (!take(',') && peek() != ')') return false;
    }
    return true;
  }

  std::string_view rest_;
  int seen_ = 0;  // bits: descr, fortran_order, shape
};

struct Type {
  const Element* element = nullptr;
  std::string problem;
};

Type type_of(const std::string& descr) {
  const std::string supported = "expected f4, f8, i1, i2, i4, i8, u1, u2, u4, f2 or b1";
  if (descr.starts_with('>'))
    return {nullptr, "element type '" + descr + "' is big endian: expected little endian (save x.astype('<" +
                         descr.substr(1) + "'))"};
  if (descr.starts_with('<') || descr.starts_with('|') || descr.starts_with('=')) {
    for (const Element& element : elements) {
      if (descr.substr(1) == element.code) return {&element, {}};
    }
  }
  return {nullptr, "element type '" + descr + "' is not supported: " + supported};
}

// Where the dict lies in the file.
struct Extent {
  std::size_t begin = 0;
  std::size_t size = 0;
};

Expected<Extent> locate_header(std::span<const std::byte> bytes, const std::string& name) {
  const auto error = [&](const std::string& message) { return Error{name, {}, message}; };
  if (!text_of(bytes).starts_with(magic)) return error("not a .npy file: expected to begin with \\x93NUMPY");
  const std::size_t least = 10;
  if (bytes.size() < least) return error("truncated: the header is not complete");
  const int version = std::to_integer<int>(bytes[6]);
  if (version < 1 || version > 3) {
    return error("unknown .npy version " + std::to_string(version) + ": expected 1, 2 or 3");
  }
  const std::size_t width = version == 1 ? 2 : 4;
  if (bytes.size() < 8 + width) return error("truncated: the header is not complete");
  std::size_t size = 0;
  for (std::size_t i = 0; i < width; ++i) size |= std::to_integer<std::size_t>(bytes[8 + i]) << 8 * i;
  if (size > bytes.size() - 8 - width) {
    return error("truncated: expected a header of " + std::to_string(size) + " bytes, found " +
                 std::to_string(bytes.size() - 8 - width));
  }
  return Extent{8 + width, size};
}

// Of an array whose first index runs fastest, the one whose last does.
Array row_major(const Array& columns) {
  Array rows = zeros(columns.dtype, columns.shape);
  const auto size = static_cast<std::size_t>(size_of(columns.dtype));
  std::vector<std::int64_t> index(columns.shape.size(), 0);
  for (std::size_t to = 0; to < rows.bytes.size(); to += size) {
    std::int64_t from = 0;
    for (std::size_t axis = index.size(); axis-- > 0;) from = from * columns.shape[axis] + index[axis];
    std::memcpy(rows.bytes.data() + to, columns.bytes.data() + static_cast<std::size_t>(from) * size, size);
    for (std::size_t axis = index.size(); axis-- > 0 && ++index[axis] == columns.shape[axis];) index[axis] = 0;
  }
  return rows;
}

std::optional<std::string> check_booleans(const Array& array) {
  if (array.dtype != DType::boolean) return std::nullopt;
  for (const std::byte byte : array.bytes) {
    if (std::to_integer<int>(byte) > 1) {
      return "a bool is " + std::to_string(std::to_integer<int>(byte)) + ": expected 0 or 1";
    }
  }
  return std::nullopt;
}

}  // namespace

Expected<Array> parse_npy(std::span<const std::byte> bytes, const std::string& name) {
  const auto error = [&](const std::string& message) { return Error{name, {}, message}; };
  const auto place = locate_header(bytes, name);
  if (!place) return place.error();
  const auto header = HeaderParser(text_of(bytes).substr(place->begin, place->size)).parse();
  if (!header) return error("malformed header: expected a dict with descr, fortran_order and shape");
  const Type type = type_of(header->descr);
  if (!type.element) return error(type.problem);
  const auto size = bytes_of(type.element->dtype, header->shape, largest_file);
  if (!size) {
    return error("shape " + to_string(header->shape) + " is more than the limit of " + std::to_string(largest_file) +
                 " bytes");
  }
  const std::int64_t count = *size / size_of(type.element->dtype);
  const std::int64_t expected = count * type.element->size;
  const auto found = static_cast<std::int64_t>(bytes.size() - place->begin - place->size);
  if (found != expected) {
    return error((found < expected ? "truncated: expected " : "expected ") + std::to_string(expected) +
                 " bytes of elements for " + to_string(header->shape) + ", found " + std::to_string(found));
  }
  Array array = zeros(type.element->dtype, header->shape);
  type.element->decode(bytes.data() + place->begin + place->size, count, array.bytes.data());
  if (const auto problem = check_booleans(array)) return error(*problem);
  return header->fortran_order ? row_major(array) : array;
}

Expected<Array> read_npy(const std::string& path) {
  const auto bytes = read_file(path);
  if (!bytes) return bytes.error();
  return parse_npy(*bytes, path);
}

std::vector<std::byte> format_npy(const Array& array) {
  // The first six rows of the table are the types of Array itself.
  std::string_view code;
  for (std::size_t i = elements.size(); i-- > 0;) {
    if (elements[i].dtype == array.dtype) code = elements[i].code;
  }
  std::string shape = to_string(array.shape);
  shape = "(" + shape.substr(1, shape.size() - 2) + (array.shape.size() == 1 ? ",)" : ")");
  std::string dict = std::string("{'descr': '") + (size_of(array.dtype) == 1 ? "|" : "<") + std::string(code) +
                     "', 'fortran_order': False, 'shape': " + shape + ", }";
  while ((magic.size() + 4 + dict.size() + 1) % 64 != 0) dict += ' ';
  dict += '\n';
  std::string text(magic);
  text += {'\1', '\0', static_cast<char>(dict.size() & 255), static_cast<char>(dict.size() >> 8)};
  text += dict;
  const auto head = bytes_of_text(text);
  Bytes bytes(head.begin(), head.end());
  bytes.insert(bytes.end(), array.bytes.begin(), array.bytes.end());
  return bytes;
}

Expected<std::int64_t> write_npy(const std::string& path, const Array& array) {
  return write_file(path, format_npy(array));
}

}  // namespace descent::data
