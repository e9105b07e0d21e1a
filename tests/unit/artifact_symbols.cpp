// What stands behind an artifact, and how large it is, read from the files themselves.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <set>
#include <sstream>

#include "tests/support/command.h"
#include "tests/support/shell.h"

namespace descent::test {
namespace {

std::set<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  std::set<std::string> words;
  for (std::string word; stream >> word;) words.insert(word);
  return words;
}

// Symbols that a file wants from elsewhere: of an archive, those that none of its members has.
std::set<std::string> wanted_symbols(const Folder& folder, const std::string& file) {
  const std::string flags = file.ends_with(".so") ? "-D " : "";
  std::set<std::string> wanted =
      words_of(output_of(folder, "nm " + flags + "-u --format=posix --without-symbol-versions " + file +
                                     " 2> none.txt | sed -n 's/ [Uw].*//p'"));
  for (const std::string& had :
       words_of(output_of(folder, "nm " + flags + "--defined-only --format=posix " + file + " | cut -d' ' -f1"))) {
    wanted.erase(had);
  }
  wanted.erase("_GLOBAL_OFFSET_TABLE_");
  return wanted;
}

// The sections of code and constants of a file in bytes; of what the linker moves before it is constant.
struct Size {
  long constant = 0, moved = 0;
};
Size size_of(const Folder& folder, const std::string& file) {
  Size size;
  std::istringstream sections(output_of(folder, "size -A " + file));
  for (std::string line; std::getline(sections, line);) {
    std::istringstream words(line);
    std::string name;
    long bytes = 0;
    if (!(words >> name >> bytes)) continue;
    if (name.starts_with(".text") || name.starts_with(".rodata")) size.constant += bytes;
    if (name.starts_with(".data")) size.moved += bytes;
  }
  return size;
}

const std::set<std::string> of_libc_and_threads = {"memcpy",
                                                   "memset",
                                                   "strlen",
                                                   "free",
                                                   "posix_memalign",
                                                   "fopen",
                                                   "fclose",
                                                   "fread",
                                                   "fwrite",
                                                   "fflush",
                                                   "fseek",
                                                   "ftell",
                                                   "fileno",
                                                   "fsync",
                                                   "rename",
                                                   "remove",
                                                   "sysconf",
                                                   "sched_getaffinity",
                                                   "__sched_cpucount",
                                                   "pthread_create",
                                                   "pthread_join",
                                                   "pthread_cond_destroy",
                                                   "pthread_cond_init",
                                                   "pthread_cond_signal",
                                                   "pthread_cond_wait",
                                                   "pthread_mutex_destroy",
                                                   "pthread_mutex_init",
                                                   "pthread_mutex_lock",
                                                   "pthread_mutex_unlock"};

void check_within(const std::set<std::string>& symbols, const std::set<std::string>& allowed) {
  for (const std::string& symbol : symbols) {
    INFO(symbol);
    CHECK(allowed.contains(symbol));
  }
}

void build_in(const Folder& folder, const std::string& example, const std::string& words) {
  const Outcome built = descent_in(folder, "build '" + example_folder + example + ".descent' " + words);
  INFO(built.error);
  REQUIRE(built.code == 0);
}

}  // namespace

TEST_CASE("behind an artifact there is libc with threads, behind a bare one memcpy and memset") {
  const Folder folder;
  REQUIRE(descent_in(folder, "runtime -o libdescent_runtime.a").code == 0);
  REQUIRE(descent_in(folder, "runtime -o libdescent_runtime_bare.a --bare").code == 0);
  check_within(wanted_symbols(folder, "libdescent_runtime.a"), of_libc_and_threads);
  check_within(wanted_symbols(folder, "libdescent_runtime_bare.a"), {"memcpy", "memset"});
  for (const std::string example : {"01_xor", "03_digits", "05_fashion_mlp"}) {
    INFO(example);
    build_in(folder, example, "-o model.o --cpu x86-64-v3 --target x86_64-linux-gnu");
    for (const std::string& symbol : wanted_symbols(folder, "model.o")) {
      INFO(symbol);
      CHECK((symbol.starts_with("descent_1_") || symbol == "memcpy" || symbol == "memset"));
    }
    build_in(folder, example, "-o libmodel.a");
    check_within(wanted_symbols(folder, "libmodel.a"), of_libc_and_threads);
    build_in(folder, example, "-o libbare.a --bare");
    check_within(wanted_symbols(folder, "libbare.a"), {"memcpy", "memset"});
    build_in(folder, example, "-o libmodel.so");
    check_within(wanted_symbols(folder, "libmodel.so"), of_libc_and_threads);
    for (const std::string& symbol :
         words_of(output_of(folder, "nm -D --defined-only --format=posix libmodel.so | cut -d' ' -f1"))) {
      INFO(symbol);
      CHECK(symbol.find("descent") == std::string::npos);
    }
  }
}

TEST_CASE("artifacts take kilobytes") {
  const Folder folder;
  const std::string machine = " --target x86_64-linux-gnu --cpu x86-64-v3";
  const auto built = [&](const std::string& file, const std::string& example, const std::string& further) {
    build_in(folder, example, "-o " + file + machine + further);
    const Size size = size_of(folder, file);
    std::printf("%s: %ld bytes of code and constants, %ld of pointers\n", file.c_str(), size.constant, size.moved);
    return size.constant;
  };
  REQUIRE(descent_in(folder, "runtime -o libdescent_runtime.a").code == 0);
  const std::int64_t all = built("xor.o", "01_xor", "");
  CHECK(all > 2000);
  CHECK(all <= 8 << 10);
  CHECK(built("fashion.o", "05_fashion_mlp", "") <= 64 << 10);
  const Size runtime = size_of(folder, "libdescent_runtime.a");
  std::printf("libdescent_runtime.a: %ld\n", runtime.constant + runtime.moved);
  CHECK(runtime.constant + runtime.moved <= 32 << 10);
}

TEST_CASE("only the entries that are asked for are there") {
  const Folder folder;
  build_in(folder, "01_xor", "-o all.o");
  build_in(folder, "01_xor", "-o some.o --entries init,predict");
  CHECK(size_of(folder, "some.o").constant * 2 < size_of(folder, "all.o").constant);
  CHECK(contains(read_text(folder.path("all.h")), "xor_train("));
  CHECK(!contains(read_text(folder.path("some.h")), "xor_train("));
  CHECK(contains(read_text(folder.path("some.h")), "xor_predict("));
  // A step that takes several batches has the function for those before the last.
  build_in(folder, "../tests/artifact/micro", "-o micro.o --entries init,step");
  CHECK(contains(read_text(folder.path("micro.h")), "micro_accumulate("));
}

}  // namespace descent::test
