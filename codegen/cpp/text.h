// How C++ is spelled: names, types, literals, lines.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ir/affine.h"
#include "ir/scalar.h"
#include "ir/type.h"

namespace descent::codegen::cpp {

// "hidden.linear.weight" → "hidden_linear_weight": letters, digits and single underscores, no digit in front.
std::string identifier(std::string_view name);
bool is_identifier(std::string_view name);
// One line of a comment: nothing in it can end it early or join the next line to it.
std::string comment(std::string_view text);
std::string quoted(std::string_view text);  // a string literal

std::string memory_type(DType type);  // of an element in memory: "float"; "uint8_t" for bool
std::string value_type(DType type);   // of a scalar: "bool"
std::string vector_type(DType type, std::int64_t lanes);
std::string literal(double value, DType type);
std::string sum_of(const Affine& form, const std::function<std::string(AxisId)>& name);

// Lines of at most 120 columns, broken where the fewest brackets are open.
class Lines {
 public:
  void add(int depth, const std::string& line);
  void add_as_it_is(const std::string& text) { text_ += text; }
  std::string take() && { return std::move(text_); }

 private:
  std::string text_;
};

// Names in use; a block gives its own back.
class Names {
 public:
  explicit Names(const std::vector<std::string>& taken = {});

  // `wanted`, with a number behind it when it is taken.
  std::string take(const std::string& wanted);
  bool is_free(const std::string& name) const { return taken_.find(name) == taken_.end(); }
  std::size_t mark() const { return order_.size(); }
  void release(std::size_t mark);

 private:
  struct Taken {
    std::string name, wanted;
    int number_before = 0;
  };
  std::set<std::string> taken_;
  std::map<std::string, int> numbers_;  // given last, by what was wanted
  std::vector<Taken> order_;
};

// Words that no name of a program may be: the language's, and those of descent_simd.h.
const std::vector<std::string>& reserved_words();

}  // namespace descent::codegen::cpp
