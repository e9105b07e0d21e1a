// Which names of a kernel a block mentions.
#pragma once

#include <set>

#include "ir/loop.h"

namespace descent::codegen {

struct Uses {
  std::set<loop::ArrayId> arrays;
  std::set<loop::VariableId> variables;
  std::set<loop::TempId> temps;  // read or defined
};
Uses uses_of(const loop::Block& block);

}  // namespace descent::codegen
