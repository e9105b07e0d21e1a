// Text from a language model: token after token, each drawn by what the model says about the next one.
//
//   auto sampled = descent::sample(*trainer, {}, {.tokens = 400, .prompts = {"ROMEO:"}, .temperature = 0.8, .seed =
//   3}); std::cout << sampled->texts[0];
//
// The model has an input of tokens, [batch, places], and an output of as many numbers for each place as there are
// tokens: how likely each is to come next, as what `cross_entropy` is given. Where the program has the entry `advance`
// a token costs one place; otherwise all places of a window, whose last ones are the newest tokens.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "descent/prediction.h"

namespace descent {

struct SampleOptions {
  std::int64_t tokens = 0;                // at most so many behind each prompt; <end> ends a row before
  std::vector<std::string> prompts = {};  // one per row, or one for all; none: every row begins with <begin>
  double temperature = 1;                 // numbers are divided by it; 0: the likeliest token, always
  std::int64_t top = 0;                   // only so many of the likeliest; 0: all
  std::int64_t seed = 1;  // from 0 to 2^31 - 1; the draw of a token depends on it, the row and the place alone
};
struct Sampled {
  std::vector<std::string> texts;  // per row: the prompt and what follows
  std::vector<Note> notes;         // why each token cost a window, if it did
};
// `inputs`: rows for the model's other inputs, if it has any; each is a text of its own then. The tokens are those of
// the vocabulary that the weights keep, or bytes.
Result<Sampled> sample(Trainer& trainer, const NamedArrays& inputs, const SampleOptions& options);

}  // namespace descent
