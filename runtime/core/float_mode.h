// The floating-point mode that compiled code relies on: round to nearest even, gradual underflow, no traps.
#pragma once

#include <stdint.h>

#include "runtime/abi.h"

namespace descent::runtime {

// The processor's control word of the running thread.
using FloatControl = uint64_t;

inline FloatControl float_control() {
#if defined(__x86_64__) || defined(__i386__)
  return __builtin_ia32_stmxcsr();
#elif defined(__aarch64__)
  FloatControl control;
  asm volatile("mrs %0, fpcr" : "=r"(control) : : "memory");
  return control;
#elif defined(__riscv_flen)
  FloatControl rounding;
  asm volatile("frrm %0" : "=r"(rounding) : : "memory");
  return rounding;
#else
  return 0;  // rounds as wanted unless someone has asked otherwise
#endif
}

inline void set_float_control(FloatControl control) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_ldmxcsr(static_cast<unsigned>(control));
#elif defined(__aarch64__)
  asm volatile("msr fpcr, %0" : : "r"(control) : "memory");
#elif defined(__riscv_flen)
  asm volatile("fsrm %0" : : "r"(control) : "memory");
#else
  (void)control;
#endif
}

// The control word of the mode above: as a fresh thread has it.
inline constexpr FloatControl exact_float_control =
#if defined(__x86_64__) || defined(__i386__)
    0x1f80;  // all exceptions masked
#else
    0;
#endif

// In the mode above while it lives; then the caller's again, its exception flags untouched.
class ExactFloats {
 public:
  ExactFloats() : saved_(float_control()) { set_float_control(exact_float_control); }
  ~ExactFloats() { set_float_control(saved_); }
  ExactFloats(const ExactFloats&) = delete;
  ExactFloats& operator=(const ExactFloats&) = delete;

 private:
  FloatControl saved_;
};

}  // namespace descent::runtime

// Runs a compiled entry in the mode it relies on.
extern "C" void descent_run(DescentEntry entry, const DescentCall* call);
