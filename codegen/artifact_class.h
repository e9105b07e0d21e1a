// The C++ part of an artifact's header.
#pragma once

#include <string>
#include <vector>

#include "codegen/artifact.h"

namespace descent::codegen {

std::string class_of(const ModelFace& face, const std::vector<Door>& doors);

}  // namespace descent::codegen
