// One kernel of a Loop program as a C++ function.
//
// Every loop is a loop but a vector loop: its body is written once, on vectors of as many lanes as it has iterations. A
// parallel loop hands its body to the caller's threads as a lambda.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "codegen/cpp/lanes.h"
#include "codegen/cpp/live.h"
#include "codegen/cpp/text.h"
#include "ir/loop.h"
#include "ir/loop_placement.h"

namespace descent::codegen::cpp {

// What a call of the kernel's function passes: everything else it has no use for.
struct Signature {
  std::vector<loop::ArrayId> arrays;
  std::vector<loop::VariableId> indices;
  bool batch = false;
  bool threads = false;
};
Signature signature_of(const loop::Kernel& kernel);

// A parameter that is one number and only read is passed by value.
bool is_by_value(const loop::Array& array);
// The type of a pointer to the first element of what is left of an array when its first axis is taken away: with
// "const " and "*x" in their places "const float (*x)[784]".
std::string pointer_to(const loop::Array& array, std::int64_t largest_batch, const std::string& name, bool constant);
// What such a pointer points to: "float[784]".
std::string pointed_type(const loop::Array& array, std::int64_t largest_batch);
// The declaration of an array of so many bytes, to be passed as such a pointer.
std::string local_array(const loop::Array& array, std::int64_t largest_batch, const std::string& name,
                        std::int64_t bytes);
std::string shape_comment(const Shape& shape, std::int64_t panel);

// Whether its callers have threads to offer; without them a parallel loop is a loop.
enum class Callers : bool { without_threads, with_threads };
std::string print_kernel(const loop::Kernel& kernel, const std::string& name, std::int64_t largest_batch,
                         Callers callers);

// An expression and how tightly it binds.
enum class Rank { choice, either, both, bits, comparison, shift, sum, product, unary, primary };
struct Expression {
  std::string text;
  Rank rank = Rank::primary;

  std::string at_least(Rank least) const { return rank >= least ? text : "(" + text + ")"; }
};
// An operation on operands that are all scalars, or of which some are vectors of `lanes`.
struct Operand {
  Expression expression;
  DType type = DType::f32;
  bool is_vector = false;
};
Expression operation(Op op, const std::vector<Operand>& operands, DType type, std::int64_t lanes);
// A word for what the operation gives.
std::string noun_of(Op op);

// The mask of the first lanes, so many; of two such masks how many lanes both let run, -1 where one is of another kind.
std::string first_lanes(std::int64_t count);
std::int64_t both_first(std::int64_t a, std::int64_t b);

class KernelPrinter {
 public:
  KernelPrinter(const loop::Kernel& kernel, std::int64_t largest_batch, Callers callers);
  std::string run(const std::string& name) &&;

 private:
  // Where an access finds its element or its lanes.
  enum class Reach { same, contiguous, scattered };

  void header(const std::string& name);
  void block(const loop::Block& block, int depth);       // a scope of its own
  void statements(const loop::Block& block, int depth);  // in the open one
  bool names_values(const loop::Block& block) const;
  void statement(const loop::Statement& statement, int depth);
  void let(const loop::Let& let, int depth);
  void declare(const loop::Declare& declare, int depth);
  void branch(const loop::If& branch, int depth);
  void loop(const loop::For& loop, int depth);
  void load_before(const loop::For& loop, int depth);
  bool transpose(const loop::For& loop, int depth);
  bool is_same_in(const loop::For& loop, loop::TempId id) const;
  bool is_same_in(const loop::For& loop, const loop::Load& load) const;
  void lanes(const loop::For& loop, int depth);
  void parallel(const loop::For& loop, int depth);
  void counted(const loop::For& loop, const std::string& begin, const std::string& end, int depth);
  void store(const loop::Store& store, int depth);
  void store_lanes(const loop::Store& store, int depth);
  void store_vector(const loop::Store& store, const std::string& vector, const std::string& slice, int depth);
  void store_scattered(const loop::Store& store, int depth);
  void line(int depth, const std::string& text);
  void declare_waiting();
  std::string local_type(loop::ArrayId array) const;
  // `element = value;`, with the declaration in front of it where that still waits.
  void assign(loop::ArrayId array, const std::string& element, const std::string& value, int depth);

  Expression value(loop::TempId id);
  Expression value(const loop::Let& let);
  Expression position(const Affine& form);
  Expression load(const loop::Load& load, DType type);
  Expression load_lanes(const loop::Load& load, DType type);
  Expression load_guarded(const loop::Load& load, DType type, const Expression& element,
                          const std::string& guard) const;
  Expression load_one_guarded(const loop::Load& load, DType type);
  Expression load_contiguous(const loop::Load& load, DType type);
  Expression load_same(const loop::Load& load, DType type);
  Expression load_one_by_one(const loop::Load& load, DType type);
  Expression element(loop::ArrayId array, const std::vector<loop::Subscript>& at);
  std::string row(loop::ArrayId array, const std::vector<loop::Subscript>& at);
  std::string slice_of(loop::ArrayId array, const std::vector<loop::Subscript>& at) const;
  std::string address(loop::ArrayId array, const std::vector<loop::Subscript>& at);
  std::string subscript(const loop::Subscript& subscript);
  void panel_subscripts(const loop::Subscript& subscript, std::int64_t panel, std::string& which, std::string& within);
  std::string form(const Affine& form) const;
  std::string bound(const loop::Bound& bound) const;
  std::string smallest(const std::vector<loop::Bound>& bounds) const;
  std::string vector_of(loop::TempId id);  // a scalar becomes one
  std::string guard_of(const loop::Load& load);
  // How many lanes a mask lets run, where that is known and they are the first ones, as in the rest of a row whose
  // length is a number; -1: it is not.
  std::int64_t known_lanes(loop::TempId mask) const;
  std::int64_t known_lanes(const loop::Load& load) const;  // that are loaded
  std::optional<std::int64_t> lane_stride(loop::ArrayId id, const std::vector<loop::Subscript>& at) const;
  std::optional<std::int64_t> stride_in(const loop::For& loop, loop::ArrayId id,
                                        const std::vector<loop::Subscript>& at);
  Reach reach(loop::ArrayId array, const std::vector<loop::Subscript>& at) const;
  bool stays_in_panel(const loop::Subscript& subscript, std::int64_t panel) const;
  std::int64_t divisor_of(const Affine& form) const;
  std::string name_for(const loop::Let& let) const;
  bool is_vector(loop::TempId id) const { return lane_loop_.loop != nullptr && !one_lane_ && analysis_.varies(id); }
  bool in_lanes() const { return lane_loop_.loop != nullptr && !one_lane_; }
  const loop::Array& array(loop::ArrayId id) const { return kernel_.arrays[static_cast<std::size_t>(id)]; }
  DType type_of(loop::TempId id) const { return kernel_.temps[static_cast<std::size_t>(id)]; }
  const std::string& variable(loop::VariableId id) const { return variables_[static_cast<std::size_t>(id)]; }
  void open_variable(loop::VariableId id, std::int64_t divisor);

  const loop::Kernel& kernel_;
  std::int64_t largest_batch_;
  bool has_threads_;
  Live live_;
  LaneAnalysis analysis_;
  loop::Placement placement_;
  Names names_;
  Lines text_;
  std::vector<std::string> arrays_, variables_, temps_;  // their names
  std::vector<std::int64_t> divisors_;                   // of every value of a variable
  std::vector<bool> hoisted_;                            // per temp: named in front of the loop that defines it
  std::vector<std::string> stored_in_;                   // per temp: the parameter that it is stored to
  std::vector<loop::ArrayId> open_locals_;
  loop::ArrayId undeclared_ = -1;  // a local of one value whose declaration waits for its first assignment
  int undeclared_depth_ = 0;
  LaneLoop lane_loop_;
  std::string lane_;           // counts the lanes where each has an expression of its own
  bool one_lane_ = false;      // such an expression is being written
  std::string mask_;           // the lanes that run; empty: all
  std::int64_t running_ = -1;  // of the mask: known_lanes
  bool in_part_ = false;       // of a parallel loop
  bool is_alone_ = false;      // the statement being written, in its block
  std::int64_t copies_ = 1;    // by the unrolled loops around
};

}  // namespace descent::codegen::cpp
