// Kernels of the kinds that lowering makes, for tests of what runs them.
#pragma once

#include "ir/loop.h"

namespace descent::test {

// c[b, n] = sum_k a[b, k] * w[k, n] by tiles of rows × columns: rows of the batch, a tail row by row. 24 × 32.
loop::Kernel gemm_tile(std::int64_t rows, std::int64_t columns);
// y[b] = sum_i x[b, i] over 100 in the order `lanes 16`.
loop::Kernel lane_sum();

// Every native operation on every combination of types it takes, in vectors of `lanes` (a divisor of 48); operands of
// one type and position share a buffer. The entry is `run`.
loop::Program all_operations(std::int64_t lanes);

// Program whose entry `run` has `body` over x : type[16, 40], with the role, and y : type[40, 16].
loop::Program turning(const std::string& type, const std::string& body, const std::string& role = "read");
// For `turning`: y[k + k_2, i + j] = value for `lanes` columns j and `terms` rows k_2 at a time.
std::string turned_square(int terms, int lanes, const std::string& value);

}  // namespace descent::test
