#include "tests/support/loop_kernels.h"

#include <fmt/format.h>

#include <stdexcept>

#include "ir/loop_builder.h"
#include "tests/support/loop_run.h"

namespace descent::test {

using namespace loop;

namespace {

constexpr std::int64_t lane_count = 16;

constexpr std::int64_t inner = 24;
constexpr std::int64_t outer = 32;

struct Gemm {
  KernelBuilder& k;
  ArrayId a, w, c;

  // c[first + i, column + j] for i < rows, j < columns.
  void tile(const Affine& first, std::int64_t rows, const Affine& column, std::int64_t columns) {
    const ArrayId sum = k.declare("sum", DType::f32, {{rows}, {columns}});
    const auto each = [&](const std::function<void(Affine, Affine)>& body) {
      k.loop(LoopKind::unrolled, "i", Bound::of(rows), [&](VariableId i) {
        k.loop(LoopKind::vector, "j", Bound::of(columns),
               [&](VariableId j) { body(Affine::axis(i), Affine::axis(j)); });
      });
    };
    each([&](const Affine& i, const Affine& j) { k.store(sum, at({i, j}), k.literal(0, DType::f32)); });
    k.loop(LoopKind::serial, "k", Bound::of(inner), [&](VariableId p) {
      each([&](const Affine& i, const Affine& j) {
        const TempId x = k.load(a, at({first + i, Affine::axis(p)}));
        const TempId y = k.load(w, at({Affine::axis(p), column + j}));
        k.store(sum, at({i, j}), k.operation(Op::fma, {x, y, k.load(sum, at({i, j}))}));
      });
    });
    each([&](const Affine& i, const Affine& j) { k.store(c, at({first + i, column + j}), k.load(sum, at({i, j}))); });
  }
};

}  // namespace

Kernel gemm_tile(std::int64_t rows, std::int64_t columns) {
  KernelBuilder k("gemm", "c[b, n] = sum[k](a[b, k] * w[k, n])");
  const Extent batch = Extent::batch();
  const ArrayId a = k.parameter(Array::Role::read, "a", DType::f32, {batch, {inner}});
  const ArrayId w = k.parameter(Array::Role::read, "w", DType::f32, {{inner}, {outer}});
  const ArrayId c = k.parameter(Array::Role::write, "c", DType::f32, {batch, {outer}});
  Gemm gemm{k, a, w, c};
  const Bound whole{{}, rows};  // the batch rounded down to whole tiles
  const auto columns_of = [&](const Affine& first, std::int64_t tile_rows) {
    k.loop(LoopKind::serial, "column", Bound::of(0), {Bound::of(outer)}, columns,
           [&](VariableId column) { gemm.tile(first, tile_rows, Affine::axis(column), columns); });
  };
  k.loop(LoopKind::parallel, "row", Bound::of(0), {whole}, rows,
         [&](VariableId row) { columns_of(Affine::axis(row), rows); });
  k.loop(LoopKind::parallel, "row", whole, {Bound::of(batch)}, 1,
         [&](VariableId row) { columns_of(Affine::axis(row), 1); });
  return std::move(k).finish();
}

Kernel lane_sum() {
  constexpr std::int64_t length = 100;
  KernelBuilder k("lane_sum", "y[b] = sum[i](x[b, i])");
  const Extent batch = Extent::batch();
  const ArrayId x = k.parameter(Array::Role::read, "x", DType::f32, {batch, {length}});
  const ArrayId y = k.parameter(Array::Role::write, "y", DType::f32, {batch});
  k.loop(LoopKind::parallel, "b", Bound::of(batch), [&](VariableId b) {
    const ArrayId lanes = k.declare("lanes", DType::f32, {{lane_count}});
    k.loop(LoopKind::vector, "l", Bound::of(lane_count),
           [&](VariableId l) { k.store(lanes, at({Affine::axis(l)}), k.literal(0, DType::f32)); });
    const auto add = [&](const Affine& l, TempId value) {
      k.store(lanes, at({l}), k.operation(Op::add, {k.load(lanes, at({l})), value}));
    };
    k.loop(LoopKind::serial, "i", Bound::of(0), {Bound::of(length / lane_count * lane_count)}, lane_count,
           [&](VariableId i) {
             k.loop(LoopKind::vector, "l", Bound::of(lane_count), [&](VariableId l) {
               add(Affine::axis(l), k.load(x, at({Affine::axis(b), Affine::axis(i) + Affine::axis(l)})));
             });
           });
    k.loop(LoopKind::vector, "l", Bound::of(length % lane_count), [&](VariableId l) {
      add(Affine::axis(l), k.load(x, at({Affine::axis(b), Affine::axis(l) + length / lane_count * lane_count})));
    });
    for (std::int64_t half = lane_count / 2; half > 0; half /= 2) {
      k.loop(LoopKind::vector, "l", Bound::of(half),
             [&](VariableId l) { add(Affine::axis(l), k.load(lanes, at({Affine::axis(l) + half}))); });
    }
    k.store(y, at({Affine::axis(b)}), k.load(lanes, at({Affine::of(0)})));
  });
  return std::move(k).finish();
}

loop::Program turning(const std::string& type, const std::string& body, const std::string& role) {
  const std::string text = fmt::format(
      "descent loop 1\nprogram test batch 5 arena 0\nbuffer x : {0}[16, 40] state\nbuffer y : {0}[40, 16] state\n"
      "kernel turn({1} x : {0}[16, 40], update y : {0}[40, 16]) {{\n{2}}}\nentry run() -> () {{\n  call turn(x, "
      "y)\n}}\n",
      type, role, body);
  Result<loop::Program> program = loop::parse_program(std::make_shared<Source>(Source{"turned", text}));
  if (!program) throw std::runtime_error(render(program.errors()));
  place_buffers(*program);
  if (const Diagnostics wrong = loop::verify(*program); !wrong.empty()) throw std::runtime_error(render(wrong));
  return std::move(program).value();
}

std::string turned_square(int terms, int lanes, const std::string& value) {
  return fmt::format(
      "  serial i in 0 ..< 16 step 8 {{\n    serial k in 0 ..< 32 step {0} {{\n      unrolled k_2 in 0 ..< {0} {{\n"
      "        vector j in 0 ..< {1} {{\n          y[k + k_2, i + j] = {2}\n        }}\n      }}\n    }}\n  }}\n",
      terms, lanes, value);
}

}  // namespace descent::test
