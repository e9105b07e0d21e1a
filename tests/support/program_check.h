// One program in the model language on the whole road, every entry of it: the oracle in double before and after the
// passes, the Loop interpreter at every vector width, machine code at every width on one thread and on two.
//
// Bits must be equal from the interpreter on. Between the oracle and f32 lies rounding, and how much of it is right
// depends on the program. So the program is also lowered with every f32 widened to f64, and run by the same
// interpreter: its distance from the oracle, in units of f64's last place, says how far roundings grow here, and f32
// is allowed that many of its own units, with a floor of 2^-13 of the tensor's largest value. Where a comparison or the
// branch of a maximum hangs on a rounding the two may differ rightly; so a disagreement with the oracle counts only
// when other inputs give it too.
#pragma once

#include <cstdint>
#include <string>

namespace descent::test {

struct ProgramCheck {
  std::string failure;  // what disagrees, and where; empty: nothing
  // Entries whose roundings grow so far that f32 was not held to the oracle (but f64 was, and all bits were compared).
  int ill_conditioned = 0;
  int entries = 0;
  int redrawn = 0;  // inputs on which a branch hung on a rounding
};

ProgramCheck check_program(const std::string& text, std::uint64_t seed);

}  // namespace descent::test
