// `descent doc`: the library, one of its functions, a file. And what the reference says about readers.
#include <catch2/catch.hpp>

#include "descent/tools.h"
#include "driver/readers.h"
#include "tests/support/command.h"

namespace descent::test {

TEST_CASE("doc shows the library, a function, a file, and suggests a name") {
  data::test::Folder folder;
  folder.write("a.descent", "# Twice.\nfn twice(x : f32) -> f32 {\n  return 2 * x\n}\n");
  folder.write("graph.descent", "descent graph 1\n");
  CHECK(descent_in(folder, "doc").out == document_library());
  const Outcome linear = descent_in(folder, "doc linear");
  CHECK(linear.code == 0);
  CHECK(linear.out.starts_with("### linear\n\n```\nfn linear(x : f32[..., inputs], n : size,\n"));
  CHECK(descent_in(folder, "doc a.descent").out ==
        "## a\n\n### twice\n\n```\nfn twice(x : f32) -> f32\n```\n\nTwice.\n\n");
  const std::pair<const char*, const char*> mistakes[] = {
      {"doc lienar", "error: the library has no function 'lienar'\nnote: did you mean 'linear'?\n"},
      {"doc frobnicate",
       "error: the library has no function 'frobnicate'\nnote: `descent doc` shows all there are; a file's name ends "
       "in .descent\n"},
      {"doc none.descent", "error: none.descent: cannot open: no such file or folder\n"},
      {"doc graph.descent",
       "error: 'graph.descent' is a printed program: only a model file has functions to document\n"},
  };
  for (const auto& [arguments, error] : mistakes) {
    const Outcome outcome = descent_in(folder, arguments);
    CHECK(outcome.code == 1);
    CHECK(outcome.out.empty());
    CHECK(outcome.error == error);
  }
}

TEST_CASE("the reference names every reader and its arguments") {
  const std::string page = read_text(DESCENT_SOURCE_DIR "/frontend/LANGUAGE.md");
  for (const Reader& reader : readers()) {
    INFO(reader.name);
    CHECK(page.find('`' + std::string(reader.name)) != std::string::npos);
    for (const ReaderArgument& argument : reader.arguments) {
      INFO(argument.name);
      if (argument.name != "file") CHECK(page.find('`' + std::string(argument.name) + '`') != std::string::npos);
    }
  }
}

}  // namespace descent::test
