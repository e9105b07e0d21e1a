// Finds the files, knows how each kind of them is run.
#include "tests/support/error_goldens.h"

#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <sstream>

#include "frontend/frontend.h"
#include "ir/graph.h"
#include "ir/loop.h"
#include "passes/plan_memory.h"
#include "tests/support/data.h"

namespace descent::test {

namespace fs = std::filesystem;

namespace {

const fs::path folder = fs::path(DESCENT_SOURCE_DIR) / "tests/golden/errors";

SourceRef source_at(const fs::path& path) {
  return std::make_shared<const Source>(Source{path.filename().string(), read_text(path)});
}

frontend::Options options_in(const std::string& text, const fs::path& imports) {
  frontend::Options options;
  const std::regex line(R"(# --(set|only) (\S+?)(?:=(.*))?\n)");
  for (auto found = std::sregex_iterator(text.begin(), text.end(), line); found != std::sregex_iterator(); ++found) {
    if ((*found)[1] == "only") options.only = (*found)[2];
    if ((*found)[1] == "set") options.set.push_back({(*found)[2], (*found)[3]});
  }
  options.read_import = [imports](const std::string& path) -> Result<SourceRef> {
    if (!fs::exists(imports / path)) return Diagnostic{"unreadable-file", {}, "no such file", {}};
    return source_at(imports / path);
  };
  return options;
}

Diagnostics compile_language(const fs::path& path) {
  const SourceRef source = source_at(path);
  const auto compiled = frontend::compile(source, options_in(source->text, path.parent_path()));
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

// Those called import_… are read by others.
std::vector<fs::path> files_of(const FileKind& kind) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder / kind.folder)) {
    const bool imported = entry.path().stem().string().starts_with("import_");
    if (entry.path().extension() == kind.extension && !imported) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

std::string read_text(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

Outcome outcome_of(const Diagnostics& diagnostics) {
  Outcome outcome{render(diagnostics), {}};
  for (const Diagnostic& diagnostic : diagnostics) outcome.ids.emplace(diagnostic.id);
  return outcome;
}

std::vector<ErrorGolden> error_goldens() {
  std::vector<ErrorGolden> goldens;
  for (const FileKind& kind : kinds) {
    for (const fs::path& path : files_of(kind)) {
      goldens.push_back({fs::path(path).replace_extension(".expected"), [kind, path] { return kind.run(path); }});
    }
  }
  for (const ConstructedMistake& mistake : constructed_mistakes()) {
    goldens.push_back(
        {folder / "constructed" / (mistake.name + ".expected"), [mistake] { return outcome_of(mistake.make()); }});
  }
  return goldens;
}

}  // namespace descent::test
