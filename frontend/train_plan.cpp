#include "frontend/train_plan.h"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "frontend/parser.h"
#include "frontend/train_monitor.h"
#include "ir/match.h"
#include "ir/stack.h"

namespace descent::frontend {

namespace {

const std::vector<std::string> setting_names = {"batch",      "epochs",  "seed",      "report", "shuffle",
                                                "weights",    "data",    "optimizer", "clip",   "test",
                                                "accumulate", "average", "monitor",   "stop"};

// The VALUE of `--set NAME=VALUE` as an expression whose mistakes point at the command line.
ast::ExpressionRef parse_override(const Override& override, Reporter& reporter) {
  const bool says_name = override.option == "--" + override.name;
  const Source source{says_name ? override.option : override.option + " " + override.name, override.value};
  return parse_expression(std::make_shared<const Source>(source), reporter);
}

Span place_of(const Override& override) {
  return {std::make_shared<const Source>(Source{override.option, override.name + "=" + override.value}), 0,
          static_cast<std::uint32_t>(override.name.size())};
}

class TrainReader {
 public:
  TrainReader(const Program& program, const ModelReading& reading, Reporter& reporter, const ModelArguments& arguments)
      : program_(program),
        reading_(reading),
        inputs_(reading.inputs),
        reporter_(reporter),
        values_(program, reporter, "settings") {
    values_.open_settings(arguments);
  }

  std::optional<TrainPlan> run(const ast::Train& train, const std::vector<Override>& overrides) {
    const std::size_t errors = reporter_.size();
    plan_.block.name = train.name.text;
    plan_.block.model = train.model.text;
    plan_.block.at = train.name.at;
    for (const ast::Setting& setting : train.settings) read(setting);
    if (plan_.groups.empty() && reporter_.size() == errors) {
      reporter_.error("no-optimizer", train.name.at,
                      "expected an optimizer in train block " + quoted(train.name.text) + ": optimizer = adam()");
    }
    for (const Override& override : overrides) apply(override);
    if (reporter_.size() != errors) return std::nullopt;
    for (OptimizerGroup& group : plan_.groups) {
      const std::string of = group.patterns.empty() ? "" : group.patterns[0].text + ".";
      group.optimization.prefix = of;
      name_rates(group.optimization, of);
    }
    if (plan_.clip) name_rates(*plan_.clip, "clip.");
    if (plan_.average) name_rates(*plan_.average, "average.");
    for (const auto& [override, value] : rate_overrides_) set_rate(*override, *value);
    if (reporter_.size() != errors) return std::nullopt;
    return std::move(plan_);
  }

 private:
  // -- settings ------------------------------------------------------------------------------------------------------

  void read(const ast::Setting& setting) {
    const ast::Identifier& key = setting.keys[0];
    const bool joint = setting.keys.size() == 2 && key.text == "data" && setting.keys[1].text == "test";
    for (const ast::Identifier& one : setting.keys) {
      if (setting.patterns.empty() && !seen_.insert(one.text).second) {
        return reporter_.error("duplicate-setting", one.at, "setting " + quoted(one.text) + " is given twice");
      }
    }
    if (joint && setting.value) {
      plan_.block.data_and_test = data_expression(*setting.value);
    } else if (setting.keys.size() > 1) {
      reporter_.error("unknown-setting", setting.keys[1].at, "expected one setting before '=', or data, test");
    } else if (key.text == "data" || key.text == "test") {
      read_data(setting, key.text == "data" ? plan_.block.data : plan_.block.test);
    } else if (!setting.value) {
      reporter_.error(
          "unknown-setting", key.at,
          "expected " + quoted(key.text) + " = value, found a block" + suggestion(key.text, {"data", "test"}));
    } else if (key.text == "optimizer") {
      if (auto read = read_learner(*setting.value, of_optimizers)) {
        plan_.groups.push_back({setting.patterns, std::move(*read)});
      }
    } else if (!setting.patterns.empty()) {
      reporter_.error("unknown-setting", setting.patterns[0].at, "expected patterns behind 'optimizer' only");
    } else if (key.text == "clip") {
      plan_.clip = read_learner(*setting.value, of_gradients);
    } else if (key.text == "average") {
      plan_.average = read_learner(*setting.value, of_averages);
    } else if (!read_value(key.text, *setting.value)) {
      reporter_.error("unknown-setting", key.at,
                      "unknown setting " + quoted(key.text) + suggestion(key.text, setting_names));
    }
  }

  // Whether there is a setting of that name with a plain value.
  bool read_value(const std::string& key, const ast::Expression& value) {
    TrainBlock& block = plan_.block;
    if (key == "batch") return read_integer(key, value, block.batch, 1);
    if (key == "epochs") return read_integer(key, value, block.epochs, 0);
    if (key == "seed") return read_integer(key, value, block.seed, 0);
    if (key == "report") return read_integer(key, value, block.report, 1);
    if (key == "accumulate") return read_integer(key, value, block.accumulate, 1);
    if (key == "shuffle") return read_flag(value);
    if (key == "monitor") {
      block.monitor = read_monitor(value, reading_, reporter_);
      return true;
    }
    if (key == "stop") {
      block.stop = read_early_stop(value, values_, reporter_);
      return true;
    }
    if (key != "weights") return false;
    block.weights_at = value.at;
    if (const auto* text = std::get_if<ast::Text>(&value.node)) {
      block.weights = text->value;
    } else {
      reporter_.error("wrong-setting", value.at, "expected the path of a file in quotes for 'weights'");
    }
    return true;
  }

  bool read_integer(const std::string& key, const ast::Expression& value, std::int64_t& setting, std::int64_t least) {
    const Operand operand = values_.setting(value);
    const Integer* integer = operand.get<Integer>();
    if (!operand.poisoned() && !(integer && integer->value >= least && integer->value <= INT32_MAX)) {
      reporter_.error("wrong-setting", value.at,
                      "expected an integer from " + std::to_string(least) + " to 2^31 - 1 for " + quoted(key) +
                          ", found " + written(value));
    }
    if (integer) setting = integer->value;
    return true;
  }

  bool read_flag(const ast::Expression& value) {
    const auto* name = std::get_if<ast::Name>(&value.node);
    if (name && (name->text == "true" || name->text == "false")) {
      plan_.block.shuffle = name->text == "true";
    } else {
      reporter_.error("wrong-setting", value.at, "expected true or false for 'shuffle'");
    }
    return true;
  }

  // -- data ----------------------------------------------------------------------------------------------------------

  void read_data(const ast::Setting& setting, std::vector<DataBinding>& bindings) {
    if (setting.value) {
      bindings.push_back({{}, data_expression(*setting.value)});
      return;
    }
    for (const ast::Setting& one : setting.block) {
      if (!one.value) {
        reporter_.error("wrong-setting", one.at, "expected INPUT = where its data comes from, found a block");
        continue;
      }
      DataBinding binding{{}, data_expression(*one.value)};
      for (const ast::Identifier& input : one.keys) {
        if (std::find(inputs_.begin(), inputs_.end(), input.text) == inputs_.end()) {
          std::string hint = suggestion(input.text, inputs_);
          if (hint.empty()) hint = listed(inputs_);
          reporter_.error("unknown-input", input.at, "the model has no input " + quoted(input.text) + hint);
        }
        binding.inputs.push_back(input.text);
      }
      bindings.push_back(std::move(binding));
    }
  }

  DataExpression data_expression(const ast::Expression& expression) {
    const Span& at = expression.at;
    if (const auto* text = std::get_if<ast::Text>(&expression.node)) return {DataText{text->value}, at};
    if (const auto* node = std::get_if<ast::Call>(&expression.node)) {
      DataCall call{node->function.text, {}};
      for (const ast::Argument& argument : node->arguments) {
        call.arguments.push_back({argument.name ? argument.name->text : "", {data_expression(*argument.value)}});
      }
      return {std::move(call), at};
    }
    if (const auto* name = std::get_if<ast::Name>(&expression.node)) {
      if (name->text == "true" || name->text == "false") return {DataFlag{name->text == "true"}, at};
      if (std::find(inputs_.begin(), inputs_.end(), name->text) != inputs_.end()) return {DataInput{name->text}, at};
    }
    const Operand operand = values_.setting(expression);
    const std::optional<double> number = values_.constant(operand);
    if (!number && !operand.poisoned()) {
      reporter_.error("wrong-setting", at, "expected a call, a text, a number or an input where data comes from");
    }
    return {DataNumber{number.value_or(0)}, at};
  }

  // -- the optimizer -------------------------------------------------------------------------------------------------

  // What a setting calls with its arguments: `adam(rate = 1e-3)`, `global_norm(1.0)`, `ema(0.999)`.
  struct Learner {
    ast::Function::Kind kind;
    std::size_t given;  // tensors, by whoever trains
    std::string_view expected, takes;
  };
  static constexpr Learner of_optimizers{ast::Function::Kind::optimizer, 2, "an optimizer with its arguments: adam()",
                                         "the parameter and its gradient as the first two of optimizer "},
      of_gradients{ast::Function::Kind::function, 1, "a function of gradients with its arguments: global_norm(1.0)",
                   "a gradient first in "},
      of_averages{ast::Function::Kind::function, 2, "a function of averages with its arguments: ema(0.999)",
                  "the average and the parameter as the first two of "};

  std::optional<Elaborator::Optimization> read_learner(const ast::Expression& value, const Learner& learner) {
    const ast::Function::Kind kind = learner.kind;
    const bool optimizes = kind == ast::Function::Kind::optimizer;
    const auto* call = std::get_if<ast::Call>(&value.node);
    if (!call) {
      reporter_.error("wrong-setting", value.at, "expected " + std::string(learner.expected));
      return std::nullopt;
    }
    const std::string& name = call->function.text;
    const ast::Function* function = program_.find(kind, name, call->function.at);
    if (!function) {
      const std::string hint = suggestion(name, program_.names(kind));
      if (optimizes) {
        reporter_.error("unknown-optimizer", call->function.at, "unknown optimizer " + quoted(name) + hint);
      } else {
        reporter_.error("unknown-function", call->function.at, "unknown function " + quoted(name) + hint);
      }
      return std::nullopt;
    }
    const std::size_t given = learner.given;
    const auto takes_numbers = [](const ast::Parameter& parameter) {
      return !parameter.type || parameter.type->element.text == "size";
    };
    const bool fits =
        function->parameters.size() >= given &&
        std::all_of(function->parameters.begin() + static_cast<std::ptrdiff_t>(given), function->parameters.end(),
                    takes_numbers) &&
        (optimizes || std::none_of(function->parameters.begin(),
                                   function->parameters.begin() + static_cast<std::ptrdiff_t>(given), takes_numbers));
    if (!fits) {
      reporter_.error("bad-optimizer", function->name.at,
                      "expected " + std::string(learner.takes) + quoted(name) +
                          (given == 1 ? ", g : f32[...], and numbers behind" : ", and numbers behind"));
      return std::nullopt;
    }
    const auto matched = values_.match_arguments(*function, call->arguments, given, value.at);
    if (!matched) return std::nullopt;
    Elaborator::Optimization read{function, value.at, {}, {}};
    for (std::size_t i = given; i < function->parameters.size(); ++i) {
      const ast::Parameter& parameter = function->parameters[i];
      const ast::Expression* one = (*matched)[i];
      read.arguments.push_back({parameter.name.text, one ? argument_of(*call, one) : parameter.otherwise});
    }
    return read;
  }

  static ast::ExpressionRef argument_of(const ast::Call& call, const ast::Expression* value) {
    const auto found = std::find_if(call.arguments.begin(), call.arguments.end(),
                                    [&](const ast::Argument& argument) { return argument.value.get() == value; });
    return found->value;
  }

  // -- --set ---------------------------------------------------------------------------------------------------------

  void apply(const Override& override) {
    if (override.name == "weights") {
      const bool quotes = override.value.size() >= 2 && override.value.front() == '"' && override.value.back() == '"';
      plan_.block.weights = quotes ? override.value.substr(1, override.value.size() - 2) : override.value;
      plan_.block.weights_at = {};
      return;
    }
    const ast::ExpressionRef value = parse_override(override, reporter_);
    if (!value || read_value(override.name, *value)) return;
    if (Elaborator::Optimization* optimization = plan_.groups.empty() ? nullptr : &plan_.groups[0].optimization) {
      for (auto& argument : optimization->arguments) {
        if (argument.argument != override.name || !plan_.groups[0].patterns.empty()) continue;
        argument.value = value;
        return;
      }
    }
    rate_overrides_.emplace_back(&override, value);
  }

  // A number inside an argument, by the name of its rate: `rate.warmup`.
  void set_rate(const Override& override, const ast::Expression& value) {
    for (Rate& rate : plan_.rates) {
      if (rate.name != override.name) continue;
      const Operand operand = values_.setting(value);
      const std::optional<double> number = values_.constant(operand);
      if (!number && !operand.poisoned()) {
        reporter_.error("wrong-setting", value.at, "expected a number for " + quoted(override.name));
      }
      rate.value = number.value_or(0);
      return;
    }
    std::vector<std::string> candidates = {"batch",   "epochs",     "seed",    "report", "shuffle",
                                           "weights", "accumulate", "monitor", "stop"};
    for (const OptimizerGroup& group : plan_.groups) {
      if (!group.patterns.empty()) continue;
      for (const auto& argument : group.optimization.arguments) candidates.push_back(argument.argument);
    }
    for (const Rate& rate : plan_.rates) candidates.push_back(rate.name);
    for (const ast::Parameter& size : program_.model()->parameters) candidates.push_back(size.name.text);
    reporter_.error("unknown-setting", place_of(override),
                    "no size, setting or argument of the optimizer is called " + quoted(override.name) +
                        suggestion(override.name, candidates));
  }

  // -- rates ---------------------------------------------------------------------------------------------------------
  // Every literal in an argument becomes an input of the step: named after the argument when it is the whole of it,
  // `rate.peak` when it is an argument of a call in it, else `rate.1`, `rate.2`, …

  void name_rates(Elaborator::Optimization& optimization, const std::string& of) {
    naming_ = &optimization;
    const std::vector<ast::Parameter>& parameters = optimization.function->parameters;
    for (const auto& argument : optimization.arguments) {
      const bool is_size = std::any_of(parameters.begin(), parameters.end(), [&](const ast::Parameter& parameter) {
        return parameter.type && parameter.name.text == argument.argument;
      });
      if (!is_size) name_rates(*argument.value, of + argument.argument, of + argument.argument);
    }
  }

  void name_rates(const ast::Expression& expression, const std::string& name, const std::string& prefix) {
    if (const std::optional<double> value = literal(expression)) return add_rate(expression, name, *value);
    match(
        expression.node, [](const ast::Number&) {}, [](const ast::Text&) {}, [](const ast::Name&) {},
        [](const ast::Ellipsis&) {}, [](const ast::Subscript&) {}, [](const ast::Reduction&) {},
        [&](const ast::Unary& node) { name_rates(*node.operand, prefix + ".1", prefix); },
        [&](const ast::Binary& node) {
          name_rates(*node.left, prefix + ".1", prefix);
          const bool integer_exponent = node.sign == "^" && std::holds_alternative<ast::Number>(node.right->node);
          if (!integer_exponent) name_rates(*node.right, prefix + ".1", prefix);
        },
        [&](const ast::Conditional& node) {
          for (const auto& part : {node.condition, node.then, node.otherwise}) {
            name_rates(*part, prefix + ".1", prefix);
          }
        },
        [&](const ast::Call& call) { name_rates(call, prefix); });
  }

  void name_rates(const ast::Call& call, const std::string& prefix) {
    const auto kind = ast::Function::Kind::function;
    const ast::Function* function = program_.find(kind, call.function.text, call.function.at);
    std::size_t next = 0;
    for (const ast::Argument& argument : call.arguments) {
      const ast::Parameter* parameter = nullptr;
      if (function && !argument.name && next < function->parameters.size()) parameter = &function->parameters[next++];
      for (std::size_t i = 0; function && argument.name && i < function->parameters.size(); ++i) {
        if (function->parameters[i].name.text == argument.name->text) parameter = &function->parameters[i];
      }
      if (parameter && parameter->type) continue;  // a size stays known while compiling
      const std::string name = prefix + "." + (parameter ? parameter->name.text : "1");
      name_rates(*argument.value, name, parameter ? name : prefix);
    }
  }

  static std::optional<double> literal(const ast::Expression& expression) {
    if (const auto* number = std::get_if<ast::Number>(&expression.node)) {
      return std::strtod(number->text.c_str(), nullptr);
    }
    const auto* unary = std::get_if<ast::Unary>(&expression.node);
    if (!unary || unary->sign != "-") return std::nullopt;
    const std::optional<double> positive = literal(*unary->operand);
    return positive ? std::optional(-*positive) : std::nullopt;
  }

  void add_rate(const ast::Expression& expression, std::string name, double value) {
    const auto taken = [&] {
      return std::any_of(plan_.rates.begin(), plan_.rates.end(), [&](const Rate& rate) { return rate.name == name; });
    };
    while (taken()) name = counted(name);
    if (std::find(inputs_.begin(), inputs_.end(), name) != inputs_.end()) {
      reporter_.error("reserved-name", naming_->at,
                      "input " + quoted(name) + " of the model has the name of an argument of the optimizer");
    }
    naming_->rates[&expression] = name;
    plan_.rates.push_back({std::move(name), value});
  }

  // rate.1 → rate.2, rate.peak → rate.peak.2
  static std::string counted(const std::string& name) {
    const std::size_t dot = name.rfind('.');
    const std::string tail = dot == std::string::npos ? "" : name.substr(dot + 1);
    const bool number = !tail.empty() && tail.find_first_not_of("0123456789") == std::string::npos;
    return number ? name.substr(0, dot + 1) + std::to_string(std::atoi(tail.c_str()) + 1) : name + ".2";
  }

  const Program& program_;
  const ModelReading& reading_;
  const std::vector<std::string>& inputs_;
  Reporter& reporter_;
  Elaborator values_;
  TrainPlan plan_;
  Elaborator::Optimization* naming_ = nullptr;  // whose rates get their names
  std::set<std::string> seen_;
  std::vector<std::pair<const Override*, ast::ExpressionRef>> rate_overrides_;  // wait until rates have names
};

// `*` stands for any letters.
bool matches(std::string_view pattern, std::string_view name) {
  std::size_t at = 0, star = std::string_view::npos, resume = 0, p = 0;
  while (at < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = at;
    } else if (p < pattern.size() && pattern[p] == name[at]) {
      ++p;
      ++at;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      at = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

void report_unmatched(const ast::Identifier& pattern, const std::vector<StateInfo>& parameters, Reporter& reporter) {
  std::vector<std::string> names;
  for (const StateInfo& parameter : parameters) {
    const StateDeclaration& declared = parameter.declaration;
    if (declared.frozen) continue;
    names.push_back(declared.name);
    for (std::size_t dot = declared.name.find('.'); dot != std::string::npos; dot = declared.name.find('.', dot + 1)) {
      names.push_back("*" + declared.name.substr(dot));
    }
    if (stacked_axes(declared.name) == 0 || descent::count(declared.type.shape, 1) == 0) continue;
    for (const std::string& part : part_names(declared.name, declared.type.shape)) {
      if (!matches(pattern.text, part)) continue;
      return reporter.error("unmatched-pattern", pattern.at,
                            "the turns of a repeat have one optimizer: expected a pattern that matches all of " +
                                quoted(declared.name) + ", found " + quoted(pattern.text));
    }
  }
  reporter.error("unmatched-pattern", pattern.at,
                 "no trained parameter has a path like " + quoted(pattern.text) + suggestion(pattern.text, names));
}

const Override* find_override(const std::vector<Override>& overrides, const std::string& name) {
  const auto found = std::find_if(overrides.rbegin(), overrides.rend(), [&](const auto& o) { return o.name == name; });
  return found == overrides.rend() ? nullptr : &*found;
}

// Sizes say so in the signature; another parameter is what its value is, known while compiling.
std::optional<ModelArguments::value_type> model_argument(const ast::Parameter& parameter, const ast::Expression* value,
                                                         Elaborator& values, Reporter& reporter) {
  const std::string name = quoted(parameter.name.text);
  const bool is_size = parameter.type && parameter.type->element.text == "size";
  if (parameter.type && !is_size) {
    reporter.error("not-a-size", parameter.name.at,
                   "a model takes sizes and numbers: write " + parameter.name.text + " : size, or " +
                       parameter.name.text + " = 0.5 without a type");
    return std::nullopt;
  }
  if (!value) {
    reporter.error("missing-argument", parameter.name.at, (is_size ? "size " : "number ") + name + " has no value");
    return std::nullopt;
  }
  const Operand operand = values.setting(*value);
  if (const Integer* integer = operand.get<Integer>()) return *integer;
  if (operand.poisoned()) return Integer{1};
  const std::optional<KnownNumber> number = values.known_number(operand);
  if (!number || is_size) {
    reporter.error(
        "not-a-size", value->at,
        is_size ? "expected an integer for size " + name : "expected a number known while compiling for " + name);
    return Integer{1};
  }
  return *number;
}

}  // namespace

ModelArguments read_arguments(const Program& program, const ast::Train* train, std::vector<Override>& overrides,
                              Reporter& reporter) {
  const ast::Function& model = *program.model();
  Elaborator values(program, reporter, "arguments");
  ModelArguments arguments;
  values.open_settings(arguments);
  std::vector<const ast::Expression*> given(model.parameters.size(), nullptr);
  if (train) {
    const auto matched = values.match_arguments(model, train->arguments, 0, train->model.at);
    if (!matched) return arguments;
    given = *matched;
  }
  std::vector<ast::ExpressionRef> kept;
  for (std::size_t i = 0; i < model.parameters.size(); ++i) {
    const ast::Parameter& parameter = model.parameters[i];
    const ast::Expression* value = given[i] ? given[i] : parameter.otherwise.get();
    if (const Override* override = find_override(overrides, parameter.name.text)) {
      kept.push_back(parse_override(*override, reporter));
      value = kept.back().get();
      if (!value) return arguments;
    }
    const auto argument = model_argument(parameter, value, values, reporter);
    if (!argument) return arguments;
    arguments.push_back(*argument);
    values.open_settings(arguments);
  }
  std::erase_if(overrides, [&](const Override& override) {
    return std::any_of(model.parameters.begin(), model.parameters.end(),
                       [&](const ast::Parameter& parameter) { return parameter.name.text == override.name; });
  });
  return arguments;
}

std::vector<const OptimizerGroup*> groups_of(const TrainPlan& plan, const std::vector<StateInfo>& parameters,
                                             Reporter& reporter) {
  std::vector<const OptimizerGroup*> groups(parameters.size(), nullptr);
  for (const OptimizerGroup& group : plan.groups) {
    for (std::size_t i = 0; group.patterns.empty() && i < parameters.size(); ++i) {
      if (!parameters[i].declaration.frozen) groups[i] = &group;
    }
    for (const ast::Identifier& pattern : group.patterns) {
      bool matched = false;
      for (std::size_t i = 0; i < parameters.size(); ++i) {
        if (parameters[i].declaration.frozen || !matches(pattern.text, parameters[i].declaration.name)) continue;
        matched = true;
        groups[i] = &group;
      }
      if (!matched) report_unmatched(pattern, parameters, reporter);
    }
  }
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (groups[i] || parameters[i].declaration.frozen) continue;
    reporter.error("no-optimizer", parameters[i].at,
                   "no optimizer's pattern matches parameter " + quoted(parameters[i].declaration.name) +
                       "; write optimizer = … for all others");
  }
  return groups;
}

std::optional<TrainPlan> read_train(const Program& program, const ast::Train& train, const ModelArguments& arguments,
                                    const ModelReading& reading, const std::vector<Override>& overrides,
                                    Reporter& reporter) {
  return TrainReader(program, reading, reporter, arguments).run(train, overrides);
}

}  // namespace descent::frontend
