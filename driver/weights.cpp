// Compares a weights file with the states a model declares.
#include "driver/weights.h"

#include <set>

#include "driver/batch_layout.h"
#include "driver/program.h"
#include "fmt/format.h"
#include "ir/stack.h"
#include "runtime/data/npz.h"
#include "runtime/data/zip.h"

namespace descent {

namespace {

// A file of another model has everything wrong; what helps are the first few.
constexpr std::size_t most_diagnostics = 20;

// What helps where a file keeps matrices the other way around, as PyTorch does.
std::vector<Note> transposing(const WantedTensor& tensor, const data::Array& found) {
  const bool turned = tensor.shape.size() == 2 && found.shape.size() == 2 && tensor.shape[0] == found.shape[1] &&
                      tensor.shape[1] == found.shape[0];
  if (!turned || tensor.dtype) return {};
  return {{{}, fmt::format("transposed it fits: --map '{}={}^T'", tensor.name, tensor.name)}};
}

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

std::vector<SavedTensor> saved_tensors(const Program& program) {
  std::vector<SavedTensor> tensors;
  for (const StateDeclaration& state : states_of(program)) {
    if (!is_saved(state)) continue;
    const TensorType type = part_type(state.name, state.type);
    std::int64_t first = 0;
    for (std::string& name : part_names(state.name, state.type.shape)) {
      tensors.push_back({std::move(name), state.name, type, first});
      first += count(type.shape, program.largest_batch());
    }
  }
  return tensors;
}

Result<data::Tensors> read_weights(const std::string& path, const Span& at) {
  const data::Expected<data::Bytes> bytes = data::read_file(path, data::largest_tensors);
  if (!bytes) return diagnostic("bad-weights", at, data::to_string(bytes.error()));
  data::Expected<data::Tensors> tensors =
      data::is_zip(*bytes) ? data::parse_npz(*bytes, path) : data::parse_safetensors(*bytes, path);
  if (!tensors) return diagnostic("bad-weights", at, data::to_string(tensors.error()));
  return std::move(*tensors);
}

WantedTensor wanted(const Program& program, const StateDeclaration& state) {
  return {state.name, to_string(state.type), actual_shape(state.type.shape, program.largest_batch())};
}

Diagnostics check_tensors(const std::vector<WantedTensor>& wanted, const Program& program, const std::string& path,
                          const data::Tensors& tensors, const Span& at) {
  std::vector<std::string> missing, unknown;
  std::set<std::string> names;
  Diagnostics wrong;
  for (const WantedTensor& tensor : wanted) {
    names.insert(tensor.name);
    const auto found = tensors.arrays.find(tensor.name);
    if (found == tensors.arrays.end()) {
      missing.push_back(tensor.name);
    } else if (found->second.shape != tensor.shape || (tensor.dtype && found->second.dtype != tensor.dtype)) {
      wrong.push_back(diagnostic("shape-mismatch", at,
                                 fmt::format("'{}' is {} in model '{}' but {} in '{}'", tensor.name, tensor.type,
                                             program.name(), describe(found->second), path),
                                 transposing(tensor, found->second)));
    }
  }
  for (const auto& [name, array] : tensors.arrays) {
    if (!names.contains(name)) unknown.push_back(name);
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

Diagnostics check_weights(const Program& program, const std::string& path, const data::Tensors& tensors,
                          const Span& at) {
  std::vector<WantedTensor> all;
  for (SavedTensor& tensor : saved_tensors(program)) {
    all.push_back(
        {std::move(tensor.name), to_string(tensor.type), actual_shape(tensor.type.shape, program.largest_batch()), {}});
  }
  return check_tensors(all, program, path, tensors, at);
}

}  // namespace descent
