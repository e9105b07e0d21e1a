// The loops over the axes of a sweep that land alone: free axes, blocks of rows, tiles of the vector axis, tiles of
// rows, and the elements of one register tile.
//
//   parallel i                       free axes
//     serial b step 64               rows, in blocks (Schedule::row_block)                    ─ blocks()
//       serial c step 256            the vector axis, in blocks                               ─ columns()
//         serial j in c … step 16    the vector axis, in tiles                                ─ tiles()
//           serial k                 inner axes (or before j: Schedule::inner_first)          ─ rows()
//           serial r in b … step 4   rows, in tiles
//             unrolled r_ < 4 { vector j_ < 16 { … } }                                        ─ elements()
//
// What fills no tile of rows runs in a narrower one, of the batch one by one; what fills no tile of the vector axis in
// narrower ones too, or in masked lanes (Schedule::masks_rest). The first loop with more than one turn is parallel.
#pragma once

#include <functional>
#include <vector>

#include "ir/loop_builder.h"
#include "passes/body_emitter.h"
#include "passes/schedule.h"

namespace descent {

// A part of an axis that runs in blocks: from `begin` to below `end` in steps of `size`, `size` elements side by side.
struct Blocks {
  loop::Bound begin, end;
  std::int64_t size = 1;
  bool is_masked = false;  // the last lanes may lie beyond the axis
};
// The axis in blocks of `tile`, then what is left: of a static extent in halves of the tile, of batch one by one.
std::vector<Blocks> blocks_of(Extent extent, std::int64_t tile);
// Runs `inside` at the first place of every block; what has one turn is no loop.
void each_block(loop::KernelBuilder& kernel, loop::LoopKind kind, const std::string& name, const Blocks& blocks,
                const std::function<void(const Affine& first)>& inside);
// The extent rounded down to a multiple.
loop::Bound rounded(Extent extent, std::int64_t multiple);

class TileLoops {
 public:
  using Inside = std::function<void()>;
  // `at`: the element's subscripts in a local of the tile's shape.
  using Element = std::function<void(const std::vector<loop::Subscript>& at)>;

  // `place`: of each axis over the kernel's variables; kept current here.
  TileLoops(loop::KernelBuilder& kernel, BodyEmitter& emit, const SweepJob& job, const Schedule& schedule,
            std::vector<Affine>& place)
      : k_(kernel), emit_(emit), job_(job), plan_(schedule), place_(place), is_outermost_(!schedule.scatters) {}

  // Free axes and row blocks around `inside`.
  void blocks(const Inside& inside);
  // Inside blocks() or columns(): the vector axis, as far as it is open, in blocks of this size, a multiple of the
  // tile; 0: one block.
  void columns(std::int64_t size, const Inside& inside);
  // Inside blocks() or columns(): the tiles of the current block of the vector axis.
  void tiles(const Inside& inside);
  // Inside tiles(): the inner axes, and the tiles of the current block's rows.
  void rows(const Inside& inside);
  // Inside rows(): every element of the tile; lanes that hang over the end of the axis are masked.
  void elements(const Element& inside) { elements_of_rows(is_masked_, inside); }
  // The same with those lanes: for what touches private memory only.
  void all_elements(const Element& inside) { elements_of_rows(false, inside); }
  // Inside tiles(): the elements of a row of the vector tile, masked.
  void row(const Element& inside);
  bool is_masked() const { return is_masked_; }
  // Inside tiles(), unmasked: parts of the vector tile, for which row() and elements() run over one vector, the last
  // one perhaps narrower.
  void row_parts(const Inside& inside);
  // Inside rows(): the rows of the tile side by side.
  void column(const Inside& inside);

  Shape tile_shape(const std::vector<std::int64_t>& leading = {}) const;
  std::int64_t vector_size() const { return vector_size_; }
  std::int64_t row_size() const { return row_size_; }
  // Where the current row block, row tile, vector block and vector tile begin.
  const Affine& block_base() const { return block_base_; }
  const Affine& row_base() const { return row_base_; }
  const Affine& column_base() const { return column_base_; }
  const Affine& vector_base() const { return vector_base_; }
  // Most rows of a block, and most elements that the tiles of an open block of the vector axis take, masked lanes
  // included.
  std::int64_t most_rows() const;
  std::int64_t most_columns() const;

  // place(id) from `begin` to below every `end`; what has one turn is no loop.
  void loop_over(loop::LoopKind kind, AxisId id, const loop::Bound& begin, const std::vector<loop::Bound>& end,
                 std::int64_t step, const Inside& inside);

 private:
  std::vector<Blocks> vector_blocks() const;
  std::vector<std::int64_t> masked_widths(std::int64_t rest) const;
  std::vector<loop::Bound> ends(std::int64_t size, const loop::Bound& end) const;
  std::int64_t most(AxisId id) const { return extent(id).is_batch() ? job_.largest_batch : extent(id).size; }
  Extent extent(AxisId id) const { return job_.sweep->axes[static_cast<std::size_t>(id)].extent; }
  Affine& place(AxisId id) { return place_[static_cast<std::size_t>(id)]; }
  // As loop_over, parallel when it is the first real loop and may be.
  void outer_loop(AxisId id, const loop::Bound& begin, const std::vector<loop::Bound>& end, std::int64_t step,
                  const Inside& inside);
  void free_axes(std::size_t depth, const Inside& inside);
  void row_blocks(const Inside& inside);
  void vector_tiles(const Inside& inside);
  void inner_axes(std::size_t depth, const Inside& inside);
  void row_tiles(const Inside& inside);
  void elements_of_rows(bool is_masked, const Element& inside);
  void elements_of_row(bool is_masked, std::vector<loop::Subscript>& at, const Element& inside);
  void spread(std::optional<AxisId> id, const Affine& first, std::int64_t size, loop::LoopKind kind,
              std::vector<loop::Subscript>& at, const Inside& inside);

  loop::KernelBuilder& k_;
  BodyEmitter& emit_;
  const SweepJob& job_;
  const Schedule& plan_;
  std::vector<Affine>& place_;
  std::int64_t vector_size_ = 1, row_size_ = 1;
  std::int64_t part_size_ = 0;  // of the part of a vector tile that is open; 0: none is
  Affine part_base_;            // where it begins in the tile
  bool is_masked_ = false;
  bool is_outermost_;
  bool is_one_tile_ = false;  // the current block of the vector axis is the current tile
  Affine block_base_, row_base_, column_base_, vector_base_;
  std::int64_t column_size_ = 0;  // of the open block of the vector axis; 0: all of it
  std::int64_t block_rows_ = 0;   // of the current block of rows; 0: what is left of the batch
};

}  // namespace descent
