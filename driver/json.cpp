// Quotes texts and spells numbers so that every JSON reader takes them.
#include "driver/json.h"

#include <cmath>

#include "fmt/format.h"

namespace descent::json {

std::string number(double value) { return std::isfinite(value) ? fmt::format("{}", value) : "null"; }

std::string text(std::string_view value) {
  std::string quoted = "\"";
  for (const char sign : value) {
    if (sign == '"' || sign == '\\') quoted += '\\';
    if (static_cast<unsigned char>(sign) < 0x20) {
      quoted += fmt::format("\\u{:04x}", static_cast<int>(sign));
    } else {
      quoted += sign;
    }
  }
  return quoted + "\"";
}

std::string object(const std::vector<std::pair<std::string, double>>& values) {
  std::string members;
  for (const auto& [name, value] : values) {
    members += fmt::format("{}{}: {}", members.empty() ? "" : ", ", text(name), number(value));
  }
  return "{" + members + "}";
}

}  // namespace descent::json
