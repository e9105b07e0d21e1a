// The road from a model's Graph to its Loop program: an ordered list on one screen (pipeline.cpp).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "ir/graph.h"
#include "ir/loop.h"
#include "ir/machine.h"
#include "passes/fused.h"

namespace descent {

// A pass is a value: its name is its file, its flag and its test folder.
struct Pass {
  std::string_view name;
  std::string_view summary;
  Model (*run)(const Model&);
  Legality after;  // what holds of every Graph from here on
};
std::span<const Pass> graph_passes();
const Pass* find_pass(std::string_view name);

struct LowerOptions {
  Machine machine;
  std::int64_t largest_batch = 64;
  int lanes = 0;            // f32 lanes of a vector loop; 0: the machine's widest unit, 1: no vector loops
  bool fuse = true;         // kernels into one another; without it one kernel per node, the same bits
  bool whole_loop = false;  // beside a small `step`, `steps`: many in one call (passes/whole_loop.h)
  bool small_code = false;  // entries that run once or hardly ever, or do little, without vectors and tiles
};

// Called with each pass's name, the model before and after it, and the seconds it took.
using Observer = std::function<void(const Pass&, const Model& before, const Model& after, double seconds)>;

// Runs all Graph passes, verifying after each; a failure is an internal error that names the pass. The error: a Graph
// that is or grows beyond node_limit (ir/graph.h).
Result<Model> run_passes(const Model& model, const Observer& observe = {});

// A verified, ordered Graph to loops, with the arena planned. The errors: an arena beyond arena_limit, a body or a
// program with more operations than a back end should be given.
inline constexpr std::int64_t body_limit = 4096, program_limit = 400000;
// `calls`, where given, receives which nodes of `model` became which kernel.
Result<loop::Program> lower(const Model& model, const LowerOptions& options, std::vector<FusedCall>* calls = nullptr);

}  // namespace descent
