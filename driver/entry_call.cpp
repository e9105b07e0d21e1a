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

double number_at(const std::byte* bytes, DType type) {
  if (type == DType::f64) {
    double value = 0;
    std::memcpy(&value, bytes, sizeof value);
    return value;
  }
  float value = 0;
  std::memcpy(&value, bytes, sizeof value);
  return static_cast<double>(value);
}

bool is_step_clock(const Port& port) { return port.kind == Port::Kind::clock && port.name == "step"; }

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
    if (batches == 0 || serves_all(i)) continue;
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

// One value of an input that knows no batch serves all batches.
bool EntryCall::serves_all(std::size_t input) const {
  const Shape& shape = ports_->inputs[input].type.shape;
  const bool by_batch = std::any_of(shape.begin(), shape.end(), [](Extent extent) { return extent.is_batch(); });
  return !by_batch && sources_[input].batches == 1;
}

void EntryCall::select(std::int64_t batch) {
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const Source& source = sources_[i];
    if (source.batches == 0) continue;
    const std::byte* from = source.data + (serves_all(i) ? 0 : batch * source.batch_bytes);
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
    numbers_[i] = number_at(results_[numeric_[i]].data(), ports_->outputs[numeric_[i]].type.dtype);
  }
}

void EntryCall::run_part(DescentEntry code, std::int64_t rows, unsigned char* arena,
                         const DescentThreads* threads) const {
  const DescentCall call{arena, inputs_.data(), outputs_.data(), rows, threads, nullptr};
  descent_run(code, &call);
}

void EntryCall::allow_turns() {
  turns_.order.resize(most_turns);
  turns_.clock.resize(most_turns);
  turns_.inputs.resize(ports_->inputs.size());
  for (std::size_t i = 0; i < ports_->inputs.size(); ++i) {
    if (is_step_clock(ports_->inputs[i])) turns_.inputs[i].by_turn = sizeof(std::int32_t);
  }
  turns_.outputs.resize(ports_->outputs.size());
  for (std::size_t i = 0; i < ports_->outputs.size(); ++i) {
    const bool is_number = std::count(numeric_.begin(), numeric_.end(), i) > 0;
    const std::size_t bytes = results_[i].size();
    turns_.results.emplace_back(is_number ? bytes * most_turns : bytes);
    turns_.places.push_back(turns_.results.back().data());
    turns_.outputs[i].by_turn = is_number ? static_cast<std::int64_t>(bytes) : 0;
  }
}

bool EntryCall::can_take_turns() const {
  if (!may_have_turns() || rows_ != program_->largest_batch()) return false;
  return std::all_of(sources_.begin(), sources_.end(),
                     [](const Source& source) { return source.batches == 0 || source.in_place; });
}

void EntryCall::run_turns(std::int64_t first, std::int64_t count, std::int32_t step, unsigned char* arena) {
  DESCENT_CHECK(count >= 1 && count <= most_turns, "more turns than there is room for");
  std::int64_t batch = first % batches_;
  for (std::int64_t turn = 0; turn < count; ++turn) {
    turns_.order[static_cast<std::size_t>(turn)] = batch;
    turns_.clock[static_cast<std::size_t>(turn)] = step + static_cast<std::int32_t>(turn);
    if (++batch == batches_) batch = 0;
  }
  select(0);
  std::vector<const void*>& inputs = turns_.bases;
  inputs = inputs_;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    if (sources_[i].batches > 0) turns_.inputs[i].by_batch = serves_all(i) ? 0 : sources_[i].batch_bytes;
    if (is_step_clock(ports_->inputs[i])) inputs[i] = turns_.clock.data();
  }
  const DescentTurns turns{count, turns_.order.data(), turns_.inputs.data(), turns_.outputs.data()};
  const DescentCall call{arena, inputs.data(), turns_.places.data(), rows_, nullptr, &turns};
  descent_run(turns_.code, &call);
  numbers_of(count - 1);
}

std::span<const double> EntryCall::numbers_of(std::int64_t turn) {
  for (std::size_t i = 0; i < numeric_.size(); ++i) {
    const DType type = ports_->outputs[numeric_[i]].type.dtype;
    numbers_[i] = number_at(turns_.results[numeric_[i]].data() + turn * size_of(type), type);
  }
  return numbers_;
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
