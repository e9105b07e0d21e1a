// What both back ends know of entries with turns.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "ir/loop.h"

namespace descent::codegen {

void for_each_call(const loop::Steps& steps, const std::function<void(const loop::Call&)>& visit);

// A part of the arena that lives in a local of the entry while its turns run, so that compilers may keep it in
// registers: a state is copied in before the first turn, and out after the last where it is written.
struct LocalBuffer {
  loop::BufferId buffer;
  std::int64_t bytes;
  bool is_state, is_written;
};
// What the entry uses of the arena, if that is small; else nothing.
std::vector<LocalBuffer> local_buffers(const loop::Program& program, const loop::Entry& entry);

}  // namespace descent::codegen
