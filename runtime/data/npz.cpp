// .npz: the archive is zip.cpp's, each file in it npy.cpp's.
#include "runtime/data/npz.h"

#include "runtime/data/npy.h"
#include "runtime/data/zip.h"

namespace descent::data {

namespace {

constexpr std::string_view ending = ".npy";

}  // namespace

Expected<Tensors> parse_npz(std::span<const std::byte> bytes, const std::string& name) {
  auto files = parse_zip(bytes, name);
  if (!files) return files.error();
  Tensors tensors;
  for (ZipFile& file : *files) {
    if (!file.name.ends_with(ending)) {
      return Error{name, {}, "expected an archive of .npy files, found '" + file.name + "' in it"};
    }
    auto array = parse_npy(file.bytes, name + "/" + file.name);
    if (!array) return array.error();
    file.bytes = {};
    tensors.arrays.emplace(file.name.substr(0, file.name.size() - ending.size()), std::move(*array));
  }
  return tensors;
}

Expected<Tensors> read_npz(const std::string& path) {
  const auto bytes = read_file(path);
  if (!bytes) return bytes.error();
  return parse_npz(*bytes, path);
}

Expected<std::vector<std::byte>> format_npz(const Tensors& tensors) {
  std::vector<ZipFile> files;
  for (const auto& [name, array] : tensors.arrays) files.push_back({name + std::string(ending), format_npy(array)});
  return format_zip(files);
}

Expected<std::int64_t> write_npz(const std::string& path, const Tensors& tensors) {
  const auto bytes = format_npz(tensors);
  if (!bytes) return Error{path, {}, bytes.error().message};
  return write_file(path, *bytes);
}

}  // namespace descent::data
