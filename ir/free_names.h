// Names that are still free: NAME, and when it is taken NAME2, NAME3, … Each costs the same, however many there are.
#pragma once

#include <fmt/format.h>

#include <map>
#include <set>
#include <string>
#include <string_view>

namespace descent {

class FreeNames {
 public:
  // `joint` stands between a name and its number.
  explicit FreeNames(std::string_view joint) : joint_(joint) {}

  // Whether it was free; now it is taken.
  bool take(const std::string& name) { return taken_.insert(name).second; }

  std::string take_like(const std::string& base) {
    std::string name = base;
    // What was taken stays taken, so no number below the last one is free.
    for (int& number = last_.try_emplace(base, 1).first->second; !take(name);) {
      name = fmt::format("{}{}{}", base, joint_, ++number);
    }
    return name;
  }

 private:
  std::string_view joint_;
  std::set<std::string> taken_;
  std::map<std::string, int> last_;  // the number given last, by base
};

}  // namespace descent
