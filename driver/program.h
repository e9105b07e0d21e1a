// What a Program holds, for the driver's own files.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "codegen/llvm.h"
#include "descent/descent.h"
#include "frontend/frontend.h"
#include "ir/graph.h"
#include "ir/loop.h"
#include "ir/machine.h"
#include "passes/pipeline.h"
#include "passes/watch.h"

namespace descent {

struct EntryPorts {
  std::string entry;
  std::vector<Port> inputs, outputs;
};

// Machine code of a Loop program, entry by entry as they are wanted. Programs whose Graphs are one share it.
class MachineCode {
 public:
  // The code of all that is wanted is there from here on. `timings` grows by what making it took: nothing when it was
  // there.
  Diagnostics make(const loop::Program& program, const Machine& machine, const std::vector<codegen::Wanted>& wanted,
                   Timings& timings);
  DescentEntry entry(std::string_view name) const;  // null when it was not made

 private:
  std::mutex mutex_;  // while the Jit is created
  std::unique_ptr<codegen::Jit> jit_;
};

struct Program::Parts {
  SourceRef source;
  std::vector<std::string> files;                    // that were read, the text first
  std::string folder;                                // of the file; paths in the text are relative to it
  std::optional<frontend::Compilation> compilation;  // of a model file
  std::optional<Model> graph;                        // as the front end made it, or as printed
  std::optional<Model> step;                         // after all passes
  std::optional<Watched> watched;                    // what `step` gives besides its losses; its model is left out
  loop::Program loop;
  Machine machine;
  int lanes = 0;  // as asked for
  Timings timings;
  std::vector<EntryPorts> entries;
  std::shared_ptr<MachineCode> code = std::make_shared<MachineCode>();

  const EntryPorts* entry(std::string_view name) const;
};

// How its Graph is lowered.
LowerOptions lower_options(const Program::Parts& parts, std::int64_t largest_batch);

// What a text is, by its first line that is neither blank nor a comment.
enum class TextKind : std::uint8_t { model, graph, loop };
TextKind kind_of(std::string_view text);

// A text that a person wrote; bytes that no text holds are refused.
Result<SourceRef> text_source(std::string name, std::string text);
// `folder`: what paths in the text are relative to.
Result<Program> compile_source(SourceRef source, std::string folder, const CompileOptions& options);
// The same from a file; too large a one is refused before it is read.
Result<SourceRef> read_source(const std::string& path);

inline Diagnostic diagnostic(DiagnosticId id, Span at, std::string message, std::vector<Note> notes = {}) {
  return {id, std::move(at), std::move(message), std::move(notes)};
}

// A note "did you mean 'x'?", or nothing when no candidate is near.
std::vector<Note> did_you_mean(std::string_view name, const std::vector<std::string>& candidates);

// "f32[3, 10]" of an array.
std::string describe(const data::Array& array);
std::string describe(data::DType dtype, const data::Shape& shape);

}  // namespace descent
