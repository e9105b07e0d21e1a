// Random programs in the model language, each held from the oracle to machine code (program_check.h).
//
//   programs [--count N | --seconds N] [--seed S] [--size N]
//
// Programs run in a child process, so that a check that fails or a signal names its program; a failing one is shown
// with the fewest statements that still fail, and with the command that repeats it. Exit status 1 on a failure.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/support/model_generator.h"
#include "tests/support/program_check.h"

namespace descent::test {
namespace {

struct Wish {
  std::uint64_t seed = 1;
  int count = 100;
  double seconds = 0;  // when given, instead of a count
  int size = 0;        // 0: from 1 to 6, by the seed
};

constexpr unsigned seconds_each = 300;  // a hang, on the slowest machine
constexpr int most_failures = 5;

// What children tell.
struct Tally {
  std::uint64_t seed = 0;  // under way
  int entries = 0, ill_conditioned = 0, redrawn = 0;
  char failure[8192] = "";
};

int size_of(const Wish& wish, std::uint64_t seed) { return wish.size > 0 ? wish.size : 1 + static_cast<int>(seed % 6); }

// One program in a child of its own or in the child that runs them all; why it fails, cut to fit.
void check_one(std::uint64_t seed, int size, Tally& tally) {
  alarm(seconds_each);
  const ProgramCheck check = check_program(generate_program(seed, size), seed);
  tally.entries += check.entries;
  tally.ill_conditioned += check.ill_conditioned;
  tally.redrawn += check.redrawn;
  std::strncpy(tally.failure, check.failure.c_str(), sizeof tally.failure - 1);
}

bool ends_well(pid_t child) {
  int status = 0;
  return waitpid(child, &status, 0) == child && status == 0;
}

// Runs programs from tally.seed on until one fails or `done` says so. True when none failed.
template <class Done>
bool run_until(const Wish& wish, Tally& tally, const Done& done) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    for (; !done(tally.seed); ++tally.seed) {
      check_one(tally.seed, size_of(wish, tally.seed), tally);
      if (tally.failure[0] != 0) _exit(1);
    }
    _exit(0);
  }
  return ends_well(child);
}

// Whether this program fails; what it says is left in the tally, or that it ended the process.
bool fails(std::uint64_t seed, int size, Tally& tally) {
  tally.failure[0] = 0;
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    std::freopen("/dev/null", "w", stderr);
    check_one(seed, size, tally);
    _exit(tally.failure[0] == 0 ? 0 : 1);
  }
  return !ends_well(child);
}

void report(const Wish& wish, Tally& tally) {
  const std::uint64_t seed = tally.seed;
  const std::string said = tally.failure[0] == 0 ? "the process ended" : tally.failure;
  int size = 1;
  while (size < size_of(wish, seed) && !fails(seed, size, tally)) ++size;
  std::printf("program %llu disagrees: %s\n", static_cast<unsigned long long>(seed), said.c_str());
  std::printf("the fewest statements that fail: %d\n\n%s\n", size, generate_program(seed, size).c_str());
  std::printf("repeat with: ./dev fuzz programs --seed %llu --count 1 --size %d\n\n",
              static_cast<unsigned long long>(seed), size);
  std::fflush(stdout);
}

int run(const Wish& wish) {
  void* shared = mmap(nullptr, sizeof(Tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return 1;
  Tally& tally = *new (shared) Tally;
  tally.seed = wish.seed;
  const auto start = std::chrono::steady_clock::now();
  const auto passed = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };
  const auto done = [&](std::uint64_t seed) {
    if (wish.seconds > 0) return passed() > wish.seconds;
    return seed >= wish.seed + static_cast<std::uint64_t>(wish.count);
  };
  int failures = 0;
  while (failures < most_failures && !run_until(wish, tally, done)) {
    ++failures;
    const std::uint64_t seed = tally.seed;
    report(wish, tally);
    tally.seed = seed + 1;
    tally.failure[0] = 0;
  }
  const auto count = static_cast<double>(tally.seed - wish.seed);
  std::printf("%.0f programs from seed %llu, %d entries, %.0f programs per minute, %d disagreements\n", count,
              static_cast<unsigned long long>(wish.seed), tally.entries, count / passed() * 60, failures);
  std::printf("too ill-conditioned to hold f32 to the oracle: %d entries; drawn again: %d times\n",
              tally.ill_conditioned, tally.redrawn);
  return failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace descent::test

int main(int count, char** arguments) {
  descent::test::Wish wish;
  for (int i = 1; i < count; i += 2) {
    const std::string name = arguments[i];
    const char* value = i + 1 < count ? arguments[i + 1] : nullptr;
    if (value != nullptr && name == "--seed") {
      wish.seed = std::strtoull(value, nullptr, 10);
    } else if (value != nullptr && name == "--count") {
      wish.count = std::atoi(value);
    } else if (value != nullptr && name == "--seconds") {
      wish.seconds = std::atof(value);
    } else if (value != nullptr && name == "--size") {
      wish.size = std::atoi(value);
    } else {
      std::fprintf(stderr, "usage: programs [--count N | --seconds N] [--seed S] [--size N]\n");
      return 1;
    }
  }
  return descent::test::run(wish);
}
