// The C++ back end, compiled by g++ and clang++: the bits of the Loop interpreter, on 0 to 3 threads with every
// parallel loop forced into parts, without warnings.
#include <catch2/catch.hpp>
#include <cstring>
#include <map>
#include <random>

#include "codegen/cpp.h"
#include "frontend/frontend.h"
#include "tests/support/cpp_run.h"
#include "tests/support/graph_run.h"
#include "tests/support/loop_generator.h"
#include "tests/support/loop_kernels.h"
#include "tests/support/loop_merge.h"
#include "tests/support/loop_run.h"
#include "tests/support/sanitizer.h"

namespace descent::test {
namespace {

const std::string without_xsimd = " -DDESCENT_NO_XSIMD";
const CppCompiler gcc_native{"g++", "-O2 -march=native"};
const CppCompiler gcc_baseline{"g++", "-O2 -march=x86-64-v2" + without_xsimd};
const CppCompiler gcc_v3{"g++", "-O2 -march=x86-64-v3" + without_xsimd};
const CppCompiler clang_native{"clang++-19", "-O2 -march=native"};
const CppCompiler clang_baseline{"clang++-19", "-O2 -march=x86-64-v2" + without_xsimd};

// "" when the library leaves the interpreter's bits from each memory.
std::string difference_of(const CppLibrary& library, const loop::Program& program, const std::string& entry,
                          std::int64_t batch, const std::vector<Memory>& memories) {
  if (library.arena_bytes() != program.arena_bytes) return "the arena's size differs";
  if (library.entry(entry) == nullptr) return "there is no entry " + entry;
  for (const Memory& memory : memories) {
    const Memory expected = interpret(program, entry, batch, memory);
    for (int threads = 0; threads <= 3; ++threads) {
      const Memory found = run(library.entry(entry), batch, memory, threads);
      const std::string text = difference(program, entry, expected, found);
      if (!text.empty()) return entry + ", " + std::to_string(threads) + " threads: " + text;
    }
  }
  return {};
}

// As many programs as are given, in one file.
void check_together(const std::vector<loop::Program>& programs, const std::string& entry,
                    const std::vector<CppCompiler>& compilers) {
  const loop::Program merged = merge(programs);
  for (const CppBuild& build : build_everywhere(merged, compilers)) {
    INFO(build.name);
    if (!build.library.ok()) FAIL(render(build.library.errors()));
    for (std::size_t i = 0; i < programs.size(); ++i) {
      const std::string name = merged_name(entry, i);
      const bool turns = programs[i].entry(entry)->turns;  // takes whole batches
      const std::int64_t largest = programs[i].largest_batch;
      const std::int64_t batch = turns ? largest : 1 + static_cast<std::int64_t>(i) % largest;
      const std::string found = difference_of(**build.library, merged, name, batch,
                                              {random_memory(merged, name, i), tame_memory(merged, name, i)});
      INFO((found.empty() ? "" : loop::print(programs[i]) + *codegen::emit_cpp(programs[i])));
      REQUIRE(found == "");
    }
  }
}

// A model from its text to a Loop program, with the numbers that its train block gives the entries' inputs.
struct Lesson {
  loop::Program program;
  std::map<std::string, double> numbers;
};
template <class T>
T value_or_throw(Result<T> result) {
  if (!result) throw std::runtime_error(render(result.errors()));
  return std::move(result).value();
}
frontend::Compilation compiled_model(const std::string& file) {
  const std::string path = std::string(DESCENT_SOURCE_DIR) + "/" + file;
  return value_or_throw(frontend::compile(std::make_shared<Source>(Source{path, read_text(path)}), {}));
}
Lesson lesson(const std::string& file, int lanes) {
  const frontend::Compilation compiled = compiled_model(file);
  Lesson made{lower_or_fail(passes_or_fail(compiled.model), lanes, 20), {{"seed", 1}, {"steps", 8}}};
  for (const auto& rate : compiled.rates) made.numbers[rate.name] = rate.value;
  return made;
}

// init, three steps, the last of them short, then evaluate and predict, each on what the one before has left.
std::vector<Memory> trained(const Lesson& lesson,
                            const std::function<Memory(const std::string&, std::int64_t, Memory)>& run) {
  const loop::Program& program = lesson.program;
  const std::vector<std::pair<std::string, std::int64_t>> calls = {
      {"init", 1},  {"step", 20}, {"accumulate", 20}, {"accumulate", 3},
      {"step", 20}, {"step", 13}, {"evaluate", 7},    {"predict", 20}};
  std::vector<Memory> left;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const auto& [name, batch] = calls[i];
    const loop::Entry* entry = program.entry(name);
    if (entry == nullptr) continue;
    Memory memory = tame_memory(program, name, i);
    for (std::size_t k = 0; k < entry->inputs.size(); ++k) {
      const loop::Buffer& input = program.buffers[static_cast<std::size_t>(entry->inputs[k])];
      const auto known = lesson.numbers.find(input.name);
      if (!input.type.shape.empty() || (known == lesson.numbers.end() && input.name != "step")) continue;
      const double number = known == lesson.numbers.end() ? static_cast<double>(i) : known->second;
      const Word word = word_of(number, input.type.dtype);
      std::memcpy(memory.inputs[k].data(), &word.bits, memory.inputs[k].size());
    }
    memory.arena = left.empty() ? Bytes(memory.arena.size()) : left.back().arena;
    left.push_back(run(name, batch, std::move(memory)));
  }
  return left;
}

void check_lesson(const std::string& file, int lanes, const std::vector<CppCompiler>& compilers) {
  const Lesson lesson = descent::test::lesson(file, lanes);
  const auto jit = codegen::Jit::compile(lesson.program, codegen::host_machine());
  REQUIRE(jit.ok());
  const std::vector<Memory> expected =
      trained(lesson, [&](const std::string& entry, std::int64_t batch, Memory memory) {
        return run((*jit)->entry(entry), batch, std::move(memory));
      });
  for (const CppBuild& build : build_everywhere(lesson.program, compilers)) {
    INFO(file << ", " << lanes << " lanes, " << build.name);
    if (!build.library.ok()) FAIL(render(build.library.errors()));
    for (int threads = 0; threads <= 3; ++threads) {
      const std::vector<Memory> found =
          trained(lesson, [&](const std::string& entry, std::int64_t batch, Memory memory) {
            return run((*build.library)->entry(entry), batch, std::move(memory), threads);
          });
      for (std::size_t i = 0; i < expected.size(); ++i) {
        INFO(threads << " threads, call " << i);
        CHECK(found[i].arena == expected[i].arena);
        CHECK(found[i].outputs == expected[i].outputs);
      }
    }
  }
}

}  // namespace

TEST_CASE("every native operation, printed as C++") {
  const std::int64_t lanes = GENERATE(1, 8, 16, 3);
  const loop::Program program = all_operations(lanes);
  std::vector<CppCompiler> compilers = {gcc_native, clang_native};
  if (lanes != 16) compilers = {gcc_baseline, clang_baseline};
  for (CppCompiler& compiler : compilers) compiler.flags.replace(compiler.flags.find("-O2"), 3, "-O1");
  for (const CppBuild& build : build_everywhere(program, compilers)) {
    INFO(build.name << ", " << lanes << " lanes");
    if (!build.library.ok()) FAIL(render(build.library.errors()));
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      const Memory memory = random_memory(program, "run", seed);
      const Memory expected = interpret(program, "run", 1, memory);
      CHECK(difference(program, "run", expected, run((*build.library)->entry("run"), 1, memory)) == "");
    }
  }
}

TEST_CASE("random Loop programs, printed as C++") {
  const auto wanted = static_cast<std::size_t>(repetitions(40));
  std::vector<loop::Program> programs;
  for (std::uint32_t seed = 1; programs.size() < wanted; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](int end) { return static_cast<int>(random() % static_cast<unsigned>(end)); };
    loop::Program program = LoopGenerator(below).program();
    if (program.largest_batch == 6) programs.push_back(std::move(program));  // one program has one largest batch
  }
  // Such programs compare values with themselves.
  const std::string quiet = " -Wno-tautological-compare -Wno-type-limits";
  check_together(programs, "run",
                 {{"g++", "-O1 -march=native" + without_xsimd + quiet}, {"clang++-19", "-O1 -march=native" + quiet}});
}

TEST_CASE("squares turned in printed C++") {
  const std::vector<CppCompiler> compilers = {gcc_native, gcc_baseline, clang_native};
  std::vector<loop::Program> programs;
  for (const char* type : {"f32", "f64", "i32", "u8"}) {
    for (const int size : {2, 4, 8}) {
      for (const char* value : {"x[i + j, k + k_2 + 3]", "x[i + j, 39 - k - k_2]", "x[j, k_2]"}) {
        programs.push_back(turning(type, turned_square(size, size, value)));
        const bool is_turned = std::string(value).find("39") == std::string::npos;
        CHECK((codegen::emit_cpp(programs.back())->find("transpose<") != std::string::npos) == is_turned);
      }
    }
  }
  // What the loop itself writes is not loaded ahead.
  programs.push_back(
      turning("f32", turned_square(8, 8, "x[i + j, k + k_2]\n          x[i + j, k + k_2 + 1] = 2.0"), "update"));
  CHECK(codegen::emit_cpp(programs.back())->find("transpose<") == std::string::npos);
  check_together(programs, "run", compilers);
}

TEST_CASE("many steps in one call of printed C++") {
  std::vector<loop::Program> programs;
  for (std::uint32_t seed = 1; programs.size() < static_cast<std::size_t>(repetitions(10)); ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](int end) { return static_cast<int>(random() % static_cast<unsigned>(end)); };
    loop::Program program = LoopGenerator(below).program();
    if (program.largest_batch != 6) continue;
    program.entries[0].turns = true;
    programs.push_back(std::move(program));
  }
  check_together(programs, "run", {{"g++", "-O1 -march=native -Wno-tautological-compare -Wno-type-limits"}});
}

TEST_CASE("a whole loop of a model in printed C++") {
  for (const int lanes : {1, 8}) {
    LowerOptions options;
    options.lanes = lanes;
    options.largest_batch = 4;
    options.whole_loop = true;
    const loop::Program program =
        value_or_throw(lower(passes_or_fail(compiled_model("examples/01_xor.descent").model), options));
    const Memory start = tame_memory(program, "steps", 1);
    const Memory expected = interpret(program, "steps", 4, start);
    for (const CppBuild& build : build_everywhere(program, {lanes == 1 ? clang_baseline : gcc_native})) {
      INFO(lanes << " lanes, " << build.name);
      if (!build.library.ok()) FAIL(render(build.library.errors()));
      CHECK(difference(program, "steps", expected, run((*build.library)->entry("steps"), 4, start)) == "");
    }
  }
}

TEST_CASE("models trained by printed C++") {
  check_lesson("examples/01_xor.descent", 8, {gcc_native, clang_baseline});
  check_lesson("examples/03_digits.descent", 8, {gcc_v3, clang_native});
  check_lesson("tests/artifact/micro.descent", 8, {gcc_native});
  check_lesson("tests/bench/models/seed.descent", 16, {gcc_native});
  check_lesson("tests/bench/models/logreg.descent", 4, {gcc_baseline, clang_native});
  check_lesson("tests/bench/models/mlp64.descent", 16, {gcc_native});
}

}  // namespace descent::test
