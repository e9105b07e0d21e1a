// The whole file: kernels, then the entries that call them.
#include <algorithm>
#include <utility>

#include "codegen/cpp.h"
#include "codegen/cpp/artifact.h"
#include "codegen/cpp/kernel.h"
#include "codegen/limits.h"
#include "codegen/turns.h"
#include "ir/match.h"

namespace descent::codegen {
namespace {

using namespace cpp;

class ProgramPrinter {
 public:
  ProgramPrinter(const loop::Program& program, const ModelFace* face)
      : program_(program),
        face_(face),
        kernels_(program.kernels.size()),
        callers_(program.kernels.size(), Callers::without_threads),
        names_(reserved_words()) {}

  std::string run() && {
    title();
    text_.add_as_it_is("#include \"descent_simd.h\"\n");
    if (face_) text_.add_as_it_is("#include \"" + std::string(cpp_model_header_name) + "\"\n");
    text_.add_as_it_is("\nnamespace descent_generated {\nnamespace {\n");
    name_kernels();
    for (std::size_t id = 0; id < kernels_.size(); ++id) {
      if (kernels_[id].empty()) continue;
      text_.add_as_it_is("\n" + print_kernel(program_.kernels[id], kernels_[id], program_.largest_batch, callers_[id]));
    }
    if (face_) entries();
    if (face_) text_.add_as_it_is(artifact_data(*face_));
    text_.add_as_it_is("\n}  // namespace\n\nextern \"C\" {\n");
    if (face_) {
      text_.add_as_it_is(artifact_functions(*face_));
    } else {
      arena_size();
      entries();
    }
    text_.add_as_it_is("\n}  // extern \"C\"\n}  // namespace descent_generated\n");
    return std::move(text_).take();
  }

 private:
  void entries() {
    for (const loop::Entry& entry : program_.entries) this->entry(entry);
  }

  void title() {
    std::string entries;
    for (const loop::Entry& entry : program_.entries) entries += (entries.empty() ? "" : ", ") + entry.name;
    text_.add_as_it_is(comment(program_.name + ": " + entries + ", for batches of at most " +
                               std::to_string(program_.largest_batch) + ".") +
                       "\n// Compile with -std=c++17 -O2 -ffp-contract=off, for the processor that it shall run on.\n");
  }

  // The kernels that an entry calls have a name; an entry with turns runs on one thread.
  void name_kernels() {
    for (const loop::Entry& entry : program_.entries) {
      for_each_call(entry.steps, [&](const loop::Call& call) {
        std::string& name = kernels_[static_cast<std::size_t>(call.kernel)];
        if (name.empty()) name = names_.take("compute_" + identifier(kernel_of(call).name));
        if (!entry.turns) callers_[static_cast<std::size_t>(call.kernel)] = Callers::with_threads;
      });
    }
  }

  // A symbol that C++ can't spell is given to the assembler.
  std::string symbol_label(const std::string& symbol) const {
    return is_identifier(symbol) ? "" : " __asm__(" + quoted(symbol) + ")";
  }

  void arena_size() {
    const std::string symbol = program_.name + "_arena_bytes";
    const std::string name = names_.take(is_identifier(symbol) ? symbol : identifier(symbol));
    text_.add_as_it_is("\nextern const int64_t " + name + symbol_label(symbol) + ";\nconst int64_t " + name + " = " +
                       std::to_string(program_.arena_bytes) + ";\n");
  }

  // -- entries -----------------------------------------------------------------------------------------------------

  void entry(const loop::Entry& entry) {
    const std::string symbol = face_ ? "entry_" + entry.name : program_.name + "_" + entry.name;
    const std::string name = names_.take(is_identifier(symbol) ? symbol : identifier(symbol));
    const std::string label = symbol_label(symbol);
    const std::string before = std::exchange(text_, {}).take();
    if (entry.name == "init") text_.add(1, "require_exact_arithmetic();");
    const std::size_t mark = names_.mark();
    has_turns_ = entry.turns;
    buffers_.assign(program_.buffers.size(), "");
    used_.assign(program_.buffers.size(), false);
    mark_used(entry.steps);
    if (entry.turns) {
      turns(entry);
    } else {
      pointers(entry, 1);
      steps(entry.steps, 1);
    }
    names_.release(mark);
    const std::string body = std::exchange(text_, {}).take();
    const std::string parameters =
        body.find("call") == std::string::npos ? "const DescentCall*" : "const DescentCall* call";
    text_.add_as_it_is(before + "\n");
    if (!label.empty()) text_.add(0, "void " + name + "(const DescentCall* call)" + label + ";");
    text_.add_as_it_is("void " + name + "(" + parameters + ") {\n" + body + "}\n");
  }

  void mark_used(const loop::Steps& steps) {
    for_each_call(steps, [this](const loop::Call& call) {
      for (loop::ArrayId array : signature_of(kernel_of(call)).arrays) {
        used_[static_cast<std::size_t>(call.buffers[static_cast<std::size_t>(array)])] = true;
      }
    });
  }

  // A small arena lives in locals while the turns run.
  void turns(const loop::Entry& entry) {
    std::vector<LocalBuffer> locals = local_buffers(program_, entry);
    std::erase_if(locals, [this](const LocalBuffer& local) { return !used_[static_cast<std::size_t>(local.buffer)]; });
    for (const LocalBuffer& local : locals) make_local(local);
    text_.add(1, "for (int64_t turn = 0; turn < call->turns->count; ++turn) {");
    pointers(entry, 2);
    steps(entry.steps, 2);
    text_.add(1, "}");
    for (const LocalBuffer& local : locals) {
      if (local.is_state && local.is_written) text_.add(1, "copy_out(call, " + local_place(local));
    }
  }
  void make_local(const LocalBuffer& local) {
    const auto id = static_cast<std::size_t>(local.buffer);
    const loop::Array like = array_like(id);
    buffers_[id] = names_.take(identifier(like.name));
    const std::string shape = like.shape.empty() ? "" : "  " + comment(shape_comment(like.shape, like.panel));
    text_.add(1, "alignas(64) " + local_array(like, program_.largest_batch, buffers_[id], local.bytes) + ";" + shape);
    if (local.is_state) text_.add(1, "copy_in(call, " + local_place(local));
  }
  std::string local_place(const LocalBuffer& local) const {
    const auto id = static_cast<std::size_t>(local.buffer);
    return std::to_string(program_.buffers[id].offset) + ", " + buffers_[id] + ");";
  }
  loop::Array array_like(std::size_t id) const {
    const loop::Buffer& buffer = program_.buffers[id];
    return {loop::Array::Role::update, buffer.name, buffer.type.dtype, buffer.type.shape, buffer.panel};
  }

  // A name for every buffer that a kernel of the entry touches.
  void pointers(const loop::Entry& entry, int depth) {
    const auto place = [&](std::size_t id, const std::string& from, const std::string& which) {
      if (!used_[id] || !buffers_[id].empty()) return;
      const loop::Array like = array_like(id);
      buffers_[id] = names_.take(identifier(like.name));
      const std::string shape = shape_comment(like.shape, like.panel);
      text_.add(depth, "auto* const " + buffers_[id] + " = " + from + "<" + pointed_type(like, program_.largest_batch) +
                           ">(call, " + which + ");" + (like.shape.empty() ? "" : "  " + comment(shape)));
    };
    for (std::size_t i = 0; i < entry.inputs.size(); ++i) {
      place(static_cast<std::size_t>(entry.inputs[i]), "input_at", std::to_string(i) + (entry.turns ? ", turn" : ""));
    }
    for (std::size_t i = 0; i < entry.outputs.size(); ++i) {
      place(static_cast<std::size_t>(entry.outputs[i]), "output_at", std::to_string(i) + (entry.turns ? ", turn" : ""));
    }
    for (std::size_t id = 0; id < buffers_.size(); ++id) {
      DESCENT_CHECK(!used_[id] || !buffers_[id].empty() || program_.buffers[id].offset >= 0,
                    "buffer '" + program_.buffers[id].name + "' has no place in this entry");
      place(id, "arena_at", std::to_string(program_.buffers[id].offset));
    }
  }

  void steps(const loop::Steps& steps, int depth) {
    for (const auto& step : steps) {
      match(
          step, [&](const loop::Call& one) { call(one, depth); }, [&](const loop::Repeat& one) { repeat(one, depth); });
    }
  }

  void repeat(const loop::Repeat& repeat, int depth) {
    const std::size_t mark = names_.mark();
    variables_.push_back(names_.take(identifier(repeat.variable)));
    const std::string& name = variables_.back();
    const std::string count = std::to_string(repeat.count), last = std::to_string(repeat.count - 1);
    text_.add(depth, repeat.reversed
                         ? "for (int64_t " + name + " = " + last + "; " + name + " >= 0; --" + name + ") {"
                         : "for (int64_t " + name + " = 0; " + name + " < " + count + "; ++" + name + ") {");
    steps(repeat.steps, depth + 1);
    text_.add(depth, "}");
    variables_.pop_back();
    names_.release(mark);
  }

  void call(const loop::Call& call, int depth) {
    const loop::Kernel& kernel = kernel_of(call);
    const Signature signature = signature_of(kernel);
    std::vector<std::string> arguments;
    for (loop::ArrayId array : signature.arrays) {
      const auto id = static_cast<std::size_t>(array);
      const std::string& buffer = buffers_[static_cast<std::size_t>(call.buffers[id])];
      arguments.push_back((is_by_value(kernel.arrays[id]) ? "*" : "") + buffer);
    }
    for (loop::VariableId index : signature.indices) {
      const Affine& form = call.indices[static_cast<std::size_t>(index)];
      arguments.push_back(sum_of(form, [&](AxisId id) { return variables_[static_cast<std::size_t>(id)]; }));
    }
    if (signature.batch) arguments.emplace_back("call->batch");
    const bool takes_threads = callers_[static_cast<std::size_t>(call.kernel)] == Callers::with_threads;
    if (signature.threads && takes_threads) arguments.emplace_back(has_turns_ ? "nullptr" : "call->threads");
    std::string text;
    for (const std::string& argument : arguments) text += (text.empty() ? "" : ", ") + argument;
    text_.add(depth, kernels_[static_cast<std::size_t>(call.kernel)] + "(" + text + ");");
  }

  const loop::Kernel& kernel_of(const loop::Call& call) const {
    return program_.kernels[static_cast<std::size_t>(call.kernel)];
  }

  const loop::Program& program_;
  const ModelFace* face_;             // null: the entries alone
  std::vector<std::string> kernels_;  // their functions; empty: never called
  std::vector<Callers> callers_;      // of each
  Names names_;
  Lines text_;
  std::vector<std::string> buffers_;    // of the entry being written
  std::vector<bool> used_;              // by a kernel of it
  std::vector<std::string> variables_;  // of the open repeats
  bool has_turns_ = false;              // the entry being written: it runs on one thread
};

}  // namespace

Result<std::string> emit_cpp(const loop::Program& program, const ModelFace* face) {
  if (Diagnostics errors = why_not_compiled(program); !errors.empty()) return errors;
  return ProgramPrinter(program, face).run();
}

}  // namespace descent::codegen
