#include "passes/contraction.h"

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <set>

#include "passes/patch.h"
#include "passes/sweep_tools.h"

namespace descent {
namespace {

// What an element costs beside the arithmetic, in cycles: rough, only their order matters.
constexpr double contiguous_cost = 0.2;  // copied or stored in vectors
constexpr double gathered_cost = 0.8;    // loaded one by one into vectors
constexpr double strided_cost = 4;       // stored one by one, each with what follows it on the tile
constexpr double waiting_slack = 1.03;   // sums that wait for themselves leave nothing for a late load
constexpr int loads_per_cycle = 2;
// Bytes per cycle, beside the arithmetic, of what is read again and again from beyond the first-level cache.
constexpr double from_second_level = 32, from_beyond = 16;
// Of these what passes by beside the arithmetic and costs it nothing: of the second-level cache half, of what lies
// beyond, memory at worst, as much as prefetchers bring in lines that are read from end to end.
constexpr double beside_from_second_level = from_second_level / 2, beside_from_beyond = 2;
constexpr int issued_per_cycle = 5;
// Rows of a tile and vectors of a tile beyond which only code grows.
constexpr std::int64_t most_tile_rows = 14, most_tile_vectors = 4;
// A panel that fewer tiles of rows read than this is not worth a copy, unless it saves strided loads.
constexpr std::int64_t readers_that_pay = 4;
// Panels that are copied together, so that more of a line of memory is read at a time.
constexpr std::int64_t panels_together = 4;
// What is read once, by one row: lines side by side, as many as prefetchers follow, and bytes of each at a time.
constexpr std::int64_t lines_together = 4, piece_of_line = 4096;
// Squares that are turned one after another: enough that lines of the cache are read in full, and the next squares
// still begin while a sum waits for itself.
constexpr std::int64_t squares_together = 4;
// Copies and sums that wait lie on the stack.
constexpr std::int64_t most_copied_bytes = 256 << 10, most_waiting_bytes = 512 << 10;

std::int64_t ceiling(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

class ContractionPlan {
 public:
  ContractionPlan(const Sweep& sweep, const Graph& graph, const Shape& result, const Machine& machine,
                  std::int64_t largest_batch, const Layouts& layouts, Schedule& plan)
      : sweep_(sweep),
        graph_(graph),
        result_(result),
        machine_(machine),
        largest_batch_(largest_batch),
        layouts_(layouts),
        plan_(plan),
        axes_(axes_under(sweep.body)) {
    const Apply& product = std::get<Apply>(sweep.body.scalars.back().node);
    for (std::size_t factor = 0; factor < 2; ++factor) {
      factors_[factor] = product.operands[factor];
      members_[factor] = scalars_under(sweep.body, {factors_[factor]});
    }
    for (AxisId axis : plan.serial) terms_ *= static_cast<double>(extent(axis));
    for (AxisId axis = 0; axis < static_cast<AxisId>(sweep.axes.size()); ++axis) {
      points_ *= static_cast<double>(extent(axis));
    }
  }

  // The cheapest of all tiles over two of the candidates, or over one.
  void choose(const std::vector<AxisId>& candidates) {
    for (AxisId vector : candidates) {
      if (extent(vector) < 2) continue;
      for (AxisId row : candidates) {
        if (row != vector && extent(row) > 1) try_tiles(vector, row);
      }
      try_tiles(vector, std::nullopt);
    }
    if (best_.cost == std::numeric_limits<double>::infinity()) return;
    plan_.vector = best_.vector;
    plan_.row = best_.row;
    plan_.vector_tile = best_.vectors * plan_.lanes;
    plan_.row_tile = best_.rows;
    if (best_.slides) {
      slide();
    } else if (best_.packs) {
      pack();
    } else if (sweep_.guards.empty()) {
      best_.right ? read_once() : turn_both();
    }
  }

 private:
  struct Choice {
    double cost = std::numeric_limits<double>::infinity();
    AxisId vector = -1;
    std::optional<AxisId> row;
    std::int64_t rows = 1, vectors = 1;
    std::optional<std::size_t> right;
    bool packs = false;
    bool slides = false;  // the right factor is a window, read where it lies or from a patch
  };

  std::int64_t extent(AxisId axis) const {
    const Extent extent = sweep_.axes[static_cast<std::size_t>(axis)].extent;
    return std::max<std::int64_t>(1, extent.is_batch() ? largest_batch_ : extent.size);
  }

  bool steps_with(std::size_t factor, AxisId axis) const {
    return axes_[static_cast<std::size_t>(factors_[factor])].count(axis) > 0;
  }

  // The factor that steps with the vector axis but not with the rows, when the other one does not step with it.
  std::optional<std::size_t> right_factor(AxisId vector, std::optional<AxisId> row) const {
    for (std::size_t right = 0; right < 2; ++right) {
      if (!steps_with(right, vector) || steps_with(1 - right, vector)) continue;
      if (!row || !steps_with(right, *row)) return right;
    }
    return std::nullopt;
  }

  // Elements that a factor has over all axes that it steps with.
  double elements(std::size_t factor) const {
    double elements = 1;
    for (AxisId axis = 0; axis < static_cast<AxisId>(sweep_.axes.size()); ++axis) {
      if (steps_with(factor, axis)) elements *= static_cast<double>(extent(axis));
    }
    return elements;
  }

  bool is_strided(const Read& read, AxisId axis) const {
    const Stride stride = stride_of(read.at, graph_.type(read.tensor).shape, axis);
    return stride == Stride::near || stride == Stride::far;
  }

  // Does every read of the factor that steps with the axis step through neighbours?
  bool is_contiguous(std::size_t factor, AxisId axis) const {
    for (ScalarId id : reads_of(sweep_.body)) {
      if (!members_[factor][static_cast<std::size_t>(id)]) continue;
      if (is_strided(std::get<Read>(sweep_.body[id].node), axis)) return false;
    }
    return true;
  }

  // Cycles of one term on a tile: arithmetic, loads, instructions, the sums waiting for themselves, and the right
  // factor's way from its cache at so many cycles a vector.
  double cycles(std::int64_t rows, std::int64_t width, double way) const {
    const std::int64_t vectors = ceiling(width, plan_.lanes);
    const double filled = static_cast<double>(width) / plan_.lanes;  // half vectors count half
    const auto products = static_cast<double>(rows * vectors);
    const auto loads = static_cast<double>(rows + vectors);
    constexpr double loop_instructions = 3, late_load = 0.02;
    return late_load * loads +
           std::max({static_cast<double>(rows) * filled / machine_.fma_ports, loads / loads_per_cycle,
                     (products + loads + loop_instructions) / issued_per_cycle,
                     static_cast<double>(machine_.fma_latency) * waiting_slack, way * static_cast<double>(vectors)});
  }
  // All of an axis in tiles, what is left in narrower ones: of a static axis one, of batch one by one.
  double row_cycles(AxisId row, std::int64_t rows, std::int64_t width, double way) const {
    const std::int64_t rest = extent(row) % rows;
    const bool is_batch = sweep_.axes[static_cast<std::size_t>(row)].extent.is_batch();
    const double rest_cycles = rest == 0  ? 0
                               : is_batch ? static_cast<double>(rest) * cycles(1, width, way)
                                          : cycles(rest, width, way);
    return static_cast<double>(extent(row) / rows) * cycles(rows, width, way) + rest_cycles;
  }
  double tile_cycles(AxisId vector, std::optional<AxisId> row, std::int64_t rows, std::int64_t vectors,
                     double way) const {
    const std::int64_t width = vectors * plan_.lanes, rest = extent(vector) % width;
    const auto of_rows = [&](std::int64_t elements) {
      return row ? row_cycles(*row, rows, elements, way) : cycles(1, elements, way);
    };
    double one = static_cast<double>(extent(vector) / width) * of_rows(width);
    if (is_batch(vector) && rest > 0) one += of_rows(ceiling(rest, plan_.lanes) * plan_.lanes);
    // The axis may come to be cut into blocks.
    const std::vector<std::int64_t> widths =
        is_batch(vector) ? std::vector<std::int64_t>{} : rest_widths(rest, width, plan_.rest_step, true);
    for (const std::int64_t narrower : widths) one += of_rows(narrower);
    const double turns = points_ / static_cast<double>(extent(vector)) / (row ? static_cast<double>(extent(*row)) : 1);
    return one * turns;
  }

  void try_tiles(AxisId vector, std::optional<AxisId> row) {
    const std::optional<std::size_t> right = right_factor(vector, row);
    if (row && (!right || (is_batch(*row) && slides_over_free(1 - *right, vector)))) return;
    const Stride store = stride_of(sweep_.landing, result_, vector);
    const double stored = points_ / terms_ * (store == Stride::one ? contiguous_cost : strided_cost);
    const double strided = strided_penalty(vector, right);
    const std::int64_t most_rows = row ? std::min(most_tile_rows, extent(*row)) : 1;
    const bool slides = right && row && is_window(*right, vector);
    const double asked = right && row ? asking_penalty(1 - *right) : 0;
    // Widths that a panel may have, a power of two; of equal tiles the narrowest.
    for (std::int64_t vectors = 1; vectors <= most_tile_vectors; vectors += slides ? 1 : vectors) {
      for (std::int64_t rows = 1; rows <= most_rows; ++rows) {
        const bool fits = rows * vectors + vectors + 1 <= machine_.vector_registers;
        const std::int64_t least = slides ? (vectors - 1) * plan_.lanes + 1 : vectors * plan_.lanes;
        if (!fits || (vectors > 1 && extent(vector) < least)) continue;
        const bool packs = right && row && !slides && is_worth_packing(*right, vector, *row, rows);
        const double way = packs || slides ? 0 : way_of_right(right, row, vectors);
        Choice choice{tile_cycles(vector, row, rows, vectors, way) + stored + asked,
                      vector,
                      row,
                      rows,
                      vectors,
                      right,
                      packs,
                      slides};
        if (slides) {
          choice.cost += patch_elements(*right, vector) * contiguous_cost;
        } else if (packs) {
          choice.cost += elements(*right) * (is_contiguous(*right, vector) ? contiguous_cost : gathered_cost);
        } else {
          choice.cost += strided * points_ / static_cast<double>(rows);
        }
        if (choice.cost < best_.cost) best_ = choice;
      }
    }
  }
  // Cycles that a vector of the right factor takes from where it lies when it is read there again and again: by each
  // tile of rows what a tile of the vector axis needs of it, without rows all of it by each place of another axis.
  double way_of_right(std::optional<std::size_t> right, std::optional<AxisId> row, std::int64_t vectors) const {
    if (!right || elements(*right) == points_) return 0;
    const double width = static_cast<double>(vectors * plan_.lanes);
    const double between = (row ? terms_ * width : elements(*right)) * static_cast<double>(element_);
    const double bytes = static_cast<double>(plan_.lanes) * static_cast<double>(element_);
    if (between <= static_cast<double>(machine_.l1_bytes)) return 0;
    return bytes / (between <= static_cast<double>(machine_.l2_bytes) ? from_second_level : from_beyond);
  }
  // What a term costs more where a factor steps through memory in strides along the vector axis.
  double strided_penalty(AxisId vector, std::optional<std::size_t> right) const {
    double penalty = 0;
    for (std::size_t factor = 0; factor < 2; ++factor) {
      if (right && factor != *right) continue;
      if (!is_contiguous(factor, vector)) penalty += gathered_cost;
    }
    return penalty;
  }
  bool is_worth_packing(std::size_t right, AxisId vector, AxisId row, std::int64_t rows) const {
    if (!sweep_.guards.empty()) return false;  // they may hold for some rows only
    const std::int64_t readers = ceiling(extent(row), rows);
    return readers >= readers_that_pay || ((readers > 1 || is_large(right)) && !is_contiguous(right, vector));
  }

  // -- windows -------------------------------------------------------------------------------------------------------

  // The factor as it stands when it is a read that can be copied patch by patch.
  const Read* patch_read(std::size_t factor) const {
    const Read* read = std::get_if<Read>(&sweep_.body[factors_[factor]].node);
    const auto is_direct = [](const Index& index) { return index.through == no_scalar; };
    return read && std::all_of(read->at.begin(), read->at.end(), is_direct) ? read : nullptr;
  }
  bool is_batch(AxisId axis) const { return sweep_.axes[static_cast<std::size_t>(axis)].extent.is_batch(); }
  // Elements that a read covers while axes take so many steps.
  static double covered(const Read& read, const std::function<std::int64_t(AxisId)>& steps) {
    double elements = 1;
    for (std::int64_t places : reach_of(read, steps)) elements *= static_cast<double>(places);
    return elements;
  }
  double covered(const Read& read, const std::vector<AxisId>& moving) const {
    return covered(read, [&](AxisId axis) {
      return std::count(moving.begin(), moving.end(), axis) > 0 ? extent(axis) : std::int64_t{1};
    });
  }
  // What it covers while the inner axes and the terms of one block move.
  double covered_in_block(const Read& read) const {
    return covered(read, [&](AxisId axis) {
      if (std::count(plan_.inner.begin(), plan_.inner.end(), axis) > 0) return extent(axis);
      const auto depth =
          static_cast<std::size_t>(std::find(plan_.serial.begin(), plan_.serial.end(), axis) - plan_.serial.begin());
      if (depth == plan_.serial.size() || depth < plan_.packing->cut) return std::int64_t{1};
      return depth == plan_.packing->cut ? std::min(plan_.packing->block, extent(axis)) : extent(axis);
    });
  }
  // Points of these axes that the factor steps with.
  double stepped(std::size_t factor, const std::vector<AxisId>& moving) const {
    double points = 1;
    for (AxisId axis : moving) points *= steps_with(factor, axis) ? static_cast<double>(extent(axis)) : 1;
    return points;
  }
  std::vector<AxisId> terms_and(const std::vector<AxisId>& more) const {
    std::vector<AxisId> axes = plan_.serial;
    axes.insert(axes.end(), more.begin(), more.end());
    return axes;
  }
  double most_patch() const {
    return static_cast<double>(std::min(machine_.l2_bytes / 2, most_copied_bytes) / element_);
  }
  // Does the factor lie along the vector axis, and is it a read that meets the same elements again and again, or names
  // a value outside its tensor?
  bool is_window(std::size_t factor, AxisId vector) const {
    const Read* read = patch_read(factor);
    if (!read || !sweep_.guards.empty() || is_batch(vector)) return false;
    if (stride_of(read->at, graph_.type(read->tensor).shape, vector) != Stride::one) return false;
    if (std::any_of(plan_.serial.begin(), plan_.serial.end(), [&](AxisId axis) { return is_batch(axis); }))
      return false;
    const std::vector<AxisId> moving = terms_and({vector});
    const double elements = covered(*read, moving);
    return elements <= most_patch() && (read->otherwise || 2 * elements <= stepped(factor, moving));
  }
  // Does the factor meet the same elements again and again while static free axes move? Its patches, one for every row
  // of a batch, would fill the caches: the rows of a tile are its own places.
  bool slides_over_free(std::size_t factor, AxisId vector) const {
    const Read* read = patch_read(factor);
    if (!read) return false;
    std::vector<AxisId> moving = terms_and(plan_.free);
    std::erase_if(moving, [&](AxisId axis) { return axis == vector || is_batch(axis); });
    return 2 * covered(*read, moving) <= stepped(factor, moving);
  }
  // Elements of all patches of a window; none when it is read where it lies.
  double patch_elements(std::size_t factor, AxisId vector) const {
    const Read& read = *patch_read(factor);
    if (!read.otherwise) return 0;
    const std::vector<AxisId> moving = terms_and({vector});
    return covered(read, moving) * elements(factor) / stepped(factor, moving);
  }
  // What is asked of every term where a factor names a value outside its tensor, and no patch can answer before.
  double asking_penalty(std::size_t left) const {
    const Read* read = std::get_if<Read>(&sweep_.body[factors_[left]].node);
    return read && read->otherwise && !patch_read(left) ? points_ : 0;
  }
  // All terms at a time, unless they come in pieces. Inside a patch as many of the free axes stand as it has room for.
  void slide() {
    const std::size_t right = *best_.right;
    const Read& read = *patch_read(right);
    plan_.packing = Packing{right, 0, extent(plan_.serial[0]), false};
    plan_.packing->patches = read.otherwise.has_value();
    plan_.masks_rest = true;
    if (!plan_.packing->patches || piece_of(sweep_, largest_batch_) > 0) return;
    std::vector<AxisId> free = other_axes(), moving = terms_and({best_.vector});
    for (std::size_t a = free.size(); a-- > 1;) {  // the first one is left to threads
      moving.push_back(free[a]);
      if (is_batch(free[a]) || covered(read, moving) > most_patch() / 2) break;
      plan_.inner.insert(plan_.inner.begin(), free[a]);
    }
    plan_.inner_first = true;
  }
  // The free axes of more than one step besides those of the tile.
  std::vector<AxisId> other_axes() const {
    std::vector<AxisId> axes = plan_.free;
    std::erase_if(axes, [&](AxisId axis) { return axis == best_.vector || axis == best_.row || extent(axis) == 1; });
    return axes;
  }
  // Free axes that only the left factor steps with stand inside the panels of the right one, which serve them all;
  // what the left factor reads for them, mostly the same, is a patch.
  void set_inner(std::int64_t terms_of_block) {
    const std::size_t left = 1 - *best_.right;
    const std::int64_t width = best_.vectors * plan_.lanes, rows = extent(*best_.row);
    std::int64_t turns = 1;
    for (AxisId axis : plan_.inner) turns *= extent(axis);
    plan_.packing->copies_left = plan_.packing->turns_left = false;
    plan_.packing->patches_left = patch_read(left) != nullptr;
    const std::int64_t most_sums = std::min(machine_.l2_bytes / 2, most_waiting_bytes) / element_ / turns;
    const std::int64_t most = std::max<std::int64_t>(std::min(most_sums / width, most_rows(terms_of_block)), 1);
    const std::int64_t all = extent(best_.vector);
    const bool is_one_tile = all <= width;  // then threads share the rows
    if (most < rows || is_one_tile) set_row_block(is_one_tile ? std::min(most, ceiling(rows, 2)) : most);
    // A patch has all places of its rows: as many tiles of them as there is room for.
    const double patch = plan_.packing->patches_left ? covered_in_block(*patch_read(left)) : 0;
    const std::int64_t tiles = static_cast<std::int64_t>(most_patch() / std::max(patch, 1.0)) / best_.rows;
    const std::int64_t fit = std::max<std::int64_t>(tiles, 1) * best_.rows;
    if ((plan_.row_block > 0 ? plan_.row_block : rows) > fit) plan_.row_block = fit;
    plan_.vector_block = even_block(all, std::min(most_sums / std::min(most, rows), ceiling(all, 2)), width);
  }

  // -- panels --------------------------------------------------------------------------------------------------------

  // Is the factor a tensor whose panels are the tiles of the vector axis?
  bool lies_in_panels(ScalarId factor) const {
    const Read* read = std::get_if<Read>(&sweep_.body[factor].node);
    return read && !read->otherwise && layouts_.of && layouts_.of(read->tensor) == best_.vectors * plan_.lanes &&
           read->at.back() == Index{Affine::axis(best_.vector), no_scalar};
  }

  bool is_large(std::size_t factor) const {
    return elements(factor) * static_cast<double>(element_) > static_cast<double>(machine_.l1_bytes);
  }
  // The right factor is read where it lies, each element by one tile of rows: a matrix times a vector. What lies along
  // the terms is turned in registers. Of a large one whose lines lie along the vector axis some lines are read side by
  // side, each a good piece at a time: a term of a tile after another would be a new page for every few elements.
  void read_once() {
    const std::size_t right = *best_.right;
    const bool is_batch = sweep_.axes[static_cast<std::size_t>(best_.vector)].extent.is_batch();
    const AxisId inner = plan_.serial.back();
    if (!best_.row && lies_along_terms(right, best_.vector, 1) && extent(inner) >= plan_.lanes) {
      plan_.packing = Packing{right, 0, extent(plan_.serial[0]), false};
      plan_.packing->turns = true;
      plan_.packing->together = (piece_of(sweep_, largest_batch_) == 0 ? squares_together : 1) * plan_.lanes;
      plan_.masks_rest = is_batch;
      return;
    }
    const bool is_one_tile = !best_.row || extent(*best_.row) <= best_.rows;
    if (is_one_tile && is_large(right) && is_contiguous(right, best_.vector)) {
      plan_.packing = Packing{right, plan_.serial.size() - 1, lines_together * best_.rows, false};
      plan_.vector_block = even_block(extent(best_.vector), piece_of_line / element_, best_.vectors * plan_.lanes);
      plan_.masks_rest = true;
    } else if (piece_of(sweep_, largest_batch_) == 0) {
      plan_.packing = Packing{right, 0, extent(plan_.serial[0]), false};
      plan_.masks_rest = true;
    }
  }

  // Both factors step with the vector axis: a product of each of its places with itself. What of them lies along the
  // terms is turned in registers.
  void turn_both() {
    const AxisId inner = plan_.serial.back();
    const std::vector<ScalarId> reads = reads_of(sweep_.body);
    const bool some_turn = std::any_of(reads.begin(), reads.end(), [&](ScalarId id) {
      return lies_along_terms(std::get<Read>(sweep_.body[id].node), best_.vector);
    });
    // Of a batch lanes may be left over, which neither factor may read.
    if (!some_turn || is_batch(best_.vector) || !may_group_terms(1) || extent(inner) < plan_.lanes) return;
    plan_.packing = Packing{1, 0, extent(plan_.serial[0]), false};
    plan_.packing->turns = true;
    plan_.packing->together = plan_.lanes;
    plan_.vector_tile = plan_.lanes;  // each lane is a stream of its own: no more of them than a vector has
  }

  // Blocks of the reduced axes whose panel leaves half of the first-level cache; then what of the left factor takes
  // half of the second-level one: all terms of some rows, or, when these would be few, a block of terms of more rows.
  // Where both factors may pass by, there is one block of rows and a panel in the second-level cache; where only the
  // right one may, since the left one has to be copied, several panels lie there.
  void pack() {
    const std::size_t left = 1 - *best_.right;
    const std::int64_t width = best_.vectors * plan_.lanes;
    const std::int64_t near = machine_.l1_bytes / 2, far = machine_.l2_bytes / 8;
    const bool streams = far > near && is_wide() && may_stream(left);
    const bool strips = far / panels_together > near && is_wide() && !streams && is_worth_copying(left);
    const std::int64_t most_panel = streams ? far : strips ? far / panels_together : near;
    const std::int64_t most_terms = std::max<std::int64_t>(most_panel / (width * element_), 1);
    Packing packing{*best_.right, 0, 0, !lies_in_panels(factors_[*best_.right]), is_worth_copying(left)};
    std::int64_t inner = 1;  // terms of a step of serial[cut]
    packing.cut = plan_.serial.size() - 1;
    while (packing.cut > 0 && inner * extent(plan_.serial[packing.cut]) <= most_terms) {
      inner *= extent(plan_.serial[packing.cut--]);
    }
    const std::int64_t steps = extent(plan_.serial[packing.cut]);
    const std::int64_t blocks = ceiling(steps * inner, std::max(most_terms, inner));
    packing.block = ceiling(steps, blocks);
    packing.turns = packing.copies && lies_along_terms(*best_.right, best_.vector, blocks);
    packing.turns_left = lies_along_terms(left, *best_.row, blocks);
    packing.strips_left = strips && blocks > 1 && may_group_terms(blocks);
    const bool is_cut_innermost = packing.cut + 1 == plan_.serial.size();
    if ((packing.turns || packing.turns_left || packing.strips_left) && blocks > 1 && is_cut_innermost) {
      packing.block = ceiling(packing.block, plan_.lanes) * plan_.lanes;
    }
    plan_.packing = packing;
    plan_.masks_rest = true;
    for (AxisId axis : other_axes()) {
      if (!is_batch(axis) && !steps_with(*best_.right, axis)) plan_.inner.push_back(axis);
    }
    if (!plan_.inner.empty()) return set_inner(packing.block * inner);

    const bool is_staged = packing.cut > 0 || packing.block < steps;
    if (streams) return stream(is_staged);
    const std::int64_t rows_of_all_terms = std::max<std::int64_t>(most_rows(static_cast<std::int64_t>(terms_)), 1);
    if (!is_staged) return set_row_block(rows_of_all_terms);
    // Two blocks of rows at least, for threads. Copied in strips they take less of the cache: large panels lie there
    // too.
    const std::int64_t all_rows = extent(*best_.row), fit = most_rows(packing.block * inner);
    const std::int64_t rows_of_block = std::min(strips ? fit / 2 : fit, ceiling(all_rows, 2));
    if (!packing.copies_left && ceiling(all_rows, rows_of_all_terms) <= ceiling(all_rows, rows_of_block)) {
      // Sums that wait between blocks of terms may take an eighth of the second-level cache.
      plan_.vector_block = width;
      return set_row_block(std::min(rows_of_all_terms, machine_.l2_bytes / 8 / (width * element_)));
    }
    set_row_block(rows_of_block);
    // Of pieces the sums and their totals pass by after every few terms.
    const std::int64_t most_bytes = piece_of(sweep_, largest_batch_) > 0 ? machine_.l2_bytes / 8 : machine_.l2_bytes;
    const std::int64_t sums = std::min(most_bytes, most_waiting_bytes) / element_ / plan_.row_block;
    const std::int64_t together = panels_together * width, all = extent(best_.vector);
    plan_.vector_block = even_block(all, sums / together * together, together);
    plan_.panel_block = together;
    plan_.packing->lands_last = true;
    plan_.packing->copies_left = has_many_tiles();
  }

  // Has a tile so much to do that its panel may come from the second-level cache for each tile of rows?
  bool is_wide() const {
    return other_axes().empty() &&
           static_cast<double>(best_.vectors * plan_.lanes) <= beside_from_second_level * taken();
  }
  // And the left factor, line by line, from beyond it for each panel?
  bool may_stream(std::size_t left) const {
    return is_contiguous(left, plan_.serial.back()) && steps_with(left, *best_.row) &&
           static_cast<double>(best_.rows) <= beside_from_beyond * taken();
  }
  // Cycles in which a term of a tile takes each byte of an element of the factors.
  double taken() const { return cycles(best_.rows, best_.vectors * plan_.lanes, 0) / static_cast<double>(element_); }
  // Panel by panel, each for all rows; sums that wait may take a quarter of the second-level cache.
  void stream(bool is_staged) {
    const std::int64_t width = best_.vectors * plan_.lanes, all_rows = extent(*best_.row);
    if (!is_staged) return set_row_block(all_rows);
    const std::int64_t shared = has_many_tiles() ? all_rows : ceiling(all_rows, 2);  // by threads, the rows or panels
    plan_.vector_block = width;
    plan_.packing->lands_last = true;
    set_row_block(std::min(shared, machine_.l2_bytes / 4 / (width * element_)));
  }
  // Of which the left factor has so many terms in half of the second-level cache.
  std::int64_t most_rows(std::int64_t terms) const {
    return std::min(machine_.l2_bytes / 2, most_copied_bytes) / element_ / std::max<std::int64_t>(terms, 1);
  }
  // Blocks of at most so many, as even as they can be, in multiples of the tile.
  static std::int64_t even_block(std::int64_t all, std::int64_t most, std::int64_t tile) {
    const std::int64_t blocks = ceiling(all, std::max(most, tile));
    return ceiling(ceiling(all, blocks), tile) * tile;
  }
  // Blocks of equal size need one nest of loops; of others, what is left needs another.
  void set_row_block(std::int64_t most) {
    const std::int64_t all = extent(*best_.row);
    most = std::max(most, readers_that_pay * best_.rows);
    const std::int64_t blocks = ceiling(all, most);
    const bool is_batch = sweep_.axes[static_cast<std::size_t>(*best_.row)].extent.is_batch();
    plan_.row_block = all % blocks == 0 && !is_batch ? all / blocks : even_block(all, most, best_.rows);
  }
  // Is the factor a tensor that lies along the terms, and may these be cut at multiples of a vector's elements?
  bool lies_along_terms(std::size_t factor, AxisId tiled, std::int64_t blocks) const {
    const Read* read = std::get_if<Read>(&sweep_.body[factors_[factor]].node);
    return read && lies_along_terms(*read, tiled) && may_group_terms(blocks);
  }
  // Is it read element by element along the innermost reduced axis, in strides along the axis of its tiles?
  bool lies_along_terms(const Read& read, AxisId tiled) const {
    if (read.otherwise || !is_strided(read, tiled)) return false;
    const bool is_direct =
        std::all_of(read.at.begin(), read.at.end(), [](const Index& index) { return index.through == no_scalar; });
    return is_direct && stride_of(read.at, graph_.type(read.tensor).shape, plan_.serial.back()) == Stride::one;
  }
  bool may_group_terms(std::int64_t blocks) const {
    const std::int64_t piece = piece_of(sweep_, largest_batch_);
    return (!is_batch(plan_.serial.back()) || (blocks == 1 && piece == 0)) &&
           (plan_.serial.size() > 1 || piece % plan_.lanes == 0);
  }
  bool has_many_tiles() const { return extent(best_.vector) >= readers_that_pay * best_.vectors * plan_.lanes; }
  // The other factor strides with the terms, and many tiles read it.
  bool is_worth_copying(std::size_t left) const {
    return has_many_tiles() && steps_with(left, *best_.row) && !is_contiguous(left, plan_.serial.back());
  }

  const Sweep& sweep_;
  const Graph& graph_;
  const Shape& result_;
  const Machine& machine_;
  std::int64_t largest_batch_;
  const Layouts& layouts_;
  Schedule& plan_;
  std::vector<std::set<AxisId>> axes_;  // under each scalar of the body
  std::array<ScalarId, 2> factors_{};
  std::array<std::vector<bool>, 2> members_;  // the scalars that each is made of
  double points_ = 1, terms_ = 1;
  std::int64_t element_ = size_of(sweep_.body.type());
  Choice best_;
};

}  // namespace

bool is_contraction(const Sweep& sweep) {
  return sweep.combiner == Combiner::sum && sweep.order && sweep.order->fused &&
         sweep.order->kind == Order::Kind::chain && !reduced_axes(sweep).empty() && why_scatters(sweep).empty();
}

void plan_contraction(const Sweep& sweep, const Graph& graph, const Shape& result,
                      const std::vector<AxisId>& candidates, const Machine& machine, std::int64_t largest_batch,
                      const Layouts& layouts, Schedule& plan) {
  ContractionPlan(sweep, graph, result, machine, largest_batch, layouts, plan).choose(candidates);
}

}  // namespace descent
