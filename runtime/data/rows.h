// Rows of one tensor, read when they are wanted: from memory, from a file, or made from other rows. What a train block
// composes are such rows (stream.h).
#pragma once

#include <memory>

#include "runtime/data/array.h"

namespace descent::data {

// What chance depends on, beside the row and the place in the stream. Outside of training nothing is drawn.
struct Draw {
  bool training = false;
  std::uint64_t seed = 0;
  std::uint64_t epoch = 0;
};

class Rows {
 public:
  // `shape` is that of one row.
  Rows(DType dtype, Shape shape, std::int64_t count);
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;
  virtual ~Rows() = default;

  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  std::int64_t count() const { return count_; }
  std::int64_t row_bytes() const { return row_bytes_; }
  Shape whole_shape() const;  // with the number of rows in front

  // Writes rows begin … begin + count - 1, all of which there are, one after the other to `out`.
  virtual std::optional<Error> read(std::int64_t begin, std::int64_t count, const Draw& draw, std::byte* out) const = 0;
  // Whether what is read depends on `draw`.
  virtual bool draws() const { return false; }
  // All rows, where they lie in memory as one array.
  virtual const Array* resident() const { return nullptr; }

 private:
  DType dtype_;
  Shape shape_;
  std::int64_t count_;
  std::int64_t row_bytes_;
};
using RowsRef = std::shared_ptr<const Rows>;

// An array's rows; of a scalar its only one.
RowsRef rows_of(Array array);

// Those of these numbers, which there are, in this order.
using RowNumbers = std::shared_ptr<const std::vector<std::int64_t>>;
RowsRef select_rows(RowsRef rows, RowNumbers numbers);

// One behind the other; of the same type and shape.
Expected<RowsRef> append_rows(std::vector<RowsRef> parts);

// Row r of the result is rows first + r·stride … + length - 1, all in one. The caller knows that there are so many.
RowsRef window_rows(RowsRef rows, std::int64_t first, std::int64_t stride, std::int64_t length, std::int64_t count);

// The same bytes, each row of one element as a scalar.
RowsRef flatten_rows(RowsRef rows);

// The same numbers in another type; what that does not hold is an error when it is read.
RowsRef convert_rows(RowsRef rows, DType dtype);

// All rows as an array, without chance; nothing larger than `limit`.
inline constexpr std::int64_t largest_array = std::int64_t{1} << 30;
Expected<Array> read_all(const Rows& rows, std::int64_t limit = largest_array);

}  // namespace descent::data
