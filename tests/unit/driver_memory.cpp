// The arena against what the Loop interpreter touches: block by block, a value lives from the call that stores it to
// the last call that loads it before it is stored again.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <map>

#include "descent/tools.h"
#include "driver/program.h"
#include "ir/loop_flat.h"
#include "ir/loop_layout.h"
#include "ir/match.h"
#include "tests/support/command.h"
#include "tests/support/sanitizer.h"
#include "tests/support/training.h"

namespace descent::test {
namespace {

constexpr std::int64_t block = 64;  // bytes: what the arena hands out

// Runs an entry on zeros and notes when each element of its temporaries is stored and loaded; time is counted in calls.
class Trace {
 public:
  Trace(const loop::Program& program, const loop::Entry& entry) : program_(program) {
    for (const loop::Kernel& kernel : program.kernels) {
      kernels_.push_back(loop::flatten(kernel, program.largest_batch));
    }
    for (const loop::Buffer& buffer : program.buffers) {
      const std::int64_t bytes = loop::stored_bytes(buffer, program.largest_batch);
      memory_.emplace_back(static_cast<std::size_t>(bytes + 8));
      elements_.emplace_back(is_temporary(buffer) ? bytes / size_of(buffer.type.dtype) : 0);
      blocks_.emplace_back(is_temporary(buffer) ? (bytes + block - 1) / block : 0);
    }
    steps(entry.steps);
    for (std::size_t id = 0; id < elements_.size(); ++id) {
      for (std::size_t place = 0; place < elements_[id].size(); ++place) close(id, place);
    }
  }

  // The greatest number of bytes that live during one call, in whole blocks.
  std::int64_t most() const {
    std::map<std::int64_t, std::int64_t> changes;
    for (const auto& blocks : blocks_) {
      for (const std::vector<Life>& lives : blocks) {
        std::int64_t end = -1;  // of what was counted
        for (Life life : over_turns(lives)) {
          life.begin = std::max(life.begin, end + 1);
          if (life.begin > life.end) continue;
          changes[life.begin] += block;
          changes[life.end + 1] -= block;
          end = life.end;
        }
      }
    }
    std::int64_t now = 0, most = 0;
    for (const auto& [time, change] : changes) most = std::max(most, now += change);
    return most;
  }

 private:
  struct Life {
    std::int64_t begin = -1, end = -1;  // the first and the last call that touch it
    auto operator<=>(const Life&) const = default;
  };

  std::vector<Life> over_turns(std::vector<Life> lives) const {
    for (Life& life : lives) life = over_turns(life);
    std::sort(lives.begin(), lives.end());
    return lives;
  }
  static bool is_temporary(const loop::Buffer& buffer) { return buffer.storage == loop::Buffer::Storage::arena; }

  void steps(const loop::Steps& steps) {
    for (const auto& step : steps) {
      match(
          step, [&](const loop::Call& call) { this->call(call); },
          [&](const loop::Repeat& repeat) {
            variables_.push_back(0);
            std::vector<std::int64_t> turns;
            for (std::int64_t n = 0; n < repeat.count; ++n) {
              turns.push_back(now_);
              variables_.back() = repeat.reversed ? repeat.count - 1 - n : n;
              this->steps(repeat.steps);
            }
            variables_.pop_back();
            turns.push_back(now_);
            repeats_.push_back(std::move(turns));  // inner ones stand before outer ones
          });
    }
  }

  void call(const loop::Call& call) {
    const loop::FlatKernel& flat = kernels_[static_cast<std::size_t>(call.kernel)];
    std::vector<Word> registers = flat.registers;
    std::vector<std::int64_t> variables(flat.source->variables.size(), 0), ends(flat.loops.size(), 0);
    for (std::size_t n = 0; n < call.indices.size(); ++n) {
      variables[n] = call.indices[n].constant;
      for (const Term& term : call.indices[n].terms) {
        variables[n] += term.coefficient * variables_[static_cast<std::size_t>(term.axis)];
      }
    }
    std::vector<std::byte> scratch(static_cast<std::size_t>(flat.scratch_bytes));
    std::vector<std::byte*> arrays;
    for (loop::BufferId id : call.buffers) arrays.push_back(memory_[static_cast<std::size_t>(id)].data());
    for (std::size_t local = arrays.size(); local < flat.local_offset.size(); ++local) {
      arrays.push_back(scratch.data() + flat.local_offset[local]);
    }
    loop::Frame frame{&flat, registers.data(), variables.data(), ends.data(), arrays.data(), program_.largest_batch};
    for (const loop::Instruction* next = flat.code.data(); next != nullptr; next = next->run(frame, next)) {
      note(call, frame, *next);
    }
    ++now_;
  }

  void note(const loop::Call& call, const loop::Frame& frame, const loop::Instruction& next) {
    const auto is_one_of = [&](const auto& handler_of) {  // handlers differ by the size of an element
      return next.run == handler_of(DType::u8) || next.run == handler_of(DType::f32) ||
             next.run == handler_of(DType::f64);
    };
    const bool loads = is_one_of([](DType type) { return loop::load_handler(type, false); }) ||
                       is_one_of([](DType type) { return loop::load_handler(type, true); });
    const bool stores = is_one_of([](DType type) { return loop::store_handler(type); });
    if (!loads && !stores) return;
    const loop::Access& access = frame.kernel->accesses[static_cast<std::size_t>(next.item)];
    if (static_cast<std::size_t>(access.array) >= call.buffers.size()) return;
    const auto id = static_cast<std::size_t>(call.buffers[static_cast<std::size_t>(access.array)]);
    if (elements_[id].empty()) return;
    const bool is_guarded = loads && next.operands[0] >= 0;
    if (is_guarded && (frame.registers[next.operands[0]].bits & 0xff) == 0) return;
    const auto place = static_cast<std::size_t>(place_of(access, frame) / size_of(program_.buffers[id].type.dtype));
    Life& life = elements_[id][place];
    if (stores && life.end < now_) {
      close(id, place);
      life.begin = now_;
    }
    life.end = now_;
  }

  // What is stored next is another value.
  void close(std::size_t id, std::size_t place) {
    const Life& life = elements_[id][place];
    if (life.begin < 0) return;
    const auto bytes = static_cast<std::int64_t>(place) * size_of(program_.buffers[id].type.dtype);
    std::vector<Life>& lives = blocks_[id][static_cast<std::size_t>(bytes / block)];
    if (lives.empty() || lives.back() != life) lives.push_back(life);
  }

  // All turns of a repeat run on one plan: what lives from one turn into another takes its place in all of them.
  Life over_turns(Life life) const {
    for (const std::vector<std::int64_t>& turns : repeats_) {
      const std::int64_t first = turns.front(), behind = turns.back();
      if (life.end < first || life.begin >= behind) continue;
      const auto turn_of = [&](std::int64_t time) { return std::upper_bound(turns.begin(), turns.end(), time); };
      if (turn_of(life.begin) != turn_of(life.end)) {
        life = {std::min(life.begin, first), std::max(life.end, behind - 1)};
      }
    }
    return life;
  }

  std::int64_t place_of(const loop::Access& access, const loop::Frame& frame) const {
    std::int64_t place = 0;
    for (const loop::FlatSubscript& subscript : access.at) {
      std::int64_t index = subscript.offset.constant;
      for (const Term& term : subscript.offset.terms) index += term.coefficient * frame.variables[term.axis];
      if (subscript.through >= 0) {
        index += static_cast<std::int64_t>(double_of(frame.registers[subscript.through], DType::i32));
      }
      if (subscript.panel > 0) {
        place += index / subscript.panel * subscript.panel_stride;
        index %= subscript.panel;
      }
      place += index * subscript.stride;
    }
    return place;
  }

  const loop::Program& program_;
  std::vector<loop::FlatKernel> kernels_;
  std::vector<std::vector<std::byte>> memory_;          // per buffer
  std::vector<std::vector<Life>> elements_;             // per buffer and element: the value under way
  std::vector<std::vector<std::vector<Life>>> blocks_;  // per buffer and block: the values that were
  std::vector<std::int64_t> variables_;                 // of the open repeats
  std::vector<std::vector<std::int64_t>> repeats_;      // when each turn began, and when the last one ended
  std::int64_t now_ = 0;
};

std::int64_t bytes_of_states(const loop::Program& program) {
  std::int64_t bytes = 0;
  for (const loop::Buffer& buffer : program.buffers) {
    if (buffer.storage != loop::Buffer::Storage::state) continue;
    bytes += (loop::stored_bytes(buffer, program.largest_batch) + block - 1) / block * block;
  }
  return bytes;
}

// The arena over what lives at once, for the entry that needs most.
double waste(const loop::Program& program) {
  std::int64_t most = 0;
  for (const loop::Entry& entry : program.entries) most = std::max(most, Trace(program, entry).most());
  return static_cast<double>(program.arena_bytes) / static_cast<double>(bytes_of_states(program) + most);
}

}  // namespace

TEST_CASE("the arena of every example is within a tenth of what lives at once") {
  std::vector<std::filesystem::path> paths;
  for (const auto& file : std::filesystem::directory_iterator(example_folder)) {
    if (file.path().extension() == ".descent") paths.push_back(file.path());
  }
  std::sort(paths.begin(), paths.end());
  paths.resize(static_cast<std::size_t>(repetitions(static_cast<int>(paths.size()))));
  for (const std::filesystem::path& path : paths) {
    CompileOptions options;
    options.largest_batch = 12;
    options.set = {{"batch", "12"}};
    // The interpreter takes its time with products of wide matrices.
    const std::string name = path.stem().string();
    if (name == "19_muon" || name == "22_overfitting") options.set.push_back({"units", "32"});
    INFO(path);
    const loop::Program program = value_of(compile_file(path.string(), options)).loop();
    CHECK(waste(program) <= 1.1);
    CHECK(waste(program) >= 1);
  }
}

TEST_CASE("so is that of a deep network, narrow and wide layers in turn") {
  std::string model = "model deep() {\n  input x : f32[batch, 48]\n  h0 = relu(linear(x, 48))\n";
  const auto layer = [](int i) { return "h" + std::to_string(i); };
  for (int i = 1; i < 24; ++i) {
    model += "  " + layer(i) + " = tanh(linear(" + layer(i - 1) + ", " + std::to_string(i % 3 == 0 ? 16 : 64) + "))\n";
  }
  model += "  output y = linear(h23, 5)\n  loss e = mean[...](y[...]^2)\n}\n";
  const std::string train =
      "train it = deep() {\n  batch = 12\n  optimizer = adam()\n  data { x = npy(\"x.npy\") }\n}\n";
  CHECK(waste(value_of(compile_text("deep.descent", model + train)).loop()) <= 1.1);
}

TEST_CASE("so is that of every graph in the tree, scans and their reverses included") {
  for (const auto& file : std::filesystem::recursive_directory_iterator(source_folder + "/tests/graphs")) {
    if (!file.is_regular_file()) continue;
    INFO(file.path());
    CompileOptions options;
    options.largest_batch = 12;
    const double found = waste(value_of(compile_file(file.path().string(), options)).loop());
    CHECK(found <= 1.1);
    CHECK(found >= 1);
  }
}

}  // namespace descent::test
