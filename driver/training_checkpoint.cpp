// A training's checkpoint: its Trainer's, the position in the data, and of what it is a training.
//
// The last is a list of traits, each a short text: the train block and its settings, the computation of a step, each
// input's data by digest. The training that goes on has the same traits or is another training.
#include <algorithm>
#include <cstring>

#include "driver/checkpoint.h"
#include "driver/training.h"
#include "fmt/format.h"

namespace descent {
namespace {

using Traits = std::map<std::string, std::string>;

constexpr const char* computation = "computation";
constexpr const char* all_epochs = "epochs";

// 64 bits that another content hardly has: FNV's scheme by words of eight bytes, each mixed down.
std::uint64_t digest(std::span<const std::byte> bytes) {
  std::uint64_t hash = 0xcbf29ce484222325 ^ bytes.size();
  for (std::size_t at = 0; at < bytes.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, std::min<std::size_t>(8, bytes.size() - at));
    hash = (hash ^ word) * 0x100000001b3;
    hash ^= hash >> 29;
  }
  return hash;
}

// A Graph's text without the comments, which say where in the model's text a node comes from.
std::string without_comments(const std::string& text) {
  std::string rest;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = std::string_view(text).substr(at, end - at);
    const std::string_view code = line.substr(0, line.find('#'));
    rest += code.substr(0, code.find_last_not_of(' ') + 1);
    rest += '\n';
    at = end + 1;
  }
  return rest;
}

// After all passes the order of every sum is written down: the same text means the same bits, on any machine. Who is
// watched computes what it would without.
std::string computation_of(const Program& program) {
  const Model watched = program.parts().watched ? run_passes(*program.graph()).value() : Model{};
  const Model& model = program.parts().watched ? watched : *program.step();
  std::string text = without_comments(print(*model.entry("step")));
  if (const Graph* accumulate = model.entry("accumulate")) text += without_comments(print(*accumulate));
  return fmt::format("{:016x}", digest(std::as_bytes(std::span(text))));
}

// Of rows that are not in memory as many as tell one set from another, without chance.
std::uint64_t digest(const data::Rows& rows) {
  if (const data::Array* array = rows.resident()) return digest(array->bytes);
  constexpr std::int64_t looked_at = 256;
  std::vector<std::byte> row(static_cast<std::size_t>(rows.row_bytes()));
  std::uint64_t hash = 0;
  for (std::int64_t i = 0; i < std::min(looked_at, rows.count()); ++i) {
    const std::int64_t at = rows.count() <= looked_at ? i : i * (rows.count() / looked_at);
    if (rows.read(at, 1, {}, row.data())) continue;  // who trains on it is told
    hash = hash * 0x9E3779B97F4A7C15 + digest(row);
  }
  return hash;
}

void add_data(Traits& traits, const std::string& what, const Dataset& data) {
  for (const Column& column : data.columns) {
    traits[fmt::format("{} data of '{}'", what, column.input)] =
        fmt::format("{} {:016x}", describe(column.rows->dtype(), column.rows->whole_shape()), digest(*column.rows));
  }
}

Traits traits_of(const Training::Parts& parts) {
  const frontend::TrainBlock& block = parts.block;
  Traits traits;
  traits["model"] = parts.program.name();
  traits["train block"] = block.name;
  traits["batch"] = fmt::format("{}", parts.batch());
  traits[all_epochs] = fmt::format("{}", block.epochs);
  traits["seed"] = fmt::format("{}", block.seed);
  traits["shuffle"] = fmt::format("{}", block.shuffle);
  traits["report"] = fmt::format("{}", block.report);
  if (block.accumulate > 1) traits["accumulate"] = fmt::format("{}", block.accumulate);
  parts.add_monitor_traits(traits);
  traits["weights"] = block.weights.empty() ? "none" : block.weights;
  for (const frontend::Rate& rate : parts.program.parts().compilation->rates) {
    traits[rate.name] = fmt::format("{}", rate.value);
  }
  traits[computation] = computation_of(parts.program);
  add_data(traits, "training", parts.data);
  if (parts.test) add_data(traits, "test", *parts.test);
  return traits;
}

const Traits& known_traits(Training::Parts& parts) {
  if (parts.traits.empty()) parts.traits = traits_of(parts);
  return parts.traits;
}

// The metadata's keys.
std::string key_of(const std::string& trait) { return "of/" + trait; }

// Whether the number of all steps matters to each of them, as it does to a schedule.
bool reads_total_steps(const Program& program) {
  const Graph& step = *program.step()->entry("step");
  return std::any_of(step.nodes.begin(), step.nodes.end(), [&](const Node& node) {
    const std::vector<ValueId> operands = operands_of(node);
    return std::any_of(operands.begin(), operands.end(), [&](ValueId operand) {
      const Input* input = std::get_if<Input>(&step.node_of(operand).op);
      return input && input->name == "steps";
    });
  });
}

// "f32[1437, 64] 0123456789abcdef" → f32[1437, 64]
std::string type_of_data(const std::string& trait) { return trait.substr(0, trait.rfind(' ')); }

// What differs, in words.
std::string difference(const std::string& trait, const std::string& was, const std::string& is) {
  if (trait == computation)
    return "a step computed something else: the model, its optimizer or the library has changed";
  if (trait == all_epochs) {
    return fmt::format("epochs was {}, is {}, and a schedule reads how many steps there will be", was, is);
  }
  if (trait.find(" data of ") == std::string::npos) return fmt::format("{} was {}, is {}", trait, was, is);
  if (type_of_data(was) == type_of_data(is)) return fmt::format("the {} holds other values than it did", trait);
  return fmt::format("the {} was {}, is {}", trait, type_of_data(was), type_of_data(is));
}

// With another name everything else is another too.
bool decides_alone(const std::string& trait) { return trait == "model" || trait == "train block"; }

// What is not as it was, in words.
std::vector<std::string> differences(const Traits& expected, const data::Tensors& tensors) {
  std::vector<std::string> texts;
  for (const auto& [trait, is] : expected) {
    const auto was = tensors.metadata.find(key_of(trait));
    if (was == tensors.metadata.end()) {
      texts.push_back(fmt::format("it knows nothing of '{}'", trait));
    } else if (was->second != is) {
      std::string text = difference(trait, was->second, is);
      if (decides_alone(trait)) return {std::move(text)};
      texts.push_back(std::move(text));
    }
  }
  for (const auto& [key, was] : tensors.metadata) {
    if (key.starts_with("of/") && !expected.contains(key.substr(3))) {
      texts.push_back(fmt::format("there is no {} any more", key.substr(3)));
    }
  }
  return texts;
}

// Whether the file is of this training, as far as names and texts tell; one diagnostic with a note for each difference.
Diagnostics compare(const Traits& expected, const data::Tensors& tensors, const std::string& path) {
  std::vector<std::string> texts = differences(expected, tensors);
  if (texts.empty()) return {};
  Diagnostic mismatch = diagnostic("checkpoint-mismatch", {}, fmt::format("'{}' is of another training", path));
  for (std::string& text : texts) mismatch.notes.push_back({{}, std::move(text)});
  mismatch.notes.push_back({{}, fmt::format("weights = \"{}\" in a train block begins anew with its weights", path)});
  return {std::move(mismatch)};
}

std::vector<WantedTensor> wanted_position(const Training::Parts& parts) {
  const auto losses = static_cast<std::int64_t>(parts.losses().size());
  const std::string type = fmt::format("f64[{}]", losses);
  std::vector<WantedTensor> tensors{{"epoch/done", "i64[]", {}, data::DType::i64},
                                    {"epoch/rows", "i64[]", {}, data::DType::i64},
                                    {"epoch/seconds", "f64[]", {}, data::DType::f64},
                                    {"epoch/losses", type, {losses}, data::DType::f64}};
  if (parts.block.accumulate > 1) tensors.push_back({"epoch/group", type, {losses}, data::DType::f64});
  return tensors;
}

void add_position(data::Tensors& tensors, const Training::Parts& parts) {
  const EpochPart& epoch = parts.epoch;
  const auto sums_of = [&](const RowMean& mean) {
    data::Array sums = data::zeros(data::DType::f64, {static_cast<std::int64_t>(parts.losses().size())});
    std::copy(mean.sums.begin(), mean.sums.end(), sums.as<double>().begin());
    return sums;
  };
  tensors.arrays.emplace("epoch/done", number(parts.epochs_done));
  tensors.arrays.emplace("epoch/rows", number(epoch.losses.rows));
  tensors.arrays.emplace("epoch/seconds", number(epoch.seconds));
  tensors.arrays.emplace("epoch/losses", sums_of(epoch.losses));
  if (parts.block.accumulate > 1) tensors.arrays.emplace("epoch/group", sums_of(epoch.group));
}

// The file has all of wanted_position.
Diagnostics restore_position(Training::Parts& parts, const data::Tensors& tensors, const std::string& path) {
  const Result<std::int64_t> done = whole_number(tensors, "epoch/done", 0, INT32_MAX, path);
  if (!done) return done.errors();
  if (*done > parts.block.epochs) {
    return {diagnostic(
        "checkpoint-mismatch", {},
        fmt::format("'{}' stands behind epoch {}, beyond the {} that are asked for", path, *done, parts.block.epochs))};
  }
  const Result<std::int64_t> rows = whole_number(tensors, "epoch/rows", 0, parts.data.rows - 1, path);
  if (!rows) return rows.errors();
  const std::int64_t batches = *rows / parts.batch(), begun = batches % parts.block.accumulate;
  const std::int64_t steps = *done * parts.steps_per_epoch() + batches / parts.block.accumulate;
  if (*rows % parts.batch() != 0 || steps != parts.trainer.steps_taken()) {
    return {diagnostic("bad-checkpoint", {},
                       fmt::format("'{}': after {} epochs and {} rows expected {} steps, found {}", path, *done, *rows,
                                   steps, parts.trainer.steps_taken()))};
  }
  parts.epochs_done = *done;
  parts.epoch = {};
  parts.epoch.seconds = tensors.arrays.at("epoch/seconds").as<double>()[0];
  parts.epoch.losses.rows = *rows;
  const std::span<const double> sums = tensors.arrays.at("epoch/losses").as<double>();
  if (*rows > 0) parts.epoch.losses.sums.assign(sums.begin(), sums.end());
  if (begun > 0) {
    const std::span<const double> group = tensors.arrays.at("epoch/group").as<double>();
    parts.epoch.group.sums.assign(group.begin(), group.end());
    parts.epoch.group.rows = begun * parts.batch();
  }
  return {};
}

}  // namespace

Diagnostics Training::Parts::go_on(const std::string& checkpoint) {
  Result<data::Tensors> tensors = read_checkpoint(checkpoint);
  if (!tensors) return tensors.errors();
  Traits expected = known_traits(*this);
  const auto take_over = [&](const char* trait) {
    if (const auto was = tensors->metadata.find(key_of(trait)); was != tensors->metadata.end()) {
      expected[trait] = was->second;
    }
  };
  if (!reads_total_steps(program)) take_over(all_epochs);
  std::vector<WantedTensor> wanted = wanted_for(trainer);
  for (WantedTensor& tensor : wanted_position(*this)) wanted.push_back(std::move(tensor));
  for (WantedTensor& tensor : wanted_monitor()) wanted.push_back(std::move(tensor));
  const Diagnostics misfits = check_tensors(wanted, program, checkpoint, *tensors, {});
  if (!misfits.empty()) take_over(computation);  // of other sizes it is another one too, which says less
  Diagnostics wrong = compare(expected, *tensors, checkpoint);
  wrong.insert(wrong.end(), misfits.begin(), misfits.end());
  if (!wrong.empty()) return wrong;
  if (wrong = restore(trainer, *tensors, checkpoint); !wrong.empty()) return wrong;
  trainer.set_total_steps(steps_per_epoch() * block.epochs);
  if (wrong = restore_position(*this, *tensors, checkpoint); !wrong.empty()) return wrong;
  return restore_monitor(*tensors, checkpoint);
}

// What was trained last, also where the best weights have taken its place: more epochs may follow.
Diagnostics Training::save_checkpoint(const std::string& path) {
  const bool has_best = parts_->best.is_at_work;
  if (Diagnostics wrong = has_best ? parts_->exchange_weights() : Diagnostics{}; !wrong.empty()) return wrong;
  Result<data::Tensors> tensors = checkpoint_of(trainer());
  if (!tensors) return tensors.errors();
  add_position(*tensors, *parts_);
  if (Diagnostics wrong = parts_->add_monitor(*tensors); !wrong.empty()) return wrong;
  if (Diagnostics wrong = has_best ? parts_->exchange_weights() : Diagnostics{}; !wrong.empty()) return wrong;
  for (const auto& [trait, value] : known_traits(*parts_)) tensors->metadata[key_of(trait)] = value;
  return write_checkpoint(path, *tensors);
}

}  // namespace descent
