// Mistakes that no text can spell: malformed IR, programs for another processor, calls of the library.
#include <functional>
#include <unordered_map>

#include "codegen/llvm.h"
#include "descent/descent.h"
#include "descent/tools.h"
#include "descent/training.h"
#include "ir/graph.h"
#include "ir/loop.h"
#include "tests/support/error_goldens.h"

namespace descent::test {
namespace {

SourceRef source_of(const char* name, std::string text) {
  return std::make_shared<const Source>(Source{name, std::move(text)});
}

template <class T>
T good(Result<T> result) {
  DESCENT_CHECK(result.ok(), render(result.errors()));
  return std::move(*result);
}

template <class T>
Diagnostics errors_of(const Result<T>& result) {
  return result ? Diagnostics{} : result.errors();
}

// -- Graphs ----------------------------------------------------------------------------------------------------------

Model small_graph() {
  Model model = good(parse_model(source_of("m.graph", R"(descent graph 1
model m
state w : f32[4, 3] parameter
entry run {
  %v = input v : f32[4]
  %w = state w : f32[4, 3]
  %s = scan [t < 2] {
    capture %c = %v : f32[4]
    yield %c
  } : f32[2, 4]
  %l = sweep [i < 4] sum at [] { %v[i] } : f32[]
  %g = gradient of %l by %w : f32[4, 3]
  %r = sweep [i < 4, r < 2] sum at [i + r] { %v[i] } : f32[5]
  %y = sweep [i < 4, j < 3] sum at [i] { %v[i] + %w[i, j] } : f32[4]
}
)")));
  for (Node& node : model.entries[0].nodes) node.origin = {};
  return model;
}

Graph& run_of(Model& model) { return model.entries[0]; }
Sweep& sweep_of(Model& model) { return std::get<Sweep>(run_of(model).nodes.back().op); }
Scalar& root_of(Model& model) { return sweep_of(model).body.scalars.back(); }
Scan& scan_of(Model& model) { return std::get<Scan>(run_of(model).nodes[2].op); }

ConstructedMistake graph(std::string name, std::function<void(Model&)> change, Legality legality = {}) {
  return {"graph_" + std::move(name), [change, legality] {
            Model model = small_graph();
            change(model);
            return verify(model, legality);
          }};
}

void add_update(Graph& body) { body.nodes.push_back({Update{"w", 0}, {}, {}}); }

std::vector<ConstructedMistake> graphs() {
  return {
      graph("bad_link", [](Model& m) { run_of(m).nodes.back().results[0] = 0; }),
      graph("bad_output", [](Model& m) { run_of(m).outputs.push_back({Output::Kind::output, "o", 99}); }),
      graph("bad_extent", [](Model& m) { sweep_of(m).axes[0].extent.size = -1; }),
      graph("bad_index", [](Model& m) { sweep_of(m).landing[0].through = 0; }),
      graph("empty_body", [](Model& m) { sweep_of(m).body.scalars.clear(); }),
      graph("empty_scan", [](Model& m) { scan_of(m).body = nullptr; }),
      graph("unknown_axis", [](Model& m) { sweep_of(m).guards.push_back(Affine::axis(7)); }),
      graph("not_canonical", [](Model& m) { sweep_of(m).guards.push_back({0, {{1, 1}, {0, 1}}}); }),
      graph("not_representable", [](Model& m) { root_of(m) = {DType::f32, Literal{0.1}}; }),
      graph("argument_count", [](Model& m) { std::get<Apply>(root_of(m).node).operands.pop_back(); }),
      graph("use_before_definition", [](Model& m) { std::get<Apply>(root_of(m).node).operands[0] = 99; }),
      graph("wrong_type", [](Model& m) { root_of(m).type = DType::f64; }),
      graph("wrong_scan", [](Model& m) { scan_of(m).captured.clear(); }),
      graph("update_in_scan",
            [](Model& m) {
              Graph body = *scan_of(m).body;
              add_update(body);
              scan_of(m).body = std::make_shared<Graph>(std::move(body));
            }),
      graph("gradient_left", [](Model&) {}, {.differentiated = true}),
      graph("scatter_left", [](Model&) {}, {.gathered = true}),
      graph("no_order", [](Model&) {}, {.ordered = true}),
  };
}

// What an evaluation is asked for.
ConstructedMistake evaluation(std::string name, std::int64_t batch, std::unordered_map<std::string, Tensor> inputs) {
  return {"evaluate_" + std::move(name), [batch, inputs] {
            const Model model = good(parse_model(source_of("m.graph", R"(descent graph 1
model m
entry run {
  %v = input v : f32[4]
  %k = input k : i32[] in 0 ..< 4
  %y = sweep [] { %v[%k[]] } : f32[]
  %z = sweep [b < batch, i < 1000000] sum at [] { 1.0 } : f32[]
  output y = %y
}
)")));
            return errors_of(evaluate(model.entries[0], batch, inputs, {}));
          }};
}

std::vector<ConstructedMistake> evaluations() {
  const Tensor four{{DType::f32, {{4}}, {}}, {4}, {1, 2, 3, 4}};
  const Tensor three{{DType::f32, {{3}}, {}}, {3}, {1, 2, 3}};
  const Tensor nine{{DType::i32, {}, {}}, {}, {9}};
  return {
      evaluation("batch", 0, {}),
      evaluation("too_much_work", 1 << 20, {}),
      evaluation("missing_value", 1, {{"v", four}}),
      evaluation("wrong_shape", 1, {{"v", three}}),
      evaluation("out_of_range", 1, {{"v", four}, {"k", nine}}),
  };
}

// -- Loop programs ---------------------------------------------------------------------------------------------------

loop::Program small_program() {
  return good(loop::parse_program(source_of("p.loop", R"(descent loop 1
program p batch 4 arena 128
buffer x : f32[batch] input
buffer a : f32[batch] arena at 0
kernel k(read x : f32[batch], update a : f32[batch], index t) {
  serial b in 0 ..< batch {
    let q = x[b]
    a[b] = q * q
  }
}
entry e(x) -> () {
  call k(x, a, 1)
}
)")));
}

loop::Kernel& kernel_of(loop::Program& program) { return program.kernels[0]; }
loop::For& loop_of(loop::Program& program) { return std::get<loop::For>(kernel_of(program).body[0].node); }
loop::Call& call_of(loop::Program& program) { return std::get<loop::Call>(program.entries[0].steps[0]); }

ConstructedMistake program(std::string name, std::function<void(loop::Program&)> change) {
  return {"loop_" + std::move(name), [change] {
            loop::Program program = small_program();
            change(program);
            return loop::verify(program);
          }};
}

std::vector<ConstructedMistake> programs() {
  using loop::Program;
  return {
      program("batch_limit", [](Program& p) { p.largest_batch = 0; }),
      program("call", [](Program& p) { call_of(p).buffers.pop_back(); }),
      program("no_kernel", [](Program& p) { call_of(p).kernel = 3; }),
      program("bounds", [](Program& p) { loop_of(p).step = 0; }),
      program("signature", [](Program& p) { kernel_of(p).parameters = 9; }),
      program("extent",
              [](Program& p) { kernel_of(p).arrays.push_back({loop::Array::Role::local, "q", DType::f32, {{-2}}}); }),
      program("unknown_variable", [](Program& p) { loop_of(p).variable = 9; }),
      program("unknown_array", [](Program& p) { loop_of(p).body.push_back({loop::Store{7, {}, 0}}); }),
      program("unknown_value", [](Program& p) { loop_of(p).body.push_back({loop::Store{1, {{Affine{}, -1}}, 99}}); }),
      program("index_count", [](Program& p) { loop_of(p).body.push_back({loop::Store{1, {}, 0}}); }),
      program("before_definition", [](Program& p) { std::swap(loop_of(p).body[0], loop_of(p).body[1]); }),
      program("defined_twice", [](Program& p) { loop_of(p).body.push_back(loop_of(p).body[0]); }),
      program("literal",
              [](Program& p) {
                kernel_of(p).temps.push_back(DType::i32);
                const auto temp = static_cast<loop::TempId>(kernel_of(p).temps.size()) - 1;
                loop_of(p).body.push_back({loop::Let{temp, Literal{0.5}}});
              }),
      program("repeat", [](Program& p) { p.entries[0].steps.push_back({loop::Repeat{"t", 0, false, {}}}); }),
  };
}

// -- machine code ----------------------------------------------------------------------------------------------------

ConstructedMistake unplanned() {
  return {"code_unplanned", [] {
            loop::Program program = small_program();
            program.buffers[1].offset = -1;
            return errors_of(codegen::emit(program, codegen::host_machine(), codegen::Emit::llvm));
          }};
}

ConstructedMistake large_locals() {
  return {"code_large_locals", [] {
            loop::Program program = small_program();
            kernel_of(program).arrays.push_back({loop::Array::Role::local, "q", DType::f32, {{1 << 20}}});
            kernel_of(program).body.push_back({loop::Declare{2}});
            return errors_of(codegen::emit(program, codegen::host_machine(), codegen::Emit::llvm));
          }};
}

// Whatever this processor is, one of the two is another.
ConstructedMistake foreign() {
  return {"code_foreign_machine", [] {
            const bool is_x86 = codegen::host_machine().triple.starts_with("x86_64");
            const auto machine = codegen::named_machine(is_x86 ? "aarch64-linux-gnu" : "x86_64-linux-gnu", "");
            return errors_of(codegen::Jit::compile(small_program(), good(machine)));
          }};
}

// -- the library's doors ---------------------------------------------------------------------------------------------

ConstructedMistake door(std::string name, std::function<Diagnostics(Trainer&)> use) {
  return {"door_" + std::move(name), [use] {
            Program program = good(compile_text("m.descent", R"(model m() {
  input x : f32[batch, 2]
  input label : i32[batch] in 0 ..< 3
  output y = linear(x, 3)
  loss l = cross_entropy(y, label)
}
train t = m() {
  batch = 4
  optimizer = sgd(rate = 0.1)
}
)"));
            Trainer trainer = good(Trainer::create(program, {.threads = 1}));
            return use(trainer);
          }};
}

ConstructedMistake no_train_block() {
  return {"door_no_train_block", [] {
            const Program program = good(compile_text("m.descent", "model m() {\n  input x : f32[batch]\n}\n"));
            return errors_of(Training::prepare(program));
          }};
}

// Parameters of a model are floating; a printed Graph may keep counts.
ConstructedMistake fraction_of_a_count() {
  return {"door_parameter_value", [] {
            const Program program = good(compile_text("m.graph", R"(descent graph 1
model m
state n : i32[] statistic
entry predict {
  %n = state n : i32[]
  output n = %n
}
)"));
            Trainer trainer = good(Trainer::create(program, {.threads = 1}));
            data::Array half = data::zeros(data::DType::f64, {});
            half.as<double>()[0] = 0.5;
            return trainer.set_parameter("n", half);
          }};
}

std::vector<ConstructedMistake> doors() {
  static const std::vector<float> x = {1, 2, 3, 4};
  static const std::vector<double> wide = {1, 2, 3, 4};
  static const std::vector<std::int32_t> labels = {0, 1}, wrong_labels = {0, 7}, more_labels = {0, 1, 2, 0};
  const auto step = [](std::int64_t rows, std::vector<Feed> feeds) {
    return [rows, feeds](Trainer& trainer) { return errors_of(trainer.step(rows, feeds)); };
  };
  return {
      door("stage", [](Trainer& trainer) { return errors_of(inspect(trainer.program(), {"grpah", "", "", ""})); }),
      door("rows", step(5, {{"x", x}, {"label", labels}})),
      door("missing_input", step(2, {{"x", x}})),
      door("unknown_input", step(2, {{"x", x}, {"label", labels}, {"lable", labels}})),
      door("input_type", step(2, {{"x", wide}, {"label", labels}})),
      door("input_size", step(2, {{"x", std::span(x).first(3)}, {"label", labels}})),
      door("value_out_of_range", step(2, {{"x", x}, {"label", wrong_labels}})),
      door("step_limit", [](Trainer& t) { return errors_of(t.steps(0, 2, {{{"x", x}, {"label", labels}}})); }),
      door("part_of_a_batch",
           [](Trainer& t) { return errors_of(t.steps(1, 1, {{{"x", std::span(x).first(3)}, {"label", labels}}})); }),
      door("unequal_batches",
           [](Trainer& t) { return errors_of(t.steps(1, 2, {{{"x", x}, {"label", more_labels}}})); }),
      door("no_entry", [](Trainer& trainer) { return errors_of(trainer.report({})); }),
      door("seed", [](Trainer& trainer) { return trainer.init(-1); }),
      door("rate", [](Trainer& trainer) { return trainer.set("raet", 0.1); }),
      door("rate_read", [](Trainer& trainer) { return errors_of(trainer.rate("speed")); }),
      door("parameter", [](Trainer& trainer) { return errors_of(trainer.parameter("y.linear.wieght")); }),
      door("parameter_shape",
           [](Trainer& trainer) { return trainer.set_parameter("y.linear.bias", data::zeros(data::DType::f32, {4})); }),
  };
}

}  // namespace

std::vector<ConstructedMistake> constructed_mistakes() {
  std::vector<ConstructedMistake> all = {unplanned(),      large_locals(),        foreign(),
                                         no_train_block(), fraction_of_a_count(), mistakes_of_a_builder()};
  for (const auto& list : {graphs(), evaluations(), programs(), doors()})
    all.insert(all.end(), list.begin(), list.end());
  return all;
}

}  // namespace descent::test
