// The functions of an artifact: which there are, what they are called with, and the words that document them.
#include <algorithm>

#include "codegen/artifact.h"
#include "codegen/artifact_names.h"
#include "codegen/library_names.h"
#include "ir/diagnostics.h"

namespace descent::codegen {
namespace {

using Kind = ModelPort::Kind;

class DoorList {
 public:
  explicit DoorList(const ModelFace& face) : face_(face), words_(words_of(face)) {}

  std::vector<Door> run() && {
    life();
    training();
    use();
    rates();
    states();
    weights();
    return std::move(doors_);
  }

 private:
  // `calls`: the runtime's function without its version.
  Door& add(const std::string& result, const std::string& name, const std::string& calls, const std::string& comment) {
    doors_.push_back({names_.take(words_.prefix + "_" + name), result, "descent_1_" + calls, {}, {}, comment});
    return doors_.back();
  }
  static void pass(Door& door, const std::string& type, const std::string& name) {
    door.arguments.push_back(Door::Passed{door.parameters.size()});
    door.parameters.push_back({type, name});
  }
  // On a trainer; with `is_read` it stays as it is.
  Door& add_on_trainer(const std::string& result, const std::string& name, const std::string& calls,
                       const std::string& comment, bool is_read = false) {
    Door& door = add(result, name, calls, comment);
    pass(door, (is_read ? "const " : "") + words_.prefix + "_trainer*", "trainer");
    return door;
  }
  // The ports of one kind as parameters of their own names, passed as one array.
  static void pack(Door& door, const std::vector<ModelPort>& ports, Kind kind, bool is_input) {
    cpp::Names names(taken_words());
    for (const Parameter& parameter : door.parameters) names.take(parameter.name);
    for (const char* later : {"order", "losses", "metrics"}) names.take(later);
    const std::size_t first = door.parameters.size();
    for (const ModelPort& port : ports) {
      if (port.kind != kind) continue;
      const std::string type = std::string(is_input ? "const " : "") + cpp::memory_type(port.type.dtype) + "*";
      door.parameters.push_back({type, names.take(cpp::identifier(port.name))});
    }
    door.arguments.push_back(Door::Pack{first, door.parameters.size()});
  }
  static std::string ports_text(const std::vector<ModelPort>& ports, Kind kind) {
    std::string text;
    for (const ModelPort& port : ports) {
      if (port.kind == kind) text += "\n  " + port.name + " : " + rows_text(port.type);
    }
    return text;
  }

  void life() {
    Door& contract = add("uint64_t", "contract", "contract",
                         "The contract of the code, to compare with " + words_.upper + "_CONTRACT of this header.");
    contract.arguments.push_back(Door::Model{});
    const std::string memory =
        face_.bare ? "It lives in the caller's memory: " : "It lives in memory of the caller's, ";
    const std::string size = words_.upper + "_MEMORY_BYTES bytes, aligned to " + words_.upper + "_MEMORY_ALIGNMENT";
    Door& create = add("" + words_.prefix + "_trainer*", "create", "create",
                       "A trainer, in memory that nothing else touches. " + memory + size +
                           (face_.bare ? "; there is one thread, whatever `threads` says."
                                       : ", or, where `memory` is null, in memory of its own. `threads`: the caller's "
                                         "among them, 0: one per processor. Nothing is allocated from here on.") +
                           "\nNull: there is no such memory, or `contract` is not " + words_.upper +
                           "_CONTRACT of the code: header and code are of two builds.");
    create.arguments.push_back(Door::Model{});
    pass(create, "uint64_t", "contract");
    pass(create, "void*", "memory");
    pass(create, "int32_t", "threads");
    add_on_trainer("void", "destroy", "destroy", "Ends its threads and gives back memory of its own; null: nothing.");
    add_on_trainer("const char*", "error", "error", "What was wrong with the last call that failed.", true);
    Door& init = add_on_trainer("int32_t", "init", "init",
                                "States from their initialisers; the next step is step 1. 0 <= seed < 2^31.");
    pass(init, "int64_t", "seed");
  }

  void training() {
    const ModelEntry* step = face_.update();
    if (!step) return;
    const std::string losses = words_.prefix + "_losses*";
    const bool takes_short_ones = face_.entry("step") != nullptr;
    const std::string rows = takes_short_ones ? "1 to " : "";
    const std::string last = takes_short_ones ? "the last one as short as it comes" : "all of them whole";
    Door& one = add_on_trainer("int32_t", "step", "step",
                               "One update on " + rows + words_.upper +
                                   "_LARGEST_BATCH rows, and their losses (null: not wanted). Arrays are row-major." +
                                   ports_text(step->inputs, Kind::data));
    pass(one, "int64_t", "rows");
    pack(one, step->inputs, Kind::data, true);
    pass(one, losses, "losses");
    if (const ModelEntry* part = face_.entry("accumulate")) {
      Door& door =
          add_on_trainer("int32_t", "accumulate", "accumulate",
                         "Of a step that takes several batches one before the last, 1 to " + words_.upper +
                             "_LARGEST_BATCH rows: adds to the gradient that the next call of " + words_.prefix +
                             "_step takes the mean of, over all their rows. Parameters stay as they are." +
                             ports_text(part->inputs, Kind::data));
      pass(door, "int64_t", "rows");
      pack(door, part->inputs, Kind::data, true);
      pass(door, losses, "losses");
    }
    const std::string grouped =
        face_.accumulate > 1 ? ", " + words_.upper + "_ACCUMULATE batches to a step, fewer at the end of an epoch" : "";
    Door& many = add_on_trainer("int32_t", "train", "train",
                                "Epochs over all rows of a set in memory, batch by batch, " + last + grouped +
                                    ". With `order`, "
                                    "room "
                                    "for as many numbers as there are rows, each epoch has an order of its own by the "
                                    "seed, as in `descent train`; "
                                    "null: as they lie. The losses are the means of the last epoch. Unless " +
                                    words_.prefix +
                                    "_set_total_steps said so, the first call says how many steps there will be.");
    pass(many, "int64_t", "epochs");
    pass(many, "int64_t", "rows");
    pack(many, step->inputs, Kind::data, true);
    pass(many, "uint32_t*", "order");
    pass(many, losses, "losses");
    Door& total = add_on_trainer("void", "set_total_steps", "set_total_steps",
                                 "How many steps there will be, for rates that follow a schedule.");
    pass(total, "int64_t", "steps");
    add_on_trainer("int64_t", "steps_taken", "steps_taken", "Since init.", true);
  }

  void use() {
    if (const ModelEntry* evaluate = face_.entry("evaluate")) {
      Door& door =
          add_on_trainer("int32_t", "evaluate", "evaluate",
                         "Losses and metrics over any number of rows, joined over batches as metrics declare." +
                             ports_text(evaluate->inputs, Kind::data));
      pass(door, "int64_t", "rows");
      pack(door, evaluate->inputs, Kind::data, true);
      pass(door, words_.prefix + "_metrics*", "metrics");
    }
    if (const ModelEntry* predict = face_.entry("predict")) {
      give_outputs(*predict, "The outputs for any number of rows; null: not wanted.");
    }
    if (const ModelEntry* advance = face_.entry("advance")) {
      give_outputs(
          *advance,
          "The next place of sequences, one per row. Where `fresh` is 1 a sequence begins; elsewhere it goes on "
          "from what the row's last place left, each next_… to be given in place of the input of that name: "
          "both may be the same memory. Bit for bit what predict gives for that place.");
    }
  }
  // A function of the entry's name.
  void give_outputs(const ModelEntry& entry, const std::string& comment) {
    Door& door =
        add_on_trainer("int32_t", entry.name, entry.name,
                       comment + ports_text(entry.inputs, Kind::data) + ports_text(entry.outputs, Kind::tensor));
    pass(door, "int64_t", "rows");
    pack(door, entry.inputs, Kind::data, true);
    pack(door, entry.outputs, Kind::tensor, false);
  }

  void rates() {
    for (std::size_t i = 0; i < face_.rates.size(); ++i) {
      const ModelRate& rate = face_.rates[i];
      const std::string name = cpp::identifier(rate.name);
      const std::string value = cpp::literal(rate.value, DType::f64);
      Door& set =
          add_on_trainer("void", "set_" + name, "set_rate",
                         "'" + rate.name + "' of the optimizer, " + value + " at first, from the next step on.");
      pass(set, "double", "value");
      set.arguments.push_back(Door::Constant{static_cast<int>(i)});
      Door& get = add_on_trainer("double", "get_" + name, "rate", "", true);
      get.arguments.push_back(Door::Constant{static_cast<int>(i)});
    }
  }

  void states() {
    Door& read = add_on_trainer("int32_t", "read", "read",
                                "All values of the state " + words_.upper +
                                    "_… of that number (they stand above), row-major, from the trainer.");
    pass(read, "int32_t", "state");
    pass(read, "void*", "values");
    Door& write = add_on_trainer("int32_t", "write", "write", "The same to the trainer.");
    pass(write, "int32_t", "state");
    pass(write, "const void*", "values");
  }

  void weights() {
    Door& pack = add_on_trainer("int32_t", "pack", "pack",
                                "Parameters and statistics as safetensors, " + words_.upper +
                                    "_WEIGHTS_BYTES bytes, to memory and from it. What is read may come from "
                                    "elsewhere; it is taken whole or not at all.");
    pass(pack, "void*", "bytes");
    Door& unpack = add_on_trainer("int32_t", "unpack", "unpack", "");
    pass(unpack, "const void*", "bytes");
    pass(unpack, "int64_t", "size");
    if (face_.bare) return;
    Door& save =
        add_on_trainer("int32_t", "save", "save", "The same to a file and from it; it is written whole or not at all.");
    pass(save, "const char*", "path");
    Door& load = add_on_trainer("int32_t", "load", "load", "");
    pass(load, "const char*", "path");
  }

  const ModelFace& face_;
  const Words words_;
  cpp::Names names_;
  std::vector<Door> doors_;
};

}  // namespace

std::vector<std::string> taken_words() {
  std::vector<std::string> words = cpp::reserved_words();
  for (const char* word : {"restrict",         "std",           "size_t",       "uint64_t",    "uint32_t",
                           "and_eq",           "or_eq",         "xor_eq",       "not_eq",      "char8_t",
                           "char16_t",         "char32_t",      "const_cast",   "static_cast", "dynamic_cast",
                           "reinterpret_cast", "static_assert", "thread_local", "typename",    "co_await",
                           "co_return",        "co_yield",      "trainer",      "rows",        "epochs"}) {
    words.emplace_back(word);
  }
  return words;
}

std::string upper_case(std::string text) {
  for (char& c : text) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return text;
}

Words words_of(const ModelFace& face) {
  const std::string name = cpp::identifier(face.name), prefix = name + (is_library_family(name) ? "_model" : "");
  Words words{prefix, upper_case(prefix), ""};
  const std::vector<std::string> taken = taken_words();
  const bool is_taken =
      std::find(taken.begin(), taken.end(), words.prefix) != taken.end() || is_library_name(words.prefix);
  words.scope = words.prefix + (is_taken ? "_" : "");
  return words;
}

std::string rows_text(const TensorType& type) {
  std::string text = to_string(TensorType{type.dtype, type.shape, {}});
  for (std::size_t at = text.find("batch"); at != std::string::npos; at = text.find("batch", at + 1)) {
    text.replace(at, 5, "rows");
  }
  if (!type.range) return text;
  return text + ", " + std::to_string(type.range->low) + " <= each < " + std::to_string(type.range->high);
}

std::vector<Door> doors_of(const ModelFace& face) { return DoorList(face).run(); }

}  // namespace descent::codegen
