// Every stage of a program as text, and what its kernels cost.
#include <algorithm>
#include <array>

#include "codegen/cpp.h"
#include "codegen/llvm.h"
#include "descent/tools.h"
#include "driver/loop_parts.h"
#include "driver/program.h"
#include "fmt/format.h"
#include "ir/loop_cost.h"
#include "passes/pipeline.h"
#include "passes/whole_loop.h"

namespace descent {
namespace {

Diagnostic unknown(DiagnosticId id, std::string_view what, std::string_view name,
                   const std::vector<std::string>& known) {
  std::string all;
  for (const std::string& candidate : known) all += (all.empty() ? "" : ", ") + candidate;
  std::vector<Note> notes = did_you_mean(name, known);
  if (notes.empty() && known.size() <= 20)
    notes.push_back({{}, fmt::format("{} {}", known.size() == 1 ? "there is" : "there are", all)});
  if (notes.empty()) notes.push_back({{}, fmt::format("there are {}, the first is '{}'", known.size(), known.front())});
  return diagnostic(id, {}, fmt::format("there is no {} '{}'", what, name), std::move(notes));
}

template <class Items>
std::vector<std::string> names_of(const Items& items) {
  std::vector<std::string> names;
  for (const auto& item : items) names.emplace_back(item.name);
  return names;
}

Model with_entry(Model model, const std::string& entry) {
  if (!entry.empty()) std::erase_if(model.entries, [&](const Graph& graph) { return graph.name != entry; });
  return model;
}

Result<std::string> print_graph(const Program& program, const Model* model, const InspectOptions& options) {
  if (!model) {
    return diagnostic("no-such-stage", {},
                      fmt::format("'{}' is a printed Loop program: it has no stage '{}', only loop, llvm, cpp and asm",
                                  program.parts().source->name, options.stage));
  }
  if (!options.kernel.empty()) {
    return diagnostic("no-such-part", {},
                      fmt::format("stage '{}' is printed entry by entry; loop, llvm, cpp and asm can show one kernel",
                                  options.stage));
  }
  if (!options.entry.empty() && !program.has(options.entry)) {  // the Loop program has more entries
    return unknown("unknown-entry", "entry", options.entry, names_of(model->entries));
  }
  return print(with_entry(*model, options.entry));
}

Result<std::string> ast_stage(const Program& program, const InspectOptions& options) {
  if (!program.parts().compilation) {
    return diagnostic(
        "no-such-stage", {},
        fmt::format("'{}' is a printed program: only a model file has the stage 'ast'", program.parts().source->name));
  }
  if (!options.kernel.empty() || !options.entry.empty()) {
    return diagnostic("no-such-part", {}, "stage 'ast' has no entries or kernels; it is the file as a whole");
  }
  Result<frontend::ast::File> file = frontend::parse(program.parts().source);
  if (!file) return file.errors();
  return frontend::ast::print(*file);
}

Result<std::string> graph_stage(const Program& program, const InspectOptions& options) {
  return print_graph(program, program.graph(), options);
}
Result<std::string> step_stage(const Program& program, const InspectOptions& options) {
  return print_graph(program, program.step(), options);
}

Result<std::string> fused_stage(const Program& program, const InspectOptions& options) {
  if (!program.step() || !options.kernel.empty()) return print_graph(program, program.step(), options);
  std::vector<FusedCall> calls;  // of all entries: they agree on the layout of their states
  Result<loop::Program> lowered =
      lower(*program.step(), lower_options(program.parts(), program.largest_batch()), &calls);
  if (!lowered) return lowered.errors();
  return print_fused(*program.step(), calls, options.entry);
}

loop::Program chosen_part(const Program& program, const InspectOptions& options) {
  loop::Program part = program.loop();
  if (!options.entry.empty()) part = only_entry(part, options.entry);
  if (!options.kernel.empty()) part = only_kernel(part, options.kernel);
  return part;
}

Result<std::string> loop_stage(const Program& program, const InspectOptions& options) {
  const loop::Program part = chosen_part(program, options);
  return options.kernel.empty() ? loop::print(part) : loop::print(part.kernels.front());
}
Result<std::string> llvm_stage(const Program& program, const InspectOptions& options) {
  return codegen::emit(chosen_part(program, options), program.parts().machine, codegen::Emit::llvm);
}
Result<std::string> cpp_stage(const Program& program, const InspectOptions& options) {
  return codegen::emit_cpp(chosen_part(program, options));
}
Result<std::string> assembly_stage(const Program& program, const InspectOptions& options) {
  return codegen::emit(chosen_part(program, options), program.parts().machine, codegen::Emit::assembly);
}

struct Stage {
  std::string_view name;
  Result<std::string> (*print)(const Program&, const InspectOptions&);
};
// The ladder: from what was written to what runs.
constexpr std::array ladder{
    Stage{"ast", ast_stage},   Stage{"graph", graph_stage}, Stage{"step", step_stage}, Stage{"fused", fused_stage},
    Stage{"loop", loop_stage}, Stage{"llvm", llvm_stage},   Stage{"cpp", cpp_stage},   Stage{"asm", assembly_stage},
};

Result<std::string> around_pass(const Program& program, const InspectOptions& options) {
  const Pass* wanted = find_pass(options.pass);
  if (!wanted) return unknown("unknown-pass", "pass", options.pass, names_of(graph_passes()));
  if (!program.graph()) {
    return diagnostic("no-such-stage", {},
                      fmt::format("'{}' is a printed Loop program: no pass runs on it", program.parts().source->name));
  }
  std::string text;
  const auto show = [&](const Pass& pass, const Model& before, const Model& after, double) {
    if (&pass != wanted) return;
    text = fmt::format("# before {}\n{}\n# after {}: {}\n{}", pass.name, print(with_entry(before, options.entry)),
                       pass.name, pass.summary, print(with_entry(after, options.entry)));
  };
  if (Result<Model> done = run_passes(*program.graph(), show); !done) return done.errors();
  return text;
}

// That the entry and the kernel of it exist, where they are named.
Diagnostics check_parts(const Program& program, const std::string& entry, const std::string& kernel) {
  if (!entry.empty() && !program.loop().entry(entry)) {
    Diagnostic wrong = unknown("unknown-entry", "entry", entry, names_of(program.loop().entries));
    if (entry == whole_loop_entry && program.has("accumulate")) {
      wrong.notes = {
          {{}, "a step of several batches has no whole loop: 'accumulate' and 'step' are called one by one"}};
    }
    return {std::move(wrong)};
  }
  const loop::Program part = entry.empty() ? program.loop() : only_entry(program.loop(), entry);
  const std::vector<std::string> kernels = names_of(part.kernels);
  const bool known = kernel.empty() || std::find(kernels.begin(), kernels.end(), kernel) != kernels.end();
  return known ? Diagnostics{} : Diagnostics{unknown("unknown-kernel", "kernel", kernel, kernels)};
}

}  // namespace

const std::vector<std::string>& stages() {
  static const std::vector<std::string> names = names_of(ladder);
  return names;
}

Result<std::string> inspect(const Program& program, const InspectOptions& options) {
  const auto stage =
      std::find_if(ladder.begin(), ladder.end(), [&](const Stage& s) { return s.name == options.stage; });
  if (stage == ladder.end()) return unknown("unknown-stage", "stage", options.stage, stages());
  if (Diagnostics wrong = check_parts(program, options.entry, options.kernel); !wrong.empty()) return wrong;
  return options.pass.empty() ? stage->print(program, options) : around_pass(program, options);
}

Result<std::vector<EntryCost>> cost(const Program& program, const std::string& entry, const std::string& kernel) {
  if (Diagnostics wrong = check_parts(program, entry, kernel); !wrong.empty()) return wrong;
  std::vector<EntryCost> costs;
  for (const loop::Entry& one : program.loop().entries) {
    if (!entry.empty() && one.name != entry) continue;
    EntryCost sum{one.name, {}};
    for (const loop::KernelCost& cost : loop::cost_of(program.loop(), one, program.largest_batch())) {
      const std::string& name = program.loop().kernels[static_cast<std::size_t>(cost.kernel)].name;
      if (!kernel.empty() && name != kernel) continue;
      sum.kernels.push_back({name, cost.calls, cost.flops, cost.bytes_read, cost.bytes_written, cost.exact});
    }
    if (kernel.empty() || !sum.kernels.empty()) costs.push_back(std::move(sum));
  }
  return costs;
}

}  // namespace descent
