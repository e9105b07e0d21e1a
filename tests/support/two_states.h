// An artifact's trainer of which there are states alone, for what reads and writes them.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "runtime/model.h"

namespace descent::test {

// A model of two parameters, one in panels, and a moment: nothing to run, states alone.
struct TwoStates {
  static constexpr std::int64_t shapes[] = {3, 5, 2};
  static constexpr DescentState states[] = {{"weight", shapes, 2, DESCENT_F32, 15, 1024, 4, 1},
                                            {"moment", shapes + 2, 1, DESCENT_F32, 2, 1152, 0, 0},
                                            {"count", shapes + 2, 1, DESCENT_I32, 2, 1216, 0, 1}};
  static constexpr std::int32_t saved[] = {2, 0};
  std::string header;
  DescentModel model{};
  DescentFunction functions[6] = {};
  alignas(64) unsigned char memory[1280];
  DescentTrainer* trainer = nullptr;

  TwoStates() {
    const std::string text =
        R"({"__metadata__":{"format":"descent"},"count":{"dtype":"I32","shape":[2],"data_offsets":[0,8]},)"
        R"("weight":{"dtype":"F32","shape":[3,5],"data_offsets":[8,68]}} )";
    const std::uint64_t length = text.size();
    header.resize(8);
    std::memcpy(header.data(), &length, 8);
    header += text;
    model.name = "two";
    model.largest_batch = 1;
    model.memory_bytes = sizeof memory;
    model.places_at = 512;
    model.arena_at = 1024;
    model.arena_bytes = 256;
    model.functions = functions;
    model.states = states;
    model.weights_header = header.data();
    model.weights_header_bytes = static_cast<std::int64_t>(header.size());
    model.saved = saved;
    model.state_count = 3;
    model.saved_count = 2;
    trainer = descent_1_create(&model, 0, memory, 1);
  }
  TwoStates(const TwoStates&) = delete;
  TwoStates& operator=(const TwoStates&) = delete;
  ~TwoStates() { descent_1_destroy(trainer); }

  static void require(bool holds) {
    if (!holds) std::abort();
  }
  std::vector<unsigned char> packed() const {
    std::vector<unsigned char> bytes(header.size() + 68);
    require(descent_1_pack(trainer, bytes.data()) == DESCENT_DONE);
    return bytes;
  }
  // In memory of its own size, so that a sanitizer sees what is read beyond it.
  int unpack(const std::vector<unsigned char>& bytes) const {
    const std::vector<unsigned char> exact(bytes);
    return descent_1_unpack(trainer, exact.empty() ? "" : static_cast<const void*>(exact.data()),
                            static_cast<std::int64_t>(exact.size()));
  }
  void fill() const {
    float weight[15];
    for (int i = 0; i < 15; ++i) weight[i] = static_cast<float>(i) / 4;
    const std::int32_t count[] = {7, -7};
    const bool done =
        descent_1_write(trainer, 0, weight) == DESCENT_DONE && descent_1_write(trainer, 2, count) == DESCENT_DONE;
    require(done);
  }
};

}  // namespace descent::test
