// Rows in memory, chosen, appended, cut into windows, converted. Reading is by runs of neighbours, so that what lies
// together is copied together.
#include "runtime/data/rows.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace descent::data {

namespace {

std::size_t bytes(std::int64_t count) { return static_cast<std::size_t>(count); }

class ResidentRows : public Rows {
 public:
  ResidentRows(Array array, Shape shape)
      : Rows(array.dtype, std::move(shape), array.rows()), array_(std::move(array)) {}

  std::optional<Error> read(std::int64_t begin, std::int64_t count, const Draw&, std::byte* out) const override {
    if (row_bytes() > 0 && count > 0) {
      std::memcpy(out, array_.bytes.data() + bytes(begin * row_bytes()), bytes(count * row_bytes()));
    }
    return std::nullopt;
  }
  const Array* resident() const override { return &array_; }

 private:
  Array array_;
};

class SelectedRows : public Rows {
 public:
  SelectedRows(RowsRef rows, RowNumbers numbers)
      : Rows(rows->dtype(), rows->shape(), static_cast<std::int64_t>(numbers->size())),
        rows_(std::move(rows)),
        numbers_(std::move(numbers)) {}

  std::optional<Error> read(std::int64_t begin, std::int64_t count, const Draw& draw, std::byte* out) const override {
    const std::int64_t* number = numbers_->data() + begin;
    const std::int64_t* const end = number + count;
    while (number != end) {
      const std::int64_t* run = number + 1;
      while (run != end && *run == run[-1] + 1) ++run;
      if (auto failed = rows_->read(*number, run - number, draw, out)) return failed;
      out += (run - number) * row_bytes();
      number = run;
    }
    return std::nullopt;
  }
  bool draws() const override { return rows_->draws(); }

 private:
  RowsRef rows_;
  RowNumbers numbers_;
};

class AppendedRows : public Rows {
 public:
  AppendedRows(std::vector<RowsRef> parts, std::int64_t count)
      : Rows(parts[0]->dtype(), parts[0]->shape(), count), parts_(std::move(parts)) {}

  std::optional<Error> read(std::int64_t begin, std::int64_t count, const Draw& draw, std::byte* out) const override {
    for (const RowsRef& part : parts_) {
      const std::int64_t here = std::min(count, part->count() - begin);
      if (here > 0) {
        if (auto failed = part->read(begin, here, draw, out)) return failed;
        out += here * row_bytes();
        count -= here;
      }
      begin = std::max<std::int64_t>(0, begin - part->count());
      if (count == 0) break;
    }
    return std::nullopt;
  }
  bool draws() const override {
    return std::any_of(parts_.begin(), parts_.end(), [](const RowsRef& part) { return part->draws(); });
  }

 private:
  std::vector<RowsRef> parts_;
};

Shape with_length(std::int64_t length, const Shape& shape) {
  Shape result{length};
  result.insert(result.end(), shape.begin(), shape.end());
  return result;
}

class WindowRows : public Rows {
 public:
  WindowRows(RowsRef rows, std::int64_t first, std::int64_t stride, std::int64_t length, std::int64_t count)
      : Rows(rows->dtype(), with_length(length, rows->shape()), count),
        rows_(std::move(rows)),
        first_(first),
        stride_(stride),
        length_(length) {}

  std::optional<Error> read(std::int64_t begin, std::int64_t count, const Draw& draw, std::byte* out) const override {
    for (std::int64_t row = begin; row < begin + count; ++row) {
      if (auto failed = rows_->read(first_ + row * stride_, length_, draw, out)) return failed;
      out += row_bytes();
    }
    return std::nullopt;
  }
  bool draws() const override { return rows_->draws(); }

 private:
  RowsRef rows_;
  std::int64_t first_, stride_, length_;
};

class FlatRows : public Rows {
 public:
  explicit FlatRows(RowsRef rows) : Rows(rows->dtype(), {}, rows->count()), rows_(std::move(rows)) {}

  std::optional<Error> read(std::int64_t begin, std::int64_t count, const Draw& draw, std::byte* out) const override {
    return rows_->read(begin, count, draw, out);
  }
  bool draws() const override { return rows_->draws(); }

 private:
  RowsRef rows_;
};

class ConvertedRows : public Rows {
 public:
  ConvertedRows(RowsRef rows, DType dtype) : Rows(dtype, rows->shape(), rows->count()), rows_(std::move(rows)) {}

  std::optional<Error> read(std::int64_t begin, std::int64_t count, const Draw& draw, std::byte* out) const override {
    Array found = zeros(rows_->dtype(), with_length(count, shape()));
    if (auto failed = rows_->read(begin, count, draw, found.bytes.data())) return failed;
    const Expected<Array> converted = convert(found, dtype());
    if (!converted) return converted.error();
    if (!converted->bytes.empty()) std::memcpy(out, converted->bytes.data(), converted->bytes.size());
    return std::nullopt;
  }
  bool draws() const override { return rows_->draws(); }

 private:
  RowsRef rows_;
};

}  // namespace

Rows::Rows(DType dtype, Shape shape, std::int64_t count)
    : dtype_(dtype),
      shape_(std::move(shape)),
      count_(count),
      row_bytes_(bytes_of(dtype, shape_, std::numeric_limits<std::int64_t>::max()).value_or(0)) {}

Shape Rows::whole_shape() const { return with_length(count_, shape_); }

RowsRef rows_of(Array array) {
  Shape shape = array.shape;
  if (!shape.empty()) shape.erase(shape.begin());
  return std::make_shared<ResidentRows>(std::move(array), std::move(shape));
}

RowsRef select_rows(RowsRef rows, RowNumbers numbers) {
  return std::make_shared<SelectedRows>(std::move(rows), std::move(numbers));
}

Expected<RowsRef> append_rows(std::vector<RowsRef> parts) {
  std::int64_t count = 0;
  for (const RowsRef& part : parts) {
    if (part->dtype() != parts[0]->dtype() || part->shape() != parts[0]->shape()) {
      return Error{{},
                   {},
                   "rows to be appended differ: " + std::string(name_of(parts[0]->dtype())) +
                       to_string(parts[0]->whole_shape()) + " and " + std::string(name_of(part->dtype())) +
                       to_string(part->whole_shape())};
    }
    count += part->count();
  }
  return RowsRef(std::make_shared<AppendedRows>(std::move(parts), count));
}

RowsRef window_rows(RowsRef rows, std::int64_t first, std::int64_t stride, std::int64_t length, std::int64_t count) {
  return std::make_shared<WindowRows>(std::move(rows), first, stride, length, count);
}

RowsRef flatten_rows(RowsRef rows) { return std::make_shared<FlatRows>(std::move(rows)); }

RowsRef convert_rows(RowsRef rows, DType dtype) {
  if (rows->dtype() == dtype) return rows;
  return std::make_shared<ConvertedRows>(std::move(rows), dtype);
}

Expected<Array> read_all(const Rows& rows, std::int64_t limit) {
  if (const Array* array = rows.resident()) return *array;
  if (!bytes_of(rows.dtype(), rows.whole_shape(), limit)) {
    return Error{{},
                 {},
                 std::string(name_of(rows.dtype())) + to_string(rows.whole_shape()) + " is more than the limit of " +
                     std::to_string(limit) + " bytes"};
  }
  Array array = zeros(rows.dtype(), rows.whole_shape());
  if (auto failed = rows.read(0, rows.count(), {}, array.bytes.data())) return *failed;
  return array;
}

}  // namespace descent::data
