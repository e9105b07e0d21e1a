// Model texts in their one layout, and the file that receives it.
#include "fmt/format.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "descent/tools.h"
#include "driver/program.h"
#include "frontend/frontend.h"
#include "runtime/data/file.h"

namespace descent {
namespace {

Result<std::string> format(const SourceRef& source) {
  const TextKind kind = kind_of(source->text);
  if (kind == TextKind::model) return frontend::format(source);
  return diagnostic("not-a-model-file", {},
                    fmt::format("'{}' is a printed {}: it has the layout that the printer gives it", source->name,
                                kind == TextKind::graph ? "Graph" : "Loop program"));
}

// Reading would unpack it, and writing leave it unpacked.
bool is_packed(const std::string& path) {
  std::array<char, 2> first{};
  std::ifstream(path, std::ios::binary).read(first.data(), first.size());
  return data::is_gzip(std::as_bytes(std::span(first)));
}

}  // namespace

Result<std::string> format(std::string name, std::string text) {
  Result<SourceRef> source = text_source(std::move(name), std::move(text));
  if (!source) return source.errors();
  return format(*source);
}

Result<Formatting> format_file(const std::string& path) {
  if (is_packed(path)) {
    return diagnostic("unreadable-file", {}, fmt::format("{}: expected a text, found a gzip file", path));
  }
  Result<SourceRef> source = read_source(path);
  if (!source) return source.errors();
  Result<std::string> after = format(*source);
  if (!after) return after.errors();
  return Formatting{(*source)->text, std::move(*after)};
}

Diagnostics rewrite_file(const std::string& path, const std::string& text) {
  if (::access(path.c_str(), W_OK) != 0) {
    const std::string reason = std::generic_category().message(errno);
    return {diagnostic("unwritable-file", {}, fmt::format("{}: cannot write: {}", path, reason))};
  }
  std::error_code unresolved;  // a link stays, what it names is written
  const std::filesystem::path target = std::filesystem::canonical(path, unresolved);
  const auto written = data::write_file(unresolved ? path : target.string(), data::bytes_of_text(text));
  if (written) return {};
  return {diagnostic("unwritable-file", {}, data::to_string(written.error()))};
}

}  // namespace descent
