#include "runtime/data/series.h"

#include <algorithm>
#include <cstring>

namespace descent::data {

namespace {

class SelectedSeries : public Series {
 public:
  SelectedSeries(SeriesRef series, RowNumbers numbers)
      : Series(static_cast<std::int64_t>(numbers->size()), series->width(), series->rate()),
        series_(std::move(series)),
        numbers_(std::move(numbers)) {}

  Expected<std::vector<float>> read(std::int64_t row, const Draw& draw) const override {
    return series_->read(number(row), draw);
  }
  std::int64_t steps(std::int64_t row, const Draw& draw) const override { return series_->steps(number(row), draw); }
  bool draws() const override { return series_->draws(); }

 private:
  std::int64_t number(std::int64_t row) const { return (*numbers_)[static_cast<std::size_t>(row)]; }

  SeriesRef series_;
  RowNumbers numbers_;
};

class AppendedSeries : public Series {
 public:
  AppendedSeries(std::vector<SeriesRef> parts, std::int64_t count)
      : Series(count, parts[0]->width(), parts[0]->rate()), parts_(std::move(parts)) {}

  Expected<std::vector<float>> read(std::int64_t row, const Draw& draw) const override {
    const Series& part = find(row);
    return part.read(row, draw);
  }
  std::int64_t steps(std::int64_t row, const Draw& draw) const override {
    const Series& part = find(row);
    return part.steps(row, draw);
  }
  bool draws() const override {
    return std::any_of(parts_.begin(), parts_.end(), [](const SeriesRef& part) { return part->draws(); });
  }

 private:
  // The part that holds a row, whose number becomes that in the part.
  const Series& find(std::int64_t& row) const {
    std::size_t part = 0;
    for (; row >= parts_[part]->count(); ++part) row -= parts_[part]->count();
    return *parts_[part];
  }

  std::vector<SeriesRef> parts_;
};

class WindowSeries : public Series {
 public:
  WindowSeries(SeriesRef series, std::int64_t first, std::int64_t stride, std::int64_t length, std::int64_t count)
      : Series(count, series->width(), series->rate()),
        series_(std::move(series)),
        first_(first),
        stride_(stride),
        length_(length) {}

  Expected<std::vector<float>> read(std::int64_t row, const Draw& draw) const override {
    std::vector<float> all;
    for (std::int64_t i = begin(row); i < begin(row) + length_; ++i) {
      auto part = series_->read(i, draw);
      if (!part) return part.error();
      all.insert(all.end(), part->begin(), part->end());
      if (all.size() * sizeof(float) > static_cast<std::size_t>(largest_array)) {
        return Error{{},
                     {},
                     "a window of " + std::to_string(length_) + " rows is more than the limit of " +
                         std::to_string(largest_array) + " bytes"};
      }
    }
    return all;
  }
  std::int64_t steps(std::int64_t row, const Draw& draw) const override {
    std::int64_t steps = 0;
    for (std::int64_t i = begin(row); i < begin(row) + length_; ++i) steps += series_->steps(i, draw);
    return steps;
  }
  bool draws() const override { return series_->draws(); }

 private:
  std::int64_t begin(std::int64_t row) const { return first_ + row * stride_; }

  SeriesRef series_;
  std::int64_t first_, stride_, length_;
};

class PaddedRows : public Rows {
 public:
  enum class Part : std::uint8_t { values, lengths, mask };

  PaddedRows(Part part, SeriesRef series, std::int64_t length, std::vector<float> padding)
      : Rows(type_of(part), shape_of(part, length, series->width()), series->count()),
        part_(part),
        series_(std::move(series)),
        length_(length),
        padding_(std::move(padding)) {}

  std::optional<Error> read(std::int64_t begin, std::int64_t count, const Draw& draw, std::byte* out) const override {
    for (std::int64_t row = begin; row < begin + count; ++row, out += row_bytes()) {
      if (part_ == Part::values) {
        const Expected<std::vector<float>> values = series_->read(row, draw);
        if (!values) return values.error();
        write_values(*values, out);
      } else {
        write_length(std::min(length_, series_->steps(row, draw)), out);
      }
    }
    return std::nullopt;
  }
  bool draws() const override { return series_->draws(); }

 private:
  static DType type_of(Part part) {
    if (part == Part::values) return DType::f32;
    return part == Part::lengths ? DType::i32 : DType::boolean;
  }
  static Shape shape_of(Part part, std::int64_t length, std::int64_t width) {
    if (part == Part::lengths) return {};
    if (part == Part::mask || width == 1) return {length};
    return {length, width};
  }

  void write_values(const std::vector<float>& values, std::byte* out) const {
    const auto all = static_cast<std::size_t>(length_ * series_->width());
    const std::size_t found = std::min(values.size(), all);
    if (found > 0) std::memcpy(out, values.data(), found * sizeof(float));
    for (std::size_t at = found; at < all; at += padding_.size()) {
      std::memcpy(out + at * sizeof(float), padding_.data(), padding_.size() * sizeof(float));
    }
  }
  void write_length(std::int64_t found, std::byte* out) const {
    const auto narrow = static_cast<std::int32_t>(found);
    if (part_ == Part::lengths) std::memcpy(out, &narrow, sizeof narrow);
    if (part_ == Part::mask) {
      for (std::int64_t t = 0; t < length_; ++t) out[t] = std::byte{t < found};
    }
  }

  Part part_;
  SeriesRef series_;
  std::int64_t length_;
  std::vector<float> padding_;
};

}  // namespace

SeriesRef select_series(SeriesRef series, RowNumbers numbers) {
  return std::make_shared<SelectedSeries>(std::move(series), std::move(numbers));
}

Expected<SeriesRef> append_series(std::vector<SeriesRef> parts) {
  std::int64_t count = 0;
  for (const SeriesRef& part : parts) {
    if (part->width() != parts[0]->width() || part->rate() != parts[0]->rate()) {
      return Error{{},
                   {},
                   "sounds to be appended differ: expected " + std::to_string(parts[0]->rate()) +
                       " steps a second, found " + std::to_string(part->rate())};
    }
    count += part->count();
  }
  return SeriesRef(std::make_shared<AppendedSeries>(std::move(parts), count));
}

SeriesRef window_series(SeriesRef series, std::int64_t first, std::int64_t stride, std::int64_t length,
                        std::int64_t count) {
  return std::make_shared<WindowSeries>(std::move(series), first, stride, length, count);
}

SeriesParts pad_series(SeriesRef series, std::int64_t length, std::vector<float> padding) {
  const auto part = [&](PaddedRows::Part part) { return std::make_shared<PaddedRows>(part, series, length, padding); };
  return {part(PaddedRows::Part::values), part(PaddedRows::Part::lengths), part(PaddedRows::Part::mask)};
}

}  // namespace descent::data
