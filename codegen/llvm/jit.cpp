// Machine code in this process, by LLVM's ORC. The kernels that are wanted are dealt out to parts, each a module in a
// context of its own; threads take one part after another and turn it into an object file; then all are linked.
#include <llvm/ADT/SmallVector.h>
#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/Object/ObjectFile.h>
#include <llvm/Support/SmallVectorMemoryBuffer.h>
#include <llvm/TargetParser/Host.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <system_error>
#include <thread>

#include "codegen/limits.h"
#include "codegen/llvm.h"
#include "codegen/llvm/levels.h"
#include "codegen/llvm/machine_code.h"
#include "codegen/llvm/module.h"
#include "codegen/llvm/optimise.h"
#include "codegen/llvm/target.h"
#include "codegen/partition.h"
#include "codegen/stopwatch.h"
#include "ir/match.h"

namespace descent::codegen {
namespace {

Diagnostic failure(llvm::Error error) {
  return {"jit-failure", {}, "the just-in-time compiler failed: " + llvm::toString(std::move(error)), {}};
}

// The machine code in an object file.
std::int64_t code_bytes_of(const llvm::MemoryBuffer& buffer) {
  auto object = llvm::object::ObjectFile::createObjectFile(buffer.getMemBufferRef());
  DESCENT_CHECK(static_cast<bool>(object), "the just-in-time compiler made no object file");
  std::int64_t bytes = 0;
  for (const llvm::object::SectionRef& section : (*object)->sections()) {
    if (section.isText()) bytes += static_cast<std::int64_t>(section.getSize());
  }
  return bytes;
}

// Calls work(0) … work(count - 1), on so many threads at most; this one works too, and alone when the system grants
// none.
template <class Work>
void share(std::size_t count, std::size_t threads, const Work& work) {
  std::atomic<std::size_t> next{0};
  const auto run = [&] {
    for (std::size_t i = next++; i < count; i = next++) work(i);
  };
  std::vector<std::thread> helpers;
  try {
    while (helpers.size() + 1 < std::min(threads, count)) helpers.emplace_back(run);
  } catch (const std::system_error&) {
  }
  run();
  for (std::thread& helper : helpers) helper.join();
}

struct Compiled {
  std::unique_ptr<llvm::MemoryBuffer> object;
  JitReport spent;
};

class OrcJit : public Jit {
 public:
  OrcJit(const loop::Program& program, Machine machine, std::unique_ptr<llvm::orc::LLJIT> engine, std::size_t threads)
      : program_(program), machine_(std::move(machine)), engine_(std::move(engine)), threads_(threads) {}

  DescentEntry entry(std::string_view name) const override {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(name);
    return found == entries_.end() ? nullptr : found->second;
  }
  std::int64_t code_bytes() const override {
    const std::lock_guard lock(mutex_);
    return code_bytes_;
  }

  Result<JitReport> make(const std::vector<Wanted>& wanted) override {
    const std::lock_guard lock(mutex_);
    Stopwatch watch;
    const std::vector<Part> parts = plan(wanted);
    std::vector<Compiled> compiled(parts.size());
    share(parts.size(), threads_, [&](std::size_t i) { compiled[i] = compile(parts[i]); });
    for (Compiled& part : compiled) {
      code_bytes_ += code_bytes_of(*part.object);
      if (llvm::Error error = engine_->addObjectFile(std::move(part.object))) return failure(std::move(error));
    }
    for (const Part& part : parts) {
      for (const loop::Entry* entry : part.entries) {
        auto address = engine_->lookup(entry_symbol(program_, *entry));
        if (!address) return failure(address.takeError());
        entries_.emplace(entry->name, address->toPtr<DescentEntry>());
      }
    }
    return report(compiled, watch.lap());
  }

 private:
  std::vector<Part> plan(const std::vector<Wanted>& wanted) {
    std::vector<Part> parts;
    for (const Effort effort : {Effort::full, Effort::quick}) {
      Part all;
      for (const Wanted& one : wanted) {
        const loop::Entry* entry = program_.entry(one.entry);
        if (entry == nullptr || one.effort != effort || entries_.contains(one.entry)) continue;
        all.entries.push_back(entry);
        if (!entry->turns) take_kernels(entry->steps, is_made_[effort], all.kernels);
      }
      if (all.entries.empty()) continue;
      const std::size_t first = parts.size();
      for (auto& kernels : partition(program_, all.kernels, threads_, machine_.vector_bytes)) {
        parts.push_back({std::move(kernels), {}, effort});
      }
      parts[first].entries = std::move(all.entries);
    }
    return parts;
  }

  static void take_kernels(const loop::Steps& steps, std::set<loop::KernelId>& made,
                           std::vector<loop::KernelId>& kernels) {
    for (const auto& step : steps) {
      match(
          step, [&](const loop::Repeat& repeat) { take_kernels(repeat.steps, made, kernels); },
          [&](const loop::Call& call) {
            if (made.insert(call.kernel).second) kernels.push_back(call.kernel);
          });
    }
  }

  Compiled compile(const Part& part) const {
    Compiled made;
    Stopwatch watch;
    llvm::LLVMContext context;
    const auto target = target_machine(machine_, part.effort);
    DESCENT_CHECK(target.ok(), "a machine that was known is not known any more");
    const std::unique_ptr<llvm::Module> module = build_module(context, program_, part, machine_, **target);
    made.spent.emit = watch.lap();
    optimise(*module, **target);
    made.spent.optimise = watch.lap();
    llvm::SmallVector<char, 0> object;
    llvm::raw_svector_ostream stream(object);
    write_machine_code(*module, **target, llvm::CodeGenFileType::ObjectFile, stream);
    made.object = std::make_unique<llvm::SmallVectorMemoryBuffer>(std::move(object), "part", false);
    made.spent.generate = watch.lap();
    return made;
  }

  JitReport report(const std::vector<Compiled>& compiled, double seconds) const {
    JitReport sum;
    for (const Compiled& part : compiled) {
      sum.emit += part.spent.emit;
      sum.optimise += part.spent.optimise;
      sum.generate += part.spent.generate;
    }
    const double all = sum.emit + sum.optimise + sum.generate;
    const double scale = all > 0 ? seconds / all : 0;
    return {sum.emit * scale, sum.optimise * scale, sum.generate * scale, code_bytes_};
  }

  const loop::Program program_;
  const Machine machine_;
  std::unique_ptr<llvm::orc::LLJIT> engine_;  // owns the code
  const std::size_t threads_;

  mutable std::mutex mutex_;  // over all below
  std::map<Effort, std::set<loop::KernelId>> is_made_;
  std::map<std::string, DescentEntry, std::less<>> entries_;
  std::int64_t code_bytes_ = 0;
};

}  // namespace

Result<std::unique_ptr<Jit>> Jit::create(const loop::Program& program, const Machine& machine, int threads) {
  const Result<std::vector<Machine>> levels = levels_of(resolved(machine));
  if (!levels.ok()) return levels.errors();
  const Machine& actual = levels->front();
  Result<std::unique_ptr<llvm::TargetMachine>> target = target_machine(actual);
  if (!target.ok()) return target.errors();
  const llvm::Triple here(llvm::sys::getProcessTriple());
  if ((*target)->getTargetTriple().getArch() != here.getArch()) {
    return Diagnostic{"foreign-machine",
                      {},
                      "expected this processor's kind, '" + here.getArchName().str() +
                          "', to compile for in place, found '" + actual.triple + "'",
                      {}};
  }
  if (Diagnostics errors = why_not_compiled(program); !errors.empty()) return errors;
  auto engine = llvm::orc::LLJITBuilder()
                    .setJITTargetMachineBuilder(llvm::orc::JITTargetMachineBuilder(llvm::Triple(actual.triple)))
                    .setDataLayout((*target)->createDataLayout())
                    .create();
  if (!engine) return failure(engine.takeError());
  const unsigned processors = std::max(1U, std::thread::hardware_concurrency());
  return std::unique_ptr<Jit>(std::make_unique<OrcJit>(program, actual, std::move(*engine),
                                                       threads > 0 ? static_cast<std::size_t>(threads) : processors));
}

Result<std::unique_ptr<Jit>> Jit::compile(const loop::Program& program, const Machine& machine, int threads) {
  Result<std::unique_ptr<Jit>> jit = create(program, machine, threads);
  if (!jit.ok()) return jit;
  std::vector<Wanted> all;
  for (const loop::Entry& entry : program.entries) all.push_back({entry.name, Effort::full});
  if (Result<JitReport> made = (*jit)->make(all); !made.ok()) return made.errors();
  return jit;
}

}  // namespace descent::codegen
