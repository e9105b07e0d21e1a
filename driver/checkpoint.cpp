// Trainer ↔ checkpoint: gathers the states, the clock and the rates; holds a file against them; puts them back.
#include "driver/checkpoint.h"

#include <algorithm>

#include "driver/batch_layout.h"
#include "driver/trainer.h"
#include "fmt/format.h"
#include "ir/stack.h"

namespace descent {
namespace {

constexpr const char* format_name = "descent checkpoint";
constexpr const char* version = "1";

std::string tensor_name(const StateDeclaration& state) {
  return is_saved(state) ? state.name : "optimizer/" + state.name;
}

template <class T>
data::Array scalar(data::DType dtype, T value) {
  data::Array array = data::zeros(dtype, {});
  array.as<T>()[0] = value;
  return array;
}

// What a training that goes on in the data keeps besides, which a Trainer has no use for.
bool is_position(std::string_view name) {
  return name.starts_with("epoch/") || name.starts_with("monitor/") || name.starts_with("best/");
}

std::string metadata(const data::Tensors& tensors, const std::string& key) {
  const auto found = tensors.metadata.find(key);
  return found == tensors.metadata.end() ? "" : found->second;
}

}  // namespace

data::Array number(std::int64_t value) { return scalar(data::DType::i64, value); }
data::Array number(double value) { return scalar(data::DType::f64, value); }

Result<data::Tensors> checkpoint_of(const Trainer& trainer) {
  const Trainer::Parts& parts = trainer.parts();
  data::Tensors tensors;
  tensors.metadata = {{"format", format_name}, {"version", version}, {"model", parts.program.name()}};
  tensors.metadata.insert(parts.notes.begin(), parts.notes.end());
  for (const StateDeclaration& state : states_of(parts.program)) {
    Result<data::Array> array = trainer.parameter(state.name);
    if (!array) return array.errors();
    tensors.arrays.emplace(tensor_name(state), std::move(*array));
  }
  tensors.arrays.emplace("clock/seed", number(std::int64_t{parts.seed}));
  tensors.arrays.emplace("clock/step", number(std::int64_t{parts.step}));
  tensors.arrays.emplace("clock/steps", number(std::int64_t{parts.steps}));
  for (const auto& [name, value] : parts.rates) tensors.arrays.emplace("rate/" + name, number(value));
  return tensors;
}

std::vector<WantedTensor> wanted_for(const Trainer& trainer) {
  const Trainer::Parts& parts = trainer.parts();
  std::vector<WantedTensor> all;
  for (const StateDeclaration& state : states_of(parts.program)) {
    WantedTensor tensor = wanted(parts.program, state);
    tensor.name = tensor_name(state);
    tensor.dtype = data_type(state.type.dtype);
    all.push_back(std::move(tensor));
  }
  for (const char* name : {"clock/seed", "clock/step", "clock/steps"})
    all.push_back({name, "i64[]", {}, data::DType::i64});
  for (const auto& [name, value] : parts.rates) all.push_back({"rate/" + name, "f64[]", {}, data::DType::f64});
  return all;
}

bool is_checkpoint(const data::Tensors& tensors) { return metadata(tensors, "format") == format_name; }

data::Tensors weights_of(data::Tensors tensors) {
  if (!is_checkpoint(tensors)) return tensors;
  data::Tensors weights{{}, std::move(tensors.metadata)};
  for (auto& [name, array] : tensors.arrays) {
    if (name.find('/') != std::string::npos) continue;
    const std::size_t axes = std::min(stacked_axes(name), array.shape.size());
    const auto behind = array.shape.begin() + static_cast<std::ptrdiff_t>(axes);
    Shape turns;
    for (auto turn = array.shape.begin(); turn != behind; ++turn) turns.push_back(Extent{*turn});
    const std::int64_t count = descent::count(turns, 1);
    // A file says what it likes: what no model declares is left to whoever checks the names.
    if (axes == 0 || axes != stacked_axes(name) || count < 1 || count > most_parts) {
      weights.arrays.emplace(name, std::move(array));
      continue;
    }
    const std::vector<std::string> parts = part_names(name, turns);
    const std::size_t bytes = array.bytes.size() / parts.size();
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const auto begin = array.bytes.begin() + static_cast<std::ptrdiff_t>(i * bytes);
      weights.arrays.emplace(parts[i], data::Array{array.dtype,
                                                   data::Shape(behind, array.shape.end()),
                                                   {begin, begin + static_cast<std::ptrdiff_t>(bytes)}});
    }
  }
  return weights;
}

Result<data::Tensors> read_checkpoint(const std::string& path) {
  data::Expected<data::Tensors> tensors = data::read_safetensors(path);
  if (!tensors) return diagnostic("bad-checkpoint", {}, data::to_string(tensors.error()));
  if (!is_checkpoint(*tensors)) {
    return diagnostic("bad-checkpoint", {},
                      fmt::format("'{}' is no checkpoint: it does not say that it is one, and weights alone do not "
                                  "tell how to go on",
                                  path));
  }
  if (const std::string found = metadata(*tensors, "version"); found != version) {
    return diagnostic("bad-checkpoint", {},
                      fmt::format("'{}' is a checkpoint of version '{}', expected version '{}': another version of "
                                  "Descent wrote it",
                                  path, found, version));
  }
  return std::move(*tensors);
}

Diagnostics write_checkpoint(const std::string& path, const data::Tensors& tensors) {
  data::Expected<std::int64_t> written = data::write_safetensors(path, tensors);
  if (!written) return {diagnostic("unwritable-file", {}, data::to_string(written.error()))};
  return {};
}

Result<std::int64_t> whole_number(const data::Tensors& tensors, const std::string& name, std::int64_t least,
                                  std::int64_t most, const std::string& path) {
  const std::int64_t value = tensors.arrays.at(name).as<std::int64_t>()[0];
  if (value >= least && value <= most) return value;
  return diagnostic("bad-checkpoint", {},
                    fmt::format("'{}': expected '{}' from {} to {}, found {}", path, name, least, most, value));
}

Diagnostics restore(Trainer& trainer, const data::Tensors& tensors, const std::string& path) {
  Trainer::Parts& parts = trainer.parts();
  std::int32_t* const clock[] = {&parts.seed, &parts.step, &parts.steps};
  std::int32_t found[3] = {};
  const char* const names[] = {"clock/seed", "clock/step", "clock/steps"};
  for (std::size_t i = 0; i < 3; ++i) {
    const Result<std::int64_t> value = whole_number(tensors, names[i], i < 2 ? 0 : 1, INT32_MAX, path);
    if (!value) return value.errors();
    found[i] = static_cast<std::int32_t>(*value);
  }
  for (const StateDeclaration& state : states_of(parts.program)) {
    const data::Array& value = tensors.arrays.at(tensor_name(state));
    if (Diagnostics wrong = trainer.set_parameter(state.name, value); !wrong.empty()) return wrong;
  }
  for (std::size_t i = 0; i < 3; ++i) *clock[i] = found[i];
  for (auto& [name, value] : parts.rates) value = tensors.arrays.at("rate/" + name).as<double>()[0];
  return {};
}

Diagnostics Trainer::save_checkpoint(const std::string& path) const {
  Result<data::Tensors> tensors = checkpoint_of(*this);
  if (!tensors) return tensors.errors();
  return write_checkpoint(path, *tensors);
}

Diagnostics Trainer::load_checkpoint(const std::string& path) {
  Result<data::Tensors> tensors = read_checkpoint(path);
  if (!tensors) return tensors.errors();
  std::erase_if(tensors->arrays, [](const auto& tensor) { return is_position(tensor.first); });
  if (Diagnostics wrong = check_tensors(wanted_for(*this), parts_->program, path, *tensors, {}); !wrong.empty()) {
    return wrong;
  }
  return restore(*this, *tensors, path);
}

}  // namespace descent
