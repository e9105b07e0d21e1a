#include "driver/prediction_text.h"

#include <algorithm>
#include <filesystem>

#include "driver/data_source.h"
#include "driver/program.h"
#include "driver/trainer.h"
#include "fmt/format.h"
#include "runtime/data/tokens.h"

namespace descent {
namespace {

using frontend::DataArgument;
using frontend::DataCall;
using frontend::DataExpression;

const DataExpression* argument_of(const DataCall& call, std::string_view name) {
  for (const DataArgument& argument : call.arguments) {
    if (argument.name == name) return &argument.value.front();
  }
  return nullptr;
}

bool makes_tokens(const DataCall& call) {
  const Reader* reader = find_reader(call.function);
  return reader && !reader->arguments.empty() && reader->arguments[0].kind == ReaderArgument::Kind::source;
}

// The call that makes tokens for `input` of a stream's lines. `feeding`: what an unnamed tensor feeds here.
const DataCall* tokens_call(const DataExpression& expression, const std::string& input, const std::string& feeding) {
  const auto* call = std::get_if<DataCall>(&expression.node);
  if (!call) return nullptr;
  const DataExpression* named = argument_of(*call, "inputs");
  const auto* named_input = named ? std::get_if<frontend::DataInput>(&named->node) : nullptr;
  const std::string fed = named_input ? named_input->name : feeding;
  if (makes_tokens(*call)) {
    const DataExpression* source = argument_of(*call, "");
    if (!source) source = argument_of(*call, "source");
    return fed == input && source && std::holds_alternative<DataCall>(source->node) ? call : nullptr;
  }
  for (const DataArgument& argument : call->arguments) {
    const DataCall* found = tokens_call(argument.value.front(), input, argument.name.empty() ? fed : argument.name);
    if (found) return found;
  }
  return nullptr;
}

const DataCall* tokens_call(const Program& program, const std::string& input) {
  const frontend::TrainBlock* block = program.train();
  if (!block) return nullptr;
  for (const frontend::DataBinding& binding : block->data) {
    const std::string feeding = binding.inputs.empty() ? "" : binding.inputs[0];
    if (const DataCall* found = tokens_call(binding.value, input, feeding)) return found;
  }
  return block->data_and_test ? tokens_call(*block->data_and_test, input, "") : nullptr;
}

// The same call over the lines of another file. What makes a vocabulary is left out where there is one.
DataExpression over_lines_of(const DataCall& call, const std::string& path, bool has_vocabulary) {
  DataCall copy{call.function, {}};
  const DataCall lines{"lines", {DataArgument{"", {DataExpression{frontend::DataText{path}, {}}}}}};
  copy.arguments.push_back({"", {DataExpression{lines, {}}}});
  for (const DataArgument& argument : call.arguments) {
    const bool makes = argument.name == "minimum" || argument.name == "most" || argument.name == "vocabulary";
    if (!argument.name.empty() && argument.name != "source" && !(makes && has_vocabulary))
      copy.arguments.push_back(argument);
  }
  return {std::move(copy), {}};
}

}  // namespace

bool reads_lines(const Program& program, const std::string& input, const Vocabularies& vocabularies) {
  return vocabularies.find(input) || tokens_call(program, input);
}

Result<data::Stream> read_lines_as_trained(const Program& program, const std::string& input, std::int64_t length,
                                           const std::string& path, Vocabularies& vocabularies) {
  if (const DataCall* call = tokens_call(program, input)) {
    const bool has_vocabulary = vocabularies.find(input) != nullptr;
    if (!has_vocabulary && call->function != "bytes" && !argument_of(*call, "vocabulary")) {
      return diagnostic("bad-weights", {},
                        fmt::format("the weights keep no vocabulary of input '{}', which makes its tokens: expected "
                                    "weights that `descent train` wrote",
                                    input));
    }
    const Folders folders = data_folders(program.parts().folder, {});
    const std::string file = std::filesystem::absolute(path).string();
    return read_data(over_lines_of(*call, file, has_vocabulary), {folders, &vocabularies, input});
  }
  auto texts = data::read_lines(path);
  if (!texts) return diagnostic("bad-data", {}, data::to_string(texts.error()));
  const auto lines = std::make_shared<data::Texts>(std::move(*texts));
  const data::LineOptions options{length, false, false};
  return data::stream_of(data::token_rows(lines, vocabularies.find(input), options, false).tokens);
}

Result<NamedTexts> texts_of(const Trainer& trainer, const NamedArrays& outputs, const OutputVocabularies& wanted) {
  Vocabularies vocabularies;
  if (const auto read = vocabularies.read(trainer.parts().notes, "the weights"); !read) {
    return diagnostic("bad-weights", {}, data::to_string(read.error()));
  }
  NamedTexts texts;
  for (const auto& [name, input] : wanted) {
    const auto output =
        std::find_if(outputs.begin(), outputs.end(), [&](const auto& one) { return one.first == name; });
    const data::VocabularyRef vocabulary = vocabularies.find(input);
    if (!vocabulary) {
      return diagnostic("bad-weights", {}, fmt::format("the weights keep no vocabulary of an input '{}'", input));
    }
    const data::Array& tokens = output->second;
    const std::size_t rows = static_cast<std::size_t>(tokens.rows());
    const std::size_t width = rows == 0 ? 0 : static_cast<std::size_t>(tokens.count()) / rows;
    std::string text;
    for (std::size_t row = 0; row < rows; ++row) {
      const auto line = vocabulary->decode(tokens.as<std::int32_t>().subspan(row * width, width));
      if (!line) {
        return diagnostic("bad-data", {},
                          fmt::format("output '{}', row {}: {}", name, row, data::to_string(line.error())));
      }
      text += *line + '\n';
    }
    texts.emplace(name, std::move(text));
  }
  return texts;
}

}  // namespace descent
