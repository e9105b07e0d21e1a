// Which temps a printer of Loop programs writes in place and which it names.
#pragma once

#include <functional>
#include <set>
#include <vector>

#include "ir/loop.h"

namespace descent::loop {

// In place: literals; what statements of its own block use once, with no store in between that could change what it
// loads; and, as often as such statements use it, what `repeats` says costs nothing to write again.
class Placement {
 public:
  explicit Placement(const Kernel& kernel, const std::function<bool(const Let&)>& repeats = {});

  bool in_place(TempId temp) const { return known(temp) && temps_[index(temp)].in_place; }
  const Let* let(TempId temp) const { return temps_[index(temp)].let; }

 private:
  struct Temp {
    int uses = 0;
    int uses_in_reach = 0;
    bool in_place = false;
    const Let* let = nullptr;
    int depth = 0;             // of the expression with what is printed in place
    std::set<ArrayId> loaded;  // by it
  };

  static std::size_t index(TempId temp) { return static_cast<std::size_t>(temp); }
  bool known(TempId temp) const { return temp >= 0 && index(temp) < temps_.size(); }
  void place(const Block& block);
  void define(const Let& let, std::set<TempId>& waiting);
  void forget(std::set<TempId>& waiting, ArrayId stored);

  std::function<bool(const Let&)> repeats_;
  std::vector<Temp> temps_;
};

}  // namespace descent::loop
