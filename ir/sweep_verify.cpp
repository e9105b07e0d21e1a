// The verifier of sweeps: box, body, indices, landing, order. Each step relies on the ones before it, so the first
// step that finds something ends the sweep's verification.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "ir/graph_verify.h"
#include "ir/match.h"

namespace descent {
namespace {

class SweepVerifier {
 public:
  SweepVerifier(const NodeContext& context, const Sweep& sweep) : context_(context), sweep_(sweep) {
    names_ = axis_names(sweep.axes, {});
    loop_names_.assign(context.loops.size(), "t");
  }

  void run() {
    using Step = void (SweepVerifier::*)();
    static constexpr Step steps[] = {&SweepVerifier::check_box,     &SweepVerifier::check_scalars,
                                     &SweepVerifier::check_result,  &SweepVerifier::check_batch,
                                     &SweepVerifier::check_reach,   &SweepVerifier::check_range,
                                     &SweepVerifier::check_landing, &SweepVerifier::check_order};
    const std::size_t before = context_.findings.size();
    for (const Step step : steps) {
      (this->*step)();
      if (failed_ || context_.findings.size() != before) return;
    }
  }

 private:
  void report(DiagnosticId id, std::string message) {
    failed_ = true;
    context_.report(id, std::move(message));
  }

  std::string shown(const Affine& form) const {
    return to_string(form, [&](AxisId axis) { return axis_name(axis, names_, loop_names_); });
  }
  const TensorType& result() const { return context_.graph.type(context_.node().results[0]); }
  bool is_scalar(ScalarId id, ScalarId before) const { return id >= 0 && id < before; }

  // What a finding calls it, asked for when there is one: a tensor's name takes the whole model's text.
  using What = std::function<std::string()>;

  // -- box: extents and guards ---------------------------------------------------------------------------------------
  void check_box() {
    for (std::size_t i = 0; i < sweep_.axes.size(); ++i) {
      const std::int64_t size = sweep_.axes[i].extent.size;
      if (size < 0 || size > largest_extent)
        report("bad-extent", fmt::format("expected axis '{}' to have 1 to 2^40 points, found {}", names_[i], size));
    }
    for (const Affine& guard : sweep_.guards) check_form(guard, [] { return "a guard"; });
  }

  void check_form(const Affine& form, const What& what) {
    for (std::size_t i = 0; i < form.terms.size(); ++i) {
      const auto [axis, coefficient] = form.terms[i];
      const bool known =
          axis < static_cast<AxisId>(sweep_.axes.size()) && axis >= -static_cast<AxisId>(context_.loops.size());
      if (!known)
        return report("unknown-axis", fmt::format("{} uses axis {}, but the sweep has {} and stands in {} scans",
                                                  what(), axis, sweep_.axes.size(), context_.loops.size()));
      if (coefficient == 0 || (i > 0 && form.terms[i - 1].axis >= axis))
        return report("not-canonical", fmt::format("{} is not canonical: terms must ascend and not be zero", what()));
    }
  }

  // -- body: operands before users, every operation typed
  // --------------------------------------------------------------
  void check_scalars() {
    const std::vector<Scalar>& scalars = sweep_.body.scalars;
    if (scalars.empty()) return report("empty-body", "expected a scalar in the sweep's body, found none");
    for (ScalarId id = 0; id <= sweep_.body.root() && !failed_; ++id) {
      const Scalar& scalar = sweep_.body[id];
      match(
          scalar.node, [&](const Literal& literal) { check_literal(literal.value, scalar.type, "literal"); },
          [&](const AxisValue& value) {
            check_form(value.form, [] { return "an index value"; });
            if (scalar.type != DType::i32)
              report("wrong-type", fmt::format("expected an index value to be i32, found {}", name_of(scalar.type)));
          },
          [&](const AxisExtent& extent) {
            if (extent.axis < 0 || extent.axis >= static_cast<AxisId>(sweep_.axes.size()))
              report("unknown-axis", fmt::format("the extent of axis {} is asked for, but the sweep has {}",
                                                 extent.axis, sweep_.axes.size()));
            else if (scalar.type != DType::i32)
              report("wrong-type", fmt::format("expected an extent to be i32, found {}", name_of(scalar.type)));
          },
          [&](const Read& read) { check_read(id, scalar.type, read); },
          [&](const Apply& apply) { check_apply(id, scalar.type, apply); });
    }
  }

  void check_literal(double value, DType type, std::string_view what) {
    if (!is_value_of(value, type))
      report("not-representable", fmt::format("expected {} to be a value of {}, found {}", what, name_of(type), value));
  }

  void check_apply(ScalarId id, DType type, const Apply& apply) {
    const OpRow& op = row(apply.op);
    const std::string_view sign = op.infix.empty() ? op.name : op.infix;
    if (static_cast<int>(apply.operands.size()) != op.arity)
      return report("argument-count",
                    fmt::format("'{}' expects {} operands, found {}", sign, op.arity, apply.operands.size()));
    std::vector<DType> types;
    std::string list;
    for (const ScalarId operand : apply.operands) {
      if (!is_scalar(operand, id))
        return report("use-before-definition", fmt::format("an operand of '{}' does not stand before it", sign));
      types.push_back(sweep_.body[operand].type);
      list += (list.empty() ? "" : ", ") + std::string(name_of(types.back()));
    }
    const std::optional<DType> expected = result_type(apply.op, types);
    if (!expected) return report("wrong-type", fmt::format("'{}' does not take ({})", sign, list));
    if (*expected != type)
      report("wrong-type", fmt::format("'{}' of ({}) is {}, found {}", sign, list, name_of(*expected), name_of(type)));
  }

  void check_read(ScalarId id, DType type, const Read& read) {
    const TensorType& tensor = context_.graph.type(read.tensor);
    if (tensor.dtype != type)
      return report("wrong-type", fmt::format("expected a read of {} to be {}, found {}", context_.name(read.tensor),
                                              name_of(tensor.dtype), name_of(type)));
    if (read.at.size() != tensor.shape.size())
      return report("index-count", fmt::format("expected {} indices for {} {}, found {}", tensor.shape.size(),
                                               context_.name(read.tensor), to_string(tensor.shape), read.at.size()));
    for (const Index& index : read.at)
      check_index(index, id, [&] { return "an index of " + context_.name(read.tensor); });
    if (read.otherwise) check_literal(*read.otherwise, type, "the value after 'else'");
  }

  void check_index(const Index& index, ScalarId before, const What& what) {
    check_form(index.offset, what);
    if (index.through == no_scalar || failed_) return;
    const bool reads = is_scalar(index.through, before) &&
                       std::holds_alternative<Read>(sweep_.body[index.through].node) &&
                       sweep_.body[index.through].type == DType::i32;
    if (!reads) report("bad-index", fmt::format("{} must go through an earlier read of an i32 tensor", what()));
  }

  // -- result: type and rank
  // -------------------------------------------------------------------------------------------
  void check_result() {
    const DType body = sweep_.body.type();
    const bool counts = sweep_.combiner == Combiner::argmax;
    const DType expected = counts ? DType::i32 : body;
    if (result().dtype != expected)
      report("wrong-type",
             fmt::format("expected the result to be {}, found {}", name_of(expected), name_of(result().dtype)));
    const bool combinable = is_float(body) || body == DType::i32;
    if (sweep_.combiner != Combiner::none && !combinable)
      report("wrong-type",
             fmt::format("'{}' combines f32, f64 or i32, found {}", name_of(sweep_.combiner), name_of(body)));
    if (sweep_.landing.size() != result().shape.size())
      report("index-count", fmt::format("expected one landing index per axis of {}, found {}",
                                        to_string(result().shape), sweep_.landing.size()));
    for (const Index& index : sweep_.landing)
      check_index(index, sweep_.body.root() + 1, [] { return "a landing index"; });
  }

  // -- batch: only as a whole axis
  // -------------------------------------------------------------------------------------
  void check_batch() {
    for (const ScalarId id : reads_of(sweep_.body)) {
      const auto& read = std::get<Read>(sweep_.body[id].node);
      check_batch(read.at, context_.graph.type(read.tensor).shape, [&] { return context_.name(read.tensor); });
    }
    check_batch(sweep_.landing, result().shape, [] { return "the result"; });
  }

  void check_batch(const std::vector<Index>& at, const Shape& shape, const What& what) {
    for (std::size_t dimension = 0; dimension < at.size(); ++dimension) {
      const Index& index = at[dimension];
      const bool uses_batch = std::any_of(index.offset.terms.begin(), index.offset.terms.end(), [&](const Term& term) {
        return term.axis >= 0 && sweep_.axes[static_cast<std::size_t>(term.axis)].extent.is_batch();
      });
      const bool plain = index.through == no_scalar && index.offset.is_axis();
      if (shape[dimension].is_batch() && !(uses_batch && plain))
        report("batch-not-whole", fmt::format("expected dimension {} of {} to be indexed by a whole batch axis alone, "
                                              "found {}",
                                              dimension, what(), shown(index.offset)));
      else if (!shape[dimension].is_batch() && uses_batch)
        report("batch-not-whole", fmt::format("a batch axis may index a batch dimension only, but dimension {} of {} "
                                              "has {}",
                                              dimension, what(), to_string(shape[dimension])));
    }
  }

  // -- reach: reads stay inside their tensors
  // --------------------------------------------------------------------------
  void check_reach() {
    const std::vector<std::optional<Range>> ranges = scalar_ranges(context_.graph, sweep_, context_.loops);
    for (const ScalarId id : reads_of(sweep_.body)) {
      const auto& read = std::get<Read>(sweep_.body[id].node);
      const Shape& shape = context_.graph.type(read.tensor).shape;
      if (read.otherwise) continue;
      for (std::size_t dimension = 0; dimension < shape.size(); ++dimension)
        if (!shape[dimension].is_batch()) check_reach(read, dimension, shape[dimension].size, ranges);
    }
  }

  void check_reach(const Read& read, std::size_t dimension, std::int64_t extent,
                   const std::vector<std::optional<Range>>& ranges) {
    const Index& index = read.at[dimension];
    Bounds bounds = bounds_within(index.offset, sweep_, context_.loops);
    if (index.through != no_scalar) {
      const std::optional<Range>& range = ranges[static_cast<std::size_t>(index.through)];
      if (!range)
        return report("unknown-range",
                      fmt::format("dimension {} of {} is indexed through integers without a range; name "
                                  "the value outside with 'else'",
                                  dimension, context_.name(read.tensor)));
      if (bounds.low < -largest_extent || bounds.high > largest_extent) bounds = {-largest_extent, largest_extent};
      bounds = {bounds.low + range->low, bounds.high + range->high - 1};
    }
    if (bounds.low > bounds.high || (bounds.low >= 0 && bounds.high < extent)) return;
    report("index-outside", fmt::format("dimension {} of {} has {}, but its index runs from {} to {}; name the value "
                                        "outside with 'else'",
                                        dimension, context_.name(read.tensor), extent, bounds.low, bounds.high));
  }

  // -- range: what the type claims of i32 results
  // ----------------------------------------------------------------------
  void check_range() {
    const std::optional<Range>& claimed = result().range;
    if (!claimed) return;
    const std::optional<Range> known = range_of(context_.graph, sweep_, result().shape, context_.loops);
    const bool holds = known && known->low >= claimed->low && known->high <= claimed->high;
    if (holds) return;
    const std::string found = known ? fmt::format("{} ..< {}", known->low, known->high) : "no range that can be told";
    report("bad-range", fmt::format("expected integers in {} ..< {}, found {}", claimed->low, claimed->high, found));
  }

  // -- landing: at most one point on a place without a combiner, no scatter after gather
  // -------------------------------
  void check_landing() {
    const std::string scatters = why_scatters(sweep_);
    if (sweep_.combiner == Combiner::none) {
      if (!scatters.empty())
        return report("not-injective",
                      fmt::format("without a combiner at most one point may land on a place, but {}", scatters));
      for (const AxisId axis : reduced_axes(sweep_))
        if (sweep_.axes[static_cast<std::size_t>(axis)].extent.size != 1)
          return report("not-injective",
                        fmt::format("without a combiner at most one point may land on a place, but axis '{}' does not "
                                    "stand in the landing",
                                    names_[static_cast<std::size_t>(axis)]));
    }
    const bool through = std::any_of(sweep_.landing.begin(), sweep_.landing.end(),
                                     [](const Index& index) { return index.through != no_scalar; });
    if (context_.legality.gathered && !scatters.empty() && !through)
      report("scatter-left", fmt::format("the scatter that makes {} must be gone after gather: {}",
                                         context_.name(context_.node().results[0]), scatters));
  }

  // -- order
  // -----------------------------------------------------------------------------------------------------------
  void check_order() {
    const bool reduces = sweep_.combiner != Combiner::none;
    if (context_.legality.ordered && reduces && !sweep_.order)
      return report("no-order", fmt::format("the reduction that makes {} must carry its order after order",
                                            context_.name(context_.node().results[0])));
    if (!sweep_.order) return;
    if (!reduces) return report("bad-order", "a sweep without a combiner has no order");
    if (sweep_.order->piece < 0 || (sweep_.order->piece > 0 && reduced_axes(sweep_).empty()))
      return report("bad-order", fmt::format("pieces of {} steps need a reduced axis", sweep_.order->piece));
    const auto* root = std::get_if<Apply>(&sweep_.body[sweep_.body.root()].node);
    const bool product = root != nullptr && root->op == Op::mul && is_float(sweep_.body.type());
    if (sweep_.order->fused && !(product && sweep_.combiner == Combiner::sum))
      report("bad-order", "a fused order needs a sum of floating products");
  }

  const NodeContext& context_;
  const Sweep& sweep_;
  std::vector<std::string> names_;
  std::vector<std::string> loop_names_;
  bool failed_ = false;
};

}  // namespace

void verify_sweep(const NodeContext& context, const Sweep& sweep) { SweepVerifier(context, sweep).run(); }

bool is_value_of(double value, DType type) {
  const auto whole_within = [&](double low, double high) {
    return std::trunc(value) == value && value >= low && value <= high && !(value == 0 && std::signbit(value));
  };
  switch (type) {
    case DType::f32:
      return std::isnan(value) || static_cast<double>(static_cast<float>(value)) == value;
    case DType::f64:
      return true;
    case DType::i32:
      return whole_within(-0x1p31, 0x1p31 - 1);
    case DType::u32:
      return whole_within(0, 0x1p32 - 1);
    case DType::u8:
      return whole_within(0, 255);
    case DType::boolean:
      return whole_within(0, 1);
  }
  return false;
}

}  // namespace descent
