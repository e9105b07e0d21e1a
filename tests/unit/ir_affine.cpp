// Affine forms and tensor types: arithmetic, bounds, text, and what happens at the ends of 64 bits.
#include <catch2/catch.hpp>
#include <limits>

#include "ir/affine.h"
#include "ir/type.h"

using namespace descent;

namespace {

constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t greatest = std::numeric_limits<std::int64_t>::max();

std::string text(const Affine& form) {
  return to_string(form, [](AxisId axis) { return axis < 0 ? std::string("t") : std::string(1, "ijkr"[axis]); });
}

}  // namespace

TEST_CASE("affine forms stay canonical") {
  const Affine i = Affine::axis(0);
  const Affine r = Affine::axis(3);
  CHECK(text(i * 2 + r - 1) == "2*i + r - 1");
  CHECK(text(r + i) == "i + r");
  CHECK(r + i == i + r);
  CHECK((i + r - i) == r);
  CHECK((i + r - i).is_axis());
  CHECK((i - i).is_constant());
  CHECK(text(i - i) == "0");
  CHECK(text((i - r) * -1 + 3) == "-i + r + 3");
  CHECK(text(i * 0 + 5) == "5");
  CHECK(text(Affine::axis(1, -3, -4)) == "-3*j - 4");
  CHECK(Affine::axis(1, 0, 7) == Affine::of(7));
  CHECK(text(Affine::axis(-1) + i) == "t + i");
  CHECK((i * 2 + r).coefficient(0) == 2);
  CHECK((i * 2 + r).coefficient(1) == 0);
  CHECK((i * 2 + r).coefficient(3) == 1);
}

TEST_CASE("substitution replaces every axis at once") {
  const Affine form = Affine::axis(0, 2) + Affine::axis(1);
  const Affine swapped = substitute(form, [](AxisId axis) { return Affine::axis(1 - axis); });
  CHECK(text(swapped) == "i + 2*j");
  CHECK(substitute(form, [](AxisId) { return Affine::axis(0, 1, 1); }) == Affine::axis(0, 3, 3));
}

TEST_CASE("bounds over a box") {
  const Affine form = Affine::axis(0, 2) - Affine::axis(1) + 5;
  const Bounds bounds = bounds_of(form, [](AxisId axis) { return axis == 0 ? 9 : 3; });
  CHECK(bounds.low == 2);
  CHECK(bounds.high == 23);
}

TEST_CASE("affine arithmetic saturates") {
  CHECK((Affine::of(greatest) + 1).constant == greatest);
  CHECK((Affine::of(least) - 1).constant == least);
  CHECK((Affine::of(0) - least).constant == greatest);
  CHECK((Affine::axis(0, greatest) * greatest).coefficient(0) == greatest);
  CHECK((Affine::axis(0, greatest) * least).coefficient(0) == least);
  const Affine huge = Affine::axis(0, greatest) + Affine::axis(1, greatest) + Affine::axis(2, least) + least;
  const Bounds bounds = bounds_of(huge, [](AxisId) { return greatest; });
  CHECK(bounds.low == least);
  CHECK(bounds.high == greatest);
  CHECK(text(Affine::axis(0, least, least)) == "-9223372036854775808*i - 9223372036854775808");
}

TEST_CASE("types as text") {
  for (int i = 0; i < 6; ++i) {
    const auto type = static_cast<DType>(i);
    CHECK(dtype_named(name_of(type)) == type);
  }
  CHECK(!dtype_named("f16"));
  CHECK(size_of(DType::f64) == 8);
  CHECK(size_of(DType::boolean) == 1);
  CHECK(to_string(TensorType{DType::f32, {Extent::batch(), {784}}, {}}) == "f32[batch, 784]");
  CHECK(to_string(TensorType{DType::i32, {Extent::batch()}, Range{0, 10}}) == "i32[batch] in 0 ..< 10");
  CHECK(to_string(TensorType{DType::boolean, {}, {}}) == "bool[]");
}

TEST_CASE("element counts saturate") {
  CHECK(count({}, 64) == 1);
  CHECK(count({Extent::batch(), {3}}, 64) == 192);
  CHECK(count({{greatest}, {greatest}, {2}}, 1) == std::int64_t{1} << 62);
  CHECK(count({{greatest}}, 1) == std::int64_t{1} << 62);
}
