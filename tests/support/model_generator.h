// Random well-typed programs in the model language: layers and losses of the library, functions of their own, index
// notation with windows, strides, lookups and reductions, integers, f64, gradients, an optimizer with a schedule. A
// program is a function of its seed and size; a smaller size gives the beginning of the same program.
//
// Numbers stay of order 1: every expression knows a bound of its magnitude and is scaled down when that grows, so that
// f32 can be held against double.
#pragma once

#include <cstdint>
#include <string>

namespace descent::test {

// `size`: statements between the inputs and the losses.
std::string generate_program(std::uint64_t seed, int size);

}  // namespace descent::test
