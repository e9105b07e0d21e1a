// Places every state and temporary in one arena: temporaries share bytes when they do not live at the same time.
//
// A buffer lives from its first to its last touch in the entry; one that is touched both inside and outside of a
// repeat lives through the whole repeat. Larger buffers are placed first, each at the lowest free offset.
#pragma once

#include "ir/diagnostics.h"
#include "ir/loop.h"

namespace descent {

// An arena larger than this is refused.
inline constexpr std::int64_t arena_limit = std::int64_t{16} << 30;

Result<loop::Program> plan_memory(loop::Program program);

}  // namespace descent
