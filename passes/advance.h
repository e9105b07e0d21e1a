// The entry `advance`: what `predict` computes, one place at a time, so that a text is continued at the cost of one
// place per character.
//
//   entry predict {
//     %x = input x : f32[batch, 64, 3]
//     %last, %all = scan [t < 64] {
//       carry %h = %zero : f32[batch, 3]   capture %x = %x
//       %n = sweep [b < batch, j < 3] { tanh(%x[b, t, j] + %h[b, j]) }
//       next %h = %n   yield %n
//     } : f32[batch, 3], f32[64, batch, 3]
//     %y = sweep [b < batch, t < 64, j < 3] { 2.0 * %all[t, b, j] }
//     output y = %y
//   }
// → beside it
//   entry advance {
//     %fresh = input fresh : bool[batch]                       a sequence begins in this row: as before the first turn
//     %x = input x : f32[batch, 1, 3]
//     %state = input last : f32[batch, 3]                      what the scan carried, as the entry gave it one place
//     ago %h = sweep [b < batch, j < 3] { select(%fresh[b], 0.0, %state[b, j]) } %n = sweep [b < batch, j < 3] {
//     tanh(%x[b, 0, j] + %h[b, j]) } %y = sweep [b < batch, t < 1, j < 3] { 2.0 * %n[b, j] } output y = %y output
//     next.last = %n
//   }
//
// Inputs: fresh, those of `predict`, what is carried. Outputs: those of `predict` that have a value for each place,
// then what is carried on, in the order of the inputs. There is such an entry where all that an output needs is
// computed place by place and comes from earlier places through scans alone; it then has the bits of `predict`, as
// every sum keeps its order. Which dimensions run along the places is told from how sweeps read and land: no name and
// no size counts.
#pragma once

#include <optional>
#include <string>

#include "ir/graph.h"

namespace descent {

// In front of the names of outputs that are carried on.
inline constexpr const char* advance_prefix = "next.";

struct Advance {
  std::optional<Graph> entry;
  std::string why_not;  // where there is none: "'score' has a value for each pair of places"
  Span at;              // and the model's text it is about, where it is known
};
// Of an entry after `order`.
Advance advance_of(const Graph& predict);

// The model with `advance` behind its other entries, where `predict` goes place by place.
Model advance(const Model& model);

}  // namespace descent
