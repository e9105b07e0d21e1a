#include "codegen/llvm/transpose.h"

#include "codegen/llvm/operations.h"

namespace descent::codegen {
namespace {

using llvm::Value;

// Of squares of 2·size lines and elements the upper right and the lower left quarter change places:
//   a = a₀ a₁, b = b₀ b₁ (`size` elements each, `size` lines apart)  →  a₀ b₀, a₁ b₁
void swap_quarters(llvm::IRBuilder<>& builder, std::vector<Value*>& lines, int size) {
  const int count = static_cast<int>(lines.size());
  llvm::SmallVector<int, 16> first, second;
  for (int i = 0; i < count; ++i) {
    const bool is_right = (i & size) != 0;
    first.push_back(is_right ? count + i - size : i);
    second.push_back(is_right ? count + i : i + size);
  }
  for (int i = 0; i < count; ++i) {
    if ((i & size) != 0) continue;
    Value *&a = lines[static_cast<std::size_t>(i)], *&b = lines[static_cast<std::size_t>(i + size)];
    Value* upper = builder.CreateShuffleVector(a, b, first);
    b = builder.CreateShuffleVector(a, b, second);
    a = upper;
  }
}

}  // namespace

std::vector<Value*> load_turned(llvm::IRBuilder<>& builder, const Place& place, int count) {
  Place line = place;
  line.lanes = count;
  line.lane_stride = 1;
  std::vector<Value*> lines;
  for (int lane = 0; lane < count; ++lane) {
    // Lanes that there are not are whatever is at hand.
    if (lane >= place.lanes) {
      lines.push_back(lines.back());
      continue;
    }
    line.address = builder.CreateGEP(memory_type(builder.getContext(), place.type), place.address,
                                     builder.getInt64(static_cast<std::uint64_t>(place.lane_stride * lane)));
    lines.push_back(emit_load(builder, line, nullptr, 0));
  }
  for (int size = 1; size < count; size *= 2) swap_quarters(builder, lines, size);
  llvm::SmallVector<int, 16> lanes;
  for (int lane = 0; lane < place.lanes; ++lane) lanes.push_back(lane);
  if (place.lanes < count) {
    for (Value*& turned : lines) turned = builder.CreateShuffleVector(turned, lanes);
  }
  return lines;
}

}  // namespace descent::codegen
