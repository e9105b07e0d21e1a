// Loop programs through the C++ back end: printed, compiled by a C++ compiler of this machine, loaded.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ir/loop.h"
#include "runtime/abi.h"

namespace descent::test {

// A compiler and how it is asked: "g++", "-O2 -march=native".
struct CppCompiler {
  std::string command;
  std::string flags;
};
std::string describe(const CppCompiler& compiler);
// What is missing here: the compiler, or a processor that runs what the flags ask for; empty: nothing.
std::string why_not_here(const CppCompiler& compiler);

// A shared library made of one program.
class CppLibrary {
 public:
  // The error: what the compiler says, its warnings included.
  static Result<std::unique_ptr<CppLibrary>> make(const loop::Program& program, const CppCompiler& compiler);
  // Likewise, from a text in place of the printed program.
  static Result<std::unique_ptr<CppLibrary>> make_of_text(const loop::Program& program, const std::string& text,
                                                          const CppCompiler& compiler);
  ~CppLibrary();
  CppLibrary(const CppLibrary&) = delete;
  CppLibrary& operator=(const CppLibrary&) = delete;

  DescentEntry entry(const std::string& name) const;  // null when there is none
  std::int64_t arena_bytes() const;                   // as the library says

 private:
  CppLibrary(std::string program, void* handle) : program_(std::move(program)), handle_(handle) {}
  std::string program_;
  void* handle_;
};

// A program on several compilers at once. Those that are not here are left out, with a line that says why.
struct CppBuild {
  std::string name;  // for messages
  Result<std::unique_ptr<CppLibrary>> library;
};
std::vector<CppBuild> build_everywhere(const loop::Program& program, const std::vector<CppCompiler>& compilers);

}  // namespace descent::test
