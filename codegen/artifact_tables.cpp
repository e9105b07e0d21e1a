// A model's data, as runtime/model.h has it, and the layout of a trainer's memory:
//
//   the runtime's own | rates | pointers | sums | … | copies of inputs | outputs | arena
//
// Entries run one after the other, so they share the copies of their inputs by name, and the place of their outputs.
#include <algorithm>
#include <map>

#include "codegen/artifact.h"
#include "codegen/artifact_names.h"
#include "ir/loop_layout.h"
#include "ir/match.h"

namespace descent::codegen {
namespace {

constexpr std::int64_t head_bytes = 512;         // DESCENT_HEAD_BYTES
constexpr std::int64_t most_turns = 64;          // of one call of the entry with turns
constexpr std::int64_t copied_bytes = 32 << 10;  // of its inputs, so that batches that are copied stay near
constexpr std::int64_t alignment = 64;

// By DESCENT_INIT …
constexpr const char* entry_names[] = {"init",   "step",    "steps",   "evaluate",
                                       "report", "predict", "advance", "accumulate"};

// DESCENT_F32 …
int number_of(DType type) {
  switch (type) {
    case DType::f32:
      return 0;
    case DType::f64:
      return 1;
    case DType::i32:
      return 2;
    case DType::u8:
      return 3;
    case DType::boolean:
      return 4;
    case DType::u32:
      break;
  }
  DESCENT_CHECK(false, "a u32 tensor at the door");
}

std::int64_t bytes_of(const ModelPort& port, std::int64_t rows) {
  return count(port.type.shape, rows) * size_of(port.type.dtype);
}

// Where everything lies in a trainer's memory.
struct Layout {
  std::int64_t rates, inputs, outputs, sums, places, motions, order, clock, arena, end;
  std::int64_t turns = 0, blocks = 1;
  std::map<std::string, std::int64_t> copies;                // of inputs, by name
  std::map<std::string, std::vector<std::int64_t>> results;  // of an entry's outputs
};

class LayoutBuilder {
 public:
  explicit LayoutBuilder(const ModelFace& face) : face_(face) {}

  Layout run() && {
    const ModelEntry* steps = face_.entry("steps");
    if (steps) choose_turns(*steps);
    std::size_t most_inputs = 0, most_outputs = 0;
    for (const ModelEntry& entry : face_.entries) {
      most_inputs = std::max(most_inputs, entry.inputs.size());
      most_outputs = std::max(most_outputs, entry.outputs.size());
    }
    layout_.rates = take(8 * std::ssize(face_.rates));
    layout_.inputs = take(8 * static_cast<std::int64_t>(most_inputs));
    layout_.outputs = take(8 * static_cast<std::int64_t>(most_outputs));
    layout_.sums = take(8 * static_cast<std::int64_t>(most_outputs));
    layout_.places = take(8 * std::ssize(face_.states));
    layout_.motions = take(steps ? 16 * (std::ssize(steps->inputs) + std::ssize(steps->outputs)) : 0);
    layout_.order = take(8 * layout_.turns);
    layout_.clock = take(4 * layout_.turns);
    align();
    place_inputs();
    place_outputs();
    align();
    layout_.arena = at_;
    layout_.end = at_ + std::max<std::int64_t>(alignment, face_.arena_bytes);
    return std::move(layout_);
  }

 private:
  std::int64_t take(std::int64_t bytes) {
    const std::int64_t place = at_;
    at_ += (bytes + 7) / 8 * 8;
    return place;
  }
  void align() { at_ = (at_ + alignment - 1) / alignment * alignment; }

  void choose_turns(const ModelEntry& steps) {
    std::int64_t batch_bytes = 1;
    for (const ModelPort& port : steps.inputs) {
      if (port.kind == ModelPort::Kind::data) batch_bytes += bytes_of(port, face_.largest_batch);
    }
    layout_.turns = most_turns;
    layout_.blocks = std::clamp<std::int64_t>(copied_bytes / batch_bytes, 1, most_turns);
  }

  void place_inputs() {
    std::map<std::string, std::int64_t> sizes;
    for (const ModelEntry& entry : face_.entries) {
      const std::int64_t blocks = entry.name == "steps" ? layout_.blocks : 1;
      for (const ModelPort& port : entry.inputs) {
        const bool copied = port.kind == ModelPort::Kind::data || port.kind == ModelPort::Kind::part;
        std::int64_t& size = sizes[port.name];
        if (copied) size = std::max(size, blocks * bytes_of(port, face_.largest_batch));
      }
    }
    for (const auto& [name, size] : sizes) {
      if (size == 0) continue;
      layout_.copies[name] = at_;
      at_ += size;
      align();
    }
  }

  void place_outputs() {
    const std::int64_t begin = at_;
    std::int64_t end = begin;
    for (const ModelEntry& entry : face_.entries) {
      at_ = begin;
      for (const ModelPort& port : entry.outputs) {
        const bool per_turn = entry.name == "steps" && port.kind == ModelPort::Kind::number;
        layout_.results[entry.name].push_back(
            take(bytes_of(port, face_.largest_batch) * (per_turn ? layout_.turns : 1)));
      }
      end = std::max(end, at_);
    }
    at_ = end;
  }

  const ModelFace& face_;
  Layout layout_{};
  std::int64_t at_ = head_bytes;
};

Whole i32(std::int64_t value) { return {value, 4}; }
Whole i64(std::int64_t value) { return {value, 8}; }

// Shapes of all ports and states, each once.
class Shapes {
 public:
  TablePointer add(const Shape& shape) {
    std::vector<std::int64_t> extents;
    for (const Extent& extent : shape) extents.push_back(extent.size);
    const auto found = std::search(all_.begin(), all_.end(), extents.begin(), extents.end());
    const auto at = static_cast<std::size_t>(found - all_.begin());
    if (found == all_.end()) all_.insert(all_.end(), extents.begin(), extents.end());
    return {"shapes", extents.empty() ? 0 : at};
  }
  Table table() const {
    Table table{"shapes", "int64_t", {}};
    for (std::int64_t extent : all_) table.rows.push_back({i64(extent)});
    if (table.rows.empty()) table.rows.push_back({i64(1)});
    return table;
  }

 private:
  std::vector<std::int64_t> all_;
};

class TableBuilder {
 public:
  explicit TableBuilder(const ModelFace& face) : face_(face), layout_(LayoutBuilder(face).run()) {}

  std::vector<Table> run() && {
    for (const char* name : entry_names) add_entry(name);
    add_states();
    Table rates{"rates", "double", {}};
    for (const ModelRate& rate : face_.rates) rates.rows.push_back({rate.value});
    Table saved{"saved", "int32_t", {}};
    for (int state : face_.saved) saved.rows.push_back({i32(state)});
    tables_.push_back(std::move(functions_));
    tables_.push_back(std::move(rates));
    tables_.push_back(std::move(saved));
    add_model();
    tables_.insert(tables_.begin(), shapes_.table());
    std::erase_if(tables_, [](const Table& table) { return table.rows.empty(); });
    return std::move(tables_);
  }

 private:
  // Which of its kind a port is, for the runtime.
  int number_in(const ModelPort& port, const ModelEntry& entry, bool is_input) {
    switch (port.kind) {
      case ModelPort::Kind::clock:
        return port.name == "seed" ? 0 : port.name == "step" ? 1 : 2;
      case ModelPort::Kind::rate:
        return index_of(face_.rates, port.name);
      case ModelPort::Kind::part:
        return index_of(face_.entry("evaluate")->outputs, port.name);
      case ModelPort::Kind::data:
      case ModelPort::Kind::number:
      case ModelPort::Kind::tensor:
        return place_of(port, entry, is_input);
    }
    DESCENT_CHECK(false, "no such kind of port");
  }
  template <class Named>
  static int index_of(const std::vector<Named>& all, const std::string& name) {
    const auto found = std::find_if(all.begin(), all.end(), [&](const Named& one) { return one.name == name; });
    DESCENT_CHECK(found != all.end(), "an artifact's port '" + name + "' has nothing that it stands for");
    return static_cast<int>(found - all.begin());
  }
  // Among the caller's pointers or numbers.
  int place_of(const ModelPort& port, const ModelEntry& entry, bool is_input) const {
    if (is_input) return rank_among(entry.inputs, port, ModelPort::Kind::data);
    if (port.kind == ModelPort::Kind::tensor) {
      return entry.name == "predict" || entry.name == "advance"
                 ? rank_among(entry.outputs, port, ModelPort::Kind::tensor)
                 : -1;
    }
    if (entry.name == "step" || entry.name == "steps" || entry.name == "accumulate") {
      return rank_among(entry.outputs, port, ModelPort::Kind::number);
    }
    const std::vector<std::string> metrics = metrics_of(face_);
    const bool gives = entry.name == "evaluate" || entry.name == "report";
    const auto found = std::find(metrics.begin(), metrics.end(), port.name);
    return gives && found != metrics.end() ? static_cast<int>(found - metrics.begin()) : -1;
  }
  static int rank_among(const std::vector<ModelPort>& ports, const ModelPort& port, ModelPort::Kind kind) {
    int rank = 0;
    for (const ModelPort& one : ports) {
      if (&one == &port) break;
      if (one.kind == kind) ++rank;
    }
    return rank;
  }

  std::vector<Field> row_of(const ModelPort& port, int which, std::int64_t at) {
    const Range range = port.type.range.value_or(Range{});
    return {TextPointer{port.name},
            shapes_.add(port.type.shape),
            i32(std::ssize(port.type.shape)),
            i32(number_of(port.type.dtype)),
            i32(static_cast<int>(port.kind)),
            i32(which),
            i64(at),
            i64(range.low),
            i64(range.high)};
  }

  void add_entry(const std::string& name) {
    const ModelEntry* entry = face_.entry(name);
    if (!entry) {
      functions_.rows.push_back({EntryPointer{}, TablePointer{}, TablePointer{}, i32(0), i32(0)});
      return;
    }
    Table inputs{name + "_inputs", "DescentPort", {}}, outputs{name + "_outputs", "DescentPort", {}};
    for (const ModelPort& port : entry->inputs) {
      const auto copy = layout_.copies.find(port.name);
      inputs.rows.push_back(
          row_of(port, number_in(port, *entry, true), copy == layout_.copies.end() ? 0 : copy->second));
    }
    for (std::size_t i = 0; i < entry->outputs.size(); ++i) {
      const ModelPort& port = entry->outputs[i];
      outputs.rows.push_back(row_of(port, number_in(port, *entry, false), layout_.results.at(name)[i]));
    }
    functions_.rows.push_back({EntryPointer{name}, pointer_to(inputs), pointer_to(outputs),
                               i32(std::ssize(inputs.rows)), i32(std::ssize(outputs.rows))});
    tables_.push_back(std::move(inputs));
    tables_.push_back(std::move(outputs));
  }
  static TablePointer pointer_to(const Table& table) { return {table.rows.empty() ? "" : table.name, 0}; }

  void add_states() {
    states_ = {"states", "DescentState", {}, words_of(face_).prefix + "_states"};
    for (const ModelState& state : face_.states) {
      states_.rows.push_back({TextPointer{state.name}, shapes_.add(state.type.shape), i32(std::ssize(state.type.shape)),
                              i32(number_of(state.type.dtype)), i64(count(state.type.shape, face_.largest_batch)),
                              i64(layout_.arena + state.offset), i64(state.panel), i64(state.is_saved ? 1 : 0)});
    }
    tables_.push_back(states_);
  }

  void add_model() {
    Table model{"model", "DescentModel", {}};
    model.rows.push_back({TextPointer{face_.name},
                          i64(static_cast<std::int64_t>(contract_of(face_))),
                          i64(face_.largest_batch),
                          i64(layout_.end),
                          i64(layout_.arena),
                          i64(layout_.end - layout_.arena),
                          i64(layout_.rates),
                          i64(layout_.inputs),
                          i64(layout_.outputs),
                          i64(layout_.sums),
                          i64(layout_.places),
                          i64(layout_.motions),
                          i64(layout_.order),
                          i64(layout_.clock),
                          i64(layout_.turns),
                          i64(layout_.blocks),
                          TablePointer{"functions", 0},
                          TablePointer{face_.rates.empty() ? "" : "rates", 0},
                          pointer_to(states_),
                          TextPointer{face_.weights_header},
                          TablePointer{face_.saved.empty() ? "" : "saved", 0},
                          i64(std::ssize(face_.weights_header)),
                          i32(std::ssize(face_.rates)),
                          i32(std::ssize(face_.states)),
                          i32(std::ssize(face_.saved)),
                          i32(face_.accumulate)});
    tables_.push_back(std::move(model));
  }

  const ModelFace& face_;
  const Layout layout_;
  Shapes shapes_;
  Table states_;
  Table functions_{"functions", "DescentFunction", {}};
  std::vector<Table> tables_;
};

}  // namespace

const ModelEntry* ModelFace::entry(std::string_view wanted) const {
  const auto found =
      std::find_if(entries.begin(), entries.end(), [&](const ModelEntry& e) { return e.name == wanted; });
  return found == entries.end() ? nullptr : &*found;
}

const ModelEntry* ModelFace::update() const {
  const ModelEntry* step = entry("step");
  return step ? step : entry("steps");
}

std::vector<std::string> metrics_of(const ModelFace& face) {
  std::vector<std::string> names;
  const ModelEntry *evaluate = face.entry("evaluate"), *report = face.entry("report");
  const auto is_part = [&](const std::string& name) {
    return report && std::any_of(report->inputs.begin(), report->inputs.end(), [&](const ModelPort& port) {
             return port.kind == ModelPort::Kind::part && port.name == name;
           });
  };
  const auto add = [&](const ModelEntry& entry) {
    for (const ModelPort& port : entry.outputs) {
      if (port.kind == ModelPort::Kind::number && !is_part(port.name)) names.push_back(port.name);
    }
  };
  if (evaluate) add(*evaluate);
  if (evaluate && report) add(*report);
  return names;
}

std::vector<Table> tables_of(const ModelFace& face) { return TableBuilder(face).run(); }
std::int64_t memory_bytes_of(const ModelFace& face) { return LayoutBuilder(face).run().end; }

}  // namespace descent::codegen
