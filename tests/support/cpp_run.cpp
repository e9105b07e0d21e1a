#include "tests/support/cpp_run.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <stdlib.h>

#include <cstdio>
#include <future>

#include "codegen/cpp.h"
#include "tests/support/data.h"
#include "tests/support/text_file.h"

namespace descent::test {
namespace {

using data::test::Folder;

Diagnostic failure(const std::string& message) { return {"cpp-test", {}, message, {}}; }

// Warnings are errors: the printed program has none.
std::string command_line(const CppCompiler& compiler, const Folder& folder) {
  return fmt::format("{} -std=c++17 -ffp-contract=off -Wall -Wextra -Werror {} -fPIC -shared {} -o {} > {} 2>&1",
                     compiler.command, compiler.flags, folder.path("program.cpp"), folder.path("program.so"),
                     folder.path("log"));
}

}  // namespace

std::string describe(const CppCompiler& compiler) { return compiler.command + " " + compiler.flags; }

std::string why_not_here(const CppCompiler& compiler) {
  if (std::system(fmt::format("command -v {} > /dev/null 2>&1", compiler.command).c_str()) != 0) {
    return compiler.command + " is not installed";
  }
#if defined(__x86_64__)
  if (compiler.flags.find("x86-64-v3") != std::string::npos && !__builtin_cpu_supports("x86-64-v3")) {
    return "this processor does not run x86-64-v3";
  }
#else
  if (compiler.flags.find("x86-64") != std::string::npos) return "this is not an x86-64 processor";
#endif
  return {};
}

Result<std::unique_ptr<CppLibrary>> CppLibrary::make(const loop::Program& program, const CppCompiler& compiler) {
  const Result<std::string> text = codegen::emit_cpp(program);
  if (!text.ok()) return text.errors();
  return make_of_text(program, *text, compiler);
}

Result<std::unique_ptr<CppLibrary>> CppLibrary::make_of_text(const loop::Program& program, const std::string& text,
                                                             const CppCompiler& compiler) {
  const Folder folder;
  folder.write("program.cpp", text);
  folder.write(std::string(codegen::cpp_header_name), codegen::cpp_header());
  const std::string command = command_line(compiler, folder);
  if (std::system(command.c_str()) != 0) {
    return failure(fmt::format("{}\n{}", command, read_text(folder.path("log")).substr(0, 4000)));
  }
  void* handle = dlopen(folder.path("program.so").c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return failure(dlerror());
  return std::unique_ptr<CppLibrary>(new CppLibrary(program.name, handle));
}

CppLibrary::~CppLibrary() { dlclose(handle_); }

DescentEntry CppLibrary::entry(const std::string& name) const {
  return reinterpret_cast<DescentEntry>(dlsym(handle_, (program_ + "_" + name).c_str()));
}

std::int64_t CppLibrary::arena_bytes() const {
  const void* symbol = dlsym(handle_, (program_ + "_arena_bytes").c_str());
  return symbol == nullptr ? -1 : *static_cast<const std::int64_t*>(symbol);
}

std::vector<CppBuild> build_everywhere(const loop::Program& program, const std::vector<CppCompiler>& compilers) {
  std::vector<std::pair<std::string, std::future<Result<std::unique_ptr<CppLibrary>>>>> under_way;
  for (const CppCompiler& compiler : compilers) {
    if (const std::string reason = why_not_here(compiler); !reason.empty()) {
      std::printf("skipped %s: %s\n", describe(compiler).c_str(), reason.c_str());
      continue;
    }
    under_way.emplace_back(describe(compiler),
                           std::async(std::launch::async, [&] { return CppLibrary::make(program, compiler); }));
  }
  std::vector<CppBuild> builds;
  for (auto& [name, future] : under_way) builds.push_back({name, future.get()});
  return builds;
}

}  // namespace descent::test
