// What of a kernel leaves a trace: what it stores to parameters, and what that needs. The rest is not written, for a
// compiler would warn of it.
#pragma once

#include <vector>

#include "ir/loop.h"

namespace descent::codegen::cpp {

class Live {
 public:
  explicit Live(const loop::Kernel& kernel);

  bool temp(loop::TempId id) const { return temps_[static_cast<std::size_t>(id)]; }
  bool array(loop::ArrayId id) const { return arrays_[static_cast<std::size_t>(id)]; }
  // Whether anything below the statement, or it itself, has to be written.
  bool statement(const loop::Statement& statement) const;
  bool block(const loop::Block& block) const;

 private:
  bool mark(const loop::Block& block);
  bool mark(const loop::Statement& statement);

  std::vector<bool> temps_;
  std::vector<bool> arrays_;  // parameters that are used, and locals that are read
};

}  // namespace descent::codegen::cpp
