#include "passes/fuse.h"

#include <algorithm>
#include <bit>
#include <map>
#include <set>

#include "ir/loop_verify.h"
#include "ir/match.h"
#include "passes/kernel_tools.h"

namespace descent {
namespace {

using loop::Array;
using loop::Block;
using loop::For;
using loop::Kernel;
using loop::Ranges;
using loop::Statement;

// More than this in one kernel costs a back end more time than a call costs at run time.
constexpr std::size_t most_temps = 512, most_parameters = 24;
// Of a whole loop, which has no calls to make.
constexpr std::size_t most_whole_temps = 8192;
// Locals lie on threads' stacks: back ends refuse more than 2 MiB, of which vectors may take some for their lanes.
constexpr std::int64_t most_local_bytes = 3 << 19;
constexpr const char* too_large = "together they are too large";

std::int64_t local_bytes(const Kernel& kernel, std::int64_t largest_batch) {
  std::int64_t bytes = 0;
  for (std::size_t i = static_cast<std::size_t>(kernel.parameters); i < kernel.arrays.size(); ++i) {
    bytes += count(kernel.arrays[i].shape, largest_batch) * size_of(kernel.arrays[i].dtype);
  }
  return bytes;
}

bool same_bounds(const For& a, const For& b) {
  return a.kind == b.kind && a.begin == b.begin && a.end == b.end && a.step == b.step;
}

// Both kernels' arrays, variables and temps in one numbering; the bodies are still apart.
struct Joined {
  LoweredKernel lowered;  // with the first kernel's body
  Block second;
};

Array::Role both(Array::Role a, Array::Role b) { return a == b ? a : Array::Role::update; }

class Joiner {
 public:
  Joiner(const LoweredKernel& first, const LoweredKernel& second) : first_(first), second_(second) {}

  Joined join() {
    Kernel& kernel = joined_.lowered.kernel;
    parameters(first_, first_names_);
    parameters(second_, second_names_);
    kernel.parameters = static_cast<int>(kernel.arrays.size());
    locals(first_.kernel, first_names_);
    locals(second_.kernel, second_names_);
    kernel.indices = first_.kernel.indices;
    kernel.variables = first_.kernel.variables;
    kernel.temps = first_.kernel.temps;
    append(kernel.variables, second_.kernel.variables, second_.kernel.indices, second_names_.variables);
    append(kernel.temps, second_.kernel.temps, 0, second_names_.temps);
    kernel.name = second_.kernel.name;
    kernel.comment = both_comments();
    kernel.origin = first_.kernel.origin;
    kernel.body = renamed(first_.kernel.body, first_names_);
    joined_.second = renamed(second_.kernel.body, second_names_);
    return std::move(joined_);
  }

 private:
  // A buffer that both take is one parameter.
  void parameters(const LoweredKernel& from, Renaming& names) {
    Kernel& kernel = joined_.lowered.kernel;
    std::vector<loop::BufferId>& buffers = joined_.lowered.buffers;
    for (int i = 0; i < from.kernel.parameters; ++i) {
      const Array& array = from.kernel.arrays[static_cast<std::size_t>(i)];
      const loop::BufferId buffer = from.buffers[static_cast<std::size_t>(i)];
      const auto known = std::find(buffers.begin(), buffers.end(), buffer);
      names.arrays.push_back(static_cast<loop::ArrayId>(known - buffers.begin()));
      if (known != buffers.end()) {
        Array::Role& role = kernel.arrays[static_cast<std::size_t>(known - buffers.begin())].role;
        role = both(role, array.role);
      } else {
        add(array);
        buffers.push_back(buffer);
      }
    }
  }
  void locals(const Kernel& from, Renaming& names) {
    for (std::size_t i = static_cast<std::size_t>(from.parameters); i < from.arrays.size(); ++i) {
      names.arrays.push_back(static_cast<loop::ArrayId>(joined_.lowered.kernel.arrays.size()));
      add(from.arrays[i]);
    }
  }
  void add(Array array) {
    std::vector<Array>& arrays = joined_.lowered.kernel.arrays;
    const std::string wanted = array.name;
    const auto taken = [&] {
      return std::any_of(arrays.begin(), arrays.end(), [&](const Array& other) { return other.name == array.name; });
    };
    for (int number = 2; taken(); ++number) array.name = wanted + "_" + std::to_string(number);
    arrays.push_back(std::move(array));
  }
  // The second kernel's own entries behind the first one's; the first `shared` are the same in both.
  template <class T>
  static void append(std::vector<T>& all, const std::vector<T>& more, int shared, std::vector<int>& names) {
    for (int i = 0; i < static_cast<int>(more.size()); ++i) {
      names.push_back(i < shared ? i : static_cast<int>(all.size()));
      if (i >= shared) all.push_back(more[static_cast<std::size_t>(i)]);
    }
  }

  // Line by line, each once.
  std::string both_comments() const {
    const std::string &first = first_.kernel.comment, &second = second_.kernel.comment;
    const bool is_new = ("\n" + first + "\n").find("\n" + second + "\n") == std::string::npos;
    return is_new ? first + "\n" + second : first;
  }

  const LoweredKernel& first_;
  const LoweredKernel& second_;
  Renaming first_names_, second_names_;
  Joined joined_;
};

class LoopFusion {
 public:
  LoopFusion(const Kernel& kernel, Ranges ranges) : kernel_(kernel), ranges_(std::move(ranges)) {}

  // Puts `second` behind `first`, its loops into those of `first` where they fit. What fits nowhere comes as early as
  // it may: sums are set to zero before the loop that others join, and so can join it too.
  void merge_whole(Block& first, const Block& second) {
    carries_ = true;
    for (const Statement& statement : second) place(first, statement);
  }

  // Puts `second` behind `first`, every loop of it into a loop of `first`; the result says why one does not fit.
  std::string merge_all(Block& first, const Block& second) {
    for (const Statement& statement : second) {
      const For* loop = std::get_if<For>(&statement.node);
      if (!loop) {
        first.push_back(statement);
      } else if (const std::string why_not = attach(first, statement, *loop); !why_not.empty()) {
        return why_not;
      }
    }
    return {};
  }
  // The same, but serial loops may carry values from iteration to iteration: what comes before such a loop comes as
  // early as it may.
  std::string merge_carrying(Block& first, const Block& second) {
    carries_serially_ = true;
    for (const Statement& statement : second) {
      const bool is_loop = std::holds_alternative<For>(statement.node);
      if (!place(first, statement) && is_loop) return "it has no loop " + spelled(statement);
    }
    return {};
  }

 private:
  // Into the first loop that takes it in, else behind what it must follow; the result says whether there was one.
  bool place(Block& block, const Statement& statement) {
    const For* loop = std::get_if<For>(&statement.node);
    std::optional<std::pair<std::size_t, Statement>> joined;
    std::string why_not;
    std::size_t at = block.size();
    for (; at > 0; --at) {
      const For* host = loop ? std::get_if<For>(&block[at - 1].node) : nullptr;
      if (Statement both = block[at - 1]; host && same_bounds(*host, *loop) && join(both, *host, *loop, why_not)) {
        joined = {at - 1, std::move(both)};
      }
      if (!commute(block[at - 1], statement, ranges_)) break;
    }
    if (joined) {
      block[joined->first] = std::move(joined->second);
    } else {
      block.insert(block.begin() + static_cast<std::ptrdiff_t>(at), statement);
    }
    return joined.has_value();
  }

  // The same, but a loop that fits nowhere stands for itself.
  void merge(Block& first, const Block& second) {
    for (const Statement& statement : second) {
      const For* loop = std::get_if<For>(&statement.node);
      if (carries_serially_) {
        place(first, statement);
      } else if (!loop || !attach(first, statement, *loop).empty()) {
        first.push_back(statement);
      }
    }
  }

  // Into the last loop of `block` that takes this one in, unless something that must come before stands behind that.
  std::string attach(Block& block, const Statement& statement, const For& loop) {
    std::string why_not;
    for (std::size_t at = block.size(); at-- > 0;) {
      const For* host = std::get_if<For>(&block[at].node);
      if (host && same_bounds(*host, loop) && join(block[at], *host, loop, why_not)) return {};
      if (commute(block[at], statement, ranges_)) continue;
      if (why_not.empty()) why_not = spelled(statement) + " must come after " + spelled(block[at]);
      return why_not;
    }
    return !why_not.empty() ? why_not : "it has no loop " + spelled(statement);
  }
  std::string spelled(const Statement& statement) const {
    const For* loop = std::get_if<For>(&statement.node);
    return loop ? "'" + loop::spell(kernel_, *loop) + "'" : "what stands outside loops";
  }

  // `place`: where the host stands. `why_not` is set when it stays as it is.
  bool join(Statement& place, const For& host, const For& guest, std::string& why_not) {
    Renaming one_variable;
    for (loop::VariableId id = 0; id <= guest.variable; ++id) one_variable.variables.push_back(id);
    one_variable.variables.back() = host.variable;
    For joined = host;
    ranges_.open(host.variable, host.begin, host.end, host.step);
    // Whether iterations meet does not depend on how the bodies join: asked first, of the bodies side by side.
    Block guest_body = renamed(guest.body, one_variable);
    joined.body.insert(joined.body.end(), guest_body.begin(), guest_body.end());
    const bool may_carry = carries_ || (carries_serially_ && host.kind == loop::LoopKind::serial);
    const std::vector<std::string> dependent =
        may_carry ? loop::why_dependent_between(kernel_, joined, host.body.size(), ranges_)
                  : loop::why_dependent(kernel_, joined, ranges_);
    if (dependent.empty()) {
      joined.body = host.body;
      merge(joined.body, guest_body);
    } else if (why_not.empty()) {
      why_not = "as one loop, " + dependent.front();
    }
    ranges_.close();
    if (dependent.empty()) place.node = std::move(joined);
    return dependent.empty();
  }

  const Kernel& kernel_;
  Ranges ranges_;
  bool carries_ = false;           // loops that carry values may join
  bool carries_serially_ = false;  // those among them that no thread may share
};

// -- store to load ---------------------------------------------------------------------------------------------------

bool same_place(const std::vector<loop::Subscript>& a, const std::vector<loop::Subscript>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const auto& x, const auto& y) { return x.offset == y.offset && x.through == y.through; });
}

// Whether one iteration surely finds another element at each: the subscripts of an axis differ by a number.
bool surely_apart(const std::vector<loop::Subscript>& a, const std::vector<loop::Subscript>& b) {
  for (std::size_t axis = 0; axis < a.size(); ++axis) {
    if (a[axis].through != loop::no_temp || b[axis].through != loop::no_temp) continue;
    const Affine distance = a[axis].offset - b[axis].offset;
    if (distance.is_constant() && distance.constant != 0) return true;
  }
  return false;
}

// Values that are computed again become one, so that equal guards are the same temp; a load of what has just been
// stored becomes the value stored. Under a guard it becomes select(guard, value, otherwise), exactly what it gives.
class Forwarding {
 public:
  explicit Forwarding(Kernel& kernel) : kernel_(kernel) {
    for (std::size_t i = 0; i < kernel.temps.size(); ++i) values_.temps.push_back(static_cast<loop::TempId>(i));
    kernel.body = block(kernel.body, {});
    kernel.body = renamed(kernel.body, values_);
  }

 private:
  // A store, its temps by the values that stand for them, and the guard under which it happened.
  struct Stored {
    loop::Store store;
    loop::TempId guard = loop::no_temp;
  };
  using Key = std::vector<std::int64_t>;
  struct Known {
    std::vector<Stored> stores;  // the last one to each place
    std::map<Key, loop::TempId> pure;
  };

  Block block(const Block& statements, Known known) {
    Block result;
    for (const Statement& statement : statements) {
      const auto* let = std::get_if<loop::Let>(&statement.node);
      if (let && (is_known(*let, known) || forward(*let, known, result))) continue;
      result.push_back(statement);
      match(
          result.back().node, [](const loop::Let&) {}, [](const loop::Declare&) {},
          [&](const loop::Store& store) {
            forget(statement, known);  // it may be the same place by another name
            known.stores.push_back({valued(store), loop::no_temp});
          },
          [&](loop::If& branch) {
            branch.then = block(branch.then, known);
            remember(branch, known);
          },
          [&](For& loop) {
            forget(statement, known);  // an earlier iteration may have stored
            loop.body = block(loop.body, known);
          });
    }
    return result;
  }

  loop::TempId value_of(loop::TempId temp) const {
    return temp == loop::no_temp ? temp : values_.temps[static_cast<std::size_t>(temp)];
  }
  std::vector<loop::Subscript> places(std::vector<loop::Subscript> at) const {
    for (loop::Subscript& subscript : at) subscript.through = value_of(subscript.through);
    return at;
  }
  loop::Store valued(const loop::Store& store) const { return {store.array, places(store.at), value_of(store.value)}; }

  // What a branch stored under its condition, of values from outside it.
  void remember(const loop::If& branch, Known& known) const {
    std::set<loop::TempId> inside;
    for (const Statement& statement : branch.then) inside.merge(mentions_of(statement).defined);
    for (const Statement& statement : branch.then) {
      forget(statement, known);
      const auto* store = std::get_if<loop::Store>(&statement.node);
      if (!store || inside.count(store->value) > 0) continue;
      const bool is_indirect = std::any_of(store->at.begin(), store->at.end(),
                                           [](const auto& subscript) { return subscript.through != loop::no_temp; });
      if (!is_indirect) known.stores.push_back({valued(*store), value_of(branch.condition)});
    }
  }

  // A let that computes nothing new becomes the one before.
  bool is_known(const loop::Let& let, Known& known) {
    const std::optional<Key> key = key_of(let);
    if (!key) return false;
    const auto [found, fresh] = known.pure.try_emplace(*key, let.temp);
    if (!fresh) values_.temps[static_cast<std::size_t>(let.temp)] = found->second;
    return !fresh;
  }
  // The value spelled as numbers; none when it may differ from time to time.
  std::optional<Key> key_of(const loop::Let& let) const {
    const auto type = static_cast<std::int64_t>(kernel_.temps[static_cast<std::size_t>(let.temp)]);
    return match(
        let.value,
        [&](const Literal& literal) -> std::optional<Key> {
          return Key{0, type, std::bit_cast<std::int64_t>(literal.value)};
        },
        [&](const loop::IndexValue& index) -> std::optional<Key> {
          Key key{1, index.form.constant};
          for (const Term& term : index.form.terms) key.insert(key.end(), {term.axis, term.coefficient});
          return key;
        },
        [&](const loop::BatchValue&) -> std::optional<Key> { return Key{2}; },
        [&](const loop::Load&) -> std::optional<Key> { return std::nullopt; },
        [&](const loop::Operation& operation) -> std::optional<Key> {
          Key key{3, type, static_cast<std::int64_t>(operation.op)};
          for (loop::TempId operand : operation.operands) key.push_back(value_of(operand));
          return key;
        });
  }

  bool forward(const loop::Let& let, Known& known, Block& result) {
    const auto* load = std::get_if<loop::Load>(&let.value);
    if (!load) return false;
    const std::vector<loop::Subscript> at = places(load->at);
    const loop::TempId guard = value_of(load->guard);
    for (auto fact = known.stores.rbegin(); fact != known.stores.rend(); ++fact) {
      if (fact->store.array != load->array || !same_place(fact->store.at, at)) continue;
      if (fact->guard != loop::no_temp && fact->guard != guard) return false;
      if (guard == loop::no_temp) {
        values_.temps[static_cast<std::size_t>(let.temp)] = fact->store.value;
        return true;
      }
      const DType type = kernel_.temps[static_cast<std::size_t>(let.temp)];
      const auto otherwise = static_cast<loop::TempId>(kernel_.temps.size());
      kernel_.temps.push_back(type);
      values_.temps.push_back(otherwise);
      result.push_back({loop::Let{otherwise, Literal{load->otherwise}}});
      result.push_back({loop::Let{let.temp, loop::Operation{Op::select, {guard, fact->store.value, otherwise}}}});
      return true;
    }
    return false;
  }

  static void forget(const Statement& statement, Known& known) {
    if (const auto* store = std::get_if<loop::Store>(&statement.node)) {
      std::erase_if(known.stores, [&](const Stored& fact) {
        return fact.store.array == store->array && !surely_apart(fact.store.at, store->at);
      });
      return;
    }
    for (const Touch& touch : touches_of(statement)) {
      if (!touch.is_store) continue;
      std::erase_if(known.stores, [&](const Stored& fact) { return fact.store.array == touch.array; });
    }
  }

  Kernel& kernel_;
  Renaming values_;
};

// A loop that came to stand inside another one of its name gets a name of its own.
void name_apart(Kernel& kernel, Block& block, std::vector<std::string>& open) {
  for (Statement& statement : block) {
    if (auto* branch = std::get_if<loop::If>(&statement.node)) name_apart(kernel, branch->then, open);
    auto* loop = std::get_if<For>(&statement.node);
    if (!loop) continue;
    std::string& name = kernel.variables[static_cast<std::size_t>(loop->variable)];
    const std::string wanted = name;
    for (int number = 2; std::count(open.begin(), open.end(), name) > 0; ++number) {
      name = wanted + "_" + std::to_string(number);
    }
    open.push_back(name);
    name_apart(kernel, loop->body, open);
    open.pop_back();
  }
}

// The block without stores to the arrays marked true.
Block without_stores(const Block& block, const std::vector<bool>& dead) {
  Block result;
  for (const Statement& statement : block) {
    const auto* store = std::get_if<loop::Store>(&statement.node);
    if (store && dead[static_cast<std::size_t>(store->array)]) continue;
    result.push_back(statement);
    if (auto* loop = std::get_if<For>(&result.back().node)) loop->body = without_stores(loop->body, dead);
    if (auto* branch = std::get_if<loop::If>(&result.back().node)) branch->then = without_stores(branch->then, dead);
  }
  return result;
}

void remove_parameters(LoweredKernel& lowered, const std::vector<bool>& dead) {
  Kernel& kernel = lowered.kernel;
  Renaming names;
  std::vector<Array> arrays;
  std::vector<loop::BufferId> buffers;
  for (std::size_t i = 0; i < kernel.arrays.size(); ++i) {
    names.arrays.push_back(static_cast<loop::ArrayId>(arrays.size()));
    if (dead[i]) continue;
    arrays.push_back(kernel.arrays[i]);
    if (i < lowered.buffers.size()) buffers.push_back(lowered.buffers[i]);
  }
  kernel.body = renamed(without_stores(kernel.body, dead), names);
  kernel.arrays = std::move(arrays);
  kernel.parameters = static_cast<int>(buffers.size());
  lowered.buffers = std::move(buffers);
}

Ranges open_ranges(const std::vector<Range>& indices, std::int64_t largest_batch) {
  Ranges ranges(largest_batch);
  for (std::size_t i = 0; i < indices.size(); ++i) ranges.open(static_cast<loop::VariableId>(i), indices[i]);
  return ranges;
}

LoweredKernel with_body(LoweredKernel lowered, Block body) {
  Kernel& kernel = lowered.kernel;
  kernel.body = std::move(body);
  std::vector<std::string> open(kernel.variables.begin(), kernel.variables.begin() + kernel.indices);
  name_apart(kernel, kernel.body, open);
  return lowered;
}

}  // namespace

Fusion fuse(const LoweredKernel& first, const LoweredKernel& second, const std::vector<Range>& indices,
            std::int64_t largest_batch, bool carries) {
  // Told before the work of joining: a long list of large kernels would spend minutes on attempts.
  if (first.kernel.temps.size() + second.kernel.temps.size() > most_temps) {
    return {std::nullopt, too_large};
  }
  const std::int64_t locals = local_bytes(first.kernel, largest_batch),
                     more = local_bytes(second.kernel, largest_batch);
  if (locals > 0 && more > 0 && locals + more > most_local_bytes) return {std::nullopt, too_large};
  Joined joined = Joiner(first, second).join();
  Kernel& kernel = joined.lowered.kernel;
  if (kernel.temps.size() > most_temps || joined.lowered.buffers.size() > most_parameters) {
    return {std::nullopt, too_large};
  }
  Block body = kernel.body;
  LoopFusion fusion(kernel, open_ranges(indices, largest_batch));
  std::string why_not = carries ? fusion.merge_carrying(body, joined.second) : fusion.merge_all(body, joined.second);
  if (!why_not.empty()) return {std::nullopt, std::move(why_not)};
  return {with_body(std::move(joined.lowered), std::move(body)), {}};
}

std::optional<LoweredKernel> fuse_whole(const LoweredKernel& first, const LoweredKernel& second,
                                        const std::vector<Range>& indices, std::int64_t largest_batch) {
  if (first.kernel.temps.size() + second.kernel.temps.size() > most_whole_temps) return std::nullopt;
  Joined joined = Joiner(first, second).join();
  Block body = joined.lowered.kernel.body;
  LoopFusion(joined.lowered.kernel, open_ranges(indices, largest_batch)).merge_whole(body, joined.second);
  return with_body(std::move(joined.lowered), std::move(body));
}

void forward_stores(LoweredKernel& lowered, const std::function<bool(loop::BufferId)>& is_private) {
  Kernel& kernel = lowered.kernel;
  Forwarding{kernel};
  std::vector<bool> loaded(kernel.arrays.size(), false), dead(kernel.arrays.size(), false);
  for (const Statement& statement : kernel.body) {
    for (const Touch& touch : touches_of(statement)) {
      if (!touch.is_store) loaded[static_cast<std::size_t>(touch.array)] = true;
    }
  }
  for (std::size_t i = 0; i < lowered.buffers.size(); ++i) {
    if (loaded[i]) continue;
    kernel.arrays[i].role = Array::Role::write;
    dead[i] = is_private(lowered.buffers[i]);
  }
  if (std::count(dead.begin(), dead.end(), true) > 0) remove_parameters(lowered, dead);
}

}  // namespace descent
