#include "passes/lower_sweep.h"

#include <algorithm>
#include <map>

#include "ir/combine.h"
#include "ir/loop_builder.h"
#include "ir/match.h"
#include "passes/lower_unrolled.h"
#include "passes/patch.h"
#include "passes/sweep_kernel.h"
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

// Terms of the innermost axis that stand one behind another instead of in a loop: a window's width.
constexpr std::int64_t most_unrolled_terms = 4;

class SweepLowering : SweepKernel {
 public:
  SweepLowering(const SweepJob& job, const Schedule& schedule)
      : SweepKernel(job), plan_(schedule), loops_(k_, emit_, job, schedule, place_) {}

  LoweredKernel run() {
    if (plan_.scatters) {
      fill();
      scatter();
    } else {
      if (!covers(sweep_, job_.type.shape)) fill();
      loops_.blocks([this] { block(); });
    }
    return finish();
  }

 private:
  // -- one register tile ---------------------------------------------------------------------------------------------

  void block() {
    if (plan_.packing) return contraction();
    loops_.columns(plan_.vector_block, [this] { each_tile([this] { tile(); }); });
  }
  // All register tiles of a block of rows, in the order that the last terms of a contraction reach them.
  void each_tile(const std::function<void()>& inside) {
    loops_.columns(plan_.panel_block, [&] { loops_.tiles([&] { loops_.rows(inside); }); });
  }
  void tile() {
    if (sweep_.combiner == Combiner::none) return loops_.elements([&](const auto&) { store_point(); });
    if (sweep_.combiner == Combiner::argmax) return argmax_tile();
    store_tile(reduce_tile());
  }
  void store_tile(ArrayId total) {
    loops_.elements([&](const std::vector<Subscript>& at) { store_result(k_.load(total, at)); });
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
    const bool is_short = plan_.packing && depth > 0 && depth + 1 == plan_.serial.size() &&
                          !axis(id).extent.is_batch() && axis(id).extent.size <= most_unrolled_terms;
    loops_.loop_over(is_short ? LoopKind::unrolled : LoopKind::serial, id, begin, ends, 1,
                     [&] { serial_loops(depth + 1, end, start, inside); });
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
  bool is_in_one() const {
    return packing().cut == 0 && piece() == 0 && most(axis(cut_axis()).extent) <= packing().block;
  }

  // The sums of a block of rows.
  void contraction() {
    if (!is_in_one()) return loops_.columns(plan_.vector_block, [this] { staged_contraction(); });
    const auto [begin, ends] = range_of(packing().cut, std::nullopt);
    add_block({begin, ends}, [this] { return identity(); }, store());
  }
  std::function<void(ArrayId)> store() {
    return [this](ArrayId sum) { store_tile(sum); };
  }

  // Block of terms by block of terms: in between the sums wait in memory.
  void staged_contraction() {
    sums_base_ = loops_.column_base();
    if (const std::optional<std::int64_t> last = last_block()) return add_up_to(*last);
    const ArrayId sums = piece() == 0 ? staged_sums(std::nullopt) : joined_pieces();
    each_tile([&] { loops_.elements([&](const auto&) { store_result(k_.load(sums, sum_at())); }); });
  }
  // Where the last block of terms begins, when it is one place and worth a nest of its own: a pass over many sums that
  // are no longer in the first-level cache.
  std::optional<std::int64_t> last_block() const {
    const Extent all = axis(cut_axis()).extent;
    if (!packing().lands_last || packing().cut > 0 || piece() > 0 || all.is_batch()) return std::nullopt;
    return (all.size - 1) / packing().block * packing().block;
  }
  // The last block's sums go where the sweep lands, the first block's begin at nothing.
  void add_up_to(std::int64_t last) {
    const ArrayId sums = k_.declare("sums", job_.type.dtype, {{all_sums()}});
    const std::int64_t block = packing().block;
    const auto between = [&](const Affine first) {
      const Terms terms{Bound{first, 0}, {Bound{first + block, 0}, Bound::of(axis(cut_axis()).extent)}};
      add_block(terms, [&] { return waiting_sum(sums, first); }, wait(sums));
    };
    loops_.loop_over(LoopKind::serial, cut_axis(), Bound::of(0), {Bound::of(last)}, block,
                     [&] { between(place(cut_axis())); });
    add_block(
        {Bound::of(last), {Bound::of(axis(cut_axis()).extent)}}, [&] { return k_.load(sums, sum_at()); }, store());
  }
  // Nothing before the first term.
  TempId waiting_sum(ArrayId sums, const Affine& first) {
    if (first.is_constant()) return identity();
    const TempId has_some = k_.operation(Op::greater, {k_.index_value(first), k_.literal(0, DType::i32)});
    return k_.load(sums, sum_at(), has_some, identity_of(sweep_.combiner, job_.type.dtype));
  }
  std::function<void(ArrayId)> wait(ArrayId sums) {
    return [this, sums](ArrayId sum) {
      loops_.all_elements([&](const auto& at) { k_.store(sums, sum_at(), k_.load(sum, at)); });
    };
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
    add_blocks(start, sums);
    return sums;
  }
  // One sum per row of the block and element of its tiles, all of them the identity. They lie tile by tile, in each
  // row by row.
  ArrayId declare_sums(const std::string& name) {
    const ArrayId sums = k_.declare(name, job_.type.dtype, {{all_sums()}});
    each_sum([&](const auto& at) { k_.store(sums, at, identity()); });
    return sums;
  }
  void each_sum(const std::function<void(const std::vector<Subscript>& at)>& inside) {
    const std::int64_t all = all_sums();
    const std::int64_t width = all % plan_.lanes == 0 ? plan_.lanes : 1;
    k_.loop(LoopKind::serial, "at", Bound::of(0), {Bound::of(all)}, width, [&](VariableId base) {
      k_.loop(LoopKind::vector, "lane", Bound::of(width),
              [&](VariableId lane) { inside(loop::at({Affine::axis(base) + Affine::axis(lane)})); });
    });
  }
  std::int64_t all_sums() const { return loops_.most_rows() * loops_.most_columns() * turns_of_inner(); }
  std::int64_t turns_of_inner() const {
    std::int64_t turns = 1;
    for (AxisId id : plan_.inner) turns *= axis(id).extent.size;
    return turns;
  }
  // Where the sum of the current element waits.
  std::vector<Subscript> sum_at() {
    Affine turn;
    for (AxisId id : plan_.inner) turn = turn * axis(id).extent.size + place(id);
    const Affine row = turn * loops_.most_rows() + (place_of(plan_.row) - loops_.block_base());
    return loop::at({(loops_.vector_base() - sums_base_) * (loops_.most_rows() * turns_of_inner()) +
                     row * loops_.vector_size() + (place_of(plan_.vector) - loops_.vector_base())});
  }
  Affine place_of(std::optional<AxisId> id) { return id ? place(*id) : Affine{}; }

  void add_blocks(std::optional<VariableId> start, ArrayId sums) {
    const auto add = [&](const Terms& terms) { add_block(terms, [&] { return k_.load(sums, sum_at()); }, wait(sums)); };
    serial_loops(0, packing().cut, start, [&] {
      auto [begin, ends] = range_of(packing().cut, start);
      if (most(axis(cut_axis()).extent) <= packing().block) return add({begin, ends});
      k_.loop(LoopKind::serial, axis(cut_axis()).name, begin, ends, packing().block, [&](VariableId first) {
        ends.insert(ends.begin(), Bound{Affine::axis(first) + packing().block, 0});
        add({Bound{Affine::axis(first), 0}, ends});
      });
    });
  }
  // Adds terms to all sums of a block, each of which begins as `init` and goes to `finish` with its tile.
  void add_block(const Terms& terms, const std::function<TempId()>& init,
                 const std::function<void(ArrayId sum)>& finish) {
    const std::optional<ArrayId> left = pack_left(terms);
    patch_factors(terms);
    loops_.columns(plan_.panel_block > 0 ? plan_.panel_block : plan_.vector_tile, [&] {
      const std::optional<ArrayId> right = pack_right(terms);
      const Affine base = loops_.column_base();
      loops_.tiles([&] {
        loops_.rows([&] {
          const ArrayId sum = k_.declare("sum", job_.type.dtype, loops_.tile_shape());
          loops_.all_elements([&](const auto& at) { k_.store(sum, at, init()); });
          add_terms(terms, left, right, base, sum);
          finish(sum);
        });
      });
    });
  }

  void each_term(const Terms& terms, const std::function<void()>& inside) {
    loops_.loop_over(LoopKind::serial, cut_axis(), terms.begin, terms.end, 1,
                     [&] { serial_loops(packing().cut + 1, plan_.serial.size(), std::nullopt, inside); });
  }
  // As each_term, but of the innermost axis `widest` terms at a time, then as many as a vector has elements, what is
  // left one by one.
  void in_groups(const Terms& terms, std::int64_t widest, const std::function<void(std::int64_t count)>& inside) {
    const AxisId inner = plan_.serial.back();
    const bool is_cut = cut_axis() == inner;
    const Terms range = is_cut ? terms : Terms{Bound::of(0), {Bound::of(axis(inner).extent)}};
    const auto run = [&] {
      const Extent all = axis(inner).extent;
      Bound begin = range.begin;
      for (const std::int64_t width : {widest, std::int64_t{plan_.lanes}, std::int64_t{1}}) {
        const Bound whole = rounded(all, width);
        const Affine length = whole.form - begin.form;
        const bool is_empty = !all.is_batch() && length.is_constant() && length.constant <= 0;
        if (is_empty || begin == whole) continue;
        std::vector<Bound> ends = range.end;
        ends.back() = whole;  // of the axis
        loops_.loop_over(LoopKind::serial, inner, begin, ends, width, [&] { inside(width); });
        begin = whole;
      }
    };
    if (is_cut) return run();
    loops_.loop_over(LoopKind::serial, cut_axis(), terms.begin, terms.end, 1,
                     [&] { serial_loops(packing().cut + 1, plan_.serial.size() - 1, std::nullopt, run); });
  }
  void in_squares(const Terms& terms, const std::function<void(std::int64_t count)>& inside) {
    in_groups(terms, plan_.lanes, inside);
  }
  // Squares of `count` terms one after another.
  void each_square(std::int64_t count, const std::function<void(std::int64_t count)>& inside) {
    if (count <= plan_.lanes) return inside(count);
    Affine& term = place(plan_.serial.back());
    const Affine first = term;
    k_.loop(LoopKind::serial, axis(plan_.serial.back()).name, Bound::of(0), {Bound::of(count)}, plan_.lanes,
            [&](VariableId square) {
              term = first + Affine::axis(square);
              inside(plan_.lanes);
            });
    term = first;
  }
  // The current term and those behind it, side by side.
  void next_terms(std::int64_t count, const std::function<void()>& inside) {
    if (count == 1) return inside();
    Affine& term = place(plan_.serial.back());
    const Affine first = term;
    k_.loop(LoopKind::unrolled, axis(plan_.serial.back()).name, Bound::of(count), [&](VariableId next) {
      term = first + Affine::axis(next);
      inside();
    });
    term = first;
  }
  // The tiles of an open block of the vector axis, each [terms, elements]; none when the factor lies in such panels.
  std::optional<ArrayId> pack_right(const Terms& terms) {
    if (!packing().copies) return std::nullopt;
    const Affine base = loops_.column_base();
    const ArrayId panels = k_.declare("panel", job_.type.dtype, {{most_terms() * loops_.most_columns()}});
    const ScalarId factor = factors_[packing().factor];
    const auto copy = [&] {
      k_.store(panels, right_at(terms, base), emit_.value(body_, factor, emit_.guards(sweep_)));
    };
    const auto copy_row = [&] { loops_.row([&](const auto&) { copy(); }); };
    if (packing().turns) {
      loops_.tiles([&] {
        if (loops_.is_masked()) return each_term(terms, copy_row);
        loops_.row_parts([&] { in_squares(terms, [&](std::int64_t count) { next_terms(count, copy_row); }); });
      });
    } else {
      each_term(terms, [&] { loops_.tiles(copy_row); });
    }
    return panels;
  }
  std::vector<Subscript> right_at(const Terms& terms, const Affine& base) {
    return loop::at({(loops_.vector_base() - base) * most_terms() + term_at(terms) * loops_.vector_size() +
                     (place(*plan_.vector) - loops_.vector_base())});
  }
  // The other factor over the block's rows: tile by tile, in each term by term.
  std::optional<ArrayId> pack_left(const Terms& terms) {
    if (!packing().copies_left) return std::nullopt;
    const ArrayId tiles = k_.declare("rows", job_.type.dtype, {{loops_.most_rows() * most_terms()}});
    const ScalarId factor = factors_[1 - packing().factor];
    const auto copy_column = [&] {
      loops_.column([&] { k_.store(tiles, left_at(terms), emit_.value(body_, factor, loop::no_temp)); });
    };
    if (packing().strips_left) {
      in_squares(terms, [&](std::int64_t count) { loops_.rows([&] { next_terms(count, copy_column); }); });
      return tiles;
    }
    loops_.rows([&] {
      if (!packing().turns_left) return each_term(terms, copy_column);
      in_squares(terms, [&](std::int64_t count) { next_terms(count, copy_column); });
    });
    return tiles;
  }
  // What the factors' reads cover during these terms, of all rows and columns that are open.
  void patch_factors(const Terms& terms) {
    const std::size_t right = packing().factor;
    if (packing().patches) {
      right_patch_.emplace(patch_of(factors_[right], terms, plan_.vector, loops_.column_base(), loops_.most_columns()));
    }
    if (packing().patches_left) {
      left_patch_.emplace(patch_of(factors_[1 - right], terms, plan_.row, loops_.block_base(), loops_.most_rows()));
    }
  }
  Patch patch_of(ScalarId factor, const Terms& terms, std::optional<AxisId> tiled, const Affine& base,
                 std::int64_t size) {
    const auto movements = [&](AxisId id) -> std::optional<Movement> {
      if (id < 0) return std::nullopt;
      if (id == tiled) return Movement{base, size};
      if (std::count(plan_.inner.begin(), plan_.inner.end(), id) > 0) return Movement{{}, axis(id).extent.size};
      const auto depth =
          static_cast<std::size_t>(std::find(plan_.serial.begin(), plan_.serial.end(), id) - plan_.serial.begin());
      if (depth == plan_.serial.size() || depth < packing().cut) return std::nullopt;
      if (depth > packing().cut) return Movement{{}, most(axis(id).extent)};
      return Movement{terms.begin.form, std::min(packing().block, most(axis(id).extent))};
    };
    return {k_, emit_, job_, std::get<Read>(body_[factor].node), movements, plan_.lanes};
  }
  std::int64_t most_terms() const {
    std::int64_t terms = packing().block;
    for (std::size_t s = packing().cut + 1; s < plan_.serial.size(); ++s) terms *= most(axis(plan_.serial[s]).extent);
    return terms;
  }
  // The number of the current term.
  Affine term_at(const Terms& terms) {
    Affine term = place(cut_axis()) - terms.begin.form;
    for (std::size_t s = packing().cut + 1; s < plan_.serial.size(); ++s) {
      term = term * most(axis(plan_.serial[s]).extent) + place(plan_.serial[s]);
    }
    return term;
  }
  std::vector<Subscript> left_at(const Terms& terms) {
    return loop::at({(loops_.row_base() - loops_.block_base()) * most_terms() + term_at(terms) * loops_.row_size() +
                     (place(*plan_.row) - loops_.row_base())});
  }
  void add_terms(const Terms& terms, std::optional<ArrayId> left, std::optional<ArrayId> right, const Affine& base,
                 ArrayId sum) {
    const ScalarId left_factor = factors_[1 - packing().factor], right_factor = factors_[packing().factor];
    const auto add_term = [&](const std::vector<Subscript>& at) {
      const TempId a = left          ? k_.load(*left, left_at(terms))
                       : left_patch_ ? left_patch_->load()
                                     : emit_.value(body_, left_factor, loop::no_temp);
      const TempId b = right          ? k_.load(*right, right_at(terms, base))
                       : right_patch_ ? right_patch_->load()
                                      : emit_.value(body_, right_factor, emit_.required());
      k_.store(sum, at, k_.operation(Op::fma, {a, b, k_.load(sum, at)}));
    };
    const bool is_private = right || right_patch_;
    const auto add = [&] { is_private ? loops_.all_elements(add_term) : loops_.elements(add_term); };
    if (is_private || !packing().turns || loops_.is_masked()) return each_term(terms, add);
    in_groups(terms, packing().together, [&](std::int64_t count) {
      loops_.row_parts([&] { each_square(count, [&](std::int64_t square) { next_terms(square, add); }); });
    });
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
    const bool has_vectors = plan_.lanes > 1;  // without them blocks of sixteen gain nothing
    if (has_vectors && (last == 0 || (!inner.is_batch() && inner.size % lane_count == 0))) {
      serial_loops(0, last, start, [&] { whole_lanes(partial, last, start); });
    } else if (has_vectors && fills_lanes_in_rows(last)) {
      serial_loops(0, last - 1, start, [&] { rows_of_lanes(partial, last); });
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

  // Do whole turns of the axis before the innermost one fill sixteen lanes, each a part of them?
  bool fills_lanes_in_rows(std::size_t last) const {
    if (last < 2) return false;  // a piece may end anywhere in the outermost axis
    const Extent inner = axis(plan_.serial[last]).extent, outer = axis(plan_.serial[last - 1]).extent;
    return !inner.is_batch() && !outer.is_batch() && lane_count % inner.size == 0 &&
           outer.size % (lane_count / inner.size) == 0;
  }
  void rows_of_lanes(ArrayId partial, std::size_t last) {
    const AxisId inner = plan_.serial[last], outer = plan_.serial[last - 1];
    const std::int64_t size = axis(inner).extent.size, rows = lane_count / size;
    k_.loop(LoopKind::serial, axis(outer).name, Bound::of(0), {Bound::of(axis(outer).extent)}, rows,
            [&](VariableId base) {
              k_.loop(LoopKind::unrolled, axis(outer).name, Bound::of(rows), [&](VariableId row) {
                place(outer) = Affine::axis(base) + Affine::axis(row);
                each_lane(size, [&](const Affine& lane, const auto& at) {
                  place(inner) = lane;
                  const std::vector<Subscript> where = in_lane(Affine::axis(row) * size + lane, at);
                  k_.store(partial, where, join(k_.load(partial, where)));
                });
              });
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
      each_block(k_, kind, "at", blocks, [&](const Affine& base) {
        auto store = [&](const Affine& form) {
          at.push_back(form);
          fill_from(d + 1, at);
          at.pop_back();
        };
        if (blocks.size == 1) return store(base);
        k_.loop(LoopKind::vector, "lane", Bound::of(blocks.size),
                [&](VariableId lane) { store(base + Affine::axis(lane)); });
      });
    }
  }

  // Points in box order, each joining its place in memory; the axes that land alone run inside, their places differ.
  void scatter() {
    serial_loops(0, plan_.serial.size(), std::nullopt, [&] {
      loops_.blocks([&] { each_tile([&] { loops_.elements([&](const auto&) { join_place(); }); }); });
    });
  }
  void join_place() {
    std::vector<Subscript> at = emit_.landing(sweep_);
    TempId inside = emit_.inside(sweep_.landing, at, job_.type.shape, job_.result.prefix.size());
    auto join_there = [&] { k_.store(emit_.result(), at, join(k_.load(emit_.result(), at))); };
    if (inside == loop::no_temp) return join_there();
    k_.branch(inside, join_there);
  }

  const Schedule& plan_;
  Affine sums_base_;  // where the block of the vector axis begins whose sums wait
  TileLoops loops_;
  std::optional<Patch> left_patch_, right_patch_;
};

}  // namespace

LoweredKernel lower_sweep(const SweepJob& job, const Schedule& schedule) {
  return schedule.unrolled ? lower_unrolled(job, schedule) : SweepLowering(job, schedule).run();
}

}  // namespace descent
