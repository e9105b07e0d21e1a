// The parser of Graphs: a function per rule, the rule above it. It checks what it needs to build; the rest is the
// verifier's. Every node's origin is its place in this text.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "ir/body_parse.h"
#include "ir/graph.h"
#include "ir/text_lexer.h"
#include "ir/text_literal.h"

namespace descent {
namespace {

constexpr std::size_t axis_limit = 64;

constexpr ValueId broken = -1;  // a value whose definition has been reported

// The values in sight while one Graph is read.
struct Scope {
  explicit Scope(std::string name) : builder(std::move(name)) {}

  struct Definition {
    ValueId id = broken;
    Span at;
  };
  GraphBuilder builder;
  std::map<std::string, Definition> values;
  std::vector<std::string> loops;  // axes of the enclosing scans, innermost first
};

// A scan's block while it is read.
struct ScanBlock {
  Scope& outer;
  Scan scan;
  std::vector<std::string> carried;
  std::vector<ValueId> next;
  std::vector<ValueId> yields;
};

class GraphParser {
 public:
  explicit GraphParser(const SourceRef& source) : stream_(source) {}

  Result<Model> run() {
    Model model = parse_file();
    if (!stream_.diagnostics().empty()) return std::move(stream_.diagnostics());
    return model;
  }

 private:
  // file = 'descent' 'graph' '1' 'model' name (state | entry)*
  Model parse_file() {
    Model model;
    stream_.expect("descent", "at the beginning of a graph");
    stream_.expect("graph", "after 'descent'");
    stream_.expect_integer("version 1 of the format", 1, 1);
    stream_.expect("model");
    model.name = stream_.expect_name("the model's name");
    if (stream_.failed()) return model;  // another kind of file
    while (proceed()) {
      if (stream_.at("state"))
        model.states.push_back(parse_state());
      else if (stream_.at("entry"))
        model.entries.push_back(parse_entry());
      else
        stream_.fail_expected("'state' or 'entry'");
    }
    return model;
  }

  // Whether there is another statement to read, after a failed one too.
  bool proceed() {
    stream_.recover();
    return !stream_.at_end() && !stream_.hopeless();
  }

  // state = 'state' name ':' type ('parameter' | 'optimizer' | 'statistic') 'frozen'?
  StateDeclaration parse_state() {
    using Role = StateDeclaration::Role;
    StateDeclaration state;
    stream_.expect("state");
    state.name = stream_.expect_name("the state's name");
    stream_.expect(":", "after the state's name");
    state.type = parse_type(stream_);
    if (stream_.accept("optimizer"))
      state.role = Role::optimizer;
    else if (stream_.accept("statistic"))
      state.role = Role::statistic;
    else if (!stream_.accept("parameter"))
      stream_.fail_expected("'parameter', 'optimizer' or 'statistic'");
    state.frozen = stream_.accept("frozen");
    return state;
  }

  // entry = 'entry' name '{' statement* '}'
  Graph parse_entry() {
    stream_.expect("entry");
    Scope scope(stream_.expect_name("the entry's name"));
    stream_.expect("{", "after the entry's name");
    while (proceed() && !stream_.at("}")) parse_statement(scope);
    stream_.expect("}", "after the entry's last statement");
    return std::move(scope.builder).finish();
  }

  // statement = 'update' name '=' value | ('output' | 'loss' | 'metric') name '=' value | definition
  void parse_statement(Scope& scope) {
    const Token first = stream_.peek();
    if (stream_.accept("update")) {
      std::string state = stream_.expect_name("the state's name");
      stream_.expect("=");
      const ValueId value = parse_value(scope);
      if (!stream_.failed()) scope.builder.update(std::move(state), value, stream_.span_from(first));
    } else if (stream_.accept("output")) {
      parse_output(scope, Output::Kind::output);
    } else if (stream_.accept("loss")) {
      parse_output(scope, Output::Kind::loss);
    } else if (stream_.accept("metric")) {
      parse_output(scope, Output::Kind::metric);
    } else {
      parse_definition(scope);
    }
  }

  void parse_output(Scope& scope, Output::Kind kind) {
    std::string name = stream_.expect_name("the output's name");
    stream_.expect("=");
    const ValueId value = parse_value(scope);
    if (!stream_.failed()) scope.builder.output(kind, std::move(name), value);
  }

  // definition = '%'name (',' '%'name)* '=' operation ':' type (',' type)*
  void parse_definition(Scope& scope) {
    if (++nodes_ > text_node_limit)
      stream_.fail_here("too-many-nodes", fmt::format("expected at most {} nodes", text_node_limit));
    const Token first = stream_.peek();
    if (first.kind != Token::Kind::value) return stream_.fail_expected("a statement");
    std::vector<Token> names;
    do {
      names.push_back(stream_.peek());
      stream_.expect_value("the name of a value");
    } while (stream_.accept(","));
    stream_.expect("=", "after the values");
    decltype(Node::op) op = parse_operation(scope);
    const Span origin = stream_.span_from(first);
    std::vector<TensorType> types;
    stream_.expect(":", "before the type");
    do types.push_back(parse_type(stream_));
    while (stream_.accept(","));
    if (!stream_.failed() && types.size() != names.size())
      stream_.fail(first, "value-count",
                   fmt::format("expected {} types for {} values, found {}", names.size(), names.size(), types.size()));
    if (stream_.failed()) return define_broken(scope, names);
    define(scope, names, std::move(op), std::move(types), origin);
  }

  void define(Scope& scope, const std::vector<Token>& names, decltype(Node::op) op, std::vector<TensorType> types,
              const Span& origin) {
    const std::size_t known = scope.builder.graph().values.size();
    const std::vector<ValueId> results = scope.builder.add(std::move(op), std::move(types), {}, origin);
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (static_cast<std::size_t>(results[i]) >= known) scope.builder.rename(results[i], std::string(names[i].text));
      define(scope, names[i], results[i]);
    }
  }

  void define(Scope& scope, const Token& name, ValueId value) {
    const auto [entry, fresh] =
        scope.values.emplace(std::string(name.text), Scope::Definition{value, stream_.span_of(name)});
    if (!fresh && !stream_.failed())
      stream_.fail(name, "duplicate-name", fmt::format("'%{}' is defined twice", name.text),
                   {{entry->second.at, "it is defined here first"}});
  }

  void define_broken(Scope& scope, const std::vector<Token>& names) {
    for (const Token& name : names)
      scope.values.emplace(std::string(name.text), Scope::Definition{broken, stream_.span_of(name)});
  }

  ValueId parse_value(Scope& scope) {
    const Token token = stream_.peek();
    const std::string name = stream_.expect_value("a value");
    if (stream_.failed()) return broken;
    const auto found = scope.values.find(name);
    if (found != scope.values.end()) {
      if (found->second.id == broken) stream_.fail_quietly();
      return found->second.id;
    }
    std::vector<std::string> names;
    for (const auto& [known, definition] : scope.values) names.push_back("%" + known);
    stream_.fail(token, "unknown-value", fmt::format("no value '%{}' before this", name),
                 suggestion("%" + name, names));
    return broken;
  }

  // operation = input | state | sweep | scan | random | gradient | 'adjoint' name | override
  decltype(Node::op) parse_operation(Scope& scope) {
    const Token word = stream_.peek();
    if (stream_.accept("input")) return Input{stream_.expect_name("the input's name")};
    if (stream_.accept("state")) return State{stream_.expect_name("the state's name")};
    if (stream_.accept("sweep")) return parse_sweep(scope);
    if (stream_.accept("scan")) return parse_scan(scope);
    if (stream_.accept("random")) return parse_random(scope);
    if (stream_.accept("gradient")) return parse_gradient(scope);
    if (stream_.accept("adjoint")) return Adjoint{stream_.expect_name("the adjoint's name")};
    if (stream_.accept("override")) return parse_override(scope);
    static const std::vector<std::string> names = {"input",  "state",    "sweep",   "scan",
                                                   "random", "gradient", "adjoint", "override"};
    stream_.fail(word, "unknown-operation", fmt::format("expected an operation, found {}", describe(word)),
                 suggestion(word.text, names));
    return Input{};
  }

  // random = 'random' site '(' value ',' value ')'
  Random parse_random(Scope& scope) {
    Random random;
    random.site = stream_.expect_name("the site's name");
    stream_.expect("(");
    random.seed = parse_value(scope);
    stream_.expect(",", "between seed and step");
    random.step = parse_value(scope);
    stream_.expect(")");
    return random;
  }

  // gradient = 'gradient' 'of' value 'by' value
  Gradient parse_gradient(Scope& scope) {
    Gradient gradient;
    stream_.expect("of");
    gradient.of = parse_value(scope);
    stream_.expect("by");
    gradient.by = parse_value(scope);
    return gradient;
  }

  // override = 'override' value (',' value)* 'adjoint' value (',' value)* 'gradient' value '=' value (',' value '='
  // value)*
  Override parse_override(Scope& scope) {
    Override override;
    do override.values.push_back(parse_value(scope));
    while (stream_.accept(","));
    stream_.expect("adjoint", "after the values");
    do override.adjoints.push_back(parse_value(scope));
    while (stream_.accept(","));
    stream_.expect("gradient", "after the adjoints");
    do {
      override.of.push_back(parse_value(scope));
      stream_.expect("=");
      override.gradients.push_back(parse_value(scope));
    } while (stream_.accept(","));
    return override;
  }

  // sweep = 'sweep' '[' axes ('where' guard (',' guard)*)? ']' combiner? order? ('at' '[' indices ']')? body
  Sweep parse_sweep(Scope& scope) {
    Sweep sweep;
    BodyParser inside(stream_, [&] {
      const ValueId value = parse_value(scope);
      const DType type = value == broken ? DType::f32 : scope.builder.type(value).dtype;
      return BodyParser::Tensor{value, type};
    });
    for (std::size_t i = scope.loops.size(); i-- > 0;) inside.define(scope.loops[i], -static_cast<AxisId>(i) - 1);

    stream_.expect("[", "after 'sweep'");
    parse_axes(sweep, inside);
    if (stream_.accept("where")) parse_guards(sweep, inside);
    stream_.expect("]", "after the axes");
    parse_combiner(sweep);
    if (stream_.at("chain") || stream_.at("lanes")) sweep.order = parse_order();
    if (stream_.accept("at")) {
      stream_.expect("[", "after 'at'");
      sweep.landing = inside.parse_indices();
      stream_.expect("]", "after the landing");
    } else {
      for (std::size_t axis = 0; axis < sweep.axes.size(); ++axis)
        sweep.landing.push_back({Affine::axis(static_cast<AxisId>(axis)), no_scalar});
    }
    sweep.body = inside.parse_body(sweep.landing);
    return sweep;
  }

  // axes = (name '<' extent (',' name '<' extent)*)?
  void parse_axes(Sweep& sweep, BodyParser& inside) {
    while (!stream_.at_end() && !stream_.at("]") && !stream_.at("where")) {
      if (!sweep.axes.empty()) stream_.expect(",", "between axes");
      const Token name = stream_.peek();
      if (sweep.axes.size() == axis_limit)
        stream_.fail_here("too-many-axes", fmt::format("expected at most {} axes", axis_limit));
      const std::string axis = parse_axis_name();
      const bool taken =
          std::any_of(sweep.axes.begin(), sweep.axes.end(), [&](const Axis& a) { return a.name == axis; });
      if (taken) stream_.fail(name, "duplicate-name", fmt::format("axis '{}' is there twice", axis));
      stream_.expect("<", "after the axis");
      inside.define(axis, static_cast<AxisId>(sweep.axes.size()));
      sweep.axes.push_back({axis, parse_extent(stream_)});
    }
  }

  std::string parse_axis_name() {
    const Token token = stream_.peek();
    const bool plain = token.kind == Token::Kind::word && token.text.find('.') == std::string_view::npos;
    if (!plain || token.is("else")) {
      stream_.fail_expected("the name of an axis");
      return {};
    }
    return std::string(stream_.next().text);
  }

  // guard = form '>=' form
  void parse_guards(Sweep& sweep, BodyParser& inside) {
    do {
      if (sweep.guards.size() == axis_limit)
        stream_.fail_here("too-many-guards", fmt::format("expected at most {} guards", axis_limit));
      const Affine left = inside.parse_form();
      stream_.expect(">=", "in a guard");
      sweep.guards.push_back(left - inside.parse_form());
    } while (stream_.accept(","));
  }

  // combiner = 'none' | 'sum' | 'max' | 'min' | 'product' | 'argmax'
  void parse_combiner(Sweep& sweep) {
    const Token token = stream_.peek();
    if (token.kind != Token::Kind::word || token.is("at") || token.is("chain") || token.is("lanes")) return;
    std::vector<std::string> names;
    for (const Combiner combiner :
         {Combiner::none, Combiner::sum, Combiner::max, Combiner::min, Combiner::product, Combiner::argmax}) {
      if (token.is(name_of(combiner))) {
        stream_.next();
        sweep.combiner = combiner;
        return;
      }
      names.emplace_back(name_of(combiner));
    }
    stream_.fail(token, "unknown-combiner", fmt::format("expected a combiner, found {}", describe(token)),
                 suggestion(token.text, names));
  }

  // order = ('chain' | 'lanes') 'fused'? ('piece' integer)?
  Order parse_order() {
    Order order;
    order.kind = stream_.accept("lanes") ? Order::Kind::lanes : Order::Kind::chain;
    if (order.kind == Order::Kind::chain) stream_.expect("chain");
    order.fused = stream_.accept("fused");
    if (stream_.accept("piece")) order.piece = stream_.expect_integer("a number of steps", 1, std::int64_t{1} << 40);
    return order;
  }

  // scan = 'scan' '[' name '<' integer ']' 'reversed'? '{' (carry | capture | statement | next | yield)* '}'
  Scan parse_scan(Scope& scope) {
    const TokenStream::Nesting nesting(stream_);
    ScanBlock block{scope, {}, {}, {}, {}};
    stream_.expect("[", "after 'scan'");
    block.scan.axis.name = parse_axis_name();
    stream_.expect("<", "after the axis");
    block.scan.axis.extent = {stream_.expect_integer("an extent", 1, std::int64_t{1} << 40)};
    stream_.expect("]", "after the axis");
    block.scan.reversed = stream_.accept("reversed");
    stream_.expect("{", "before the scan's body");
    if (stream_.failed()) return block.scan;

    Scope inner("");
    inner.loops = {block.scan.axis.name};
    inner.loops.insert(inner.loops.end(), scope.loops.begin(), scope.loops.end());
    while (proceed() && !stream_.at("}")) parse_scan_statement(inner, block);
    finish_scan(inner, block);
    return std::move(block.scan);
  }

  void parse_scan_statement(Scope& inner, ScanBlock& block) {
    const Token word = stream_.peek();
    if (stream_.accept("carry")) {
      if (!block.scan.captured.empty())
        return stream_.fail(word, "syntax-error", "carried values stand before captured ones");
      block.carried.emplace_back(stream_.peek().text);
      block.next.push_back(broken);
      block.scan.initial.push_back(parse_entering(inner, block));
    } else if (stream_.accept("capture")) {
      block.scan.captured.push_back(parse_entering(inner, block));
    } else if (stream_.accept("next")) {
      parse_next(inner, block);
    } else if (stream_.accept("yield")) {
      block.yields.push_back(parse_value(inner));
    } else if (word.is("update") || word.is("output") || word.is("loss") || word.is("metric")) {
      stream_.fail(word, "syntax-error", fmt::format("'{}' does not stand in a scan", word.text));
    } else {
      parse_definition(inner);
    }
  }

  // carry, capture = ('carry' | 'capture') '%'name '=' value ':' type
  ValueId parse_entering(Scope& inner, ScanBlock& block) {
    const Token name = stream_.peek();
    stream_.expect_value("the name of a value");
    stream_.expect("=");
    const ValueId value = parse_value(block.outer);
    stream_.expect(":", "before the type");
    const TensorType type = parse_type(stream_);
    if (stream_.failed()) {
      if (name.kind == Token::Kind::value) define_broken(inner, {name});
    } else {
      define(inner, {name}, Input{std::string(name.text)}, {type}, stream_.span_from(name));
    }
    return value;
  }

  // next = 'next' '%'carried '=' value
  void parse_next(Scope& inner, ScanBlock& block) {
    const Token token = stream_.peek();
    const std::string name = stream_.expect_value("a carried value");
    stream_.expect("=");
    const ValueId value = parse_value(inner);
    if (stream_.failed()) return;
    const auto found = std::find(block.carried.begin(), block.carried.end(), name);
    if (found == block.carried.end())
      return stream_.fail(token, "unknown-value", fmt::format("'%{}' is not carried", name),
                          suggestion(name, block.carried));
    ValueId& next = block.next[static_cast<std::size_t>(found - block.carried.begin())];
    if (next != broken) return stream_.fail(token, "duplicate-name", fmt::format("'%{}' has two nexts", name));
    next = value;
  }

  void finish_scan(Scope& inner, ScanBlock& block) {
    const std::size_t reported = stream_.diagnostics().size();
    for (std::size_t i = 0; i < block.carried.size(); ++i) {
      if (block.next[i] == broken && reported == 0)
        stream_.fail_here("no-next", fmt::format("expected a next for '%{}' before the scan ends", block.carried[i]));
      inner.builder.output(Output::Kind::output, {}, block.next[i]);
    }
    for (const ValueId yield : block.yields) inner.builder.output(Output::Kind::output, {}, yield);
    stream_.expect("}", "after the scan's body");
    block.scan.body = std::make_shared<const Graph>(std::move(inner.builder).finish());
  }

  TokenStream stream_;
  std::size_t nodes_ = 0;
};

}  // namespace

Result<Model> parse_model(const SourceRef& source) { return GraphParser(source).run(); }

}  // namespace descent
