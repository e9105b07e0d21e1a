// What no store shows: values that nobody uses, branches that do nothing, and the other side of a select where only
// lanes that its condition lets through are looked at.
//
//   let t1 = select(inside, bias[j when inside else 0.0] + sum[j], 0.0); if inside { y[b, j] = t1 }
// → let t1 = bias[j when inside else 0.0] + sum[j];                      if inside { y[b, j] = t1 }
//
// Guards of loads and values that subscripts go through stay: they keep accesses inside their arrays.
#pragma once

#include "ir/loop.h"

namespace descent {

void drop_unseen(loop::Kernel& kernel);

}  // namespace descent
