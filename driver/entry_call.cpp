// Checks what is fed, points an entry at it, batch by batch, runs it and reads its numbers.
#include "driver/entry_call.h"

#include <algorithm>
#include <cstring>

#include "driver/batch_layout.h"
#include "driver/range_check.h"
#include "fmt/format.h"
#include "ir/match.h"
#include "runtime/core/float_mode.h"

namespace descent {
namespace {

constexpr std::int64_t input_alignment = 4;  // runtime/abi.h

struct Bytes {
  const std::byte* data = nullptr;
  std::size_t elements = 0;
  std::string_view type;  // as a diagnostic calls it
  bool fits = false;      // the element type is the input's
};

Bytes bytes_of(const Feed& feed, DType wanted) {
  const auto view = [](auto values, std::string_view type, bool fits) {
    return Bytes{reinterpret_cast<const std::byte*>(values.data()), values.size(), type, fits};
  };
  return match(
      feed.values, [&](std::span<const float> values) { return view(values, "f32", wanted == DType::f32); },
      [&](std::span<const double> values) { return view(values, "f64", wanted == DType::f64); },
      [&](std::span<const std::int32_t> values) { return view(values, "i32", wanted == DType::i32); },
      [&](std::span<const std::uint8_t> values) {
        return view(values, "u8", wanted == DType::u8 || wanted == DType::boolean);
      });
}

double number_at(const std::vector<std::byte>& bytes, DType type) {
  if (type == DType::f64) {
    double value = 0;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  float value = 0;
  std::memcpy(&value, bytes.data(), sizeof value);
  return static_cast<double>(value);
}

bool is_known_input(const Program& program, std::string_view name) {
  return std::any_of(program.parts().entries.begin(), program.parts().entries.end(), [&](const EntryPorts& ports) {
    return std::any_of(ports.inputs.begin(), ports.inputs.end(), [&](const Port& port) { return port.name == name; });
  });
}

}  // namespace

EntryCall::EntryCall(const Program& program, const EntryPorts& ports,
                     const std::function<const void*(const Port&)>& fixed)
    : program_(&program), ports_(&ports) {
  const auto bytes = [&](const TensorType& type) {
    return static_cast<std::size_t>(count(type.shape, program.largest_batch()) * size_of(type.dtype));
  };
  for (const Port& port : ports.inputs) {
    inputs_.push_back(fixed(port));
    const bool staged = !inputs_.back() && (!has_no_gaps(port.type.shape) || size_of(port.type.dtype) < 4);
    staging_.emplace_back(staged ? bytes(port.type) : 0);
  }
  for (std::size_t i = 0; i < ports.outputs.size(); ++i) {
    const Port& port = ports.outputs[i];
    results_.emplace_back(bytes(port.type));
    if (port.kind != Port::Kind::output && port.type.shape.empty() && is_float(port.type.dtype)) numeric_.push_back(i);
  }
  for (auto& result : results_) outputs_.push_back(result.data());
  numbers_.resize(numeric_.size());
  sources_.resize(ports.inputs.size());
}

Diagnostics EntryCall::feed(std::int64_t rows, std::span<const Feed> feeds) {
  if (Diagnostics wrong = take(rows, feeds, Wanted::one_batch); !wrong.empty()) return wrong;
  batches_ = 1;
  select(0);
  return {};
}

Diagnostics EntryCall::feed_batches(std::int64_t rows, std::span<const Feed> feeds) {
  if (Diagnostics wrong = take(rows, feeds, Wanted::batches); !wrong.empty()) return wrong;
  batches_ = 1;
  const Port* first = nullptr;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const std::int64_t batches = sources_[i].batches;
    if (batches == 0) continue;
    if (first && batches != batches_) {
      return {diagnostic("input-mismatch", {},
                         fmt::format("expected as many batches for each input, found {} for '{}' and {} for '{}'",
                                     batches_, first->name, batches, ports_->inputs[i].name))};
    }
    first = &ports_->inputs[i];
    batches_ = batches;
  }
  select(0);
  return {};
}

Diagnostics EntryCall::take(std::int64_t rows, std::span<const Feed> feeds, Wanted wanted) {
  if (rows < 1 || rows > program_->largest_batch()) {
    return {diagnostic("batch-limit", {},
                       fmt::format("expected 1 to {} rows, the batch this program was compiled for, found {}",
                                   program_->largest_batch(), rows))};
  }
  rows_ = rows;
  for (std::size_t i = 0; i < ports_->inputs.size(); ++i) {
    const Port& port = ports_->inputs[i];
    if (port.kind != Port::Kind::data) continue;
    const auto found =
        std::find_if(feeds.begin(), feeds.end(), [&](const Feed& feed) { return feed.name == port.name; });
    if (found == feeds.end()) {
      return {diagnostic("missing-input", {},
                         fmt::format("input '{}' : {} is not given", port.name, to_string(port.type)))};
    }
    if (Diagnostics wrong = take_one(i, rows, *found, wanted); !wrong.empty()) return wrong;
  }
  for (const Feed& feed : feeds) {
    if (is_known_input(*program_, feed.name)) continue;
    std::vector<std::string> names;
    for (const Port& port : ports_->inputs) names.push_back(port.name);
    return {diagnostic("unknown-input", {}, fmt::format("model '{}' has no input '{}'", program_->name(), feed.name),
                       did_you_mean(feed.name, names))};
  }
  return {};
}

Diagnostics EntryCall::take_one(std::size_t input, std::int64_t rows, const Feed& feed, Wanted wanted) {
  const Port& port = ports_->inputs[input];
  const Bytes bytes = bytes_of(feed, port.type.dtype);
  const std::int64_t expected = count(port.type.shape, rows);
  const auto found = static_cast<std::int64_t>(bytes.elements);
  const bool several = wanted == Wanted::batches && expected > 0 && found > 0;
  const bool whole = several ? found % expected == 0 : found == expected;
  if (!bytes.fits || !whole) {
    return {diagnostic("input-mismatch", {},
                       fmt::format("input '{}' expects {} with {} rows, {}{} elements; found {} elements of {}",
                                   port.name, to_string(port.type), rows,
                                   wanted == Wanted::batches ? "any multiple of " : "", expected, found, bytes.type))};
  }
  if (port.type.range) {
    const auto values = std::get<std::span<const std::int32_t>>(feed.values);
    if (Diagnostics wrong = check_range(port.name, port.type, values, {}); !wrong.empty()) return wrong;
  }
  const std::int64_t batch_bytes = expected * size_of(port.type.dtype);
  const std::int64_t batches = several ? found / expected : 1;
  const bool aligned = reinterpret_cast<std::uintptr_t>(bytes.data) % input_alignment == 0 &&
                       (batches == 1 || batch_bytes % input_alignment == 0);
  sources_[input] = {bytes.data, batches, batch_bytes, has_no_gaps(port.type.shape) && aligned};
  return {};
}

void EntryCall::select(std::int64_t batch) {
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const Source& source = sources_[i];
    if (source.batches == 0) continue;
    const std::byte* from = source.data + batch * source.batch_bytes;
    if (source.in_place) {
      inputs_[i] = from;
    } else {
      pack_rows(ports_->inputs[i].type, rows_, program_->largest_batch(), from, staging_[i].data());
      inputs_[i] = staging_[i].data();
    }
  }
}

void EntryCall::run(std::int64_t rows, unsigned char* arena, const DescentThreads* threads) {
  run_part(code_, rows, arena, threads);
  for (std::size_t i = 0; i < numeric_.size(); ++i) {
    numbers_[i] = number_at(results_[numeric_[i]], ports_->outputs[numeric_[i]].type.dtype);
  }
}

void EntryCall::run_part(DescentEntry code, std::int64_t rows, unsigned char* arena,
                         const DescentThreads* threads) const {
  const DescentCall call{arena, inputs_.data(), outputs_.data(), rows, threads};
  descent_run(code, &call);
}

std::vector<data::Array> EntryCall::arrays(std::int64_t rows) const {
  std::vector<data::Array> arrays;
  for (std::size_t i = 0; i < results_.size(); ++i) {
    const TensorType& type = ports_->outputs[i].type;
    data::Array array = data::zeros(data_type(type.dtype), actual_shape(type.shape, rows));
    unpack_rows(type, rows, program_->largest_batch(), results_[i].data(), array.bytes.data());
    arrays.push_back(std::move(array));
  }
  return arrays;
}

}  // namespace descent
