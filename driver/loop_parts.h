// Parts of a Loop program as programs of their own, for looking at.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ir/loop.h"

namespace descent {

// One entry, with the kernels and buffers it uses.
loop::Program only_entry(const loop::Program& program, std::string_view entry);
// One kernel, called once, on the buffers of the first call to it; index parameters are 0.
loop::Program only_kernel(const loop::Program& program, std::string_view kernel);

// What an entry does, piece by piece: its calls one after the other, repeats unrolled with their indices filled in. An
// entry of more than `most_calls` calls keeps its outermost repeats as pieces.
struct Piece {
  std::string name;  // the kernel's; of a repeat "repeat t"
  std::variant<loop::Call, loop::Repeat> step;
};
struct Pieces {
  std::vector<Piece> pieces;          // in the order they run
  std::vector<std::string> of_calls;  // for each call of the entry's text, the name of the piece it went to
};
Pieces pieces_of(const loop::Program& program, const loop::Entry& entry, std::size_t most_calls);

// Every call of some steps, repeats entered.
std::vector<const loop::Call*> calls_of(const loop::Steps& steps);

}  // namespace descent
