// The shape of a fuzz target: one file defines `run`, which does with an input what a user's file would go through and
// holds the properties by DESCENT_CHECK. libFuzzer calls it (fuzzer.cpp), and so does an ordinary test (replay.cpp).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "ir/diagnostics.h"
#include "runtime/data/array.h"
#include "runtime/data/file.h"

namespace descent::fuzz {

void run(std::string_view input);

inline SourceRef source_of(std::string_view text) {
  return std::make_shared<const Source>(Source{"input", std::string(text)});
}

// A refusal says something, and saying it works: places lie in the text, names are spelled.
inline void check_refusal(const Diagnostics& errors) {
  DESCENT_CHECK(!errors.empty(), "a text is refused without a diagnostic");
  DESCENT_CHECK(!render(errors).empty(), "a diagnostic without a text");
}
inline void check_refusal(const data::Error& error) {
  DESCENT_CHECK(!error.message.empty(), "a file is refused without a reason");
}

// The bytes of an array are those of its shape.
inline void check_array(const data::Array& array) {
  const auto bytes = data::bytes_of(array.dtype, array.shape, data::largest_file);
  DESCENT_CHECK(bytes == static_cast<std::int64_t>(array.bytes.size()), "an array whose bytes do not fit its shape");
}

// What was read, when it is written and read again.
template <class T>
void check_read_back(const T& first, const data::Expected<T>& second) {
  DESCENT_CHECK(second.ok(), "what was written cannot be read: " + to_string(second.error()));
  DESCENT_CHECK(*second == first, "writing and reading changed the data");
}

// A reader takes all of a file and nothing but it: a byte less or more is no such file.
template <class Parse>
void check_whole(std::string_view input, const Parse& parse) {
  std::string text(input);
  text.push_back('\0');
  DESCENT_CHECK(!parse(data::bytes_of_text(text)).ok(), "a byte behind the file is overlooked");
  text.resize(input.size() - 1);
  text.shrink_to_fit();
  DESCENT_CHECK(!parse(data::bytes_of_text(text)).ok(), "a file without its last byte is accepted");
}

}  // namespace descent::fuzz
