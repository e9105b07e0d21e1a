// A sweep of few points, every one of them spelled out; rows side by side in lanes, in one loop around all points.
//
//   sweep [i < 40, j < 2] … →  serial r = 0 … 32 step 16 { vector lane < 16 { h[r + lane, 0] = …; h[r + lane, 1] = … }
//   }
//                              vector lane < 8 { h[32 + lane, 0] = …; h[32 + lane, 1] = … }
#include "passes/lower_unrolled.h"

#include <algorithm>
#include <functional>
#include <optional>

#include "passes/sweep_kernel.h"

namespace descent {
namespace {

using loop::ArrayId;
using loop::Bound;
using loop::LoopKind;
using loop::Subscript;
using loop::TempId;
using loop::VariableId;

class UnrolledLowering : SweepKernel {
 public:
  UnrolledLowering(const SweepJob& job, const Schedule& schedule) : SweepKernel(job), plan_(schedule) {}

  LoweredKernel run() {
    const std::optional<AxisId> rows = plan_.unrolled->rows;
    const auto each_result = [&] { each_point(plan_.free, [&] { store_one(); }); };
    if (rows && std::count(plan_.serial.begin(), plan_.serial.end(), *rows) > 0) {
      add_rows(*rows);
    } else if (rows) {
      each_row(*rows, [&](const Affine&) { each_result(); });
    } else {
      each_result();
    }
    return finish();
  }

 private:
  void store_one() {
    if (sweep_.combiner == Combiner::none) return store_point();
    TempId sum = identity();
    each_point(plan_.serial, [&] { sum = join(sum); });
    store_result(sum);
  }
  // Every combination of the axes' places; rows have theirs already.
  void each_point(const std::vector<AxisId>& axes, const std::function<void()>& inside, std::size_t depth = 0) {
    if (depth == axes.size()) return inside();
    if (axes[depth] == plan_.unrolled->rows) return each_point(axes, inside, depth + 1);
    for (std::int64_t i = 0; i < axis(axes[depth]).extent.size; ++i) {
      place(axes[depth]) = Affine::of(i);
      each_point(axes, inside, depth + 1);
    }
  }
  // Rows side by side: whole blocks, then the rest, alike in every sweep, so that their loops join.
  void each_row(AxisId rows, const std::function<void(const Affine& lane)>& inside) {
    const std::int64_t all = axis(rows).extent.size, whole = all / lane_count * lane_count;
    const auto block = [&](const Affine& first, std::int64_t size) {
      side_by_side(size, [&](const Affine& lane) {
        place(rows) = first + lane;
        inside(lane);
      });
    };
    if (whole == lane_count) {
      block(Affine{}, lane_count);
    } else if (whole > 0) {
      k_.loop(LoopKind::serial, axis(rows).name, Bound::of(0), {Bound::of(whole)}, lane_count,
              [&](VariableId first) { block(Affine::axis(first), lane_count); });
    }
    if (all > whole) block(Affine::of(whole), all - whole);
  }
  void side_by_side(std::int64_t lanes, const std::function<void(const Affine& lane)>& inside) {
    if (lanes == 1) return inside(Affine{});
    k_.loop(LoopKind::vector, "lane", Bound::of(lanes), [&](VariableId lane) { inside(Affine::axis(lane)); });
  }

  // The sixteen lanes of a sum over rows. Of few rows the last lanes keep the identity, and joining it changes nothing,
  // but that a sum makes -0 of a product +0.
  void add_rows(AxisId rows) {
    const std::int64_t all = axis(rows).extent.size;
    std::int64_t width = lane_count;
    while (width / 2 >= all) width /= 2;
    std::int64_t results = 1;
    for (const AxisId free : plan_.free) results *= axis(free).extent.size;
    ArrayId lanes = k_.declare("lanes", job_.type.dtype, {{results}, {width}});
    const auto each_result = [&](const std::function<void(Affine result)>& inside) {
      std::int64_t number = 0;
      each_point(plan_.free, [&] { inside(Affine::of(number++)); });
    };
    if (all != width) {
      side_by_side(width, [&](const Affine& lane) {
        each_result([&](const Affine& result) { k_.store(lanes, loop::at({result, lane}), identity()); });
      });
    }
    each_row(rows, [&](const Affine& lane) {
      each_result([&](const Affine& result) {
        const std::vector<Subscript> at = loop::at({result, lane});
        TempId sum = join(all == width ? identity() : k_.load(lanes, at));
        if (width < lane_count && order().fused) sum = combine(sum, identity());
        k_.store(lanes, at, sum);
      });
    });
    for (std::int64_t half = width / 2; half > 1; half /= 2) {
      const ArrayId fold = k_.declare("fold", job_.type.dtype, {{results}, {half}});
      side_by_side(half, [&](const Affine& lane) {
        each_result([&](const Affine& result) {
          k_.store(fold, loop::at({result, lane}), fold_of(lanes, result, lane, half));
        });
      });
      lanes = fold;
    }
    each_result([&](const Affine& result) {
      store_result(width == 1 ? k_.load(lanes, loop::at({result, Affine{}})) : fold_of(lanes, result, Affine{}, 1));
    });
  }
  TempId fold_of(ArrayId lanes, const Affine& result, const Affine& lane, std::int64_t half) {
    return combine(k_.load(lanes, loop::at({result, lane})), k_.load(lanes, loop::at({result, lane + half})));
  }

  const Schedule& plan_;
};

}  // namespace

LoweredKernel lower_unrolled(const SweepJob& job, const Schedule& schedule) {
  return UnrolledLowering(job, schedule).run();
}

}  // namespace descent
