// Walks over a kernel's statements, shared by printer, verifier and back ends.
#pragma once

#include <functional>

#include "ir/loop.h"

namespace descent::loop {

// The statement, or every statement, those of inner blocks behind the one that holds them.
void for_each_statement(const Statement& statement, const std::function<void(const Statement&)>& visit);
void for_each_statement(const Block& block, const std::function<void(const Statement&)>& visit);

// Every temp that the statement itself uses (not its inner statements), in order of evaluation, with repetitions: the
// subscripts' `through`, then a guard or a value.
void for_each_use(const Statement& statement, const std::function<void(TempId)>& visit);

}  // namespace descent::loop
