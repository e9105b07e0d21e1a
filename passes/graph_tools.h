// The forward loop that most passes are: every Graph of a model, scan bodies included, rebuilt node by node.
#pragma once

#include <functional>

#include "ir/graph.h"

namespace descent {

// Appends what becomes of one node to the builder and notes in `to` where its values went.
using NodeRewrite =
    std::function<void(GraphBuilder& builder, const Graph& from, NodeId node, std::vector<ValueId>& to)>;

Model rebuild(const Model& model, const NodeRewrite& rewrite);
Graph rebuild(const Graph& graph, const NodeRewrite& rewrite);

// Adds what becomes of a scan: its results are the `kept` ones of `node`, in order, and keep their names; any more are
// called like its axis.
void add_scan(GraphBuilder& builder, Scan scan, std::vector<TensorType> types, const Graph& from, const Node& node,
              const std::vector<ValueId>& kept, std::vector<ValueId>& to);

// The sweep reading the values where they went.
Sweep renamed(const Sweep& sweep, const std::vector<ValueId>& to);

ValueId zero_like(GraphBuilder& builder, const TensorType& type);

// Those of scan bodies included; beyond node_limit it stops counting. A pass that could make many times what it is
// given (nested gradients) stops there too.
std::size_t count_nodes(const Graph& graph);

// How often each value is read, updated from, carried, captured or put out.
std::vector<int> count_uses(const Graph& graph);

}  // namespace descent
