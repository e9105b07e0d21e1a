// The fused multiply-add that machine code has where the processor has none gives the bits of a true one.
#include <catch2/catch.hpp>
#include <cstdio>

#include "codegen/llvm.h"
#include "runtime/core/float_mode.h"
#include "tests/support/fused_values.h"
#include "tests/support/graph_run.h"
#include "tests/support/sanitizer.h"

namespace descent::test {
namespace {

constexpr std::int64_t most = 1 << 16;

template <class T>
constexpr const char* type_name = sizeof(T) == 4 ? "f32" : "f64";

// r = fma(x, y, z) over arrays, for a processor of this machine's kind.
template <class T>
class FusedCode {
 public:
  FusedCode(const std::string& cpu, int lanes) {
    const std::string type = std::string(type_name<T>) + "[batch]";
    std::string text = "descent graph 1\nmodel function\nentry run {\n";
    for (const char* name : {"x", "y", "z"})
      text += std::string("  %") + name + " = input " + name + " : " + type + "\n";
    text += "  %r = sweep [i < batch] { fma(%x[i], %y[i], %z[i]) } : " + type + "\n  output r = %r\n}\n";
    const Result<Machine> machine = codegen::named_machine("x86_64-linux-gnu", cpu);
    REQUIRE(machine.ok());
    const loop::Program program = lower_or_fail(passes_or_fail(parse_or_fail("function", text)), lanes, most);
    auto jit = codegen::Jit::compile(program, *machine, 1);
    if (!jit.ok()) throw std::runtime_error(render(jit.errors()));
    jit_ = std::move(jit).value();
  }

  std::vector<T> operator()(const Triples<T>& triples) const {
    std::vector<T> results(triples.size());
    alignas(64) unsigned char arena[64];
    for (std::size_t first = 0; first < triples.size(); first += most) {
      const void* inputs[] = {triples.x.data() + first, triples.y.data() + first, triples.z.data() + first};
      void* outputs[] = {results.data() + first};
      const auto count = static_cast<std::int64_t>(std::min<std::size_t>(most, triples.size() - first));
      const DescentCall call{arena, inputs, outputs, count, nullptr, nullptr};
      descent_run(jit_->entry("run"), &call);
    }
    return results;
  }

 private:
  std::unique_ptr<codegen::Jit> jit_;
};

template <class T>
void check(const FusedCode<T>& code, const Triples<T>& triples) {
  const std::ptrdiff_t wrong = first_not_fused(triples, code(triples));
  if (wrong < 0) return;
  const auto i = static_cast<std::size_t>(wrong);
  char text[200];
  std::snprintf(text, sizeof text, "fma(%a, %a, %a) is %a", double(triples.x[i]), double(triples.y[i]),
                double(triples.z[i]), double(std::fma(triples.x[i], triples.y[i], triples.z[i])));
  FAIL(text);
}

template <class T>
void check_emulation(int rounds) {
#if defined(__x86_64__)
  for (const std::string cpu : {"x86-64", "x86-64-v2", "sandybridge"}) {
    if (cpu == "sandybridge" && !__builtin_cpu_supports("avx")) continue;
    for (int lanes : {1, 8}) {
      INFO(cpu << ", " << lanes << " lanes");
      const FusedCode<T> code(cpu, lanes);
      check(code, hostile_triples<T>());
      for (int round = 0; round < rounds; ++round)
        check(code, random_triples<T>(most, static_cast<std::uint64_t>(round)));
    }
  }
#else
  (void)rounds;
  WARN("not tested: this is not an x86-64 processor");
#endif
}

}  // namespace

TEST_CASE("an emulated fused multiply-add is one") {
  check_emulation<float>(repetitions(10));
  check_emulation<double>(repetitions(10));
}
TEST_CASE("an emulated fused multiply-add is one many times", "[.millions]") {
  check_emulation<float>(300);
  check_emulation<double>(300);
}

}  // namespace descent::test
