// What passes and back ends know of a processor: a plain value. `codegen` fills it from the host or a named target.
#pragma once

#include <cstdint>
#include <string>

namespace descent {

struct Machine {
  std::string triple;     // LLVM's; empty: the host's
  std::string cpu;        // LLVM's name; empty: generic for the triple
  std::string features;   // LLVM's, "+avx2,+fma"
  int vector_bytes = 16;  // widest vector unit
  int vector_registers = 16;
  int fma_ports = 2;
  bool halves_vectors = false;  // the widest vectors run as two halves: half of one takes half the time
  int fma_latency = 4;          // cycles
  std::int64_t l1_bytes = 32 << 10;
  std::int64_t l2_bytes = 512 << 10;
  std::int64_t l3_bytes = 8 << 20;
};

}  // namespace descent
