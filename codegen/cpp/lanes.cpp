#include "codegen/cpp/lanes.h"

#include <algorithm>

#include "codegen/vector.h"
#include "ir/match.h"

namespace descent::codegen::cpp {
namespace {

constexpr std::int64_t widest_row = 64;

bool is_power_of_two(std::int64_t n) { return n > 0 && (n & (n - 1)) == 0; }

}  // namespace

LaneAnalysis::LaneAnalysis(const loop::Kernel& kernel)
    : kernel_(kernel),
      varying_(kernel.temps.size()),
      forms_(kernel.arrays.size(), Form::memory),
      lanes_(kernel.arrays.size(), 1),
      is_vector_somewhere_(kernel.arrays.size()) {
  block(kernel.body);
  for (std::size_t id = 0; id < forms_.size(); ++id) {
    const loop::Array& local = kernel.arrays[id];
    if (local.role != loop::Array::Role::local || forms_[id] == Form::by_lane || local.shape.empty()) continue;
    const Extent row = local.shape.back();
    if (row.is_batch() || row.size < 2 || row.size > widest_row) continue;
    forms_[id] = Form::rows;
    lanes_[id] = row.size;
  }
  find_rows(kernel.body, nullptr);
  for (std::size_t id = 0; id < forms_.size(); ++id) {
    if (forms_[id] == Form::rows && !is_vector_somewhere_[id]) forms_[id] = Form::memory;
  }
}

bool LaneAnalysis::varies(const loop::Subscript& subscript, const LaneLoop& lanes) const {
  return lanes.step(subscript.offset) != 0 || (subscript.through != loop::no_temp && varies(subscript.through));
}

// -- vector loops
// ------------------------------------------------------------------------------------------------------

void LaneAnalysis::block(const loop::Block& statements) {
  for (const loop::Statement& statement : statements) {
    match(
        statement.node, [](const loop::Let&) {}, [](const loop::Store&) {}, [](const loop::Declare&) {},
        [this](const loop::If& branch) { block(branch.then); },
        [this](const loop::For& loop) {
          const bool candidate = loop.kind == loop::LoopKind::vector && why_not_vector(loop).empty();
          const std::int64_t trips = candidate ? constant_trips(loop) : 0;
          if (trips < 2 || !widen(loop, trips)) block(loop.body);
        });
  }
}

// False where the loop has to run lane by lane; then nothing of it varies.
bool LaneAnalysis::widen(const loop::For& loop, std::int64_t trips) {
  const auto varying = varying_;
  const auto forms = forms_;
  const auto lanes = lanes_;
  if (lane_block(loop.body, {&loop, trips})) {
    widened_.insert(&loop);
    return true;
  }
  varying_ = varying;
  forms_ = forms;
  lanes_ = lanes;
  return false;
}

bool LaneAnalysis::lane_block(const loop::Block& statements, const LaneLoop& lanes) {
  return std::all_of(statements.begin(), statements.end(), [&](const loop::Statement& statement) {
    return match(
        statement.node,
        [&](const loop::Let& let) {
          varying_[static_cast<std::size_t>(let.temp)] = lane_let(let, lanes);
          return true;
        },
        [&](const loop::Store& store) {
          const auto differs = [&](const loop::Subscript& subscript) { return varies(subscript, lanes); };
          return form(store.array) != Form::by_lane || std::none_of(store.at.begin(), store.at.end(), differs);
        },
        [&](const loop::Declare& declare) {
          forms_[static_cast<std::size_t>(declare.array)] = Form::by_lane;
          lanes_[static_cast<std::size_t>(declare.array)] = lanes.lanes;
          return true;
        },
        [&](const loop::If& branch) { return lane_block(branch.then, lanes); },
        [&](const loop::For& loop) { return lane_block(loop.body, lanes); });
  });
}

bool LaneAnalysis::lane_let(const loop::Let& let, const LaneLoop& lanes) {
  return match(
      let.value, [](const Literal&) { return false; }, [](const loop::BatchValue&) { return false; },
      [&](const loop::IndexValue& index) { return lanes.step(index.form) != 0; },
      [&](const loop::Load& load) {
        const auto differs = [&](const loop::Subscript& subscript) { return varies(subscript, lanes); };
        return form(load.array) == Form::by_lane || (load.guard != loop::no_temp && varies(load.guard)) ||
               std::any_of(load.at.begin(), load.at.end(), differs);
      },
      [&](const loop::Operation& operation) {
        return std::any_of(operation.operands.begin(), operation.operands.end(),
                           [this](loop::TempId operand) { return varies(operand); });
      });
}

// -- locals in rows
// ----------------------------------------------------------------------------------------------------

// The lanes are the row's elements from a constant on, one behind the other, and all of them lie in one row.
bool LaneAnalysis::is_row(const std::vector<loop::Subscript>& at, const LaneLoop& lanes) const {
  const loop::Subscript& last = at.back();
  if (last.through != loop::no_temp || lanes.step(last.offset) != 1 || last.offset.terms.size() != 1) return false;
  return std::none_of(at.begin(), at.end() - 1,
                      [&](const loop::Subscript& subscript) { return varies(subscript, lanes); });
}

void LaneAnalysis::access(loop::ArrayId id, const std::vector<loop::Subscript>& at, const LaneLoop* lanes) {
  const auto i = static_cast<std::size_t>(id);
  if (forms_[i] != Form::rows) return;
  const loop::Subscript& last = at.back();
  const std::int64_t first = last.offset.constant;
  const auto differs = [&](const loop::Subscript& subscript) { return varies(subscript, *lanes); };
  bool fits = false;
  if (lanes != nullptr && std::any_of(at.begin(), at.end(), differs)) {
    const bool whole = first == 0 && lanes->lanes == lanes_[i];
    const bool part = array(id).dtype != DType::boolean && is_power_of_two(lanes->lanes) &&
                      is_power_of_two(lanes_[i]) && first >= 0 && first % lanes->lanes == 0 &&
                      first + lanes->lanes <= lanes_[i];
    fits = is_row(at, *lanes) && (whole || part);
    if (fits) is_vector_somewhere_[i] = true;
  } else {
    fits = last.through == loop::no_temp && last.offset.is_constant() && first >= 0 && first < lanes_[i];
  }
  if (!fits) forms_[i] = Form::memory;
}

void LaneAnalysis::find_rows(const loop::Block& statements, const LaneLoop* lanes) {
  for (const loop::Statement& statement : statements) {
    match(
        statement.node,
        [&](const loop::Let& let) {
          if (const auto* load = std::get_if<loop::Load>(&let.value)) access(load->array, load->at, lanes);
        },
        [&](const loop::Store& store) { access(store.array, store.at, lanes); }, [](const loop::Declare&) {},
        [&](const loop::If& branch) { find_rows(branch.then, lanes); },
        [&](const loop::For& loop) {
          if (!is_widened(loop)) return find_rows(loop.body, lanes);
          const LaneLoop inner{&loop, constant_trips(loop)};
          find_rows(loop.body, &inner);
        });
  }
}

}  // namespace descent::codegen::cpp
