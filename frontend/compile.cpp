// The door's large half: text → Model. The model's statements are read once per kind of entry: to draw (init), to
// learn (step), to judge (evaluate, predict).
#include <algorithm>
#include <chrono>
#include <map>

#include "frontend/elaborator.h"
#include "frontend/entries.h"
#include "frontend/frontend.h"
#include "frontend/program.h"
#include "frontend/train_plan.h"

namespace descent::frontend {

namespace {

class Compiler {
 public:
  Compiler(const Program& program, const Options& options, Reporter& reporter)
      : program_(program), options_(options), reporter_(reporter), overrides_(options.set) {}

  // Stops after the first step that reports: the later ones would say the same again.
  void run() {
    using Step = void (Compiler::*)();
    for (const Step step : {&Compiler::choose, &Compiler::read_init, &Compiler::build_init, &Compiler::build_step,
                            &Compiler::build_evaluation}) {
      (this->*step)();
      if (!reporter_.empty()) return;
    }
  }

  Compilation take() { return std::move(result_); }

 private:
  // The model, the train block, the model's arguments.
  void choose() {
    const Span start = program_.start();
    if (!program_.model()) return reporter_.error("no-model", start, "expected a model in this file, found none");
    std::vector<std::string> names;
    for (const ast::Train& train : program_.trains()) {
      if (std::find(names.begin(), names.end(), train.name.text) != names.end()) {
        reporter_.error("duplicate-name", train.name.at,
                        "train block " + quoted(train.name.text) + " is defined twice");
      }
      names.push_back(train.name.text);
      if (!train_ && (options_.only.empty() || options_.only == train.name.text)) train_ = &train;
    }
    if (!options_.only.empty() && !train_) {
      // The name comes from outside: no place in the text is to blame.
      const std::string hint = suggestion(options_.only, names);
      return reporter_.error(
          "unknown-train", {},
          "there is no train block " + quoted(options_.only) + (hint.empty() ? listed(names) : hint));
    }
    const std::string& model = program_.model()->name.text;
    if (train_ && train_->model.text != model) {
      return reporter_.error("unknown-model", train_->model.at,
                             "unknown model " + quoted(train_->model.text) + "; this file holds " + quoted(model));
    }
    arguments_ = read_arguments(program_, train_, overrides_, reporter_);
    result_.model.name = model;
  }

  // Reads the model and draws its parameters; the most complete reading, so it finds the most mistakes.
  void read_init() {
    init_.emplace(program_, reporter_, "init", Elaborator::Purpose::draw);
    init_->draw_parameters();
    reading_ = init_->read_model(arguments_);
    if (!train_) {
      for (const Override& override : overrides_) {
        reporter_.error("unknown-setting", {},
                        "no size of the model is called " + quoted(override.name) + ", and there is no train block");
      }
      return;
    }
    plan_ = read_train(program_, *train_, arguments_, reading_, overrides_, reporter_);
    if (reading_.losses.empty() && reporter_.empty()) {
      reporter_.error("no-loss", train_->name.at,
                      "expected a loss in model " + quoted(result_.model.name) +
                          " to train it, found none; write loss NAME = value");
    }
  }

  void build_init() {
    for (const StateInfo& parameter : reading_.parameters) result_.model.states.push_back(parameter.declaration);
    if (plan_) {
      const std::vector<const OptimizerGroup*> groups = groups_of(*plan_, reading_.parameters, reporter_);
      for (std::size_t i = 0; i < groups.size(); ++i) {
        if (groups[i]) init_->declare_optimizer_states(reading_.parameters[i], groups[i]->optimization);
      }
      if (plan_->average) declare_trained();
      if (accumulates()) {
        for (StateDeclaration& state : Elaborator::accumulation_states(reading_.parameters)) {
          result_.model.states.push_back(std::move(state));
        }
      }
      for (const StateInfo& state : init_->optimizer_states()) result_.model.states.push_back(state.declaration);
      result_.rates = plan_->rates;
      result_.train = plan_->block;
    }
    result_.model.entries.push_back(keep_needed(init_->graph().graph(), {"seed"}, {}));
  }

  bool accumulates() const { return plan_->block.accumulate > 1; }

  // What trains: `step`, and where it takes several batches the entry for those before the last.
  void build_step() {
    if (!plan_) return;
    build_training("step");
    if (accumulates() && reporter_.empty()) build_training("accumulate");
  }

  void build_training(const std::string& name) {
    const bool steps = name == "step";
    Elaborator elaborator(program_, reporter_, name, Elaborator::Purpose::learn);
    if (accumulates()) elaborator.accumulate();
    const ModelReading reading = elaborator.read_model(arguments_);
    elaborator.open_training();
    GraphBuilder& graph = elaborator.graph();
    const ValueId loss = total(graph, reading.losses);
    check_coverage(graph.graph(), loss, reading);
    elaborator.learn(reading.parameters, loss, steps && plan_->clip ? &*plan_->clip : nullptr, arguments_);
    if (steps) optimize(elaborator, reading);
    if (accumulates()) steps ? elaborator.begin_sums_anew() : elaborator.add_up();
    if (!reporter_.empty()) return;
    std::vector<Output> outputs;
    for (const NamedValue& one : reading.losses) outputs.push_back({Output::Kind::loss, one.name, one.value});
    if (steps) take_plateaus(elaborator, reading);
    std::vector<std::string> inputs = needed_inputs(graph.graph(), reading.inputs, {loss});
    if (steps) inputs.insert(inputs.end(), {"step", "steps"});
    inputs.push_back("seed");
    for (const Rate& rate : steps ? plan_->rates : std::vector<Rate>{}) {
      graph.input(rate.name, {DType::f64, {}, {}});
      inputs.push_back(rate.name);
    }
    if (!reporter_.empty()) return;
    Graph entry = keep_needed(graph.graph(), inputs, outputs);
    if (plan_->average) name_trained(entry);
    result_.model.entries.push_back(std::move(entry));
  }

  // What the host counts is a rate like others.
  void take_plateaus(const Elaborator& elaborator, const ModelReading& reading) {
    for (const Plateaus& plateaus : elaborator.plateaus()) {
      plan_->rates.push_back({plateaus.rate, 0});
      if (std::find(reading.inputs.begin(), reading.inputs.end(), plateaus.rate) == reading.inputs.end()) continue;
      reporter_.error("reserved-name", train_->name.at,
                      "input " + quoted(plateaus.rate) + " of the model has the name of what a schedule counts");
    }
    result_.rates = plan_->rates;
    result_.plateaus = elaborator.plateaus();
    if (elaborator.plateaus().empty()) return;
    result_.plateau_numbers =
        keep_needed(elaborator.graph().graph(), {}, elaborator.plateau_numbers(), Updates::left_out);
  }

  void optimize(Elaborator& elaborator, const ModelReading& reading) {
    const std::vector<const OptimizerGroup*> groups = groups_of(*plan_, reading.parameters, reporter_);
    for (std::size_t i = 0; i < groups.size(); ++i) {
      if (groups[i] && reporter_.empty())
        elaborator.optimize(reading.parameters[i], groups[i]->optimization, arguments_);
    }
    for (const StateInfo& parameter : reading.parameters) {
      if (plan_->average && is_averaged(parameter) && reporter_.empty()) {
        elaborator.average(parameter, *plan_->average, arguments_);
      }
    }
  }

  // -- averages: NAME is what is kept, for all entries but the step; NAME.trained is what the step trains

  static bool is_averaged(const StateInfo& parameter) {
    return parameter.declaration.role == StateDeclaration::Role::parameter && !parameter.declaration.frozen;
  }
  static std::string trained(const std::string& name) { return name + ".trained"; }

  // Both begin as the same.
  void declare_trained() {
    const std::vector<Node> nodes = init_->graph().graph().nodes;
    for (const StateInfo& parameter : reading_.parameters) {
      if (!is_averaged(parameter)) continue;
      StateDeclaration state = parameter.declaration;
      state.role = StateDeclaration::Role::statistic;
      state.name = trained(state.name);
      state.frozen = true;
      result_.model.states.push_back(state);
      for (const Node& node : nodes) {
        const auto* update = std::get_if<Update>(&node.op);
        if (update && update->state == parameter.declaration.name) {
          init_->graph().update(state.name, update->value, node.origin);
        }
      }
    }
  }

  // NAME becomes NAME.trained, NAME.average NAME.
  void name_trained(Graph& entry) const {
    std::map<std::string, std::string> names;
    for (const StateInfo& parameter : reading_.parameters) {
      const std::string& name = parameter.declaration.name;
      if (!is_averaged(parameter)) continue;
      names[name] = trained(name);
      names[name + ".average"] = name;
    }
    const auto rename = [&](std::string& name) {
      if (const auto found = names.find(name); found != names.end()) name = found->second;
    };
    for (Node& node : entry.nodes) {
      if (auto* state = std::get_if<State>(&node.op)) rename(state->name);
      if (auto* update = std::get_if<Update>(&node.op)) rename(update->state);
    }
  }

  static ValueId total(GraphBuilder& graph, const std::vector<NamedValue>& losses) {
    ValueId sum = losses[0].value;
    for (std::size_t i = 1; i < losses.size(); ++i) {
      sum = graph.elementwise(
          {},
          [&](BodyBuilder& body, const std::vector<Affine>&) {
            return body.apply(Op::add,
                              {body.read({sum, {}, {}}, DType::f32), body.read({losses[i].value, {}, {}}, DType::f32)});
          },
          "total", losses[i].at);
    }
    return sum;
  }

  void check_coverage(const Graph& graph, ValueId loss, const ModelReading& reading) {
    const std::vector<bool> reached = reached_by_gradient(graph, loss);
    for (const StateInfo& parameter : reading.parameters) {
      if (parameter.declaration.frozen || reached[static_cast<std::size_t>(parameter.value)]) continue;
      reporter_.error("no-gradient", parameter.at,
                      "no gradient reaches parameter " + quoted(parameter.declaration.name) +
                          "; make it frozen or use it in the loss");
    }
  }

  void build_evaluation() {
    Elaborator elaborator(program_, reporter_, "evaluate");
    const ModelReading reading = elaborator.read_model(arguments_);
    for (const StateInfo& parameter : reading.parameters) {
      if (result_.model.state(parameter.declaration.name)) continue;
      reporter_.error("untrained-parameter", parameter.at,
                      "parameter " + quoted(parameter.declaration.name) + " is not there while training");
    }
    const Graph& graph = elaborator.graph().graph();
    std::vector<Output> judged;
    for (const NamedValue& one : reading.losses) judged.push_back({Output::Kind::loss, one.name, one.value});
    for (const NamedValue& one : reading.metrics) judged.push_back({Output::Kind::metric, one.name, one.value});
    std::vector<Output> given;
    for (const NamedValue& one : reading.outputs) given.push_back({Output::Kind::output, one.name, one.value});
    if (!judged.empty()) add_entry(graph, "evaluate", reading.inputs, judged);
    if (!reading.formulas.empty()) build_report(reading);
    if (!given.empty()) add_entry(graph, "predict", reading.inputs, given);
  }

  void add_entry(const Graph& graph, const std::string& name, const std::vector<std::string>& inputs,
                 const std::vector<Output>& outputs) {
    std::vector<ValueId> values;
    for (const Output& output : outputs) values.push_back(output.value);
    Graph entry = keep_needed(graph, needed_inputs(graph, inputs, values), outputs);
    entry.name = name;
    result_.model.entries.push_back(std::move(entry));
  }

  void build_report(const ModelReading& reading) {
    Elaborator elaborator(program_, reporter_, "report");
    std::vector<std::string> inputs;
    for (const Formula& formula : reading.formulas) {
      for (std::size_t i = 0; i < formula.parts.size(); ++i) inputs.push_back(formula.name + "." + std::to_string(i));
      elaborator.read_formula(formula, arguments_);
    }
    const Graph& graph = elaborator.graph().graph();
    if (reporter_.empty()) result_.model.entries.push_back(keep_needed(graph, inputs, graph.outputs));
  }

  const Program& program_;
  const Options& options_;
  Reporter& reporter_;
  std::vector<Override> overrides_;
  const ast::Train* train_ = nullptr;
  ModelArguments arguments_;
  std::optional<Elaborator> init_;
  ModelReading reading_;
  std::optional<TrainPlan> plan_;
  Compilation result_;
};

}  // namespace

Result<Compilation> compile(const SourceRef& source, const Options& options) {
  const auto start = std::chrono::steady_clock::now();
  Reporter reporter;
  const Program program(source, options.read_import, reporter);
  if (!reporter.empty()) return reporter.diagnostics();
  const std::chrono::duration<double> parsing = std::chrono::steady_clock::now() - start;
  Compiler compiler(program, options, reporter);
  compiler.run();
  if (!reporter.empty()) return reporter.diagnostics();
  Compilation compilation = compiler.take();
  compilation.parse_seconds = parsing.count();
  return compilation;
}

}  // namespace descent::frontend
