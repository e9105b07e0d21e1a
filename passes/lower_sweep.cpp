#include "passes/lower_sweep.h"

#include <algorithm>
#include <map>

#include "ir/combine.h"
#include "ir/loop_builder.h"
#include "ir/match.h"
#include "passes/body_emitter.h"
#include "passes/sweep_tools.h"
#include "passes/tile_loops.h"

namespace descent {
namespace {

using loop::ArrayId;
using loop::Bound;
using loop::KernelBuilder;
using loop::LoopKind;
using loop::Subscript;
using loop::TempId;
using loop::VariableId;

// The two factors of what a fused reduction adds up, none of any other. They are kept apart through the expansion: a
// product of constants would become one constant, rounded once too often.
std::vector<ScalarId> factors_of(const Sweep& sweep) {
  if (!sweep.order || !sweep.order->fused) return {};
  const Apply* product = std::get_if<Apply>(&sweep.body.scalars.back().node);
  DESCENT_CHECK(product && product->op == Op::mul, "lower: a fused reduction whose body is no product");
  return product->operands;
}

class SweepLowering {
 public:
  SweepLowering(const SweepJob& job, const Schedule& schedule)
      : job_(job),
        sweep_(*job.sweep),
        plan_(schedule),
        k_(job.name, job.comment, job.origin),
        factors_(factors_of(sweep_)),
        body_(expand(sweep_.body, factors_)),
        emit_(k_, job, place_),
        loops_(k_, emit_, job, schedule, place_) {}

  LoweredKernel run() {
    emit_.bind(buffers_);
    place_.assign(sweep_.axes.size(), Affine{});
    if (plan_.scatters) {
      fill();
      scatter();
    } else {
      if (!covers(sweep_, job_.type.shape)) fill();
      loops_.panels([this] { panel(); });
    }
    return {std::move(k_).finish(), buffers_};
  }

 private:
  const Axis& axis(AxisId id) const { return sweep_.axes[static_cast<std::size_t>(id)]; }
  Affine& place(AxisId id) { return place_[static_cast<std::size_t>(id)]; }
  const Order& order() const { return *sweep_.order; }

  // -- one register tile ---------------------------------------------------------------------------------------------

  void panel() {
    if (plan_.packing) return contraction();
    loops_.rows([this] { tile(); });
  }
  void tile() {
    if (sweep_.combiner == Combiner::none) return loops_.elements([&](const auto&) { store_point(); });
    if (sweep_.combiner == Combiner::argmax) return argmax_tile();
    store_tile(reduce_tile());
  }
  void store_tile(ArrayId total) {
    loops_.elements([&](const std::vector<Subscript>& at) { store_result(k_.load(total, at)); });
  }

  void store_point() {
    TempId guard = emit_.guards(sweep_);
    TempId value = emit_.body(body_, guard);
    if (guard != loop::no_temp) value = k_.operation(Op::select, {guard, value, k_.literal(0, k_.type(value))});
    store_result(value);
  }

  // Stores where the sweep lands; a landing outside vanishes.
  void store_result(TempId value) {
    std::vector<Subscript> at = emit_.landing(sweep_);
    TempId inside = emit_.inside(sweep_.landing, at, job_.type.shape, job_.result.prefix.size());
    inside = emit_.both(emit_.required(), inside);
    if (inside == loop::no_temp) return k_.store(emit_.result(), at, value);
    k_.branch(inside, [&] { k_.store(emit_.result(), at, value); });
  }

  TempId identity() { return k_.literal(identity_of(sweep_.combiner, job_.type.dtype), job_.type.dtype); }

  // accumulator ⊕ the body at this point.
  TempId join(TempId accumulator) {
    TempId guard = emit_.guards(sweep_);
    TempId joined;
    if (order().fused) {
      const TempId a = emit_.value(body_, factors_[0], guard);
      const TempId b = emit_.value(body_, factors_[1], guard);
      joined = k_.operation(Op::fma, {a, b, accumulator});
    } else {
      joined = combine(accumulator, emit_.body(body_, guard));
    }
    return guard == loop::no_temp ? joined : k_.operation(Op::select, {guard, joined, accumulator});
  }
  TempId combine(TempId a, TempId b) {
    switch (sweep_.combiner) {
      case Combiner::sum:
        return k_.operation(Op::add, {a, b});
      case Combiner::product:
        return k_.operation(Op::mul, {a, b});
      case Combiner::max:
        return k_.operation(Op::max, {a, b});
      case Combiner::min:
        return k_.operation(Op::min, {a, b});
      case Combiner::none:
      case Combiner::argmax:
        break;
    }
    DESCENT_CHECK(false, "lower: this combiner has no accumulator");
    return loop::no_temp;
  }

  std::int64_t piece() const { return piece_of(sweep_, job_.largest_batch); }

  // The reduced value of the whole tile: pieces one after another, joined by a chain.
  ArrayId reduce_tile() {
    const DType type = job_.type.dtype;
    if (piece() == 0) return reduce_piece(std::nullopt);
    ArrayId total = k_.declare("total", type, loops_.tile_shape());
    loops_.all_elements([&](const auto& at) { k_.store(total, at, identity()); });
    const Axis& outermost = axis(plan_.serial[0]);
    k_.loop(LoopKind::serial, outermost.name, Bound::of(0), {Bound::of(outermost.extent)}, piece(), [&](VariableId c) {
      ArrayId part = reduce_piece(c);
      loops_.all_elements([&](const auto& at) { k_.store(total, at, combine(k_.load(total, at), k_.load(part, at))); });
    });
    return total;
  }
  ArrayId reduce_piece(std::optional<VariableId> start) {
    return order().kind == Order::Kind::chain ? chain(start) : lanes(start);
  }

  // Loops over serial axes from `depth`; the outermost one stays inside the piece that starts at `start`.
  void serial_loops(std::size_t depth, std::size_t end, std::optional<VariableId> start,
                    const std::function<void()>& inside) {
    if (depth >= end) return inside();
    AxisId id = plan_.serial[depth];
    auto [begin, ends] = range_of(depth, start);
    loops_.loop_over(LoopKind::serial, id, begin, ends, 1, [&] { serial_loops(depth + 1, end, start, inside); });
  }
  std::pair<Bound, std::vector<Bound>> range_of(std::size_t depth, std::optional<VariableId> start) const {
    Bound end = Bound::of(sweep_.axes[static_cast<std::size_t>(plan_.serial[depth])].extent);
    if (depth > 0 || !start) return {Bound::of(0), {end}};
    Affine from = Affine::axis(*start);
    return {Bound{from, 0}, {Bound{from + piece(), 0}, end}};
  }

  ArrayId chain(std::optional<VariableId> start) {
    ArrayId sum = k_.declare("sum", job_.type.dtype, loops_.tile_shape());
    loops_.all_elements([&](const auto& at) { k_.store(sum, at, identity()); });
    serial_loops(0, plan_.serial.size(), start,
                 [&] { loops_.all_elements([&](const auto& at) { k_.store(sum, at, join(k_.load(sum, at))); }); });
    return sum;
  }

  // -- packed contractions -------------------------------------------------------------------------------------------

  // The terms that run together: steps of serial[cut], and the axes behind it whole.
  struct Terms {
    Bound begin;
    std::vector<Bound> end;
  };
  const Packing& packing() const { return *plan_.packing; }
  AxisId cut_axis() const { return plan_.serial[packing().cut]; }
  std::int64_t most(Extent extent) const { return extent.is_batch() ? job_.largest_batch : extent.size; }

  // The sums of a block of rows and a tile of the vector axis.
  void contraction() {
    const auto [begin, ends] = range_of(packing().cut, std::nullopt);
    const bool in_one = packing().cut == 0 && piece() == 0 && most(axis(cut_axis()).extent) <= packing().block;
    if (!in_one) return staged_contraction();
    const Terms all{begin, ends};
    const std::optional<ArrayId> panel = pack(all);
    loops_.rows([&] {
      const ArrayId sum = k_.declare("sum", job_.type.dtype, loops_.tile_shape());
      loops_.all_elements([&](const auto& at) { k_.store(sum, at, identity()); });
      add_terms(all, panel, sum);
      store_tile(sum);
    });
  }

  // Panel by panel: between two of them the sums wait in memory.
  void staged_contraction() {
    const ArrayId sums = piece() == 0 ? staged_sums(std::nullopt) : joined_pieces();
    loops_.rows([&] { loops_.elements([&](const auto&) { store_result(k_.load(sums, sum_at())); }); });
  }
  ArrayId joined_pieces() {
    const ArrayId total = declare_sums("total");
    const Axis& outermost = axis(plan_.serial[0]);
    k_.loop(LoopKind::serial, outermost.name, Bound::of(0), {Bound::of(outermost.extent)}, piece(), [&](VariableId c) {
      const ArrayId part = staged_sums(c);
      each_sum([&](const auto& at) { k_.store(total, at, combine(k_.load(total, at), k_.load(part, at))); });
    });
    return total;
  }
  ArrayId staged_sums(std::optional<VariableId> start) {
    const ArrayId sums = declare_sums("sums");
    add_panels(start, sums);
    return sums;
  }
  // One sum per row of the block and element of the vector tile, all of them the identity.
  ArrayId declare_sums(const std::string& name) {
    const ArrayId sums = k_.declare(name, job_.type.dtype, {{plan_.row_block}, {loops_.vector_size()}});
    each_sum([&](const auto& at) { k_.store(sums, at, identity()); });
    return sums;
  }
  void each_sum(const std::function<void(const std::vector<Subscript>& at)>& inside) {
    k_.loop(LoopKind::serial, axis(*plan_.row).name, Bound::of(plan_.row_block), [&](VariableId row) {
      k_.loop(LoopKind::vector, axis(*plan_.vector).name, Bound::of(loops_.vector_size()),
              [&](VariableId lane) { inside(loop::at({Affine::axis(row), Affine::axis(lane)})); });
    });
  }
  // Where the sum of the current element waits.
  std::vector<Subscript> sum_at() {
    return loop::at({place(*plan_.row) - loops_.row_base(), place(*plan_.vector) - loops_.vector_base()});
  }

  void add_panels(std::optional<VariableId> start, ArrayId sums) {
    serial_loops(0, packing().cut, start, [&] {
      auto [begin, ends] = range_of(packing().cut, start);
      if (most(axis(cut_axis()).extent) <= packing().block) return add_panel({begin, ends}, sums);
      k_.loop(LoopKind::serial, axis(cut_axis()).name, begin, ends, packing().block, [&](VariableId first) {
        ends.insert(ends.begin(), Bound{Affine::axis(first) + packing().block, 0});
        add_panel({Bound{Affine::axis(first), 0}, ends}, sums);
      });
    });
  }
  void add_panel(const Terms& terms, ArrayId sums) {
    const std::optional<ArrayId> panel = pack(terms);
    loops_.rows([&] {
      const ArrayId sum = k_.declare("sum", job_.type.dtype, loops_.tile_shape());
      loops_.all_elements([&](const auto& at) { k_.store(sum, at, k_.load(sums, sum_at())); });
      add_terms(terms, panel, sum);
      loops_.all_elements([&](const auto& at) { k_.store(sums, sum_at(), k_.load(sum, at)); });
    });
  }

  void each_term(const Terms& terms, const std::function<void()>& inside) {
    loops_.loop_over(LoopKind::serial, cut_axis(), terms.begin, terms.end, 1,
                     [&] { serial_loops(packing().cut + 1, plan_.serial.size(), std::nullopt, inside); });
  }
  // None when the factor lies in panels.
  std::optional<ArrayId> pack(const Terms& terms) {
    if (!packing().copies) return std::nullopt;
    Shape shape{{packing().block}};
    for (std::size_t s = packing().cut + 1; s < plan_.serial.size(); ++s) {
      shape.push_back({most(axis(plan_.serial[s]).extent)});
    }
    shape.push_back({loops_.vector_size()});
    const ArrayId panel = k_.declare("panel", job_.type.dtype, shape);
    const ScalarId factor = factors_[packing().factor];
    each_term(terms, [&] {
      loops_.row(
          [&](const auto&) { k_.store(panel, panel_at(terms), emit_.value(body_, factor, emit_.guards(sweep_))); });
    });
    return panel;
  }
  std::vector<Subscript> panel_at(const Terms& terms) {
    std::vector<Affine> at{place(cut_axis()) - terms.begin.form};
    for (std::size_t s = packing().cut + 1; s < plan_.serial.size(); ++s) at.push_back(place(plan_.serial[s]));
    at.push_back(place(*plan_.vector) - loops_.vector_base());
    return loop::at(at);
  }
  void add_terms(const Terms& terms, std::optional<ArrayId> panel, ArrayId sum) {
    const ScalarId left_factor = factors_[1 - packing().factor], right_factor = factors_[packing().factor];
    const auto add_term = [&](const std::vector<Subscript>& at) {
      const TempId left = emit_.value(body_, left_factor, loop::no_temp);
      const TempId right =
          panel ? k_.load(*panel, panel_at(terms)) : emit_.value(body_, right_factor, emit_.required());
      k_.store(sum, at, k_.operation(Op::fma, {left, right, k_.load(sum, at)}));
    };
    each_term(terms, [&] { panel ? loops_.all_elements(add_term) : loops_.elements(add_term); });
  }

  // -- sixteen lanes -------------------------------------------------------------------------------------------------

  // The lane loop runs across a vector, unless the tile's own vector axis already does.
  LoopKind lane_kind() const {
    return loops_.vector_size() > 1 ? LoopKind::unrolled : (plan_.lanes > 1 ? LoopKind::vector : LoopKind::serial);
  }
  // Runs `inside` for the first `count` lanes and every element of the tile.
  void each_lane(std::int64_t count, const std::function<void(Affine lane, std::vector<Subscript> tile)>& inside) {
    if (count == 1) {
      return loops_.all_elements([&](const auto& at) { inside(Affine{}, at); });
    }
    k_.loop(lane_kind(), "lane", Bound::of(count),
            [&](VariableId lane) { loops_.all_elements([&](const auto& at) { inside(Affine::axis(lane), at); }); });
  }
  static std::vector<Subscript> in_lane(Subscript lane, const std::vector<Subscript>& tile) {
    std::vector<Subscript> at{lane};
    at.insert(at.end(), tile.begin(), tile.end());
    return at;
  }
  static std::vector<Subscript> in_lane(const Affine& lane, const std::vector<Subscript>& tile) {
    return in_lane(Subscript{lane, loop::no_temp}, tile);
  }

  ArrayId lanes(std::optional<VariableId> start) {
    ArrayId partial = k_.declare("lanes", job_.type.dtype, loops_.tile_shape({lane_count}));
    each_lane(lane_count,
              [&](const Affine& lane, const auto& at) { k_.store(partial, in_lane(lane, at), identity()); });
    const std::size_t last = plan_.serial.size() - 1;
    const Extent inner = axis(plan_.serial[last]).extent;
    if (last == 0 || (!inner.is_batch() && inner.size % lane_count == 0)) {
      serial_loops(0, last, start, [&] { whole_lanes(partial, last, start); });
    } else {
      serial_loops(0, last + 1, start, [&] { one_lane(partial, start); });
    }
    return folded(partial);
  }

  // The innermost axis in blocks of sixteen terms, one to a lane; then the terms that fill no block.
  void whole_lanes(ArrayId partial, std::size_t last, std::optional<VariableId> start) {
    const AxisId id = plan_.serial[last];
    const Extent extent = axis(id).extent;
    auto [begin, ends] = range_of(last, start);
    std::vector<Bound> whole = ends;
    whole.back() = extent.is_batch() ? Bound{{}, lane_count} : Bound::of(extent.size / lane_count * lane_count);
    auto join_lane = [&](const Affine& base, const Affine& lane, const auto& at, bool check) {
      place(id) = base + lane;
      std::vector<Subscript> where = in_lane(lane, at);
      TempId old = k_.load(partial, where);
      if (check) emit_.require(k_.operation(Op::less, {k_.index_value(place(id)), k_.batch_value()}));
      k_.store(partial, where, join(old));
      if (check) emit_.release();
    };
    k_.loop(LoopKind::serial, axis(id).name, begin, whole, lane_count, [&](VariableId base) {
      each_lane(lane_count, [&](auto lane, auto at) { join_lane(Affine::axis(base), lane, at, false); });
    });
    if (!extent.is_batch() && extent.size % lane_count == 0) return;
    // The rest lies in the last piece: no other one reaches beyond its begin.
    k_.loop(LoopKind::serial, axis(id).name, whole.back(), ends, lane_count, [&](VariableId base) {
      std::int64_t count = extent.is_batch() ? lane_count : extent.size % lane_count;
      each_lane(count, [&](auto lane, auto at) { join_lane(Affine::axis(base), lane, at, extent.is_batch()); });
    });
  }

  // Any box: the lane is the term's number in its piece, modulo sixteen.
  void one_lane(ArrayId partial, std::optional<VariableId> start) {
    TempId number = loop::no_temp;
    for (std::size_t depth = 0; depth < plan_.serial.size(); ++depth) {
      const AxisId id = plan_.serial[depth];
      Affine at = place(id);
      if (depth == 0 && start) at = at - Affine::axis(*start);
      if (depth == 0) {
        number = k_.index_value(at);
        continue;
      }
      const Extent extent = axis(id).extent;
      TempId size = extent.is_batch() ? k_.batch_value() : k_.literal(static_cast<double>(extent.size), DType::i32);
      number = k_.operation(Op::mul, {number, size});
      number = k_.operation(Op::add, {number, k_.index_value(at)});
    }
    TempId bits = k_.operation(Op::to_u32, {number});
    TempId lane = k_.operation(Op::to_i32, {k_.operation(Op::bit_and, {bits, k_.literal(lane_count - 1, DType::u32)})});
    loops_.all_elements([&](const auto& at) {
      std::vector<Subscript> where = in_lane(Subscript{Affine{}, lane}, at);
      k_.store(partial, where, join(k_.load(partial, where)));
    });
  }

  ArrayId folded(ArrayId lanes) {
    for (std::int64_t half = lane_count / 2; half >= 1; half /= 2) {
      ArrayId sums = k_.declare(half == 1 ? "sum" : "fold", job_.type.dtype,
                                half == 1 ? loops_.tile_shape() : loops_.tile_shape({half}));
      each_lane(half, [&](const Affine& lane, const auto& at) {
        TempId low = k_.load(lanes, in_lane(lane, at)), high = k_.load(lanes, in_lane(lane + half, at));
        k_.store(sums, half == 1 ? at : in_lane(lane, at), combine(low, high));
      });
      lanes = sums;
    }
    return lanes;
  }

  // -- argmax --------------------------------------------------------------------------------------------------------

  void argmax_tile() {
    const DType type = body_.type();
    ArrayId best = k_.declare("best", type, loops_.tile_shape());
    ArrayId found = k_.declare("found", DType::boolean, loops_.tile_shape());
    ArrayId winner = k_.declare("winner", DType::i32, loops_.tile_shape());
    ArrayId count = k_.declare("count", DType::i32, {});
    loops_.all_elements([&](const auto& at) {
      k_.store(best, at, k_.literal(identity_of(Combiner::max, type), type));
      k_.store(found, at, k_.literal(0, DType::boolean));
      k_.store(winner, at, k_.literal(0, DType::i32));
    });
    k_.store(count, {}, k_.literal(0, DType::i32));
    serial_loops(0, plan_.serial.size(), std::nullopt, [&] {
      TempId number = k_.load(count, {});
      loops_.all_elements([&](const auto& at) { challenge(best, found, winner, number, at); });
      k_.store(count, {}, k_.operation(Op::add, {number, k_.literal(1, DType::i32)}));
    });
    loops_.all_elements([&](const auto& at) { store_result(k_.load(winner, at)); });
  }
  void challenge(ArrayId best, ArrayId found, ArrayId winner, TempId number, const std::vector<Subscript>& at) {
    TempId guard = emit_.guards(sweep_);
    TempId value = emit_.body(body_, guard);
    TempId old = k_.load(best, at), had = k_.load(found, at), leader = k_.load(winner, at);
    TempId number_at_all = k_.operation(Op::equal, {value, value});  // not NaN
    TempId first = k_.operation(Op::logical_and, {k_.operation(Op::logical_not, {had}), number_at_all});
    TempId wins = k_.operation(Op::logical_or, {k_.operation(Op::greater, {value, old}), first});
    if (guard != loop::no_temp) wins = k_.operation(Op::logical_and, {wins, guard});
    k_.store(best, at, k_.operation(Op::select, {wins, value, old}));
    k_.store(found, at, k_.operation(Op::logical_or, {had, wins}));
    k_.store(winner, at, k_.operation(Op::select, {wins, number, leader}));
  }

  // -- scattering ----------------------------------------------------------------------------------------------------

  void fill() {
    std::vector<Affine> at;
    fill_from(0, at);
  }
  void fill_from(std::size_t d, std::vector<Affine>& at) {
    const Shape& shape = job_.type.shape;
    if (d == shape.size()) {
      k_.store(emit_.result(), emit_.within_result(at),
               k_.literal(sweep_.combiner == Combiner::none ? 0 : identity_of(sweep_.combiner, job_.type.dtype),
                          job_.type.dtype));
      return;
    }
    LoopKind kind = d == 0 ? LoopKind::parallel : LoopKind::serial;
    const bool innermost = d + 1 == shape.size() && plan_.lanes > 1;
    for (const Blocks& blocks : blocks_of(shape[d], innermost ? plan_.lanes : 1)) {
      k_.loop(kind, "at", blocks.begin, {blocks.end}, blocks.size, [&](VariableId base) {
        auto store = [&](const Affine& form) {
          at.push_back(form);
          fill_from(d + 1, at);
          at.pop_back();
        };
        if (blocks.size == 1) return store(Affine::axis(base));
        k_.loop(LoopKind::vector, "lane", Bound::of(blocks.size),
                [&](VariableId lane) { store(Affine::axis(base) + Affine::axis(lane)); });
      });
    }
  }

  // Points in box order, each joining its place in memory; the axes that land alone run inside, their places differ.
  void scatter() {
    serial_loops(0, plan_.serial.size(), std::nullopt, [&] {
      loops_.panels([&] { loops_.rows([&] { loops_.elements([&](const auto&) { join_place(); }); }); });
    });
  }
  void join_place() {
    std::vector<Subscript> at = emit_.landing(sweep_);
    TempId inside = emit_.inside(sweep_.landing, at, job_.type.shape, job_.result.prefix.size());
    auto join_there = [&] { k_.store(emit_.result(), at, join(k_.load(emit_.result(), at))); };
    if (inside == loop::no_temp) return join_there();
    k_.branch(inside, join_there);
  }

  const SweepJob& job_;
  const Sweep& sweep_;
  const Schedule& plan_;
  KernelBuilder k_;
  std::vector<ScalarId> factors_;  // in body_
  Body body_;
  std::vector<Affine> place_;  // of each axis, over the kernel's variables
  BodyEmitter emit_;
  TileLoops loops_;
  std::vector<loop::BufferId> buffers_;
};

}  // namespace

LoweredKernel lower_sweep(const SweepJob& job, const Schedule& schedule) { return SweepLowering(job, schedule).run(); }

}  // namespace descent
