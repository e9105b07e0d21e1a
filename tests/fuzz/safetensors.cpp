// A .safetensors file.
#include "runtime/data/safetensors.h"

#include <cstring>

#include "tests/fuzz/target.h"

namespace descent::fuzz {
namespace {

std::size_t length_of(std::string_view input) {
  std::uint64_t length = 0;
  std::memcpy(&length, input.data(), sizeof length);
  return length;
}

// The tensors' bytes are those behind the header, each once. Half floats are widened, so a header without doubt only.
void check_sum(std::string_view input, const data::Tensors& tensors) {
  if (input.substr(8, length_of(input)).find("F16") != std::string_view::npos ||
      input.find('\\') != std::string_view::npos)
    return;
  std::size_t sum = 8 + length_of(input);
  for (const auto& [name, array] : tensors.arrays) sum += array.bytes.size();
  DESCENT_CHECK(sum == input.size(), "the tensors are not what lies behind the header");
}

// A text that looks like a key may stand elsewhere, so only a header without doubt is counted.
void check_names(std::string_view input, const data::Tensors& tensors) {
  constexpr std::string_view key = "\"data_offsets\"";
  if (input.find('\\') != std::string_view::npos || !tensors.metadata.empty()) return;
  const std::string_view header = input.substr(8, length_of(input));
  std::size_t found = 0;
  for (std::size_t at = header.find(key); at != std::string_view::npos; at = header.find(key, at + 1)) ++found;
  DESCENT_CHECK(found == tensors.arrays.size() || tensors.arrays.contains("data_offsets"),
                "a tensor of the header is missing");
}

}  // namespace

void run(std::string_view input) {
  const auto tensors = data::parse_safetensors(data::bytes_of_text(input), "input");
  if (!tensors) return check_refusal(tensors.error());
  for (const auto& [name, array] : tensors->arrays) check_array(array);
  check_sum(input, *tensors);
  check_names(input, *tensors);
  check_whole(input, [](auto bytes) { return data::parse_safetensors(bytes, "part"); });
  const auto bytes = data::format_safetensors(*tensors);
  if (!bytes) return check_refusal(bytes.error());
  check_read_back(*tensors, data::parse_safetensors(*bytes, "again"));
  DESCENT_CHECK(*data::format_safetensors(*data::parse_safetensors(*bytes, "again")) == *bytes,
                "equal tensors give different bytes");
}

}  // namespace descent::fuzz
