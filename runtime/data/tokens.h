// Text as rows of tokens: lines padded to one length, with how long they are, or one long sequence to cut windows from.
#pragma once

#include "runtime/data/rows.h"
#include "runtime/data/vocabulary.h"

namespace descent::data {

// How a line becomes a row. The line's tokens, between <begin> and <end> where the vocabulary has them; what is longer
// is cut, what is shorter filled with <padding>.
struct LineOptions {
  std::int64_t length = 0;
  bool begin = false, end = false;
};
// The parts that a line has: its tokens; the same from the second on, which is what a language model is to say; how
// many of those are no padding; and 1 for each of these, 0 for padding. With `shifted` the last two count the second.
struct LineParts {
  RowsRef tokens;   // i32[length]
  RowsRef shifted;  // i32[length]
  RowsRef lengths;  // i32[]
  RowsRef mask;     // bool[length]
};
// `vocabulary` null: bytes, 0 for padding.
LineParts token_rows(TextsRef texts, VocabularyRef vocabulary, const LineOptions& options, bool is_shifted);

// A whole text as one sequence, a token a row: u8[] for bytes, i32[] else.
Expected<RowsRef> token_sequence(const Texts& text, const VocabularyRef& vocabulary);

}  // namespace descent::data
