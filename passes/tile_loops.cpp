#include "passes/tile_loops.h"

namespace descent {

using loop::Bound;
using loop::LoopKind;
using loop::Subscript;
using loop::TempId;
using loop::VariableId;

namespace {

bool once(const Bound& begin, const std::vector<Bound>& end, std::int64_t step) {
  if (end.size() != 1 || begin.multiple != 0 || end[0].multiple != 0) return false;
  const Affine distance = end[0].form - begin.form;
  return distance.is_constant() && distance.constant <= step;
}

}  // namespace

Bound rounded(Extent extent, std::int64_t multiple) {
  return extent.is_batch() ? Bound{{}, multiple} : Bound::of(extent.size / multiple * multiple);
}

std::vector<Blocks> blocks_of(Extent extent, std::int64_t tile) {
  std::vector<Blocks> blocks;
  if (extent.is_batch()) {
    blocks.push_back({Bound::of(0), rounded(extent, tile), tile, false});
    if (tile > 1) blocks.push_back({rounded(extent, tile), Bound::of(extent), 1, false});
    return blocks;
  }
  for (std::int64_t at = 0; at < extent.size; tile = (tile + 1) / 2) {
    const std::int64_t end = at + (extent.size - at) / tile * tile;
    if (end > at) blocks.push_back({Bound::of(at), Bound::of(end), tile, false});
    at = end;
  }
  return blocks;
}

void each_block(loop::KernelBuilder& kernel, LoopKind kind, const std::string& name, const Blocks& blocks,
                const std::function<void(const Affine& first)>& inside) {
  if (once(blocks.begin, {blocks.end}, blocks.size)) return inside(blocks.begin.form);
  kernel.loop(kind, name, blocks.begin, {blocks.end}, blocks.size,
              [&](VariableId first) { inside(Affine::axis(first)); });
}

void TileLoops::loop_over(LoopKind kind, AxisId id, const Bound& begin, const std::vector<Bound>& end,
                          std::int64_t step, const Inside& inside) {
  if (once(begin, end, step)) {
    place(id) = begin.form;
    return inside();
  }
  const std::string& name = job_.sweep->axes[static_cast<std::size_t>(id)].name;
  k_.loop(kind, name, begin, end, step, [&](VariableId variable) {
    place(id) = Affine::axis(variable);
    inside();
  });
}

void TileLoops::outer_loop(AxisId id, const Bound& begin, const std::vector<Bound>& end, std::int64_t step,
                           const Inside& inside) {
  const bool was_outermost = is_outermost_;
  is_outermost_ = was_outermost && once(begin, end, step);
  loop_over(was_outermost ? LoopKind::parallel : LoopKind::serial, id, begin, end, step, inside);
  is_outermost_ = was_outermost;
}

void TileLoops::blocks(const Inside& inside) { free_axes(0, inside); }

void TileLoops::free_axes(std::size_t depth, const Inside& inside) {
  if (depth == plan_.free.size()) return row_blocks(inside);
  const AxisId id = plan_.free[depth];
  outer_loop(id, Bound::of(0), {Bound::of(extent(id))}, 1, [&] { free_axes(depth + 1, inside); });
}

void TileLoops::row_blocks(const Inside& inside) {
  block_base_ = Affine{};
  block_rows_ = 0;
  if (!plan_.row) return inside();
  const Extent all = extent(*plan_.row);
  if (!all.is_batch()) block_rows_ = all.size;
  const std::int64_t size = plan_.row_block;
  if (size == 0 || (all.is_batch() ? job_.largest_batch : all.size) <= size) return inside();
  const auto block = [&](const Bound& begin, const Bound& end, std::int64_t rows) {
    block_rows_ = rows;
    outer_loop(*plan_.row, begin, {end}, size, [&] {
      block_base_ = place(*plan_.row);
      inside();
    });
  };
  const Bound whole = rounded(all, size);
  block(Bound::of(0), whole, size);
  if (!all.is_batch() && all.size % size == 0) return;
  const bool was_outermost = is_outermost_;
  is_outermost_ = was_outermost && plan_.panel_block == 0;  // its parallel loops would be short ones
  block(whole, Bound::of(all), all.is_batch() ? 0 : all.size % size);
  is_outermost_ = was_outermost;
}

std::vector<Blocks> TileLoops::vector_blocks() const {
  const Extent all = extent(*plan_.vector);
  const std::int64_t tile = plan_.vector_tile;
  if (!plan_.masks_rest) return blocks_of(all, tile);
  const Bound whole = rounded(all, tile), end = Bound::of(all);
  std::vector<Blocks> blocks;
  if (all.is_batch() || all.size >= tile) blocks.push_back({Bound::of(0), whole, tile, false});
  // Of a batch nothing is known but that less than a tile is left: vector by vector.
  if (all.is_batch()) {
    blocks.push_back({whole, end, plan_.lanes, true});
    return blocks;
  }
  std::int64_t at = all.size / tile * tile;
  for (const std::int64_t width : masked_widths(all.size - at)) {
    const std::int64_t stop = std::min(at + width, all.size);
    blocks.push_back({Bound::of(at), Bound::of(stop), width, at + width > stop});
    at = stop;
  }
  return blocks;
}

// Of the tiles for so many elements of the static vector axis that fill none.
std::vector<std::int64_t> TileLoops::masked_widths(std::int64_t rest) const {
  const std::int64_t all = extent(*plan_.vector).size;
  const bool is_cut =
      (plan_.vector_block > 0 && plan_.vector_block < all) || (plan_.panel_block > 0 && plan_.panel_block < all);
  return rest_widths(rest, plan_.vector_tile, plan_.rest_step, is_cut);
}

void TileLoops::columns(std::int64_t size, const Inside& inside) {
  if (!plan_.vector || size == 0 || is_one_tile_) return inside();
  const Extent all = extent(*plan_.vector);
  if (!all.is_batch() && all.size <= size) return inside();
  const Affine base = column_base_;
  const std::int64_t outer_size = column_size_;
  column_size_ = size;
  if (size == plan_.vector_tile) {
    column_size_ = outer_size;
    tiles([&] {
      column_base_ = vector_base_;
      is_one_tile_ = true;
      inside();
      is_one_tile_ = false;
      column_base_ = base;
    });
  } else {
    outer_loop(*plan_.vector, {base, 0}, ends(outer_size, Bound::of(extent(*plan_.vector))), size, [&] {
      column_base_ = place(*plan_.vector);
      inside();
    });
  }
  column_base_ = base;
  column_size_ = outer_size;
}

// Where what stands in the open block of the vector axis ends.
std::vector<Bound> TileLoops::ends(std::int64_t size, const Bound& end) const {
  if (size == 0) return {end};
  return {Bound{column_base_ + size, 0}, end};
}

void TileLoops::tiles(const Inside& inside) {
  if (is_one_tile_) return inside();
  plan_.inner_first ? inner_axes(0, [&] { vector_tiles(inside); }) : vector_tiles(inside);
}

void TileLoops::vector_tiles(const Inside& inside) {
  vector_size_ = 1;
  if (!plan_.vector) return inside();
  for (const Blocks& blocks : vector_blocks()) {
    vector_size_ = blocks.size;
    is_masked_ = blocks.is_masked;
    // What fills no tile stands in the last block: in all others the loop has no turn.
    const bool is_first = column_size_ > 0 && blocks.begin == Bound::of(0);
    outer_loop(*plan_.vector, is_first ? Bound{column_base_, 0} : blocks.begin, ends(column_size_, blocks.end),
               blocks.size, [&] {
                 vector_base_ = place(*plan_.vector);
                 inside();
               });
  }
  is_masked_ = false;
}

void TileLoops::rows(const Inside& inside) {
  plan_.inner_first ? row_tiles(inside) : inner_axes(0, [&] { row_tiles(inside); });
}

void TileLoops::inner_axes(std::size_t depth, const Inside& inside) {
  if (depth == plan_.inner.size()) return inside();
  const AxisId id = plan_.inner[depth];
  loop_over(LoopKind::serial, id, Bound::of(0), {Bound::of(extent(id))}, 1, [&] { inner_axes(depth + 1, inside); });
}

void TileLoops::row_tiles(const Inside& inside) {
  row_size_ = 1;
  row_base_ = Affine{};
  if (!plan_.row) return inside();
  const auto tiles = [&](const Bound& begin, const Bound& end, std::int64_t size) {
    row_size_ = size;
    outer_loop(*plan_.row, begin, {end}, size, [&] {
      row_base_ = place(*plan_.row);
      inside();
    });
  };
  const Bound begin{block_base_, 0};
  if (block_rows_ == 0) {  // what there is of the batch
    const std::int64_t tile = plan_.row_tile;
    tiles(begin, Bound{{}, tile}, tile);
    if (tile > 1) tiles(Bound{{}, tile}, Bound::of(Extent::batch()), 1);
    return;
  }
  const std::int64_t tile = std::min(plan_.row_tile, block_rows_);
  const std::int64_t rest = block_rows_ % tile;
  const Bound whole{block_base_ + (block_rows_ - rest), 0};
  tiles(begin, whole, tile);
  if (rest > 0) tiles(whole, Bound{block_base_ + block_rows_, 0}, rest);
}

void TileLoops::elements_of_rows(bool is_masked, const Element& inside) {
  std::vector<Subscript> at;
  spread(plan_.row, {}, row_size_, LoopKind::unrolled, at, [&] { elements_of_row(is_masked, at, inside); });
}

void TileLoops::elements_of_row(bool is_masked, std::vector<Subscript>& at, const Element& inside) {
  spread(plan_.vector, part_base_, part_size_ > 0 ? part_size_ : vector_size_, LoopKind::vector, at, [&] {
    if (!is_masked) return inside(at);
    const Extent all = extent(*plan_.vector);
    const TempId end = all.is_batch() ? k_.batch_value() : k_.literal(static_cast<double>(all.size), DType::i32);
    emit_.require(k_.operation(Op::less, {k_.index_value(place(*plan_.vector)), end}));
    inside(at);
    emit_.release();
  });
}

void TileLoops::row(const Element& inside) {
  std::vector<Subscript> at;
  elements_of_row(is_masked_, at, inside);
}

void TileLoops::row_parts(const Inside& inside) {
  if (vector_size_ <= plan_.lanes) return inside();
  const std::string& name = job_.sweep->axes[static_cast<std::size_t>(*plan_.vector)].name;
  const std::int64_t whole = vector_size_ / plan_.lanes * plan_.lanes;
  part_size_ = plan_.lanes;
  k_.loop(LoopKind::serial, name, Bound::of(0), {Bound::of(whole)}, plan_.lanes, [&](VariableId part) {
    part_base_ = Affine::axis(part);
    inside();
  });
  if (whole < vector_size_) {
    part_size_ = vector_size_ - whole;
    part_base_ = Affine::of(whole);
    inside();
  }
  part_size_ = 0;
  part_base_ = Affine{};
}

void TileLoops::column(const Inside& inside) {
  std::vector<Subscript> at;
  spread(plan_.row, {}, row_size_, LoopKind::vector, at, inside);
}

std::int64_t TileLoops::most_rows() const {
  if (!plan_.row) return 1;
  const std::int64_t all = most(*plan_.row);
  return plan_.row_block > 0 ? std::min(plan_.row_block, all) : all;
}

std::int64_t TileLoops::most_columns() const {
  if (is_one_tile_ || !plan_.vector) return vector_size_;
  if (column_size_ > 0) return column_size_;
  const std::int64_t all = most(*plan_.vector);
  std::int64_t columns = all / plan_.vector_tile * plan_.vector_tile;
  if (extent(*plan_.vector).is_batch()) return columns + (all - columns + plan_.lanes - 1) / plan_.lanes * plan_.lanes;
  for (const std::int64_t width : masked_widths(all - columns)) columns += width;
  return columns;
}

// Elements from `first` of the tile on.
void TileLoops::spread(std::optional<AxisId> id, const Affine& first, std::int64_t size, LoopKind kind,
                       std::vector<Subscript>& at, const Inside& inside) {
  if (!id || size == 1) return inside();
  const Affine base = place(*id);
  const std::string& name = job_.sweep->axes[static_cast<std::size_t>(*id)].name;
  k_.loop(kind, name, Bound::of(size), [&](VariableId variable) {
    const Affine element = first + Affine::axis(variable);
    place(*id) = base + element;
    at.push_back({element, loop::no_temp});
    inside();
    at.pop_back();
  });
  place(*id) = base;
}

Shape TileLoops::tile_shape(const std::vector<std::int64_t>& leading) const {
  Shape shape;
  for (std::int64_t size : leading) shape.push_back({size});
  if (row_size_ > 1) shape.push_back({row_size_});
  if (vector_size_ > 1) shape.push_back({vector_size_});
  return shape;
}

}  // namespace descent
