// `descent fmt` on files: what is written, what is left alone, what is said.
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "descent/tools.h"
#include "tests/support/command.h"

namespace descent::test {
namespace {

namespace fs = std::filesystem;
using data::test::Folder;

const std::string untidy = "# a model\nmodel m( ) {\n    input x:f32[batch]   # rows\n\n\n  output y=x\n}";
const std::string tidy = "# a model\nmodel m() {\n  input x : f32[batch]  # rows\n\n  output y = x\n}\n";

// Names that lie in a folder, but for the streams' files.
std::vector<std::string> names_in(const Folder& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder.path(""))) {
    const std::string name = entry.path().filename().string();
    if (name != "out.txt" && name != "error.txt") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

TEST_CASE("fmt rewrites what differs, names it, and keeps its rights") {
  Folder folder;
  folder.write("a.descent", untidy);
  folder.write("b.descent", tidy);
  ::chmod(folder.path("a.descent").c_str(), 0640);
  const auto before = fs::last_write_time(folder.path("b.descent"));
  const Outcome outcome = descent_in(folder, "fmt a.descent b.descent");
  CHECK(outcome.code == 0);
  CHECK(outcome.out == "a.descent\n");
  CHECK(outcome.error.empty());
  CHECK(read_text(folder.path("a.descent")) == tidy);
  CHECK(fs::status(folder.path("a.descent")).permissions() == fs::perms(0640));
  CHECK(fs::last_write_time(folder.path("b.descent")) == before);
  CHECK(names_in(folder) == std::vector<std::string>{"a.descent", "b.descent"});
  CHECK(descent_in(folder, "fmt a.descent b.descent").out.empty());
}

TEST_CASE("fmt writes through a link and into folders") {
  Folder folder;
  fs::create_directories(folder.path("models/deep"));
  folder.write("models/deep/a.descent", untidy);
  folder.write("models/notes.txt", untidy);
  folder.write("target.descent", untidy);
  fs::create_symlink("target.descent", folder.path("link.descent"));
  CHECK(descent_in(folder, "fmt link.descent models").out == "link.descent\nmodels/deep/a.descent\n");
  CHECK(fs::is_symlink(folder.path("link.descent")));
  CHECK(read_text(folder.path("target.descent")) == tidy);
  CHECK(read_text(folder.path("models/deep/a.descent")) == tidy);
  CHECK(read_text(folder.path("models/notes.txt")) == untidy);
}

TEST_CASE("fmt --check changes nothing and shows the first line that would") {
  Folder folder;
  folder.write("a.descent", untidy);
  folder.write("b.descent", tidy);
  folder.write("c.descent", tidy + "\n");
  folder.write("d.descent", tidy.substr(0, tidy.size() - 1));
  const Outcome outcome = descent_in(folder, "fmt --check a.descent b.descent c.descent d.descent");
  CHECK(outcome.code == 1);
  CHECK(outcome.out ==
        "a.descent:2 is not formatted\n  - model m( ) {\n  + model m() {\n"
        "c.descent:7 is not formatted\n  - (an empty line)\n  + (end of file)\n"
        "d.descent:6 is not formatted\n  - } (without a line end)\n  + }\n");
  CHECK(outcome.error.empty());
  CHECK(read_text(folder.path("a.descent")) == untidy);
  CHECK(descent_in(folder, "fmt --check b.descent").code == 0);
}

TEST_CASE("fmt - goes from standard input to standard output") {
  Folder folder;
  folder.write("a.descent", untidy);
  folder.write("bad.descent", "model m( {\n");
  const Outcome outcome = descent_in(folder, "fmt - <a.descent");
  CHECK(outcome.code == 0);
  CHECK(outcome.out == tidy);
  const Outcome bad = descent_in(folder, "fmt - <bad.descent");
  CHECK(bad.code == 1);
  CHECK(bad.out.empty());
  CHECK(bad.error.starts_with("<stdin>:1:10: error: expected a parameter, found '{'\n"));
}

TEST_CASE("fmt leaves what it cannot format as it is, says why, and goes on") {
  Folder folder;
  const std::string graph = "descent graph 1\n";
  folder.write("bad.descent", "model m() {\n  y = (1\n}\n");
  folder.write("graph.txt", graph);
  folder.write("loop.txt", "# printed\ndescent loop 1\n");
  folder.write("packed.descent", data::test::gzip(untidy));
  folder.write("good.descent", untidy);
  const Outcome outcome = descent_in(folder, "fmt bad.descent graph.txt loop.txt packed.descent none good.descent");
  CHECK(outcome.code == 1);
  CHECK(outcome.out == "good.descent\n");
  CHECK(outcome.error ==
        "bad.descent:3:1: error: expected ')', found '}'\n  3 | }\n    | ^\n"
        "bad.descent:2:7: note: opened here\n  2 |   y = (1\n    |       ^\n"
        "error: 'graph.txt' is a printed Graph: it has the layout that the printer gives it\n"
        "error: 'loop.txt' is a printed Loop program: it has the layout that the printer gives it\n"
        "error: packed.descent: expected a text, found a gzip file\n"
        "error: none: cannot open: no such file or folder\n");
  CHECK(read_text(folder.path("bad.descent")) == "model m() {\n  y = (1\n}\n");
  CHECK(read_text(folder.path("graph.txt")) == graph);
}

}  // namespace descent::test
