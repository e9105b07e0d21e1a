// Artifacts: the entries that are wanted, as code behind the functions of a header, with what they need.
#include "codegen/artifact.h"

#include <algorithm>
#include <filesystem>

#include "codegen/archive.h"
#include "codegen/cpp.h"
#include "codegen/llvm.h"
#include "descent/tools.h"
#include "driver/embedded_runtime.h"
#include "driver/link.h"
#include "driver/model_face.h"
#include "driver/program.h"
#include "fmt/format.h"
#include "passes/whole_loop.h"
#include "runtime/data/file.h"

namespace descent {
namespace {

// The program with what runs once or hardly ever in its smallest form; a printed Loop program as it stands.
Result<loop::Program> small_form(const Program& program) {
  if (program.step() == nullptr) return program.loop();
  LowerOptions options = lower_options(program.parts(), program.largest_batch());
  options.small_code = true;
  return lower(*program.step(), options);
}

Result<loop::Program> wanted_entries(const Program& program, const ArtifactOptions& options) {
  const std::vector<std::string> known = compiled_entries(program);
  for (const std::string& name : options.entries) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::vector<Note> notes = did_you_mean(name, known);
    if (notes.empty()) notes.push_back({{}, fmt::format("there are {}", fmt::join(known, ", "))});
    return diagnostic("no-entry", {}, fmt::format("model '{}' has no entry '{}'", program.name(), name), notes);
  }
  const auto is_wanted = [&](const std::string& name) {
    const std::vector<std::string>& all = options.entries.empty() ? known : options.entries;
    const auto has = [&](const char* entry) { return std::find(all.begin(), all.end(), entry) != all.end(); };
    // Neither is of use without what the other does.
    return has(name.c_str()) || (name == "report" && has("evaluate")) || (name == "accumulate" && has("step"));
  };
  Result<loop::Program> part = small_form(program);
  if (!part) return part;
  std::erase_if(part->entries, [&](const loop::Entry& entry) { return !is_wanted(entry.name); });
  return part;
}

// The object files of the core runtime for the program's machine.
Result<std::vector<codegen::ArchiveMember>> runtime_members(const Program& program, const ArtifactOptions& options) {
  const std::string& triple = program.parts().machine.triple;
  if (options.runtime.empty()) {
    if (!codegen::links_with(triple, codegen::host_machine().triple)) {
      return diagnostic("no-runtime", {}, fmt::format("there is no core runtime for '{}' in this program", triple),
                        {{{},
                          "compile what `descent runtime -o descent_runtime.cpp` writes for it, and give the object "
                          "file as --runtime"}});
    }
    return codegen::members_of(embedded_runtime(options.bare), "the core runtime", triple);
  }
  auto bytes = data::read_file(options.runtime);
  if (!bytes) return diagnostic("unreadable-file", {}, data::to_string(bytes.error()));
  return codegen::members_of(data::text_of(*bytes), options.runtime, triple);
}

// The linker of another machine by the name that compilers for it have.
std::string linker_for(const Program& program, const ArtifactOptions& options) {
  if (!options.linker.empty()) return options.linker;
  const std::string& triple = program.parts().machine.triple;
  if (codegen::links_with(triple, codegen::host_machine().triple)) return "cc";
  return triple.substr(0, triple.find('-')) + "-linux-gnu-gcc";
}

Result<std::string> library(const Program& program, const ArtifactOptions& options, std::string object) {
  Result<std::vector<codegen::ArchiveMember>> members = runtime_members(program, options);
  if (!members) return members.errors();
  members->insert(members->begin(), {program.name() + ".o", std::move(object)});
  if (options.kind == Artifact::static_library) return codegen::archive_of(*members);
  return link_shared(*members, linker_for(program, options));
}

codegen::Emit emit_kind(Artifact kind) {
  if (kind == Artifact::llvm) return codegen::Emit::llvm;
  return kind == Artifact::assembly ? codegen::Emit::assembly : codegen::Emit::object;
}

}  // namespace

std::vector<std::string> compiled_entries(const Program& program) {
  std::vector<std::string> names;
  for (const loop::Entry& entry : program.loop().entries) names.push_back(entry.name);
  return names;
}

Result<ArtifactFiles> build(const Program& program, const ArtifactOptions& options) {
  Result<loop::Program> wanted = wanted_entries(program, options);
  if (!wanted) return wanted.errors();
  const codegen::ModelFace face = face_of(program, *wanted, options.bare);
  const bool is_cpp = options.kind == Artifact::cpp;
  Result<std::string> code = is_cpp ? codegen::emit_cpp(*wanted, &face)
                                    : codegen::emit(*wanted, program.parts().machine, emit_kind(options.kind), &face);
  if (!code) return code.errors();
  const bool is_library = options.kind == Artifact::static_library || options.kind == Artifact::shared_library;
  if (is_library) code = library(program, options, std::move(*code));
  if (!code) return code.errors();
  ArtifactFiles files{std::move(*code), codegen::header_of(face), {}, codegen::memory_bytes_of(face)};
  if (is_cpp) {
    files.companions = {{std::string(codegen::cpp_header_name), codegen::cpp_header()},
                        {std::string(codegen::cpp_model_header_name), codegen::cpp_model_header()},
                        {std::string(codegen::runtime_source_name), codegen::runtime_source(options.bare)}};
  }
  return files;
}

std::string runtime_archive(bool bare) { return std::string(embedded_runtime(bare)); }
std::string runtime_source(bool bare) { return codegen::runtime_source(bare); }

}  // namespace descent
