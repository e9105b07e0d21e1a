// Small helpers of the Loop IR.
#include "ir/loop.h"

namespace descent::loop {

std::string_view name_of(LoopKind kind) {
  switch (kind) {
    case LoopKind::serial:
      return "serial";
    case LoopKind::parallel:
      return "parallel";
    case LoopKind::vector:
      return "vector";
    case LoopKind::unrolled:
      return "unrolled";
  }
  internal_error(__FILE__, __LINE__, "no such kind of loop");
}

const Entry* Program::entry(std::string_view name) const {
  for (const Entry& candidate : entries) {
    if (candidate.name == name) return &candidate;
  }
  return nullptr;
}

}  // namespace descent::loop
