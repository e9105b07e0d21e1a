#include "runtime/data/stream.h"

#include <algorithm>
#include <cmath>

#include "runtime/data/shuffle.h"

namespace descent::data {

namespace {

Error error(std::string message) { return {{}, {}, std::move(message)}; }

std::string shown(const std::string& name) { return name.empty() ? "a tensor without a name" : "'" + name + "'"; }

std::vector<std::int64_t> range(std::int64_t begin, std::int64_t end) {
  std::vector<std::int64_t> numbers;
  for (std::int64_t i = begin; i < end; ++i) numbers.push_back(i);
  return numbers;
}

const StreamTensor* find(const Stream& stream, const std::string& name) {
  for (const StreamTensor& tensor : stream.tensors) {
    if (tensor.name == name) return &tensor;
  }
  return nullptr;
}

// Of every stream the number, once for each of its rows.
RowsRef origins_of(const std::vector<Stream>& streams) {
  Array array{DType::i32, {0}, {}};
  for (const Stream& stream : streams) array.shape[0] += stream.rows();
  array = zeros(DType::i32, array.shape);
  std::int32_t* out = array.as<std::int32_t>().data();
  for (std::size_t i = 0; i < streams.size(); ++i) {
    out = std::fill_n(out, streams[i].rows(), static_cast<std::int32_t>(i));
  }
  return rows_of(std::move(array));
}

}  // namespace

std::int64_t Stream::rows() const {
  if (texts) return texts->count();
  if (sounds) return sounds->count();
  return tensors.empty() ? 0 : tensors[0].rows->count();
}

const StreamTensor* Stream::principal() const { return find(*this, ""); }

Stream stream_of(RowsRef rows) { return {{{"", std::move(rows)}}}; }

Stream select(const Stream& stream, const std::vector<std::int64_t>& rows) {
  const auto numbers = std::make_shared<const std::vector<std::int64_t>>(rows);
  Stream chosen;
  for (const StreamTensor& tensor : stream.tensors) {
    chosen.tensors.push_back({tensor.name, select_rows(tensor.rows, numbers)});
  }
  if (stream.texts) chosen.texts = std::make_shared<Texts>(stream.texts->select(rows));
  if (stream.sounds) chosen.sounds = select_series(stream.sounds, numbers);
  return chosen;
}

Expected<Stream> join(const std::vector<Stream>& streams) {
  Stream all;
  for (const Stream& stream : streams) {
    const bool is_first = &stream == &streams[0];
    if (!is_first && stream.rows() != all.rows()) {
      return error("streams to be joined have " + std::to_string(all.rows()) + " and " + std::to_string(stream.rows()) +
                   " rows");
    }
    for (const StreamTensor& tensor : stream.tensors) {
      if (find(all, tensor.name)) return error(shown(tensor.name) + " is in two of the streams to be joined");
      all.tensors.push_back(tensor);
    }
    if (stream.texts && all.texts) return error("two of the streams to be joined hold text: make tokens of it first");
    if (stream.sounds && all.sounds) return error("two of the streams to be joined hold sounds: make tensors of them");
    if (stream.texts) all.texts = stream.texts;
    if (stream.sounds) all.sounds = stream.sounds;
  }
  return all;
}

Expected<Stream> append(const std::vector<Stream>& streams, const std::string& origin) {
  Stream all;
  for (const Stream& stream : streams) {
    if (stream.tensors.size() != streams[0].tensors.size() || !stream.texts != !streams[0].texts ||
        !stream.sounds != !streams[0].sounds) {
      return error("streams to be appended hold different things");
    }
  }
  for (const StreamTensor& tensor : streams[0].tensors) {
    std::vector<RowsRef> parts;
    for (const Stream& stream : streams) {
      const StreamTensor* same = find(stream, tensor.name);
      if (!same) return error(shown(tensor.name) + " is not in all of the streams to be appended");
      parts.push_back(same->rows);
    }
    Expected<RowsRef> rows = append_rows(std::move(parts));
    if (!rows) return rows.error();
    all.tensors.push_back({tensor.name, std::move(*rows)});
  }
  if (streams[0].texts) {
    std::vector<const Texts*> texts;
    for (const Stream& stream : streams) texts.push_back(stream.texts.get());
    all.texts = std::make_shared<Texts>(Texts::append(texts));
  }
  if (streams[0].sounds) {
    std::vector<SeriesRef> parts;
    for (const Stream& stream : streams) parts.push_back(stream.sounds);
    Expected<SeriesRef> sounds = append_series(std::move(parts));
    if (!sounds) return sounds.error();
    all.sounds = std::move(*sounds);
  }
  if (origin.empty()) return all;
  if (find(all, origin)) return error(shown(origin) + " is in the streams already");
  all.tensors.push_back({origin, origins_of(streams)});
  return all;
}

Expected<std::vector<Stream>> split(const Stream& stream, double share, std::optional<std::uint64_t> seed) {
  if (!(share > 0 && share < 1)) {
    return error("expected a share of the rows between 0 and 1, found " + std::to_string(share));
  }
  const std::int64_t rows = stream.rows();
  const auto first = static_cast<std::int64_t>(std::floor(static_cast<double>(rows) * share + 0.5));
  if (first == 0 || first == rows) {
    return error("of " + std::to_string(rows) + " rows the share " + std::to_string(share) + " leaves one part empty");
  }
  std::vector<std::int64_t> order = seed ? permutation(rows, *seed, 0) : range(0, rows);
  std::sort(order.begin(), order.begin() + first);
  std::sort(order.begin() + first, order.end());
  return std::vector<Stream>{select(stream, {order.begin(), order.begin() + first}),
                             select(stream, {order.begin() + first, order.end()})};
}

Expected<Stream> windows(const Stream& stream, const WindowOptions& options) {
  const StreamTensor* principal = stream.principal();
  if (stream.texts) return error("windows are cut from tensors and sounds: make tokens of the text first");
  if (!principal && !(options.inputs.empty() && options.shifted.empty())) {
    return error("'inputs' and 'shifted' are of a tensor without a name, which is not here");
  }
  const std::int64_t rows = stream.rows();
  const std::int64_t reach = options.length + (options.shifted.empty() ? 0 : options.shift);
  if (rows < reach) {
    return error("windows of " + std::to_string(options.length) + " rows need at least " + std::to_string(reach) +
                 " rows, found " + std::to_string(rows));
  }
  const std::int64_t count = (rows - reach) / options.stride + 1;
  Stream result;
  for (const StreamTensor& tensor : stream.tensors) {
    Shape row{options.length};
    row.insert(row.end(), tensor.rows->shape().begin(), tensor.rows->shape().end());
    if (!bytes_of(tensor.rows->dtype(), row, largest_array)) {
      return error("a window of " + std::to_string(options.length) + " rows is more than the limit of " +
                   std::to_string(largest_array) + " bytes");
    }
    const auto from = [&](std::int64_t first) {
      return window_rows(tensor.rows, first, options.stride, options.length, count);
    };
    result.tensors.push_back({tensor.name.empty() ? options.inputs : tensor.name, from(0)});
    if (&tensor == principal && !options.shifted.empty()) {
      result.tensors.push_back({options.shifted, from(options.shift)});
    }
  }
  if (stream.sounds) result.sounds = window_series(stream.sounds, 0, options.stride, options.length, count);
  return result;
}

}  // namespace descent::data
