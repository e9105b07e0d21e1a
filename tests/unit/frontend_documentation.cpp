// Documentation: every function of the library has a docstring with the four labels, the page that lies in the tree is
// the one generated, and docstrings of a user's file are found.
#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>

#include "frontend/documentation.h"
#include "frontend/frontend.h"
#include "tests/support/text_file.h"

using namespace descent;
using frontend::documentation_labels;

namespace {

constexpr const char* page = DESCENT_SOURCE_DIR "/frontend/std/README.md";

SourceRef source_of(std::string text) {
  return std::make_shared<const Source>(Source{"folder/mine.descent", std::move(text)});
}

// What a docstring lacks: its first sentence, or a label with something behind it.
std::vector<std::string> missing_in(const std::vector<std::string>& lines) {
  std::vector<std::string> missing;
  const auto begins = [](const std::string& line, std::string_view label) {
    return line.starts_with(std::string(label) + ": ") && line.size() > label.size() + 2;
  };
  const bool prose = !lines.empty() && std::none_of(std::begin(documentation_labels), std::end(documentation_labels),
                                                    [&](std::string_view label) { return begins(lines[0], label); });
  if (!prose) missing.emplace_back("what it does");
  for (const std::string_view label : documentation_labels) {
    const bool found = std::any_of(lines.begin(), lines.end(), [&](const auto& line) { return begins(line, label); });
    if (!found) missing.emplace_back(label);
  }
  return missing;
}

}  // namespace

TEST_CASE("refresh the library's page", "[.][refresh]") { std::ofstream(page) << frontend::library_documentation(); }

TEST_CASE("the library's page is the one generated: ./dev refresh writes it anew") {
  CHECK(test::read_text(page) == frontend::library_documentation());
}

TEST_CASE("every function of the library has a docstring with formula, shape, range and source") {
  CHECK(missing_in({}).size() == 5);
  CHECK(missing_in({"Does.", "Formula: x", "Shape:", "Range: y", "Source: z"}) == std::vector<std::string>{"Shape"});
  for (const SourceRef& source : frontend::standard_library()) {
    const auto file = frontend::parse(source);
    REQUIRE(file);
    for (const auto& function : file->functions) {
      INFO(source->name << ": " << function.name.text);
      CHECK(missing_in(frontend::docstring_of(function)).empty());
    }
  }
}

TEST_CASE("a file's documentation: its opening, tidy signatures, docstrings, parameters and states") {
  const auto found = frontend::documentation(
      source_of("# Mine.\n# More.\n\n# far away\n\n# Scales.\n# A { in prose.\n# Shape: f32[n]\n#   twice\nfn "
                "scale(x:f32[n], # { here\n"
                "param w:f32[n]~ones, frozen param c : f32 ~ normal(2)) -> f32[n] {\n  return x\n}\n"
                "optimizer o(w,g) {\n  state m ~ zeros\n  w := m\n}\n"));
  REQUIRE(found);
  CHECK(*found ==
        "## mine\n\nMine.\nMore.\n\n"
        "### scale\n\n```\nfn scale(x : f32[n],  # { here\n         param w : f32[n] ~ ones, frozen param c : f32 ~ "
        "normal(2)) -> f32[n]\n```\n\n"
        "Scales.\nA { in prose.\n\n- **Shape**: f32[n]\n  twice\n"
        "- **Parameter**: `w` : `f32[n]`, from `ones`\n- **Parameter**: `c` : `f32`, from `normal(2)`, frozen\n\n"
        "### o\n\n```\noptimizer o(w, g)\n```\n\n- **State**: `m`, from `zeros`\n\n");
  CHECK(!frontend::documentation(source_of("fn f(")));
}

TEST_CASE("one function of the library by its name") {
  CHECK(
      frontend::library_documentation("relu").starts_with("### relu\n\n```\nfn relu(x : f32[...]) -> f32[...]\n```\n"));
  CHECK(frontend::library_documentation("rleu").empty());
  const std::vector<std::string> names = frontend::library_names();
  CHECK(std::find(names.begin(), names.end(), "adamw") != names.end());
}
