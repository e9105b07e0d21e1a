// Linked with a compiled program for another processor: does the calls that a file asks for and writes what they
// leave. Usage: program REQUEST ANSWER, in the format of cross_run.cpp.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "runtime/core/float_mode.h"
#include "runtime/core/threads.h"

extern const DescentEntry cross_entries[];

namespace {

using Block = std::vector<unsigned char>;

struct File {
  std::FILE* handle;

  File(const char* path, const char* mode) : handle(std::fopen(path, mode)) { check(handle != nullptr); }
  ~File() { std::fclose(handle); }
  static void check(bool good) {
    if (good) return;
    std::perror("cross harness");
    std::exit(1);
  }
  void read(void* to, std::size_t size) { check(size == 0 || std::fread(to, size, 1, handle) == 1); }
  void write(const void* from, std::size_t size) { check(size == 0 || std::fwrite(from, size, 1, handle) == 1); }
  std::uint64_t number() {
    std::uint64_t value;
    read(&value, sizeof value);
    return value;
  }
  std::vector<Block> blocks() {
    std::vector<Block> result(number());
    for (Block& block : result) {
      block.resize(number());
      read(block.data(), block.size());
    }
    return result;
  }
};

void call(File& request, unsigned char* arena, File& outputs_file) {
  const DescentEntry entry = cross_entries[request.number()];
  const auto batch = static_cast<std::int64_t>(request.number());
  const int threads = static_cast<int>(request.number());
  std::vector<Block> inputs = request.blocks();
  std::vector<Block> outputs = request.blocks();
  std::vector<const void*> in;
  std::vector<void*> out;
  for (Block& block : inputs) in.push_back(block.data());
  for (Block& block : outputs) out.push_back(block.data());
  descent::runtime::ThreadPool* pool = threads > 0 ? descent::runtime::create_threads({threads, true}) : nullptr;
  DescentThreads view{};
  if (pool != nullptr) view = descent::runtime::threads_of(pool);
  const DescentCall call{arena, in.data(), out.data(), batch, pool == nullptr ? nullptr : &view, nullptr};
  descent_run(entry, &call);
  descent::runtime::destroy_threads(pool);
  for (const Block& block : outputs) outputs_file.write(block.data(), block.size());
}

}  // namespace

int main(int, char** arguments) {
  File request(arguments[1], "rb");
  File answer(arguments[2], "wb");
  const std::uint64_t size = request.number();
  auto* arena = static_cast<unsigned char*>(std::aligned_alloc(64, (size + 127) / 64 * 64));
  File::check(arena != nullptr);
  request.read(arena, size);
  // The arena stands in front of the outputs but is known last.
  answer.write(arena, size);
  const std::uint64_t calls = request.number();
  for (std::uint64_t i = 0; i < calls; ++i) call(request, arena, answer);
  std::rewind(answer.handle);
  answer.write(arena, size);
  std::free(arena);
}
