// Reads the data of a block, checks that its inputs agree, and picks the rows of a batch.
#include "driver/dataset.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

#include "driver/program.h"
#include "fmt/format.h"

namespace descent {
namespace {

bool is_by_row(const TensorType& type) { return !type.shape.empty() && type.shape[0].is_batch(); }

// The inputs that data feeds, over all entries that see data.
std::map<std::string, TensorType> data_inputs(const Program& program) {
  std::map<std::string, TensorType> inputs;
  for (const std::string_view entry : {"step", "evaluate"}) {
    for (const Port& port : program.inputs(entry)) {
      if (port.kind == Port::Kind::data) inputs.emplace(port.name, port.type);
    }
  }
  return inputs;
}

Diagnostics check_layout(const std::map<std::string, TensorType>& inputs, const Span& at) {
  Diagnostics wrong;
  for (const auto& [name, type] : inputs) {
    for (std::size_t d = 1; d < type.shape.size(); ++d) {
      if (!type.shape[d].is_batch()) continue;
      wrong.push_back(diagnostic(
          "batch-axis", at,
          fmt::format("data feeds inputs whose first axis is batch, found '{}' : {}", name, to_string(type))));
      break;
    }
  }
  return wrong;
}

// All columns that come row by row have equally many.
Diagnostics count_rows(Dataset& dataset, const Span& block) {
  const Column* first = nullptr;
  for (const Column& column : dataset.columns) {
    if (!column.by_row) continue;
    if (!first) first = &column;
    if (column.values.rows() == first->values.rows()) continue;
    std::vector<Note> notes;
    if (first->at.source) notes.push_back({first->at, fmt::format("'{}' is read here", first->input)});
    return {diagnostic("row-mismatch", column.at,
                       fmt::format("input '{}' has {} rows but '{}' has {}", column.input, column.values.rows(),
                                   first->input, first->values.rows()),
                       std::move(notes))};
  }
  dataset.rows = first ? first->values.rows() : 1;
  if (dataset.rows > 0) return {};
  return {diagnostic("no-rows", first ? first->at : block, "expected at least one row, found none")};
}

class Loader {
 public:
  Loader(const Program& program, const Folders& folders) : inputs_(data_inputs(program)), folders_(folders) {}

  Result<Dataset> load(const std::vector<frontend::DataBinding>& bindings, const Span& block) {
    wrong_ = check_layout(inputs_, block);
    for (const frontend::DataBinding& binding : bindings) load(binding);
    if (!wrong_.empty()) return wrong_;
    for (const auto& [name, type] : inputs_) {
      const bool bound = std::any_of(dataset_.columns.begin(), dataset_.columns.end(),
                                     [&, &wanted = name](const Column& column) { return column.input == wanted; });
      if (!bound) {
        wrong_.push_back(
            diagnostic("missing-data", block, fmt::format("input '{}' : {} has no data", name, to_string(type))));
      }
    }
    fail(count_rows(dataset_, block));
    if (!wrong_.empty()) return wrong_;
    return std::move(dataset_);
  }

 private:
  void fail(const Diagnostics& diagnostics) { wrong_.insert(wrong_.end(), diagnostics.begin(), diagnostics.end()); }

  void load(const frontend::DataBinding& binding) {
    if (binding.inputs.size() != 1) {
      fail({diagnostic("not-data", binding.value.at,
                       fmt::format("a reader feeds one input, found {} names for it: write `input = reader(…)`",
                                   binding.inputs.size()))});
      return;
    }
    const auto input = inputs_.find(binding.inputs[0]);
    if (input == inputs_.end()) {
      std::vector<std::string> names;
      for (const auto& [name, type] : inputs_) names.push_back(name);
      fail({diagnostic("unknown-input", binding.value.at,
                       fmt::format("'{}' is no input that losses or metrics depend on", binding.inputs[0]),
                       did_you_mean(binding.inputs[0], names))});
      return;
    }
    Result<data::Array> array = read_data(binding.value, folders_);
    if (!array) return fail(array.errors());
    Result<data::Array> fitted = fit_to_input(std::move(*array), input->first, input->second, binding.value.at);
    if (!fitted) return fail(fitted.errors());
    dataset_.columns.push_back({input->first, std::move(*fitted), is_by_row(input->second), binding.value.at});
  }

  std::map<std::string, TensorType> inputs_;
  const Folders& folders_;
  Dataset dataset_;
  Diagnostics wrong_;
};

Feed::Values view(const data::Array& array, const std::byte* bytes, std::size_t elements) {
  switch (array.dtype) {
    case data::DType::f32:
      return std::span(reinterpret_cast<const float*>(bytes), elements);
    case data::DType::f64:
      return std::span(reinterpret_cast<const double*>(bytes), elements);
    case data::DType::i32:
      return std::span(reinterpret_cast<const std::int32_t*>(bytes), elements);
    case data::DType::u8:
    case data::DType::boolean:
      return std::span(reinterpret_cast<const std::uint8_t*>(bytes), elements);
    case data::DType::i64:
      break;
  }
  DESCENT_CHECK(false, "a 64-bit integer input");
}

}  // namespace

Result<Dataset> load_dataset(const Program& program, const std::vector<frontend::DataBinding>& bindings,
                             const Folders& folders) {
  return Loader(program, folders).load(bindings, program.train() ? program.train()->at : Span{});
}

Result<Dataset> dataset_of(const std::vector<Port>& ports,
                           const std::vector<std::pair<std::string, data::Array>>& arrays) {
  Dataset dataset;
  for (const Port& port : ports) {
    if (port.kind != Port::Kind::data) continue;
    const auto found =
        std::find_if(arrays.begin(), arrays.end(), [&](const auto& array) { return array.first == port.name; });
    if (found == arrays.end()) {
      return diagnostic("missing-input", {},
                        fmt::format("input '{}' : {} is not given", port.name, to_string(port.type)));
    }
    dataset.columns.push_back({port.name, found->second, is_by_row(port.type), {}});
  }
  if (Diagnostics wrong = count_rows(dataset, {}); !wrong.empty()) return wrong;
  return dataset;
}

namespace {

// Its place; nothing when all are finite.
template <class Float>
std::optional<std::size_t> first_not_finite(std::span<const Float> values) {
  const auto found = std::find_if(values.begin(), values.end(), [](Float value) { return !std::isfinite(value); });
  if (found == values.end()) return std::nullopt;
  return static_cast<std::size_t>(found - values.begin());
}

}  // namespace

std::optional<Note> not_finite_in(const Dataset& dataset) {
  for (const Column& column : dataset.columns) {
    const bool is_single = column.values.dtype == data::DType::f32;
    if (!is_single && column.values.dtype != data::DType::f64) continue;
    const auto place =
        is_single ? first_not_finite(column.values.as<float>()) : first_not_finite(column.values.as<double>());
    if (!place) continue;
    const double value = is_single ? column.values.as<float>()[*place] : column.values.as<double>()[*place];
    const auto per_row = static_cast<std::size_t>(
        column.by_row ? column.values.count() / std::max<std::int64_t>(1, column.values.rows()) : 1);
    return Note{column.at, fmt::format("{} {} of input '{}' holds {}", column.by_row ? "row" : "element",
                                       *place / std::max<std::size_t>(1, per_row), column.input,
                                       std::isnan(value) ? "nan" : fmt::format("{}", value))};
  }
  return std::nullopt;
}

std::int64_t row_bytes(const Dataset& dataset) {
  std::int64_t bytes = 0;
  for (const Column& column : dataset.columns) bytes += column.by_row ? column.values.row_bytes() : 0;
  return bytes;
}

Batcher::Batcher(const Dataset& dataset, std::int64_t most) : dataset_(&dataset) {
  const std::int64_t rows = std::min(most, dataset.rows);
  for (const Column& column : dataset.columns) {
    memory_.emplace_back(column.by_row ? static_cast<std::size_t>(rows * column.values.row_bytes()) : 0);
    feeds_.emplace_back(
        column.input, view(column.values, column.values.bytes.data(), static_cast<std::size_t>(column.values.count())));
  }
}

std::span<const Feed> Batcher::take(std::span<const std::int64_t> rows) {
  for (std::size_t c = 0; c < memory_.size(); ++c) {
    const data::Array& values = dataset_->columns[c].values;
    if (!dataset_->columns[c].by_row) continue;
    const auto bytes = static_cast<std::size_t>(values.row_bytes());
    std::byte* to = memory_[c].data();
    for (const std::int64_t row : rows) {
      std::memcpy(to, values.bytes.data() + static_cast<std::size_t>(row) * bytes, bytes);
      to += bytes;
    }
  }
  show(static_cast<std::int64_t>(rows.size()));
  return feeds_;
}

std::span<const Feed> Batcher::take(std::int64_t begin, std::int64_t count) {
  for (std::size_t c = 0; c < memory_.size(); ++c) {
    const data::Array& values = dataset_->columns[c].values;
    if (!dataset_->columns[c].by_row) continue;
    const auto bytes = static_cast<std::size_t>(values.row_bytes());
    std::memcpy(memory_[c].data(), values.bytes.data() + static_cast<std::size_t>(begin) * bytes,
                bytes * static_cast<std::size_t>(count));
  }
  show(count);
  return feeds_;
}

void Batcher::show(std::int64_t rows) {
  for (std::size_t c = 0; c < memory_.size(); ++c) {
    const Column& column = dataset_->columns[c];
    if (!column.by_row) continue;
    const auto elements = static_cast<std::size_t>(rows * (column.values.count() / column.values.rows()));
    feeds_[c].values = view(column.values, memory_[c].data(), elements);
  }
}

}  // namespace descent
