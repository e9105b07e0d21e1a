// Numbers from the outside (tests/fixtures) as tensors, and models compiled from text.
#pragma once

#include <catch2/catch.hpp>
#include <cstring>
#include <stdexcept>
#include <string>

#include "frontend/frontend.h"
#include "runtime/data/safetensors.h"
#include "tests/support/graph_run.h"

namespace descent::test {

class Fixture {
 public:
  explicit Fixture(const std::string& name) {
    auto file = data::read_safetensors(std::string(DESCENT_SOURCE_DIR) + "/tests/fixtures/" + name + ".safetensors");
    if (!file) throw std::runtime_error("fixture " + name + " can not be read");
    tensors_ = std::move(*file);
  }

  // The array as values of this type; its own shape.
  Tensor tensor(const std::string& name, const TensorType& type) const {
    const data::Array& array = tensors_.arrays.at(name);
    Tensor tensor{type, array.shape, {}};
    const auto size = static_cast<std::size_t>(data::size_of(array.dtype));
    for (std::size_t at = 0; at < array.bytes.size(); at += size) {
      Word word;
      std::memcpy(&word.bits, &array.bytes[at], size);
      tensor.data.push_back(double_of(word, *dtype_named(data::name_of(array.dtype))));
    }
    return tensor;
  }
  // Element `index` of the first axis; with a leading axis of one where the type begins with batch.
  Tensor slice(const std::string& name, std::int64_t index, const TensorType& type) const {
    Tensor all = tensor(name, type);
    const std::size_t size = all.data.size() / static_cast<std::size_t>(all.shape[0]);
    Tensor part = zeros(type, 1);
    std::copy_n(all.data.begin() + static_cast<std::ptrdiff_t>(size) * index, size, part.data.begin());
    return part;
  }

 private:
  data::Tensors tensors_;
};

inline frontend::Compilation compile_or_fail(const std::string& name, const std::string& text) {
  Result<frontend::Compilation> compiled =
      frontend::compile(std::make_shared<Source>(Source{name + ".descent", text}), {});
  if (!compiled) throw std::runtime_error(render(compiled.errors()));
  return std::move(compiled).value();
}

// seed, step and steps as 1, and every rate as the text gives it.
inline Values inputs_of_step(const frontend::Compilation& compiled) {
  Values values;
  for (const char* name : {"seed", "step", "steps"}) values[name] = Tensor{{DType::i32, {}, {}}, {}, {1}};
  for (const frontend::Rate& rate : compiled.rates) values[rate.name] = Tensor{{DType::f64, {}, {}}, {}, {rate.value}};
  return values;
}

}  // namespace descent::test
