// The folder that a training writes: claimed before the first step, its files written whole or not at all, the log
// line by line.
#include "descent/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "driver/json.h"
#include "driver/program.h"
#include "fmt/format.h"
#include "runtime/data/file.h"

namespace descent {
namespace {

namespace fs = std::filesystem;

std::string log_path(const std::string& folder) { return (fs::path(folder) / "log.jsonl").string(); }

Diagnostic cannot_write(const std::string& path, const std::string& why) {
  return diagnostic("unwritable-file", {}, fmt::format("cannot write '{}': {}", path, why));
}

// -- lines of the log ------------------------------------------------------------------------------------------------

std::string watch_of(const WatchReport& watch) {
  std::string parameters, activations;
  for (const ParameterWatch& one : watch.parameters) {
    parameters += fmt::format("{}{}: {}", parameters.empty() ? "" : ", ", json::text(one.name),
                              json::object({{"gradient", one.gradient},
                                            {"largest_gradient", one.largest_gradient},
                                            {"update", one.update},
                                            {"weight", one.weight}}));
  }
  for (const ActivationWatch& one : watch.activations) {
    activations += fmt::format("{}{{\"name\": {}, \"units\": {}, \"dead\": {}}}", activations.empty() ? "" : ", ",
                               json::text(one.name), one.units, one.dead);
  }
  return fmt::format("{{\"first_step\": {}, \"parameters\": {{{}}}, \"activations\": [{}]}}", watch.first_step,
                     parameters, activations);
}

std::string line_of(const EpochReport& report, bool has_test) {
  double total = 0;
  for (const auto& [name, value] : report.losses) total += value;
  std::string line = fmt::format("{{\"epoch\": {}, \"step\": {}, \"loss\": {}, \"losses\": {}", report.epoch,
                                 report.step, json::number(total), json::object(report.losses));
  if (!report.evaluation.empty()) {
    line +=
        fmt::format(", \"metrics\": {}, \"on\": \"{}\"", json::object(report.evaluation), has_test ? "test" : "train");
  }
  if (!report.changed.empty()) line += fmt::format(", \"changed\": {}", json::object(report.changed));
  if (report.watch && !report.evaluation.empty()) line += ", \"watch\": " + watch_of(*report.watch);
  return line + fmt::format(", \"seconds\": {:.6f}}}\n", report.seconds);
}

using Json = nlohmann::ordered_json;

// Of {"name": number or null, …}; what is no number was none when it was written.
NamedValues values_in(const Json& line, const char* key) {
  NamedValues values;
  const auto found = line.find(key);
  if (found == line.end() || !found->is_object()) return values;
  for (const auto& [name, value] : found->items()) {
    values.emplace_back(name, value.is_number() ? value.get<double>() : NAN);
  }
  return values;
}

// Nothing when it is not the line of this epoch.
std::optional<EpochReport> report_of(std::string_view text, std::int64_t epoch) {
  // No line is nested deeper than its objects of values.
  const auto shallow = [](int depth, Json::parse_event_t, Json&) { return depth < 3; };
  const Json line = Json::parse(text.begin(), text.end(), shallow, false);
  if (!line.is_object() || line.value("epoch", Json()) != Json(epoch)) return std::nullopt;
  const auto number = [&](const char* key) {
    const auto found = line.find(key);
    return found != line.end() && found->is_number() ? found->get<double>() : 0;
  };
  EpochReport report;
  report.epoch = epoch;
  report.step = static_cast<std::int64_t>(std::clamp(number("step"), 0.0, 2147483647.0));
  report.losses = values_in(line, "losses");
  report.evaluation = values_in(line, "metrics");
  report.seconds = number("seconds");
  return report;
}

}  // namespace

std::string RunFolder::checkpoint_path(const std::string& folder) {
  return (fs::path(folder) / "checkpoint.safetensors").string();
}

bool RunFolder::has_checkpoint(const std::string& folder) {
  std::error_code error;
  return fs::exists(checkpoint_path(folder), error);
}

void RunFolder::remove_checkpoint(const std::string& folder) {
  std::error_code error;
  fs::remove(checkpoint_path(folder), error);
}

Result<RunFolder> RunFolder::open(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) {
    return diagnostic("unwritable-folder", {}, fmt::format("cannot make the folder '{}': {}", path, error.message()));
  }
  const std::string name = log_path(path);
  File log(std::fopen(name.c_str(), "ae"));
  if (!log) {
    return diagnostic("unwritable-folder", {}, fmt::format("cannot write '{}': {}", name, std::strerror(errno)));
  }
  // Gone with the process, however it ends. Where a file system has no locks, nobody is kept out.
  if (::flock(::fileno(log.get()), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    return diagnostic("folder-in-use", {}, fmt::format("another training is writing into '{}'", path),
                      {{{}, "--out gives this one a folder of its own"}});
  }
  data::remove_unfinished(checkpoint_path(path));
  data::remove_unfinished((fs::path(path) / "weights.safetensors").string());
  return RunFolder(path, std::move(log));
}

Result<RunFolder> RunFolder::create(const std::string& path) {
  Result<RunFolder> folder = open(path);
  if (!folder) return folder;
  // In this order: a checkpoint without its log could not be gone on from.
  remove_checkpoint(path);
  if (::ftruncate(::fileno(folder->log_.get()), 0) != 0) return cannot_write(log_path(path), std::strerror(errno));
  return folder;
}

Result<RunFolder> RunFolder::reopen(const std::string& path, std::int64_t epochs_done) {
  Result<RunFolder> folder = open(path);
  if (!folder) return folder;
  if (Diagnostics wrong = folder->cut_log(epochs_done); !wrong.empty()) return wrong;
  return folder;
}

Diagnostics RunFolder::cut_log(std::int64_t epochs_done) {
  const std::string name = log_path(path_);
  const data::Expected<data::Bytes> bytes = data::read_file(name);
  if (!bytes) return {diagnostic("bad-log", {}, data::to_string(bytes.error()))};
  const std::string_view text = data::text_of(*bytes);
  std::size_t at = 0;
  for (std::int64_t epoch = 1; epoch <= epochs_done; ++epoch) {
    const std::size_t end = text.find('\n', at);
    std::optional<EpochReport> report;
    if (end != std::string_view::npos) report = report_of(text.substr(at, end - at), epoch);
    if (!report) {
      return {diagnostic(
          "bad-log", {},
          fmt::format("'{}' is not the log that the checkpoint goes with: line {} is not that of epoch {}, and {} {} "
                      "done",
                      name, epoch, epoch, epochs_done, epochs_done == 1 ? "epoch is" : "epochs are"))};
    }
    logged_.push_back(std::move(*report));
    at = end + 1;
  }
  if (::ftruncate(::fileno(log_.get()), static_cast<off_t>(at)) == 0) return {};
  return {cannot_write(name, std::strerror(errno))};
}

Diagnostics RunFolder::log(const EpochReport& report, bool has_test) {
  const std::string line = line_of(report, has_test);
  const bool written = std::fwrite(line.data(), 1, line.size(), log_.get()) == line.size();
  // What a person is told, the file holds.
  if (written && (report.evaluation.empty() || std::fflush(log_.get()) == 0)) return {};
  return {cannot_write(log_path(path_), std::strerror(errno))};
}

Diagnostics RunFolder::save_checkpoint(Training& training) {
  if (std::fflush(log_.get()) != 0 || ::fsync(::fileno(log_.get())) != 0) {
    return {cannot_write(log_path(path_), std::strerror(errno))};
  }
  return training.save_checkpoint(checkpoint_path());
}

std::string RunFolder::weights_path() const { return (fs::path(path_) / "weights.safetensors").string(); }

bool RunFolder::has_weights() const {
  std::error_code error;
  return fs::exists(weights_path(), error);
}

Diagnostics RunFolder::save(const Trainer& trainer) const { return trainer.save(weights_path()); }

}  // namespace descent
