// A .safetensors file.
#include "runtime/data/safetensors.h"

#include "tests/fuzz/target.h"

namespace descent::fuzz {

void run(std::string_view input) {
  const auto tensors = data::parse_safetensors(data::bytes_of_text(input), "input");
  if (!tensors) return check_refusal(tensors.error());
  for (const auto& [name, array] : tensors->arrays) check_array(array);
  const auto bytes = data::format_safetensors(*tensors);
  if (!bytes) return check_refusal(bytes.error());
  check_read_back(*tensors, data::parse_safetensors(*bytes, "again"));
  DESCENT_CHECK(*data::format_safetensors(*data::parse_safetensors(*bytes, "again")) == *bytes,
                "equal tensors give different bytes");
}

}  // namespace descent::fuzz
