// Which nodes share a kernel, and why neighbours do not: the Graph as `inspect --stage fused` shows it.
//
//   # kernel hidden
//   %hidden.linear.sum = sweep [k < batch, j < 3, i < 2] sum chain fused at [k, j] { … } : f32[batch, 3]
//   %hidden.linear = sweep [i < batch, j < 3] { %hidden.linear.bias[j] + %hidden.linear.sum[i, j] } : f32[batch, 3]
//   %hidden = sweep [i < batch, j < 3] { sigmoid(%hidden.linear[i, j]) } : f32[batch, 3]
//
//   # kernel prediction
//   #   apart from hidden: it has no loop 'parallel b in 0 ..< batch step 8'
//   …
#pragma once

#include <string>
#include <vector>

#include "ir/graph.h"

namespace descent {

struct Apart {
  std::string kernel;  // an earlier one
  std::string why;
};

// A call of a kernel.
struct FusedCall {
  std::string kernel;
  std::vector<const Node*> nodes;   // that it computes
  std::vector<const Node*> copied;  // whose value it copies
  std::vector<Apart> apart;         // from which it might have joined
};

// All entries of the model, or one. The text is a Graph with its nodes in the order of the calls, and comments; it
// means what the model means.
std::string print_fused(const Model& model, const std::vector<FusedCall>& calls, const std::string& entry = {});

}  // namespace descent
