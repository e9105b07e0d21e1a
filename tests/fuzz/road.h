// The road behind a Graph, as every text that becomes one goes it: print and parse, passes, lowering.
#pragma once

#include "passes/pipeline.h"
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

// A Graph's text gives the Graph again; malformed Graphs included, as long as a parser accepted them.
inline void check_prints(const Model& model) {
  const std::string text = print_bare(model);
  const Result<Model> again = parse_model(source_of(text));
  DESCENT_CHECK(again.ok(), "a printed Graph is refused:\n" + (again ? "" : render(again.errors())) + text);
  const std::string second = print_bare(*again);
  DESCENT_CHECK(second == text, "a Graph prints differently when read back:\n" + text + "\nand\n" + second);
}

// A Loop program's text likewise.
inline void check_prints(const loop::Program& program) {
  const std::string text = loop::print(program);
  const Result<loop::Program> again = loop::parse_program(source_of(text));
  DESCENT_CHECK(again.ok(), "a printed Loop program is refused:\n" + (again ? "" : render(again.errors())) + text);
  const std::string second = loop::print(*again);
  DESCENT_CHECK(second == text, "a Loop program prints differently when read back:\n" + text + "\nand\n" + second);
}

// A well-formed Graph to a well-formed Loop program, or a refusal of what grows too large.
inline void go_down(const Model& model) {
  const Result<Model> passed = run_passes(model);
  if (!passed) return check_refusal(passed.errors());
  check_prints(*passed);
  LowerOptions options;
  options.largest_batch = 8;
  const Result<loop::Program> program = lower(*passed, options);
  if (!program) return check_refusal(program.errors());
  const Diagnostics wrong = loop::verify(*program);
  DESCENT_CHECK(wrong.empty(), "lower made a malformed Loop program:\n" + render(wrong));
  check_prints(*program);
}

}  // namespace descent::fuzz
