// safetensors: every offset is checked against the elements it must hold before a byte is copied.
#include "runtime/data/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "runtime/data/file.h"
#include "runtime/data/half.h"

namespace descent::data {

namespace {

using Json = nlohmann::json;

// The format's own bound; a longer header is an attack or an accident.
constexpr std::uint64_t longest_header = 100'000'000;

// A row of the type table: the format's name, what it becomes, and how where elements are stored in another form; the
// rows without are those that are written.
struct TypeName {
  std::string_view name;
  DType dtype;
  void (*decode)(const std::byte* source, std::int64_t count, std::byte* target) = nullptr;  // of two bytes each
};
constexpr std::array<TypeName, 8> type_names{{
    {"F32", DType::f32},
    {"F64", DType::f64},
    {"I32", DType::i32},
    {"I64", DType::i64},
    {"U8", DType::u8},
    {"BOOL", DType::boolean},
    {"F16", DType::f32, widen_half<half_to_float>},
    {"BF16", DType::f32, widen_half<bfloat_to_float>},
}};

// The JSON reader's time grows with the square of the keys of one object.
constexpr std::ptrdiff_t most_tensors = 10'000;

// The JSON header, with what nlohmann forgives refused: a key that stands twice, and depth no header has.
struct ParsedHeader {
  Json json;
  std::string problem;
};

ParsedHeader parse_header(std::string_view text) {
  if (std::count(text.begin(), text.end(), '{') > most_tensors) {
    return {{}, "the header names more than " + std::to_string(most_tensors) + " tensors"};
  }
  std::string problem;
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > 3) {  // header, tensor, shape, extent
      problem = "the header is nested too deeply";
      return false;
    }
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!keys.back().insert(key).second && problem.empty()) problem = "'" + key + "' stands twice in the header";
    }
    return true;
  };
  Json json = Json::parse(text.begin(), text.end(), watch, false);
  if (problem.empty() && (json.is_discarded() || !json.is_object())) problem = "the header is not a JSON object";
  return {std::move(json), std::move(problem)};
}

// One tensor of the header, checked by itself.
struct Entry {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  const TypeName* type = nullptr;
};

// A list of integers ≥ 0, or nothing.
std::optional<std::vector<std::uint64_t>> naturals(const Json& json) {
  if (!json.is_array()) return std::nullopt;
  std::vector<std::uint64_t> values;
  for (const Json& item : json) {
    if (!item.is_number_unsigned()) return std::nullopt;
    values.push_back(item.get<std::uint64_t>());
  }
  return values;
}

Expected<Entry> entry_of(const std::string& name, const Json& json, std::uint64_t available) {
  const auto error = [&](const std::string& message) { return Error{{}, {}, "tensor '" + name + "': " + message}; };
  if (!json.is_object() || !json.contains("dtype") || !json.contains("shape") || !json.contains("data_offsets") ||
      json.size() != 3) {
    return error("expected dtype, shape and data_offsets");
  }
  if (!json["dtype"].is_string()) return error("dtype is not a text");
  const auto& type = json["dtype"].get_ref<const std::string&>();
  const auto row = std::find_if(type_names.begin(), type_names.end(), [&](const auto& r) { return r.name == type; });
  if (row == type_names.end()) {
    return error("dtype '" + type + "' is not supported: expected F32, F64, F16, BF16, I32, I64, U8 or BOOL");
  }
  const auto extents = naturals(json["shape"]);
  if (!extents || extents->size() > 64) return error("shape is not a list of natural numbers");
  Entry entry{name, row->dtype, {}, 0, 0, &*row};
  for (const std::uint64_t extent : *extents) {
    entry.shape.push_back(static_cast<std::int64_t>(std::min(extent, std::uint64_t{1} << 62)));
  }
  const auto offsets = naturals(json["data_offsets"]);
  if (!offsets || offsets->size() != 2) return error("data_offsets are not two natural numbers");
  entry.begin = (*offsets)[0];
  entry.end = (*offsets)[1];
  if (entry.begin > entry.end || entry.end > available) {
    return error("data_offsets [" + std::to_string(entry.begin) + ", " + std::to_string(entry.end) +
                 "] leave the file, which holds " + std::to_string(available) + " bytes of elements");
  }
  auto size = bytes_of(entry.dtype, entry.shape, largest_tensors);
  if (size && row->decode) *size = *size / size_of(entry.dtype) * 2;
  if (!size || static_cast<std::uint64_t>(*size) != entry.end - entry.begin) {
    return error("data_offsets span " + std::to_string(entry.end - entry.begin) + " bytes, but " + type + " " +
                 to_string(entry.shape) + " takes " + (size ? std::to_string(*size) : "more than the limit"));
  }
  return entry;
}

// The tensors must fill the file without overlap or gap.
std::optional<std::string> check_layout(std::vector<Entry> entries, std::uint64_t available) {
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
  std::uint64_t end = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != end) {
      return "tensor '" + entry.name + "' begins at " + std::to_string(entry.begin) +
             (entry.begin < end ? ", inside another one that ends at " : ", but the one before it ends at ") +
             std::to_string(end);
    }
    end = entry.end;
  }
  if (end == available) return std::nullopt;
  return "the tensors end at " + std::to_string(end) + ", but the file holds " + std::to_string(available) +
         " bytes of elements";
}

Expected<std::map<std::string, std::string>> metadata_of(const Json& json) {
  std::map<std::string, std::string> metadata;
  if (!json.is_object()) return Error{{}, {}, "__metadata__ is not an object"};
  for (const auto& [key, value] : json.items()) {
    if (!value.is_string()) return Error{{}, {}, "__metadata__ '" + key + "' is not a text"};
    metadata[key] = value.get<std::string>();
  }
  return metadata;
}

std::optional<std::string> check_booleans(const Entry& entry, std::span<const std::byte> bytes) {
  if (entry.dtype != DType::boolean) return std::nullopt;
  const auto wrong = std::find_if(bytes.begin(), bytes.end(), [](std::byte b) { return b > std::byte{1}; });
  if (wrong == bytes.end()) return std::nullopt;
  return "tensor '" + entry.name + "': a bool is " + std::to_string(std::to_integer<int>(*wrong)) + ": expected 0 or 1";
}

Array array_of(const Entry& entry, std::span<const std::byte> held) {
  if (!entry.type->decode) return {entry.dtype, entry.shape, Bytes(held.begin(), held.end())};
  Array array = zeros(entry.dtype, entry.shape);
  entry.type->decode(held.data(), array.count(), array.bytes.data());
  return array;
}

// The text between the length and the elements.
Expected<std::string_view> header_text(std::span<const std::byte> bytes) {
  const auto error = [](const std::string& message) { return Error{{}, {}, message}; };
  if (bytes.size() < 8) {
    return error("not a safetensors file: expected at least 8 bytes, found " + std::to_string(bytes.size()));
  }
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  if (length > longest_header || length > bytes.size() - 8) {
    return error("not a safetensors file, or a truncated one: expected a header of " + std::to_string(length) +
                 " bytes, found " + std::to_string(bytes.size() - 8));
  }
  return text_of(bytes).substr(8, length);
}

Expected<Tensors> parse_unnamed(std::span<const std::byte> bytes) {
  const auto text = header_text(bytes);
  if (!text) return text.error();
  const ParsedHeader header = parse_header(*text);
  if (!header.problem.empty()) return Error{{}, {}, header.problem};
  const auto elements = bytes.subspan(8 + text->size());
  Tensors tensors;
  std::vector<Entry> entries;
  for (const auto& [name, json] : header.json.items()) {
    if (name == "__metadata__") {
      auto metadata = metadata_of(json);
      if (!metadata) return metadata.error();
      tensors.metadata = *std::move(metadata);
      continue;
    }
    auto entry = entry_of(name, json, elements.size());
    if (!entry) return entry.error();
    entries.push_back(*std::move(entry));
  }
  if (auto problem = check_layout(entries, elements.size())) return Error{{}, {}, *problem};
  for (const Entry& entry : entries) {
    const auto held = elements.subspan(entry.begin, entry.end - entry.begin);
    if (auto problem = check_booleans(entry, held)) return Error{{}, {}, *problem};
    tensors.arrays[entry.name] = array_of(entry, held);
  }
  return tensors;
}

std::string_view type_name(DType dtype) {
  return std::find_if(type_names.begin(), type_names.end(), [&](const auto& r) { return r.dtype == dtype; })->name;
}

}  // namespace

Expected<Tensors> parse_safetensors(std::span<const std::byte> bytes, const std::string& name) {
  auto tensors = parse_unnamed(bytes);
  if (tensors) return tensors;
  Error error = tensors.error();
  error.file = name;
  return error;
}

Expected<Tensors> read_safetensors(const std::string& path) {
  const auto bytes = read_file(path, largest_tensors);
  if (!bytes) return bytes.error();
  return parse_safetensors(*bytes, path);
}

Expected<std::vector<std::byte>> format_safetensors(const Tensors& tensors) {
  std::vector<const std::pair<const std::string, Array>*> order;
  for (const auto& tensor : tensors.arrays) order.push_back(&tensor);
  std::stable_sort(order.begin(), order.end(),
                   [](const auto* a, const auto* b) { return size_of(a->second.dtype) > size_of(b->second.dtype); });
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!tensors.metadata.empty()) header["__metadata__"] = tensors.metadata;
  std::size_t end = 0;
  for (const auto* tensor : order) {
    const auto& [name, array] = *tensor;
    if (name == "__metadata__") return Error{{}, {}, "a tensor cannot be named '__metadata__'"};
    const std::size_t begin = end;
    end += array.bytes.size();
    header[name] = {{"dtype", type_name(array.dtype)}, {"shape", array.shape}, {"data_offsets", {begin, end}}};
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const nlohmann::json::exception&) {
    return Error{{}, {}, "a tensor's name or metadata is not UTF-8"};
  }
  while (text.size() % 8 != 0) text += ' ';
  const std::uint64_t length = text.size();
  Bytes bytes(8 + text.size());
  std::memcpy(bytes.data(), &length, 8);
  std::memcpy(bytes.data() + 8, text.data(), text.size());
  bytes.reserve(bytes.size() + end);
  for (const auto* tensor : order) {
    bytes.insert(bytes.end(), tensor->second.bytes.begin(), tensor->second.bytes.end());
  }
  return bytes;
}

Expected<std::int64_t> write_safetensors(const std::string& path, const Tensors& tensors) {
  const auto bytes = format_safetensors(tensors);
  if (!bytes) return Error{path, {}, bytes.error().message};
  return write_file(path, *bytes);
}

}  // namespace descent::data
