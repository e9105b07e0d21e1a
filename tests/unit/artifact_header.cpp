// Headers, word by word; "[refresh]" writes them anew.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "descent/tools.h"
#include "tests/support/command.h"
#include "tests/support/shell.h"

namespace descent::test {
namespace {

struct GoldenHeader {
  std::string name, model;
  bool bare = false;
};
const std::vector<GoldenHeader> headers = {{"xor", "/examples/01_xor.descent"},
                                           {"mixed", "/tests/artifact/mixed.descent"},
                                           {"micro", "/tests/artifact/micro.descent"},
                                           {"bare", "/examples/01_xor.descent", true}};

std::string golden_path(const GoldenHeader& header) {
  return source_folder + "/tests/golden/artifact/" + header.name + ".h.golden";
}

// A number that follows from how the model is lowered: left out, so that this is about headers.
std::string without_number(const std::string& text, const std::string& constant) {
  const std::size_t begin = text.find(constant) + constant.size();
  REQUIRE(begin > constant.size());
  return text.substr(0, begin) + "64" + text.substr(text.find_first_of(")\n", begin));
}

// For one machine, so that panels are as wide everywhere.
std::string header_text(const GoldenHeader& header) {
  CompileOptions options;
  options.triple = "x86_64-linux-gnu";
  options.cpu = "x86-64-v3";
  const Program program = value_of(compile_file(source_folder + header.model, options));
  ArtifactOptions artifact;
  artifact.kind = Artifact::llvm;
  artifact.bare = header.bare;
  const std::string text = value_of(build(program, artifact)).header;
  return without_number(without_number(text, "_CONTRACT UINT64_C("), "_MEMORY_BYTES ");
}

}  // namespace

TEST_CASE("an artifact's header is as it is written down") {
  for (const GoldenHeader& header : headers) {
    INFO(header.name);
    CHECK(header_text(header) == read_text(golden_path(header)));
  }
}

TEST_CASE("the golden headers, written anew", "[.][refresh]") {
  for (const GoldenHeader& header : headers) std::ofstream(golden_path(header)) << header_text(header);
}

TEST_CASE("headers are C99 and C++ without a warning, several of them in one file") {
  const Folder folder;
  for (const char* name : {"xor", "mixed", "micro"}) {
    folder.write(std::string(name) + ".h", read_text(golden_path({name, ""})));
  }
  const std::string both =
      "#include \"xor.h\"\n#include \"mixed.h\"\n#include \"micro.h\"\n#include \"xor.h\"\nint main(void) { return 0; "
      "}\n";
  folder.write("both.c", both);
  folder.write("both.cpp", both);
  const std::string flags = " -Wall -Wextra -Werror -pedantic -fsyntax-only ";
  run_in(folder, "gcc -std=c99" + flags + "both.c");
  run_in(folder, "g++ -std=c++17" + flags + "both.cpp");
  run_in(folder, "g++ -std=c++20 -fno-exceptions" + flags + "both.cpp");
  if (!is_installed("clang++-19")) return;
  run_in(folder, "clang-19 -std=c99" + flags + "both.c");
  run_in(folder, "clang++-19 -std=c++20" + flags + "both.cpp");
}

// Model files may be called like anything in the C library, several in one program.
TEST_CASE("a model called like a function of the C library gets along with it") {
  const Folder folder;
  const std::string model = read_text(source_folder + "/examples/01_xor.descent");
  std::string includes =
      "#include <bits/stdc++.h>\n#include <aio.h>\n#include <semaphore.h>\n#include <signal.h>\n"
      "#include <strings.h>\n#include <sys/stat.h>\n#include <time.h>\n#include <unistd.h>\n";
  std::string uses = "int main() {\n  bool all = true;\n", objects;
  for (const std::string name : {"time", "index", "signal", "errno", "stat", "gamma", "y0", "timer", "sem", "linux"}) {
    INFO(name);
    std::string text = model.substr(0, model.find("train truth_table"));
    text.replace(text.find("model xor"), 9, "model " + name);
    folder.write(name + ".descent", text);
    const Outcome built =
        descent_in(folder, "build " + name + ".descent -o " + name + "_model.o --entries init,predict");
    INFO(built.error);
    REQUIRE(built.code == 0);
    const bool is_family = name == "timer" || name == "sem";
    includes += "#include \"" + name + "_model.h\"\n";
    uses += "  { " + name + (is_family ? "_model" : "_") + "::Trainer made(1); all = all && made && made.init(1); }\n";
    objects += " " + name + "_model.o";
  }
  folder.write("all.cpp", includes + uses + "  return all && ::time(nullptr) > 0 ? 0 : 1;\n}\n");
  REQUIRE(descent_in(folder, "runtime -o libdescent_runtime.a").code == 0);
  run_in(folder,
         "g++ -std=gnu++20 -Wall -Wextra -Werror -I. all.cpp" + objects + " libdescent_runtime.a -pthread -o all");
  run_in(folder, "./all");
}

}  // namespace descent::test
