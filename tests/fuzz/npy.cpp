// A .npy file.
#include "runtime/data/npy.h"

#include "tests/fuzz/target.h"

namespace descent::fuzz {

void run(std::string_view input) {
  const auto array = data::parse_npy(data::bytes_of_text(input), "input");
  if (!array) return check_refusal(array.error());
  check_array(*array);
  check_whole(input, [](auto bytes) { return data::parse_npy(bytes, "part"); });
  check_read_back(*array, data::parse_npy(data::format_npy(*array), "again"));
}

}  // namespace descent::fuzz
