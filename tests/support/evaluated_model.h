// A model's Graphs evaluated in double: what tests of the language and the library share.
#pragma once

#include <catch2/catch.hpp>
#include <cmath>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "frontend/frontend.h"

namespace descent::test {

using Numbers = std::vector<double>;
using Tensors = std::unordered_map<std::string, Tensor>;

inline frontend::Compilation compile(const std::string& text) {
  auto compiled = frontend::compile(std::make_shared<const Source>(Source{"test.descent", text}), {});
  if (!compiled) FAIL(text << render(compiled.errors()));
  CHECK(render(verify(compiled->model)) == "");
  return *compiled;
}

inline Tensor tensor(DType type, std::vector<std::int64_t> shape, Numbers data) {
  return {{type, Shape(shape.begin(), shape.end()), {}}, std::move(shape), std::move(data)};
}

inline Evaluation run(const Graph& graph, std::int64_t batch, const Tensors& inputs, const Tensors& states = {}) {
  auto result = evaluate(graph, batch, inputs, states);
  if (!result) FAIL(print(graph) << render(result.errors()));
  return *result;
}

// What `init` draws from seed 1.
inline Tensors initial_states(const frontend::Compilation& compiled) {
  Tensors states;
  const Graph& init = *compiled.model.entry("init");
  for (const auto& [name, value] : run(init, 1, {{"seed", tensor(DType::i32, {}, {1})}}).updates) states[name] = value;
  return states;
}

inline void check_close(const Numbers& found, const Numbers& expected, double tolerance = 1e-6) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    INFO(i);
    if (std::isnan(expected[i])) {
      CHECK(std::isnan(found[i]));
    } else {
      CHECK(found[i] == Approx(expected[i]).epsilon(tolerance).margin(tolerance));
    }
  }
}

// The step with each gradient as an input, `gradient.NAME`, so that an optimizer is seen alone.
inline Graph with_given_gradients(const Graph& step) {
  GraphBuilder builder("step");
  std::vector<ValueId> to(step.values.size(), -1);
  for (std::size_t node = 0; node < step.nodes.size(); ++node) {
    if (const auto* gradient = std::get_if<Gradient>(&step.nodes[node].op)) {
      const ValueId result = step.nodes[node].results[0];
      to[static_cast<std::size_t>(result)] =
          builder.input("gradient." + std::get<State>(step.node_of(gradient->by).op).name, step.type(result));
    } else {
      copy_node(builder, step, static_cast<NodeId>(node), to);
    }
  }
  for (const Output& output : step.outputs) builder.output(output.kind, output.name, copy_of(to, output.value));
  return std::move(builder).finish();
}

}  // namespace descent::test
