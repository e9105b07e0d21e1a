// An artifact's data and functions as C++ (codegen/artifact.h).
#pragma once

#include <string>

#include "codegen/artifact.h"

namespace descent::codegen::cpp {

// What follows the entries, which are functions `entry_NAME` of an anonymous namespace: the rest of that namespace, and
// the functions that the face's header declares.
std::string artifact_data(const ModelFace& face);
std::string artifact_functions(const ModelFace& face);

}  // namespace descent::codegen::cpp
