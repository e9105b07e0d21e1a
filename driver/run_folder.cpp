// The folder that a training writes: claimed before the first step, written whole or not at all.
#include "descent/run_folder.h"

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "driver/json.h"
#include "driver/program.h"
#include "fmt/format.h"

namespace descent {
Result<RunFolder> RunFolder::create(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  fs::create_directories(path, error);
  if (error) {
    return diagnostic("unwritable-folder", {}, fmt::format("cannot make the folder '{}': {}", path, error.message()));
  }
  const std::string log_path = (fs::path(path) / "log.jsonl").string();
  std::unique_ptr<std::FILE, Close> log(std::fopen(log_path.c_str(), "we"));
  if (log) return RunFolder(path, std::move(log));
  return diagnostic("unwritable-folder", {}, fmt::format("cannot write '{}': {}", log_path, std::strerror(errno)));
}

Diagnostics RunFolder::log(const EpochReport& report, bool has_test) {
  double total = 0;
  for (const auto& [name, value] : report.losses) total += value;
  std::string line = fmt::format("{{\"epoch\": {}, \"step\": {}, \"loss\": {}, \"losses\": {}", report.epoch,
                                 report.step, json::number(total), json::object(report.losses));
  if (!report.evaluation.empty()) {
    line +=
        fmt::format(", \"metrics\": {}, \"on\": \"{}\"", json::object(report.evaluation), has_test ? "test" : "train");
  }
  line += fmt::format(", \"seconds\": {:.6f}}}\n", report.seconds);
  const bool written = std::fwrite(line.data(), 1, line.size(), log_.get()) == line.size();
  // What a person is told, the file holds.
  if (written && (report.evaluation.empty() || std::fflush(log_.get()) == 0)) return {};
  return {
      diagnostic("unwritable-file", {}, fmt::format("cannot write '{}/log.jsonl': {}", path_, std::strerror(errno)))};
}

std::string RunFolder::weights_path() const { return (std::filesystem::path(path_) / "weights.safetensors").string(); }

bool RunFolder::has_weights() const {
  std::error_code error;
  return std::filesystem::exists(weights_path(), error);
}

Diagnostics RunFolder::save(const Trainer& trainer) const { return trainer.save(weights_path()); }

}  // namespace descent
