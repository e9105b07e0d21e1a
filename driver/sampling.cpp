// Draws token after token and feeds each back: through `advance`, or through windows of `predict`.
#include "descent/sampling.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include "driver/dataset.h"
#include "driver/program.h"
#include "driver/trainer.h"
#include "driver/vocabularies.h"
#include "fmt/format.h"
#include "passes/advance.h"
#include "runtime/core/philox.h"

namespace descent {
namespace {

using Tokens = std::vector<std::int32_t>;

// -- what the model's tokens are -------------------------------------------------------------------------------------

// The input that tokens enter by and the output that says what comes next.
struct TokenPorts {
  Port input, output;
  std::int64_t places = 0, kinds = 0;
};

std::int64_t kinds_of(const TensorType& type) {
  if (type.dtype == DType::u8) return 256;
  return type.range && type.range->low == 0 ? type.range->high : 0;
}

bool says_what_is_next(const TensorType& input, const TensorType& output) {
  const bool is_of_tokens = input.shape.size() == 2 && input.shape[0].is_batch() && !input.shape[1].is_batch();
  return is_of_tokens && is_float(output.dtype) && kinds_of(input) > 0 &&
         output.shape == Shape{Extent::batch(), input.shape[1], Extent{kinds_of(input)}};
}

Result<TokenPorts> token_ports(const Program& program) {
  std::vector<TokenPorts> found;
  std::vector<std::string> names;
  for (const Port& input : program.inputs("predict")) {
    for (const Port& output : program.outputs("predict")) {
      if (!says_what_is_next(input.type, output.type)) continue;
      found.push_back({input, output, input.type.shape[1].size, kinds_of(input.type)});
      names.push_back(fmt::format("'{}' by '{}'", input.name, output.name));
    }
  }
  if (found.size() == 1) return found[0];
  const std::string what =
      "to sample, expected one input i32[batch, places] in 0 ..< n and an output f32[batch, places, n]";
  if (found.empty()) return diagnostic("not-a-language-model", {}, what + ", found none");
  return diagnostic("not-a-language-model", {}, fmt::format("{}, found {}", what, fmt::join(names, ", ")));
}

// Between texts and tokens: by a vocabulary, or bytes where there is none.
class Alphabet {
 public:
  static Result<Alphabet> of(const Trainer& trainer, const TokenPorts& ports) {
    Vocabularies vocabularies;
    if (const auto read = vocabularies.read(trainer.parts().notes, "the weights"); !read) {
      return diagnostic("bad-weights", {}, data::to_string(read.error()));
    }
    Alphabet alphabet;
    alphabet.vocabulary_ = vocabularies.find(ports.input.name);
    if (!alphabet.vocabulary_ && ports.kinds != 256) {
      return diagnostic("no-vocabulary", {},
                        fmt::format("the weights keep no vocabulary of input '{}': they hold it where descent train "
                                    "read the data by characters(…) or words(…)",
                                    ports.input.name));
    }
    const std::int64_t entries = alphabet.vocabulary_ ? std::ssize(alphabet.vocabulary_->entries()) : 256;
    if (entries > ports.kinds) {
      return diagnostic("no-vocabulary", {},
                        fmt::format("the vocabulary of input '{}' in the weights has {} entries, but it is {}",
                                    ports.input.name, entries, to_string(ports.input.type)));
    }
    alphabet.entries_ = entries;
    return alphabet;
  }

  std::optional<std::int32_t> special(const char* name) const {
    return vocabulary_ ? vocabulary_->find(name) : std::nullopt;
  }
  // Behind <begin>, where there is one.
  Result<Tokens> begin(const std::string& prompt) const {
    Tokens tokens;
    if (const auto begin = special(data::Vocabulary::begin)) tokens.push_back(*begin);
    if (vocabulary_) {
      const auto own = vocabulary_->encode(prompt);
      if (!own) return diagnostic("bad-prompt", {}, fmt::format("--prompt '{}': {}", prompt, own.error().message));
      tokens.insert(tokens.end(), own->begin(), own->end());
    } else {
      for (const char byte : prompt) tokens.push_back(static_cast<unsigned char>(byte));
    }
    if (!tokens.empty()) return tokens;
    return diagnostic("bad-prompt", {},
                      "expected --prompt TEXT to begin with: the vocabulary has no <begin>, and the prompt is empty");
  }
  std::string text_of(const Tokens& tokens) const {
    if (!vocabulary_) return {tokens.begin(), tokens.end()};
    data::Expected<std::string> text = vocabulary_->decode(tokens);
    DESCENT_CHECK(text.ok(), "a token was drawn that the vocabulary does not have");
    return std::move(*text);
  }
  // What may be said: not what stands for nothing.
  bool may_follow(std::int32_t token) const {
    if (token >= entries_) return false;
    const auto is = [&](const char* name) { return special(name) == token; };
    return !is(data::Vocabulary::padding) && !is(data::Vocabulary::unknown) && !is(data::Vocabulary::begin);
  }

 private:
  data::VocabularyRef vocabulary_;
  std::int64_t entries_ = 0;
};

// -- drawing ---------------------------------------------------------------------------------------------------------

// In [0, 1), on the grid of 2^-24.
double uniform(std::int64_t seed, std::int64_t row, std::int64_t place) {
  constexpr std::uint32_t stream = 0x73616d70;  // "samp"
  const auto low = [](std::int64_t value) { return static_cast<std::uint32_t>(value); };
  const runtime::PhiloxWords words =
      runtime::philox(low(seed), stream, {{low(place), low(place >> 32), low(row), low(row >> 32)}});
  return (words.word[0] >> 8) * 0x1p-24;
}

std::int32_t drawn(std::span<const float> scores, const std::vector<std::int32_t>& allowed,
                   const SampleOptions& options, double u) {
  std::vector<std::int32_t> order = allowed;
  const auto score = [&](std::int32_t token) { return scores[static_cast<std::size_t>(token)]; };
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) { return score(a) > score(b); });
  if (options.temperature == 0) return order[0];
  if (options.top > 0) order.resize(std::min(order.size(), static_cast<std::size_t>(options.top)));
  std::vector<double> sums;
  double sum = 0;
  for (const std::int32_t token : order) {
    sum += std::exp((static_cast<double>(score(token)) - static_cast<double>(score(order[0]))) / options.temperature);
    sums.push_back(sum);
  }
  const auto found = std::upper_bound(sums.begin(), sums.end(), u * sum);
  return order[std::min(static_cast<std::size_t>(found - sums.begin()), order.size() - 1)];
}

// -- rows that grow --------------------------------------------------------------------------------------------------

struct Row {
  std::int64_t number = 0;
  Tokens tokens;
  std::size_t prompt = 0;  // tokens that were given
  std::size_t read = 0;    // tokens that the model has seen
  bool ended = false;
};

// Scores for the next token of each row: [rows, kinds].
using Scores = std::vector<float>;

class Sampler {
 public:
  Sampler(Trainer& trainer, const TokenPorts& ports, const Alphabet& alphabet, const SampleOptions& options)
      : trainer_(trainer), ports_(ports), alphabet_(alphabet), options_(options) {
    for (std::int32_t token = 0; token < ports_.kinds; ++token) {
      if (alphabet_.may_follow(token)) allowed_.push_back(token);
    }
    end_ = alphabet_.special(data::Vocabulary::end);
    padding_ = alphabet_.special(data::Vocabulary::padding).value_or(0);
    by_place_ = trainer_.program().has("advance");
  }
  bool by_place() const { return by_place_; }
  bool may_say_anything() const { return !allowed_.empty(); }

  // A batch of them, to their ends. `others`: the values of the model's other inputs.
  Diagnostics run(std::vector<Row>& rows, std::span<const Feed> others) {
    while (std::any_of(rows.begin(), rows.end(), [&](const Row& row) { return goes_on(row); })) {
      Result<Scores> scores = by_place_ ? next_place(rows, others) : next_window(rows, others);
      if (!scores) return scores.errors();
      for (std::size_t r = 0; r < rows.size(); ++r) {
        if (Diagnostics wrong = say(rows[r], std::span(*scores).subspan(r * kinds(), kinds())); !wrong.empty()) {
          return wrong;
        }
      }
    }
    return {};
  }

 private:
  std::size_t kinds() const { return static_cast<std::size_t>(ports_.kinds); }
  bool goes_on(const Row& row) const {
    return !row.ended && static_cast<std::int64_t>(row.tokens.size() - row.prompt) < options_.tokens;
  }

  Diagnostics say(Row& row, std::span<const float> scores) const {
    if (row.read < row.tokens.size() || !goes_on(row)) return {};
    for (const std::int32_t token : allowed_) {
      if (!std::isnan(scores[static_cast<std::size_t>(token)])) continue;
      return {diagnostic("not-a-number", {},
                         fmt::format("output '{}' of row {} is nan for token {} behind {} tokens", ports_.output.name,
                                     row.number, token, row.tokens.size()))};
    }
    const double u = uniform(options_.seed, row.number, static_cast<std::int64_t>(row.tokens.size()));
    const std::int32_t token = drawn(scores, allowed_, options_, u);
    row.ended = token == end_;
    if (!row.ended) row.tokens.push_back(token);
    return {};
  }

  // Every row's next token that the model has not seen; rows that have ended go along.
  Result<Scores> next_place(std::vector<Row>& rows, std::span<const Feed> others) {
    std::vector<std::uint8_t> fresh;
    Tokens tokens;
    for (Row& row : rows) {
      fresh.push_back(row.read == 0);
      tokens.push_back(row.read < row.tokens.size() ? row.tokens[row.read] : padding_);
      row.read = std::min(row.read + 1, row.tokens.size());
    }
    Result<std::vector<data::Array>> outputs = call(tokens, others, [&](std::span<const Feed> feeds) {
      return trainer_.advance(static_cast<std::int64_t>(rows.size()), feeds, fresh);
    });
    if (!outputs) return outputs.errors();
    return scores_at(output_of(*outputs, "advance"), rows.size(), [](std::size_t) { return 0; });
  }

  // Every row's last tokens, as many as there are places; behind fewer stands padding.
  Result<Scores> next_window(std::vector<Row>& rows, std::span<const Feed> others) {
    const auto places = static_cast<std::size_t>(ports_.places);
    Tokens window;
    for (Row& row : rows) {
      const std::size_t shown = std::min(places, row.tokens.size());
      window.insert(window.end(), row.tokens.end() - static_cast<std::ptrdiff_t>(shown), row.tokens.end());
      window.insert(window.end(), places - shown, padding_);
      row.read = row.tokens.size();
    }
    Result<std::vector<data::Array>> outputs = call(window, others, [&](std::span<const Feed> feeds) {
      return trainer_.predict(static_cast<std::int64_t>(rows.size()), feeds);
    });
    if (!outputs) return outputs.errors();
    return scores_at(output_of(*outputs, "predict"), rows.size(),
                     [&](std::size_t r) { return std::min(places, rows[r].tokens.size()) - 1; });
  }

  template <class Entry>
  Result<std::vector<data::Array>> call(const Tokens& tokens, std::span<const Feed> others, const Entry& entry) const {
    std::vector<Feed> feeds(others.begin(), others.end());
    const std::vector<std::uint8_t> bytes(tokens.begin(), tokens.end());
    if (ports_.input.type.dtype == DType::u8) {
      feeds.emplace_back(ports_.input.name, bytes);
    } else {
      feeds.emplace_back(ports_.input.name, tokens);
    }
    return entry(feeds);
  }

  data::Array output_of(std::vector<data::Array>& outputs, std::string_view entry) const {
    const std::vector<Port>& ports = trainer_.program().outputs(entry);
    const auto found = std::find_if(ports.begin(), ports.end(), [&](const Port& port) {
      return port.kind == Port::Kind::output && port.name == ports_.output.name;
    });
    return std::move(outputs[static_cast<std::size_t>(found - ports.begin())]);
  }
  // Of [rows, places, kinds] one place of each row.
  template <class Place>
  Scores scores_at(const data::Array& output, std::size_t rows, const Place& place) const {
    const std::size_t places = static_cast<std::size_t>(output.shape[1]);
    Scores scores;
    for (std::size_t r = 0; r < rows; ++r) {
      const std::size_t begin = (r * places + static_cast<std::size_t>(place(r))) * kinds();
      for (std::size_t k = begin; k < begin + kinds(); ++k) {
        scores.push_back(output.dtype == data::DType::f64 ? static_cast<float>(output.as<double>()[k])
                                                          : output.as<float>()[k]);
      }
    }
    return scores;
  }

  Trainer& trainer_;
  const TokenPorts& ports_;
  const Alphabet& alphabet_;
  const SampleOptions& options_;
  Tokens allowed_;
  std::optional<std::int32_t> end_;
  std::int32_t padding_ = 0;
  bool by_place_ = false;
};

Diagnostics check(const SampleOptions& options) {
  const auto wrong = [](std::string message) {
    return Diagnostics{diagnostic("sample-options", {}, std::move(message))};
  };
  if (options.tokens < 1) return wrong(fmt::format("expected at least 1 token to sample, found {}", options.tokens));
  if (!(options.temperature >= 0) || std::isinf(options.temperature)) {
    return wrong(fmt::format("expected a temperature of 0 or more, found {}", options.temperature));
  }
  if (options.top < 0) return wrong(fmt::format("expected --top 1 or more, found {}", options.top));
  if (options.seed < 0 || options.seed > INT32_MAX) {
    return wrong(fmt::format("a seed is between 0 and {}, found {}", INT32_MAX, options.seed));
  }
  return {};
}

// The other inputs' rows; without other inputs as many rows as prompts.
Result<Dataset> other_rows(const Program& program, const TokenPorts& ports, const NamedArrays& inputs,
                           std::size_t prompts) {
  for (const auto& [name, array] : inputs) {
    if (name != ports.input.name) continue;
    return diagnostic("sample-options", {}, fmt::format("input '{}' is what is sampled: give --prompt", name));
  }
  std::vector<Port> others = program.inputs("predict");
  std::erase_if(others, [&](const Port& port) { return port.name == ports.input.name; });
  Result<Dataset> rows = dataset_of(others, inputs);
  if (!rows) return rows;
  const bool has_rows =
      std::any_of(rows->columns.begin(), rows->columns.end(), [](const Column& c) { return c.by_row; });
  if (!has_rows) rows->rows = static_cast<std::int64_t>(std::max<std::size_t>(1, prompts));
  if (prompts <= 1 || static_cast<std::int64_t>(prompts) == rows->rows) return rows;
  return diagnostic("sample-options", {},
                    fmt::format("expected one prompt, or one for each of {} rows, found {}", rows->rows, prompts));
}

// Where a window is wanted for every token, and why.
std::vector<Note> window_notes(const Program& program, const TokenPorts& ports) {
  const Graph* predict = program.step() ? program.step()->entry("predict") : nullptr;
  const Advance why = predict ? advance_of(*predict) : Advance{{}, "the text does not have the entry 'advance'", {}};
  return {{why.at, fmt::format("every token costs a window of {} places: {}", ports.places, why.why_not)}};
}

}  // namespace

Result<Sampled> sample(Trainer& trainer, const NamedArrays& inputs, const SampleOptions& options) {
  if (Diagnostics wrong = check(options); !wrong.empty()) return wrong;
  const Result<TokenPorts> ports = token_ports(trainer.program());
  if (!ports) return ports.errors();
  const Result<Alphabet> alphabet = Alphabet::of(trainer, *ports);
  if (!alphabet) return alphabet.errors();
  const Result<Dataset> others = other_rows(trainer.program(), *ports, inputs, options.prompts.size());
  if (!others) return others.errors();
  Sampler sampler(trainer, *ports, *alphabet, options);
  if (!sampler.may_say_anything()) return diagnostic("no-vocabulary", {}, "the vocabulary has nothing to say");
  const std::int64_t most = trainer.program().largest_batch();
  Batcher batches(*others, most);
  Sampled sampled;
  for (std::int64_t begin = 0; begin < others->rows; begin += most) {
    std::vector<Row> rows(static_cast<std::size_t>(std::min(most, others->rows - begin)));
    for (std::size_t r = 0; r < rows.size(); ++r) {
      rows[r].number = begin + static_cast<std::int64_t>(r);
      const std::size_t own = options.prompts.size() == 1 ? 0 : static_cast<std::size_t>(rows[r].number);
      Result<Tokens> tokens = alphabet->begin(options.prompts.empty() ? "" : options.prompts[own]);
      if (!tokens) return tokens.errors();
      rows[r].tokens = std::move(*tokens);
      rows[r].prompt = rows[r].tokens.size();
    }
    const Result<std::span<const Feed>> feeds = batches.take(begin, std::ssize(rows));
    if (!feeds) return feeds.errors();
    if (Diagnostics wrong = sampler.run(rows, *feeds); !wrong.empty()) return wrong;
    for (const Row& row : rows) sampled.texts.push_back(alphabet->text_of(row.tokens));
  }
  if (!sampler.by_place()) sampled.notes = window_notes(trainer.program(), *ports);
  return sampled;
}

}  // namespace descent
