// The verifier of a Loop program: buffers, entries and calls; the kernels are verified one by one.
#include "ir/loop_verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "ir/loop_layout.h"
#include "ir/match.h"

namespace descent::loop {
namespace {

constexpr std::int64_t alignment = 64;
constexpr std::int64_t most_elements = std::int64_t{1} << 40;  // sizes in bytes stay far from overflow

class ProgramVerifier {
 public:
  explicit ProgramVerifier(const Program& program) : program_(program), indices_(program.kernels.size()) {}

  Diagnostics run() && {
    if (program_.largest_batch < 1) {
      fail("batch-limit", {}, "the largest batch is {}", program_.largest_batch);
      return std::move(diagnostics_);
    }
    names(program_.buffers, "buffers");
    names(program_.kernels, "kernels");
    names(program_.entries, "entries");
    for (const Buffer& buffer : program_.buffers) this->buffer(buffer);
    overlaps();
    for (std::size_t id = 0; id < program_.kernels.size(); ++id) {
      const int count = std::clamp<int>(program_.kernels[id].indices, 0, 64);
      indices_[id].resize(static_cast<std::size_t>(count));
    }
    for (const Entry& entry : program_.entries) this->entry(entry);
    for (std::size_t id = 0; id < program_.kernels.size(); ++id) {
      std::vector<Range> passed;
      for (const std::optional<Range>& range : indices_[id]) passed.push_back(range.value_or(Range{0, 1}));
      verify_kernel(program_.kernels[id], passed, program_.largest_batch, diagnostics_);
    }
    return std::move(diagnostics_);
  }

 private:
  template <class... Arguments>
  void fail(DiagnosticId id, const Span& at, fmt::format_string<Arguments...> form, Arguments&&... arguments) {
    diagnostics_.push_back({id, at, fmt::format(form, std::forward<Arguments>(arguments)...), {}});
  }

  template <class Items>
  void names(const Items& items, std::string_view what) {
    std::set<std::string_view> seen;
    for (const auto& item : items) {
      if (!seen.insert(item.name).second) fail("duplicate-name", {}, "two {} are named {}", what, item.name);
    }
  }

  // -- buffers ---------------------------------------------------------------------------------------------------

  static bool in_arena(const Buffer& buffer) {
    return buffer.storage == Buffer::Storage::state || buffer.storage == Buffer::Storage::arena;
  }
  // The bytes begin ≤ i < end of the arena that a planned buffer takes; none for the others.
  std::optional<Range> bytes(const Buffer& buffer) const {
    if (!in_arena(buffer) || buffer.offset < 0) return std::nullopt;
    const std::int64_t elements =
        std::min(stored_count(buffer.type.shape, buffer.panel, program_.largest_batch), most_elements);
    return Range{buffer.offset, buffer.offset + elements * size_of(buffer.type.dtype)};
  }

  void buffer(const Buffer& buffer) {
    if (std::string why = why_no_panels(buffer.type.shape, buffer.panel); !why.empty()) {
      return fail("loop-panel", {}, "buffer {}: {}", buffer.name, why);
    }
    if (buffer.panel > 0 && !in_arena(buffer)) {
      return fail("loop-panel", {}, "buffer {} is the caller's and lies in no panels", buffer.name);
    }
    if (count(buffer.type.shape, program_.largest_batch) > most_elements) {
      return fail("tensor-too-large", {}, "buffer {} : {} is too large", buffer.name, to_string(buffer.type));
    }
    if (buffer.offset < 0) return;
    if (!in_arena(buffer))
      return fail("loop-offset", {}, "buffer {} has an offset but is not in the arena", buffer.name);
    if (buffer.offset % alignment != 0) {
      fail("loop-offset", {}, "buffer {} stands at {}, not at a multiple of {}", buffer.name, buffer.offset, alignment);
    }
    if (bytes(buffer)->high > program_.arena_bytes) {
      fail("loop-offset", {}, "buffer {} ends at {} in an arena of {} bytes", buffer.name, bytes(buffer)->high,
           program_.arena_bytes);
    }
  }

  bool overlap(const Buffer& a, const Buffer& b) const {
    const std::optional<Range> left = bytes(a);
    const std::optional<Range> right = bytes(b);
    return left && right && left->low < right->high && right->low < left->high;
  }

  // What a state holds survives the step, so nothing else may stand there. In order of their offsets a buffer meets an
  // earlier one if it meets the one that reaches furthest.
  void overlaps() {
    std::vector<const Buffer*> planned;
    for (const Buffer& buffer : program_.buffers) {
      if (bytes(buffer)) planned.push_back(&buffer);
    }
    std::sort(planned.begin(), planned.end(), [](const Buffer* a, const Buffer* b) { return a->offset < b->offset; });
    const Buffer* furthest = nullptr;
    const Buffer* furthest_state = nullptr;
    const auto extend = [&](const Buffer*& known, const Buffer* by) {
      if (known == nullptr || bytes(*by)->high > bytes(*known)->high) known = by;
    };
    for (const Buffer* buffer : planned) {
      const bool is_state = buffer->storage == Buffer::Storage::state;
      const Buffer* earlier = is_state ? furthest : furthest_state;
      if (earlier != nullptr && overlap(*earlier, *buffer)) {
        fail("loop-overlap", {}, "state {} overlaps {}", is_state ? buffer->name : earlier->name,
             is_state ? earlier->name : buffer->name);
      }
      extend(furthest, buffer);
      if (is_state) extend(furthest_state, buffer);
    }
  }

  // -- entries ---------------------------------------------------------------------------------------------------

  void entry(const Entry& entry) {
    available_.assign(program_.buffers.size(), false);
    for (std::size_t id = 0; id < available_.size(); ++id) available_[id] = in_arena(program_.buffers[id]);
    list(entry, entry.inputs, Buffer::Storage::input, "input");
    list(entry, entry.outputs, Buffer::Storage::output, "output");
    Ranges repeats(program_.largest_batch);
    steps(entry, entry.steps, repeats, 0);
  }

  void list(const Entry& entry, const std::vector<BufferId>& ids, Buffer::Storage storage, std::string_view what) {
    for (BufferId id : ids) {
      if (!exists(entry, id)) continue;
      const Buffer& buffer = program_.buffers[static_cast<std::size_t>(id)];
      if (buffer.storage != storage) {
        fail("loop-entry", {}, "entry {}: {} stands among the {}s", entry.name, buffer.name, what);
      } else if (available_[static_cast<std::size_t>(id)]) {
        fail("loop-entry", {}, "entry {}: {} {} stands twice", entry.name, what, buffer.name);
      } else {
        available_[static_cast<std::size_t>(id)] = true;
      }
    }
  }

  bool exists(const Entry& entry, BufferId id) {
    if (id >= 0 && static_cast<std::size_t>(id) < program_.buffers.size()) return true;
    fail("loop-entry", {}, "entry {}: there is no buffer {}", entry.name, id);
    return false;
  }

  void steps(const Entry& entry, const Steps& steps, Ranges& repeats, int depth) {
    for (const auto& step : steps) {
      match(
          step, [&](const Call& call) { this->call(entry, call, repeats, depth); },
          [&](const Repeat& repeat) {
            if (repeat.count < 1) {
              return fail("loop-entry", {}, "entry {}: {} repeats {} times", entry.name, repeat.variable, repeat.count);
            }
            repeats.open(depth, Range{0, repeat.count});
            this->steps(entry, repeat.steps, repeats, depth + 1);
            repeats.close();
          });
    }
  }

  void call(const Entry& entry, const Call& call, const Ranges& repeats, int depth) {
    if (call.kernel < 0 || static_cast<std::size_t>(call.kernel) >= program_.kernels.size()) {
      return fail("loop-call", {}, "entry {}: there is no kernel {}", entry.name, call.kernel);
    }
    const Kernel& kernel = program_.kernels[static_cast<std::size_t>(call.kernel)];
    if (static_cast<int>(call.buffers.size()) != kernel.parameters ||
        static_cast<int>(call.indices.size()) != kernel.indices) {
      return fail("loop-call", kernel.origin, "entry {}: {} takes {} buffers and {} indices, not {} and {}", entry.name,
                  kernel.name, kernel.parameters, kernel.indices, call.buffers.size(), call.indices.size());
    }
    if (kernel.parameters > static_cast<int>(kernel.arrays.size())) return;  // the kernel's verifier reports it
    for (std::size_t n = 0; n < call.buffers.size(); ++n) argument(entry, kernel, call, n);
    for (std::size_t n = 0; n < call.indices.size() && n < indices_[static_cast<std::size_t>(call.kernel)].size();
         ++n) {
      index(entry, kernel, call.indices[n], repeats, depth, indices_[static_cast<std::size_t>(call.kernel)][n]);
    }
  }

  void argument(const Entry& entry, const Kernel& kernel, const Call& call, std::size_t n) {
    if (!exists(entry, call.buffers[n])) return;
    const Buffer& buffer = program_.buffers[static_cast<std::size_t>(call.buffers[n])];
    const Array& array = kernel.arrays[n];
    if (array.dtype != buffer.type.dtype || array.shape != buffer.type.shape || array.panel != buffer.panel) {
      fail("loop-call", kernel.origin, "entry {}: {} expects {} : {}{}{}, found {} : {}{}", entry.name, kernel.name,
           array.name, name_of(array.dtype), to_string(array.shape), panel_text(array.panel), buffer.name,
           to_string(buffer.type), panel_text(buffer.panel));
    }
    if (!available_[static_cast<std::size_t>(call.buffers[n])]) {
      fail("loop-call", kernel.origin, "entry {}: {} is given {}, which is no input or output of the entry", entry.name,
           kernel.name, buffer.name);
    }
    if (array.role != Array::Role::read && buffer.storage == Buffer::Storage::input) {
      fail("loop-call", kernel.origin, "entry {}: {} writes the input {}", entry.name, kernel.name, buffer.name);
    }
    for (std::size_t m = 0; m < n; ++m) apart(entry, kernel, call, m, n);
  }

  void apart(const Entry& entry, const Kernel& kernel, const Call& call, std::size_t m, std::size_t n) {
    if (call.buffers[m] < 0 || static_cast<std::size_t>(call.buffers[m]) >= program_.buffers.size()) return;
    const Buffer& a = program_.buffers[static_cast<std::size_t>(call.buffers[m])];
    const Buffer& b = program_.buffers[static_cast<std::size_t>(call.buffers[n])];
    if (&a == &b) {
      const bool read = kernel.arrays[m].role == Array::Role::read && kernel.arrays[n].role == Array::Role::read;
      if (!read) {
        fail("loop-alias", kernel.origin, "entry {}: {} is given {} twice and writes it", entry.name, kernel.name,
             a.name);
      }
    } else if (overlap(a, b)) {
      fail("loop-alias", kernel.origin, "entry {}: {} is given {} and {}, which overlap", entry.name, kernel.name,
           a.name, b.name);
    }
  }

  // Widens what the kernel's index is known to take.
  void index(const Entry& entry, const Kernel& kernel, const Affine& form, const Ranges& repeats, int depth,
             std::optional<Range>& known) {
    for (const Term& term : form.terms) {
      if (term.axis >= 0 && term.axis < depth) continue;
      return fail("loop-call", kernel.origin, "entry {}: an index of {} uses repeat variable {} of {}", entry.name,
                  kernel.name, term.axis, depth);
    }
    const Range passed{repeats.low(form), repeats.high(form) + 1};
    known = known ? Range{std::min(known->low, passed.low), std::max(known->high, passed.high)} : passed;
  }

  const Program& program_;
  Diagnostics diagnostics_;
  std::vector<bool> available_;                             // per buffer, in the entry at hand
  std::vector<std::vector<std::optional<Range>>> indices_;  // per kernel, what its calls pass
};

}  // namespace

Diagnostics verify(const Program& program) { return ProgramVerifier(program).run(); }

}  // namespace descent::loop
