// Machines by name, and files for them.
#include <catch2/catch.hpp>
#include <functional>

#include "ir/loop_builder.h"
#include "tests/support/loop_kernels.h"
#include "tests/support/loop_run.h"

namespace descent::test {
namespace {

std::string errors_of(std::string_view triple, std::string_view cpu) {
  const Result<Machine> machine = codegen::named_machine(triple, cpu);
  return machine.ok() ? "" : render(machine.errors());
}

loop::Program small_program() { return program_of(gemm_tile(4, 16)); }

}  // namespace

TEST_CASE("this processor is described") {
  const Machine machine = codegen::host_machine();
  CHECK(!machine.triple.empty());
  CHECK(!machine.cpu.empty());
  CHECK(machine.vector_bytes >= 16);
  CHECK(machine.l1_bytes >= 4096);
  CHECK(machine.l2_bytes >= machine.l1_bytes);
}

TEST_CASE("vector units follow from the processor's name") {
  struct Row {
    const char* triple;
    const char* cpu;
    int bytes, registers, ports;
  };
  const Row rows[] = {{"x86_64-linux-gnu", "", 16, 16, 2},
                      {"x86_64-linux-gnu", "haswell", 32, 16, 2},
                      {"x86_64-linux-gnu", "skylake-avx512", 64, 32, 2},
                      {"x86_64-linux-gnu", "znver4", 64, 32, 1},
                      {"x86_64-linux-gnu", "x86-64-v2,x86-64-v3,x86-64-v4", 32, 16, 2},
                      {"riscv64-linux-gnu", "", 4, 32, 2},
                      {"riscv64-linux-gnu", "rv64gcv", 16, 32, 2},
                      {"riscv64-linux-gnu", "rv64gcv_zvl512b", 64, 32, 2},
                      {"wasm32", "", 16, 16, 2},
                      {"wasm32", "mvp", 4, 16, 2},
                      {"aarch64-linux-gnu", "", 16, 32, 2},
                      {"aarch64-linux-gnu", "neoverse-n1", 16, 32, 2}};
  for (const Row& row : rows) {
    INFO(row.triple << " " << row.cpu);
    const Result<Machine> machine = codegen::named_machine(row.triple, row.cpu);
    REQUIRE(machine.ok());
    CHECK(machine->vector_bytes == row.bytes);
    CHECK(machine->vector_registers == row.registers);
    CHECK(machine->fma_ports == row.ports);
  }
}

TEST_CASE("an unknown target or processor is a diagnostic") {
  CHECK(errors_of("marvin-linux-gnu", "") ==
        "error: expected a target that LLVM can compile for, found 'marvin-unknown-linux-gnu'\n");
  for (const std::string arch : {"powerpc64le", "armv7", "nvptx64", "avr"}) {
    CHECK(errors_of(arch + "-linux-gnu", "") ==
          "error: no code can be made for '" + arch + "' yet; there is x86_64, aarch64, riscv64 and wasm32\n");
  }
  CHECK(errors_of("x86_64-linux-gnu", "haswel") ==
        "error: expected a processor of target 'x86_64-unknown-linux-gnu', found 'haswel'\n"
        "note: did you mean 'haswell'?\n");
  CHECK(errors_of("aarch64-linux-gnu", "pentium4") ==
        "error: expected a processor of target 'aarch64-unknown-linux-gnu', found 'pentium4'\n");
  for (const std::string levels : {"x86-64-v3,x86-64-v2", "x86-64-v2,haswell", "x86-64-v2,", ","}) {
    CHECK(errors_of("x86_64-linux-gnu", levels) ==
          "error: expected one processor, or levels of x86-64 from low to high such as x86-64-v2,x86-64-v3, found '" +
              levels + "' for target 'x86_64-unknown-linux-gnu'\n");
  }
  CHECK(errors_of("riscv64-linux-gnu", "rv64ifish")
            .starts_with(
                "error: expected a RISC-V processor's name or its extensions, such as rv64gcv, found 'rv64ifish'"));
  CHECK(errors_of("riscv64-linux-gnu", "rv64imac") ==
        "error: expected a RISC-V processor with floats of 64 bits (extension d), found 'generic-rv64'\n");
  Machine unknown;
  unknown.triple = "marvin-linux-gnu";
  CHECK(!codegen::emit(small_program(), unknown, codegen::Emit::object).ok());
}

TEST_CASE("what this back end cannot compile is a diagnostic") {
  loop::Program unplanned = small_program();
  unplanned.buffers[1].offset = -1;
  const auto jit = codegen::Jit::compile(unplanned, codegen::host_machine());
  REQUIRE(!jit.ok());
  CHECK(render(jit.errors()) == "error: expected a place in the arena for buffer 'w', found none\n");

  loop::Program large = small_program();
  for (loop::Array& array : large.kernels[0].arrays) {
    if (array.role == loop::Array::Role::local) array.shape[0] = {1 << 20};
  }
  const Result<std::string> text = codegen::emit(large, codegen::host_machine(), codegen::Emit::llvm);
  REQUIRE(!text.ok());
  CHECK(text.errors()[0].id == "large-locals");

  const Result<Machine> foreign = codegen::named_machine("riscv64-linux-gnu", "");
  REQUIRE(foreign.ok());
  const auto there = codegen::Jit::compile(small_program(), *foreign);
  REQUIRE(!there.ok());
  CHECK(there.errors()[0].id == "foreign-machine");
}

TEST_CASE("a local of every lane of a vector loop counts once per lane") {
  loop::KernelBuilder k("wide");
  const loop::ArrayId y = k.parameter(loop::Array::Role::write, "y", DType::f32, {{64}});
  k.loop(loop::LoopKind::vector, "l", loop::Bound::of(64), [&](loop::VariableId l) {
    const loop::ArrayId own = k.declare("own", DType::f32, {{1 << 14}});
    k.store(own, loop::at({Affine::of(0)}), k.literal(1, DType::f32));
    k.store(y, loop::at({Affine::axis(l)}), k.load(own, loop::at({Affine::of(0)})));
  });
  const auto jit = codegen::Jit::compile(program_of(std::move(k).finish()), codegen::host_machine());
  REQUIRE(!jit.ok());
  CHECK(render(jit.errors()) == "error: expected locals of at most 2097152 bytes in kernel 'wide', found 4194304\n");
}

TEST_CASE("nested unrolled loops of many iterations compile without as many copies") {
  loop::KernelBuilder k("deep");
  const loop::ArrayId y = k.parameter(loop::Array::Role::update, "y", DType::i32, {{1}});
  std::function<void(int)> nest = [&](int depth) {
    if (depth == 0) {
      const loop::TempId old = k.load(y, loop::at({Affine::of(0)}));
      return k.store(y, loop::at({Affine::of(0)}), k.operation(Op::add, {old, k.literal(1, DType::i32)}));
    }
    k.loop(loop::LoopKind::unrolled, "u", loop::Bound::of(100), [&](loop::VariableId) { nest(depth - 1); });
  };
  nest(3);
  const loop::Program program = program_of(std::move(k).finish());
  CHECK(compiled_difference(program, "run", 1, {tame_memory(program, "run", 1)}) == "");
}

TEST_CASE("object files and assembly for many processors") {
  const char* triples[] = {"x86_64-linux-gnu", "aarch64-linux-gnu", "riscv64-linux-gnu"};
  for (const char* triple : triples) {
    INFO(triple);
    const Result<Machine> machine = codegen::named_machine(triple, "");
    REQUIRE(machine.ok());
    const Result<std::string> object = codegen::emit(small_program(), *machine, codegen::Emit::object);
    REQUIRE(object.ok());
    CHECK(object->substr(0, 4) ==
          "\x7f"
          "ELF");
    const Result<std::string> assembly = codegen::emit(small_program(), *machine, codegen::Emit::assembly);
    REQUIRE(assembly.ok());
    CHECK(assembly->find("test_run:") != std::string::npos);
    CHECK(assembly->find("test_arena_bytes:") != std::string::npos);
  }
}

TEST_CASE("a fused multiply-add is one, and nothing else is fused") {
  for (const char* cpu : {"haswell", "skylake-avx512"}) {
    const Result<Machine> machine = codegen::named_machine("x86_64-linux-gnu", cpu);
    REQUIRE(machine.ok());
    const Result<std::string> gemm = codegen::emit(small_program(), *machine, codegen::Emit::assembly);
    REQUIRE(gemm.ok());
    CHECK(gemm->find("vfmadd231ps") != std::string::npos);
    CHECK(gemm->find("callq\tfma") == std::string::npos);
    const Result<std::string> all = codegen::emit(all_operations(8), *machine, codegen::Emit::llvm);
    REQUIRE(all.ok());
    for (const char* flag : {"fast", "reassoc", "contract", "nnan", "ninf", "nsz", "arcp", "afn"}) {
      INFO(flag);
      for (const char* operation : {"fadd", "fsub", "fmul", "fdiv", "fcmp"}) {
        CHECK(all->find(std::string(operation) + " " + flag) == std::string::npos);
      }
    }
  }
}

TEST_CASE("line tables point at the model file") {
  const auto model = std::make_shared<const Source>(Source{"net.descent", "model net() {\n\n  c = linear(a)\n}\n"});
  loop::Program program = small_program();
  program.kernels[0].origin = {model, 17, 30};
  const Result<std::string> text = codegen::emit(program, codegen::host_machine(), codegen::Emit::llvm);
  REQUIRE(text.ok());
  CHECK(text->find("!DIFile(filename: \"net.descent\"") != std::string::npos);
  CHECK(text->find("!DISubprogram(name: \"gemm.part\"") != std::string::npos);
  CHECK(text->find("line: 3, column: 3") != std::string::npos);
  const Result<std::string> assembly = codegen::emit(program, codegen::host_machine(), codegen::Emit::assembly);
  REQUIRE(assembly.ok());
  CHECK(assembly->find(".loc\t1 3 3") != std::string::npos);

  const Result<std::string> without = codegen::emit(small_program(), codegen::host_machine(), codegen::Emit::llvm);
  REQUIRE(without.ok());
  CHECK(without->find("DISubprogram") == std::string::npos);
}

TEST_CASE("an entry that is not there is null") {
  const auto jit = codegen::Jit::compile(small_program(), codegen::host_machine());
  REQUIRE(jit.ok());
  CHECK((*jit)->entry("run") != nullptr);
  CHECK((*jit)->entry("walk") == nullptr);
}

}  // namespace descent::test
