// Finds the files, knows how each kind of them is run.
#include "tests/support/error_goldens.h"

#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "ir/graph.h"
#include "ir/loop.h"
#include "passes/plan_memory.h"
#include "tests/support/data.h"
#include "tests/support/golden_model.h"

namespace descent::test {

namespace fs = std::filesystem;

namespace {

Diagnostics compile_language(const fs::path& path) {
  const auto compiled = compile_golden(path);
  return compiled ? Diagnostics{} : compiled.errors();
}

Diagnostics read_graph(const fs::path& path) {
  const Result<Model> model = parse_model(source_at(path));
  return model ? verify(*model) : model.errors();
}

Diagnostics read_loop(const fs::path& path) {
  Result<loop::Program> program = loop::parse_program(source_at(path));
  if (!program) return program.errors();
  const bool planned = std::any_of(program->buffers.begin(), program->buffers.end(),
                                   [](const loop::Buffer& buffer) { return buffer.offset >= 0; });
  if (!planned) program = plan_memory(std::move(*program));
  return program ? loop::verify(*program) : program.errors();
}

// `descent` is a shell function that shows the call, what it complains about, and its exit code.
constexpr const char* prelude = "descent() { echo \"\\$ descent $*\" >&3; '" DESCENT_NOTING_COMMAND
                                "' \"$@\" 2>&3 >/dev/null </dev/null; echo \"exit code $?\" >&3; }\n";

Outcome run_transcript(const fs::path& path) {
  const data::test::Folder place;
  const data::test::Folder records;
  const std::string script = records.write("script", prelude + read_text(path));
  const std::string command = "cd '" + place.path("") +
                              "' && env -i PATH=\"$PATH\" LC_ALL=C DESCENT_DATA= " + "DESCENT_NOTED_IDS='" +
                              records.path("ids") + "' sh '" + script + "' 3>'" + records.path("shown") + "' 2>'" +
                              records.path("complaints") + "'";
  const int status = std::system(command.c_str());
  Outcome outcome{read_text(records.path("shown")) + read_text(records.path("complaints")), {}};
  if (!WIFEXITED(status)) outcome.text += "the script was killed\n";
  std::istringstream ids(read_text(records.path("ids")));
  for (std::string id; std::getline(ids, id);) outcome.ids.insert(id);
  return outcome;
}

struct FileKind {
  const char* folder;
  const char* extension;
  Outcome (*run)(const fs::path& path);
};
constexpr FileKind kinds[] = {
    {"language", ".descent", [](const fs::path& path) { return outcome_of(compile_language(path)); }},
    {"graph", ".graph", [](const fs::path& path) { return outcome_of(read_graph(path)); }},
    {"loop", ".loop", [](const fs::path& path) { return outcome_of(read_loop(path)); }},
    {"transcript", ".sh", run_transcript},
};

}  // namespace

Outcome outcome_of(const Diagnostics& diagnostics) {
  Outcome outcome{render(diagnostics), {}};
  for (const Diagnostic& diagnostic : diagnostics) outcome.ids.emplace(diagnostic.id);
  return outcome;
}

std::vector<ErrorGolden> error_goldens() {
  std::vector<ErrorGolden> goldens;
  for (const FileKind& kind : kinds) {
    for (const fs::path& path : golden_files(fs::path("errors") / kind.folder, kind.extension)) {
      goldens.push_back({fs::path(path).replace_extension(".expected"), [kind, path] { return kind.run(path); }});
    }
  }
  const fs::path constructed = DESCENT_SOURCE_DIR "/tests/golden/errors/constructed";
  for (const ConstructedMistake& mistake : constructed_mistakes()) {
    goldens.push_back({constructed / (mistake.name + ".expected"), [mistake] { return outcome_of(mistake.make()); }});
  }
  return goldens;
}

}  // namespace descent::test
