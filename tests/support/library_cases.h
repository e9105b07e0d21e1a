// Calls of the standard library that are held to PyTorch's values and gradients, to finite differences, and down the
// whole road to machine code. tests/fixtures/layers_torch.py has the same list; numbers are drawn by the same rule.
#pragma once

#include <string>
#include <vector>

#include "frontend/frontend.h"
#include "tests/support/graph_run.h"

namespace descent::test {

struct LibraryCase {
  std::string name;                 // in the fixture
  std::vector<std::string> inputs;  // "x : f32[batch, 3]"
  std::string expression;           // of the inputs, and of what the lines above it define
  std::vector<std::string> above = {};
};
const std::vector<LibraryCase>& library_cases();

// A model whose `predict` gives the expression's value, the sum of value · cotangent as `weighted`, and the gradients
// of that by the f32 inputs and by the parameters, in this order; `step` trains by the same sum.
struct LibraryModel {
  std::string text;
  Model model;                         // as the front end made it
  std::vector<std::string> gradients;  // d_NAME by output
  Values inputs, parameters;           // two rows
};
LibraryModel library_model(const LibraryCase& one);

}  // namespace descent::test
