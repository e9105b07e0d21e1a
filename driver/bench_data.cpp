// Draws from a fixed seed: two runs measure the same work.
#include "driver/bench_data.h"

#include <algorithm>
#include <cstring>
#include <random>

#include "driver/batch_layout.h"

namespace descent {
namespace {

constexpr std::int64_t most_bytes = std::int64_t{256} << 20;

// Draws `draw()` for every element.
template <class T, class Draw>
void fill(data::Array& array, const Draw& draw) {
  for (T& element : array.as<T>()) element = static_cast<T>(draw());
}

data::Array draw(const TensorType& type, std::int64_t rows, std::int64_t batches, std::mt19937_64& random) {
  data::Array array = data::zeros(data_type(type.dtype), {batches * count(type.shape, rows)});
  const auto fraction = [&] { return static_cast<double>(random() >> 40) * 0x1p-24; };
  const auto below = [&](std::uint64_t size) { return random() % size; };
  switch (array.dtype) {
    case data::DType::f32:
      fill<float>(array, fraction);
      break;
    case data::DType::f64:
      fill<double>(array, fraction);
      break;
    case data::DType::i32: {
      const auto [low, high] = type.range.value_or(Range{0, 2});
      fill<std::int32_t>(array, [&, low = low, size = static_cast<std::uint64_t>(high - low)] {
        return low + static_cast<std::int64_t>(below(size));
      });
      break;
    }
    case data::DType::u8:
      fill<std::uint8_t>(array, [&] { return below(256); });
      break;
    case data::DType::boolean:
      fill<std::uint8_t>(array, [&] { return below(2); });
      break;
    case data::DType::i64:
      break;  // no tensor has it
  }
  return array;
}

Feed feed_of(const std::string& name, const data::Array& array) {
  switch (array.dtype) {
    case data::DType::f32:
      return {name, array.as<float>()};
    case data::DType::f64:
      return {name, array.as<double>()};
    case data::DType::i32:
      return {name, array.as<std::int32_t>()};
    default:
      return {name, array.as<std::uint8_t>()};
  }
}

}  // namespace

BenchData random_data(const std::vector<Port>& inputs, std::int64_t rows, std::int64_t batches) {
  std::vector<Port> wanted;
  std::int64_t batch_bytes = 0;
  for (const Port& port : inputs) {
    if (port.kind != Port::Kind::data) continue;
    wanted.push_back(port);
    batch_bytes += count(port.type.shape, rows) * size_of(port.type.dtype);
  }
  BenchData data;
  data.batches = std::clamp<std::int64_t>(most_bytes / std::max<std::int64_t>(1, batch_bytes), 1, batches);
  data.bytes = data.batches * batch_bytes;
  std::mt19937_64 random(1);
  for (const Port& port : wanted) {
    data.names.push_back(port.name);
    data.values.push_back(draw(port.type, rows, data.batches, random));
  }
  for (std::size_t i = 0; i < data.values.size(); ++i) data.feeds.push_back(feed_of(data.names[i], data.values[i]));
  return data;
}

}  // namespace descent
