// One entry ready to be called: its pointers, the memory of its outputs, and what is checked at the door.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "descent/descent.h"
#include "driver/program.h"
#include "runtime/abi.h"

namespace descent {

class EntryCall {
 public:
  // `program` and what `fixed` gives live as long as this: the address of an input that the trainer feeds itself
  // (clocks and rates), null for data.
  EntryCall(const Program& program, const EntryPorts& ports, DescentEntry code,
            const std::function<const void*(const Port&)>& fixed);

  // Points the data inputs at the feeds. A feed that this entry does not need is passed over.
  Diagnostics feed(std::int64_t rows, std::span<const Feed> feeds);
  void run(std::int64_t rows, unsigned char* arena, const DescentThreads* threads);

  // Outputs of rank 0 as numbers, in order, those of kind `output` left out; good until the next run.
  std::span<const double> numbers() const { return numbers_; }
  std::vector<data::Array> arrays(std::int64_t rows) const;

 private:
  Diagnostics feed_one(std::size_t input, std::int64_t rows, const Feed& feed);

  const Program* program_;
  const EntryPorts* ports_;
  DescentEntry code_;
  std::vector<const void*> inputs_;
  std::vector<void*> outputs_;
  std::vector<std::vector<std::byte>> staging_;  // per input; empty where the caller's memory serves as it is
  std::vector<std::vector<std::byte>> results_;  // per output
  std::vector<std::size_t> numeric_;             // outputs that `numbers` holds
  std::vector<double> numbers_;
};

}  // namespace descent
