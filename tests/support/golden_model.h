// Model files of tests/golden: which there are, and how each says that it is compiled.
#pragma once

#include <algorithm>
#include <filesystem>
#include <memory>
#include <regex>
#include <string>
#include <vector>

#include "frontend/frontend.h"
#include "tests/support/text_file.h"

namespace descent::test {

// The files of a folder of tests/golden with one extension, by name. Those called import_… are read by others.
inline std::vector<std::filesystem::path> golden_files(const std::filesystem::path& folder,
                                                       const std::string& extension) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(DESCENT_SOURCE_DIR "/tests/golden" / folder)) {
    const bool imported = entry.path().stem().string().starts_with("import_");
    if (entry.path().extension() == extension && !imported) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

inline SourceRef source_at(const std::filesystem::path& path) {
  return std::make_shared<const Source>(Source{path.filename().string(), read_text(path)});
}

// Lines `# --set NAME=VALUE` and `# --only NAME` are options; imports are files beside this one.
inline Result<frontend::Compilation> compile_golden(const std::filesystem::path& path) {
  const SourceRef source = source_at(path);
  frontend::Options options;
  const std::regex line(R"(# --(set|only) (\S+?)(?:=(.*))?\n)");
  for (std::sregex_iterator found(source->text.begin(), source->text.end(), line), end; found != end; ++found) {
    if ((*found)[1] == "only") options.only = (*found)[2];
    if ((*found)[1] == "set") options.set.push_back({(*found)[2], (*found)[3]});
  }
  options.read_import = [folder = path.parent_path()](const std::string& name) -> Result<SourceRef> {
    if (!std::filesystem::exists(folder / name)) return Diagnostic{"unreadable-file", {}, "no such file", {}};
    return source_at(folder / name);
  };
  return frontend::compile(source, options);
}

}  // namespace descent::test
