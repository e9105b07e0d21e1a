#include "runtime/data/chance.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <mutex>

#include "runtime/core/philox.h"
#include "runtime/data/shuffle.h"

namespace descent::data {

namespace {

Error error(std::string message) { return {{}, {}, std::move(message)}; }

// Random words by what they are for. The numbers are part of what a seed means.
class Source {
 public:
  enum class Use : std::uint32_t { flip = 1, crop = 2, shift = 3, noise = 4, order = 5 };
  Source(Use use, std::uint64_t seed) : use_(use), seed_(seed) {}

  // The words of one row, block by block.
  class Row {
   public:
    Row(std::uint64_t key, std::int64_t row) : key_(key), row_(static_cast<std::uint64_t>(row)) {}
    runtime::PhiloxWords words(std::uint32_t block = 0) const {
      return runtime::philox(low(key_), high(key_), {{block, low(row_), high(row_), 0}});
    }

   private:
    std::uint64_t key_, row_;
  };
  Row row(const Draw& draw, std::int64_t number) const { return {key_of(draw), number}; }
  // Of its own for every seed, use and epoch.
  std::uint64_t key_of(const Draw& draw) const {
    const runtime::PhiloxWords mixed = runtime::philox(
        low(draw.seed), high(draw.seed), {{static_cast<std::uint32_t>(use_), low(seed_), high(seed_), 1}});
    const runtime::PhiloxWords key =
        runtime::philox(mixed.word[0], mixed.word[1], {{low(draw.epoch), high(draw.epoch), 0, 2}});
    return std::uint64_t{key.word[1]} << 32 | key.word[0];
  }
  std::uint64_t seed() const { return seed_; }

 private:
  static std::uint32_t low(std::uint64_t value) { return static_cast<std::uint32_t>(value); }
  static std::uint32_t high(std::uint64_t value) { return static_cast<std::uint32_t>(value >> 32); }

  Use use_;
  std::uint64_t seed_;
};

// From 0 to most.
std::int64_t at_most(std::int64_t most, std::uint32_t word) {
  return static_cast<std::int64_t>((static_cast<std::uint64_t>(most) + 1) * word >> 32);
}

// Mean 0, deviation 1: eight numbers from 0 to 65535 out of one block.
double nearly_normal(const runtime::PhiloxWords& words) {
  std::int64_t sum = 0;
  for (const std::uint32_t word : words.word) sum += (word & 0xFFFF) + (word >> 16);
  const double variance = 8 * (65536.0 * 65536.0 - 1) / 12;
  return (static_cast<double>(sum) - 8 * 32767.5) / std::sqrt(variance);
}

// -- images ----------------------------------------------------------------------------------------------------------

bool is_image(const Rows& rows) { return rows.shape().size() >= 2; }

// The last two axes of a row, and how many such pictures it holds.
struct Plane {
  std::int64_t count = 1, height = 0, width = 0;
  std::size_t element = 1;  // bytes

  std::size_t line_bytes() const { return static_cast<std::size_t>(width) * element; }
  std::size_t bytes() const { return static_cast<std::size_t>(height) * line_bytes(); }
};
Plane plane_of(const Rows& rows) {
  const Shape& shape = rows.shape();
  Plane plane{1, shape[shape.size() - 2], shape[shape.size() - 1], static_cast<std::size_t>(size_of(rows.dtype()))};
  for (std::size_t d = 0; d + 2 < shape.size(); ++d) plane.count *= shape[d];
  return plane;
}

class FlippedRows : public Rows {
 public:
  FlippedRows(RowsRef rows, bool vertical, Source source)
      : Rows(rows->dtype(), rows->shape(), rows->count()),
        rows_(std::move(rows)),
        vertical_(vertical),
        source_(source) {}

  std::optional<Error> read(std::int64_t begin, std::int64_t count, const Draw& draw, std::byte* out) const override {
    if (auto failed = rows_->read(begin, count, draw, out); failed || !draw.training) return failed;
    const Plane plane = plane_of(*rows_);
    for (std::int64_t row = begin; row < begin + count; ++row, out += row_bytes()) {
      const runtime::PhiloxWords words = source_.row(draw, row).words();
      const bool mirrored = words.word[0] >> 31, turned = vertical_ && words.word[1] >> 31;
      for (std::int64_t i = 0; i < plane.count; ++i) {
        std::byte* const first = out + static_cast<std::size_t>(i) * plane.bytes();
        if (mirrored) mirror(plane, first);
        if (turned) turn(plane, first);
      }
    }
    return std::nullopt;
  }
  bool draws() const override { return true; }

 private:
  static void mirror(const Plane& plane, std::byte* first) {
    for (std::int64_t y = 0; y < plane.height; ++y, first += plane.line_bytes()) {
      std::byte *left = first, *right = first + plane.line_bytes();
      for (std::int64_t x = 0; x < plane.width / 2; ++x, left += plane.element) {
        right -= plane.element;
        std::swap_ranges(left, left + plane.element, right);
      }
    }
  }
  static void turn(const Plane& plane, std::byte* first) {
    std::byte* last = first + plane.bytes();
    for (std::int64_t y = 0; y < plane.height / 2; ++y, first += plane.line_bytes()) {
      last -= plane.line_bytes();
      std::swap_ranges(first, first + plane.line_bytes(), last);
    }
  }

  RowsRef rows_;
  bool vertical_;
  Source source_;
};

Shape cropped(const Shape& shape, const CropOptions& options) {
  Shape result = shape;
  result[shape.size() - 2] = options.height;
  result[shape.size() - 1] = options.width;
  return result;
}

class CroppedRows : public Rows {
 public:
  CroppedRows(RowsRef rows, const CropOptions& options, Source source)
      : Rows(rows->dtype(), cropped(rows->shape(), options), rows->count()),
        rows_(std::move(rows)),
        options_(options),
        source_(source) {}

  std::optional<Error> read(std::int64_t begin, std::int64_t count, const Draw& draw, std::byte* out) const override {
    const Plane plane = plane_of(*rows_);
    Bytes whole(static_cast<std::size_t>(rows_->row_bytes()));
    for (std::int64_t row = begin; row < begin + count; ++row) {
      if (auto failed = rows_->read(row, 1, draw, whole.data())) return failed;
      const std::int64_t down = plane.height + 2 * options_.pad - options_.height;
      const std::int64_t across = plane.width + 2 * options_.pad - options_.width;
      std::int64_t top = down / 2, left = across / 2;
      if (draw.training) {
        const runtime::PhiloxWords words = source_.row(draw, row).words();
        top = at_most(down, words.word[0]);
        left = at_most(across, words.word[1]);
      }
      for (std::int64_t i = 0; i < plane.count; ++i) {
        out = copy(plane, whole.data() + static_cast<std::size_t>(i) * plane.bytes(), top - options_.pad,
                   left - options_.pad, out);
      }
    }
    return std::nullopt;
  }
  bool draws() const override { return true; }

 private:
  // The part of one picture whose corner lies at `top`, `left`, perhaps outside; the place behind what is written.
  std::byte* copy(const Plane& plane, const std::byte* from, std::int64_t top, std::int64_t left,
                  std::byte* out) const {
    const std::size_t line = static_cast<std::size_t>(options_.width) * plane.element;
    const std::int64_t begin = std::max<std::int64_t>(left, 0), end = std::min(left + options_.width, plane.width);
    for (std::int64_t y = top; y < top + options_.height; ++y, out += line) {
      std::memset(out, 0, line);
      if (y < 0 || y >= plane.height || begin >= end) continue;
      std::memcpy(
          out + static_cast<std::size_t>(begin - left) * plane.element,
          from + static_cast<std::size_t>(y) * plane.line_bytes() + static_cast<std::size_t>(begin) * plane.element,
          static_cast<std::size_t>(end - begin) * plane.element);
    }
    return out;
  }

  RowsRef rows_;
  CropOptions options_;
  Source source_;
};

// The stream with its images changed; an error when it has none.
template <class Change>
Expected<Stream> change_images(const Stream& stream, const Change& change) {
  Stream result = stream;
  bool any = false;
  for (StreamTensor& tensor : result.tensors) {
    if (!is_image(*tensor.rows)) continue;
    Expected<RowsRef> changed = change(tensor.rows);
    if (!changed) return changed.error();
    tensor.rows = std::move(*changed);
    any = true;
  }
  if (!any) return error("expected images, tensors whose rows have a height and a width, found none");
  return result;
}

// -- sounds ----------------------------------------------------------------------------------------------------------

class ShiftedSeries : public Series {
 public:
  ShiftedSeries(SeriesRef series, std::int64_t most, Source source)
      : Series(series->count(), series->width(), series->rate()),
        series_(std::move(series)),
        most_(most),
        source_(source) {}

  Expected<std::vector<float>> read(std::int64_t row, const Draw& draw) const override {
    auto values = series_->read(row, draw);
    if (values) values->insert(values->begin(), static_cast<std::size_t>(later(row, draw) * width()), 0);
    return values;
  }
  std::int64_t steps(std::int64_t row, const Draw& draw) const override {
    return series_->steps(row, draw) + later(row, draw);
  }
  bool draws() const override { return true; }

 private:
  std::int64_t later(std::int64_t row, const Draw& draw) const {
    return draw.training ? at_most(most_, source_.row(draw, row).words().word[0]) : 0;
  }

  SeriesRef series_;
  std::int64_t most_;
  Source source_;
};

class NoisySeries : public Series {
 public:
  NoisySeries(SeriesRef series, double deviation, Source source)
      : Series(series->count(), series->width(), series->rate()),
        series_(std::move(series)),
        deviation_(deviation),
        source_(source) {}

  Expected<std::vector<float>> read(std::int64_t row, const Draw& draw) const override {
    auto values = series_->read(row, draw);
    if (!values || !draw.training) return values;
    const Source::Row chance = source_.row(draw, row);
    std::uint32_t block = 0;
    for (float& value : *values) {
      value = static_cast<float>(static_cast<double>(value) + deviation_ * nearly_normal(chance.words(block++)));
    }
    return values;
  }
  std::int64_t steps(std::int64_t row, const Draw& draw) const override { return series_->steps(row, draw); }
  bool draws() const override { return true; }

 private:
  SeriesRef series_;
  double deviation_;
  Source source_;
};

class NoisyRows : public Rows {
 public:
  NoisyRows(RowsRef rows, double deviation, Source source)
      : Rows(rows->dtype(), rows->shape(), rows->count()),
        rows_(std::move(rows)),
        deviation_(deviation),
        source_(source) {}

  std::optional<Error> read(std::int64_t begin, std::int64_t count, const Draw& draw, std::byte* out) const override {
    if (auto failed = rows_->read(begin, count, draw, out); failed || !draw.training) return failed;
    const std::int64_t size = size_of(dtype());
    for (std::int64_t row = begin; row < begin + count; ++row) {
      const Source::Row chance = source_.row(draw, row);
      for (std::int64_t i = 0; i < row_bytes() / size; ++i, out += size) {
        add(deviation_ * nearly_normal(chance.words(static_cast<std::uint32_t>(i))), out);
      }
    }
    return std::nullopt;
  }
  bool draws() const override { return true; }

 private:
  void add(double noise, std::byte* at) const {
    if (dtype() == DType::u8) {
      const double level = std::round(std::to_integer<int>(*at) + noise);
      *at = static_cast<std::byte>(static_cast<int>(std::clamp(level, 0.0, 255.0)));
      return;
    }
    float value;
    std::memcpy(&value, at, sizeof value);
    value = static_cast<float>(static_cast<double>(value) + noise);
    std::memcpy(at, &value, sizeof value);
  }

  RowsRef rows_;
  double deviation_;
  Source source_;
};

// -- order -----------------------------------------------------------------------------------------------------------

// The order of the rows by what it depends on; the last one is kept, for all tensors of a stream.
class Order {
 public:
  Order(std::int64_t count, Source source) : count_(count), source_(source) {}

  std::int64_t number(std::int64_t row, const Draw& draw) const {
    const std::lock_guard lock(mutex_);
    const std::uint64_t key = draw.training ? source_.key_of(draw) : source_.seed();
    if (order_.empty() || key != key_) order_ = permutation(count_, key, 0);
    key_ = key;
    return order_[static_cast<std::size_t>(row)];
  }

 private:
  std::int64_t count_;
  Source source_;
  mutable std::mutex mutex_;
  mutable std::uint64_t key_ = 0;
  mutable std::vector<std::int64_t> order_;
};
using OrderRef = std::shared_ptr<const Order>;

class ShuffledRows : public Rows {
 public:
  ShuffledRows(RowsRef rows, OrderRef order)
      : Rows(rows->dtype(), rows->shape(), rows->count()), rows_(std::move(rows)), order_(std::move(order)) {}

  std::optional<Error> read(std::int64_t begin, std::int64_t count, const Draw& draw, std::byte* out) const override {
    for (std::int64_t row = begin; row < begin + count; ++row, out += row_bytes()) {
      if (auto failed = rows_->read(order_->number(row, draw), 1, draw, out)) return failed;
    }
    return std::nullopt;
  }
  bool draws() const override { return true; }

 private:
  RowsRef rows_;
  OrderRef order_;
};

class ShuffledSeries : public Series {
 public:
  ShuffledSeries(SeriesRef series, OrderRef order)
      : Series(series->count(), series->width(), series->rate()),
        series_(std::move(series)),
        order_(std::move(order)) {}

  Expected<std::vector<float>> read(std::int64_t row, const Draw& draw) const override {
    return series_->read(order_->number(row, draw), draw);
  }
  std::int64_t steps(std::int64_t row, const Draw& draw) const override {
    return series_->steps(order_->number(row, draw), draw);
  }
  bool draws() const override { return true; }

 private:
  SeriesRef series_;
  OrderRef order_;
};

}  // namespace

Expected<Stream> flip(const Stream& stream, bool vertical, std::uint64_t seed) {
  const Source source(Source::Use::flip, seed);
  return change_images(stream, [&](const RowsRef& rows) -> Expected<RowsRef> {
    return RowsRef(std::make_shared<FlippedRows>(rows, vertical, source));
  });
}

Expected<Stream> crop(const Stream& stream, const CropOptions& options, std::uint64_t seed) {
  const Source source(Source::Use::crop, seed);
  std::optional<Plane> first;
  return change_images(stream, [&](const RowsRef& rows) -> Expected<RowsRef> {
    const Plane plane = plane_of(*rows);
    if (!first) first = plane;
    if (plane.height != first->height || plane.width != first->width) {
      return error("images to be cropped alike differ: " + to_string({first->height, first->width}) + " and " +
                   to_string({plane.height, plane.width}));
    }
    if (options.height > plane.height + 2 * options.pad || options.width > plane.width + 2 * options.pad) {
      return error("expected a part of " + to_string({plane.height, plane.width}) + " with " +
                   std::to_string(options.pad) + " around it, found " + to_string({options.height, options.width}));
    }
    if (!bytes_of(rows->dtype(), cropped(rows->shape(), options), largest_array)) {
      return error("a part of " + to_string({options.height, options.width}) + " is more than the limit of " +
                   std::to_string(largest_array) + " bytes");
    }
    return RowsRef(std::make_shared<CroppedRows>(rows, options, source));
  });
}

Expected<Stream> shift(const Stream& stream, std::int64_t most, std::uint64_t seed) {
  const Source source(Source::Use::shift, seed);
  if (stream.sounds) {
    Stream result = stream;
    result.sounds = std::make_shared<ShiftedSeries>(stream.sounds, most, source);
    return result;
  }
  return change_images(stream, [&](const RowsRef& rows) -> Expected<RowsRef> {
    const Plane plane = plane_of(*rows);
    return RowsRef(std::make_shared<CroppedRows>(rows, CropOptions{plane.height, plane.width, most}, source));
  });
}

Expected<Stream> noise(const Stream& stream, double deviation, std::uint64_t seed) {
  const Source source(Source::Use::noise, seed);
  if (!(deviation >= 0) || !std::isfinite(deviation)) {
    return error("expected a deviation from 0, found " + std::to_string(deviation));
  }
  Stream result = stream;
  if (stream.sounds) {
    result.sounds = std::make_shared<NoisySeries>(stream.sounds, deviation, source);
    return result;
  }
  const bool fits = stream.tensors.size() == 1 && !stream.texts &&
                    (stream.tensors[0].rows->dtype() == DType::f32 || stream.tensors[0].rows->dtype() == DType::u8);
  if (!fits) return error("expected sounds or one tensor of f32 or u8");
  result.tensors[0].rows = std::make_shared<NoisyRows>(stream.tensors[0].rows, deviation, source);
  return result;
}

Expected<Stream> shuffle(const Stream& stream, std::uint64_t seed) {
  if (stream.texts) return error("text keeps its order: make tokens of it first");
  const auto order = std::make_shared<const Order>(stream.rows(), Source(Source::Use::order, seed));
  Stream result = stream;
  for (StreamTensor& tensor : result.tensors) tensor.rows = std::make_shared<ShuffledRows>(tensor.rows, order);
  if (stream.sounds) result.sounds = std::make_shared<ShuffledSeries>(stream.sounds, order);
  return result;
}

}  // namespace descent::data
