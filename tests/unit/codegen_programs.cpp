// Loop programs of every shape through the interpreter and compiled code, alone and on forced threads: equal bits.
#include <catch2/catch.hpp>

#include "ir/loop_builder.h"
#include "tests/support/loop_kernels.h"
#include "tests/support/loop_run.h"

namespace descent::test {
namespace {

using namespace loop;

// Every batch size up to the largest, on wild and on tame values.
void check_all(const Program& program) {
  for (std::int64_t batch = 1; batch <= program.largest_batch; ++batch) {
    INFO("batch " << batch);
    const auto seed = static_cast<std::uint64_t>(batch);
    CHECK(compiled_difference(program, "run", batch, {tame_memory(program, "run", seed)}) == "");
  }
  CHECK(compiled_difference(program, "run", program.largest_batch, {random_memory(program, "run", 1)}) == "");
}

using Role = Array::Role;
const Extent batch = Extent::batch();

// One kernel over x : f32[batch, 40] (read), i : i32[batch, 16] in 0 ..< 8 (read) and y : f32[batch, 40] (update),
// whose body is written for one row and a vector loop of 16.
struct Row {
  KernelBuilder& k;
  ArrayId x, i, y;
  Affine b;
  Affine lane;

  TempId read(const Affine& column, TempId guard = no_temp, double otherwise = 0) const {
    return k.load(x, at({b, column}), guard, otherwise);
  }
  TempId number(const Affine& form) const { return k.index_value(form); }
  TempId f32(double value) const { return k.literal(value, DType::f32); }
  TempId i32(double value) const { return k.literal(value, DType::i32); }
  void write(const Affine& column, TempId value) const { k.store(y, at({b, column}), value); }
};
Program row_program(const std::function<void(const Row&)>& body) {
  KernelBuilder k("row");
  const ArrayId x = k.parameter(Role::read, "x", DType::f32, {batch, {40}});
  const ArrayId i = k.parameter(Role::read, "i", DType::i32, {batch, {16}});
  const ArrayId y = k.parameter(Role::update, "y", DType::f32, {batch, {40}});
  k.loop(LoopKind::parallel, "b", Bound::of(batch), [&](VariableId b) {
    k.loop(LoopKind::vector, "l", Bound::of(16),
           [&](VariableId l) { body({k, x, i, y, Affine::axis(b), Affine::axis(l)}); });
  });
  return program_of(std::move(k).finish(), 5);
}
// As check_all, but the indices stay tame.
void check_row(const std::function<void(const Row&)>& body) {
  const Program program = row_program(body);
  for (std::int64_t rows : {1, 4, 5}) {
    CHECK(compiled_difference(program, "run", rows, {tame_memory(program, "run", 7)}) == "");
  }
  const std::size_t first = static_cast<std::size_t>(program.buffers[1].offset);
  const std::size_t last = static_cast<std::size_t>(program.buffers[2].offset);
  Memory memory = random_memory(program, "run", 8);
  const Memory tame = tame_memory(program, "run", 8);
  std::copy(tame.arena.begin() + static_cast<std::ptrdiff_t>(first),
            tame.arena.begin() + static_cast<std::ptrdiff_t>(last),
            memory.arena.begin() + static_cast<std::ptrdiff_t>(first));
  CHECK(compiled_difference(program, "run", 5, {memory}) == "");
}

}  // namespace

TEST_CASE("matrix product by register tiles, with a tail of the batch") {
  const auto [rows, columns] = GENERATE(std::pair{4, 16}, std::pair{3, 8}, std::pair{6, 32}, std::pair{1, 4});
  check_all(program_of(gemm_tile(rows, columns), 7));
}

TEST_CASE("a sum in sixteen lanes") { check_all(program_of(lane_sum(), 3)); }

TEST_CASE("guarded loads of a window") {
  check_row([](const Row& r) {
    TempId sum = r.f32(0);
    for (std::int64_t shift : {-3, 0, 30}) {
      const Affine column = r.lane * 2 + shift;
      const TempId low = r.k.operation(Op::greater_equal, {r.number(column), r.i32(0)});
      const TempId high = r.k.operation(Op::less, {r.number(column), r.i32(40)});
      const TempId inside = r.k.operation(Op::logical_and, {low, high});
      sum = r.k.operation(Op::add, {sum, r.read(column, inside, -1.5)});
    }
    r.write(r.lane, sum);
  });
}

TEST_CASE("guarded contiguous loads, the guard by lane and for all lanes") {
  check_row([](const Row& r) {
    const TempId by_lane = r.k.operation(Op::less, {r.number(r.lane), r.i32(10)});
    const TempId for_all = r.k.operation(Op::less, {r.number(r.b), r.i32(2)});
    const TempId a = r.read(r.lane + 30, by_lane, 3);
    const TempId c = r.read(r.lane, for_all, 4);
    const TempId one = r.read(Affine::of(3), for_all, 5);
    const TempId shared = r.read(Affine::of(7), by_lane, 6);
    r.write(r.lane, r.k.operation(Op::fma, {a, c, r.k.operation(Op::mul, {one, shared})}));
  });
}

TEST_CASE("a guard by lane under a condition for all lanes, in a vector wider than a register") {
  check_row([](const Row& row) {
    // Lanes 5 to 15 never read; the others do where a value of the row says so.
    const TempId some = row.k.operation(Op::less, {row.number(row.lane), row.i32(5)});
    const TempId all = row.k.operation(Op::less, {row.read(Affine::of(39)), row.f32(0)});
    const TempId both = row.k.operation(Op::logical_and, {all, some});
    row.write(row.lane, row.read(row.lane + 1, both, 0.5));
    row.write(row.lane + 20, row.read(row.lane * 2, both, 0.25));
  });
}

TEST_CASE("a load through an index, guarded and not") {
  check_row([](const Row& r) {
    const TempId index = r.k.load(r.i, at({r.b, r.lane}));
    const TempId common = r.k.load(r.i, at({r.b, Affine::of(3)}));
    const TempId even = r.k.operation(Op::not_equal, {index, common});
    const TempId plain = r.k.load(r.x, {{r.b}, {r.lane * 2, index}});
    const TempId guarded = r.k.load(r.x, {{r.b}, {Affine::of(20), index}}, even, 2);
    const TempId shared = r.k.load(r.x, {{r.b}, {r.lane, common}});
    r.write(r.lane, r.k.operation(Op::fma, {plain, guarded, shared}));
  });
}

TEST_CASE("stores under a mask: contiguous, strided, through an index") {
  check_row([](const Row& r) {
    const TempId index = r.k.load(r.i, at({r.b, r.lane}));
    const TempId small = r.k.operation(Op::less, {index, r.i32(4)});
    r.k.branch(small, [&] {
      r.write(r.lane, r.read(r.lane));
      const TempId first = r.k.operation(Op::less, {r.number(r.lane), r.i32(9)});
      r.k.branch(first, [&] { r.write(r.lane * 2 + 16, r.read(r.lane + 1)); });
    });
    const TempId last = r.k.operation(Op::equal, {r.number(r.lane), r.i32(15)});
    r.k.branch(last, [&] { r.k.store(r.y, {{r.b}, {Affine::of(32), index}}, r.read(Affine::of(39))); });
  });
}

TEST_CASE("stores under a mask into a local: in registers and through an index") {
  KernelBuilder k("masked");
  const ArrayId x = k.parameter(Role::read, "x", DType::f32, {batch, {16}});
  const ArrayId y = k.parameter(Role::write, "y", DType::f32, {batch, {16}});
  k.loop(LoopKind::parallel, "b", Bound::of(batch), [&](VariableId b) {
    const ArrayId local = k.declare("local", DType::f32, {{16}});
    const ArrayId shifted = k.declare("shifted", DType::f32, {{16}});
    const auto each = [&](const std::function<void(Affine, std::vector<Subscript>)>& body) {
      k.loop(LoopKind::vector, "l", Bound::of(16),
             [&](VariableId l) { body(Affine::axis(l), at({Affine::axis(b), Affine::axis(l)})); });
    };
    each([&](const Affine& l, const auto&) {
      k.store(local, at({l}), k.literal(0.5, DType::f32));
      k.store(shifted, at({l}), k.literal(-2, DType::f32));
    });
    each([&](const Affine& l, const auto& place) {
      const TempId value = k.load(x, place);
      k.branch(k.operation(Op::less, {value, k.literal(0, DType::f32)}), [&] {
        k.store(local, at({l}), value);
        const TempId beyond = k.operation(Op::less, {k.index_value(l), k.literal(9, DType::i32)});
        k.branch(beyond, [&] { k.store(shifted, at({l + 7}), k.load(x, at({Affine::axis(b), l + 7}))); });
      });
    });
    each([&](const Affine& l, const auto& place) {
      k.store(y, place, k.operation(Op::mul, {k.load(local, at({l})), k.load(shifted, at({l}))}));
    });
  });
  const Program program = program_of(std::move(k).finish(), 3);
  check_all(program);
}

TEST_CASE("strided loads and stores in both directions") {
  check_row([](const Row& r) {
    const TempId down = r.read(r.lane * -1 + 15);
    const TempId strided = r.read(r.lane * 2 + 8);
    r.write(r.lane * -2 + 39, r.k.operation(Op::sub, {down, strided}));
  });
}

TEST_CASE("a local of each lane, with a serial loop inside the vector loop") {
  check_row([](const Row& r) {
    const ArrayId own = r.k.declare("own", DType::f32, {{4}});
    r.k.loop(LoopKind::unrolled, "u", Bound::of(4),
             [&](VariableId u) { r.k.store(own, at({Affine::axis(u)}), r.read(r.lane + Affine::axis(u, 2))); });
    r.k.loop(LoopKind::serial, "s", Bound::of(0), {Bound::of(5), Bound{r.b + 2, 0}}, 1, [&](VariableId s) {
      r.k.loop(LoopKind::unrolled, "u", Bound::of(4), [&](VariableId u) {
        const Affine place = Affine::axis(u);
        const TempId next = r.k.operation(Op::fma, {r.k.load(own, at({place})), r.read(Affine::axis(s)), r.f32(0.25)});
        r.k.store(own, at({place}), next);
      });
    });
    const TempId index = r.k.load(r.i, at({r.b, r.lane}));
    const TempId small = r.k.operation(Op::less, {index, r.i32(4)});
    const TempId chosen = r.k.load(own, {{Affine{}, index}}, small, 9);
    r.write(r.lane, chosen);
    r.write(r.lane + 16, r.k.load(own, at({Affine::of(3)})));
  });
}

TEST_CASE("booleans in memory") {
  check_row([](const Row& r) {
    const ArrayId flags = r.k.declare("flags", DType::boolean, {{2}});
    r.k.store(flags, at({Affine::of(0)}), r.k.operation(Op::less, {r.read(r.lane), r.f32(0.25)}));
    r.k.store(flags, at({Affine::of(1)}), r.k.literal(1, DType::boolean));
    const TempId both =
        r.k.operation(Op::logical_and, {r.k.load(flags, at({Affine::of(0)})), r.k.load(flags, at({Affine::of(1)}))});
    r.write(r.lane, r.k.operation(Op::select, {both, r.f32(1), r.f32(-0.0)}));
  });
}

TEST_CASE("a vector loop whose inner bound depends on the lane runs one by one") {
  check_row([](const Row& r) {
    const ArrayId sum = r.k.declare("sum", DType::f32, {{1}});
    r.k.store(sum, at({Affine::of(0)}), r.f32(0));
    const VariableId lane = r.lane.terms[0].axis;
    r.k.loop(LoopKind::serial, "s", Bound::of(0), {Bound{Affine::axis(lane, 1, 1), 0}}, 1, [&](VariableId s) {
      const TempId next = r.k.operation(Op::add, {r.k.load(sum, at({Affine::of(0)})), r.read(Affine::axis(s))});
      r.k.store(sum, at({Affine::of(0)}), next);
    });
    r.write(r.lane, r.k.load(sum, at({Affine::of(0)})));
  });
}

TEST_CASE("a vector loop inside a vector loop, and one in steps") {
  check_row([](const Row& r) {
    const VariableId lane = r.lane.terms[0].axis;
    const ArrayId own = r.k.declare("own", DType::f32, {{6}});
    r.k.loop(LoopKind::vector, "v", Bound::of(0), {Bound::of(6)}, 2, [&](VariableId v) {
      r.k.store(own, at({Affine::axis(v)}), r.read(Affine::axis(lane) + Affine::axis(v, 3)));
    });
    r.write(r.lane, r.k.operation(Op::mul, {r.k.load(own, at({Affine::of(4)})), r.k.load(own, at({Affine::of(0)}))}));
  });
}

TEST_CASE("temps, locals and variables from outside a parallel loop reach it") {
  KernelBuilder k("captures");
  const VariableId t = k.index("t");
  const ArrayId x = k.parameter(Role::read, "x", DType::f32, {batch, {8}});
  const ArrayId y = k.parameter(Role::update, "y", DType::f32, {batch, {8}});
  const ArrayId shared = k.declare("shared", DType::f32, {{8}});
  k.loop(LoopKind::serial, "s", Bound::of(2), [&](VariableId s) {
    k.loop(LoopKind::vector, "l", Bound::of(8), [&](VariableId l) {
      k.store(shared, at({Affine::axis(l)}), k.load(x, at({Affine::of(0), Affine::axis(l)})));
    });
    const TempId scale = k.operation(Op::to_f32, {k.index_value(Affine::axis(s, 3, 1) + Affine::axis(t))});
    const TempId first = k.operation(Op::less, {k.batch_value(), k.literal(3, DType::i32)});
    k.loop(LoopKind::parallel, "b", Bound::of(0), {Bound::of(batch)}, 2, [&](VariableId b) {
      k.loop(LoopKind::parallel, "l", Bound::of(8), [&](VariableId l) {
        const auto place = at({Affine::axis(b), Affine::axis(l)});
        const TempId value = k.operation(Op::fma, {k.load(shared, at({Affine::axis(l)})), scale, k.load(y, place)});
        k.store(y, place, k.operation(Op::select, {first, value, scale}));
      });
    });
  });
  check_all(program_of(std::move(k).finish(), 6));
}

TEST_CASE("an empty parallel loop and bounds that meet") {
  KernelBuilder k("empty");
  const ArrayId y = k.parameter(Role::update, "y", DType::i32, {batch});
  k.loop(LoopKind::parallel, "b", Bound{{}, 4}, {Bound{{}, 4}}, 1,
         [&](VariableId b) { k.store(y, at({Affine::axis(b)}), k.literal(1, DType::i32)); });
  k.loop(LoopKind::parallel, "b", Bound{{}, 4}, {Bound::of(batch), Bound::of(6)}, 1,
         [&](VariableId b) { k.store(y, at({Affine::axis(b)}), k.index_value(Affine::axis(b, 2))); });
  check_all(program_of(std::move(k).finish(), 9));
}

TEST_CASE("repeats upwards and downwards, inputs and outputs") {
  KernelBuilder k("cell");
  const VariableId outer = k.index("outer");
  const VariableId inner = k.index("inner");
  const ArrayId x = k.parameter(Role::read, "x", DType::f64, {batch, {5}});
  const ArrayId h = k.parameter(Role::update, "h", DType::f64, {batch});
  const ArrayId y = k.parameter(Role::write, "y", DType::f64, {{3}, {5}, batch});
  k.loop(LoopKind::parallel, "b", Bound::of(batch), [&](VariableId b) {
    const TempId next = k.operation(Op::fma, {k.load(h, at({Affine::axis(b)})), k.literal(0.75, DType::f64),
                                              k.load(x, at({Affine::axis(b), Affine::axis(inner)}))});
    k.store(h, at({Affine::axis(b)}), next);
    k.store(y, at({Affine::axis(outer), Affine::axis(inner), Affine::axis(b)}), next);
  });
  Program program;
  program.name = "repeats";
  program.largest_batch = 4;
  program.buffers = {{Buffer::Storage::input, "x", {DType::f64, {batch, {5}}, {}}, -1},
                     {Buffer::Storage::state, "h", {DType::f64, {batch}, {}}, -1},
                     {Buffer::Storage::output, "y", {DType::f64, {{3}, {5}, batch}, {}}, -1}};
  program.kernels.push_back(std::move(k).finish());
  const Call call{0, {0, 1, 2}, {Affine::axis(0), Affine::axis(1, -1, 4)}};
  program.entries.push_back({"run", {0}, {2}, {Repeat{"o", 3, true, {Repeat{"i", 5, false, {call}}}}}});
  place_buffers(program);
  check_all(program);
}

}  // namespace descent::test
