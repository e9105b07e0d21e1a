// The printer of Graphs.
#include "ir/graph_print.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "ir/body_print.h"
#include "ir/free_names.h"
#include "ir/match.h"
#include "ir/text_lexer.h"

namespace descent {
namespace {

using Names = std::vector<std::string>;

constexpr std::size_t comment_column = 100;  // longer lines do not push the comments further out

// The hint with what no name may hold replaced, and a number when it is taken.
std::string unique_name(std::string_view hint, FreeNames& taken) {
  std::string base;
  for (const char c : hint) {
    const bool fits = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    const bool joint = c == '.' && !base.empty() && base.back() != '.';
    base += fits || joint ? c : '_';
  }
  if (!base.empty() && base.back() == '.') base.back() = '_';
  return taken.take_like(base);
}

// Unique names for the values of one Graph; those without a hint are numbered, in the order in which they are printed.
Names names_of_values(const Graph& graph, bool inputs_first) {
  Names names(graph.values.size());
  FreeNames taken("_");
  int number = 0;
  const auto is_input = [&](const Value& value) {
    const bool known = value.node >= 0 && value.node < static_cast<NodeId>(graph.nodes.size());
    return known && std::holds_alternative<Input>(graph.nodes[static_cast<std::size_t>(value.node)].op);
  };
  const auto name_those = [&](bool inputs) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      const Value& value = graph.values[i];
      if (inputs_first && is_input(value) != inputs) continue;
      const bool anonymous = value.name.find_first_not_of("0123456789") == std::string::npos;
      names[i] = anonymous ? std::to_string(number++) : unique_name(value.name, taken);
    }
  };
  name_those(true);
  if (inputs_first) name_those(false);
  return names;
}

std::string_view role_name(StateDeclaration::Role role) {
  switch (role) {
    case StateDeclaration::Role::parameter:
      return "parameter";
    case StateDeclaration::Role::optimizer:
      return "optimizer";
    case StateDeclaration::Role::statistic:
      return "statistic";
  }
  return {};
}

std::string_view kind_name(Output::Kind kind) {
  switch (kind) {
    case Output::Kind::output:
      return "output";
    case Output::Kind::loss:
      return "loss";
    case Output::Kind::metric:
      return "metric";
  }
  return {};
}

std::string joined(const Names& parts) { return fmt::format("{}", fmt::join(parts, ", ")); }

std::string print_order(const Order& order) {
  std::string text = order.kind == Order::Kind::chain ? " chain" : " lanes";
  if (order.fused) text += " fused";
  if (order.piece != 0) text += fmt::format(" piece {}", order.piece);
  return text;
}

// Places as "xor.descent:3"; the lines of a source are counted once, not once per node.
class Origins {
 public:
  // Nothing for a text that is a printed graph itself.
  std::string print(const Span& origin) {
    if (origin.source == nullptr || origin.source->text.starts_with("descent graph")) return {};
    const std::vector<std::size_t>& ends = line_ends(*origin.source);
    const auto line = std::lower_bound(ends.begin(), ends.end(), origin.begin) - ends.begin() + 1;
    return fmt::format("{}:{}", origin.source->name, line);
  }

 private:
  const std::vector<std::size_t>& line_ends(const Source& source) {
    auto [known, fresh] = line_ends_.try_emplace(&source);
    if (!fresh) return known->second;
    for (std::size_t at = source.text.find('\n'); at != std::string::npos; at = source.text.find('\n', at + 1)) {
      known->second.push_back(at);
    }
    return known->second;
  }
  std::map<const Source*, std::vector<std::size_t>> line_ends_;
};

bool lands_where_it_stands(const Sweep& sweep) {
  if (sweep.landing.size() != sweep.axes.size()) return false;
  for (std::size_t axis = 0; axis < sweep.axes.size(); ++axis)
    if (sweep.landing[axis] != Index{Affine::axis(static_cast<AxisId>(axis)), no_scalar}) return false;
  return true;
}

class GraphPrinter {
 public:
  struct Line {
    std::string text;
    std::string comment;
    const void* part;
  };

  explicit GraphPrinter(const Remarks& remarks) : remarks_(remarks) {}

  void print_entry(const Graph& graph) {
    add(0, fmt::format("entry {} {{", quoted_name(graph.name)), &graph);
    const Names names = names_of_values(graph, false);
    remember(graph, names);
    for (const Node& node : graph.nodes) print(graph, names, {}, 1, node);
    for (const Output& output : graph.outputs) {
      add(1, fmt::format("{} {} = {}", kind_name(output.kind), quoted_name(output.name), value(names, output.value)),
          &output);
    }
    add(0, "}");
  }

  void add(int depth, std::string text, const void* part = nullptr, std::string comment = {}) {
    lines_.push_back(
        {std::string(static_cast<std::size_t>(2 * depth), ' ') + std::move(text), std::move(comment), part});
  }

  // Joins the lines, comments in one column.
  PrintedGraph finish() && {
    std::size_t column = 0;
    for (const Line& line : lines_)
      if (!line.comment.empty() && line.text.size() <= comment_column) column = std::max(column, line.text.size());
    for (Line& line : lines_) {
      const auto begin = static_cast<std::uint32_t>(printed_.text.size() + line.text.find_first_not_of(' '));
      printed_.text += line.text;
      if (line.part != nullptr) printed_.places[line.part] = {begin, static_cast<std::uint32_t>(printed_.text.size())};
      if (!line.comment.empty()) {
        const std::size_t blanks = line.text.size() < column ? column - line.text.size() : 0;
        printed_.text += fmt::format("{}  # {}", std::string(blanks, ' '), line.comment);
      }
      printed_.text += '\n';
    }
    return std::move(printed_);
  }

 private:
  const Remarks& remarks_;
  Origins origins_;

  void remark(int depth, const std::unordered_map<const Node*, std::vector<std::string>>& remarks, const Node& node) {
    const auto found = remarks.find(&node);
    if (found == remarks.end()) return;
    lines_.push_back({});
    for (const std::string& line : found->second) add(depth, "# " + line);
  }

  static std::string value(const Names& names, ValueId id) {
    const bool known = id >= 0 && id < static_cast<ValueId>(names.size());
    return "%" + (known ? names[static_cast<std::size_t>(id)] : "?");
  }

  static std::string values(const Names& names, const std::vector<ValueId>& ids) {
    Names parts;
    for (const ValueId id : ids) parts.push_back(value(names, id));
    return joined(parts);
  }

  static std::string types(const Graph& graph, const std::vector<ValueId>& ids) {
    Names parts;
    for (const ValueId id : ids) parts.push_back(type(graph, id));
    return joined(parts);
  }

  static std::string type(const Graph& graph, ValueId id) {
    const bool known = id >= 0 && id < static_cast<ValueId>(graph.values.size());
    return known ? to_string(graph.type(id)) : "?";
  }

  void remember(const Graph& graph, const Names& names) {
    for (std::size_t i = 0; i < names.size(); ++i) printed_.value_names[&graph.values[i]] = names[i];
  }

  void print(const Graph& graph, const Names& names, const Names& loops, int depth, const Node& node) {
    remark(depth, remarks_.above, node);
    print_node(graph, names, loops, depth, node);
    remark(depth, remarks_.below, node);
  }

  void print_node(const Graph& graph, const Names& names, const Names& loops, int depth, const Node& node) {
    if (const auto* scan = std::get_if<Scan>(&node.op)) return print(graph, names, loops, depth, node, *scan);
    const std::string operation = match(
        node.op, [](const Input& input) { return "input " + quoted_name(input.name); },
        [](const State& state) { return "state " + quoted_name(state.name); },
        [&](const Sweep& sweep) { return print(graph, names, loops, sweep); },
        [](const Scan&) { return std::string(); },
        [&](const Random& random) {
          return fmt::format("random {}({}, {})", quoted_name(random.site), value(names, random.seed),
                             value(names, random.step));
        },
        [&](const Gradient& gradient) {
          return fmt::format("gradient of {} by {}", value(names, gradient.of), value(names, gradient.by));
        },
        [](const Adjoint& adjoint) { return "adjoint " + quoted_name(adjoint.name); },
        [&](const Override& override) {
          Names gradients;
          for (std::size_t i = 0; i < std::min(override.of.size(), override.gradients.size()); ++i) {
            gradients.push_back(value(names, override.of[i]) + " = " + value(names, override.gradients[i]));
          }
          return fmt::format("override {} adjoint {} gradient {}", values(names, override.values),
                             values(names, override.adjoints), joined(gradients));
        },
        [&](const Update& update) {
          return fmt::format("update {} = {}", quoted_name(update.state), value(names, update.value));
        });
    const std::string results = values(names, node.results);
    const std::string line =
        results.empty() ? operation : fmt::format("{} = {} : {}", results, operation, types(graph, node.results));
    add(depth, line, &node, origins_.print(node.origin));
  }

  static std::string print(const Graph& graph, const Names& names, const Names& loops, const Sweep& sweep) {
    const Names axes = axis_names(sweep.axes, loops);
    const auto axis = [&](AxisId id) { return axis_name(id, axes, loops); };
    const BodyNames body_names = {[&](ValueId id) { return value(names, id).substr(1); }, axis,
                                  [&](ValueId id) {
                                    const bool known = id >= 0 && id < static_cast<ValueId>(graph.values.size());
                                    return known ? graph.type(id).dtype : DType::f32;
                                  }};
    Names box;
    for (std::size_t i = 0; i < axes.size(); ++i)
      box.push_back(fmt::format("{} < {}", axes[i], to_string(sweep.axes[i].extent)));
    Names guards;
    for (const Affine& guard : sweep.guards) guards.push_back(to_string(guard, axis) + " >= 0");

    std::string text = "sweep [" + joined(box);
    if (!guards.empty()) text += (box.empty() ? "where " : " where ") + joined(guards);
    text += "]";
    if (sweep.combiner != Combiner::none) text += fmt::format(" {}", name_of(sweep.combiner));
    if (sweep.order) text += print_order(*sweep.order);
    if (!lands_where_it_stands(sweep))
      text += fmt::format(" at [{}]", print_indices(sweep.body, sweep.landing, body_names));
    return fmt::format("{} {}", text, print_body(sweep.body, body_names));
  }

  void print(const Graph& graph, const Names& names, const Names& loops, int depth, const Node& node,
             const Scan& scan) {
    const std::string axis = axis_names({scan.axis}, loops)[0];
    add(depth,
        fmt::format("{} = scan [{} < {}]{} {{", values(names, node.results), axis, to_string(scan.axis.extent),
                    scan.reversed ? " reversed" : ""),
        &node, origins_.print(node.origin));
    Names inner_loops = {axis};
    inner_loops.insert(inner_loops.end(), loops.begin(), loops.end());
    if (scan.body != nullptr) print_scan_body(names, inner_loops, depth + 1, scan);
    add(depth, fmt::format("}} : {}", types(graph, node.results)));
  }

  void print_scan_body(const Names& outer, const Names& loops, int depth, const Scan& scan) {
    const Graph& body = *scan.body;
    const Names names = names_of_values(body, true);
    remember(body, names);
    std::vector<ValueId> entering = scan.initial;
    entering.insert(entering.end(), scan.captured.begin(), scan.captured.end());
    Names carried;
    std::size_t inputs = 0;
    for (const Node& node : body.nodes) {
      if (!std::holds_alternative<Input>(node.op)) continue;
      const bool carries = inputs < scan.initial.size();
      const std::string name = values(names, node.results);
      if (carries) carried.push_back(name);
      add(depth,
          fmt::format("{} {} = {} : {}", carries ? "carry" : "capture", name,
                      inputs < entering.size() ? value(outer, entering[inputs]) : "?", types(body, node.results)),
          &node, origins_.print(node.origin));
      ++inputs;
    }
    for (const Node& node : body.nodes)
      if (!std::holds_alternative<Input>(node.op)) print(body, names, loops, depth, node);
    for (std::size_t i = 0; i < body.outputs.size(); ++i) {
      const Output& output = body.outputs[i];
      const std::string left = i < carried.size() ? fmt::format("next {} =", carried[i]) : "yield";
      add(depth, fmt::format("{} {}", left, value(names, output.value)), &output);
    }
  }

  std::vector<Line> lines_;
  PrintedGraph printed_;
};

}  // namespace

Names axis_names(const std::vector<Axis>& axes, const Names& loops) {
  static constexpr std::string_view letters = "ijklmnopqr";
  FreeNames taken("_");
  for (const std::string& loop : loops) taken.take(loop);
  for (const char* word : {"else", ""}) taken.take(word);
  Names names(axes.size());
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (axes[i].name.empty()) continue;
    std::string hint = axes[i].name;
    std::replace(hint.begin(), hint.end(), '.', '_');
    if (hint[0] >= '0' && hint[0] <= '9') hint.insert(0, "i");
    names[i] = unique_name(hint, taken);
  }
  std::size_t next = 0;
  for (std::string& name : names) {
    while (name.empty()) {
      const std::string letter(1, letters[next % letters.size()]);
      const std::string hint = next < letters.size() ? letter : fmt::format("{}{}", letter, next / letters.size());
      if (taken.take(hint)) name = hint;
      ++next;
    }
  }
  return names;
}

std::string axis_name(AxisId axis, const Names& axes, const Names& loops) {
  const Names& names = axis < 0 ? loops : axes;
  const auto position = static_cast<std::size_t>(axis < 0 ? -(axis + 1) : axis);
  return position < names.size() ? names[position] : "?";
}

PrintedGraph print_with_places(const Model& model, const Remarks& remarks) {
  GraphPrinter printer(remarks);
  printer.add(0, "descent graph 1");
  printer.add(0, "model " + quoted_name(model.name), &model);
  for (const StateDeclaration& state : model.states) {
    printer.add(0,
                fmt::format("state {} : {} {}{}", quoted_name(state.name), to_string(state.type), role_name(state.role),
                            state.frozen ? " frozen" : ""),
                &state);
  }
  for (const Graph& entry : model.entries) {
    printer.add(0, "");
    printer.print_entry(entry);
  }
  return std::move(printer).finish();
}

std::string print(const Model& model) { return print_with_places(model).text; }

std::string print(const Graph& graph) {
  const Remarks none;
  GraphPrinter printer(none);
  printer.print_entry(graph);
  return std::move(printer).finish().text;
}

}  // namespace descent
