// Lanes share one flow of control, so nothing that steers it may differ between them, but conditions (masks).
#include "codegen/vector.h"

#include <algorithm>

#include "ir/match.h"

namespace descent::codegen {
namespace {

// Wider vectors than any unit's register file holds only cost compile time.
constexpr std::int64_t most_lanes = 64;

bool depends(const loop::Bound& bound, loop::VariableId variable) { return bound.form.coefficient(variable) != 0; }

bool has_varying_bounds(const loop::Block& block, loop::VariableId variable) {
  return std::any_of(block.begin(), block.end(), [variable](const loop::Statement& statement) {
    return match(
        statement.node, [](const loop::Let&) { return false; }, [](const loop::Store&) { return false; },
        [](const loop::Declare&) { return false; },
        [variable](const loop::If& branch) { return has_varying_bounds(branch.then, variable); },
        [variable](const loop::For& loop) {
          return depends(loop.begin, variable) ||
                 std::any_of(loop.end.begin(), loop.end.end(),
                             [variable](const loop::Bound& bound) { return depends(bound, variable); }) ||
                 has_varying_bounds(loop.body, variable);
        });
  });
}

constexpr std::int64_t many_bytes = std::int64_t{1} << 40;

// `parts`: the outermost parallel loops become functions of their own, which run one after another; receives the
// largest one's bytes. Null: within such a loop.
std::int64_t local_bytes(const loop::Kernel& kernel, const loop::Block& block, std::int64_t batch, std::int64_t lanes,
                         std::int64_t* parts) {
  std::int64_t sum = 0;
  for (const loop::Statement& statement : block) {
    sum += match(
        statement.node, [](const loop::Let&) { return std::int64_t{0}; },
        [](const loop::Store&) { return std::int64_t{0}; },
        [&](const loop::Declare& declare) {
          const loop::Array& local = kernel.arrays[static_cast<std::size_t>(declare.array)];
          return std::min(count(local.shape, batch), many_bytes) * size_of(local.dtype) * lanes;
        },
        [&](const loop::If& branch) { return local_bytes(kernel, branch.then, batch, lanes, parts); },
        [&](const loop::For& loop) {
          const bool widened = loop.kind == loop::LoopKind::vector && lanes == 1 && why_not_vector(loop).empty();
          const std::int64_t inner = widened ? std::max<std::int64_t>(1, constant_trips(loop)) : lanes;
          const bool is_part = parts != nullptr && loop.kind == loop::LoopKind::parallel && lanes == 1;
          const std::int64_t bytes = local_bytes(kernel, loop.body, batch, inner, is_part ? nullptr : parts);
          if (!is_part) return bytes;
          *parts = std::max(*parts, bytes);
          return std::int64_t{0};
        });
    sum = std::min(sum, many_bytes);
  }
  return sum;
}

}  // namespace

std::int64_t local_bytes(const loop::Kernel& kernel, std::int64_t batch) {
  std::int64_t parts = 0;
  const std::int64_t own = local_bytes(kernel, kernel.body, batch, 1, &parts);
  return own + parts;
}

std::int64_t constant_trips(const loop::For& loop) {
  std::int64_t end = loop.end.front().form.constant;
  for (const loop::Bound& bound : loop.end) {
    DESCENT_CHECK(bound.form.is_constant() && bound.multiple == 0,
                  std::string(name_of(loop.kind)) + " loop without a constant end");
    end = std::min(end, bound.form.constant);
  }
  const std::int64_t length = end - loop.begin.form.constant;
  return length <= 0 ? 0 : (length + loop.step - 1) / loop.step;
}

std::string why_not_vector(const loop::For& loop) {
  if (constant_trips(loop) > most_lanes) return "more than " + std::to_string(most_lanes) + " iterations";
  if (has_varying_bounds(loop.body, loop.variable)) return "an inner loop's bounds depend on the loop's variable";
  return {};
}

}  // namespace descent::codegen
