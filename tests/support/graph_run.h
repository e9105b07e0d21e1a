// Runs a Graph entry through the oracle and through lowered Loop programs on the same values.
#pragma once

#include <cmath>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "ir/graph.h"
#include "ir/loop.h"
#include "passes/pipeline.h"
#include "tests/support/text_file.h"

namespace descent::test {

// The names (without extension) of the files of a folder, sorted.
inline std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

inline void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

// A Graph text in f64 as the same text in f32.
inline std::string in_single(std::string text) {
  replace_all(text, "_f64", "");
  replace_all(text, "f64[", "f32[");
  replace_all(text, "f64(", "f32(");
  return text;
}

inline Model parse_or_fail(const std::string& name, const std::string& text) {
  Result<Model> model = parse_model(std::make_shared<Source>(Source{name, text}));
  if (!model) throw std::runtime_error(render(model.errors()));
  return std::move(model).value();
}

inline Model passes_or_fail(const Model& model) {
  Result<Model> after = run_passes(model);
  if (!after) throw std::runtime_error(render(after.errors()));
  return std::move(after).value();
}

using Values = std::unordered_map<std::string, Tensor>;

inline Tensor zeros(const TensorType& type, std::int64_t batch) {
  Tensor tensor{type, {}, {}};
  std::size_t size = 1;
  for (Extent extent : type.shape) {
    tensor.shape.push_back(extent.is_batch() ? batch : extent.size);
    size *= static_cast<std::size_t>(tensor.shape.back());
  }
  tensor.data.assign(size, 0);
  return tensor;
}

// Values for every input of the entry: floats that f32 holds, distinct with near certainty; integers in their range.
inline Values random_inputs(const Graph& graph, std::int64_t batch, std::uint64_t seed) {
  std::mt19937_64 engine(seed);
  Values values;
  for (const Node& node : graph.nodes) {
    const Input* input = std::get_if<Input>(&node.op);
    if (!input) continue;
    const TensorType& type = graph.type(node.results[0]);
    Tensor tensor = zeros(type, batch);
    for (double& element : tensor.data) {
      if (is_float(type.dtype)) {
        element = static_cast<float>(std::uniform_real_distribution<double>(-1, 1)(engine));
      } else if (type.range) {
        element = static_cast<double>(
            std::uniform_int_distribution<std::int64_t>(type.range->low, type.range->high - 1)(engine));
      } else {
        element =
            static_cast<double>(std::uniform_int_distribution<int>(0, type.dtype == DType::boolean ? 1 : 100)(engine));
      }
    }
    values[input->name] = std::move(tensor);
  }
  return values;
}

inline void pack(const Tensor& tensor, std::vector<std::byte>& bytes, const std::vector<std::int64_t>& strides) {
  std::size_t width = static_cast<std::size_t>(size_of(tensor.type.dtype));
  std::vector<std::int64_t> at(tensor.shape.size(), 0);
  for (double element : tensor.data) {
    std::int64_t place = 0;
    for (std::size_t d = 0; d < at.size(); ++d) place += at[d] * strides[d];
    Word word = word_of(element, tensor.type.dtype);
    std::memcpy(&bytes[static_cast<std::size_t>(place) * width], &word.bits, width);
    for (std::size_t d = at.size(); d-- > 0 && ++at[d] == tensor.shape[d];) at[d] = 0;
  }
}

// Strides in elements with batch standing for the largest one.
inline std::vector<std::int64_t> strides_of(const Shape& shape, std::int64_t largest) {
  std::vector<std::int64_t> strides(shape.size());
  std::int64_t stride = 1;
  for (std::size_t d = shape.size(); d-- > 0;) {
    strides[d] = stride;
    stride *= shape[d].is_batch() ? largest : shape[d].size;
  }
  return strides;
}

// What runs an entry of a program: the interpreter, or compiled code.
using Runner = std::function<void(const std::string& entry, std::int64_t batch, const std::vector<const void*>& inputs,
                                  const std::vector<void*>& outputs)>;

struct Bits {
  std::vector<std::vector<std::byte>> outputs;  // places beyond the actual batch are zero
  bool operator==(const Bits&) const = default;
};

inline Bits run_entry(const loop::Program& program, const Runner& run, const std::string& name, std::int64_t batch,
                      const Values& values) {
  const loop::Entry& entry = *program.entry(name);
  std::vector<std::vector<std::byte>> inputs;
  Bits bits;
  auto bytes = [&](const TensorType& type) {
    return std::vector<std::byte>(
        static_cast<std::size_t>(count(type.shape, program.largest_batch) * size_of(type.dtype)));
  };
  for (loop::BufferId id : entry.inputs) {
    const loop::Buffer& buffer = program.buffers[static_cast<std::size_t>(id)];
    inputs.push_back(bytes(buffer.type));
    std::string input = buffer.name.substr(0, buffer.name.find(' '));
    pack(values.at(input), inputs.back(), strides_of(buffer.type.shape, program.largest_batch));
  }
  for (loop::BufferId id : entry.outputs)
    bits.outputs.push_back(bytes(program.buffers[static_cast<std::size_t>(id)].type));
  std::vector<const void*> in;
  std::vector<void*> out;
  for (const auto& buffer : inputs) in.push_back(buffer.data());
  for (auto& buffer : bits.outputs) out.push_back(buffer.data());
  run(name, batch, in, out);
  return bits;
}

inline Tensor unpack(const std::vector<std::byte>& bytes, const TensorType& type, std::int64_t batch,
                     std::int64_t largest) {
  Tensor tensor = zeros(type, batch);
  std::vector<std::int64_t> strides = strides_of(type.shape, largest), at(tensor.shape.size(), 0);
  std::size_t width = static_cast<std::size_t>(size_of(type.dtype));
  for (double& element : tensor.data) {
    std::int64_t place = 0;
    for (std::size_t d = 0; d < at.size(); ++d) place += at[d] * strides[d];
    Word word;
    std::memcpy(&word.bits, &bytes[static_cast<std::size_t>(place) * width], width);
    element = double_of(word, type.dtype);
    for (std::size_t d = at.size(); d-- > 0 && ++at[d] == tensor.shape[d];) at[d] = 0;
  }
  return tensor;
}

// max |error| / max |value| over one tensor; both NaN or both the same infinity is no error.
inline double relative_error(const Tensor& found, const Tensor& expected) {
  double error = 0, largest = 0;
  for (std::size_t i = 0; i < expected.data.size(); ++i) {
    double a = found.data[i], b = expected.data[i];
    if (std::isfinite(b)) largest = std::max(largest, std::fabs(b));
    if ((std::isnan(a) && std::isnan(b)) || a == b) continue;
    error = std::isfinite(a) && std::isfinite(b) ? std::max(error, std::fabs(a - b)) : INFINITY;
  }
  return error == 0 ? 0 : error / largest;
}

inline loop::Program lower_or_fail(const Model& model, int lanes, std::int64_t largest_batch, bool small_code = false) {
  LowerOptions options;
  options.small_code = small_code;
  options.lanes = lanes;
  options.largest_batch = largest_batch;
  Result<loop::Program> program = lower(model, options);
  if (!program) throw std::runtime_error(render(program.errors()));
  return std::move(program).value();
}

}  // namespace descent::test
