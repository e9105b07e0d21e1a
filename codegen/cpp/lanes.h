// Which vector loops become vectors, which values differ by lane, and in what form locals are kept.
//
//   local sum : f32[4, 16]            f32x<16> sum[4];           every access is of whole rows, or of a part of one
//   vector j in 0 ..< 8 {             // one of each lane: f32x<8> own[4];
//     local own : f32[4]
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "ir/loop.h"

namespace descent::codegen::cpp {

// A vector loop under way.
struct LaneLoop {
  const loop::For* loop = nullptr;
  std::int64_t lanes = 1;

  loop::VariableId variable() const { return loop->variable; }
  // How far the form goes from one lane to the next.
  std::int64_t step(const Affine& form) const { return form.coefficient(loop->variable) * loop->step; }
};

class LaneAnalysis {
 public:
  explicit LaneAnalysis(const loop::Kernel& kernel);

  bool is_widened(const loop::For& loop) const { return widened_.count(&loop) != 0; }
  // Whether the temp differs by lane in the widened loop that defines it.
  bool varies(loop::TempId id) const { return varying_[static_cast<std::size_t>(id)]; }
  bool varies(const loop::Subscript& subscript, const LaneLoop& lanes) const;

  // memory: elements. rows: a vector for each row, its last axis. by_lane: a vector for each element, in a widened
  // loop.
  enum class Form { memory, rows, by_lane };
  Form form(loop::ArrayId id) const { return forms_[static_cast<std::size_t>(id)]; }
  std::int64_t lanes_of(loop::ArrayId id) const { return lanes_[static_cast<std::size_t>(id)]; }

  // Of an access in a widened loop to a local in rows: the whole row, or a part of it.
  bool is_row(const std::vector<loop::Subscript>& at, const LaneLoop& lanes) const;

 private:
  void block(const loop::Block& block);
  bool widen(const loop::For& loop, std::int64_t trips);
  bool lane_block(const loop::Block& block, const LaneLoop& lanes);
  bool lane_let(const loop::Let& let, const LaneLoop& lanes);
  void access(loop::ArrayId array, const std::vector<loop::Subscript>& at, const LaneLoop* lanes);
  void find_rows(const loop::Block& block, const LaneLoop* lanes);
  const loop::Array& array(loop::ArrayId id) const { return kernel_.arrays[static_cast<std::size_t>(id)]; }

  const loop::Kernel& kernel_;
  std::set<const loop::For*> widened_;
  std::vector<bool> varying_;
  std::vector<Form> forms_;
  std::vector<std::int64_t> lanes_;
  std::vector<bool> is_vector_somewhere_;
};

}  // namespace descent::codegen::cpp
