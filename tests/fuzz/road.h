// The road behind a Graph, as every text that becomes one goes it: print and parse, passes, lowering.
#pragma once

#include <algorithm>

#include "passes/pipeline.h"
#include "tests/fuzz/interpret.h"
#include "tests/fuzz/loop_shape.h"
#include "tests/fuzz/target.h"

namespace descent::fuzz {

inline void drop_origins(Graph& graph) {
  for (Node& node : graph.nodes) {
    node.origin = {};
    Scan* scan = std::get_if<Scan>(&node.op);
    if (scan == nullptr) continue;
    Graph body = *scan->body;
    drop_origins(body);
    scan->body = std::make_shared<const Graph>(std::move(body));
  }
}

// A Graph's text without origins: what is read back comes from the text itself.
inline std::string print_bare(Model model) {
  for (Graph& graph : model.entries) drop_origins(graph);
  return print(model);
}

// The parts of a Graph whose equality text can't show: a text that lost its brackets gives the same text again.
inline void collect_sweeps(const Graph& graph, std::vector<const Sweep*>& sweeps) {
  for (const Node& node : graph.nodes) {
    if (const auto* sweep = std::get_if<Sweep>(&node.op)) sweeps.push_back(sweep);
    if (const auto* scan = std::get_if<Scan>(&node.op)) collect_sweeps(*scan->body, sweeps);
  }
}

// Which tensors are read the text shows; their numbers are the builder's own affair.
inline Body without_tensors(Body body) {
  for (Scalar& scalar : body.scalars) {
    if (auto* read = std::get_if<Read>(&scalar.node)) read->tensor = 0;
  }
  return body;
}

inline bool same_sweeps(const Model& first, const Model& second) {
  std::vector<const Sweep*> a, b;
  for (const Graph& graph : first.entries) collect_sweeps(graph, a);
  for (const Graph& graph : second.entries) collect_sweeps(graph, b);
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Sweep* x, const Sweep* y) {
    return x->guards == y->guards && without_tensors(x->body) == without_tensors(y->body) && x->landing == y->landing &&
           x->order == y->order;
  });
}

// A Graph's text gives the Graph again; malformed Graphs included, as long as a parser accepted them.
inline void check_prints(const Model& model) {
  const std::string text = print_bare(model);
  const Result<Model> again = parse_model(source_of(text));
  DESCENT_CHECK(again.ok(), "a printed Graph is refused:\n" + (again ? "" : render(again.errors())) + text);
  const std::string second = print_bare(*again);
  DESCENT_CHECK(second == text, "a Graph prints differently when read back:\n" + text + "\nand\n" + second);
  DESCENT_CHECK(same_sweeps(model, *again), "a Graph's text gives another Graph:\n" + text);
}

// A Loop program's text likewise.
inline void check_prints(const loop::Program& program) {
  const std::string text = loop::print(program);
  const Result<loop::Program> again = loop::parse_program(source_of(text));
  DESCENT_CHECK(again.ok(), "a printed Loop program is refused:\n" + (again ? "" : render(again.errors())) + text);
  const std::string second = loop::print(*again);
  DESCENT_CHECK(second == text, "a Loop program prints differently when read back:\n" + text + "\nand\n" + second);
  DESCENT_CHECK(shape_of(program) == shape_of(*again), "a Loop program's text gives another program:\n" + text);
}

// Nodes and scalars. Passes and lowering take a hundred times as long as reading; what is large finds little more there
// than what is small.
inline std::size_t size_of(const Graph& graph) {
  std::size_t size = 0;
  for (const Node& node : graph.nodes) {
    ++size;
    if (const auto* sweep = std::get_if<Sweep>(&node.op)) size += sweep->body.scalars.size();
    if (const auto* scan = std::get_if<Scan>(&node.op)) size += size_of(*scan->body);
  }
  return size;
}
inline bool is_small(const Model& model, std::size_t most) {
  std::size_t size = 0;
  for (const Graph& graph : model.entries) size += size_of(graph);
  return size <= most;
}

// A well-formed small Graph to a well-formed Loop program that runs, or a refusal of what grows too large.
inline void go_down(const Model& model) {
  if (!is_small(model, 80)) return;
  const Result<Model> passed = run_passes(model);
  if (!passed) return check_refusal(passed.errors());
  check_prints(*passed);
  if (!is_small(*passed, 160)) return;  // gradients make much of little
  LowerOptions options;
  options.largest_batch = 8;
  options.lanes = 4;
  const Result<loop::Program> program = lower(*passed, options);
  if (!program) return check_refusal(program.errors());
  const Diagnostics wrong = loop::verify(*program);
  DESCENT_CHECK(wrong.empty(), "lower made a malformed Loop program:\n" + render(wrong));
  check_prints(*program);
  interpret_small(*program);
}

}  // namespace descent::fuzz
