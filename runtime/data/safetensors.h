// safetensors: named arrays in one file. Eight bytes of header length, a JSON header, the elements. F16 and BF16 are
// widened to f32, which holds them all.
// Source: https://huggingface.co/docs/safetensors
#pragma once

#include <map>
#include <span>
#include <string>

#include "runtime/data/array.h"

namespace descent::data {

struct Tensors {
  std::map<std::string, Array> arrays;
  std::map<std::string, std::string> metadata;
  bool operator==(const Tensors&) const = default;
};

// What can be trained can be saved and read again: an arena has at most 16 GiB.
inline constexpr std::int64_t largest_tensors = std::int64_t{1} << 35;

Expected<Tensors> read_safetensors(const std::string& path);
Expected<Tensors> parse_safetensors(std::span<const std::byte> bytes, const std::string& name);

// Equal tensors give equal bytes: the widest elements first, then by name. Written whole or not at all.
Expected<std::vector<std::byte>> format_safetensors(const Tensors& tensors);
Expected<std::int64_t> write_safetensors(const std::string& path, const Tensors& tensors);

}  // namespace descent::data
