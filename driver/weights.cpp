// Compares a weights file with the states a model declares.
#include "driver/weights.h"

#include <algorithm>

#include "driver/batch_layout.h"
#include "driver/program.h"
#include "fmt/format.h"

namespace descent {

namespace {

// A file of another model has everything wrong; what helps are the first few.
constexpr std::size_t most_diagnostics = 20;

}  // namespace

std::vector<StateDeclaration> states_of(const Program& program) {
  if (program.graph()) return program.graph()->states;
  std::vector<StateDeclaration> states;
  for (const loop::Buffer& buffer : program.loop().buffers) {
    if (buffer.storage != loop::Buffer::Storage::state) continue;
    states.push_back({StateDeclaration::Role::parameter, buffer.name, buffer.type, false});
  }
  return states;
}

Diagnostics check_weights(const Program& program, const std::string& path, const data::Tensors& tensors,
                          const Span& at) {
  const std::vector<StateDeclaration> states = states_of(program);
  const auto saved_state = [&](const std::string& name) {
    return std::find_if(states.begin(), states.end(),
                        [&](const StateDeclaration& state) { return is_saved(state) && state.name == name; });
  };
  std::vector<std::string> missing;
  std::vector<std::string> unknown;
  Diagnostics wrong;
  for (const StateDeclaration& state : states) {
    if (!is_saved(state)) continue;
    const auto found = tensors.arrays.find(state.name);
    if (found == tensors.arrays.end()) {
      missing.push_back(state.name);
    } else if (found->second.shape != actual_shape(state.type.shape, program.largest_batch())) {
      wrong.push_back(diagnostic("shape-mismatch", at,
                                 fmt::format("'{}' is {} in model '{}' but {} in '{}'", state.name,
                                             to_string(state.type), program.name(), describe(found->second), path)));
    }
  }
  for (const auto& [name, array] : tensors.arrays) {
    if (saved_state(name) == states.end()) unknown.push_back(name);
  }
  for (const std::string& name : missing) {
    if (wrong.size() >= most_diagnostics) break;
    wrong.push_back(
        diagnostic("missing-tensor", at, fmt::format("'{}' holds no '{}'", path, name), did_you_mean(name, unknown)));
  }
  for (const std::string& name : unknown) {
    if (wrong.size() >= most_diagnostics) break;
    wrong.push_back(
        diagnostic("unknown-tensor", at,
                   fmt::format("'{}' holds '{}', which model '{}' does not have", path, name, program.name()),
                   did_you_mean(name, missing)));
  }
  return wrong;
}

}  // namespace descent
