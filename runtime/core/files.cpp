// Weights in a file: written under another name beside it and renamed, so that the path holds the old bytes or the new.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/core/trainer.h"

namespace descent::runtime {
namespace {

bool write_to_file(void* file, const void* from, int64_t bytes) {
  return fwrite(from, 1, static_cast<size_t>(bytes), static_cast<FILE*>(file)) == static_cast<size_t>(bytes);
}

// Seeks only where it must: most reads follow each other.
bool read_from_file(void* handle, int64_t offset, void* to, int64_t bytes) {
  FILE* file = static_cast<FILE*>(handle);
  if (ftell(file) != offset && fseek(file, offset, SEEK_SET) != 0) return false;
  return fread(to, 1, static_cast<size_t>(bytes), file) == static_cast<size_t>(bytes);
}

int32_t fail(DescentTrainer& trainer, const char* what, const char* path) {
  trainer.complain() << "cannot " << what << " '" << path << "'";
  return DESCENT_BAD_FILE;
}

}  // namespace
}  // namespace descent::runtime

using namespace descent::runtime;

extern "C" {

int32_t descent_1_save(DescentTrainer* trainer, const char* path) {
  char beside[4096];
  const size_t length = path == nullptr ? sizeof beside : strlen(path);
  if (length + 5 > sizeof beside) {
    trainer->complain() << "expected a path of at most " << static_cast<int64_t>(sizeof beside) - 5 << " bytes";
    return DESCENT_BAD_CALL;
  }
  memcpy(beside, path, length);
  memcpy(beside + length, ".new", 5);
  FILE* file = fopen(beside, "wb");
  if (file == nullptr) return fail(*trainer, "write", beside);
  bool good = write_weights(*trainer, {file, write_to_file});
  good = fflush(file) == 0 && good;
  good = fsync(fileno(file)) == 0 && good;
  good = fclose(file) == 0 && good;
  if (good && rename(beside, path) == 0) return DESCENT_DONE;
  remove(beside);
  return fail(*trainer, "write", path);
}

int32_t descent_1_load(DescentTrainer* trainer, const char* path) {
  FILE* file = path == nullptr ? nullptr : fopen(path, "rb");
  if (file == nullptr) return fail(*trainer, "read", path == nullptr ? "" : path);
  const long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
  const int32_t status = read_weights(*trainer, {file, size, read_from_file});
  fclose(file);
  return status;
}

}  // extern "C"
