// Every native operation on every type it takes, as one Loop program.
#include <optional>

#include "ir/loop_builder.h"
#include "tests/support/loop_kernels.h"
#include "tests/support/loop_run.h"

namespace descent::test {

using namespace loop;

namespace {

constexpr DType all_types[] = {DType::f32, DType::f64, DType::i32, DType::u32, DType::u8, DType::boolean};
constexpr std::int64_t values = 48;  // of each operand; all pairs of them are tried

// Every way to choose operand types that the operation accepts.
std::vector<std::vector<DType>> typings(Op op) {
  std::vector<std::vector<DType>> partial = {{}};
  for (int i = 0; i < row(op).arity; ++i) {
    std::vector<std::vector<DType>> longer;
    for (const std::vector<DType>& types : partial) {
      for (DType type : all_types) {
        longer.push_back(types);
        longer.back().push_back(type);
      }
    }
    partial = std::move(longer);
  }
  std::erase_if(partial, [op](const std::vector<DType>& types) { return !result_type(op, types).has_value(); });
  return partial;
}

// y[i, j] = op(x0[i], x1[j], x2[i + j]), in vectors of `lanes` along j; all in one order or the other.
Kernel kernel_of(Op op, const std::vector<DType>& types, std::int64_t lanes) {
  KernelBuilder k(std::string(name_of(*result_type(op, types))) + "_" + std::string(row(op).name));
  std::vector<ArrayId> operands;
  for (std::size_t i = 0; i < types.size(); ++i) {
    operands.push_back(k.parameter(Array::Role::read, "x" + std::to_string(i), types[i], {{2 * values}}));
  }
  const ArrayId y = k.parameter(Array::Role::write, "y", *result_type(op, types), {{values}, {values}});
  k.loop(LoopKind::serial, "i", Bound::of(values), [&](VariableId i) {
    k.loop(LoopKind::serial, "block", Bound::of(0), {Bound::of(values)}, lanes, [&](VariableId block) {
      k.loop(LoopKind::vector, "lane", Bound::of(lanes), [&](VariableId lane) {
        const Affine j = Affine::axis(block) + Affine::axis(lane);
        const Affine places[] = {Affine::axis(i), j, j + Affine::axis(i)};
        std::vector<TempId> loaded;
        for (std::size_t operand = 0; operand < types.size(); ++operand) {
          const std::size_t place = types.size() == 1 ? 2 : operand;
          loaded.push_back(k.load(operands[operand], at({places[place]})));
        }
        k.store(y, at({Affine::axis(i), j}), k.operation(op, loaded));
      });
    });
  });
  return std::move(k).finish();
}

}  // namespace

Program all_operations(std::int64_t lanes) {
  Program program;
  program.name = "operations";
  program.entries.push_back({"run", {}, {}, {}});
  std::vector<std::vector<BufferId>> operands(3);
  for (std::size_t position = 0; position < 3; ++position) {
    for (DType type : all_types) {
      operands[position].push_back(static_cast<BufferId>(program.buffers.size()));
      program.buffers.push_back({Buffer::Storage::state,
                                 "x" + std::to_string(position) + std::string(name_of(type)),
                                 {type, {{2 * values}}, {}},
                                 -1});
    }
  }
  for (const OpRow& entry : op_table()) {
    if (!is_native(entry.op)) continue;
    for (const std::vector<DType>& types : typings(entry.op)) {
      Call call{static_cast<KernelId>(program.kernels.size()), {}, {}};
      for (std::size_t i = 0; i < types.size(); ++i) {
        call.buffers.push_back(operands[i][static_cast<std::size_t>(types[i])]);
      }
      std::string name(entry.name);
      for (DType type : types) name += "_" + std::string(name_of(type));
      call.buffers.push_back(static_cast<BufferId>(program.buffers.size()));
      program.buffers.push_back(
          {Buffer::Storage::state, name, {*result_type(entry.op, types), {{values}, {values}}, {}}, -1});
      program.kernels.push_back(kernel_of(entry.op, types, lanes));
      program.entries[0].steps.emplace_back(std::move(call));
    }
  }
  place_buffers(program);
  return program;
}

}  // namespace descent::test
