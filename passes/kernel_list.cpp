#include "passes/kernel_list.h"

#include <algorithm>
#include <bit>

#include "ir/match.h"
#include "passes/fuse.h"
#include "passes/kernel_tools.h"
#include "passes/unseen.h"

namespace descent {
namespace {

using loop::Array;
using loop::BufferId;
using loop::Kernel;
using loop::Steps;

// How many calls back a partner is looked for.
constexpr std::size_t farthest = 16;
constexpr const char* share_nothing = "they share no array";

// A number that kernels of one shape (shape_of) share, and others hardly ever: found without writing their text. Values
// stand in any order and under any number, so they add up within their block; literals stand wherever they are used.
class ShapeNumber {
 public:
  static std::size_t of(const Kernel& kernel) {
    ShapeNumber number(kernel);
    number.add(kernel.parameters);
    number.add(kernel.indices);
    for (int i = 0; i < kernel.parameters; ++i) number.add(kernel.arrays[static_cast<std::size_t>(i)]);
    number.add(kernel.body);
    return number.number_;
  }

 private:
  explicit ShapeNumber(const Kernel& kernel) : kernel_(kernel) {}

  void add(std::int64_t part) {
    constexpr std::uint64_t odd = 0x9e3779b97f4a7c15;  // of the golden ratio
    number_ = (std::rotl(number_, 5) ^ static_cast<std::uint64_t>(part)) * odd;
  }
  void add(const Array& array) {
    add(static_cast<std::int64_t>(array.role));
    add(static_cast<std::int64_t>(array.dtype));
    add(array.panel);
    for (const Extent extent : array.shape) add(extent.size);
  }
  void add(const Affine& form) {
    add(form.constant);
    for (const Term& term : form.terms) {
      add(term.axis);
      add(term.coefficient);
    }
  }
  void add(const loop::Bound& bound) {
    add(bound.form);
    add(bound.multiple);
  }
  void add(const std::vector<loop::Subscript>& at) {
    for (const loop::Subscript& subscript : at) {
      add(subscript.offset);
      add(subscript.through == loop::no_temp ? 0 : 1);
    }
  }
  void add(const loop::Block& block) {
    std::uint64_t values = 0;
    for (const loop::Statement& statement : block) {
      match(
          statement.node, [&](const loop::Let& let) { values += of(let); },
          [&](const loop::Store& store) {
            add(store.array);
            add(store.at);
          },
          [&](const loop::Declare& declare) { add(kernel_.arrays[static_cast<std::size_t>(declare.array)]); },
          [&](const loop::If& branch) { add(branch.then); },
          [&](const loop::For& loop) {
            add(static_cast<std::int64_t>(loop.kind));
            add(loop.variable);
            add(loop.begin);
            for (const loop::Bound& bound : loop.end) add(bound);
            add(loop.step);
            add(loop.body);
          });
    }
    add(static_cast<std::int64_t>(values));
  }
  std::uint64_t of(const loop::Let& let) const {
    ShapeNumber value(kernel_);
    value.add(static_cast<std::int64_t>(let.value.index()));
    value.add(static_cast<std::int64_t>(kernel_.temps[static_cast<std::size_t>(let.temp)]));
    const bool counts = match(
        let.value, [](const Literal&) { return false; },
        [&](const loop::IndexValue& index) {
          value.add(index.form);
          return true;
        },
        [](const loop::BatchValue&) { return true; },
        [&](const loop::Load& load) {
          value.add(load.array);
          value.add(load.at);
          value.add(load.guard == loop::no_temp ? 0 : 1);
          value.add(std::bit_cast<std::int64_t>(load.otherwise));
          return true;
        },
        [&](const loop::Operation& operation) {
          value.add(static_cast<std::int64_t>(operation.op));
          return true;
        });
    return counts ? value.number_ : 0;
  }

  const Kernel& kernel_;
  std::uint64_t number_ = 0;
};

// The kernel's text without the names of kernel, arrays and variables: equal for kernels that do the same.
std::string shape_of(Kernel kernel) {
  kernel.name = "kernel";
  kernel.comment.clear();
  kernel.origin = {};
  for (std::size_t i = 0; i < kernel.arrays.size(); ++i) kernel.arrays[i].name = "a" + std::to_string(i);
  for (std::size_t i = 0; i < kernel.variables.size(); ++i) kernel.variables[i] = "v" + std::to_string(i);
  return print(kernel);
}

bool writes(const LoweredKernel& lowered, std::size_t parameter) {
  return lowered.kernel.arrays[parameter].role != Array::Role::read;
}

// Calls visit(parameter of a, parameter of b) for every buffer that both take.
void for_each_shared(const LoweredKernel& a, const LoweredKernel& b,
                     const std::function<void(std::size_t, std::size_t)>& visit) {
  for (std::size_t i = 0; i < a.buffers.size(); ++i) {
    for (std::size_t j = 0; j < b.buffers.size(); ++j) {
      if (a.buffers[i] == b.buffers[j]) visit(i, j);
    }
  }
}

// Must the later of the two calls stay behind the earlier one?
bool depend(const LoweredKernel& a, const LoweredKernel& b) {
  bool result = false;
  for_each_shared(a, b, [&](std::size_t i, std::size_t j) { result = result || writes(a, i) || writes(b, j); });
  return result;
}

std::vector<Range> indices_of(const std::vector<Axis>& scans) {
  std::vector<Range> indices;
  for (const Axis& scan : scans) indices.push_back({0, scan.extent.size});
  return indices;
}

}  // namespace

// What one of them stores and the other loads, or an array of several elements that both load.
bool KernelList::worthwhile(const LoweredKernel& host, const LoweredKernel& guest) {
  bool result = false;
  for_each_shared(host, guest, [&](std::size_t i, std::size_t) {
    result = result || writes(host, i) || !host.kernel.arrays[i].shape.empty();
  });
  return result;
}

// Register tiles stay apart: each wants all registers. So do arrays that are changed in place, unless they lie in
// panels of the tile's width: row-major the weights and their moments are dozens of streams on a tile of rows, slower
// than a pass of their own (design, section 5).
std::string KernelList::why_crowded(const Entry& host, const Candidate& guest) {
  const bool has_tile = host.tiling && host.tiling->row_tile > 1;
  if (guest.tiling && guest.tiling->row_tile > 1) {
    return has_tile ? "each has a register tile of its own" : "its register tile wants all registers";
  }
  if (!has_tile) return {};
  for (std::size_t i = 0; i < guest.lowered.buffers.size(); ++i) {
    const Array& array = guest.lowered.kernel.arrays[i];
    const bool is_stream = array.panel == host.tiling->vector_tile;
    if (array.role == Array::Role::update && !array.shape.empty() && !is_stream) {
      return "it changes " + array.name + " in place, row by row across a register tile";
    }
  }
  return {};
}

std::string KernelList::join_unrolled(Entry& host, const std::vector<Axis>& scans, const Candidate& guest) {
  if (host.is_unrolled != guest.is_unrolled) return "one of them spells out every point";
  std::optional<LoweredKernel> whole = fuse_whole(host.lowered, guest.lowered, indices_of(scans), largest_batch_);
  if (!whole) return "together they are too large";
  host.lowered = std::move(*whole);
  host.add(guest);
  return {};
}

std::string KernelList::join(Entry& host, const std::vector<Axis>& scans, const Candidate& guest) {
  if (host.is_unrolled || guest.is_unrolled) return join_unrolled(host, scans, guest);
  if (!worthwhile(host.lowered, guest.lowered)) return share_nothing;
  if (std::string crowded = why_crowded(host, guest); !crowded.empty()) return crowded;
  // What adds up on a register tile has no room for other sums.
  const bool may_carry = !host.tiling || host.tiling->row_tile <= 1;
  const auto attempt = [&](const LoweredKernel& kernel) -> std::string {
    Fusion fusion = fuse(host.lowered, kernel, indices_of(scans), largest_batch_);
    if (!fusion.kernel && may_carry) {
      if (Fusion carrying = fuse(host.lowered, kernel, indices_of(scans), largest_batch_, true); carrying.kernel) {
        fusion = std::move(carrying);
      }
    }
    if (!fusion.kernel) return fusion.why_not;
    host.lowered = std::move(*fusion.kernel);
    host.add(guest);
    return {};
  };
  std::string why_not;
  if (host.tiling && guest.with_tiling) {
    std::optional<LoweredKernel> alike = guest.with_tiling(*host.tiling);
    if (alike && (why_not = attempt(*alike)).empty()) return {};
  }
  const std::string own = attempt(guest.lowered);
  return own.empty() || why_not.empty() ? own : why_not;
}

// The two may meet where the earlier call stands, when the later one needs nothing in between; or behind all others,
// when none of those needs the earlier one.
void KernelList::call(Steps& steps, const std::vector<Axis>& scans, Candidate candidate) {
  const auto operations = static_cast<std::int64_t>(candidate.lowered.kernel.temps.size());
  operations_ += operations;
  if (seen_.insert(std::hash<std::string>{}(shape_of(candidate.lowered.kernel))).second)
    distinct_operations_ += operations;
  keep_proven_parallel(candidate.lowered.kernel, indices_of(scans), largest_batch_);
  std::vector<std::pair<std::size_t, std::string>> apart;
  bool can_move_up = true;
  for (std::size_t back = 0; fuses_ && back < std::min(farthest, steps.size()); ++back) {
    const std::size_t place = steps.size() - 1 - back;
    auto* earlier = std::get_if<loop::Call>(&steps[place]);
    if (!earlier) break;
    Entry& host = entry(*earlier);
    const bool may_meet = can_move_up || can_move_down(steps, place);
    std::string why_not = may_meet ? join(host, scans, candidate) : "what stands between them must stay there";
    if (why_not.empty()) {
      earlier->buffers = host.lowered.buffers;
      const auto from = steps.begin() + static_cast<std::ptrdiff_t>(place);
      if (!can_move_up) std::rotate(from, from + 1, steps.end());
      return;
    }
    if (back == 0 || (may_meet && why_not != share_nothing)) {
      apart.emplace_back(static_cast<std::size_t>(earlier->kernel), std::move(why_not));
    }
    can_move_up = can_move_up && !depend(host.lowered, candidate.lowered);
  }
  loop::Call call{static_cast<loop::KernelId>(entries_.size()), candidate.lowered.buffers, {}};
  for (std::size_t i = 0; i < scans.size(); ++i) call.indices.push_back(Affine::axis(static_cast<AxisId>(i)));
  steps.push_back(std::move(call));
  entries_.push_back({std::move(candidate.lowered), std::move(candidate.tiling), {}, {}, std::move(apart), {}});
  entries_.back().add(candidate);
  entries_.back().is_unrolled = candidate.is_unrolled;
}

bool KernelList::can_move_down(const Steps& steps, std::size_t place) {
  const LoweredKernel& moved = entry(std::get<loop::Call>(steps[place])).lowered;
  for (std::size_t later = place + 1; later < steps.size(); ++later) {
    const auto* call = std::get_if<loop::Call>(&steps[later]);
    if (!call || depend(moved, entry(*call).lowered)) return false;
  }
  return true;
}

// -- the end ---------------------------------------------------------------------------------------------------------

void KernelList::count_users(const Steps& steps) {
  for (const auto& step : steps) {
    match(
        step, [this](const loop::Repeat& repeat) { count_users(repeat.steps); },
        [this](const loop::Call& call) {
          for (BufferId id : call.buffers) ++users_[static_cast<std::size_t>(id)];
        });
  }
}

// Of the program's kernel that does the same, else the next one.
loop::KernelId KernelList::number_of(const Kernel& kernel, const loop::Program& program) {
  std::vector<loop::KernelId>& alike = made_[ShapeNumber::of(kernel)];
  const std::string shape = alike.empty() ? "" : shape_of(kernel);
  for (const loop::KernelId id : alike) {
    if (shape_of(program.kernels[static_cast<std::size_t>(id)]) == shape) return id;
  }
  alike.push_back(static_cast<loop::KernelId>(program.kernels.size()));
  return alike.back();
}

void KernelList::place(Steps& steps, loop::Program& program, const std::function<std::string(const std::string&)>& name,
                       std::vector<std::size_t>& order) {
  const auto is_private = [this](BufferId id) {
    return buffer(id).storage == loop::Buffer::Storage::arena && users_[static_cast<std::size_t>(id)] == 1;
  };
  for (auto& step : steps) {
    match(
        step, [&](loop::Repeat& repeat) { place(repeat.steps, program, name, order); },
        [&](loop::Call& call) {
          order.push_back(static_cast<std::size_t>(call.kernel));
          Entry& made = entry(call);
          LoweredKernel& lowered = made.lowered;
          forward_stores(lowered, is_private);
          drop_unseen(lowered.kernel);
          call.buffers = lowered.buffers;
          call.kernel = number_of(lowered.kernel, program);
          if (call.kernel == static_cast<loop::KernelId>(program.kernels.size())) {
            lowered.kernel.name = name(lowered.kernel.name);
            program.kernels.push_back(std::move(lowered.kernel));
          }
          made.name = program.kernels[static_cast<std::size_t>(call.kernel)].name;
        });
  }
}

FusedCall KernelList::call_of(const Entry& entry) const {
  FusedCall call{entry.name, entry.nodes, entry.copied, {}};
  for (const auto& [other, why] : entry.apart) call.apart.push_back({entries_[other].name, why});
  return call;
}

namespace {

void renumber(Steps& steps, const std::vector<BufferId>& to) {
  for (auto& step : steps) {
    match(
        step, [&](loop::Repeat& repeat) { renumber(repeat.steps, to); },
        [&](loop::Call& call) {
          for (BufferId& id : call.buffers) id = to[static_cast<std::size_t>(id)];
        });
  }
}

// Temporaries that no call takes have no place to be planned.
void drop_unused_buffers(loop::Program& program, const std::vector<int>& users) {
  std::vector<BufferId> to(program.buffers.size(), -1);
  std::vector<loop::Buffer> kept;
  for (std::size_t id = 0; id < to.size(); ++id) {
    loop::Buffer& buffer = program.buffers[id];
    if (buffer.storage == loop::Buffer::Storage::arena && users[id] == 0) continue;
    to[id] = static_cast<BufferId>(kept.size());
    kept.push_back(std::move(buffer));
  }
  program.buffers = std::move(kept);
  for (loop::Entry& entry : program.entries) {
    for (auto* ports : {&entry.inputs, &entry.outputs}) {
      for (BufferId& id : *ports) id = to[static_cast<std::size_t>(id)];
    }
    renumber(entry.steps, to);
  }
}

}  // namespace

std::vector<FusedCall> KernelList::finish(loop::Program& program,
                                          const std::function<std::string(const std::string&)>& name) {
  const auto recount = [&] {
    users_.assign(program.buffers.size(), 0);
    for (const loop::Entry& entry : program.entries) count_users(entry.steps);
  };
  recount();
  std::vector<std::size_t> order;
  for (loop::Entry& entry : program.entries) place(entry.steps, program, name, order);
  recount();
  drop_unused_buffers(program, users_);
  std::vector<FusedCall> calls;
  for (std::size_t placed : order) calls.push_back(call_of(entries_[placed]));
  return calls;
}

}  // namespace descent
