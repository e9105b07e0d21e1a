// `train --resume` as a process that is killed and interrupted: what remains on disk is always good to go on from, and
// going on leaves what a run that nobody disturbed leaves.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <random>
#include <regex>
#include <thread>

#include "tests/support/command.h"
#include "tests/support/sanitizer.h"

namespace descent::test {
namespace {

using std::chrono::milliseconds;

// Shuffled, with a short last batch, a schedule, two losses and a metric that joins its batches by a formula: all that
// a checkpoint has to carry.
std::string model(int epochs) {
  return "model m() {\n  input x : f32[batch, 2]\n  input y : f32[batch, 1]\n"
         "  hidden = tanh(linear(x, 3))\n  output guess = linear(hidden, 1)\n"
         "  loss error = mean_squared_error(guess, y)\n  loss decay = l2(hidden.linear.weight, 1e-4)\n"
         "  metric root = sqrt(over_epoch(error))\n}\n"
         "train it = m() {\n  batch = 3, epochs = " +
         std::to_string(epochs) +
         ", seed = 4\n  optimizer = adam(rate = cosine(1e-2, warmup = 200))\n"
         "  data { x = csv(\"rows.csv\", columns = \"a, b\"), y = csv(\"rows.csv\", columns = \"xor\") }\n}\n";
}

void write_model(const Folder& folder, int epochs) {
  folder.write("m.descent", model(epochs));
  std::string rows = "a,b,xor\n";
  for (int i = 0; i < 11; ++i) {
    rows += std::to_string(i % 2) + "," + std::to_string(i % 3) + "," + std::to_string((i % 2) ^ (i % 3 > 1)) + "\n";
  }
  folder.write("rows.csv", rows);
}

// `descent` under way, by itself: a signal reaches no shell.
pid_t start(const Folder& folder, std::vector<std::string> words) {
  words.insert(words.begin(), DESCENT_COMMAND);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const std::string place = folder.path(""), out = folder.path("out.txt"), error = folder.path("error.txt");
  const pid_t child = ::fork();
  if (child != 0) return child;
  const int flags = O_WRONLY | O_CREAT | O_TRUNC;
  const bool ready = ::chdir(place.c_str()) == 0 && ::dup2(::open(out.c_str(), flags, 0600), 1) == 1 &&
                     ::dup2(::open(error.c_str(), flags, 0600), 2) == 2;
  if (ready) ::execv(arguments[0], arguments.data());
  ::_exit(127);
}

int status_of(pid_t child) {
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return status;
}

std::string log_without_seconds(const std::string& path) {
  return std::regex_replace(read_text(path), std::regex(", \"seconds\": [0-9.]+"), "");
}

// Waits until the training has logged something, so that it is under way.
bool is_under_way(const Folder& folder) {
  for (int i = 0; i < 3000; ++i) {
    std::error_code error;
    const auto size = std::filesystem::file_size(folder.path("runs/it/log.jsonl"), error);
    if (!error && size > 0) return true;
    std::this_thread::sleep_for(milliseconds(10));
  }
  return false;
}

// Returns when the training has saved itself so many times, or is no more.
void wait_for_saves(pid_t child, const std::string& checkpoint, std::uint32_t saves) {
  const auto written = [&] {  // each save is another file under the name
    struct stat status{};
    return ::stat(checkpoint.c_str(), &status) == 0 ? std::pair(status.st_ino, status.st_mtim.tv_nsec)
                                                    : std::pair<ino_t, long>{};
  };
  for (auto last = written(); saves > 0;) {
    siginfo_t ended{};
    if (::waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid == child)
      return;
    if (const auto now = written(); now != last) {
      last = now;
      --saves;
    } else {
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  }
}

std::size_t files_in(const std::string& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

}  // namespace

TEST_CASE("a run that is killed at random moments and resumed each time is one that never stopped") {
  const Folder folder;
  write_model(folder, 1000);
  REQUIRE(descent_in(folder, "train m.descent --out expected --quiet").code == 0);
  const std::string log = log_without_seconds(folder.path("expected/log.jsonl"));
  const std::string weights = read_text(folder.path("expected/weights.safetensors"));

  std::mt19937 random(1);
  int kills = 0, finished = 0, resumed = 0;
  const int wanted = repetitions(50);
  while (kills < wanted || finished == 0) {
    std::vector<std::string> words{"train", "m.descent", "--quiet", "--checkpoint-every", "97"};
    const std::string checkpoint = folder.path("runs/it/checkpoint.safetensors");
    if (std::filesystem::exists(checkpoint)) {
      words.emplace_back("--resume");
      ++resumed;
    }
    const pid_t child = start(folder, words);
    if (kills < wanted) {
      // Some time after the start, or around a save.
      const std::uint32_t saves = random() % 4;
      wait_for_saves(child, checkpoint, saves);
      std::this_thread::sleep_for(std::chrono::microseconds(random() % (saves == 0 ? 300'000 : 3000)));
      ::kill(child, SIGKILL);
    }
    const int status = status_of(child);
    if (WIFSIGNALED(status)) {
      ++kills;
      continue;
    }
    INFO(read_text(folder.path("error.txt")));
    REQUIRE(WEXITSTATUS(status) == 0);
    ++finished;
    CHECK(log_without_seconds(folder.path("runs/it/log.jsonl")) == log);
    CHECK(read_text(folder.path("runs/it/weights.safetensors")) == weights);
    CHECK(files_in(folder.path("runs/it")) == 3);
    std::filesystem::remove_all(folder.path("runs"));
  }
  CHECK(resumed >= wanted / 5);  // else the kills came before there was anything to go on from
}

TEST_CASE("SIGINT and SIGTERM save, say how to go on, and end the process as they do") {
  const Folder folder;
  write_model(folder, 2'000'000);
  for (const int signal : {SIGINT, SIGTERM}) {
    const pid_t child = start(folder, {"train", "m.descent", "--set", "rate=cosine(1e-2, warmup = 200)"});
    REQUIRE(is_under_way(folder));
    ::kill(child, signal);
    const int status = status_of(child);
    CHECK((WIFSIGNALED(status) && WTERMSIG(status) == signal));
    const std::string error = read_text(folder.path("error.txt"));
    INFO(error);
    std::smatch found;
    REQUIRE(std::regex_match(error, found,
                             std::regex("it: interrupted in epoch (\\d+)/2000000 after step (\\d+); saved in "
                                        "runs/it/checkpoint.safetensors\nto go on: (.*)\n")));
    CHECK(found[3] ==
          std::string(DESCENT_COMMAND) + " train m.descent --set 'rate=cosine(1e-2, warmup = 200)' --resume");
    const std::string log = read_text(folder.path("runs/it/log.jsonl"));
    CHECK(std::count(log.begin(), log.end(), '\n') == std::stoll(found[1]) - 1);
    // Until it has said so, however long a start takes here.
    const std::string command = "cd '" + folder.path("") + "' && { " + found[3].str() +
                                " >out.txt & } && for i in $(seq 600); do grep -q '^goes on' out.txt && break; "
                                "sleep 0.1; done; kill -KILL $!";
    (void)std::system(command.c_str());
    CHECK(contains(read_text(folder.path("out.txt")),
                   "goes on in epoch " + found[1].str() + "/2000000 after step " + found[2].str() + "\n"));
    std::filesystem::remove_all(folder.path("runs"));
  }
}

TEST_CASE("a second signal stops at once, and what was saved is still good") {
  const Folder folder;
  write_model(folder, 2'000'000);
  for (int i = 0; i < 3; ++i) {
    std::vector<std::string> words{"train", "m.descent", "--checkpoint-every", "1"};
    if (i > 0) words.emplace_back("--resume");
    const pid_t child = start(folder, words);
    REQUIRE(is_under_way(folder));
    std::this_thread::sleep_for(milliseconds(20));
    ::kill(child, SIGINT);
    ::kill(child, SIGTERM);
    CHECK(WIFSIGNALED(status_of(child)));
  }
  CHECK(descent_in(folder, "predict m.descent --weights runs/it/checkpoint.safetensors --input x=rows.csv").code == 1);
  folder.write("x.csv", "a,b\n0,1\n");
  CHECK(descent_in(folder, "predict m.descent --weights runs/it/checkpoint.safetensors --input x=x.csv").code == 0);
}

TEST_CASE("a sweep goes on where it was: what is done is not repeated, what was begun goes on, the rest begins") {
  const Folder folder;
  write_model(folder, 30);
  const std::string sweep = "train m.descent --sweep seed=1,2,3 --set rate=0.01 --quiet ";
  const Outcome whole = descent_in(folder, sweep + "--out whole");
  REQUIRE(whole.code == 0);
  REQUIRE(descent_in(folder, sweep + "--out part").code == 0);
  const auto seconds = std::regex("[0-9]+\\.[0-9]{3}(?=(  \\* best)?\n)|\"seconds\": [0-9.]+|whole|part");
  const auto plain = [&](const std::string& text) { return std::regex_replace(text, seconds, ""); };
  // As if the second run had been killed after 20 epochs and the third had not begun.
  std::filesystem::remove_all(folder.path("part/seed=3"));
  std::filesystem::remove_all(folder.path("part/seed=2"));
  std::filesystem::remove(folder.path("part/comparison.jsonl"));
  REQUIRE(descent_in(folder, "train m.descent --set rate=0.01 --seed 2 --epochs 20 --quiet --out part/seed=2").code ==
          0);
  const std::string first = read_text(folder.path("part/seed=1/log.jsonl"));
  const Outcome rest = descent_in(folder, sweep + "--out part --resume");
  INFO(rest.error);
  CHECK(rest.code == 0);
  CHECK(plain(rest.out) == plain(whole.out));
  CHECK(plain(read_text(folder.path("part/comparison.jsonl"))) ==
        plain(read_text(folder.path("whole/comparison.jsonl"))));
  CHECK(read_text(folder.path("part/seed=1/log.jsonl")) == first);
  for (const char* run : {"seed=1", "seed=2", "seed=3"}) {
    INFO(run);
    for (const char* file : {"/weights.safetensors", "/log.jsonl"}) {
      CHECK(log_without_seconds(folder.path(std::string("part/") + run + file)) ==
            log_without_seconds(folder.path(std::string("whole/") + run + file)));
    }
  }
}

TEST_CASE("what is finished says so and gives its weights again; without --resume it begins anew") {
  const Folder folder;
  write_model(folder, 5);
  const Outcome once = descent_in(folder, "train m.descent");
  REQUIRE(once.code == 0);
  const std::string weights = read_text(folder.path("runs/it/weights.safetensors"));
  const std::string log = read_text(folder.path("runs/it/log.jsonl"));
  std::filesystem::remove(folder.path("runs/it/weights.safetensors"));
  const Outcome again = descent_in(folder, "train m.descent --resume");
  CHECK(again.code == 0);
  CHECK(contains(again.out, "finished before: all 5 epochs are done\n"));
  CHECK(once.out.substr(once.out.find("it: data")) == again.out.substr(again.out.find("it: data")));
  CHECK(read_text(folder.path("runs/it/weights.safetensors")) == weights);
  CHECK(read_text(folder.path("runs/it/log.jsonl")) == log);
  const Outcome anew = descent_in(folder, "train m.descent --epochs 2");
  CHECK(anew.code == 0);
  const std::string shorter = read_text(folder.path("runs/it/log.jsonl"));
  CHECK(std::count(shorter.begin(), shorter.end(), '\n') == 2);
}

}  // namespace descent::test
