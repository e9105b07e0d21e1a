// `--sweep NAME=V,V,V`: lists of values, and the runs that they ask for together.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ir/diagnostics.h"

namespace descent::command {

struct Sweep {
  std::string name;
  std::vector<std::string> values;
};
// One value of every sweep: NAME, VALUE.
using Assignment = std::vector<std::pair<std::string, std::string>>;

// At most this many runs in one command.
inline constexpr std::size_t most_runs = 1000;

// Commas inside brackets and quotes belong to a value: rate=cosine(0.1, warmup = 9),0.01 has two. `fixed`: names that
// other options set already.
Result<std::vector<Sweep>> parse_sweeps(const std::vector<std::string>& texts, const std::vector<std::string>& fixed);
// The product, the last list running fastest; one empty assignment without sweeps.
std::vector<Assignment> combinations(const std::vector<Sweep>& sweeps);

std::string assignment_text(const Assignment& values);  // "rate=0.1 units=32"
// Likewise as the name of a folder: "rate=0.1,units=32", what a file system may not like replaced.
std::string folder_name(const Assignment& values);

}  // namespace descent::command
