// Looking at a program, checking its gradients, building artifacts, formatting its text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "descent/descent.h"

namespace descent {

// The ladder of stages, in order: ast, graph, step, fused, loop, llvm, cpp, asm.
const std::vector<std::string>& stages();

struct InspectOptions {
  std::string stage = "graph";
  std::string pass;    // not empty: the Graph before and after this pass instead of a stage
  std::string kernel;  // only this kernel; stages loop, llvm, cpp and asm
  std::string entry;   // only this entry; all stages but ast
};
// The text of a stage.
Result<std::string> inspect(const Program& program, const InspectOptions& options);

// What the kernels of an entry cost at the largest batch; ir/loop_cost.h says how operations and bytes are counted.
struct KernelCost {
  std::string kernel;  // as `inspect --stage loop` names it
  double calls = 0;
  double flops = 0;  // of all calls, like the bytes
  double bytes_read = 0;
  double bytes_written = 0;
  bool exact = true;
};
struct EntryCost {
  std::string entry;
  std::vector<KernelCost> kernels;  // in the order of their first calls
};
// Of all entries, or only this one; all kernels, or only this one.
Result<std::vector<EntryCost>> cost(const Program& program, const std::string& entry = {},
                                    const std::string& kernel = {});

// What a program is written as, for a program of C or C++ to link: an object file over the core runtime, libraries that
// hold it, texts.
enum class Artifact : std::uint8_t { object, static_library, shared_library, llvm, assembly, cpp };
struct ArtifactOptions {
  Artifact kind = Artifact::object;
  std::vector<std::string> entries;  // only these of compiled_entries; empty: all
  bool bare = false;                 // for the core runtime that needs nothing but memcpy and memset
  std::string runtime;  // for libraries: the core runtime for the target, a file; empty: the one inside this library
  std::string linker;   // of shared libraries, a compiler's command; empty: cc, or the target's gcc
};
// An artifact's bytes, the text of its header (C99 and C++20), and what else it needs beside it.
struct CompanionFile {
  std::string name, text;
};
struct ArtifactFiles {
  std::string artifact, header;
  std::vector<CompanionFile> companions;
  std::int64_t memory_bytes = 0;  // of a trainer
};
// The functions that a program has: Program::has, and of a small model `steps`, which takes many steps over whole
// batches in one call.
std::vector<std::string> compiled_entries(const Program& program);
// For the machine the program was compiled for.
Result<ArtifactFiles> build(const Program& program, const ArtifactOptions& options = {});
// The core runtime that objects link with: an archive for this machine, or one source of C++20 for any compiler.
std::string runtime_archive(bool bare);
std::string runtime_source(bool bare);

// A gradient that the text asks for, against central differences in double on small random data.
struct GradientCheck {
  std::string of;        // a loss, or the value's name
  std::string by;        // the parameter or input
  double deviation = 0;  // the largest |gradient - difference|, divided by the largest |gradient| of the tensor
  std::string place;     // where: "[3, 1]", or "along a random direction"
  double gradient = 0;   // there
  double difference = 0;
  bool passed = true;
};
inline constexpr double gradient_tolerance = 1e-4;
Result<std::vector<GradientCheck>> check_gradients(const Program& program, std::uint64_t seed = 1);

// A model file in its one layout, `descent fmt`: blanks and line ends differ at most.
struct Formatting {
  std::string before, after;
};
Result<std::string> format(std::string name, std::string text);
Result<Formatting> format_file(const std::string& path);
// The formatted text in the file's place, whole or not at all; its rights stay.
Diagnostics rewrite_file(const std::string& path, const std::string& text);

// Markdown from docstrings, `descent doc`: of the standard library, of one of its functions, of a model file.
std::string document_library();
Result<std::string> document_function(const std::string& name);
Result<std::string> document_file(const std::string& path);

}  // namespace descent
