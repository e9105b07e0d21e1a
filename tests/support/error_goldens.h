// Every mistake that a test keeps the exact words for: a file in tests/golden/errors/KIND, and beside it NAME.expected.
//
//   language/NAME.descent    is compiled; lines `# --set NAME=VALUE` and `# --only NAME` are options
//   graph/NAME.graph         is read and verified
//   loop/NAME.loop           is read, its memory planned where it is not, and verified
//   transcript/NAME.sh       a shell script that runs `descent …` in an empty folder: each call, what it wrote to
//                            stderr, its exit code
//   constructed/             no file: what no text can spell, made in diagnostics_constructed.cpp
#pragma once

#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "ir/diagnostics.h"

namespace descent::test {

struct Outcome {
  std::string text;
  std::set<std::string, std::less<>> ids;
};
Outcome outcome_of(const Diagnostics& diagnostics);

struct ErrorGolden {
  std::filesystem::path expectation;
  std::function<Outcome()> run;
};
std::vector<ErrorGolden> error_goldens();

struct ConstructedMistake {
  std::string name;
  std::function<Diagnostics()> make;
};
std::vector<ConstructedMistake> constructed_mistakes();
ConstructedMistake mistakes_of_a_builder();

}  // namespace descent::test
