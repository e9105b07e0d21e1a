// One backward walk over a Graph under construction: the adjoint of every value between the seeds and the sources.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "ir/graph.h"
#include "passes/sweep_tools.h"

namespace descent {

class Reverse {
 public:
  // Walks over the nodes that `builder` holds now and appends the adjoints' nodes to it. Only what depends on a source
  // is walked. `tape`: scans that the walk itself makes keep their carried values, for a further differentiation.
  // `stand_ins`: values known from elsewhere, each with the earlier one that it equals; what reaches it reaches that.
  Reverse(GraphBuilder& builder, std::vector<ValueId> sources, bool tape, std::map<ValueId, ValueId> stand_ins = {});

  // Contributions to these values are not made into nodes but kept (a scan's captured values: they leave the loop).
  void hold_back(const std::vector<ValueId>& values);
  struct Held {
    ValueId target = -1;
    Sweep sweep;  // over the values of `builder`; its result has the target's shape
  };
  const std::vector<Held>& held() const { return held_; }

  void seed(ValueId value, ValueId adjoint);
  void run();
  // The sum of what reached the value; nothing when nothing did.
  std::optional<ValueId> adjoint(ValueId value);
  ValueId adjoint_or_zero(ValueId value);

 private:
  bool active(ValueId value) const;
  ValueId computed(ValueId value) const;
  // The value that was made of it; nothing when it is held back.
  std::optional<ValueId> contribute(ValueId target, Sweep sweep);
  const TensorType& type_of(ValueId value) const { return builder_.type(value); }
  void walk(const Node& node);
  void walk_sweep(const Sweep& sweep, ValueId result);
  void walk_override(const Override& override, const std::vector<ValueId>& results);
  void walk_scan(const Scan& scan, const std::vector<ValueId>& results);
  ValueId winners(const Sweep& sweep, ValueId result);
  ValueId exclusive_product(const Sweep& sweep, bool before);

  GraphBuilder& builder_;
  std::size_t end_;  // nodes before this one are walked
  bool tape_;
  std::map<ValueId, ValueId> stand_ins_;
  std::vector<bool> active_;  // by value: float and depends on a source
  std::map<ValueId, std::vector<ValueId>> contributions_;
  std::map<ValueId, bool> held_back_;
  std::vector<Held> held_;
};

// What a scan keeps of every turn beside its carried values, for its reverse: all that adds up many terms. The rest
// costs less to compute again than to fetch.
std::vector<ValueId> kept_values(const Graph& body);

// The type of a yield stacked along a scan's axis.
TensorType stacked(TensorType type, Extent extent);

}  // namespace descent
