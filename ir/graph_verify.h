// What the verifier's files share: where a finding is reported, and what surrounds the node under its eyes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "ir/graph_analysis.h"
#include "ir/graph_print.h"

namespace descent {

inline constexpr std::int64_t largest_extent = std::int64_t{1} << 40;

// Collects diagnostics. A part without an origin is shown in the printed model, which is made when it is first needed.
class Findings {
 public:
  explicit Findings(const Model& model) : model_(model) {}

  // `part`: the Node, Output, StateDeclaration or Graph that is wrong.
  void add(const void* part, const Span& origin, DiagnosticId id, std::string message);
  // "%h", as printed.
  std::string name(const Graph& graph, ValueId value);

  bool full() const { return diagnostics_.size() >= limit; }
  std::size_t size() const { return diagnostics_.size(); }
  Diagnostics take() && { return std::move(diagnostics_); }

 private:
  static constexpr std::size_t limit = 20;

  const PrintedGraph& printed();

  const Model& model_;
  std::optional<PrintedGraph> printed_;
  SourceRef source_;
  Diagnostics diagnostics_;
};

// A node in its Graph, in its scans.
struct NodeContext {
  const Graph& graph;
  NodeId id;
  Loops loops;
  Legality legality;
  Findings& findings;

  const Node& node() const { return graph.nodes[static_cast<std::size_t>(id)]; }
  void report(DiagnosticId id_of_kind, std::string message) const {
    findings.add(&node(), node().origin, id_of_kind, std::move(message));
  }
  std::string name(ValueId value) const { return findings.name(graph, value); }
};

void verify_sweep(const NodeContext& context, const Sweep& sweep);

// Whether the literal has a place among the values of the type.
bool is_value_of(double value, DType type);

// "a value of `from` may stand where `into` is wanted": same element type and shape, and a range within.
bool fits(const TensorType& from, const TensorType& into);

}  // namespace descent
