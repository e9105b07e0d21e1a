// Arrays of images as one PNG: the rows side by side, from left to right and from top to bottom, a pixel apart.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/data/array.h"

namespace descent::data {

// [rows, height, width] is grey, and so is [rows, 1, height, width]; [rows, 3, height, width] is red, green, blue.
// Bytes are taken as they are; of other numbers the least one of the array becomes black and the greatest white, and
// what is no number black. An error: another shape, nothing to show, more than 2^26 pixels. The value is the number of
// bytes written.
Expected<std::int64_t> write_picture(const std::string& path, const Array& array);

}  // namespace descent::data
