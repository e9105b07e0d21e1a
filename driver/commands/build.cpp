// descent build: an object file, C++, LLVM text or assembly with the model's entries.
#include <filesystem>
#include <map>
#include <string>

#include "descent/tools.h"
#include "driver/commands/command.h"
#include "fmt/format.h"
#include "runtime/data/file.h"

namespace descent::command {
namespace {

struct BuildOptions {
  ModelOptions model;
  std::string out;
  std::string triple, cpu;
  std::string emit = "obj";
};

const std::map<std::string, Artifact> kinds{
    {"asm", Artifact::assembly}, {"cpp", Artifact::cpp}, {"llvm", Artifact::llvm}, {"obj", Artifact::object}};

int run(const BuildOptions& wanted) {
  Result<CompileOptions> options = wanted.model.compile_options();
  if (!options) return fail(options.errors());
  options->triple = wanted.triple;
  options->cpu = wanted.cpu;
  Result<Program> program = compile_file(wanted.model.file, *options);
  if (!program) return fail(program.errors());
  const Artifact kind = kinds.at(wanted.emit);
  Result<std::string> artifact = build(*program, kind);
  if (!artifact) return fail(artifact.errors());
  auto written = data::write_file(wanted.out, data::bytes_of_text(*artifact));
  if (!written) return fail(data::to_string(written.error()));
  for (const CompanionFile& companion : companions_of(kind)) {
    const std::string path = std::filesystem::path(wanted.out).replace_filename(companion.name).string();
    auto beside = data::write_file(path, data::bytes_of_text(companion.text));
    if (!beside) return fail(data::to_string(beside.error()));
  }
  fmt::print("{}: {} bytes; the arena takes {} bytes, 64-byte aligned; at most {} rows\n", wanted.out, *written,
             program->arena_bytes(), program->largest_batch());
  for (const std::string& entry : compiled_entries(*program, kinds.at(wanted.emit))) {
    fmt::print("  void {}_{}(const DescentCall*)\n", program->name(), entry);
  }
  return done;
}

}  // namespace

void add_build(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("build", "Write an object file (or C++, LLVM text, assembly) for any processor");
  auto options = std::make_shared<BuildOptions>();
  options->model.add_to(*command);
  command->add_option("-o,--output", options->out, "The file to write")->required()->type_name("OUT");
  command->add_option("--emit", options->emit, "obj (default), cpp, llvm or asm")
      ->type_name("KIND")
      ->check(one_of({"obj", "cpp", "llvm", "asm"}));
  command->add_option("--target", options->triple, "The target, such as aarch64-linux-gnu (default: this machine)")
      ->type_name("TRIPLE");
  command->add_option("--cpu", options->cpu, "The processor, by LLVM's name, such as cortex-a72")->type_name("NAME");
  command->footer(
      "The entries are C functions over runtime/abi.h: MODEL_step(const DescentCall*).\n\n"
      "Examples:\n"
      "  descent build digits.descent -o digits.o\n"
      "  descent build digits.descent -o digits.o --target aarch64-linux-gnu --cpu cortex-a72");
  command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace descent::command
