#include "tests/support/cross_run.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <cstdio>
#include <cstring>
#include <map>
#include <stdexcept>

#include "codegen/llvm.h"
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

constexpr const char* flags = "-std=c++20 -O1 -ffp-contract=off";

bool is_wasm(const CrossTarget& target) { return target.triple.starts_with("wasm32"); }

// A tool that the compiler calls and that comes in a package of its own.
std::string linker_of(const CrossTarget& target) { return is_wasm(target) ? "wasm-ld-19" : ""; }

// The harness and the core runtime as one object file, made once by each compiler.
std::string harness_of(const std::string& compiler) {
  static std::map<std::string, Folder> made;
  const bool is_new = made.count(compiler) == 0;
  const Folder& folder = made[compiler];
  if (is_new) {
    const std::string tree = DESCENT_SOURCE_DIR;
    folder.write("harness.cpp",
                 "#include \"tests/support/cross_harness.cpp\"\n#include \"runtime/core/threads.cpp\"\n"
                 "#include \"runtime/core/float_mode.cpp\"\n");
    const std::string error = run_command(fmt::format("{} {} -I{} -c {} -o {}", compiler, flags, tree,
                                                      folder.path("harness.cpp"), folder.path("harness.o")),
                                          folder.path("log"));
    if (!error.empty()) throw std::runtime_error(error);
  }
  return folder.path("harness.o");
}

// What stands behind a program when it is linked: the harness, or, where the emulator is the harness, nothing.
std::string rest_of(const CrossTarget& target) {
  if (is_wasm(target)) return "-nostdlib -Wl,--no-entry,--export-all,--export-table";
  return harness_of(target.compiler) + " -static -pthread";
}

}  // namespace

const std::vector<CrossTarget>& cross_targets() {
  static const std::vector<CrossTarget> targets = {
      {"aarch64", "aarch64-linux-gnu", "", "aarch64-linux-gnu-g++", "qemu-aarch64", ""},
      {"riscv64", "riscv64-linux-gnu", "", "riscv64-linux-gnu-g++", "qemu-riscv64 -cpu rv64", ""},
      {"riscv64 with vectors", "riscv64-linux-gnu", "rv64gcv", "riscv64-linux-gnu-g++",
       "qemu-riscv64 -cpu rv64,v=true,vlen=128,vext_spec=v1.0",
       // version 7.2 over vfcvt.rtz.x.f.v, the conversion of vectors to integers
       "translate.c:213: decode_save_opc"},
      {"x86-64", "x86_64-linux-gnu", "x86-64", "g++", "", ""},
      {"x86-64-v2", "x86_64-linux-gnu", "x86-64-v2", "g++", "qemu-x86_64 -cpu Nehalem", ""},
      {"x86-64-v3", "x86_64-linux-gnu", "x86-64-v3", "g++", "qemu-x86_64 -cpu Haswell", ""},
      {"x86-64 levels on v2", "x86_64-linux-gnu", "x86-64-v2,x86-64-v3,x86-64-v4", "g++", "qemu-x86_64 -cpu Nehalem",
       ""},
      {"x86-64 levels on v3", "x86_64-linux-gnu", "x86-64-v2,x86-64-v3,x86-64-v4", "g++", "qemu-x86_64 -cpu Haswell",
       ""},
      {"x86-64 levels here", "x86_64-linux-gnu", "x86-64-v2,x86-64-v3,x86-64-v4", "g++", "", ""},
      {"x86-64-v4", "x86_64-linux-gnu", "x86-64-v4", "g++", "", ""},  // Debian 12's emulator has no AVX-512
      {"wasm32", "wasm32-unknown-unknown", "", "clang++-19 --target=wasm32-unknown-unknown",
       "node " DESCENT_SOURCE_DIR "/tests/support/cross_wasm.mjs", ""},
      {"wasm32 without vectors", "wasm32-unknown-unknown", "mvp", "clang++-19 --target=wasm32-unknown-unknown",
       "node " DESCENT_SOURCE_DIR "/tests/support/cross_wasm.mjs", ""},
  };
  return targets;
}

std::string why_not_here(const CrossTarget& target) {
  for (const std::string& command : {target.compiler, target.emulator, linker_of(target)}) {
    const std::string tool = command.substr(0, command.find(' '));
    if (!tool.empty() && !is_installed(tool)) return tool + " is not installed";
  }
#if defined(__x86_64__)
  if (target.cpu == "x86-64-v4" && !__builtin_cpu_supports("x86-64-v4")) return "this processor has no AVX-512";
#else
  if (target.compiler == "g++") return "this is not an x86-64 processor";
#endif
  return {};
}

std::vector<CrossTarget> targets_here() {
  std::vector<CrossTarget> here;
  for (const CrossTarget& target : cross_targets()) {
    const std::string reason = why_not_here(target);
    if (reason.empty()) here.push_back(target);
    if (!reason.empty()) std::printf("skipped %s: %s\n", target.name.c_str(), reason.c_str());
  }
  return here;
}

CrossProgram::CrossProgram(const CrossTarget& target, const loop::Program& program)
    : target_(target), program_(program) {
  const Result<Machine> machine = codegen::named_machine(target.triple, target.cpu);
  const Result<std::string> object =
      machine.ok() ? codegen::emit(program, *machine, codegen::Emit::object) : Result<std::string>(machine.errors());
  if (!object.ok()) {
    error_ = render(object.errors());
    return;
  }
  folder_.write("program.o", *object);
  folder_.write("entries.cpp", entry_table(program));
  const std::string link =
      fmt::format("{} {} -I{} {} {} {} -o {}", target.compiler, flags, DESCENT_SOURCE_DIR, folder_.path("entries.cpp"),
                  folder_.path("program.o"), rest_of(target), folder_.path("program"));
  error_ = run_command(link, folder_.path("log"));
}

CrossResult CrossProgram::run(const Bytes& arena, const std::vector<CrossCall>& calls) const {
  if (!error_.empty()) return {error_, false, {}, {}};
  folder_.write("request", request(program_, arena, calls));
  const std::string command = fmt::format("{} {} {} {}", target_.emulator, folder_.path("program"),
                                          folder_.path("request"), folder_.path("answer"));
  if (std::string error = run_command(command, folder_.path("log")); !error.empty()) {
    const bool faulted = !target_.fault.empty() && error.find(target_.fault) != std::string::npos;
    if (faulted)
      std::printf("skipped %s of %s: the emulator failed, %s\n", calls[0].entry.c_str(), target_.name.c_str(),
                  target_.fault.c_str());
    return {error, faulted, {}, {}};
  }
  return answer(read_text(folder_.path("answer")), arena, calls);
}

}  // namespace descent::test
