#include "passes/fused.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <numeric>
#include <set>
#include <unordered_map>
#include <utility>

#include "ir/graph_print.h"
#include "ir/match.h"

namespace descent {
namespace {

// The number of a call, from 1, and the number of a node in it; what no call computes stands at 0.
using Place = std::pair<std::size_t, std::size_t>;
constexpr std::size_t last = std::numeric_limits<std::size_t>::max();

class KernelOrder {
 public:
  explicit KernelOrder(const std::vector<FusedCall>& calls) : calls_(calls) {
    for (std::size_t c = 0; c < calls.size(); ++c) {
      for (std::size_t n = 0; n < calls[c].nodes.size(); ++n) places_[calls[c].nodes[n]] = {c + 1, n};
      if (!calls[c].nodes.empty()) continue;
      for (const Node* node : calls[c].copied) copies_[node].insert(c + 1);
    }
  }

  std::string print(const Model& model, const std::string& wanted) {
    Model ordered{model.name, model.states, {}};
    for (const Graph& entry : model.entries) {
      if (wanted.empty() || entry.name == wanted) ordered.entries.push_back(in_order(entry));
    }
    return print_with_places(ordered, remarks_).text;
  }

 private:
  Graph in_order(const Graph& graph) {
    std::vector<NodeId> order(graph.nodes.size());
    std::iota(order.begin(), order.end(), 0);
    const auto place = [&](NodeId id) { return place_of(graph, graph.nodes[static_cast<std::size_t>(id)]); };
    std::sort(order.begin(), order.end(),
              [&](NodeId a, NodeId b) { return std::pair(place(a), a) < std::pair(place(b), b); });

    std::set<std::size_t> copies;  // the calls that only copy values of this graph
    Graph ordered{graph.name, {}, graph.values, graph.outputs};
    for (NodeId id : order) {
      const Node& node = graph.nodes[static_cast<std::size_t>(id)];
      if (const auto found = copies_.find(&node); found != copies_.end()) {
        copies.insert(found->second.begin(), found->second.end());
      }
      for (ValueId result : node.results) {
        ordered.values[static_cast<std::size_t>(result)].node = static_cast<NodeId>(ordered.nodes.size());
      }
      ordered.nodes.push_back(node);
    }
    for (std::size_t n = 0; n < order.size(); ++n) {
      Node& node = ordered.nodes[n];
      auto* scan = std::get_if<Scan>(&node.op);
      if (scan) scan->body = std::make_shared<const Graph>(in_order(*scan->body));
      const auto [call, number] = place(order[n]);
      if (call > 0 && number == 0) remark(call, scan != nullptr, copies, remarks_.above[&node]);
    }
    if (!copies.empty()) remark_copies(last, copies, remarks_.below[&ordered.nodes.back()]);
    return ordered;
  }

  Place place_of(const Graph& graph, const Node& node) const {
    return match(
        node.op, [](const Input&) { return Place{}; }, [](const State&) { return Place{}; },
        [](const Gradient&) { return Place{}; }, [](const Adjoint&) { return Place{}; },
        [](const Override&) { return Place{}; }, [&](const Sweep&) { return places_.at(&node); },
        [&](const Random&) { return places_.at(&node); },
        [&](const Update& update) { return Place{place_of(graph, graph.node_of(update.value)).first, last}; },
        [&](const Scan& scan) {
          Place first{last, 0};
          for (const Node& inner : scan.body->nodes) {
            const std::size_t call = place_of(*scan.body, inner).first;
            if (call > 0) first.first = std::min(first.first, call);
          }
          return first;
        });
  }

  // Above the first node of a call, or above the scan that it stands in.
  void remark(std::size_t call, bool is_scan, std::set<std::size_t>& copies, std::vector<std::string>& lines) const {
    remark_copies(call, copies, lines);
    if (is_scan) return;
    lines.push_back("kernel " + calls_[call - 1].kernel);
    for (const Apart& apart : calls_[call - 1].apart) {
      lines.push_back("  apart from " + apart.kernel + ": " + apart.why);
    }
  }
  // Those before `end`, each once.
  void remark_copies(std::size_t end, std::set<std::size_t>& copies, std::vector<std::string>& lines) const {
    while (!copies.empty() && *copies.begin() < end) {
      lines.push_back("kernel " + calls_[*copies.begin() - 1].kernel + ": a copy");
      copies.erase(copies.begin());
    }
  }

  const std::vector<FusedCall>& calls_;
  std::unordered_map<const Node*, Place> places_;
  std::unordered_map<const Node*, std::set<std::size_t>> copies_;  // the calls that copy and compute nothing
  Remarks remarks_;
};

}  // namespace

std::string print_fused(const Model& model, const std::vector<FusedCall>& calls, const std::string& entry) {
  return KernelOrder(calls).print(model, entry);
}

}  // namespace descent
