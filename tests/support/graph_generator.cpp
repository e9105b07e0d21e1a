// One node after another: sweeps (graph_sweeps.h), random numbers, scans.
#include "tests/support/graph_generator.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/support/dice.h"
#include "tests/support/graph_sweeps.h"

namespace descent {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// What fills one Graph: an entry, or a scan's body.
class Filler : public SweepFiller {
 public:
  using SweepFiller::SweepFiller;

  void add_node() {
    const int roll = dice_.below(20);
    if (roll == 0 && options_.scans && loops_.size() < 2) return add_scan();
    if (roll == 1 && options_.random && loops_.empty()) return add_random();
    add_sweep();
  }

 private:
  void add_random() {
    const Shape shape = dice_.chance(50) ? Shape{Extent::batch(), any_extent()} : Shape{any_extent(), any_extent()};
    const Random random{"site." + std::to_string(dice_.below(1000)), pool_[0].id, pool_[1].id};
    know(builder_.add(random, {{DType::f32, shape, {}}}, "noise")[0], 1, true);
  }

  void add_scan() {
    Scan scan;
    scan.axis = {"", {1 + dice_.below(4)}};
    scan.reversed = dice_.chance(50);
    std::vector<std::int64_t> loops = {scan.axis.extent.size};
    loops.insert(loops.end(), loops_.begin(), loops_.end());
    Filler body(dice_, options_, "", loops);

    std::vector<TensorType> types;
    std::vector<std::pair<ValueId, double>> carried;
    for (int i = 1 + dice_.below(2); i > 0; --i) {
      const Entry initial = add_elementwise({dice_.chance(50) ? Extent::batch() : any_extent(), any_extent()});
      const ValueId inside = body.builder().input("c" + std::to_string(i), type(initial));
      body.know(inside, largest_bound, false);
      scan.initial.push_back(initial.id);
      types.push_back(type(initial));
      carried.push_back({inside, largest_bound});
    }
    const Entry noise = pool_[static_cast<std::size_t>(dice_.below(static_cast<int>(pool_.size())))];
    for (const Entry& entry : {pool_[2], noise}) {
      const ValueId inside = body.builder().input("k" + std::to_string(scan.captured.size()), type(entry));
      body.know(inside, entry.bound, entry.exact);
      scan.captured.push_back(entry.id);
    }
    for (int i = dice_.below(3); i > 0; --i) body.add_node();
    std::vector<double> bounds;
    for (const auto& [inside, bound] : carried) {
      const Entry next = body.add_next(inside);
      body.builder().output(Output::Kind::output, "", next.id);
      bounds.push_back(bound);
    }
    const Entry last = body.pool().back();
    TensorType stacked = body.type(last);
    stacked.shape.insert(stacked.shape.begin(), scan.axis.extent);
    body.builder().output(Output::Kind::output, "", last.id);
    types.push_back(stacked);
    bounds.push_back(last.bound);
    scan.body = std::make_shared<const Graph>(std::move(body.builder()).finish());
    const std::vector<ValueId> results = builder_.add(std::move(scan), types, "scanned");
    for (std::size_t i = 0; i < results.size(); ++i) know(results[i], bounds[i], false);
  }
};

// w - g/8, where the gradient is of the mean square of the last floating value.
void add_training(Filler& filler, ValueId weight) {
  GraphBuilder& builder = filler.builder();
  const auto last = std::find_if(filler.pool().rbegin(), filler.pool().rend(), [&](const SweepFiller::Entry& entry) {
    return filler.type(entry).dtype == DType::f32 && !std::isinf(entry.bound);
  });
  Sweep loss;
  BodyBuilder body;
  Read read{last->id, {}, std::nullopt};
  for (const Extent extent : builder.type(last->id).shape) {
    read.at.push_back({Affine::axis(static_cast<AxisId>(loss.axes.size())), no_scalar});
    loss.axes.push_back({"", extent});
  }
  const ScalarId value = body.read(read, DType::f32);
  const ScalarId square = body.apply(Op::mul, {value, value});
  loss.body = body.finish(body.apply(Op::mul, {square, body.literal(0x1p-8, DType::f32)}));
  loss.combiner = Combiner::sum;
  const ValueId total = builder.sweep(loss, {}, "loss");
  const TensorType type = builder.type(weight);
  const ValueId gradient = builder.add(Gradient{total, weight}, {type}, "gradient")[0];
  const ValueId next = builder.elementwise(type.shape, [&](BodyBuilder& b, const std::vector<Affine>& at) {
    std::vector<Index> indices;
    for (const Affine& form : at) indices.push_back({form, no_scalar});
    const ScalarId slope = b.read({gradient, indices, std::nullopt}, DType::f32);
    const ScalarId old = b.read({weight, indices, std::nullopt}, DType::f32);
    return b.apply(Op::sub, {old, b.apply(Op::mul, {slope, b.literal(0.125, DType::f32)})});
  });
  builder.output(Output::Kind::loss, "loss", total);
  builder.output(Output::Kind::output, "gradient", gradient);
  builder.update("weight", next);
}

}  // namespace

Model generate_model(std::uint64_t seed, int size, const GeneratorOptions& options) {
  Dice dice(seed);
  Filler filler(dice, options, "step", {});
  GraphBuilder& builder = filler.builder();
  const auto enter = [&](const std::string& name, TensorType type, double bound, bool exact) {
    filler.know(builder.input(name, std::move(type)), bound, exact);
  };
  enter("seed", {DType::i32, {}, {}}, infinity, true);
  enter("step", {DType::i32, {}, {}}, infinity, true);
  enter("x", {DType::f32, {Extent::batch(), {5}, {4}}, {}}, 2, true);
  enter("y", {DType::f32, {{3}, {7}}, {}}, 2, true);
  enter("label", {DType::i32, {Extent::batch()}, Range{0, 4}}, infinity, true);
  enter("picture", {DType::u8, {Extent::batch(), {6}}, {}}, infinity, true);
  const TensorType weight{DType::f32, {{4}, {3}}, {}};
  const ValueId state = builder.state("weight", weight);
  filler.know(state, 2, true);

  for (int i = 0; i < size; ++i) filler.add_node();
  const std::size_t known = filler.pool().size();
  for (std::size_t i = known - std::min<std::size_t>(known, 1 + static_cast<std::size_t>(size)); i < known; ++i)
    builder.output(Output::Kind::output, "out." + std::to_string(i), filler.pool()[i].id);
  if (options.gradients) add_training(filler, state);
  Model model{"generated", {{StateDeclaration::Role::parameter, "weight", weight, false}}, {}};
  model.entries.push_back(std::move(builder).finish());
  return model;
}

GeneratedValues generate_values(const Graph& graph, std::int64_t batch, std::uint64_t seed) {
  Dice dice(seed);
  GeneratedValues values;
  for (const Node& node : graph.nodes) {
    const auto* input = std::get_if<Input>(&node.op);
    const auto* state = std::get_if<State>(&node.op);
    if (input == nullptr && state == nullptr) continue;
    Tensor tensor{graph.type(node.results[0]), {}, {}};
    for (const Extent extent : tensor.type.shape) tensor.shape.push_back(extent.is_batch() ? batch : extent.size);
    const Range range = tensor.type.range.value_or(tensor.type.dtype == DType::u8 ? Range{0, 256} : Range{0, 100});
    for (std::int64_t i = count(tensor.type.shape, batch); i > 0; --i)
      tensor.data.push_back(
          is_float(tensor.type.dtype)
              ? (dice.below(257) - 128) / 64.0
              : static_cast<double>(range.low + dice.below(static_cast<int>(range.high - range.low))));
    (input != nullptr ? values.inputs : values.states)[input != nullptr ? input->name : state->name] =
        std::move(tensor);
  }
  return values;
}

}  // namespace descent
