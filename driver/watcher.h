// Adds up what the steps of a watched program give, and finds the trouble in it.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "descent/array.h"
#include "descent/watch.h"
#include "passes/watch.h"

namespace descent {

class Watcher {
 public:
  // `watched` lives as long as this.
  explicit Watcher(const Watched& watched);

  // What a step gave, in the order of `watched`.
  void add(std::int64_t step, std::span<const data::Array> outputs);
  // What a batch before a step's last gave: of each activation which units live.
  void add_units(std::span<const data::Array> outputs);
  // Of the steps since the last report; nothing when there were none.
  std::optional<WatchReport> report();

 private:
  // Of each turn of a parameter.
  struct Sums {
    double gradient = 0, update = 0, weight = 0;  // of the squares, over the steps
    double largest = 0;                           // of one step's squares
    std::int64_t bad_step = 0;                    // the first whose gradient is not finite; 0: none
    double bad = 0;                               // its sum of squares; `largest` is of those before
  };
  void find_trouble(std::vector<ParameterWatch>& all) const;
  void warn(WatchReport& report);
  // `made`: parameters that one place of the model makes, of all turns.
  void warn(const Span& at, const std::vector<std::size_t>& made, Trouble trouble, WatchReport& report);
  void warn(const WatchedUnits& units, std::size_t first, WatchReport& report);
  // Whether somebody is to be told: not when all of them were in the last report.
  bool is_news(const std::string& key, std::set<std::string> now);

  const Watched* watched_;
  std::vector<Sums> sums_;                 // of all turns of all parameters
  std::vector<std::vector<float>> lives_;  // per activation
  std::int64_t first_step_ = 0, last_step_ = 0;
  std::map<std::string, std::set<std::string>> told_;
};

}  // namespace descent
