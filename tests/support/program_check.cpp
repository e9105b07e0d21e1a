#include "tests/support/program_check.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include "frontend/frontend.h"
#include "ir/loop_layout.h"
#include "ir/match.h"
#include "passes/differentiate.h"
#include "tests/support/graph_run.h"
#include "tests/support/loop_merge.h"
#include "tests/support/loop_run.h"

namespace descent::test {
namespace {

constexpr std::int64_t rows = 5, largest_rows = 7;
constexpr int draws = 4;
constexpr std::uint64_t initialised_every = 8;  // programs: drawing weights is much code and always the same
// What the program is lowered for: vectors of so many lanes, or a small size.
struct Goal {
  int lanes;
  bool small_code = false;
};
constexpr Goal goals[] = {{1}, {4}, {8}, {16}, {8, true}};
std::string describe(const Goal& goal) {
  return fmt::format("{} lanes{}", goal.lanes, goal.small_code ? ", for size" : "");
}
constexpr double largest_f64_error = 1e-7;  // more is no rounding
constexpr double f32_floor = 0x1p-13;       // layer_norm of equal numbers: roundings times 1 / sqrt(1e-5)
constexpr double unit_ratio = 0x1p29;       // of the units in the last place
constexpr double vacuous = 0.01;            // a tolerance beyond this holds f32 to nothing

// -- every f32 of a Graph as f64
// -----------------------------------------------------------------------------------------

DType widened(DType type) { return type == DType::f32 ? DType::f64 : type; }

void widen(Body& body) {
  for (Scalar& scalar : body.scalars) {
    scalar.type = widened(scalar.type);
    if (Apply* apply = std::get_if<Apply>(&scalar.node)) {
      if (apply->op == Op::to_f32) apply->op = Op::to_f64;
    }
  }
}

// False for what has no wide form: random numbers are f32.
bool widen(Graph& graph) {
  for (Node& node : graph.nodes) {
    if (std::holds_alternative<Random>(node.op) || std::holds_alternative<Scan>(node.op)) return false;
    if (Sweep* sweep = std::get_if<Sweep>(&node.op)) widen(sweep->body);
  }
  for (Value& value : graph.values) value.type.dtype = widened(value.type.dtype);
  return true;
}

// The one entry of a model, with the states it needs, widened.
std::optional<Model> widened(const Model& model, const Graph& entry) {
  Model wide{model.name, model.states, {entry}};
  for (StateDeclaration& state : wide.states) state.type.dtype = widened(state.type.dtype);
  if (!widen(wide.entries[0])) return std::nullopt;
  return wide;
}

// -- values
// ------------------------------------------------------------------------------------------------------------

struct Start {
  Values inputs, states;
};

// Numbers in [-1, 1] of all 53 bits; what optimizers keep is not negative (a square's mean is under a root).
Start draw_start(const Model& model, const Graph& graph, std::uint64_t seed) {
  std::mt19937_64 engine(seed);
  const auto draw = [&](const TensorType& type, double low) {
    Tensor tensor = zeros(type, rows);
    for (double& element : tensor.data) {
      if (is_float(type.dtype)) {
        element = std::uniform_real_distribution<double>(low, 1)(engine);
        continue;
      }
      const Range range = type.range.value_or(Range{0, type.dtype == DType::u8 ? 256 : 8});
      element = static_cast<double>(std::uniform_int_distribution<std::int64_t>(range.low, range.high - 1)(engine));
    }
    return tensor;
  };
  Start start;
  for (const StateDeclaration& state : model.states) {
    start.states[state.name] = draw(state.type, state.role == StateDeclaration::Role::optimizer ? 0.01 : -1);
  }
  for (const Node& node : graph.nodes) {
    const Input* input = std::get_if<Input>(&node.op);
    if (input == nullptr) continue;
    const TensorType& type = graph.type(node.results[0]);
    Tensor& tensor = start.inputs[input->name] = draw(type, type.shape.empty() ? 0.01 : -1);
    if (input->name == "step") tensor.data = {3};
    if (input->name == "steps") tensor.data = {10};
  }
  return start;
}

// As f32 holds them.
void round_to_types(Values& values) {
  for (auto& [name, tensor] : values) {
    if (tensor.type.dtype != DType::f32) continue;
    for (double& element : tensor.data) element = static_cast<float>(element);
  }
}
void set_types(Values& values, DType (*type)(DType)) {
  for (auto& [name, tensor] : values) tensor.type.dtype = type(tensor.type.dtype);
}

// `graph`: the one that was lowered; the entry's inputs are its inputs in order, under names unique in the program.
Memory memory_of(const loop::Program& program, const Graph& graph, const Start& start, const std::string& suffix = "") {
  const loop::Entry& entry = *program.entry(graph.name + suffix);
  Memory memory;
  memory.arena.resize(static_cast<std::size_t>(program.arena_bytes));
  const auto put = [&](const Tensor& tensor, const TensorType& type, Bytes& bytes, std::int64_t offset) {
    Bytes packed(static_cast<std::size_t>(count(type.shape, largest_rows) * size_of(type.dtype)));
    Tensor typed = tensor;
    typed.type = type;
    pack(typed, packed, strides_of(type.shape, largest_rows));
    std::copy(packed.begin(), packed.end(), bytes.begin() + offset);
  };
  const auto buffer_of = [&](loop::BufferId id) -> const loop::Buffer& {
    return program.buffers[static_cast<std::size_t>(id)];
  };
  const auto block = [&](const loop::Buffer& buffer) {
    return Bytes(static_cast<std::size_t>(count(buffer.type.shape, largest_rows) * size_of(buffer.type.dtype)));
  };
  for (const Node& node : graph.nodes) {
    const Input* input = std::get_if<Input>(&node.op);
    if (input == nullptr) continue;
    const loop::Buffer& buffer = buffer_of(entry.inputs[memory.inputs.size()]);
    put(start.inputs.at(input->name), buffer.type, memory.inputs.emplace_back(block(buffer)), 0);
  }
  for (const loop::BufferId id : entry.outputs) memory.outputs.push_back(block(buffer_of(id)));
  for (const auto& [name, value] : start.states) {
    for (const loop::Buffer& buffer : program.buffers) {
      if (buffer.storage != loop::Buffer::Storage::state || buffer.name != name + suffix) continue;
      Bytes dense = block(buffer);
      put(value, buffer.type, dense, 0);
      loop::store_dense(buffer, largest_rows, dense.data(), memory.arena.data());
    }
  }
  return memory;
}

// -- what an entry gives: its outputs, then the states it updates
// --------------------------------------------------------

using Results = std::vector<std::pair<std::string, Tensor>>;

Results results_of(const Graph& graph, Evaluation&& evaluation) {
  Results results;
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    results.emplace_back("output " + graph.outputs[i].name, std::move(evaluation.outputs[i]));
  }
  for (auto& [name, tensor] : evaluation.updates) results.emplace_back("state " + name, std::move(tensor));
  return results;
}

Results results_of(const Graph& graph, const loop::Program& program, const Memory& memory) {
  Results results;
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    results.emplace_back("output " + graph.outputs[i].name,
                         unpack(memory.outputs[i], graph.type(graph.outputs[i].value), rows, largest_rows));
  }
  for (const Node& node : graph.nodes) {
    const Update* update = std::get_if<Update>(&node.op);
    if (update == nullptr) continue;
    for (const loop::Buffer& buffer : program.buffers) {
      if (buffer.storage != loop::Buffer::Storage::state || buffer.name != update->state) continue;
      Bytes bytes(static_cast<std::size_t>(count(buffer.type.shape, 1) * size_of(buffer.type.dtype)));
      loop::load_dense(buffer, 1, memory.arena.data(), bytes.data());
      results.emplace_back("state " + buffer.name, unpack(bytes, buffer.type, 1, 1));
    }
  }
  return results;
}

// max |error| / max(1, max |value|), infinite where one is finite and the other is not; updates are found by name.
double error_of(const Tensor& found, const Tensor& expected) {
  double error = 0, largest = 1;
  for (std::size_t i = 0; i < expected.data.size(); ++i) {
    const double a = found.data[i], b = expected.data[i];
    if (std::isfinite(b)) largest = std::max(largest, std::fabs(b));
    if (a == b || (std::isnan(a) && std::isnan(b))) continue;
    error = std::isfinite(a) && std::isfinite(b) ? std::max(error, std::fabs(a - b)) : INFINITY;
  }
  return error / largest;
}
const Tensor* find(const Results& results, const std::string& name) {
  for (const auto& [known, tensor] : results) {
    if (known == name) return &tensor;
  }
  return nullptr;
}

// -- one entry
// ---------------------------------------------------------------------------------------------------------

class EntryCheck {
 public:
  EntryCheck(const Model& model, const Model& differentiated, const Model& passed, std::string name)
      : model_(model),
        differentiated_(*differentiated.entry(name)),
        passed_(*passed.entry(name)),
        name_(std::move(name)) {
    wide_ = widened(model, *model.entry(name_));
    if (!wide_) return;
    wide_ = passes_or_fail(*wide_);
    wide_program_ = lower_or_fail(*wide_, 4, largest_rows);
  }

  // How the f32 program stands to the oracle on one draw of inputs.
  std::string against_oracle(const loop::Program& program, std::uint64_t seed) {
    Start start = draw_start(model_, *model_.entry(name_), seed);
    std::optional<Results> expected;
    std::vector<double> f64_errors;
    if (wide_) {
      if (std::string wrong = run_wide(start, f64_errors); !wrong.empty()) return wrong;
    }
    round_to_types(start.inputs);
    round_to_types(start.states);
    if (std::string wrong = run_oracle(differentiated_, start, expected); !wrong.empty()) return wrong;
    const Memory end = interpret(program, name_, rows, memory_of(program, passed_, start));
    const Results found = results_of(passed_, program, end);
    for (std::size_t i = 0; i < expected->size(); ++i) {
      const auto& [name, tensor] = (*expected)[i];
      const Tensor* value = find(found, name);
      if (value == nullptr) return fmt::format("{}: {} is missing in the Loop program", name_, name);
      const double error = error_of(*value, tensor);
      const double allowed = std::max(
          f32_floor, f64_errors.empty() ? 0 : 8 * unit_ratio * *std::max_element(f64_errors.begin(), f64_errors.end()));
      if (allowed > vacuous) {
        ill_conditioned_ = true;
      } else if (error > allowed) {
        return fmt::format("{}: {} in f32 is off by {:.3g} of its largest value, {:.3g} allowed", name_, name, error,
                           allowed);
      }
    }
    return {};
  }

  bool ill_conditioned() const { return ill_conditioned_; }

 private:
  std::string run_oracle(const Graph& graph, const Start& start, std::optional<Results>& results) {
    Result<Evaluation> evaluation = evaluate(graph, rows, start.inputs, start.states);
    if (!evaluation) return fmt::format("{}: the oracle refuses: {}", name_, render(evaluation.errors()));
    results = results_of(graph, std::move(*evaluation));
    return {};
  }

  // The widened program against the oracle of the differentiated Graph, and that of the one behind all passes.
  std::string run_wide(Start start, std::vector<double>& errors) {
    std::optional<Results> expected, passed;
    if (std::string wrong = run_oracle(differentiated_, start, expected); !wrong.empty()) return wrong;
    if (std::string wrong = run_oracle(passed_, start, passed); !wrong.empty()) return wrong;
    set_types(start.inputs, widened);
    set_types(start.states, widened);
    const Memory end = interpret(*wide_program_, name_, rows, memory_of(*wide_program_, wide_->entries[0], start));
    const Results found = results_of(wide_->entries[0], *wide_program_, end);
    for (const auto& [name, tensor] : *expected) {
      for (const auto& [stage, results] :
           {std::pair<const char*, const Results*>("the passes", &*passed), {"f64", &found}}) {
        const Tensor* value = find(*results, name);
        if (value == nullptr) return fmt::format("{}: {} is missing after {}", name_, name, stage);
        const double error = error_of(*value, tensor);
        errors.push_back(error);
        if (error > largest_f64_error) {
          return fmt::format("{}: {} after {} is off by {:.3g} of its largest value", name_, name, stage, error);
        }
      }
    }
    return {};
  }

  const Model& model_;
  const Graph& differentiated_;
  const Graph& passed_;
  std::string name_;
  std::optional<Model> wide_;
  std::optional<loop::Program> wide_program_;
  bool ill_conditioned_ = false;
};

// The interpreter has the same bits at every width, and machine code those of the interpreter.
std::string compare_bits(const loop::Program& program, const codegen::Jit& jit, const Graph& graph,
                         const Start& start) {
  std::optional<std::vector<Bytes>> first;
  for (std::size_t n = 0; n < std::size(goals); ++n) {
    const std::string entry = merged_name(graph.name, n);
    const Memory memory = memory_of(program, graph, start, merged_name("", n));
    const Memory expected = interpret(program, entry, rows, memory);
    if (!first) first = expected.outputs;
    if (expected.outputs != *first) {
      return fmt::format("{} at {}: the interpreter's outputs differ from those at {}", graph.name, describe(goals[n]),
                         describe(goals[0]));
    }
    for (const int threads : {0, 2}) {
      const std::string text = difference(program, entry, expected, run(jit.entry(entry), rows, memory, threads));
      if (text.empty()) continue;
      return fmt::format("{} at {}, {} threads: machine code differs from the interpreter: {}", graph.name,
                         describe(goals[n]), threads, text);
    }
  }
  return {};
}

}  // namespace

ProgramCheck check_program(const std::string& text, std::uint64_t seed) {
  ProgramCheck check;
  const auto fail = [&](std::string why) {
    check.failure = std::move(why);
    return check;
  };
  const auto compiled = frontend::compile(std::make_shared<const Source>(Source{"program", text}), {});
  if (!compiled) return fail("the front end refuses:\n" + render(compiled.errors()));
  Model model = compiled->model;
  if (seed % initialised_every != 0) std::erase_if(model.entries, [](const Graph& g) { return g.name == "init"; });
  if (const Diagnostics wrong = verify(model); !wrong.empty()) return fail("malformed Graph:\n" + render(wrong));
  const Model differentiated = differentiate(model);
  const Result<Model> passed = run_passes(model);
  if (!passed) return fail("the passes refuse:\n" + render(passed.errors()));

  std::vector<loop::Program> programs;
  for (const Goal& goal : goals) {
    programs.push_back(lower_or_fail(*passed, goal.lanes, largest_rows, goal.small_code));
    if (const Diagnostics wrong = loop::verify(programs.back()); !wrong.empty()) {
      return fail(fmt::format("malformed Loop program at {}:\n{}", describe(goal), render(wrong)));
    }
  }
  const loop::Program merged = merge(programs);
  const auto jit = codegen::Jit::compile(merged, codegen::host_machine());
  if (!jit) return fail("no machine code: " + render(jit.errors()));
  for (const Graph& entry : model.entries) {
    ++check.entries;
    const Start start = draw_start(model, entry, seed);
    if (std::string wrong = compare_bits(merged, **jit, *passed->entry(entry.name), start); !wrong.empty()) {
      return fail(std::move(wrong));
    }
    EntryCheck oracle(model, differentiated, *passed, entry.name);
    std::string wrong;
    for (int draw = 0; draw < draws; ++draw) {
      wrong = oracle.against_oracle(programs[0], seed + static_cast<std::uint64_t>(draw));
      if (wrong.empty()) break;
      ++check.redrawn;
    }
    if (!wrong.empty()) return fail(wrong);
    if (oracle.ill_conditioned()) ++check.ill_conditioned;
  }
  return check;
}

}  // namespace descent::test
