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
    if (column.rows->count() == first->rows->count()) continue;
    std::vector<Note> notes;
    if (first->at.source) notes.push_back({first->at, fmt::format("'{}' is read here", first->input)});
    return {diagnostic("row-mismatch", column.at,
                       fmt::format("input '{}' has {} rows but '{}' has {}", column.input, column.rows->count(),
                                   first->input, first->rows->count()),
                       std::move(notes))};
  }
  dataset.rows = first ? first->rows->count() : 1;
  if (dataset.rows > 0) return {};
  return {diagnostic("no-rows", first ? first->at : block, "expected at least one row, found none")};
}

// Reads one block, `data` or `test`.
class Loader {
 public:
  Loader(const std::map<std::string, TensorType>& inputs, const Folders& folders, Vocabularies& vocabularies)
      : inputs_(inputs), context_{folders, &vocabularies} {}

  Result<Dataset> load(const std::vector<frontend::DataBinding>& bindings, const Span& block) {
    for (const frontend::DataBinding& binding : bindings) load(binding);
    return finish(block);
  }
  Result<Dataset> load(data::Stream stream, const Span& at, const Span& block) {
    add(std::move(stream), "", at);
    return finish(block);
  }

 private:
  void fail(const Diagnostics& diagnostics) { wrong_.insert(wrong_.end(), diagnostics.begin(), diagnostics.end()); }

  Result<Dataset> finish(const Span& block) {
    if (!wrong_.empty()) return wrong_;
    for (const auto& [name, type] : inputs_) {
      if (is_bound(name)) continue;
      wrong_.push_back(
          diagnostic("missing-data", block, fmt::format("input '{}' : {} has no data", name, to_string(type))));
    }
    fail(count_rows(dataset_, block));
    if (!wrong_.empty()) return wrong_;
    return std::move(dataset_);
  }

  bool is_bound(const std::string& input) const {
    return std::any_of(dataset_.columns.begin(), dataset_.columns.end(),
                       [&](const Column& column) { return column.input == input; });
  }

  void load(const frontend::DataBinding& binding) {
    if (binding.inputs.size() > 1) {
      fail({diagnostic("not-data", binding.value.at,
                       fmt::format("a reader feeds one input, found {} names for it: write `input = reader(…)`",
                                   binding.inputs.size()))});
      return;
    }
    const std::string input = binding.inputs.empty() ? "" : binding.inputs[0];
    if (!input.empty() && !find(input, binding.value.at)) return;
    DataContext context = context_;
    context.input = input;
    Result<data::Stream> stream = read_data(binding.value, context);
    if (!stream) return fail(stream.errors());
    add(std::move(*stream), input, binding.value.at);
  }

  const TensorType* find(const std::string& name, const Span& at) {
    const auto input = inputs_.find(name);
    if (input != inputs_.end()) return &input->second;
    std::vector<std::string> names;
    for (const auto& [known, type] : inputs_) names.push_back(known);
    fail({diagnostic("unknown-input", at, fmt::format("'{}' is no input that losses or metrics depend on", name),
                     did_you_mean(name, names))});
    return nullptr;
  }

  // `input`: of the tensor without a name.
  void add(data::Stream stream, const std::string& input, const Span& at) {
    if (stream.texts) {
      return fail(
          {diagnostic("not-data", at, "text is no tensor: words(…), characters(…) and bytes(…) make one of it")});
    }
    if (stream.sounds) {
      return fail({diagnostic("not-data", at, "sounds are no tensor: log_mel(…) and samples(…) make one of them")});
    }
    for (data::StreamTensor& tensor : stream.tensors) {
      const std::string& name = tensor.name.empty() ? input : tensor.name;
      if (name.empty()) {
        fail({diagnostic("not-data", at, "a tensor here feeds no input: join(input = …) names one")});
        continue;
      }
      const TensorType* type = find(name, at);
      if (!type) continue;
      if (is_bound(name)) {
        fail({diagnostic("duplicate-data", at, fmt::format("input '{}' is given data twice", name))});
        continue;
      }
      Result<data::RowsRef> fitted = fit_to_input(std::move(tensor.rows), name, *type, at);
      if (!fitted) {
        fail(fitted.errors());
      } else {
        dataset_.columns.push_back({name, std::move(*fitted), is_by_row(*type), at});
      }
    }
  }

  const std::map<std::string, TensorType>& inputs_;
  DataContext context_;
  Dataset dataset_;
  Diagnostics wrong_;
};

Feed::Values view(data::DType dtype, const std::byte* bytes, std::size_t elements) {
  switch (dtype) {
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

Result<TrainingData> load_data(const Program& program, const frontend::TrainBlock& block, const Folders& folders) {
  const std::map<std::string, TensorType> inputs = data_inputs(program);
  if (Diagnostics wrong = check_layout(inputs, block.at); !wrong.empty()) return wrong;
  TrainingData all;
  const auto load = [&](auto&&... what) { return Loader(inputs, folders, all.vocabularies).load(what..., block.at); };
  if (block.data_and_test) {
    const Span& at = block.data_and_test->at;
    auto both = read_data_and_test(*block.data_and_test, {folders, &all.vocabularies});
    if (!both) return both.errors();
    Result<Dataset> data = load(std::move(both->first), at);
    if (!data) return data.errors();
    Result<Dataset> test = load(std::move(both->second), at);
    if (!test) return test.errors();
    all.data = std::move(*data);
    all.test = std::move(*test);
    return all;
  }
  Result<Dataset> data = load(block.data);
  if (!data) return data.errors();
  all.data = std::move(*data);
  all.vocabularies.settle();
  if (block.test.empty()) return all;
  Result<Dataset> test = load(block.test);
  if (!test) return test.errors();
  all.test = std::move(*test);
  return all;
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
    dataset.columns.push_back({port.name, data::rows_of(found->second), is_by_row(port.type), {}});
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
    const data::Array* values = column.rows->resident();
    const bool is_single = values && values->dtype == data::DType::f32;
    if (!values || (!is_single && values->dtype != data::DType::f64)) continue;
    const auto place = is_single ? first_not_finite(values->as<float>()) : first_not_finite(values->as<double>());
    if (!place) continue;
    const double value = is_single ? values->as<float>()[*place] : values->as<double>()[*place];
    const auto per_row =
        static_cast<std::size_t>(column.by_row ? values->count() / std::max<std::int64_t>(1, values->rows()) : 1);
    return Note{column.at, fmt::format("{} {} of input '{}' holds {}", column.by_row ? "row" : "element",
                                       *place / std::max<std::size_t>(1, per_row), column.input,
                                       std::isnan(value) ? "nan" : fmt::format("{}", value))};
  }
  return std::nullopt;
}

std::int64_t row_bytes(const Dataset& dataset) {
  std::int64_t bytes = 0;
  for (const Column& column : dataset.columns) bytes += column.by_row ? column.rows->row_bytes() : 0;
  return bytes;
}

Batcher::Batcher(const Dataset& dataset, std::int64_t most) : dataset_(&dataset) {
  const std::int64_t rows = std::min(most, dataset.rows);
  for (const Column& column : dataset.columns) {
    const data::Array* array = column.rows->resident();
    DESCENT_CHECK(column.by_row || array, "what every step gets whole lies in memory");
    memory_.emplace_back(column.by_row ? static_cast<std::size_t>(rows * column.rows->row_bytes()) : 0);
    feeds_.emplace_back(column.input, column.by_row ? view(column.rows->dtype(), memory_.back().data(), 0)
                                                    : view(array->dtype, array->bytes.data(),
                                                           static_cast<std::size_t>(array->count())));
  }
}

Result<std::span<const Feed>> Batcher::take(std::span<const std::int64_t> rows, const data::Draw& draw) {
  for (std::size_t c = 0; c < memory_.size(); ++c) {
    const Column& column = dataset_->columns[c];
    if (!column.by_row) continue;
    const auto bytes = static_cast<std::size_t>(column.rows->row_bytes());
    const data::Array* array = column.rows->resident();
    std::byte* to = memory_[c].data();
    for (const std::int64_t row : rows) {
      if (array) {
        std::memcpy(to, array->bytes.data() + static_cast<std::size_t>(row) * bytes, bytes);
      } else if (const auto failed = column.rows->read(row, 1, draw, to)) {
        return diagnostic("bad-data", column.at, data::to_string(*failed));
      }
      to += bytes;
    }
  }
  return shown(static_cast<std::int64_t>(rows.size()));
}

Result<std::span<const Feed>> Batcher::take(std::int64_t begin, std::int64_t count, const data::Draw& draw) {
  for (std::size_t c = 0; c < memory_.size(); ++c) {
    const Column& column = dataset_->columns[c];
    if (!column.by_row) continue;
    if (const auto failed = column.rows->read(begin, count, draw, memory_[c].data())) {
      return diagnostic("bad-data", column.at, data::to_string(*failed));
    }
  }
  return shown(count);
}

std::span<const Feed> Batcher::shown(std::int64_t rows) {
  for (std::size_t c = 0; c < memory_.size(); ++c) {
    const Column& column = dataset_->columns[c];
    if (!column.by_row) continue;
    const std::int64_t elements = rows * (column.rows->row_bytes() / data::size_of(column.rows->dtype()));
    feeds_[c].values = view(column.rows->dtype(), memory_[c].data(), static_cast<std::size_t>(elements));
  }
  return feeds_;
}

}  // namespace descent
