// What a training leaves on disk: weights.safetensors, checkpoint.safetensors and log.jsonl.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "descent/training.h"

namespace descent {

class RunFolder {
 public:
  // Makes the folder with its parents, empties the log and takes away the checkpoint of an earlier training: that
  // training may write here is known before it starts. One training at a time holds a folder.
  static Result<RunFolder> create(const std::string& path);
  // The same for a training that goes on behind this epoch: the log keeps the lines up to it, which `logged` gives
  // back, and loses what was written after the checkpoint.
  static Result<RunFolder> reopen(const std::string& path, std::int64_t epochs_done);

  // One line: {"epoch", "step", "loss", "losses", "seconds"}, and "metrics" with "on" ("test" or "train") where the
  // epoch was evaluated, "changed" ({"rate": 5e-4}) where a plateau changed arguments of the optimizer, and "watch"
  // where the program is watched: {"first_step", "parameters": {NAME: {"gradient", "largest_gradient", "update",
  // "weight"}}, "activations": [{"name", "units", "dead"}]}.
  Diagnostics log(const EpochReport& report, bool has_test);
  Diagnostics save(const Trainer& trainer) const;
  // The log reaches the disk before the checkpoint does: it never lacks a line of an epoch that the checkpoint counts.
  Diagnostics save_checkpoint(Training& training);

  const std::vector<EpochReport>& logged() const { return logged_; }
  bool has_weights() const;  // before `save` those of an earlier training
  const std::string& path() const { return path_; }
  std::string weights_path() const;
  std::string checkpoint_path() const { return checkpoint_path(path_); }
  static std::string checkpoint_path(const std::string& folder);
  static bool has_checkpoint(const std::string& folder);
  static void remove_checkpoint(const std::string& folder);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  using File = std::unique_ptr<std::FILE, Close>;
  RunFolder(std::string path, File log) : path_(std::move(path)), log_(std::move(log)) {}
  static Result<RunFolder> open(const std::string& path);
  Diagnostics cut_log(std::int64_t epochs_done);

  std::string path_;
  File log_;
  std::vector<EpochReport> logged_;
};

}  // namespace descent
