// A model at work: the machine code, the arena, the threads, and the numbers the host feeds (clock and rates).
#include "driver/trainer.h"

#include <algorithm>
#include <cstring>

#include "driver/batch_layout.h"
#include "driver/checkpoint.h"
#include "driver/vocabularies.h"
#include "driver/weight_map.h"
#include "driver/weights.h"
#include "fmt/format.h"
#include "ir/loop_layout.h"
#include "passes/advance.h"
#include "passes/whole_loop.h"
#include "runtime/data/npz.h"

namespace descent {
bool does_same_in_turns(const loop::Program& program) {
  const loop::Entry *step = program.entry("step"), *steps = program.entry(whole_loop_entry);
  if (!step || !steps || !steps->turns) return false;
  const auto alike = [&](loop::BufferId a, loop::BufferId b) {
    const TensorType &of_one = program.buffers[static_cast<std::size_t>(a)].type,
                     &of_many = program.buffers[static_cast<std::size_t>(b)].type;
    return of_one.dtype == of_many.dtype &&
           actual_shape(of_one.shape, program.largest_batch) == actual_shape(of_many.shape, program.largest_batch);
  };
  return std::equal(step->inputs.begin(), step->inputs.end(), steps->inputs.begin(), steps->inputs.end(), alike) &&
         std::equal(step->outputs.begin(), step->outputs.end(), steps->outputs.begin(), steps->outputs.end(), alike);
}

Result<EntryCall*> Trainer::Parts::known(std::string_view entry) {
  const auto call = calls.find(entry);
  if (call != calls.end()) return &call->second;
  std::string why = entry == "step" ? "it needs a train block" : "the text does not have it";
  if (entry == "accumulate") why = "it needs a train block with accumulate = 2 or more";
  const Graph* predict = program.step() ? program.step()->entry("predict") : nullptr;
  if (entry == "advance" && predict) why = advance_of(*predict).why_not;
  return diagnostic("no-entry", {}, fmt::format("model '{}' has no entry '{}': {}", program.name(), entry, why));
}

Result<EntryCall*> Trainer::Parts::find(std::string_view entry) {
  Result<EntryCall*> call = known(entry);
  if (!call || (*call)->has_code()) return call;
  if (Diagnostics wrong = make({{std::string(entry)}}); !wrong.empty()) return wrong;
  return call;
}

Diagnostics Trainer::Parts::make(const std::vector<codegen::Wanted>& wanted) {
  const bool all = std::all_of(wanted.begin(), wanted.end(), [&](const codegen::Wanted& one) {
    if (one.entry == whole_loop_entry) return calls.at("step").has_turns_code();
    const auto call = calls.find(one.entry);
    return call == calls.end() || call->second.has_code();
  });
  if (all) return {};
  MachineCode& code = *program.parts().code;
  if (Diagnostics wrong = code.make(program.loop(), program.parts().machine, wanted, timings); !wrong.empty()) {
    return wrong;
  }
  for (auto& [name, call] : calls) call.set_code(code.entry(name));
  if (const auto step = calls.find("step"); step != calls.end() && step->second.may_have_turns()) {
    step->second.set_turns_code(code.entry(whole_loop_entry));
  }
  return {};
}

Result<EntryCall*> Trainer::Parts::ready(std::string_view entry, std::int64_t rows, std::span<const Feed> feeds) {
  Result<EntryCall*> call = find(entry);
  if (!call) return call;
  if (Diagnostics wrong = (*call)->feed(rows, feeds); !wrong.empty()) return wrong;
  return call;
}

Result<std::span<const double>> Trainer::Parts::take_steps(EntryCall& call, std::int64_t first, std::int64_t count,
                                                           std::int64_t rows, const Visitor& visit) {
  if (count < 1 || count > INT32_MAX - step) {
    return diagnostic("step-limit", {}, fmt::format("expected 1 to {} more steps, found {}", INT32_MAX - step, count));
  }
  const bool in_turns = by_turns(call, count);
  if (in_turns ? !call.has_turns_code() : !call.has_code()) {
    if (Diagnostics wrong = make({{in_turns ? whole_loop_entry : "step"}}); !wrong.empty()) return wrong;
  }
  bool goes_on = true;
  for (std::int64_t done = 0; done < count && goes_on;) {
    const std::int64_t turns = in_turns ? std::min(count - done, EntryCall::most_turns) : 1;
    goes_on = in_turns ? take_turns(call, first + done, turns, visit) : take_step(call, first + done, rows, visit);
    done += turns;
  }
  return call.numbers();
}

bool Trainer::Parts::take_step(EntryCall& call, std::int64_t batch, std::int64_t rows, const Visitor& visit) {
  if (call.batches() > 1) call.select(batch % call.batches());
  ++step;
  run(call, rows);
  return !visit || visit(call.numbers());
}

Diagnostics Trainer::Parts::train(std::int64_t count, std::int64_t rows, std::span<const Feed> feeds,
                                  const Visitor& visit) {
  auto call = known("step");
  if (!call) return call.errors();
  if (Diagnostics wrong = (*call)->feed_batches(rows, feeds); !wrong.empty()) return wrong;
  auto losses = take_steps(**call, 0, count, rows, visit);
  return losses ? Diagnostics{} : losses.errors();
}

Diagnostics Trainer::Parts::make_steps(std::int64_t count, std::int64_t rows, std::span<const Feed> feeds, bool rest) {
  auto call = known("step");
  if (!call) return call.errors();
  if (Diagnostics wrong = (*call)->feed_batches(rows, feeds); !wrong.empty()) return wrong;
  const bool in_turns = by_turns(**call, count);
  std::vector<codegen::Wanted> wanted;
  if (in_turns) wanted.push_back({whole_loop_entry});
  if (!in_turns || rest) wanted.push_back({"step"});
  if (calls.contains("accumulate")) wanted.push_back({"accumulate"});
  return make(wanted);
}

std::int64_t Trainer::Parts::steps_at_once(std::int64_t batch_bytes) const {
  constexpr std::int64_t near_bytes = 128 << 10;
  const auto call = calls.find("step");
  if (call == calls.end() || !call->second.may_have_turns()) return 1;
  return std::clamp<std::int64_t>(near_bytes / std::max<std::int64_t>(1, batch_bytes), 1, EntryCall::most_turns);
}

// Where the visitor stops them before the last, the turns are taken back and taken again up to there.
bool Trainer::Parts::take_turns(EntryCall& call, std::int64_t first, std::int64_t count, const Visitor& visit) {
  if (visit) before.assign(arena.get(), arena.get() + arena_bytes());
  const std::int32_t clock = step + 1;
  call.run_turns(first, count, clock, arena.get());
  bool goes_on = true;
  std::int64_t taken = 0;
  while (taken < count && goes_on) {
    ++step;
    goes_on = !visit || visit(call.numbers_of(taken));
    ++taken;
  }
  if (taken < count) {
    std::copy(before.begin(), before.end(), arena.get());
    call.run_turns(first, taken, clock, arena.get());
  }
  return goes_on;
}

void Trainer::Parts::keep_states(std::vector<unsigned char>& to) const {
  to.clear();
  for (const auto& [offset, bytes] : state_places) {
    to.insert(to.end(), arena.get() + offset, arena.get() + offset + bytes);
  }
}

void Trainer::Parts::put_back_states(const std::vector<unsigned char>& from) {
  const unsigned char* next = from.data();
  for (const auto& [offset, bytes] : state_places) {
    std::memcpy(arena.get() + offset, next, bytes);
    next += bytes;
  }
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
  auto parts = std::make_unique<Parts>(Parts{.program = program,
                                             .timings = program.timings(),
                                             .arena = {},
                                             .pool = {},
                                             .before = {},
                                             .state_places = {},
                                             .rates = {},
                                             .notes = {},
                                             .calls = {}});
  void* memory = ::operator new(parts->arena_bytes(), arena_alignment, std::nothrow);
  parts->pool.reset(runtime::create_threads({options.threads, options.force_parts}));
  if (!memory || !parts->pool) {
    return diagnostic("out-of-memory", {},
                      fmt::format("there is no memory for an arena of {} bytes", parts->arena_bytes()));
  }
  parts->arena.reset(static_cast<unsigned char*>(memory));
  std::memset(memory, 0, parts->arena_bytes());
  parts->threads = runtime::threads_of(parts->pool.get());
  for (const loop::Buffer& buffer : program.loop().buffers) {
    if (buffer.storage != loop::Buffer::Storage::state) continue;
    parts->state_places.emplace_back(buffer.offset, loop::stored_bytes(buffer, program.largest_batch()));
  }

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
  if (options.whole_loop && does_same_in_turns(program.loop())) parts->calls.at("step").allow_turns();
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
  parts_->carried_rows = 0;
  std::memset(parts_->arena.get(), 0, parts_->arena_bytes());
  std::vector<codegen::Wanted> wanted{{"init", codegen::Effort::quick}};
  // Of a small model it is not known yet which form of the step is wanted.
  const auto step = parts_->calls.find("step");
  if (step != parts_->calls.end() && !step->second.may_have_turns()) wanted.push_back({"step"});
  if (parts_->calls.contains("accumulate")) wanted.push_back({"accumulate"});
  if (Diagnostics wrong = parts_->make(wanted); !wrong.empty()) return wrong;
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
  auto call = parts_->known("step");
  if (!call) return call.errors();
  if (Diagnostics wrong = (*call)->feed(rows, feeds); !wrong.empty()) return wrong;
  return parts_->take_steps(**call, 0, 1, rows);
}

Result<std::span<const double>> Trainer::steps(std::int64_t count, std::int64_t rows, std::span<const Feed> feeds) {
  auto call = parts_->known("step");
  if (!call) return call.errors();
  if (Diagnostics wrong = (*call)->feed_batches(rows, feeds); !wrong.empty()) return wrong;
  return parts_->take_steps(**call, parts_->step, count, rows);
}

Result<std::span<const double>> Trainer::accumulate(std::int64_t rows, std::span<const Feed> feeds) {
  auto call = parts_->ready("accumulate", rows, feeds);
  if (!call) return call.errors();
  parts_->run(**call, rows);
  return (*call)->numbers();
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

namespace {

// The inputs of `advance` that its last outputs are for the next place.
std::vector<Port> carried_ports(const Program& program) {
  const std::vector<Port>&inputs = program.inputs("advance"), &outputs = program.outputs("advance");
  const auto count = std::count_if(outputs.begin(), outputs.end(),
                                   [](const Port& port) { return port.name.starts_with(advance_prefix); });
  return {inputs.end() - std::min(count, std::ssize(inputs)), inputs.end()};
}

// What fresh rows are fed and nobody reads: values that the port takes.
data::Array unread(const TensorType& type, std::int64_t rows) {
  data::Array array = data::zeros(data_type(type.dtype), actual_shape(type.shape, rows));
  if (type.range) std::ranges::fill(array.as<std::int32_t>(), static_cast<std::int32_t>(type.range->low));
  return array;
}

Feed feed_of(const std::string& name, const data::Array& array) {
  switch (array.dtype) {
    case data::DType::f64:
      return {name, array.as<double>()};
    case data::DType::i32:
      return {name, array.as<std::int32_t>()};
    case data::DType::u8:
    case data::DType::boolean:
      return {name, array.as<std::uint8_t>()};
    case data::DType::f32:
    case data::DType::i64:
      break;
  }
  return {name, array.as<float>()};
}

}  // namespace

Result<std::vector<data::Array>> Trainer::advance(std::int64_t rows, std::span<const Feed> feeds,
                                                  std::span<const std::uint8_t> fresh) {
  Result<EntryCall*> call = parts_->find("advance");
  if (!call) return call.errors();
  if (!fresh.empty() && std::ssize(fresh) != rows) {
    return diagnostic("input-mismatch", {},
                      fmt::format("expected `fresh` with a byte for each of {} rows, found {}", rows, fresh.size()));
  }
  const std::vector<Port> ports = carried_ports(parts_->program);
  const bool begins = rows != parts_->carried_rows;
  if (begins && rows >= 1 && rows <= parts_->program.largest_batch()) {
    parts_->carried.clear();
    for (const Port& port : ports) {
      parts_->carried.emplace_back(port.name, unread(port.type, rows));
    }
  }
  const std::vector<std::uint8_t> all(static_cast<std::size_t>(std::max<std::int64_t>(0, rows)), begins ? 1 : 0);
  std::vector<Feed> given(feeds.begin(), feeds.end());
  given.emplace_back(parts_->program.inputs("advance")[0].name, begins || fresh.empty() ? all : fresh);
  for (const auto& [name, array] : parts_->carried) given.push_back(feed_of(name, array));
  if (Diagnostics wrong = (*call)->feed(rows, given); !wrong.empty()) return wrong;
  parts_->run(**call, rows);
  std::vector<data::Array> outputs = (*call)->arrays(rows);
  const std::size_t shown = outputs.size() - ports.size();
  for (std::size_t i = 0; i < ports.size(); ++i) parts_->carried[i].second = std::move(outputs[shown + i]);
  outputs.resize(shown);
  parts_->carried_rows = rows;
  return outputs;
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

// Of any state, or of one turn's part of a saved one.
using StatePlace = SavedTensor;
std::optional<StatePlace> place_of(const Program& program, std::string_view name) {
  for (const StateDeclaration& state : states_of(program)) {
    if (state.name == name) return StatePlace{state.name, state.name, state.type, 0};
  }
  for (SavedTensor& tensor : saved_tensors(program)) {
    if (tensor.name == name) return std::move(tensor);
  }
  return std::nullopt;
}

Diagnostic unknown_state(const Program& program, std::string_view name) {
  std::vector<std::string> names;
  for (SavedTensor& tensor : saved_tensors(program)) names.push_back(std::move(tensor.name));
  return diagnostic("unknown-parameter", {}, fmt::format("model '{}' has no parameter '{}'", program.name(), name),
                    did_you_mean(name, names));
}

}  // namespace

std::vector<std::string> Trainer::parameters() const {
  std::vector<std::string> names;
  for (SavedTensor& tensor : saved_tensors(parts_->program)) names.push_back(std::move(tensor.name));
  return names;
}

Result<data::Array> Trainer::parameter(std::string_view name) const {
  const std::optional<StatePlace> place = place_of(parts_->program, name);
  const loop::Buffer* buffer = place ? parts_->state(place->state) : nullptr;
  if (!buffer) return unknown_state(parts_->program, name);
  const std::int64_t largest = parts_->program.largest_batch();
  data::Array whole = data::zeros(data_type(buffer->type.dtype), actual_shape(buffer->type.shape, largest));
  loop::load_dense(*buffer, largest, reinterpret_cast<const std::byte*>(parts_->arena.get()), whole.bytes.data());
  if (place->type.shape == buffer->type.shape) return whole;
  data::Array part = data::zeros(whole.dtype, actual_shape(place->type.shape, largest));
  const auto begin = whole.bytes.begin() + place->first * size_of(buffer->type.dtype);
  std::copy(begin, begin + static_cast<std::ptrdiff_t>(part.bytes.size()), part.bytes.begin());
  return part;
}

Diagnostics Trainer::set_parameter(std::string_view name, const data::Array& value) {
  const std::optional<StatePlace> place = place_of(parts_->program, name);
  const loop::Buffer* buffer = place ? parts_->state(place->state) : nullptr;
  if (!buffer) return {unknown_state(parts_->program, name)};
  const std::int64_t largest = parts_->program.largest_batch();
  const data::Shape shape = actual_shape(place->type.shape, largest);
  if (shape != value.shape) {
    return {diagnostic("shape-mismatch", {},
                       fmt::format("parameter '{}' is {}, found {}", name, to_string(place->type), describe(value)))};
  }
  data::Expected<data::Array> converted = data::convert(value, data_type(buffer->type.dtype));
  if (!converted) {
    return {
        diagnostic("value-mismatch", {}, fmt::format("parameter '{}': {}", name, data::to_string(converted.error())))};
  }
  auto* arena = reinterpret_cast<std::byte*>(parts_->arena.get());
  data::Array whole = data::zeros(data_type(buffer->type.dtype), actual_shape(buffer->type.shape, largest));
  const bool is_part = place->type.shape != buffer->type.shape;
  if (is_part) loop::load_dense(*buffer, largest, arena, whole.bytes.data());
  std::copy(converted->bytes.begin(), converted->bytes.end(),
            whole.bytes.begin() + place->first * size_of(buffer->type.dtype));
  loop::store_dense(*buffer, largest, whole.bytes.data(), arena);
  return {};
}

Diagnostics Trainer::save(const std::string& path) const {
  data::Tensors tensors;
  tensors.metadata = parts_->notes;
  tensors.metadata["format"] = "descent";
  tensors.metadata["model"] = parts_->program.name();
  for (const std::string& name : parameters()) {
    Result<data::Array> array = parameter(name);
    if (!array) return array.errors();
    tensors.arrays.emplace(name, std::move(*array));
  }
  const bool as_npz = path.ends_with(".npz");
  data::Expected<std::int64_t> written =
      as_npz ? data::write_npz(path, tensors) : data::write_safetensors(path, tensors);
  if (!written) return {diagnostic("unwritable-file", {}, data::to_string(written.error()))};
  return {};
}

Diagnostics Trainer::load(const std::string& path, const Span& at) { return load_mapped(path, {}, at); }

Diagnostics Trainer::load_mapped(const std::string& path, std::span<const std::string> map, const Span& at) {
  const Result<WeightMap> rules = WeightMap::parse(map);
  if (!rules) return rules.errors();
  Result<data::Tensors> tensors = read_weights(path, at);
  if (!tensors) return tensors.errors();
  const std::map<std::string, std::string> metadata = tensors->metadata;
  tensors = rules->apply(parts_->program, weights_of(std::move(*tensors)), path);
  if (!tensors) return tensors.errors();
  if (Diagnostics wrong = check_weights(parts_->program, path, *tensors, at); !wrong.empty()) return wrong;
  parts_->carried_rows = 0;
  for (const auto& [name, array] : tensors->arrays) {
    if (Diagnostics wrong = set_parameter(name, array); !wrong.empty()) return wrong;
  }
  for (const auto& [key, text] : metadata) {
    if (Vocabularies::is_key(key)) parts_->notes[key] = text;
  }
  return {};
}

}  // namespace descent
