// The generator keeps a pool of values, each with a bound of its magnitude and whether f32 holds it exactly, and
// appends one node after another that reads from the pool.
#include "tests/support/graph_generator.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ir/graph_analysis.h"
#include "tests/support/dice.h"

namespace descent {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double largest_bound = 4;

struct Entry {
  ValueId id = -1;
  double bound = 1;
  bool exact = false;
};

// A scalar under construction.
struct Term {
  ScalarId id = no_scalar;
  double bound = 1;
  bool exact = false;
};

// What fills one Graph: an entry, or a scan's body.
class Filler {
 public:
  Filler(Dice& dice, const GeneratorOptions& options, std::string name, std::vector<std::int64_t> loops)
      : dice_(dice), options_(options), builder_(std::move(name)), loops_(std::move(loops)) {}

  GraphBuilder& builder() { return builder_; }
  void know(ValueId id, double bound, bool exact) { pool_.push_back({id, bound, exact}); }
  std::vector<Entry>& pool() { return pool_; }
  const TensorType& type(const Entry& entry) const { return builder_.type(entry.id); }

  void add_node() {
    const int roll = dice_.below(20);
    if (roll == 0 && options_.scans && loops_.size() < 2) return add_scan();
    if (roll == 1 && options_.random && loops_.empty()) return add_random();
    add_sweep();
  }

  // A sweep of this shape in f32 that lands on every place, of bound at most `largest_bound`.
  Entry add_elementwise(const Shape& shape) {
    begin_sweep();
    for (const Extent extent : shape) add_axis(extent, true);
    return finish_sweep(scaled(expression(3), 1), Combiner::none);
  }

 private:
  struct Draft {
    Sweep sweep;
    Shape shape;
    BodyBuilder body;
    bool in_double = false;
  };

  // -- sweeps
  // ----------------------------------------------------------------------------------------------------------
  void begin_sweep() {
    draft_ = {};
    draft_.in_double = options_.doubles && dice_.chance(10);
  }

  AxisId add_axis(Extent extent, bool lands) {
    const auto axis = static_cast<AxisId>(draft_.sweep.axes.size());
    draft_.sweep.axes.push_back({"", extent});
    if (lands) {
      draft_.sweep.landing.push_back({Affine::axis(axis), no_scalar});
      draft_.shape.push_back(extent);
    }
    return axis;
  }

  Extent any_extent() {
    static constexpr int sizes[] = {1, 2, 2, 3, 3, 4, 5, 7, 16, 19};
    return {sizes[dice_.below(10)]};
  }

  void add_sweep() {
    begin_sweep();
    const int rank = dice_.below(4);
    for (int i = 0; i < rank; ++i) add_axis(i == 0 && dice_.chance(50) ? Extent::batch() : any_extent(), true);
    if (dice_.chance(10)) std::reverse(draft_.sweep.axes.begin(), draft_.sweep.axes.end()), land_again();
    const int reduced = dice_.chance(50) ? 1 + dice_.below(2) : 0;
    for (int i = 0; i < reduced; ++i) {
      const bool batch = dice_.chance(15) && !has_batch();
      add_axis(batch ? Extent::batch() : dice_.chance(10) ? Extent{40} : any_extent(), false);
    }
    Combiner combiner = Combiner::none;
    if (reduced > 0) combiner = static_cast<Combiner>(1 + dice_.below(5));
    if (reduced == 0 && dice_.chance(10)) combiner = Combiner::sum;
    if (points() > 20000) return;
    if (dice_.chance(25)) add_guard();
    if (dice_.chance(25)) bend_landing(combiner);
    make_body(combiner);
  }

  void land_again() {
    for (std::size_t i = 0; i < draft_.shape.size(); ++i) draft_.shape[i] = draft_.sweep.axes[i].extent;
  }

  bool has_batch() const {
    return std::any_of(draft_.sweep.axes.begin(), draft_.sweep.axes.end(), [](auto& a) { return a.extent.is_batch(); });
  }

  // Batch counted as 8.
  double points() const {
    double points = 1;
    for (const Axis& axis : draft_.sweep.axes)
      points *= static_cast<double>(axis.extent.is_batch() ? 8 : axis.extent.size);
    return points;
  }
  double reduced_points() const {
    double points = 1;
    for (const Axis& axis : draft_.sweep.axes)
      points *= static_cast<double>(axis.extent.is_batch() ? 64 : axis.extent.size);
    return points;
  }

  // A random form over static axes and enclosing scans, terms of small coefficients.
  Affine any_form(int most_terms) {
    Affine form;
    std::vector<AxisId> axes;
    for (std::size_t i = 0; i < draft_.sweep.axes.size(); ++i)
      if (!draft_.sweep.axes[i].extent.is_batch()) axes.push_back(static_cast<AxisId>(i));
    for (std::size_t i = 0; i < loops_.size(); ++i) axes.push_back(-static_cast<AxisId>(i) - 1);
    static constexpr int coefficients[] = {1, 1, 1, 1, 2, 3, -1, -1};
    for (int i = dice_.below(most_terms + 1); i > 0 && !axes.empty(); --i)
      form = form + Affine::axis(axes[dice_.below(static_cast<int>(axes.size()))], coefficients[dice_.below(8)]);
    return form;
  }

  Bounds bounds(const Affine& form) const { return bounds_within(form, draft_.sweep, loops_); }

  // Somewhere inside the form's own bounds, so that some points pass.
  void add_guard() {
    const Affine form = any_form(2);
    const Bounds reach = bounds(form);
    if (form.is_constant()) return;
    const auto middle =
        reach.low + dice_.below(static_cast<int>(std::min<std::int64_t>(reach.high - reach.low + 1, 100)));
    draft_.sweep.guards.push_back(form - middle);
  }

  // Another landing for one dimension: shifted, strided, folded with a reduced axis, or through integers.
  void bend_landing(Combiner& combiner) {
    if (draft_.shape.empty()) return;
    const int dimension = dice_.below(static_cast<int>(draft_.shape.size()));
    Index& index = draft_.sweep.landing[static_cast<std::size_t>(dimension)];
    Extent& extent = draft_.shape[static_cast<std::size_t>(dimension)];
    if (extent.is_batch()) return;
    const int kind = dice_.below(4);
    if (kind == 0) {
      index.offset = index.offset + (1 - dice_.below(3));
    } else if (kind == 1) {
      index.offset = index.offset * 2 + dice_.below(2);
      extent.size = 2 * extent.size + dice_.below(2);
    } else if (kind == 2 && combiner != Combiner::none && combiner != Combiner::argmax && options_.scatters) {
      fold_landing(index, extent);
    } else if (kind == 3 && options_.scatters && combiner != Combiner::argmax) {
      land_through(index, combiner);
    }
  }

  void fold_landing(Index& index, Extent& extent) {
    const auto last = static_cast<AxisId>(draft_.sweep.axes.size()) - 1;
    const Extent other = draft_.sweep.axes.back().extent;
    if (other.is_batch() || reduced_axes_of_draft() == 0) return;
    index.offset = index.offset + Affine::axis(last, 1 + dice_.below(2));
    extent.size += dice_.below(static_cast<int>(other.size) + 1);
  }
  std::size_t reduced_axes_of_draft() const { return draft_.sweep.axes.size() - draft_.shape.size(); }

  void land_through(Index& index, Combiner& combiner) {
    const ScalarId through = integer_read();
    if (through == no_scalar) return;
    combiner = Combiner::sum;
    index = {any_form(1), through};
  }

  void make_body(Combiner combiner) {
    const bool bent = !draft_.sweep.guards.empty();
    if (combiner == Combiner::none && dice_.chance(15)) return make_integers();
    switch (combiner) {
      case Combiner::none:
        finish_sweep(scaled(expression(4), 1), combiner);
        return;
      case Combiner::sum:
        finish_sweep(scaled(dice_.chance(50) ? product() : expression(3), reduced_points()), combiner);
        return;
      case Combiner::product:
        if (reduced_points() > 64) return;
        finish_sweep(near_one(expression(2)), combiner);
        return;
      case Combiner::max:
      case Combiner::min: {
        const Entry result = finish_sweep(dice_.chance(50) ? exact_read() : expression(3), combiner);
        if (bent && result.id >= 0) pool_.back().bound = infinity;
        return;
      }
      case Combiner::argmax: {
        const Term read = exact_read();
        finish_sweep(draft_.body.type(read.id) == DType::f32 || is_float(draft_.body.type(read.id)) ? read : literal(),
                     combiner);
        return;
      }
    }
  }

  // Integers, truth values and bytes, all from exact values.
  void make_integers() {
    const Term read = as_float(exact_read());
    const int kind = dice_.below(4);
    BodyBuilder& body = draft_.body;
    Term result = {no_scalar, infinity, true};
    const ScalarId eighths = body.apply(Op::mul, {read.id, number(read.id, 8)});
    if (kind == 0) {
      result.id = body.apply(Op::less, {read.id, as_float(exact_read(), body.type(read.id)).id});
    } else if (kind == 1) {
      result.id = body.apply(Op::to_u8, {body.apply(Op::abs, {eighths})});
    } else {
      const ScalarId whole = body.apply(Op::add, {body.apply(Op::to_i32, {eighths}), body.axis(any_form(2))});
      const ScalarId low = body.apply(Op::max, {whole, body.literal(0, DType::i32)});
      result.id = body.apply(Op::min, {low, body.literal(1 + dice_.below(4), DType::i32)});
    }
    finish_sweep(result, Combiner::none);
  }

  Entry finish_sweep(Term root, Combiner combiner) {
    Sweep sweep = draft_.sweep;
    std::vector<ScalarId> keep;
    for (const Index& index : sweep.landing)
      if (index.through != no_scalar) keep.push_back(index.through);
    sweep.body = draft_.body.finish(root.id, keep);
    auto kept = keep.begin();
    for (Index& index : sweep.landing)
      if (index.through != no_scalar) index.through = *kept++;
    sweep.combiner = combiner;
    if (combiner == Combiner::none && !why_scatters(sweep).empty()) return {};

    const bool sums = combiner == Combiner::sum || combiner == Combiner::product;
    const bool infinite = !draft_.sweep.guards.empty() || !lands_plainly();
    double bound = sums ? std::max(largest_bound, root.bound) : root.bound;
    if ((combiner == Combiner::max || combiner == Combiner::min) && infinite) bound = infinity;
    if (combiner == Combiner::product) bound = 2e3;
    const bool exact = root.exact && !sums;
    const Entry entry{builder_.sweep(std::move(sweep), draft_.shape), bound, exact};
    pool_.push_back(entry);
    return entry;
  }

  bool lands_plainly() const {
    return std::all_of(draft_.sweep.landing.begin(), draft_.sweep.landing.end(),
                       [](const Index& index) { return index.offset.is_axis(); });
  }

  // -- expressions
  // -----------------------------------------------------------------------------------------------------
  DType float_type() const { return draft_.in_double ? DType::f64 : DType::f32; }
  ScalarId number(ScalarId like, double value) { return draft_.body.literal(value, draft_.body.type(like)); }
  Term literal() { return {draft_.body.literal((dice_.below(129) - 64) / 64.0, float_type()), 1, true}; }

  Term as_float(Term term) { return as_float(term, float_type()); }
  Term as_float(Term term, DType type) {
    if (draft_.body.type(term.id) == type) return term;
    const Op op = type == DType::f64 ? Op::to_f64 : Op::to_f32;
    if (!is_float(draft_.body.type(term.id))) term.bound = std::min(term.bound, 256.0);
    return {draft_.body.apply(op, {term.id}), term.bound, term.exact};
  }

  // Scaled by a power of two so that `count` of them stay within the bound.
  Term scaled(Term term, double count) {
    if (std::isinf(term.bound)) term = clamped(term);
    const double reach = term.bound * count;
    if (reach <= largest_bound) return term;
    const double factor = std::exp2(-std::ceil(std::log2(reach / largest_bound)));
    return {draft_.body.apply(Op::mul, {term.id, number(term.id, factor)}), term.bound * factor, false};
  }

  Term clamped(Term term) {
    const ScalarId low = draft_.body.apply(Op::max, {term.id, number(term.id, -largest_bound)});
    return {draft_.body.apply(Op::min, {low, number(term.id, largest_bound)}), largest_bound, term.exact};
  }

  Term near_one(Term term) {
    const ScalarId small = draft_.body.apply(Op::mul, {call(Op::tanh, term).id, number(term.id, 0.125)});
    return {draft_.body.apply(Op::add, {number(term.id, 1), small}), 1.125, false};
  }

  Term call(Op op, const Term& term) { return {draft_.body.apply(op, {term.id}), 1, false}; }

  Term product() {
    const Term a = scaled(as_float(any_read()), 1);
    const Term b = scaled(as_float(any_read()), 1);
    return {draft_.body.apply(Op::mul, {a.id, b.id}), a.bound * b.bound, false};
  }

  // In float_type(), finite.
  Term expression(int depth) {
    if (depth == 0 || dice_.chance(20)) return leaf();
    const int kind = dice_.below(5);
    if (kind <= 1) return binary(depth);
    if (kind == 2) return choice(depth);
    return unary(depth);
  }

  Term leaf() {
    const int kind = dice_.below(10);
    if (kind == 0) return literal();
    if (kind == 1) {
      const Affine form = any_form(2);
      const Bounds reach = bounds(form);
      const double bound = static_cast<double>(std::max(std::abs(reach.low), std::abs(reach.high)));
      const ScalarId axis = draft_.body.apply(draft_.in_double ? Op::to_f64 : Op::to_f32, {draft_.body.axis(form)});
      return scaled({axis, std::max(bound, 1.0), true}, 1);
    }
    return scaled(as_float(any_read()), 1);
  }

  Term unary(int depth) {
    const Term x = scaled(expression(depth - 1), 1);
    BodyBuilder& body = draft_.body;
    const ScalarId size = body.apply(Op::abs, {x.id});
    switch (dice_.below(9)) {
      case 0:
        return {body.apply(Op::exp, {call(Op::tanh, x).id}), 3, false};
      case 1:
        return {body.apply(Op::log, {body.apply(Op::add, {size, number(x.id, 0.5)})}), 2, false};
      case 2:
        return {body.apply(Op::sqrt, {body.apply(Op::add, {size, number(x.id, 0.25)})}), 3, false};
      case 3:
        return {body.apply(Op::power, {x.id, body.literal(2 + dice_.below(2), DType::i32)}),
                std::pow(x.bound, 3) + x.bound * x.bound, false};
      case 4:
        return {body.apply(Op::neg, {x.id}), x.bound, x.exact};
      case 5:
        return {body.apply(Op::div, {number(x.id, 1), body.apply(Op::add, {size, number(x.id, 1)})}), 1, false};
      case 6:
        return call(Op::sin, x);
      case 7:
        return call(Op::sigmoid, x);
      default:
        return call(Op::tanh, x);
    }
  }

  Term binary(int depth) {
    const Term a = scaled(expression(depth - 1), 1);
    const Term b = scaled(expression(depth - 1), 1);
    static constexpr Op ops[] = {Op::add, Op::sub, Op::mul, Op::mul, Op::min, Op::max};
    const Op op = ops[dice_.below(6)];
    const double bound = op == Op::mul                    ? a.bound * b.bound
                         : op == Op::add || op == Op::sub ? a.bound + b.bound
                                                          : std::max(a.bound, b.bound);
    return {draft_.body.apply(op, {a.id, b.id}), std::max(bound, 0.125), false};
  }

  Term choice(int depth) {
    const Term left = as_float(exact_read());
    const Term right = dice_.chance(50) ? as_float(exact_read(), draft_.body.type(left.id)) : literal();
    const ScalarId test = draft_.body.apply(dice_.chance(50) ? Op::less : Op::greater_equal, {left.id, right.id});
    const Term a = scaled(expression(depth - 1), 1);
    const Term b = scaled(expression(depth - 1), 1);
    return {draft_.body.apply(Op::select, {test, a.id, b.id}), std::max(a.bound, b.bound), false};
  }

  // -- reads
  // -----------------------------------------------------------------------------------------------------------
  Term any_read() {
    for (int attempt = 0; attempt < 6; ++attempt) {
      const Term read = read_of(pool_[static_cast<std::size_t>(dice_.below(static_cast<int>(pool_.size())))]);
      if (read.id != no_scalar) return read;
    }
    return literal();
  }

  // Of a floating value that f32 holds exactly, or a literal.
  Term exact_read() {
    for (int attempt = 0; attempt < 8; ++attempt) {
      const Entry& entry = pool_[static_cast<std::size_t>(dice_.below(static_cast<int>(pool_.size())))];
      if (!entry.exact || !is_float(type(entry).dtype)) continue;
      const Term read = read_of(entry);
      if (read.id != no_scalar) return read;
    }
    return literal();
  }

  // A read of an i32 tensor that has a range, or none.
  ScalarId integer_read() {
    for (int attempt = 0; attempt < 6; ++attempt) {
      const Entry& entry = pool_[static_cast<std::size_t>(dice_.below(static_cast<int>(pool_.size())))];
      if (!type(entry).range) continue;
      const ScalarId read = read_of(entry, false).id;
      if (read != no_scalar) return read;
    }
    return no_scalar;
  }

  Term read_of(const Entry& entry, bool through = true) {
    const TensorType tensor = type(entry);
    Read read{entry.id, {}, std::nullopt};
    bool leaves = false;
    for (const Extent extent : tensor.shape) {
      if (extent.is_batch()) {
        const AxisId axis = batch_axis();
        if (axis < 0) return {};
        read.at.push_back({Affine::axis(axis), no_scalar});
      } else {
        read.at.push_back(index_into(extent, through, leaves));
      }
    }
    if (leaves) read.otherwise = is_float(tensor.dtype) ? (dice_.below(33) - 16) / 16.0 : dice_.below(2);
    if (leaves && tensor.range) read.otherwise = static_cast<double>(tensor.range->low);
    const double bound = is_float(tensor.dtype) ? std::max(entry.bound, 1.0) : entry.bound;
    return {draft_.body.read(std::move(read), tensor.dtype), bound, entry.exact};
  }

  AxisId batch_axis() {
    std::vector<AxisId> axes;
    for (std::size_t i = 0; i < draft_.sweep.axes.size(); ++i)
      if (draft_.sweep.axes[i].extent.is_batch()) axes.push_back(static_cast<AxisId>(i));
    return axes.empty() ? -1 : axes[static_cast<std::size_t>(dice_.below(static_cast<int>(axes.size())))];
  }

  // A static axis no longer than the extent, the same length preferred; -1 when there is none.
  AxisId fitting_axis(Extent extent) {
    AxisId best = -1;
    for (std::size_t i = 0; i < draft_.sweep.axes.size(); ++i) {
      const Extent own = draft_.sweep.axes[i].extent;
      if (own.is_batch() || own.size > extent.size) continue;
      if (own == extent || best < 0 || dice_.chance(30)) best = static_cast<AxisId>(i);
    }
    return best;
  }

  // A form that starts inside the extent where it can; `leaves` when it may still leave it.
  Index index_into(Extent extent, bool through, bool& leaves) {
    if (through && dice_.chance(8)) {
      const ScalarId read = integer_read();
      leaves |= read != no_scalar;
      if (read != no_scalar) return {{}, read};
    }
    if (dice_.chance(50)) {
      const AxisId axis = fitting_axis(extent);
      if (axis >= 0) return {Affine::axis(axis), no_scalar};
    }
    Affine form = any_form(2);
    form = form - bounds(form).low + (dice_.chance(20) ? dice_.below(3) - 1 : 0);
    const Bounds reach = bounds(form);
    const bool inside = reach.low >= 0 && reach.high < extent.size;
    if (!inside && dice_.chance(50)) {
      form = Affine::of(dice_.below(static_cast<int>(extent.size)));
    } else {
      leaves |= !inside;
    }
    return {form, no_scalar};
  }

  // -- the other nodes
  // -------------------------------------------------------------------------------------------------
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

 public:
  // c/2 + something small of the same type.
  Entry add_next(ValueId carried) {
    const TensorType type = builder_.type(carried);
    begin_sweep();
    draft_.in_double = type.dtype == DType::f64;
    Read read{carried, {}, std::nullopt};
    for (const Extent extent : type.shape) read.at.push_back({Affine::axis(add_axis(extent, true)), no_scalar});
    const ScalarId old = draft_.body.read(std::move(read), type.dtype);
    const ScalarId half = draft_.body.apply(Op::mul, {old, number(old, 0.5)});
    const ScalarId rest = call(Op::tanh, scaled(expression(2), 1)).id;
    return finish_sweep({draft_.body.apply(Op::add, {half, rest}), largest_bound, false}, Combiner::none);
  }

 private:
  Dice& dice_;
  const GeneratorOptions& options_;
  GraphBuilder builder_;
  std::vector<std::int64_t> loops_;
  std::vector<Entry> pool_;
  Draft draft_;
};

// w - g/8, where the gradient is of the mean square of the last floating value.
void add_training(Filler& filler, ValueId weight) {
  GraphBuilder& builder = filler.builder();
  const auto last = std::find_if(filler.pool().rbegin(), filler.pool().rend(), [&](const Entry& entry) {
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
