// IDX, the format of MNIST and its relatives: two zero bytes, a type code, the rank, big-endian extents, elements.
// Plain or packed with gzip. 8- and 16-bit signed elements are widened to i32, which holds them all.
// Source: http://yann.lecun.com/exdb/mnist/
#pragma once

#include <span>
#include <string>

#include "runtime/data/array.h"

namespace descent::data {

Expected<Array> read_idx(const std::string& path);
Expected<Array> parse_idx(std::span<const std::byte> bytes, const std::string& name);

}  // namespace descent::data
