// What the names in an artifact's header are made of.
#pragma once

#include <string>
#include <vector>

#include "codegen/artifact.h"
#include "codegen/cpp/text.h"

namespace descent::codegen {

struct Words {
  std::string prefix;  // of C's functions: xor; timer_model, because timer_create is one of C's library
  std::string upper;   // of constants: XOR
  std::string scope;   // C++'s namespace: xor_, because `xor` is a word of C++, as time_ for ::time
};
Words words_of(const ModelFace& face);
std::string upper_case(std::string text);

// Words that no parameter or field may be.
std::vector<std::string> taken_words();

// runtime/door.h, of which every header has a copy.
std::string door_text();

// "f32[rows, 784]", "i32[rows], 0 <= each < 10"
std::string rows_text(const TensorType& type);

}  // namespace descent::codegen
