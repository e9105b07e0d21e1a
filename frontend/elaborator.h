// Syntax tree → Graph: reads a model's statements in order, keeps what each name means, and appends nodes. Functions
// are read anew at each call. After a mistake the names of its statement are poison, and reading goes on.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "frontend/ast.h"
#include "frontend/extents.h"
#include "frontend/frontend.h"
#include "frontend/operand.h"
#include "frontend/program.h"
#include "frontend/reporter.h"
#include "ir/graph.h"

namespace descent::frontend {

// Of one Graph: expressions read, however often a function is called; calls inside one another.
inline constexpr std::int64_t most_nodes = 200'000;
inline constexpr std::size_t most_calls = 100;
inline constexpr std::int64_t longest_axis = (std::int64_t{1} << 31) - 1;

// A sweep whose body is being written.
struct OpenSweep {
  BodyBuilder body;
  bool indexed = false;  // false: whole tensors, point by point; the axes are those of the result, given when closed
  std::vector<Axis> axes;
  std::map<std::string, AxisId> indices;
  std::optional<std::vector<AxisId>> leading;  // the axes of `...`
};

// A parameter or an optimizer's state.
struct StateInfo {
  StateDeclaration declaration;
  ValueId value = -1;
  Span at;
};

// A scan or a repeat whose block is being read into a Graph of its own.
struct OpenLoop {
  struct Carried {
    ast::Identifier name;
    TensorType type;
    ValueId initial = -1;  // outside
    ValueId next = -1;     // inside, at the end of the block
  };
  // Given at every turn, stacked afterwards; the turn's axis stands before the last `behind` ones.
  struct Yielded {
    ast::Identifier name;
    ValueId value = -1;
    std::size_t behind = 0;
  };
  GraphBuilder body;
  Axis axis;
  bool stacks = false;  // a repeat: a parameter made inside has a value of its own for each turn
  std::vector<Carried> carried;
  std::vector<Yielded> yields = {};
  std::vector<std::pair<ValueId, ValueId>> captured = {};     // outside, its input inside
  std::vector<std::pair<std::string, ValueId>> updates = {};  // of states that have a value for each turn
  std::map<std::string, Operand> imported = {};               // names of the function around the block, as seen inside
};

// An initial value being drawn: what `uniform` gives, and under which site.
struct Draw {
  TensorType type;
  std::string site;
};

// One call: what names mean inside it.
struct Frame {
  struct Binding {
    Operand value;
    Span at;
    std::size_t level = 0;  // how many loops were open where it was given
  };
  const ast::Function* function = nullptr;  // null: an expression outside of functions
  Span call;
  std::string path;                      // "hidden.linear"; inside a repeat "block.*"
  std::vector<std::string> outer_paths;  // of the function, then of the repeats around the block being read
  std::string binding;                   // the name on the left of the statement being read
  std::map<std::string, Binding> names;
  std::optional<Shape> leading;  // what `...` stands for in the signature
  std::optional<std::vector<TensorType>> results;
  OpenLoop* loop = nullptr;       // the innermost whose block is this function's
  OpenSweep* elements = nullptr;  // read inside index notation: values are points of this sweep
  std::vector<Operand> returned;
  bool has_returned = false;
  std::map<std::string, std::string> states;             // an optimizer's: name → path
  std::vector<std::pair<std::string, ValueId>> updates;  // path → newest value
};

// A call that takes the parameters of another: what is declared below `own` is found below `from`.
struct Sharing {
  std::string own, from;
};

struct NamedValue {
  std::string name;
  ValueId value = -1;
  Span at;
};
// A metric whose formula holds over_epoch(…): its parts are NAME.0, NAME.1, …
struct Formula {
  std::string name;
  const ast::Expression* expression = nullptr;
  std::vector<const ast::Call*> parts;
};

// What reading a model gives besides nodes.
struct ModelReading {
  std::vector<std::string> inputs;
  std::vector<StateInfo> parameters;
  std::vector<NamedValue> outputs;
  std::vector<NamedValue> losses;
  std::vector<NamedValue> metrics;
  std::vector<Formula> formulas;
};

// The row of the op table that a call by this name means, if any: everything but what has a sign or is internal.
const OpRow* find_primitive(const std::string& name);

class Elaborator {
 public:
  // What a model is read for: to draw its first values, to learn, or to judge (and all else).
  enum class Purpose : std::uint8_t { draw, learn, judge };
  Elaborator(const Program& program, Reporter& reporter, std::string graph_name, Purpose purpose = Purpose::judge);

  GraphBuilder& graph() { return *graph_; }
  const GraphBuilder& graph() const { return *graph_; }

  // elaborate_model.cpp
  void draw_parameters();  // from here on: an input `seed`, and an update for each parameter
  ModelReading read_model(const ModelArguments& arguments);
  void read_formula(const Formula& formula, const ModelArguments& arguments);

  // elaborate_learning.cpp
  // An argument of an optimizer: its name, its expression, and which literals in it are inputs.
  struct RateExpression {
    std::string argument;
    ast::ExpressionRef value;
  };
  using RateNames = std::map<const ast::Expression*, std::string>;
  void open_training();  // inputs step, steps, seed
  // Before the model is read: a step learns from the rows of all batches since the last one, and draws of chance count
  // batches instead of steps. What it adds is among these states.
  void accumulate() { accumulates_ = true; }
  static std::vector<StateDeclaration> accumulation_states(const std::vector<StateInfo>& parameters);
  // Behind `learn`, in the entry that only adds up; in the one that takes the sums, behind `optimize`.
  void add_up();
  void begin_sums_anew();
  struct Optimization {
    const ast::Function* function = nullptr;
    Span at;                                // of the setting
    std::vector<RateExpression> arguments;  // given and default
    RateNames rates;
    std::string prefix = {};  // of the arguments' names: "clip."
  };
  // Behind `optimize`: what the host counts, and the arguments that it changes thereby.
  const std::vector<Plateaus>& plateaus() const { return plateaus_; }
  std::vector<Output> plateau_numbers() const;
  // What is learnt by the loss, before `optimize`. `clip`, if any, gives each gradient anew.
  void learn(const std::vector<StateInfo>& parameters, ValueId loss, const Optimization* clip,
             const ModelArguments& arguments);
  void optimize(const StateInfo& parameter, const Optimization& optimization, const ModelArguments& arguments);
  // What is kept of a parameter that was optimized: the state NAME.average, NAME being what is trained.
  void average(const StateInfo& parameter, const Optimization& average, const ModelArguments& arguments);
  std::size_t open_turns(const StateInfo& parameter, const ast::Function& optimizer);
  // Only the optimizer's states, for the entry init.
  void declare_optimizer_states(const StateInfo& parameter, const Optimization& optimization);
  const std::vector<StateInfo>& optimizer_states() const { return optimizer_states_; }

  // Values outside of functions, with the model's arguments in scope: settings, further arguments.
  void open_settings(const ModelArguments& arguments);
  Operand setting(const ast::Expression& expression) { return value_of(expression); }
  // One expression per parameter, null where none is given. Calls do not give the first `skip` parameters.
  std::optional<std::vector<const ast::Expression*>> match_arguments(const ast::Function& function,
                                                                     const std::vector<ast::Argument>& arguments,
                                                                     std::size_t skip, const Span& at);
  std::optional<double> constant(const Operand& operand) const;
  std::optional<KnownNumber> known_number(const Operand& operand) const;  // but Integer

 private:
  // elaborate_names.cpp
  Frame& frame() { return *frames_.back(); }
  void error(DiagnosticId id, const Span& at, std::string message, std::vector<Note> notes = {});
  Operand poison(DiagnosticId id, const Span& at, std::string message, std::vector<Note> notes = {});
  ReportError reporting();
  Span origin(const Span& at) const;
  bool count(const Span& at);
  const Operand* find(const std::string& name);
  const Operand* known(const std::string& name);
  Operand resolve(const ast::Name& name, const Span& at);
  Operand resolve_path(const std::string& path, const Span& at);
  std::optional<std::string> shared_call(const ast::Identifier& written, const std::string& own);
  std::string shared(std::string path) const;
  Operand unknown_name(const std::string& name, const Span& at);
  Operand unknown_next(const std::string& name, const Span& at);
  void bind(const ast::Identifier& name, Operand value);
  std::string path_of(std::string_view last) const;
  std::string describe(const Operand& operand) const;
  const TensorType* tensor_type(const std::string& name);
  void push_frame(const ast::Function* function, Span call, std::string path);
  void bind_model(const ModelArguments& arguments);

  // elaborate_numbers.cpp
  Operand literal(const ast::Number& number, const Span& at);
  Operand integer_binary(const std::string& sign, std::int64_t a, std::int64_t b, const Span& at);
  Operand apply_numbers(Op op, const std::vector<Operand>& operands);
  Operand power_of_numbers(const Operand& base, const Operand& exponent);
  ScalarId number(const Operand& operand);  // as f64 (bool stays)
  bool is_number(const Operand& operand) const { return operand.get<Integer>() || operand.get<Real>(); }
  ValueId materialise(const Operand& operand, DType type, const Span& at);
  std::optional<std::int64_t> integer(const ast::Expression& expression, const std::string& what);
  std::optional<Extent> extent(const ast::Expression& expression, const std::string& what);
  std::string with_sizes(const ast::Expression& expression, std::int64_t value);
  std::optional<TensorType> tensor_type(const ast::Type& type);
  bool fits(const Shape& shape, const Span& at);
  std::optional<Range> range(const ast::Type& type);

  // elaborate_points.cpp
  Operand value_of(const ast::Expression& expression);
  Operand element_of(const ast::Expression& expression, OpenSweep& sweep);
  Operand point_of(const Operand& operand, OpenSweep& sweep, const Span& at);
  Operand unary(const ast::Unary& node, OpenSweep& sweep, const Span& at);
  Operand binary(const ast::Binary& node, OpenSweep& sweep, const Span& at);
  Operand power(const Operand& base, const Operand& exponent, OpenSweep& sweep, const Span& at);
  Operand conditional(const ast::Conditional& node, OpenSweep& sweep, const Span& at);
  Operand primitive(const OpRow& row, const ast::Call& call, OpenSweep& sweep, const Span& at);
  Operand apply(Op op, const std::vector<Operand>& operands, OpenSweep& sweep, const Span& at);
  std::optional<ScalarId> scalar(const Operand& operand, DType type, OpenSweep& sweep, const Span& at);
  std::optional<DType> dtype_of(const Operand& operand, const OpenSweep& sweep) const;
  std::optional<Shape> common_shape(Op op, const std::vector<Operand>& operands, const Span& at);
  Operand convert(Op op, const Operand& operand, OpenSweep& sweep, const Span& at);
  Operand close(OpenSweep& sweep, const Operand& operand, const Span& at);
  Operand conform(const Operand& value, const TensorType& type, const Span& at, const std::string& what);

  // elaborate_indices.cpp
  Operand indexed_definition(const ast::Target& target, const ast::Expression& value, const TensorType* declared);
  bool collect_left(const ast::Target& target, IndexSet& indices);
  bool collect_names(const ast::Expression& index, IndexSet& indices);
  bool uses_mistake(const ast::Expression& expression);
  bool complete(const IndexSet& indices, const ast::Expression& value, OpenSweep& sweep);
  void add_leading(const Shape& shape, OpenSweep& sweep);
  std::optional<std::vector<Index>> landing(const ast::Target& target, const TensorType* declared, OpenSweep& sweep,
                                            Shape& shape);
  Operand finish(OpenSweep& sweep, const Operand& operand, Combiner combiner, std::vector<Index> landing, Shape shape,
                 const Span& at);
  Operand reduction(const ast::Reduction& node, OpenSweep& outer, const Span& at);
  Operand reduce(const ast::Reduction& node, OpenSweep sweep, std::vector<Index> landing, Shape shape, const Span& at);
  Operand whole_reduction(const ast::Reduction& node, const Span& at);
  Operand combine(const ast::Reduction& node, OpenSweep& sweep, Operand body, std::size_t first,
                  std::vector<Index> landing, Shape shape, const Span& at);
  Operand mean(OpenSweep& sweep, Operand body, const std::vector<AxisId>& reduced, std::vector<Index> landing,
               Shape shape, const Span& at);
  Operand subscript(const ast::Subscript& node, OpenSweep& sweep, const Span& at);
  std::optional<Index> index_of(const ast::Expression& expression, OpenSweep& sweep);
  bool check_reach(const ast::Subscript& node, Extent extent, const Index& index, const OpenSweep& sweep,
                   const Span& at);
  std::optional<Bounds> bounds_at(const Index& index, const OpenSweep& sweep) const;
  bool stays_inside(const Read& read, const OpenSweep& sweep) const;

  // elaborate_calls.cpp
  Operand call(const ast::Call& call, OpenSweep* elements, const Span& at);
  std::optional<Operand> special_call(const ast::Call& call, OpenSweep* elements, const Span& at);
  Operand unknown_function(const ast::Identifier& name);
  Operand needs_brackets(const ast::Identifier& reduction);
  Operand gradient(const ast::Call& call, const Span& at);
  Operand over_epoch(const ast::Call& call, const Span& at);

  // elaborate_learning.cpp
  using Numbers = std::vector<std::pair<std::string, Operand>>;
  Numbers numbers_of(const Optimization& optimization, const ModelArguments& arguments);
  bool bind_learner(const ast::Function& function, const StateInfo& parameter, const std::vector<ValueId>& tensors,
                    std::size_t turns, const Numbers& numbers, const Span& at);
  bool bind_optimized(const ast::Parameter& parameter, const StateInfo& of, const Operand& value, const Span& at);
  ValueId gradient_of(const StateInfo& parameter);
  ValueId raw_gradient_of(const StateInfo& parameter);
  ValueId batch_gradient_of(const StateInfo& parameter);
  ValueId rows_here();
  ValueId rows_seen();
  ValueId batch_number();
  enum class Accumulated : std::uint8_t { sum, mean };
  ValueId accumulated_gradient_of(const StateInfo& parameter, Accumulated as);
  Operand applied(const StateInfo& parameter, const Optimization& learner, const std::vector<ValueId>& tensors,
                  const Numbers& numbers, const std::string& what);
  Operand over_parameters(const ast::Call& call, const Span& at);
  Operand plateaus(const ast::Call& call, const Span& at);
  std::optional<RateOrNumber> rate_or_number(const Operand& operand) const;
  Operand close_turns(std::size_t turns, Operand value, const Span& at);
  Operand call_function(const ast::Function& function, const ast::Call& call, OpenSweep* elements, const Span& at);
  // An argument as given: no value where the default stands.
  struct Argument {
    const ast::Parameter* parameter = nullptr;
    std::optional<Operand> value;
    Span at;
  };
  bool bind_arguments(const ast::Function& function, std::vector<Argument>& arguments);
  bool bind_number(const Argument& argument);
  bool bind_element(const Argument& argument);
  bool bind_tensor(Argument& argument);
  bool bind_shape(const ast::Function& function, const ast::Type& type, const Shape& shape, const std::string& what,
                  const Span& at);
  bool bind_default(const ast::Parameter& parameter, const std::string& path);
  bool check_tensor(const Argument& argument);
  bool expect_results(const ast::Function& function);
  void override_gradient(const ast::Function& function, const Span& at);
  std::vector<ValueId> overridden(const ast::Function& function);

  // elaborate_chance.cpp
  Operand uniform(const ast::Call& call, OpenSweep* elements, const Span& at);
  Operand chance(const ast::Call& call, const Operand& low, const Operand& high, OpenSweep* elements, const Span& at);
  Operand scaled(const Operand& u, const Operand& low, const Operand& high, OpenSweep& sweep, const Span& at);
  bool claim_site(const std::string& site, const Span& at);
  ValueId clock_here();

  // elaborate_states.cpp
  Operand declare_parameter(const ast::Parameter& parameter, const std::string& path,
                            StateDeclaration::Role role = StateDeclaration::Role::parameter);
  Operand take_shared(const ast::Parameter& parameter, const std::string& path, TensorType type);
  const ast::Parameter* batch_from(const ast::Type& type);
  std::optional<ValueId> declare_state(StateDeclaration declaration, const ast::Parameter& parameter,
                                       std::vector<StateInfo>& states);
  std::optional<ValueId> draw(const ast::Expression& initial, const TensorType& type, const std::string& site);
  std::optional<ValueId> draw_stack(const ast::Expression& initial, const TensorType& type, const std::string& name);

  // elaborate_statements.cpp
  void run(const ast::Block& block);
  void run(const ast::Statement& statement);
  void define(const ast::Define& node, const Span& at);
  void bind_targets(const ast::Define& node, Operand value);
  void bind_target(const ast::Target& target, Operand value, const Span& at);
  void give(const ast::Define& node, const Operand& value, const Span& at);
  void give_metric(const ast::Define& node);
  void declare_inputs(const ast::DeclareInput& node);
  void declare_state(const ast::DeclareState& node);
  void declare_statistic(const ast::Parameter& state);
  void update(const ast::Update& node);
  void keep_updates();
  void return_values(const ast::Return& node, const Span& at);
  bool expect(const ast::Expect& node, const Span& at);
  bool expect_first(const ast::Function& function);

  // elaborate_loops.cpp
  void scan(const ast::Scan& node, const Span& at);
  void repeat(const ast::Repeat& node, const Span& at);
  struct LoopText {
    const std::vector<ast::Carry>& carries;
    const ast::Block& body;
    Span at;
    Axis axis;
    std::optional<ast::Identifier> index;  // of a scan
    std::string part;                      // of the paths in a repeat
  };
  void read_loop(const LoopText& text);
  std::optional<Extent> turns(const ast::Scan& node);
  std::optional<Extent> fixed(std::optional<Extent> extent, const Span& at);
  std::optional<OpenLoop::Carried> start_of(const ast::Carry& carry);
  bool stays_in(const TensorType& type, ValueId value, const Span& at, const std::string& what);
  bool give_next(const Span& at);
  void open_loop(Axis axis, bool stacks, std::vector<OpenLoop::Carried> carried);
  std::vector<ValueId> close_loop(const OpenLoop& loop, const Span& at);
  void update_state(const std::string& path, ValueId value, const Span& at);
  void bind_results(const OpenLoop& loop, const std::vector<ValueId>& results, const Span& at);
  void give_after(const ast::Identifier& name, ValueId value);
  ValueId turn_behind(ValueId stack, std::size_t behind, const Span& at);
  const OpenLoop::Carried* carried_by(const ast::Target& target);
  void yield(const ast::Define& node, const Span& at);
  void poison_names(const std::vector<ast::Carry>& carries, const ast::Block& body);
  std::size_t go_to(std::size_t level);
  GraphBuilder& graph_at(std::size_t level) { return level == 0 ? outermost_ : loops_[level - 1]->body; }
  ValueId captured(ValueId value, std::size_t from);
  Operand imported(const Operand& operand, std::size_t from);
  Extent extent_of(AxisId axis, const OpenSweep& sweep) const;
  bool is_from_outside(ValueId value) const;
  Shape stacking() const;
  Operand state_here(ValueId state, std::size_t stacked, std::size_t around = 0);

  const Program& program_;
  Reporter& reporter_;
  const Purpose purpose_;
  GraphBuilder outermost_;
  std::vector<std::unique_ptr<OpenLoop>> loops_;
  std::size_t level_ = 0;  // loops around what is being read; 0: the entry itself
  GraphBuilder* graph_;    // of that level
  BodyBuilder numbers_;
  std::vector<std::unique_ptr<Frame>> frames_;
  Operand unreachable_;
  ModelReading reading_;
  std::vector<StateInfo> optimizer_states_;
  std::vector<Sharing> sharing_;                   // of the open calls, outer ones first
  std::map<std::string, std::size_t> parameters_;  // path → place in reading_.parameters
  std::vector<Draw> draws_;
  std::map<std::string, Span> sites_;
  std::string hint_;  // the name of the next value
  std::optional<ValueId> seed_;
  std::map<std::string, Operand> clock_;  // step and steps, while training
  const RateNames* rates_ = nullptr;
  const Formula* formula_ = nullptr;  // a metric's formula being read
  bool accumulates_ = false;
  std::vector<Plateaus> plateaus_;
  bool reads_plateaus_ = false;  // the argument at hand does
  std::map<std::string, ValueId> plateau_numbers_;
  // While training: what is learnt, and the numbers of the optimizer or clip being read.
  struct Learning {
    std::vector<StateInfo> parameters;
    ValueId loss = -1;
    std::map<std::string, ValueId> clipped;  // by the parameter's path
    const Optimization* reading = nullptr;
    Numbers numbers;
    std::map<std::pair<const ast::Call*, const Optimization*>, ValueId> totals;  // of over_parameters
  };
  std::optional<Learning> learning_;
  std::size_t errors_ = 0;
  Span failed_call_;  // where the library was called when it last had a mistake to tell
  std::int64_t nodes_ = 0;
  bool exhausted_ = false;
};

}  // namespace descent::frontend
