// Translates a kernel into the interpreter's flat form.
//
//   serial k in 0 ..< 2 { sum[j] = fma(x[b, k], w[k, j], sum[j]) }   →   0 enter k, else to 7
//                                                                        1 load x … 4 fma 5 store 6 next k, to 1
#include <fmt/format.h>

#include "ir/loop_flat.h"
#include "ir/loop_layout.h"
#include "ir/match.h"

namespace descent::loop {
namespace {

class Flattener {
 public:
  Flattener(const Kernel& kernel, std::int64_t largest_batch) : kernel_(kernel), largest_batch_(largest_batch) {
    flat_.source = &kernel;
    flat_.registers.resize(kernel.temps.size());
    flat_.local_offset.resize(kernel.arrays.size(), 0);
    flat_.local_bytes.resize(kernel.arrays.size(), 0);
    for (std::size_t id = static_cast<std::size_t>(kernel.parameters); id < kernel.arrays.size(); ++id) {
      const Array& array = kernel.arrays[id];
      flat_.local_offset[id] = flat_.scratch_bytes;
      flat_.local_bytes[id] = count(array.shape, largest_batch) * size_of(array.dtype);
      flat_.scratch_bytes += (flat_.local_bytes[id] + 7) / 8 * 8;
    }
  }

  FlatKernel run() && {
    block(kernel_.body);
    emit({.run = halt_handler()});
    return std::move(flat_);
  }

 private:
  DType type(TempId temp) const { return kernel_.temps[static_cast<std::size_t>(temp)]; }
  int position() const { return static_cast<int>(flat_.code.size()); }
  void emit(Instruction instruction) { flat_.code.push_back(instruction); }

  int access(ArrayId id, const std::vector<Subscript>& at) {
    const Array& array = kernel_.arrays[static_cast<std::size_t>(id)];
    const Strides strides = strides_of(array.shape, array.panel, largest_batch_);
    const std::int64_t bytes = size_of(array.dtype);
    Access result{id, {}};
    for (std::size_t axis = 0; axis < at.size(); ++axis) {
      result.at.push_back({at[axis].offset, at[axis].through, strides.axes[axis] * bytes, 0, 0, array.shape[axis]});
    }
    if (array.panel > 0) {
      result.at.back().panel = array.panel;
      result.at.back().panel_stride = strides.panel * bytes;
    }
    flat_.accesses.push_back(std::move(result));
    return static_cast<int>(flat_.accesses.size()) - 1;
  }

  void block(const Block& block) {
    for (const Statement& statement : block) {
      match(
          statement.node, [&](const Let& let) { this->let(let); },
          [&](const Store& store) {
            emit({.run = store_handler(type(store.value)),
                  .operands = {store.value, -1, -1},
                  .item = access(store.array, store.at)});
          },
          [&](const Declare& declare) { emit({.run = declare_handler(), .item = declare.array}); },
          [&](const If& branch) { this->branch(branch); }, [&](const For& loop) { this->loop(loop); });
    }
  }

  void let(const Let& let) {
    match(
        let.value,
        [&](const Literal& literal) {
          flat_.registers[static_cast<std::size_t>(let.temp)] = word_of(literal.value, type(let.temp));
        },
        [&](const IndexValue& index) {
          emit({.run = index_handler(), .result = let.temp, .item = static_cast<int>(flat_.forms.size())});
          flat_.forms.push_back(index.form);
        },
        [&](const BatchValue&) { emit({.run = batch_handler(), .result = let.temp}); },
        [&](const Load& load) {
          emit({.run = load_handler(type(let.temp), load.guard != no_temp),
                .result = let.temp,
                .operands = {load.guard, -1, -1},
                .item = access(load.array, load.at),
                .otherwise = word_of(load.otherwise, type(let.temp))});
        },
        [&](const Operation& operation) { this->operation(let.temp, operation); });
  }

  void operation(TempId result, const Operation& operation) {
    Instruction instruction{.result = result, .op = operation.op, .type = type(result)};
    DESCENT_CHECK(operation.operands.size() <= instruction.operands.size() && !operation.operands.empty(),
                  fmt::format("{} has {} operands", row(operation.op).name, operation.operands.size()));
    std::copy(operation.operands.begin(), operation.operands.end(), instruction.operands.begin());
    instruction.operand_type = type(operation.operands.back());
    instruction.run = operation_handler(operation.op, instruction.operand_type);
    emit(instruction);
  }

  void branch(const If& branch) {
    const int start = position();
    emit({.run = branch_handler(), .operands = {branch.condition, -1, -1}});
    block(branch.then);
    flat_.code[static_cast<std::size_t>(start)].jump = position() - start;
  }

  void loop(const For& loop) {
    const int item = static_cast<int>(flat_.loops.size());
    flat_.loops.push_back({loop.begin, loop.end, loop.step});
    const int start = position();
    emit({.run = loop_enter_handler(), .result = loop.variable, .item = item});
    block(loop.body);
    emit({.run = loop_next_handler(), .result = loop.variable, .item = item, .jump = start + 1 - position()});
    flat_.code[static_cast<std::size_t>(start)].jump = position() - start;
  }

  const Kernel& kernel_;
  std::int64_t largest_batch_;
  FlatKernel flat_;
};

}  // namespace

FlatKernel flatten(const Kernel& kernel, std::int64_t largest_batch) { return Flattener(kernel, largest_batch).run(); }

}  // namespace descent::loop
