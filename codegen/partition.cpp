// Largest kernel first, always to the part that has least.
#include "codegen/partition.h"

#include <algorithm>

#include "codegen/vector.h"
#include "ir/match.h"

namespace descent::codegen {
namespace {

// Below this setting up another module costs more than a second thread gains.
constexpr std::int64_t least_part_size = 400;

std::int64_t copies(const loop::For& loop, int vector_bytes) {
  if (loop.kind == loop::LoopKind::unrolled) return constant_trips(loop);
  if (loop.kind != loop::LoopKind::vector) return 1;
  const std::int64_t lanes = std::max(1, vector_bytes / 4);
  return (constant_trips(loop) + lanes - 1) / lanes;
}

std::int64_t size_of(const loop::Block& block, int vector_bytes) {
  std::int64_t sum = 0;
  for (const loop::Statement& statement : block) {
    sum += match(
        statement.node, [](const loop::Let&) { return std::int64_t{1}; },
        [](const loop::Store&) { return std::int64_t{1}; }, [](const loop::Declare&) { return std::int64_t{0}; },
        [&](const loop::If& branch) { return 2 + size_of(branch.then, vector_bytes); },
        [&](const loop::For& loop) { return 4 + copies(loop, vector_bytes) * size_of(loop.body, vector_bytes); });
  }
  return sum;
}

}  // namespace

std::int64_t code_size(const loop::Kernel& kernel, int vector_bytes) { return 8 + size_of(kernel.body, vector_bytes); }

std::vector<std::vector<loop::KernelId>> partition(const loop::Program& program,
                                                   const std::vector<loop::KernelId>& kernels, std::size_t most,
                                                   int vector_bytes) {
  struct Sized {
    std::int64_t size = 0;
    std::vector<loop::KernelId> kernels;
  };
  std::vector<Sized> single;
  std::int64_t all = 0;
  for (const loop::KernelId id : kernels) {
    const std::int64_t size = code_size(program.kernels[static_cast<std::size_t>(id)], vector_bytes);
    single.push_back({size, {id}});
    all += size;
  }
  const auto by_size = [](const Sized& a, const Sized& b) { return a.size > b.size; };
  std::stable_sort(single.begin(), single.end(), by_size);
  const auto worthwhile = static_cast<std::size_t>(std::max<std::int64_t>(1, all / least_part_size));
  std::vector<Sized> parts(std::min({most, worthwhile, std::max<std::size_t>(1, single.size())}));
  for (const Sized& kernel : single) {
    Sized& least =
        *std::min_element(parts.begin(), parts.end(), [](const Sized& a, const Sized& b) { return a.size < b.size; });
    least.size += kernel.size;
    least.kernels.push_back(kernel.kernels.front());
  }
  std::stable_sort(parts.begin(), parts.end(), by_size);
  std::vector<std::vector<loop::KernelId>> lists;
  for (Sized& part : parts) lists.push_back(std::move(part.kernels));
  return lists;
}

}  // namespace descent::codegen
