// A step that learns from several batches: what each adds to the sums, and the mean that the step takes from them.
//
//   accumulate:  w.accumulated := sum + rows · gradient            accumulated.rows := seen + rows
//   step:        the gradient is (sum + rows · gradient) / (seen + rows)      accumulated.rows := 0
//
// where `sum` is w.accumulated, or 0 when no rows have been seen: so a step has nothing to write into the sums.
#include "frontend/elaborator.h"
#include "ir/accumulation.h"

namespace descent::frontend {

namespace {

constexpr const char* rows_state = "accumulated.rows";        // f64[], since the last step
constexpr const char* batches_state = "accumulated.batches";  // i32[], since init
const TensorType of_rows{DType::f64, {}, {}}, of_batches{DType::i32, {}, {}};

std::string sum_of(const StateDeclaration& parameter) { return parameter.name + std::string(accumulated_suffix); }

ScalarId as(BodyBuilder& body, ScalarId number, DType type) {
  return type == DType::f64 ? number : body.apply(Op::to_f32, {number});
}

}  // namespace

std::vector<StateDeclaration> Elaborator::accumulation_states(const std::vector<StateInfo>& parameters) {
  constexpr auto role = StateDeclaration::Role::optimizer;
  std::vector<StateDeclaration> states{{role, rows_state, of_rows, true}, {role, batches_state, of_batches, true}};
  for (const StateInfo& parameter : parameters) {
    const StateDeclaration& declaration = parameter.declaration;
    if (!declaration.frozen) states.push_back({role, sum_of(declaration), declaration.type, true});
  }
  return states;
}

// Of this batch, in f64: exact however many there are.
ValueId Elaborator::rows_here() {
  Sweep count;
  BodyBuilder body;
  count.axes.push_back({"b", Extent::batch()});
  count.body = body.finish(body.literal(1, DType::f64));
  count.combiner = Combiner::sum;
  return outermost_.sweep(std::move(count), {}, "rows");
}

ValueId Elaborator::rows_seen() {
  const ValueId before = outermost_.state(rows_state, of_rows), here = rows_here();
  return outermost_.elementwise(
      {},
      [&](BodyBuilder& body, const std::vector<Affine>&) {
        return body.apply(Op::add, {body.read({before, {}, {}}, DType::f64), body.read({here, {}, {}}, DType::f64)});
      },
      "seen");
}

// From 1, like steps.
ValueId Elaborator::batch_number() {
  const ValueId before = outermost_.state(batches_state, of_batches);
  return outermost_.elementwise(
      {},
      [&](BodyBuilder& body, const std::vector<Affine>&) {
        return body.apply(Op::add, {body.read({before, {}, {}}, DType::i32), body.literal(1, DType::i32)});
      },
      "batch");
}

ValueId Elaborator::accumulated_gradient_of(const StateInfo& parameter, Accumulated how) {
  const StateDeclaration& declaration = parameter.declaration;
  const DType type = declaration.type.dtype;
  const ValueId gradient = batch_gradient_of(parameter), here = rows_here(), seen = rows_seen(),
                before = outermost_.state(rows_state, of_rows),
                sum = outermost_.state(sum_of(declaration), declaration.type);
  return outermost_.elementwise(
      declaration.type.shape,
      [&](BodyBuilder& body, const std::vector<Affine>& axes) {
        const auto element = [&](ValueId tensor) {
          Read read{tensor, {}, {}};
          for (const Affine& axis : axes) read.at.push_back({axis, no_scalar});
          return body.read(std::move(read), type);
        };
        const auto number = [&](ValueId value) { return body.read({value, {}, {}}, DType::f64); };
        const ScalarId is_first = body.apply(Op::equal, {number(before), body.literal(0, DType::f64)});
        const ScalarId kept = body.apply(Op::select, {is_first, body.literal(0, type), element(sum)});
        const ScalarId added = body.apply(Op::mul, {as(body, number(here), type), element(gradient)});
        const ScalarId all = body.apply(Op::add, {kept, added});
        return how == Accumulated::sum ? all : body.apply(Op::div, {all, as(body, number(seen), type)});
      },
      declaration.name + (how == Accumulated::sum ? ".sum" : ".mean_gradient"), parameter.at);
}

void Elaborator::add_up() {
  for (const StateInfo& parameter : learning_->parameters) {
    const ValueId sum = accumulated_gradient_of(parameter, Accumulated::sum);
    outermost_.update(sum_of(parameter.declaration), sum, parameter.at);
  }
  outermost_.update(rows_state, rows_seen());
  outermost_.update(batches_state, batch_number());
}

void Elaborator::begin_sums_anew() {
  outermost_.update(rows_state, outermost_.literal(0, DType::f64));
  outermost_.update(batches_state, batch_number());
}

}  // namespace descent::frontend
