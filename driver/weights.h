// What a weights file must hold to fit a model.
#pragma once

#include <string>
#include <vector>

#include "descent/descent.h"
#include "ir/graph.h"
#include "runtime/data/safetensors.h"

namespace descent {

// As the model declares them; a Loop program's text does not know roles, its states count as parameters.
std::vector<StateDeclaration> states_of(const Program& program);

// Whether a weights file holds it: everything but what belongs to the optimizer.
inline bool is_saved(const StateDeclaration& state) { return state.role != StateDeclaration::Role::optimizer; }

// One diagnostic per tensor that is missing, has another shape or belongs to another model.
Diagnostics check_weights(const Program& program, const std::string& path, const data::Tensors& tensors,
                          const Span& at);

}  // namespace descent
