// The verifier: everything a later stage relies on. The sweep, the one node with an inside, has a file of its own.
#include "ir/graph_verify.h"

#include <fmt/format.h>

#include <set>

#include "ir/match.h"

namespace descent {

void Findings::add(const void* part, const Span& origin, DiagnosticId id, std::string message) {
  if (full()) return;
  Span at = origin;
  if (at.source == nullptr) {
    const auto place = printed().places.find(part);
    if (place != printed().places.end()) at = {source_, place->second.first, place->second.second};
  }
  diagnostics_.push_back({id, std::move(at), std::move(message), {}});
}

std::string Findings::name(const Graph& graph, ValueId value) {
  const auto found = printed().value_names.find(&graph.value(value));
  return "%" + (found == printed().value_names.end() ? std::to_string(value) : found->second);
}

const PrintedGraph& Findings::printed() {
  if (!printed_) {
    printed_ = print_with_places(model_);
    source_ = std::make_shared<Source>(Source{model_.name + ".graph", printed_->text});
  }
  return *printed_;
}

bool fits(const TensorType& from, const TensorType& into) {
  if (from.dtype != into.dtype || from.shape != into.shape) return false;
  if (!into.range) return true;
  return from.range && from.range->low >= into.range->low && from.range->high <= into.range->high;
}

namespace {

constexpr int nesting_limit = 200;

class GraphVerifier {
 public:
  GraphVerifier(const Model& model, const Graph& graph, Legality legality, Findings& findings,
                std::vector<std::int64_t> loops)
      : model_(model), graph_(graph), legality_(legality), findings_(findings), loops_(std::move(loops)) {}

  void run() {
    for (NodeId id = 0; id < static_cast<NodeId>(graph_.nodes.size()) && !findings_.full(); ++id) {
      const NodeContext context{graph_, id, loops_, legality_, findings_};
      if (check_links(context) && check_types(context)) check(context);
    }
    std::set<std::pair<Output::Kind, std::string>> names;
    for (const Output& output : graph_.outputs) check(output, names);
  }

 private:
  bool in_scan() const { return !loops_.empty(); }
  bool is_value(ValueId id) const { return id >= 0 && id < static_cast<ValueId>(graph_.values.size()); }

  void report(const Output& output, DiagnosticId id, std::string message) {
    const Span origin = is_value(output.value) ? graph_.node_of(output.value).origin : Span{};
    findings_.add(&output, origin, id, std::move(message));
  }

  // Values know their node, and what the node reads stands before it.
  static bool check_links(const NodeContext& context) {
    const Graph& graph = context.graph;
    const auto known = static_cast<ValueId>(graph.values.size());
    for (const ValueId result : context.node().results) {
      if (result < 0 || result >= known || graph.value(result).node != context.id) {
        context.report("bad-link", fmt::format("result {} does not belong to its node", result));
        return false;
      }
    }
    if (const auto* sweep = std::get_if<Sweep>(&context.node().op); sweep != nullptr && sweep->body.scalars.empty()) {
      context.report("empty-body", "expected a scalar in the sweep's body, found none");
      return false;
    }
    for (const ValueId operand : operands_of(context.node())) {
      const bool earlier =
          operand >= 0 && operand < known && graph.value(operand).node >= 0 && graph.value(operand).node < context.id;
      if (earlier) continue;
      context.report("use-before-definition", fmt::format("operand {} does not stand before its user", operand));
      return false;
    }
    return true;
  }

  static bool check_types(const NodeContext& context) {
    for (const ValueId result : context.node().results) {
      const std::string wrong = why_malformed(context.graph.type(result));
      if (wrong.empty()) continue;
      context.report("bad-type", fmt::format("the type of {} is malformed: {}", context.name(result), wrong));
      return false;
    }
    return true;
  }

 public:
  static std::string why_malformed(const TensorType& type) {
    if (type.dtype == DType::u32) return "u32 does not leave scalar expressions";
    for (const Extent extent : type.shape)
      if (extent.size < 0 || extent.size > largest_extent)
        return fmt::format("expected extents from 1 to 2^40, found {}", extent.size);
    if (count(type.shape, 1) > largest_extent) return "expected at most 2^40 elements";
    if (!type.range) return {};
    if (type.dtype != DType::i32) return fmt::format("a range belongs to i32, found {}", name_of(type.dtype));
    const bool inside = type.range->low >= -(std::int64_t{1} << 31) && type.range->high <= std::int64_t{1} << 31;
    if (!inside || type.range->low >= type.range->high)
      return fmt::format("expected a range of i32 values, found {} ..< {}", type.range->low, type.range->high);
    return {};
  }

 private:
  void check(const NodeContext& context) {
    match(
        context.node().op, [&](const Input& input) { check(context, input); },
        [&](const State& state) { check(context, state); },
        [&](const Sweep& sweep) {
          if (has_results(context, 1)) verify_sweep(context, sweep);
        },
        [&](const Scan& scan) { check(context, scan); }, [&](const Random& random) { check(context, random); },
        [&](const Gradient& gradient) { check(context, gradient); },
        [&](const Adjoint&) {
          if (has_results(context, 1)) check_left(context, "adjoint");
        },
        [&](const Override& override) { check(context, override); },
        [&](const Update& update) { check(context, update); });
  }

  static bool has_results(const NodeContext& context, std::size_t expected) {
    const std::size_t found = context.node().results.size();
    if (found != expected) context.report("value-count", fmt::format("expected {} results, found {}", expected, found));
    return found == expected;
  }

  static const TensorType& result_type_of(const NodeContext& context) {
    return context.graph.type(context.node().results[0]);
  }

  void check(const NodeContext& context, const Input& input) {
    if (!has_results(context, 1)) return;
    if (!inputs_.insert(input.name).second)
      context.report("duplicate-name", fmt::format("input '{}' is there twice", input.name));
  }

  void check(const NodeContext& context, const State& state) {
    if (!has_results(context, 1)) return;
    if (in_scan())
      return context.report("state-in-scan",
                            fmt::format("state '{}' must enter the scan as a captured value", state.name));
    const StateDeclaration* declared = model_.state(state.name);
    if (declared == nullptr)
      return context.report("unknown-state", fmt::format("the model declares no state '{}'", state.name));
    if (declared->type != result_type_of(context))
      context.report("wrong-type", fmt::format("expected state '{}' to be {}, found {}", state.name,
                                               to_string(declared->type), to_string(result_type_of(context))));
  }

  void check(const NodeContext& context, const Random& random) {
    if (!has_results(context, 1)) return;
    const TensorType& type = result_type_of(context);
    if (type.dtype != DType::f32)
      context.report("wrong-type", fmt::format("expected random numbers to be f32, found {}", name_of(type.dtype)));
    for (const ValueId operand : {random.seed, random.step}) {
      const TensorType& found = graph_.type(operand);
      if (found.dtype != DType::i32 || !found.shape.empty())
        context.report("wrong-type", fmt::format("expected seed and step to be i32[], found {} of {}",
                                                 context.name(operand), to_string(found)));
    }
  }

  bool check_left(const NodeContext& context, std::string_view kind) const {
    if (legality_.differentiated)
      context.report("gradient-left", fmt::format("{} node {} must be gone after differentiate", kind,
                                                  context.name(context.node().results[0])));
    return !legality_.differentiated;
  }

  void check(const NodeContext& context, const Override& override) {
    if (!has_results(context, override.values.size()) || !check_left(context, "override")) return;
    if (override.adjoints.size() != override.values.size())
      return context.report("value-count", fmt::format("expected {} adjoints, found {}", override.values.size(),
                                                       override.adjoints.size()));
    for (std::size_t i = 0; i < override.values.size(); ++i) {
      const ValueId adjoint = override.adjoints[i];
      const TensorType& type = graph_.type(override.values[i]);
      if (!std::holds_alternative<Adjoint>(graph_.node_of(adjoint).op))
        context.report("wrong-type", fmt::format("expected an adjoint, found {}", context.name(adjoint)));
      if (!is_float(type.dtype))
        context.report("wrong-type",
                       fmt::format("expected an override of floating tensors, found {}", to_string(type)));
      for (const ValueId one : {adjoint, context.node().results[i]}) {
        if (graph_.type(one) != type)
          context.report("wrong-type", fmt::format("expected {} to be {}, found {}", context.name(one), to_string(type),
                                                   to_string(graph_.type(one))));
      }
    }
    for (std::size_t i = 0; i < override.of.size(); ++i) {
      const TensorType& type = graph_.type(override.of[i]);
      if (!is_float(type.dtype) || graph_.type(override.gradients[i]) != type)
        context.report("wrong-type",
                       fmt::format("expected the gradient of {} to be {}, found {}", context.name(override.of[i]),
                                   to_string(type), to_string(graph_.type(override.gradients[i]))));
    }
  }

  void check(const NodeContext& context, const Gradient& gradient) {
    if (!has_results(context, 1) || !check_left(context, "gradient")) return;
    const TensorType& of = graph_.type(gradient.of);
    const TensorType& by = graph_.type(gradient.by);
    if (!is_float(of.dtype) || !of.shape.empty())
      context.report("wrong-type", fmt::format("expected the gradient of a floating scalar, found {}", to_string(of)));
    if (!is_float(by.dtype))
      context.report("wrong-type", fmt::format("expected a gradient by a floating tensor, found {}", to_string(by)));
    if (result_type_of(context) != by)
      context.report("wrong-type",
                     fmt::format("expected the gradient by {} to be {}, found {}", context.name(gradient.by),
                                 to_string(by), to_string(result_type_of(context))));
  }

  void check(const NodeContext& context, const Update& update) {
    if (!has_results(context, 0)) return;
    if (in_scan()) return context.report("update-in-scan", "a scan's body can't update a state");
    if (!updated_.insert(update.state).second)
      context.report("duplicate-update", fmt::format("state '{}' is updated twice", update.state));
    const StateDeclaration* declared = model_.state(update.state);
    if (declared == nullptr)
      return context.report("unknown-state", fmt::format("the model declares no state '{}'", update.state));
    if (!fits(graph_.type(update.value), declared->type))
      context.report("wrong-type", fmt::format("expected state '{}' to become {}, found {}", update.state,
                                               to_string(declared->type), to_string(graph_.type(update.value))));
  }

  void check(const NodeContext& context, const Scan& scan) {
    const std::size_t before = findings_.size();
    if (scan.body == nullptr) return context.report("empty-body", "expected a body in the scan, found none");
    if (scan.axis.extent.size < 1 || scan.axis.extent.size > largest_extent)
      return context.report("bad-extent",
                            fmt::format("expected a scan over 1 to 2^40 steps, found {}", to_string(scan.axis.extent)));
    if (loops_.size() >= nesting_limit)
      return context.report("nested-too-deeply",
                            fmt::format("expected at most {} scans in one another", nesting_limit));
    std::vector<std::int64_t> inner = {scan.axis.extent.size};
    inner.insert(inner.end(), loops_.begin(), loops_.end());
    GraphVerifier(model_, *scan.body, legality_, findings_, inner).run();
    if (findings_.size() == before) check_scan_types(context, scan);
  }

  void check_scan_types(const NodeContext& context, const Scan& scan) {
    const Graph& body = *scan.body;
    std::vector<ValueId> inputs;
    for (const Node& node : body.nodes)
      if (std::holds_alternative<Input>(node.op)) inputs.push_back(node.results[0]);
    std::vector<ValueId> entering = scan.initial;
    entering.insert(entering.end(), scan.captured.begin(), scan.captured.end());
    if (inputs.size() != entering.size())
      return context.report("wrong-scan", fmt::format("{} values enter the scan, but its body has {} inputs",
                                                      entering.size(), inputs.size()));
    if (body.outputs.size() < scan.initial.size())
      return context.report("wrong-scan", fmt::format("{} values are carried, but the body gives {}",
                                                      scan.initial.size(), body.outputs.size()));
    if (!has_results(context, body.outputs.size())) return;
    for (std::size_t i = 0; i < inputs.size(); ++i)
      expect_fit(context, graph_.type(entering[i]), body.type(inputs[i]),
                 fmt::format("{} to enter the scan", context.name(entering[i])));
    for (std::size_t i = 0; i < body.outputs.size(); ++i)
      check_scan_result(context, scan, i, body.type(body.outputs[i].value),
                        i < scan.initial.size() ? &body.type(inputs[i]) : nullptr);
  }

  // `carried`: the type of the carried value, or null for a yield.
  void check_scan_result(const NodeContext& context, const Scan& scan, std::size_t i, TensorType given,
                         const TensorType* carried) {
    const ValueId result = context.node().results[i];
    if (carried != nullptr) {
      expect_fit(context, given, *carried, fmt::format("the next of {}", context.name(result)));
      given = *carried;
    } else {
      given.shape.insert(given.shape.begin(), scan.axis.extent);
    }
    if (graph_.type(result) != given)
      context.report("wrong-type", fmt::format("expected {} to be {}, found {}", context.name(result), to_string(given),
                                               to_string(graph_.type(result))));
  }

  static void expect_fit(const NodeContext& context, const TensorType& found, const TensorType& expected,
                         const std::string& what) {
    if (!fits(found, expected))
      context.report("wrong-type",
                     fmt::format("expected {} as {}, found {}", what, to_string(expected), to_string(found)));
  }

  void check(const Output& output, std::set<std::pair<Output::Kind, std::string>>& names) {
    const bool made = is_value(output.value) && graph_.value(output.value).node >= 0 &&
                      graph_.value(output.value).node < static_cast<NodeId>(graph_.nodes.size());
    if (!made) return findings_.add(&output, {}, "bad-link", fmt::format("output '{}' is no value", output.name));
    if (in_scan()) return;
    if (!names.insert({output.kind, output.name}).second)
      report(output, "duplicate-name", fmt::format("output '{}' is there twice", output.name));
    const TensorType& type = graph_.type(output.value);
    if (output.kind == Output::Kind::loss && (!type.shape.empty() || !is_float(type.dtype)))
      report(output, "wrong-type",
             fmt::format("expected loss '{}' to be a floating scalar, found {}", output.name, to_string(type)));
  }

  const Model& model_;
  const Graph& graph_;
  Legality legality_;
  Findings& findings_;
  std::vector<std::int64_t> loops_;  // innermost first
  std::set<std::string> inputs_;
  std::set<std::string> updated_;
};

void verify_states(const Model& model, Findings& findings) {
  std::set<std::string> names;
  for (const StateDeclaration& state : model.states) {
    if (!names.insert(state.name).second)
      findings.add(&state, {}, "duplicate-name", fmt::format("state '{}' is declared twice", state.name));
    const std::string wrong = GraphVerifier::why_malformed(state.type);
    if (!wrong.empty())
      findings.add(&state, {}, "bad-type", fmt::format("the type of state '{}' is malformed: {}", state.name, wrong));
    for (const Extent extent : state.type.shape)
      if (extent.is_batch())
        findings.add(&state, {}, "batch-in-state", fmt::format("state '{}' can't depend on batch", state.name));
  }
}

}  // namespace

Diagnostics verify(const Model& model, Legality legality) {
  Findings findings(model);
  verify_states(model, findings);
  std::set<std::string> names;
  for (const Graph& entry : model.entries) {
    if (!names.insert(entry.name).second)
      findings.add(&entry, {}, "duplicate-name", fmt::format("entry '{}' is there twice", entry.name));
    GraphVerifier(model, entry, legality, findings, {}).run();
  }
  return std::move(findings).take();
}

}  // namespace descent
