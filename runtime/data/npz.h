// NumPy's .npz: a zip archive of .npy files, named arrays. Source:
// https://numpy.org/doc/stable/reference/generated/numpy.savez.html
#pragma once

#include <span>
#include <string>

#include "runtime/data/safetensors.h"

namespace descent::data {

// As Tensors without metadata. All arrays together hold up to 1 GiB.
Expected<Tensors> read_npz(const std::string& path);
Expected<Tensors> parse_npz(std::span<const std::byte> bytes, const std::string& name);

// Stored, by name; metadata has no place in it. Equal tensors give equal bytes.
Expected<std::vector<std::byte>> format_npz(const Tensors& tensors);
Expected<std::int64_t> write_npz(const std::string& path, const Tensors& tensors);

}  // namespace descent::data
