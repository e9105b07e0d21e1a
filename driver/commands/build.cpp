// descent build: the model and its training as code for other programs, with its header; descent runtime: what object
// files link with.
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "descent/tools.h"
#include "driver/commands/command.h"
#include "fmt/format.h"
#include "runtime/data/file.h"

namespace descent::command {
namespace {

struct BuildOptions {
  ModelOptions model;
  ArtifactOptions artifact;
  std::string out, header, depfile;
  std::string triple, cpu;
  std::string emit;
};

const std::map<std::string, Artifact> kinds{
    {"obj", Artifact::object}, {"static", Artifact::static_library}, {"shared", Artifact::shared_library},
    {"llvm", Artifact::llvm},  {"asm", Artifact::assembly},          {"cpp", Artifact::cpp}};
const std::map<std::string, Artifact> kinds_by_ending{
    {".o", Artifact::object},         {".obj", Artifact::object},
    {".a", Artifact::static_library}, {".so", Artifact::shared_library},
    {".ll", Artifact::llvm},          {".s", Artifact::assembly},
    {".S", Artifact::assembly},       {".asm", Artifact::assembly},
    {".cpp", Artifact::cpp},          {".cc", Artifact::cpp},
    {".cxx", Artifact::cpp}};

// A file that is to be: written beside its place first, so that either all of them come into being or none.
struct Output {
  std::filesystem::path path;
  std::string bytes;

  std::string beside() const { return path.string() + ".new"; }
};

Diagnostics write_all(const std::vector<Output>& outputs) {
  Diagnostics wrong;
  std::error_code error;
  for (const Output& output : outputs) {
    if (std::filesystem::is_directory(output.path, error)) {
      wrong.push_back(
          {"unwritable-file", {}, fmt::format("{}: expected a file's name, found a folder", output.path.string()), {}});
    }
  }
  for (std::size_t i = 0; i < outputs.size() && wrong.empty(); ++i) {
    auto written = data::write_file(outputs[i].beside(), data::bytes_of_text(outputs[i].bytes));
    if (written) continue;
    const data::Error error_there{outputs[i].path.string(), {}, written.error().message};
    wrong.push_back({"unwritable-file", {}, data::to_string(error_there), {}});
  }
  for (const Output& output : outputs) {
    if (wrong.empty()) {
      std::filesystem::rename(output.beside(), output.path, error);
      if (error)
        wrong.push_back({"unwritable-file", {}, fmt::format("{}: {}", output.path.string(), error.message()), {}});
    }
    std::error_code ignored;
    if (!wrong.empty()) std::filesystem::remove(output.beside(), ignored);
  }
  return wrong;
}

Result<Artifact> kind_of(const BuildOptions& wanted) {
  if (!wanted.emit.empty()) return kinds.at(wanted.emit);
  const std::string ending = std::filesystem::path(wanted.out).extension().string();
  const auto found = kinds_by_ending.find(ending);
  if (found != kinds_by_ending.end()) return found->second;
  return Diagnostic{"command-line",
                    {},
                    fmt::format("the name '{}' does not tell what to write", wanted.out),
                    {{{}, "end it with .o, .a, .so, .ll, .s or .cpp, or give --emit"}}};
}

// What options mean together.
Diagnostics check_options(const BuildOptions& wanted, Artifact kind) {
  const auto wrong = [](std::string message, std::string hint) {
    return Diagnostics{{"command-line", {}, std::move(message), {{{}, std::move(hint)}}}};
  };
  const bool is_library = kind == Artifact::static_library || kind == Artifact::shared_library;
  if (!wanted.artifact.runtime.empty() && !is_library) {
    return wrong("--runtime is what a library takes in; this is none", "an object file is linked with it later");
  }
  if (!wanted.artifact.linker.empty() && kind != Artifact::shared_library) {
    return wrong("--linker makes shared libraries; this is none", "give --emit shared, or a name that ends in .so");
  }
  if (kind == Artifact::cpp && !(wanted.triple.empty() && wanted.cpu.empty())) {
    return wrong("C++ is for any processor: --target and --cpu say nothing here",
                 "give them to the compiler that compiles it");
  }
  return {};
}

// "build/libfashion.a" → "build/fashion.h"
std::filesystem::path header_beside(const std::filesystem::path& out, Artifact kind) {
  std::string stem = out.stem().string();
  const bool is_library = kind == Artifact::static_library || kind == Artifact::shared_library;
  if (is_library && stem.starts_with("lib") && stem.size() > 3) stem = stem.substr(3);
  return std::filesystem::path(out).replace_filename(stem + ".h");
}

// Headers that C, POSIX or the GNU C library has itself: one of the same name in a folder that a compiler searches
// would take its place.
Diagnostics check_header(const std::filesystem::path& header) {
  static const std::set<std::string> taken = {
      "aio",      "alloca", "argp",      "assert",   "complex", "ctype",   "dirent",    "dlfcn",  "elf",    "endian",
      "error",    "errno",  "fcntl",     "features", "fenv",    "float",   "glob",      "grp",    "iconv",  "inttypes",
      "limits",   "link",   "locale",    "malloc",   "math",    "memory",  "netdb",     "paths",  "poll",   "pthread",
      "pwd",      "random", "regex",     "resolv",   "sched",   "search",  "semaphore", "setjmp", "signal", "spawn",
      "stdalign", "stdarg", "stdatomic", "stdbool",  "stddef",  "stdint",  "stdio",     "stdlib", "string", "strings",
      "syslog",   "tar",    "termio",    "termios",  "tgmath",  "threads", "time",      "uchar",  "unistd", "utime",
      "utmp",     "values", "wait",      "wchar",    "wctype",  "wordexp"};
  const std::string stem = header.stem().string();
  if (header.extension() != ".h" || taken.count(stem) == 0) return {};
  return {{"command-line",
           {},
           fmt::format("'{}' is a header of the C library, which this one would hide", header.filename().string()),
           {{{}, fmt::format("give OUT another name, or --header {}_model.h", stem)}}}};
}

// A name as rules for make have it.
std::string in_rule(const std::string& name) {
  std::string text;
  for (char c : name) {
    if (c == ' ' || c == '#') text += '\\';
    text += c == '$' ? "$$" : std::string(1, c);
  }
  return text;
}

std::string rule(const std::vector<Output>& outputs, const std::vector<std::string>& files) {
  std::string text;
  for (const Output& output : outputs) text += (text.empty() ? "" : " ") + in_rule(output.path.string());
  text += ":";
  for (const std::string& file : files) text += " \\\n  " + in_rule(file);
  return text + "\n";
}

int run(const BuildOptions& wanted) {
  Result<CompileOptions> options = wanted.model.compile_options();
  if (!options) return fail(options.errors());
  Result<Artifact> kind = kind_of(wanted);
  if (!kind) return fail(kind.errors());
  if (Diagnostics wrong = check_options(wanted, *kind); !wrong.empty()) return fail(wrong);
  const std::filesystem::path header =
      wanted.header.empty() ? header_beside(wanted.out, *kind) : std::filesystem::path(wanted.header);
  if (Diagnostics wrong = check_header(header); !wrong.empty()) return fail(wrong);
  options->triple = wanted.triple;
  options->cpu = wanted.cpu;
  Result<Program> program = compile_file(wanted.model.file, *options);
  if (!program) return fail(program.errors());
  ArtifactOptions artifact = wanted.artifact;
  artifact.kind = *kind;
  Result<ArtifactFiles> files = build(*program, artifact);
  if (!files) return fail(files.errors());
  std::vector<Output> outputs{{wanted.out, std::move(files->artifact)}, {header, std::move(files->header)}};
  for (const CompanionFile& companion : files->companions) {
    outputs.push_back({std::filesystem::path(wanted.out).replace_filename(companion.name), companion.text});
  }
  const std::size_t bytes = outputs[0].bytes.size();
  if (!wanted.depfile.empty()) outputs.push_back({wanted.depfile, rule(outputs, program->files())});
  if (Diagnostics wrong = write_all(outputs); !wrong.empty()) return fail(wrong);
  fmt::print("{}: {} bytes, declared in {}; a trainer takes {} bytes; at most {} rows\n", wanted.out, bytes,
             header.string(), files->memory_bytes, program->largest_batch());
  return done;
}

struct RuntimeOptions {
  std::string out;
  bool bare = false;
};

int write_runtime(const RuntimeOptions& wanted) {
  const std::string ending = std::filesystem::path(wanted.out).extension().string();
  if (ending == ".a") {
    const Diagnostics wrong = write_all({{wanted.out, runtime_archive(wanted.bare)}});
    return wrong.empty() ? done : fail(wrong);
  }
  if (ending == ".cpp" || ending == ".cc" || ending == ".cxx") {
    const Diagnostics wrong = write_all({{wanted.out, runtime_source(wanted.bare)}});
    return wrong.empty() ? done : fail(wrong);
  }
  return fail(fmt::format("the name '{}' does not tell what to write", wanted.out),
              "end it with .a, or with .cpp for the source");
}

void add_outputs(CLI::App& command, BuildOptions& options) {
  command.add_option("-o,--output", options.out, "The file to write; its ending says what")
      ->required()
      ->type_name("OUT");
  command.add_option("--emit", options.emit, "obj, static, shared, llvm, asm or cpp, whatever OUT is called")
      ->type_name("KIND")
      ->check(one_of({"obj", "static", "shared", "llvm", "asm", "cpp"}));
  command.add_option("--header", options.header, "The header (default: beside OUT, by its name)")->type_name("FILE");
  command.add_option("--depfile", options.depfile, "A rule for make with every file that was read")->type_name("FILE");
}

}  // namespace

void add_build(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("build", "Write the model and its training as a library, an object file or C++");
  auto options = std::make_shared<BuildOptions>();
  options->model.add_to(*command);
  add_outputs(*command, *options);
  command->add_option("--target", options->triple, "The target, such as aarch64-linux-gnu (default: this machine)")
      ->type_name("TRIPLE");
  command->add_option("--cpu", options->cpu, "The processor, by LLVM's name, such as cortex-a72")->type_name("NAME");
  command
      ->add_option(
          "--entries", options->artifact.entries,
          "Only these, separated by commas, of init, step (and what it accumulates), steps, evaluate and predict")
      ->delimiter(',')
      ->type_name("NAMES");
  command->add_flag("--bare", options->artifact.bare, "For one thread and no system: it needs memcpy and memset");
  command
      ->add_option("--runtime", options->artifact.runtime,
                   "The core runtime that a library for another machine takes in")
      ->type_name("FILE");
  command->add_option("--linker", options->artifact.linker, "A compiler's command that links shared libraries")
      ->type_name("COMMAND");
  command->footer(
      "OUT's header declares functions in C and a class in C++. An object file links with what `descent runtime` "
      "writes,\n"
      "and with threads; libraries hold it.\n\n"
      "Examples:\n"
      "  descent build digits.descent -o libdigits.a\n"
      "  descent build digits.descent -o digits.o --target aarch64-linux-gnu --cpu cortex-a72\n"
      "  descent build digits.descent -o digits.cpp");
  command->callback([options, &exit_code] { exit_code = run(*options); });
}

void add_runtime(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("runtime", "Write the core runtime that object files of `build` link with");
  auto options = std::make_shared<RuntimeOptions>();
  command->add_option("-o,--output", options->out, "libdescent_runtime.a for this machine, or a source, .cpp")
      ->required()
      ->type_name("OUT");
  command->add_flag("--bare", options->bare, "Without threads, files and memory of its own");
  command->footer(
      "Examples:\n"
      "  descent runtime -o libdescent_runtime.a\n"
      "  descent runtime -o descent_runtime.cpp   # C++20 for any compiler, such as aarch64-linux-gnu-g++ -O2 -c");
  command->callback([options, &exit_code] { exit_code = write_runtime(*options); });
}

}  // namespace descent::command
