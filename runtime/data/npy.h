// NumPy's .npy, versions 1 to 3, little endian; C order is written, Fortran order read too. Narrow integers and half
// floats are widened to the next type of Array that holds them all: i1 i2 u2 → i32, u4 → i64, f2 → f32. Source:
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#pragma once

#include <span>
#include <string>

#include "runtime/data/array.h"

namespace descent::data {

Expected<Array> read_npy(const std::string& path);
Expected<Array> parse_npy(std::span<const std::byte> bytes, const std::string& name);

// Version 1, data from a multiple of 64 bytes on. The value of writing is the number of bytes.
std::vector<std::byte> format_npy(const Array& array);
Expected<std::int64_t> write_npy(const std::string& path, const Array& array);

}  // namespace descent::data
