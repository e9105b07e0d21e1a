// The kernels of a program in the making: each new one joins an earlier call of its entry if that saves traffic; at the
// end what only one kernel sees is not stored, and equal kernels are one.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "ir/loop.h"
#include "passes/fused.h"
#include "passes/lower_sweep.h"
#include "passes/schedule.h"

namespace descent {

// A kernel to be called, and how it may be lowered anew to run over another one's tiles.
struct Candidate {
  LoweredKernel lowered;
  std::optional<Tiling> tiling;
  std::function<std::optional<LoweredKernel>(const Tiling&)> with_tiling;
  const Node* node = nullptr;  // whose value it computes or copies
  bool is_copy = false;
  bool is_unrolled = false;  // Schedule::unrolled: joins others of its kind whatever their loops
};

class KernelList {
 public:
  KernelList(const std::vector<loop::Buffer>& buffers, std::int64_t largest_batch, bool fuses)
      : buffers_(buffers), largest_batch_(largest_batch), fuses_(fuses) {}

  // Puts a call behind `steps`, or joins it with one of the last calls there. Until finish() a Call's kernel is a
  // number of this list.
  void call(loop::Steps& steps, const std::vector<Axis>& scans, Candidate candidate);

  // Operations of the kernels given so far, of equal ones once, and of all of them.
  std::int64_t distinct_operations() const { return distinct_operations_; }
  std::int64_t operations() const { return operations_; }

  // Gives the program its kernels, one for all that are equal, and drops the buffers that nothing uses any more.
  // `name` makes a kernel's name unique. The result: every call of every entry in the order in which they stand.
  std::vector<FusedCall> finish(loop::Program& program, const std::function<std::string(const std::string&)>& name);

 private:
  struct Entry {
    LoweredKernel lowered;
    std::optional<Tiling> tiling;
    std::vector<const Node*> nodes, copied;
    void add(const Candidate& part) { (part.is_copy ? copied : nodes).push_back(part.node); }
    std::vector<std::pair<std::size_t, std::string>> apart;  // from which other entry, and why
    std::string name;                                        // once it has one
    bool is_unrolled = false;
  };
  // Why the guest did not join; nothing when it did.
  std::string join_unrolled(Entry& host, const std::vector<Axis>& scans, const Candidate& guest);
  std::string join(Entry& host, const std::vector<Axis>& scans, const Candidate& guest);
  static bool worthwhile(const LoweredKernel& host, const LoweredKernel& guest);
  static std::string why_crowded(const Entry& host, const Candidate& guest);
  bool can_move_down(const loop::Steps& steps, std::size_t place);
  Entry& entry(const loop::Call& call) { return entries_[static_cast<std::size_t>(call.kernel)]; }
  const loop::Buffer& buffer(loop::BufferId id) const { return buffers_[static_cast<std::size_t>(id)]; }
  void count_users(const loop::Steps& steps);
  loop::KernelId number_of(const loop::Kernel& kernel, const loop::Program& program);
  void place(loop::Steps& steps, loop::Program& program, const std::function<std::string(const std::string&)>& name,
             std::vector<std::size_t>& order);
  FusedCall call_of(const Entry& entry) const;

  const std::vector<loop::Buffer>& buffers_;
  std::int64_t largest_batch_;
  bool fuses_;
  std::vector<Entry> entries_;
  std::unordered_set<std::size_t> seen_;  // hashes of the shapes of the kernels given
  std::int64_t distinct_operations_ = 0, operations_ = 0;
  std::vector<int> users_;                                             // calls per buffer
  std::unordered_map<std::size_t, std::vector<loop::KernelId>> made_;  // by the number of their shape
};

}  // namespace descent
