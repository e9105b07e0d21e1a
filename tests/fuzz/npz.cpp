// A .npz file.
#include "runtime/data/npz.h"

#include "tests/fuzz/target.h"

namespace descent::fuzz {

void run(std::string_view input) {
  const auto tensors = data::parse_npz(data::bytes_of_text(input), "input");
  if (!tensors) return check_refusal(tensors.error());
  for (const auto& [name, array] : tensors->arrays) check_array(array);
  const auto bytes = data::format_npz(*tensors);
  DESCENT_CHECK(bytes.ok(), "what was read cannot be written");
  check_read_back(*tensors, data::parse_npz(*bytes, "again"));
}

}  // namespace descent::fuzz
