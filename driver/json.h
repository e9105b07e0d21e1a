// The little JSON that the driver writes: log.jsonl, comparison.jsonl.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace descent::json {

std::string number(double value);  // JSON has no infinities: null
std::string text(std::string_view value);
std::string object(const std::vector<std::pair<std::string, double>>& values);

}  // namespace descent::json
