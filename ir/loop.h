// Loop IR: how it is computed. Kernels made of loops, loads and stores, and entries that call them in order.
//
// Nothing is left to a back end's taste: every operation is one native row of the op table, every fused multiply-add
// is written, loops run upwards in steps. A `vector` loop has a constant number of iterations that touch no common
// memory, so a back end computes them side by side, in any grouping; a `parallel` loop's iterations may run on any
// thread; `unrolled` and `serial` differ in cost only. All four have the meaning of the serial loop.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "ir/affine.h"
#include "ir/diagnostics.h"
#include "ir/scalar.h"
#include "ir/type.h"

namespace descent::loop {

using ArrayId = int;     // in a kernel: parameters first, then locals
using VariableId = int;  // in a kernel: index parameters first, then loop variables; the AxisId of its affine forms
using TempId = int;      // in a kernel: an SSA scalar
using BufferId = int;    // in a program
using KernelId = int;
inline constexpr TempId no_temp = -1;

// One subscript: offset + the i32 temp `through` when there is one.
struct Subscript {
  Affine offset;
  TempId through = no_temp;
};

// An element of an array. With a guard: where it is false the element is not touched and the value is `otherwise`.
struct Load {
  ArrayId array = -1;
  std::vector<Subscript> at;
  TempId guard = no_temp;
  double otherwise = 0;
};
struct IndexValue {  // an affine form of the variables as i32
  Affine form;
};
struct BatchValue {};  // the actual batch as i32
struct Operation {     // one native row
  Op op = Op::add;
  std::vector<TempId> operands;
};

struct Statement;
using Block = std::vector<Statement>;

struct Let {
  TempId temp = no_temp;  // its type stands in Kernel::temps
  std::variant<Literal, IndexValue, BatchValue, Load, Operation> value;
};
struct Store {
  ArrayId array = -1;
  std::vector<Subscript> at;
  TempId value = no_temp;
};
// A local array begins to live here, uninitialised; it lives to the end of the enclosing block. Inside a vector loop
// each iteration has its own.
struct Declare {
  ArrayId array = -1;
};
struct If {
  TempId condition = no_temp;
  Block then;
};

// form + (the actual batch rounded down to a multiple, when `multiple` > 0).
struct Bound {
  Affine form;
  std::int64_t multiple = 0;

  static Bound of(std::int64_t value) { return {Affine::of(value), 0}; }
  static Bound of(Extent extent) { return extent.is_batch() ? Bound{{}, 1} : of(extent.size); }
  bool operator==(const Bound&) const = default;
};
enum class LoopKind : std::uint8_t { serial, parallel, vector, unrolled };
std::string_view name_of(LoopKind kind);

// variable = begin, begin + step, … while < every bound of `end`. vector and unrolled: begin 0, one constant end.
struct For {
  LoopKind kind = LoopKind::serial;
  VariableId variable = -1;
  Bound begin;
  std::vector<Bound> end;
  std::int64_t step = 1;
  Block body;
};

struct Statement {
  std::variant<Let, Store, Declare, If, For> node;
};

// Row-major with batch standing for the program's largest batch: a smaller batch leaves gaps unless batch is the
// first axis. With `panel` > 0, a power of two, the last axis is cut into panels of that many elements, the last one
// filled up, that lie one behind another: f32[784, 500] panel 16 lies as f32[32, 784, 16]. Subscripts stay the same.
// Parameters never overlap, but for one buffer passed twice and only read. A local is a small private array meant for
// registers or the first-level cache; it has no panels.
struct Array {
  enum class Role : std::uint8_t { read, write, update, local } role = Role::read;
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  std::int64_t panel = 0;
};

struct Kernel {
  std::string name;
  std::string comment;  // what it computes and the model's line, for readers
  std::vector<Array> arrays;
  int parameters = 0;                  // arrays [0, parameters) are bound by the call
  std::vector<std::string> variables;  // names
  int indices = 0;                     // variables [0, indices) are bound by the call
  std::vector<DType> temps;
  Block body;
  Span origin;
};

struct Buffer {
  enum class Storage : std::uint8_t { state, input, output, arena } storage = Storage::arena;
  std::string name;
  TensorType type;
  std::int64_t offset = -1;  // in bytes into the arena, for state and arena; a multiple of 64; -1: not planned yet
  std::int64_t panel = 0;    // of state and arena, as of the arrays it is passed for
};

struct Call {
  KernelId kernel = -1;
  std::vector<BufferId> buffers;
  std::vector<Affine> indices;  // over the variables of the enclosing Repeats (ids count from the outermost)
};
struct Repeat;
using Steps = std::vector<std::variant<Call, Repeat>>;
// A scan: `variable` 0 … count-1, downwards when reversed.
struct Repeat {
  std::string variable;
  std::int64_t count = 0;
  bool reversed = false;
  std::vector<std::variant<Call, Repeat>> steps;
};

// A function of the artifact. Inputs and outputs in the order of the call's pointers. With `turns` it runs its steps as
// often as the call says, and from turn to turn inputs and outputs move on (Turns): training on data in memory is one
// call. What a turn leaves in states the next one finds; of the rest of the arena a turn reads what it has written.
struct Entry {
  std::string name;
  std::vector<BufferId> inputs;
  std::vector<BufferId> outputs;
  Steps steps;
  bool turns = false;
};

// The turns of one call, as runtime/abi.h has them: in turn t each input and output lies order[t] · by_batch +
// t · by_turn bytes behind its pointer.
struct Motion {
  std::int64_t by_batch = 0, by_turn = 0;
};
struct Turns {
  std::vector<std::int64_t> order;      // as many turns as it has numbers
  std::vector<Motion> inputs, outputs;  // one per input and output
};

struct Program {
  std::string name;
  std::int64_t largest_batch = 1;
  std::vector<Buffer> buffers;
  std::vector<Kernel> kernels;
  std::vector<Entry> entries;
  std::int64_t arena_bytes = 0;

  const Entry* entry(std::string_view name) const;
};

// -- text ------------------------------------------------------------------------------------------------------------
//   descent loop 1
//   program xor batch 4 arena 1024
//   buffer x : f32[batch, 2] input
//   buffer w : f32[2, 3] state at 64
//   buffer u : f32[784, 500] panel 16 state at 128
//
//   # hidden = linear(x, 3)                                                            xor.descent:7
//   kernel hidden(read x : f32[batch, 2], read w : f32[2, 3], write h : f32[batch, 3]) {
//     parallel b in 0 ..< batch {
//       local sum : f32[3]
//       vector j in 0 ..< 3 {
//         sum[j] = 0.0
//       }
//       serial k in 0 ..< 2 {
//         vector j in 0 ..< 3 {
//           sum[j] = fma(x[b, k], w[k, j], sum[j])
//         }
//       }
//       …
//     }
//   }
//
//   entry step(x) -> (loss) {
//     call hidden(x, w, h)
//     repeat t < 64 reversed {
//       call cell(h, c, t)
//     }
//   }
//
//   entry steps(x) -> (loss) turns {
//     call hidden(x, w, h)
//   }
// What a temp needs to be printed in place: one use, in a later statement of its block, no store in between to what it
// loads, and no deeper nesting than can be read; literals always are. The others stand as `let t3 = …`. Expressions are
// the op table's signs and names, and
//   x[b, 2*k - 1]     @t3 + 1          a load; a subscript that goes through the i32 t3
//   x[k when t4 else 0.0]              a guarded load
//   index(2*k + 1)    batch            an affine form and the actual batch as i32
// Bounds: `0 ..< min(i + 8, 10) step 2`, `batch // 8 * 8 ..< batch`. An index parameter stands as `index t` behind the
// arrays. The comment lines right above a kernel are its comment. parse(print(p)) is p but for the numbering and the
// place of lets and locals; print(parse(print(p))) is print(p).
std::string print(const Program& program);
std::string print(const Kernel& kernel);
Result<Program> parse_program(const SourceRef& source);
// Empty: well-formed, and every order of running the iterations of parallel and vector loops gives the same bits.
// Indices that stand under a condition, under a guard or go through a temp are not proved to stay inside.
Diagnostics verify(const Program& program);

// -- the oracle: the bits --------------------------------------------------------------------------------------------
// Runs the program exactly as every back end must: f32 in f32, one operation at a time, in order. Memory outside
// the arrays is never touched: an index that leaves its array is an internal error naming kernel and place.
class Interpreter {
 public:
  // `program` stays alive and unchanged. States and arena start as zero bytes; buffers without an offset are placed
  // behind the planned ones.
  explicit Interpreter(const Program& program);
  // `inputs` and `outputs`: one pointer per Entry::inputs / outputs.
  void run(std::string_view entry, std::int64_t batch, const std::vector<const void*>& inputs,
           const std::vector<void*>& outputs);
  // The same for an entry with turns.
  void run(std::string_view entry, std::int64_t batch, const std::vector<const void*>& inputs,
           const std::vector<void*>& outputs, const Turns& turns);
  std::vector<std::byte>& arena() { return arena_; }

 private:
  struct Translation;  // the kernels in flat form (loop_flat.h)
  const Program* program_;
  std::shared_ptr<const Translation> translation_;
  std::vector<std::byte> arena_;
};

}  // namespace descent::loop
