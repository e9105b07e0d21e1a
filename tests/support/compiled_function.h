// One function of the op table as machine code for this processor, over a whole array of floats.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>

#include "codegen/llvm.h"
#include "passes/pipeline.h"
#include "runtime/core/float_mode.h"

namespace descent::test {

class CompiledFunction {
 public:
  // Of up to `most` floats at a time, on one thread. Ends the program with the reason where this cannot be compiled.
  CompiledFunction(Op op, std::int64_t most) : op_(op), most_(most) {
    const std::string text =
        "descent graph 1\nmodel function\nentry run {\n  %x = input x : f32[batch]\n"
        "  %y = sweep [i < batch] { " +
        std::string(row(op).name) + "(%x[i]) } : f32[batch]\n  output y = %y\n}\n";
    const Model model =
        value_of(run_passes(value_of(parse_model(std::make_shared<const Source>(Source{"function", text})))));
    LowerOptions options;
    options.machine = codegen::host_machine();
    options.largest_batch = most;
    program_ = value_of(lower(model, options));
    jit_ = value_of(codegen::Jit::compile(program_, options.machine, 1));
    entry_ = jit_->entry("run");
  }

  // y = f(x), element by element; as many as there are in both.
  void operator()(std::span<const float> x, std::span<float> y) const {
    const void* inputs[] = {x.data()};
    void* outputs[] = {y.data()};
    alignas(64) unsigned char arena[64];
    const DescentCall call{arena, inputs, outputs, static_cast<std::int64_t>(x.size()), nullptr, nullptr};
    descent_run(entry_, &call);
  }

  Op op() const { return op_; }
  std::int64_t most() const { return most_; }

 private:
  template <class T>
  static T value_of(Result<T> result) {
    if (result) return std::move(result).value();
    std::fputs(render(result.errors()).c_str(), stderr);
    std::exit(2);
  }

  Op op_;
  std::int64_t most_;
  loop::Program program_;
  std::unique_ptr<codegen::Jit> jit_;
  DescentEntry entry_ = nullptr;
};

}  // namespace descent::test
