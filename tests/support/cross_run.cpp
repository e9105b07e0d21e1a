#include "tests/support/cross_run.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <cstring>

#include "codegen/llvm.h"
#include "tests/support/data.h"
#include "tests/support/text_file.h"

namespace descent::test {
namespace {

using data::test::Folder;

bool is_installed(const std::string& tool) {
  return std::system(fmt::format("command -v {} > /dev/null 2>&1", tool).c_str()) == 0;
}

// The table of entries that the harness calls by number.
std::string entry_table(const loop::Program& program) {
  std::string text = "#include \"runtime/abi.h\"\n";
  for (const loop::Entry& entry : program.entries) {
    text += fmt::format("extern \"C\" void {}_{}(const DescentCall*);\n", program.name, entry.name);
  }
  text += "extern const DescentEntry cross_entries[] = {";
  for (const loop::Entry& entry : program.entries) text += fmt::format("{}_{}, ", program.name, entry.name);
  return text + "};\n";
}

// The format that cross_harness.cpp reads: numbers in eight bytes, blocks with their size in front.
void append(std::string& text, std::uint64_t number) {
  char bytes[8];
  std::memcpy(bytes, &number, sizeof bytes);
  text.append(bytes, sizeof bytes);
}
void append(std::string& text, const Bytes& block) {
  append(text, block.size());
  text.append(reinterpret_cast<const char*>(block.data()), block.size());
}
void append(std::string& text, const std::vector<Bytes>& blocks) {
  append(text, blocks.size());
  for (const Bytes& block : blocks) append(text, block);
}
std::string request(const loop::Program& program, const Bytes& arena, const std::vector<CrossCall>& calls) {
  std::string text;
  append(text, arena);
  append(text, calls.size());
  for (const CrossCall& call : calls) {
    append(text, static_cast<std::uint64_t>(program.entry(call.entry) - program.entries.data()));
    append(text, static_cast<std::uint64_t>(call.batch));
    append(text, static_cast<std::uint64_t>(call.threads));
    append(text, call.inputs);
    append(text, call.outputs);
  }
  return text;
}

// The answer holds the arena and every output, one behind the other.
CrossResult answer(const std::string& text, const Bytes& arena, const std::vector<CrossCall>& calls) {
  CrossResult result;
  std::size_t at = 0;
  const auto take = [&](std::size_t size) {
    Bytes block(size);
    if (at + size <= text.size()) std::memcpy(block.data(), text.data() + at, size);
    at += size;
    return block;
  };
  result.arena = take(arena.size());
  for (const CrossCall& call : calls) {
    std::vector<Bytes>& outputs = result.outputs.emplace_back();
    for (const Bytes& output : call.outputs) outputs.push_back(take(output.size()));
  }
  if (at != text.size()) result.error = fmt::format("expected {} bytes of answer, found {}", at, text.size());
  return result;
}

std::string run_command(const std::string& command, const std::string& log) {
  if (std::system(fmt::format("{} > {} 2>&1", command, log).c_str()) == 0) return {};
  return fmt::format("{}\n{}", command, read_text(log));
}

}  // namespace

CrossTarget aarch64_linux() { return {"aarch64-linux-gnu", "", "aarch64-linux-gnu-g++", "qemu-aarch64"}; }
CrossTarget x86_64_baseline() { return {"x86_64-linux-gnu", "x86-64", "g++", ""}; }

std::string why_not_here(const CrossTarget& target) {
  for (const std::string& tool : {target.compiler, target.emulator}) {
    if (!tool.empty() && !is_installed(tool)) return tool + " is not installed";
  }
#if !defined(__x86_64__)
  if (target.emulator.empty()) return "this is not an x86-64 processor";
#endif
  return {};
}

CrossResult run_on(const CrossTarget& target, const loop::Program& program, const Bytes& arena,
                   const std::vector<CrossCall>& calls) {
  const Result<Machine> machine = codegen::named_machine(target.triple, target.cpu);
  if (!machine.ok()) return {render(machine.errors()), {}, {}};
  const Result<std::string> object = codegen::emit(program, *machine, codegen::Emit::object);
  if (!object.ok()) return {render(object.errors()), {}, {}};

  const Folder folder;
  folder.write("program.o", *object);
  folder.write("entries.cpp", entry_table(program));
  folder.write("request", request(program, arena, calls));
  const std::string tree = DESCENT_SOURCE_DIR;
  const std::string build = fmt::format(
      "{0} -std=c++20 -O1 -ffp-contract=off -static -I{1} {1}/tests/support/cross_harness.cpp "
      "{1}/runtime/core/threads.cpp {1}/runtime/core/float_mode.cpp {2} {3} -o {4} -pthread -lm",
      target.compiler, tree, folder.path("entries.cpp"), folder.path("program.o"), folder.path("program"));
  if (std::string error = run_command(build, folder.path("log")); !error.empty()) return {error, {}, {}};
  const std::string command = fmt::format("{} {} {} {}", target.emulator, folder.path("program"),
                                          folder.path("request"), folder.path("answer"));
  if (std::string error = run_command(command, folder.path("log")); !error.empty()) return {error, {}, {}};
  return answer(read_text(folder.path("answer")), arena, calls);
}

}  // namespace descent::test
