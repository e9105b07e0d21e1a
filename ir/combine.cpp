#include "ir/combine.h"

#include <limits>

namespace descent {
namespace {

double least(DType type) {
  if (is_float(type)) return -std::numeric_limits<double>::infinity();
  return type == DType::i32 ? std::numeric_limits<std::int32_t>::min() : 0;
}

double greatest(DType type) {
  if (is_float(type)) return std::numeric_limits<double>::infinity();
  if (type == DType::i32) return std::numeric_limits<std::int32_t>::max();
  if (type == DType::u32) return std::numeric_limits<std::uint32_t>::max();
  return type == DType::u8 ? std::numeric_limits<std::uint8_t>::max() : 1;
}

}  // namespace

double identity_of(Combiner combiner, DType type) {
  switch (combiner) {
    case Combiner::none:
    case Combiner::sum:
    case Combiner::argmax:
      return 0;
    case Combiner::product:
      return 1;
    case Combiner::max:
      return least(type);
    case Combiner::min:
      return greatest(type);
  }
  return 0;
}

}  // namespace descent
