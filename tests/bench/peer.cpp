// Our side of the comparison: trains a model file through the public door, as a C++ host would.
//
//   descent_peer WORKLOAD [--data DIR] [--model FILE]
//
// DIR/WORKLOAD.safetensors holds the initial weights (LAYER.w, LAYER.b, …) and the batches x and y, their number as
// first axis; FILE is models/WORKLOAD.descent unless given. $THREADS: how many.
#include <cctype>
#include <cstring>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "descent/descent.h"
#include "runtime/data/safetensors.h"
#include "tests/bench/protocol.h"

namespace {

using namespace descent;

[[noreturn]] void fail(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  std::exit(1);
}

template <class T>
T value_of(Result<T> result) {
  if (!result) fail(render(result.errors()));
  return std::move(result).value();
}

void expect_none(const Diagnostics& wrong) {
  if (!wrong.empty()) fail(render(wrong));
}

struct Arguments {
  std::string workload, data = "data", model;
};

Arguments parse(int count, char** words) {
  Arguments arguments;
  for (int i = 1; i < count; ++i) {
    const bool more = i + 1 < count;
    if (std::strcmp(words[i], "--data") == 0 && more) {
      arguments.data = words[++i];
    } else if (std::strcmp(words[i], "--model") == 0 && more) {
      arguments.model = words[++i];
    } else {
      arguments.workload = words[i];
    }
  }
  if (arguments.workload.empty()) fail("usage: descent_peer WORKLOAD [--data DIR] [--model FILE]");
  if (arguments.model.empty()) arguments.model = DESCENT_BENCH_MODELS "/" + arguments.workload + ".descent";
  return arguments;
}

// Where a parameter lies in the file: bindings and turns joined, functions left out, the parameter itself as a letter.
// fc1.linear.weight is fc1.w, s0b0.block.bn1.batch_norm2d.scale is s0b0bn1.g, l.0.qkv.linear.bias is l0qkv.b. Nothing
// for what training fills in, such as running means.
std::optional<std::string> name_in_file(const std::string& parameter) {
  static const std::map<std::string, std::string> letters = {
      {"weight", "w"}, {"table", "w"}, {"bias", "b"}, {"scale", "g"}, {"shift", "b"}, {"enter", "wx"}, {"again", "wh"}};
  std::vector<std::string> parts;
  std::stringstream stream(parameter);
  for (std::string part; std::getline(stream, part, '.');) parts.push_back(part);
  const auto letter = letters.find(parts.back());
  if (letter == letters.end()) return {};
  std::string name;
  for (std::size_t i = 0; i + 1 < parts.size(); i += 2) {
    const bool is_turn = std::isdigit(static_cast<unsigned char>(parts[i + 1].front())) != 0;
    name += is_turn ? parts[i] + parts[i + 1] : parts[i];
  }
  return name + "." + letter->second;
}

// Its values in the model's shape, which may split an axis of the file's.
void set_weights(Trainer& trainer, const data::Tensors& tensors) {
  for (const std::string& name : trainer.parameters()) {
    const std::optional<std::string> theirs = name_in_file(name);
    if (!theirs) continue;
    const auto found = tensors.arrays.find(*theirs);
    if (found == tensors.arrays.end()) fail("no '" + *theirs + "' among the weights, for " + name);
    data::Array value = value_of(trainer.parameter(name));
    if (value.count() != found->second.count()) fail("'" + *theirs + "' has not the size of " + name);
    value.bytes = found->second.bytes;
    expect_none(trainer.set_parameter(name, value));
  }
}

Feed feed_of(std::string_view name, const data::Array& values) {
  if (values.dtype == data::DType::i32) return {name, values.as<std::int32_t>()};
  return {name, values.as<float>()};
}

}  // namespace

int main(int count, char** words) {
  const Arguments arguments = parse(count, words);
  const auto tensors = data::read_safetensors(arguments.data + "/" + arguments.workload + ".safetensors");
  if (!tensors) fail(data::to_string(tensors.error()));
  const data::Array& x = tensors->arrays.at("x");
  const data::Array& y = tensors->arrays.at("y");
  const std::int64_t rows = x.shape[1];
  const Feed feeds[] = {feed_of("x", x), feed_of("y", y)};

  const double begin = bench::now();
  const Program program = value_of(compile_file(arguments.model));
  Trainer trainer = value_of(Trainer::create(program, {.threads = bench::threads()}));
  expect_none(trainer.init(1));
  set_weights(trainer, *tensors);
  bench::serve(arguments.workload, begin,
               [&](std::int64_t n) { return value_of(trainer.steps(n, rows, feeds)).front(); });
}
