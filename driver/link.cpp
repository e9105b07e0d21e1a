// In a folder of its own under the system's for temporary files, which goes away with it.
#include "driver/link.h"

#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <sstream>

#include "driver/program.h"
#include "fmt/format.h"
#include "runtime/data/file.h"

namespace descent {
namespace {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::error_code error;
    std::string name = (std::filesystem::temp_directory_path(error) / "descent-link-XXXXXX").string();
    if (::mkdtemp(name.data())) path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code error;
    if (!path_.empty()) std::filesystem::remove_all(path_, error);
  }
  bool exists() const { return !path_.empty(); }
  std::string path(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

// Runs a command; whether it ended with 0. What it prints goes where this process prints its mistakes.
bool run(const std::vector<std::string>& words) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
  pid_t process = 0;
  const bool started = posix_spawnp(&process, arguments[0], &actions, nullptr, arguments.data(), environ) == 0;
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  return started && waitpid(process, &status, 0) == process && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

Result<std::string> link_shared(const std::vector<codegen::ArchiveMember>& members, const std::string& linker) {
  const TemporaryFolder folder;
  if (!folder.exists()) return diagnostic("linker-failed", {}, "there is no folder for temporary files");
  std::vector<std::string> command;
  std::istringstream words(linker);
  for (std::string word; words >> word;) command.push_back(word);
  if (command.empty()) command.emplace_back("cc");
  const std::string made = folder.path("artifact.so");
  for (const char* word :
       {"-shared", "-nostartfiles", "-Wl,--gc-sections", "-Wl,--exclude-libs,ALL", "-pthread", "-o"}) {
    command.emplace_back(word);
  }
  command.push_back(made);
  for (std::size_t i = 0; i < members.size(); ++i) {
    const std::string path = folder.path(fmt::format("{}.o", i));
    auto written = data::write_file(path, data::bytes_of_text(members[i].bytes));
    if (!written) return diagnostic("linker-failed", {}, data::to_string(written.error()));
    command.push_back(path);
  }
  if (!run(command)) {
    return diagnostic("linker-failed", {}, fmt::format("the linker '{}' makes no shared library of it", command[0]),
                      {{{}, "--linker names another, such as aarch64-linux-gnu-gcc"}});
  }
  auto bytes = data::read_file(made);
  if (!bytes) return diagnostic("linker-failed", {}, data::to_string(bytes.error()));
  return std::string(data::text_of(*bytes));
}

}  // namespace descent
