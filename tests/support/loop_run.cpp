#include "tests/support/loop_run.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "ir/loop_layout.h"
#include "runtime/core/float_mode.h"
#include "runtime/core/threads.h"

namespace descent::test {
namespace {

std::int64_t bytes_of(const loop::Program& program, const loop::Buffer& buffer) {
  return loop::stored_bytes(buffer, program.largest_batch);
}

bool is_placed(const loop::Buffer& buffer) {
  return buffer.storage == loop::Buffer::Storage::state || buffer.storage == loop::Buffer::Storage::arena;
}

double special(DType type, std::size_t choice) {
  using Float = std::numeric_limits<float>;
  static const double floats[] = {0.0,
                                  -0.0,
                                  1.0,
                                  -1.0,
                                  0.5,
                                  1.5,
                                  2.5,
                                  -0.5,
                                  Float::infinity(),
                                  -Float::infinity(),
                                  Float::quiet_NaN(),
                                  Float::denorm_min(),
                                  -Float::denorm_min(),
                                  Float::min(),
                                  Float::max(),
                                  Float::lowest(),
                                  2147483647.0,
                                  2147483648.0,
                                  -2147483648.0,
                                  4294967296.0,
                                  255.0,
                                  256.0,
                                  8388609.0,
                                  1 + Float::epsilon()};
  static const double integers[] = {0, 1, -1, 2, 31, 32, 33, 127, 255, 256, 2147483647, -2147483648.0, 4294967295.0};
  return is_float(type) ? floats[choice % std::size(floats)] : integers[choice % std::size(integers)];
}

using Draw = Word (*)(DType, std::mt19937_64&);

Word wild(DType type, std::mt19937_64& random) {
  const std::uint64_t bits = random();
  if (type == DType::boolean) return {bits & 1};
  switch (bits % 3) {
    case 0:
      return word_of(special(type, bits >> 8), type);
    case 1:
      return word_of(
          static_cast<double>(static_cast<std::int64_t>(bits >> 40)) / (is_float(type) ? 1048576.0 : 65536.0) - 8,
          type);
    default:
      return {(bits * 0x9e3779b97f4a7c15u) >> (64 - 8 * size_of(type))};
  }
}

Word tame(DType type, std::mt19937_64& random) {
  const std::uint64_t bits = random();
  if (type == DType::boolean) return {bits & 1};
  if (!is_float(type)) return {bits % 8};
  return word_of(static_cast<double>(static_cast<std::int64_t>(bits) >> 32) / 2147483648.0, type);
}

// Where the type carries a range, numbers inside it.
void fill(std::byte* at, const TensorType& type, std::int64_t elements, Draw draw, std::mt19937_64& random) {
  for (std::int64_t i = 0; i < elements; ++i) {
    Word word = draw(type.dtype, random);
    if (type.range) {
      const auto length = static_cast<std::uint64_t>(type.range->high - type.range->low);
      word = {static_cast<std::uint64_t>(type.range->low) + word.bits % length};
    }
    std::memcpy(at + i * size_of(type.dtype), &word.bits, static_cast<std::size_t>(size_of(type.dtype)));
  }
}

Memory filled(const loop::Program& program, const std::string& name, std::uint64_t seed, Draw draw) {
  std::mt19937_64 random(seed);
  Memory memory;
  memory.arena.resize(static_cast<std::size_t>(program.arena_bytes));
  for (const loop::Buffer& buffer : program.buffers) {
    if (!is_placed(buffer)) continue;
    fill(memory.arena.data() + buffer.offset, buffer.type,
         loop::stored_count(buffer.type.shape, buffer.panel, program.largest_batch), draw, random);
  }
  const auto make = [&](const std::vector<loop::BufferId>& ids, std::int64_t copies) {
    std::vector<Bytes> blocks;
    for (loop::BufferId id : ids) {
      const loop::Buffer& buffer = program.buffers[static_cast<std::size_t>(id)];
      const std::int64_t elements = loop::stored_count(buffer.type.shape, buffer.panel, program.largest_batch);
      Bytes& block = blocks.emplace_back(static_cast<std::size_t>(copies * bytes_of(program, buffer)));
      fill(block.data(), buffer.type, copies * elements, draw, random);
    }
    return blocks;
  };
  const loop::Entry* entry = program.entry(name);
  memory.inputs = make(entry->inputs, entry->turns ? turn_batches : 1);
  memory.outputs = make(entry->outputs, entry->turns ? turn_count : 1);
  for (const Bytes& block : memory.inputs) {
    memory.turns.inputs.push_back({static_cast<std::int64_t>(block.size()) / turn_batches, 0});
  }
  for (const Bytes& block : memory.outputs) {
    memory.turns.outputs.push_back({0, static_cast<std::int64_t>(block.size()) / turn_count});
  }
  for (std::int64_t turn = 0; turn < turn_count; ++turn) {
    memory.turns.order.push_back(static_cast<std::int64_t>(random() % turn_batches));
  }
  return memory;
}

template <class T, class Pointer>
std::vector<Pointer> pointers(T& blocks) {
  std::vector<Pointer> result;
  for (auto& block : blocks) result.push_back(block.data());
  return result;
}

bool same(DType type, Word a, Word b) {
  if (a.bits == b.bits) return true;
  return is_float(type) && std::isnan(double_of(a, type)) && std::isnan(double_of(b, type));
}

std::string difference(const loop::Program& program, const loop::Buffer& buffer, const std::byte* a, const std::byte* b,
                       std::int64_t copies = 1) {
  const DType type = buffer.type.dtype;
  const auto size = static_cast<std::size_t>(size_of(type));
  const std::int64_t elements = copies * loop::stored_count(buffer.type.shape, buffer.panel, program.largest_batch);
  for (std::int64_t i = 0; i < elements; ++i) {
    Word x, y;
    std::memcpy(&x.bits, a + i * size_of(type), size);
    std::memcpy(&y.bits, b + i * size_of(type), size);
    if (!same(type, x, y)) {
      return fmt::format("{}[{}]: {:#x} ({}) and {:#x} ({})", buffer.name, i, x.bits, double_of(x, type), y.bits,
                         double_of(y, type));
    }
  }
  return {};
}

}  // namespace

void place_buffers(loop::Program& program) {
  std::int64_t offset = 0;
  for (loop::Buffer& buffer : program.buffers) {
    if (!is_placed(buffer)) continue;
    buffer.offset = offset;
    offset += (bytes_of(program, buffer) + 63) / 64 * 64;
  }
  program.arena_bytes = offset;
}

loop::Program program_of(loop::Kernel kernel, std::int64_t largest_batch) {
  loop::Program program;
  program.name = "test";
  program.largest_batch = largest_batch;
  loop::Call call{0, {}, std::vector<Affine>(static_cast<std::size_t>(kernel.indices))};
  for (int i = 0; i < kernel.parameters; ++i) {
    const loop::Array& array = kernel.arrays[static_cast<std::size_t>(i)];
    call.buffers.push_back(i);
    program.buffers.push_back(
        {loop::Buffer::Storage::state, array.name, {array.dtype, array.shape, {}}, -1, array.panel});
  }
  program.kernels.push_back(std::move(kernel));
  program.entries.push_back({"run", {}, {}, {call}});
  place_buffers(program);
  return program;
}

Memory random_memory(const loop::Program& program, const std::string& entry, std::uint64_t seed) {
  return filled(program, entry, seed, wild);
}
Memory tame_memory(const loop::Program& program, const std::string& entry, std::uint64_t seed) {
  return filled(program, entry, seed, tame);
}

Memory interpret(const loop::Program& program, const std::string& entry, std::int64_t batch, Memory memory) {
  loop::Interpreter interpreter(program);
  interpreter.arena() = memory.arena;
  const auto inputs = pointers<std::vector<Bytes>, const void*>(memory.inputs);
  const auto outputs = pointers<std::vector<Bytes>, void*>(memory.outputs);
  if (program.entry(entry)->turns) {
    interpreter.run(entry, batch, inputs, outputs, memory.turns);
  } else {
    interpreter.run(entry, batch, inputs, outputs);
  }
  memory.arena = interpreter.arena();
  return memory;
}

Memory run(DescentEntry entry, std::int64_t batch, Memory memory, int threads) {
  const std::size_t size = (memory.arena.size() + 63) / 64 * 64;
  std::unique_ptr<unsigned char, decltype(&std::free)> arena(
      static_cast<unsigned char*>(std::aligned_alloc(64, size + 64)), &std::free);
  if (!memory.arena.empty()) std::memcpy(arena.get(), memory.arena.data(), memory.arena.size());
  const auto inputs = pointers<std::vector<Bytes>, const void*>(memory.inputs);
  const auto outputs = pointers<std::vector<Bytes>, void*>(memory.outputs);
  runtime::ThreadPool* pool = threads > 0 ? runtime::create_threads({threads, true}) : nullptr;
  DescentThreads view{};
  if (pool != nullptr) view = runtime::threads_of(pool);
  const auto motions = [](const std::vector<loop::Motion>& of) {
    std::vector<DescentMotion> motions;
    for (const loop::Motion& motion : of) motions.push_back({motion.by_batch, motion.by_turn});
    return motions;
  };
  const std::vector<DescentMotion> of_inputs = motions(memory.turns.inputs), of_outputs = motions(memory.turns.outputs);
  const DescentTurns turns{static_cast<std::int64_t>(memory.turns.order.size()), memory.turns.order.data(),
                           of_inputs.data(), of_outputs.data()};
  const DescentCall call{arena.get(), inputs.data(), outputs.data(), batch, pool == nullptr ? nullptr : &view, &turns};
  descent_run(entry, &call);
  runtime::destroy_threads(pool);
  if (!memory.arena.empty()) std::memcpy(memory.arena.data(), arena.get(), memory.arena.size());
  return memory;
}

std::string difference(const loop::Program& program, const std::string& name, const Memory& a, const Memory& b) {
  const loop::Entry* entry = program.entry(name);
  for (const loop::Buffer& buffer : program.buffers) {
    if (!is_placed(buffer) || (entry->turns && buffer.storage == loop::Buffer::Storage::arena)) continue;
    std::string found = difference(program, buffer, a.arena.data() + buffer.offset, b.arena.data() + buffer.offset);
    if (!found.empty()) return found;
  }
  for (std::size_t i = 0; i < entry->outputs.size(); ++i) {
    const loop::Buffer& buffer = program.buffers[static_cast<std::size_t>(entry->outputs[i])];
    std::string found =
        difference(program, buffer, a.outputs[i].data(), b.outputs[i].data(), entry->turns ? turn_count : 1);
    if (!found.empty()) return found;
  }
  return {};
}

std::string compiled_difference(const loop::Program& program, const std::string& entry, std::int64_t batch,
                                const std::vector<Memory>& memories) {
  const auto jit = codegen::Jit::compile(program, codegen::host_machine());
  if (!jit.ok()) return render(jit.errors());
  for (const Memory& memory : memories) {
    const Memory expected = interpret(program, entry, batch, memory);
    for (int threads = 0; threads <= 3; ++threads) {
      const Memory found = run((*jit)->entry(entry), batch, memory, threads);
      const std::string text = difference(program, entry, expected, found);
      if (!text.empty()) return fmt::format("{} threads: {}", threads, text);
    }
  }
  return {};
}

}  // namespace descent::test
