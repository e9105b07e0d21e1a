// Several runs side by side: what each reached, which is best, as a table and as a file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "descent/training.h"
#include "driver/commands/sweep.h"

namespace descent::command {

// By what runs and epochs are compared: a loss or metric, or the sum of the losses when it has no name. Of the test
// data, without any of the training data.
struct Criterion {
  std::string name;
  bool smallest = true;

  double value(const NamedValues& judged, const Program& program) const;
  bool better(double a, double b) const;           // what is no number is never better
  std::string text(const Program& program) const;  // "smallest nll"
};

// Of `--best NAME`, `min:NAME` or `max:NAME`; empty: the losses. A metric says which end is the good one.
Result<Criterion> parse_criterion(const std::string& text, const Program& program);

struct RunResult {
  std::string block;
  Assignment swept;
  std::string folder;
  std::int64_t epochs = 0, steps = 0;  // done
  NamedValues training, test;          // at the end; `test` is empty without test data
  std::int64_t best_epoch = 0;         // of those that were evaluated; 0: none
  double seconds = 0;                  // of the steps
  std::string diverged;                // what the diagnostic says; empty: it did not
  bool has_earlier_weights = false;    // it diverged, and its folder holds the weights of an earlier training
  bool interrupted = false;            // by a signal, with epochs left

  const NamedValues& judged() const { return test.empty() ? training : test; }
};

class Comparison {
 public:
  Comparison(Program program, Criterion criterion, std::string path)
      : program_(std::move(program)), criterion_(std::move(criterion)), path_(std::move(path)) {}

  // The row as it stands in the table: what diverged has no values.
  const RunResult& add(RunResult result);
  // The whole file anew: after every run, so that what was reached outlives an interruption.
  Diagnostics write() const;
  std::string table() const;
  bool all_diverged() const;
  bool any_diverged() const;
  bool empty() const { return results_.empty(); }

 private:
  struct Layout {
    const RunResult& shape;
    bool block = false, epochs = false, best_epoch = false;  // which columns there are
  };
  Layout layout() const;
  std::vector<std::string> cells(const Layout& layout, const RunResult& run, bool is_best) const;
  std::optional<std::size_t> best() const;
  std::string json_line(const RunResult& result, bool is_best) const;

  Program program_;
  Criterion criterion_;
  std::string path_;
  std::vector<RunResult> results_;
};

}  // namespace descent::command
