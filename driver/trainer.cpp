// A model at work: the machine code, the arena, the threads, and the numbers the host feeds (clock and rates).
#include "driver/trainer.h"

#include <algorithm>
#include <cstring>

#include "driver/batch_layout.h"
#include "driver/weights.h"
#include "fmt/format.h"
#include "ir/loop_layout.h"

namespace descent {
Result<EntryCall*> Trainer::Parts::find(std::string_view entry) {
  const auto call = calls.find(entry);
  if (call != calls.end()) {
    if (call->second.has_code()) return &call->second;
    if (Diagnostics wrong = make({{call->first}}); !wrong.empty()) return wrong;
    return &call->second;
  }
  const std::string_view why = entry == "step" ? "it needs a train block" : "the text does not have it";
  return diagnostic("no-entry", {}, fmt::format("model '{}' has no entry '{}': {}", program.name(), entry, why));
}

Diagnostics Trainer::Parts::make(const std::vector<codegen::Wanted>& wanted) {
  const bool all = std::all_of(wanted.begin(), wanted.end(), [&](const codegen::Wanted& one) {
    const auto call = calls.find(one.entry);
    return call == calls.end() || call->second.has_code();
  });
  if (all) return {};
  MachineCode& code = *program.parts().code;
  if (Diagnostics wrong = code.make(program.loop(), program.parts().machine, wanted, timings); !wrong.empty()) {
    return wrong;
  }
  for (auto& [name, call] : calls) call.set_code(code.entry(name));
  return {};
}

Result<EntryCall*> Trainer::Parts::ready(std::string_view entry, std::int64_t rows, std::span<const Feed> feeds) {
  Result<EntryCall*> call = find(entry);
  if (!call) return call;
  if (Diagnostics wrong = (*call)->feed(rows, feeds); !wrong.empty()) return wrong;
  return call;
}

Result<std::span<const double>> Trainer::Parts::take_steps(EntryCall& call, std::int64_t count, std::int64_t rows) {
  if (count < 1 || count > INT32_MAX - step) {
    return diagnostic("step-limit", {}, fmt::format("expected 1 to {} more steps, found {}", INT32_MAX - step, count));
  }
  for (std::int64_t i = 0; i < count; ++i) {
    if (call.batches() > 1) call.select(step % call.batches());
    ++step;
    run(call, rows);
  }
  return call.numbers();
}

const loop::Buffer* Trainer::Parts::state(std::string_view name) const {
  for (const loop::Buffer& buffer : program.loop().buffers) {
    if (buffer.storage == loop::Buffer::Storage::state && buffer.name == name) return &buffer;
  }
  return nullptr;
}

Trainer::Trainer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Trainer::Trainer(Trainer&&) noexcept = default;
Trainer& Trainer::operator=(Trainer&&) noexcept = default;
Trainer::~Trainer() = default;

Result<Trainer> Trainer::create(const Program& program, const TrainerOptions& options) {
  auto parts = std::make_unique<Parts>(
      Parts{.program = program, .timings = program.timings(), .arena = {}, .pool = {}, .rates = {}, .calls = {}});
  void* memory = ::operator new(parts->arena_bytes(), arena_alignment, std::nothrow);
  parts->pool.reset(runtime::create_threads({options.threads, options.force_parts}));
  if (!memory || !parts->pool) {
    return diagnostic("out-of-memory", {},
                      fmt::format("there is no memory for an arena of {} bytes", parts->arena_bytes()));
  }
  parts->arena.reset(static_cast<unsigned char*>(memory));
  std::memset(memory, 0, parts->arena_bytes());
  parts->threads = runtime::threads_of(parts->pool.get());

  if (program.parts().compilation) {
    for (const frontend::Rate& rate : program.parts().compilation->rates) parts->rates[rate.name] = rate.value;
  }
  for (const EntryPorts& ports : program.parts().entries) {
    parts->calls.emplace(ports.entry,
                         EntryCall(parts->program, ports, [&](const Port& port) { return parts->fixed(port); }));
  }
  // Of no entry yet: what cannot be compiled is found here.
  MachineCode& code = *program.parts().code;
  if (Diagnostics wrong = code.make(program.loop(), program.parts().machine, {}, parts->timings); !wrong.empty()) {
    return wrong;
  }
  return Trainer(std::move(parts));
}

const Program& Trainer::program() const { return parts_->program; }
const Timings& Trainer::timings() const { return parts_->timings; }
int Trainer::threads() const { return runtime::thread_count(parts_->pool.get()); }

Diagnostics Trainer::init(std::int64_t seed) {
  if (seed < 0 || seed > INT32_MAX) {
    return {diagnostic("seed-limit", {}, fmt::format("a seed is between 0 and {}, found {}", INT32_MAX, seed))};
  }
  parts_->seed = static_cast<std::int32_t>(seed);
  parts_->step = 0;
  std::memset(parts_->arena.get(), 0, parts_->arena_bytes());
  if (Diagnostics wrong = parts_->make({{"init", codegen::Effort::quick}, {"step"}}); !wrong.empty()) return wrong;
  if (!parts_->calls.contains("init")) return {};
  auto call = parts_->ready("init", 1, {});
  if (!call) return call.errors();
  parts_->run(**call, 1);
  return {};
}

void Trainer::set_total_steps(std::int64_t steps) {
  parts_->steps = static_cast<std::int32_t>(std::clamp<std::int64_t>(steps, 1, INT32_MAX));
}
std::int64_t Trainer::steps_taken() const { return parts_->step; }

Result<std::span<const double>> Trainer::step(std::int64_t rows, std::span<const Feed> feeds) {
  auto call = parts_->ready("step", rows, feeds);
  if (!call) return call.errors();
  return parts_->take_steps(**call, 1, rows);
}

Result<std::span<const double>> Trainer::steps(std::int64_t count, std::int64_t rows, std::span<const Feed> feeds) {
  auto call = parts_->find("step");
  if (!call) return call.errors();
  if (Diagnostics wrong = (*call)->feed_batches(rows, feeds); !wrong.empty()) return wrong;
  return parts_->take_steps(**call, count, rows);
}

Result<std::span<const double>> Trainer::evaluate(std::int64_t rows, std::span<const Feed> feeds) {
  auto call = parts_->ready("evaluate", rows, feeds);
  if (!call) return call.errors();
  parts_->run(**call, rows);
  return (*call)->numbers();
}

Result<std::vector<data::Array>> Trainer::predict(std::int64_t rows, std::span<const Feed> feeds) {
  auto call = parts_->ready("predict", rows, feeds);
  if (!call) return call.errors();
  parts_->run(**call, rows);
  return (*call)->arrays(rows);
}

Result<std::span<const double>> Trainer::report(std::span<const Feed> parts) {
  auto call = parts_->ready("report", 1, parts);
  if (!call) return call.errors();
  parts_->run(**call, 1);
  return (*call)->numbers();
}

Diagnostics Trainer::set(std::string_view rate, double value) {
  const auto found = parts_->rates.find(rate);
  if (found != parts_->rates.end()) {
    found->second = value;
    return {};
  }
  std::vector<std::string> names;
  for (const auto& [name, known] : parts_->rates) names.push_back(name);
  return {diagnostic("unknown-rate", {}, fmt::format("model '{}' has no rate '{}'", parts_->program.name(), rate),
                     did_you_mean(rate, names))};
}

Result<double> Trainer::rate(std::string_view name) const {
  const auto found = parts_->rates.find(name);
  if (found != parts_->rates.end()) return found->second;
  return diagnostic("unknown-rate", {}, fmt::format("model '{}' has no rate '{}'", parts_->program.name(), name));
}

// -- states
// ------------------------------------------------------------------------------------------------------------

namespace {

Diagnostic unknown_state(const Program& program, std::string_view name) {
  std::vector<std::string> names;
  for (const StateDeclaration& state : states_of(program)) names.push_back(state.name);
  return diagnostic("unknown-parameter", {}, fmt::format("model '{}' has no parameter '{}'", program.name(), name),
                    did_you_mean(name, names));
}

}  // namespace

std::vector<std::string> Trainer::parameters() const {
  std::vector<std::string> names;
  for (const StateDeclaration& state : states_of(parts_->program)) {
    if (is_saved(state)) names.push_back(state.name);
  }
  return names;
}

Result<data::Array> Trainer::parameter(std::string_view name) const {
  const loop::Buffer* buffer = parts_->state(name);
  if (!buffer) return unknown_state(parts_->program, name);
  const std::int64_t largest = parts_->program.largest_batch();
  data::Array array = data::zeros(data_type(buffer->type.dtype), actual_shape(buffer->type.shape, largest));
  loop::load_dense(*buffer, largest, reinterpret_cast<const std::byte*>(parts_->arena.get()), array.bytes.data());
  return array;
}

Diagnostics Trainer::set_parameter(std::string_view name, const data::Array& value) {
  const loop::Buffer* buffer = parts_->state(name);
  if (!buffer) return {unknown_state(parts_->program, name)};
  const data::Shape shape = actual_shape(buffer->type.shape, parts_->program.largest_batch());
  if (shape != value.shape) {
    return {diagnostic("shape-mismatch", {},
                       fmt::format("parameter '{}' is {}, found {}", name, to_string(buffer->type), describe(value)))};
  }
  data::Expected<data::Array> converted = data::convert(value, data_type(buffer->type.dtype));
  if (!converted) {
    return {
        diagnostic("value-mismatch", {}, fmt::format("parameter '{}': {}", name, data::to_string(converted.error())))};
  }
  loop::store_dense(*buffer, parts_->program.largest_batch(), converted->bytes.data(),
                    reinterpret_cast<std::byte*>(parts_->arena.get()));
  return {};
}

Diagnostics Trainer::save(const std::string& path) const {
  data::Tensors tensors;
  tensors.metadata["format"] = "descent";
  tensors.metadata["model"] = parts_->program.name();
  for (const std::string& name : parameters()) {
    Result<data::Array> array = parameter(name);
    if (!array) return array.errors();
    tensors.arrays.emplace(name, std::move(*array));
  }
  data::Expected<std::int64_t> written = data::write_safetensors(path, tensors);
  if (!written) return {diagnostic("unwritable-file", {}, data::to_string(written.error()))};
  return {};
}

Diagnostics Trainer::load(const std::string& path, const Span& at) {
  data::Expected<data::Tensors> tensors = data::read_safetensors(path);
  if (!tensors) return {diagnostic("bad-weights", at, data::to_string(tensors.error()))};
  if (Diagnostics wrong = check_weights(parts_->program, path, *tensors, at); !wrong.empty()) return wrong;
  for (const auto& [name, array] : tensors->arrays) {
    if (Diagnostics wrong = set_parameter(name, array); !wrong.empty()) return wrong;
  }
  return {};
}

}  // namespace descent
