// What a training leaves on disk: weights.safetensors and log.jsonl.
#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include "descent/training.h"

namespace descent {

class RunFolder {
 public:
  // Makes the folder with its parents and empties the log: that training may write here is known before it starts.
  static Result<RunFolder> create(const std::string& path);

  // One line: {"epoch", "step", "loss", "losses", "seconds"}, and "metrics" with "on" ("test" or "train") where the
  // epoch was evaluated.
  Diagnostics log(const EpochReport& report, bool has_test);
  Diagnostics save(const Trainer& trainer) const;
  bool has_weights() const;  // before `save` those of an earlier training
  const std::string& path() const { return path_; }
  std::string weights_path() const;

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  RunFolder(std::string path, std::unique_ptr<std::FILE, Close> log) : path_(std::move(path)), log_(std::move(log)) {}
  std::string path_;
  std::unique_ptr<std::FILE, Close> log_;
};

}  // namespace descent
