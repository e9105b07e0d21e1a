// What a weights file must hold to fit a model.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "descent/descent.h"
#include "ir/graph.h"
#include "runtime/data/safetensors.h"

namespace descent {

// As the model declares them; a Loop program's text does not know roles, its states count as parameters.
std::vector<StateDeclaration> states_of(const Program& program);

// safetensors or .npz, by what the file begins with.
Result<data::Tensors> read_weights(const std::string& path, const Span& at);

// Whether a weights file holds it: everything but what belongs to the optimizer.
inline bool is_saved(const StateDeclaration& state) { return state.role != StateDeclaration::Role::optimizer; }

// A tensor that a file must hold.
struct WantedTensor {
  std::string name;
  std::string type;  // "f32[2, 3]"
  data::Shape shape;
  std::optional<data::DType> dtype = {};  // nothing: any whose values convert
};
WantedTensor wanted(const Program& program, const StateDeclaration& state);

// One diagnostic per tensor that is missing, has another shape or type, or is not wanted.
Diagnostics check_tensors(const std::vector<WantedTensor>& wanted, const Program& program, const std::string& path,
                          const data::Tensors& tensors, const Span& at);

// What a weights file holds one by one: a state, or the part of a stacked one that belongs to a turn (ir/stack.h).
struct SavedTensor {
  std::string name;
  std::string state;
  TensorType type;
  std::int64_t first = 0;  // element of the state
};
std::vector<SavedTensor> saved_tensors(const Program& program);

// The same of a weights file.
Diagnostics check_weights(const Program& program, const std::string& path, const data::Tensors& tensors,
                          const Span& at);

}  // namespace descent
