// Building Graphs: interning, and the questions every pass asks of a node.
#include "ir/graph.h"

#include <algorithm>
#include <bit>

#include "ir/graph_analysis.h"
#include "ir/match.h"

namespace descent {
namespace {

// Writes what makes a node the node it is, names for readers and origins left out, as bytes: equal nodes, equal bytes.
class KeyWriter {
 public:
  void write(const decltype(Node::op)& op) {
    number(static_cast<std::int64_t>(op.index()));
    match(
        op, [&](const Input& input) { text(input.name); }, [&](const State& state) { text(state.name); },
        [&](const Sweep& sweep) { write(sweep); }, [&](const Scan& scan) { write(scan); },
        [&](const Random& random) {
          text(random.site);
          number(random.seed);
          number(random.step);
        },
        [&](const Gradient& gradient) {
          number(gradient.of);
          number(gradient.by);
        },
        [&](const Adjoint& adjoint) { text(adjoint.name); },
        [&](const Override& override) {
          for (const auto* values : {&override.values, &override.adjoints, &override.of, &override.gradients}) {
            list(*values, [&](ValueId value) { number(value); });
          }
        },
        [&](const Update& update) {
          text(update.state);
          number(update.value);
        });
  }

  void write(const TensorType& type) {
    number(static_cast<std::int64_t>(type.dtype));
    list(type.shape, [&](Extent extent) { number(extent.size); });
    number(type.range.has_value());
    if (type.range) {
      number(type.range->low);
      number(type.range->high);
    }
  }

  std::string take() { return std::move(bytes_); }

 private:
  void number(std::int64_t value) { bytes_.append(reinterpret_cast<const char*>(&value), sizeof value); }
  void text(std::string_view value) {
    number(static_cast<std::int64_t>(value.size()));
    bytes_.append(value);
  }
  template <class T, class Write>
  void list(const std::vector<T>& items, const Write& write_item) {
    number(static_cast<std::int64_t>(items.size()));
    for (const T& item : items) write_item(item);
  }

  void write(const Affine& form) {
    number(form.constant);
    list(form.terms, [&](const Term& term) {
      number(term.axis);
      number(term.coefficient);
    });
  }
  void write(const std::vector<Index>& indices) {
    list(indices, [&](const Index& index) {
      write(index.offset);
      number(index.through);
    });
  }

  void write(const Scalar& scalar) {
    number(static_cast<std::int64_t>(scalar.type));
    number(static_cast<std::int64_t>(scalar.node.index()));
    match(
        scalar.node, [&](const Literal& literal) { number(std::bit_cast<std::int64_t>(literal.value)); },
        [&](const AxisValue& value) { write(value.form); }, [&](const AxisExtent& extent) { number(extent.axis); },
        [&](const Read& read) {
          number(read.tensor);
          write(read.at);
          number(read.otherwise.has_value());
          number(std::bit_cast<std::int64_t>(read.otherwise.value_or(0)));
        },
        [&](const Apply& apply) {
          number(static_cast<std::int64_t>(apply.op));
          list(apply.operands, [&](ScalarId operand) { number(operand); });
        });
  }

  void write(const Sweep& sweep) {
    list(sweep.axes, [&](const Axis& axis) { number(axis.extent.size); });
    list(sweep.guards, [&](const Affine& guard) { write(guard); });
    list(sweep.body.scalars, [&](const Scalar& scalar) { write(scalar); });
    number(static_cast<std::int64_t>(sweep.combiner));
    write(sweep.landing);
    const Order order = sweep.order.value_or(Order{});
    number(sweep.order.has_value());
    number(static_cast<std::int64_t>(order.kind));
    number(order.fused);
    number(order.piece);
  }

  void write(const Scan& scan) {
    number(scan.axis.extent.size);
    number(scan.reversed);
    list(scan.initial, [&](ValueId value) { number(value); });
    list(scan.captured, [&](ValueId value) { number(value); });
    list(scan.body->nodes, [&](const Node& node) {
      write(node.op);
      list(node.results, [&](ValueId result) {
        number(result);
        write(scan.body->type(result));
      });
    });
    list(scan.body->outputs, [&](const Output& output) { number(output.value); });
  }

  std::string bytes_;
};

void collect_axes(const Body& body, const Index& index, std::vector<bool>& seen) {
  for (const Term& term : index.offset.terms)
    if (term.axis >= 0) seen[static_cast<std::size_t>(term.axis)] = true;
  if (index.through == no_scalar) return;
  for (const Index& inner : std::get<Read>(body[index.through].node).at) collect_axes(body, inner, seen);
}

}  // namespace

std::string_view name_of(Combiner combiner) {
  switch (combiner) {
    case Combiner::none:
      return "none";
    case Combiner::sum:
      return "sum";
    case Combiner::max:
      return "max";
    case Combiner::min:
      return "min";
    case Combiner::product:
      return "product";
    case Combiner::argmax:
      return "argmax";
  }
  return {};
}

std::uint64_t site_hash(std::string_view site) {
  std::uint64_t hash = 0xcbf29ce484222325;  // Fowler, Noll, Vo: FNV-1a
  for (const char c : site) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

const Graph* Model::entry(std::string_view name) const {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const Graph& g) { return g.name == name; });
  return found == entries.end() ? nullptr : &*found;
}

const StateDeclaration* Model::state(std::string_view name) const {
  const auto found = std::find_if(states.begin(), states.end(), [&](const auto& s) { return s.name == name; });
  return found == states.end() ? nullptr : &*found;
}

GraphBuilder::GraphBuilder(std::string name) { graph_.name = std::move(name); }

std::vector<ValueId> GraphBuilder::add(decltype(Node::op) op, std::vector<TensorType> types, std::string name,
                                       Span origin) {
  const auto id = static_cast<NodeId>(graph_.nodes.size());
  if (!std::holds_alternative<Update>(op)) {
    KeyWriter key;
    key.write(op);
    for (const TensorType& type : types) key.write(type);
    const auto [entry, fresh] = interned_.emplace(key.take(), id);
    if (!fresh) return graph_.nodes[static_cast<std::size_t>(entry->second)].results;
  }
  Node node{std::move(op), {}, std::move(origin)};
  for (TensorType& type : types) {
    node.results.push_back(static_cast<ValueId>(graph_.values.size()));
    graph_.values.push_back({std::move(type), id, name});
  }
  graph_.nodes.push_back(std::move(node));
  return graph_.nodes.back().results;
}

ValueId GraphBuilder::input(std::string name, TensorType type, Span origin) {
  std::string hint = name;
  return add(Input{std::move(name)}, {std::move(type)}, std::move(hint), std::move(origin))[0];
}

ValueId GraphBuilder::state(std::string name, TensorType type, Span origin) {
  std::string hint = name;
  return add(State{std::move(name)}, {std::move(type)}, std::move(hint), std::move(origin))[0];
}

ValueId GraphBuilder::sweep(Sweep sweep, Shape shape, std::string name, Span origin) {
  TensorType type{sweep.combiner == Combiner::argmax ? DType::i32 : sweep.body.type(), std::move(shape), {}};
  if (type.dtype == DType::i32) type.range = range_of(graph_, sweep, type.shape);
  return add(std::move(sweep), {std::move(type)}, std::move(name), std::move(origin))[0];
}

ValueId GraphBuilder::elementwise(Shape shape,
                                  const std::function<ScalarId(BodyBuilder&, const std::vector<Affine>&)>& body,
                                  std::string name, Span origin) {
  Sweep result;
  std::vector<Affine> forms;
  for (const Extent extent : shape) {
    forms.push_back(Affine::axis(static_cast<AxisId>(forms.size())));
    result.axes.push_back({"", extent});
    result.landing.push_back({forms.back(), no_scalar});
  }
  BodyBuilder builder;
  result.body = builder.finish(body(builder, forms));
  return sweep(std::move(result), std::move(shape), std::move(name), std::move(origin));
}

ValueId GraphBuilder::literal(double value, DType type) {
  return elementwise({}, [&](BodyBuilder& body, const std::vector<Affine>&) { return body.literal(value, type); });
}

void GraphBuilder::update(std::string state, ValueId value, Span origin) {
  add(Update{std::move(state), value}, {}, {}, std::move(origin));
}

void GraphBuilder::rename(ValueId value, std::string name) {
  graph_.values[static_cast<std::size_t>(value)].name = std::move(name);
}

void GraphBuilder::output(Output::Kind kind, std::string name, ValueId value) {
  graph_.outputs.push_back({kind, std::move(name), value});
}

std::vector<ScalarId> reads_of(const Body& body) {
  std::vector<ScalarId> reads;
  for (ScalarId id = 0; id <= body.root(); ++id)
    if (std::holds_alternative<Read>(body[id].node)) reads.push_back(id);
  return reads;
}

std::vector<ValueId> operands_of(const Node& node) {
  std::vector<ValueId> operands;
  match(
      node.op, [](const Input&) {}, [](const State&) {},
      [&](const Sweep& sweep) {
        for (const ScalarId read : reads_of(sweep.body))
          operands.push_back(std::get<Read>(sweep.body[read].node).tensor);
      },
      [&](const Scan& scan) {
        operands = scan.initial;
        operands.insert(operands.end(), scan.captured.begin(), scan.captured.end());
      },
      [&](const Random& random) { operands = {random.seed, random.step}; },
      [&](const Gradient& gradient) { operands = {gradient.of, gradient.by}; }, [](const Adjoint&) {},
      [&](const Override& override) {
        for (const auto* values : {&override.values, &override.adjoints, &override.of, &override.gradients}) {
          operands.insert(operands.end(), values->begin(), values->end());
        }
      },
      [&](const Update& update) { operands = {update.value}; });
  return operands;
}

std::vector<AxisId> reduced_axes(const Sweep& sweep) {
  std::vector<bool> seen(sweep.axes.size(), false);
  for (const Index& index : sweep.landing) collect_axes(sweep.body, index, seen);
  std::vector<AxisId> reduced;
  for (std::size_t axis = 0; axis < seen.size(); ++axis)
    if (!seen[axis]) reduced.push_back(static_cast<AxisId>(axis));
  return reduced;
}

ValueId copy_of(const std::vector<ValueId>& to, ValueId from) {
  const ValueId copy = to[static_cast<std::size_t>(from)];
  DESCENT_CHECK(copy >= 0, "a value is used before its node is copied");
  return copy;
}

void copy_node(GraphBuilder& builder, const Graph& from, NodeId node, std::vector<ValueId>& to) {
  const Node& original = from.nodes[static_cast<std::size_t>(node)];
  const auto move_value = [&](ValueId& value) { value = copy_of(to, value); };
  decltype(Node::op) op = original.op;
  match(
      op, [](Input&) {}, [](State&) {},
      [&](Sweep& sweep) {
        for (Scalar& scalar : sweep.body.scalars)
          if (auto* read = std::get_if<Read>(&scalar.node)) move_value(read->tensor);
      },
      [&](Scan& scan) {
        for (ValueId& value : scan.initial) move_value(value);
        for (ValueId& value : scan.captured) move_value(value);
      },
      [&](Random& random) {
        move_value(random.seed);
        move_value(random.step);
      },
      [&](Gradient& gradient) {
        move_value(gradient.of);
        move_value(gradient.by);
      },
      [](Adjoint&) {},
      [&](Override& override) {
        for (auto* values : {&override.values, &override.adjoints, &override.of, &override.gradients}) {
          for (ValueId& value : *values) move_value(value);
        }
      },
      [&](Update& update) { move_value(update.value); });

  const std::vector<ValueId> befores = original.results;  // the builder's own Graph may be the one that is copied
  std::vector<TensorType> types;
  for (const ValueId result : befores) types.push_back(from.type(result));
  const std::size_t known = builder.graph().values.size();
  const std::vector<ValueId> results = builder.add(std::move(op), std::move(types), {}, original.origin);
  for (std::size_t i = 0; i < results.size(); ++i) {
    const ValueId before = befores[i];
    if (static_cast<std::size_t>(results[i]) >= known) builder.rename(results[i], from.value(before).name);
    to[static_cast<std::size_t>(before)] = results[i];
  }
}

}  // namespace descent
