// The printed C++ of one small kernel, word by word, and what its `init` refuses.
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "codegen/cpp.h"
#include "ir/loop.h"
#include "tests/support/cpp_run.h"

namespace descent::test {
namespace {

const char* const layer = R"(descent loop 1
program small batch 8 arena 640
buffer x : f32[batch, 3] input
buffer hidden.weight : f32[3, 8] panel 8 state at 0
buffer rate : f32[] input
buffer hidden : f32[batch, 8] state at 128

# small.descent:7  hidden = relu(x * weight)
kernel hidden(read x : f32[batch, 3], read hidden.weight : f32[3, 8] panel 8, read rate : f32[], write hidden : f32[batch, 8]) {
  parallel b in 0 ..< batch // 2 * 2 step 2 {
    local sum : f32[2, 8]
    unrolled b_2 in 0 ..< 2 {
      vector j in 0 ..< 8 {
        sum[b_2, j] = 0.0
      }
    }
    serial i in 0 ..< 3 {
      unrolled b_2 in 0 ..< 2 {
        vector j in 0 ..< 8 {
          sum[b_2, j] = fma(x[b + b_2, i], hidden.weight[i, j], sum[b_2, j])
        }
      }
    }
    unrolled b_2 in 0 ..< 2 {
      vector j in 0 ..< 8 {
        let t0 = sum[b_2, j] * rate[]
        hidden[b + b_2, j] = select(t0 <= 0.0, 0.0, t0)
      }
    }
  }
}

entry step(x, rate) -> () {
  call hidden(x, hidden.weight, rate, hidden)
}
)";

}  // namespace

TEST_CASE("a kernel reads as if written by hand") {
  const Result<loop::Program> program =
      loop::parse_program(std::make_shared<const Source>(Source{"small.loop", layer}));
  if (!program) FAIL(render(program.errors()));
  const Result<std::string> text = codegen::emit_cpp(*program);
  REQUIRE(text.ok());
  CHECK(*text == R"text(// small: step, for batches of at most 8.
// Compile with -std=c++17 -O2 -ffp-contract=off, for the processor that it shall run on.
#include "descent_simd.h"

namespace descent_generated {
namespace {

// small.descent:7  hidden = relu(x * weight)
void compute_hidden(const float (*x)[3],                 // [batch, 3]
                    const float (*hidden_weight)[3][8],  // [3, 8] in panels of 8
                    float rate,
                    float (*hidden)[8],                  // [batch, 8]
                    int64_t batch, const DescentThreads* threads) {
  parallel(threads, 0, batch / 2 * 2, 2, 200, [=](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; b += 2) {
      f32x<8> sum[2];  // [2, 8]
      DESCENT_UNROLLED
      for (int64_t b_2 = 0; b_2 < 2; ++b_2) {
        sum[b_2] = 0.0f;
      }
      for (int64_t i = 0; i < 3; ++i) {
        const auto weight = kept(load<8>(hidden_weight[0][i]));
        DESCENT_UNROLLED
        for (int64_t b_2 = 0; b_2 < 2; ++b_2) {
          sum[b_2] = fma(x[b + b_2][i], weight, sum[b_2]);
        }
      }
      DESCENT_UNROLLED
      for (int64_t b_2 = 0; b_2 < 2; ++b_2) {
        const auto product = sum[b_2] * rate;
        store(hidden[b + b_2], select(product <= 0.0f, 0.0f, product));
      }
    }
  });
}

}  // namespace

extern "C" {

extern const int64_t small_arena_bytes;
const int64_t small_arena_bytes = 640;

void small_step(const DescentCall* call) {
  auto* const x = input_at<float[3]>(call, 0);  // [batch, 3]
  auto* const rate = input_at<float>(call, 1);
  auto* const hidden_weight = arena_at<float[3][8]>(call, 0);  // [3, 8] in panels of 8
  auto* const hidden = arena_at<float[8]>(call, 128);  // [batch, 8]
  compute_hidden(x, hidden_weight, *rate, hidden, call->batch, call->threads);
}

}  // extern "C"
}  // namespace descent_generated
)text");
}

// How a process ends that runs the entry: 0, or the number of the signal.
int signal_of(DescentEntry entry) {
  const pid_t child = fork();
  if (child == 0) {
    for (int signal : {SIGILL, SIGTRAP}) std::signal(signal, SIG_DFL);  // not the handlers of the test program
    const DescentCall call{};
    entry(&call);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

TEST_CASE("init refuses contracted arithmetic") {
  loop::Program program;
  program.name = "nothing";
  program.entries.push_back({"init", {}, {}, {}});
  for (const char* command : {"g++", "clang++-19"}) {
    const CppCompiler exact{command, "-O2 -march=x86-64-v3"};
    const CppCompiler contracting{command, "-O2 -march=x86-64-v3 -ffp-contract=fast"};
    if (const std::string reason = why_not_here(exact); !reason.empty()) {
      WARN("skipped: " + reason);
      continue;
    }
    INFO(command);
    const auto sound = CppLibrary::make(program, exact);
    if (!sound.ok()) FAIL(render(sound.errors()));
    CHECK(signal_of((*sound)->entry("init")) == 0);
    const auto unsound = CppLibrary::make(program, contracting);
    if (!unsound.ok()) FAIL(render(unsound.errors()));
    CHECK(signal_of((*unsound)->entry("init")) != 0);
  }
}

}  // namespace descent::test
