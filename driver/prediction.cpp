// Runs a trained model on rows that files hold, in parts of the largest batch.
#include "descent/prediction.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>

#include "driver/data_source.h"
#include "driver/data_warnings.h"
#include "driver/dataset.h"
#include "driver/prediction_text.h"
#include "driver/program.h"
#include "driver/trainer.h"
#include "fmt/format.h"
#include "runtime/data/file.h"
#include "runtime/data/npy.h"
#include "runtime/data/npz.h"
#include "runtime/data/picture.h"

namespace descent {
namespace {

const Port* find_port(const std::vector<Port>& ports, const std::string& name) {
  const auto found = std::find_if(ports.begin(), ports.end(), [&](const Port& port) { return port.name == name; });
  return found == ports.end() ? nullptr : &*found;
}

Diagnostic no_such_port(DiagnosticId id, std::string_view kind, const std::string& name,
                        const std::vector<std::string>& names) {
  std::vector<Note> notes = did_you_mean(name, names);
  if (notes.empty()) notes.push_back({{}, fmt::format("it has {}", fmt::join(names, ", "))});
  return diagnostic(id, {}, fmt::format("`predict` has no {} '{}'", kind, name), std::move(notes));
}

std::vector<std::string> names_of(const std::vector<Port>& ports) {
  std::vector<std::string> names;
  for (const Port& port : ports) names.push_back(port.name);
  return names;
}

constexpr std::array<std::string_view, 5> endings = {".npy", ".npz", ".csv", ".png", ".txt"};

Streams read_plainly(const Reader& reader, const Port& port, const std::string& path) {
  ReaderCall call;
  call.set("file", path);
  call.input = port.name;
  return reader.read(call);
}

Result<data::Stream> read_file(const Port& port, const std::string& path) {
  const Reader* reader = reader_for(path);
  if (!reader) {
    std::string endings;
    for (const Reader& known : readers()) {
      if (!known.endings.empty()) endings += fmt::format("{}{}", endings.empty() ? "" : ", ", known.endings[0]);
    }
    return diagnostic("unknown-reader", {},
                      fmt::format("'{}' has an ending that no reader knows; expected one of {}", path, endings));
  }
  Streams streams = read_plainly(*reader, port, path);
  if (!streams) return diagnostic("bad-data", {}, data::to_string(streams.error()));
  return std::move(streams->front());
}

Result<data::Array> fitted_to(const Port& port, const data::RowsRef& rows) {
  Result<data::RowsRef> fitted = fit_to_input(rows, port.name, port.type, {});
  if (!fitted) return fitted.errors();
  data::Expected<data::Array> array = data::read_all(**fitted);
  if (!array) return diagnostic("bad-data", {}, data::to_string(array.error()));
  return std::move(*array);
}

// Puts the rows of a batch's results behind those of the batches before.
void append(data::Array& all, const data::Array& part) {
  all.bytes.insert(all.bytes.end(), part.bytes.begin(), part.bytes.end());
  if (!all.shape.empty()) all.shape[0] += part.shape[0];
}

template <class Float>
std::string float_text(Float value, std::optional<int> decimals) {
  return decimals ? fmt::format("{:.{}f}", value, *decimals) : fmt::format("{}", value);
}

std::string element_text(const data::Array& array, std::size_t i, std::optional<int> decimals) {
  switch (array.dtype) {
    case data::DType::f32:
      return float_text(array.as<float>()[i], decimals);
    case data::DType::f64:
      return float_text(array.as<double>()[i], decimals);
    case data::DType::i32:
      return fmt::format("{}", array.as<std::int32_t>()[i]);
    case data::DType::i64:
      return fmt::format("{}", array.as<std::int64_t>()[i]);
    case data::DType::u8:
    case data::DType::boolean:
      return fmt::format("{}", array.as<std::uint8_t>()[i]);
  }
  return {};
}

}  // namespace

Result<NamedArrays> read_inputs(const Trainer& trainer, const std::vector<std::pair<std::string, std::string>>& files) {
  const Program& program = trainer.program();
  if (!program.has("predict")) {
    return diagnostic("no-entry", {}, fmt::format("model '{}' has no output to predict", program.name()));
  }
  Vocabularies vocabularies;
  if (const auto read = vocabularies.read(trainer.parts().notes, "the weights"); !read) {
    return diagnostic("bad-weights", {}, data::to_string(read.error()));
  }
  NamedArrays arrays;
  const auto given = [&](const std::string& name) {
    return std::any_of(files.begin(), files.end(), [&](const auto& file) { return file.first == name; });
  };
  for (const auto& [name, path] : files) {
    const Port* port = find_port(program.inputs("predict"), name);
    if (!port) return no_such_port("unknown-input", "input", name, names_of(program.inputs("predict")));
    const bool is_text =
        port->type.shape.size() == 2 && path.ends_with(".txt") && reads_lines(program, name, vocabularies);
    Result<data::Stream> stream =
        is_text ? read_lines_as_trained(program, name, port->type.shape[1].size, path, vocabularies)
                : read_file(*port, path);
    if (!stream) return stream.errors();
    for (const data::StreamTensor& tensor : stream->tensors) {
      const bool is_own = tensor.name.empty() || tensor.name == name || stream->tensors.size() == 1;
      const Port* fed = is_own ? port : find_port(program.inputs("predict"), tensor.name);
      if (!fed || (!is_own && given(tensor.name))) continue;
      Result<data::Array> array = fitted_to(*fed, tensor.rows);
      if (!array) return array.errors();
      arrays.emplace_back(fed->name, std::move(*array));
    }
  }
  return arrays;
}

Diagnostics warnings_of(const Program& program, const NamedArrays& inputs) {
  const Result<Dataset> rows = dataset_of(program.inputs("predict"), inputs);
  return rows ? warn_of_numbers(*rows) : Diagnostics{};  // what is wrong with them, predict_all says
}

Result<NamedArrays> predict_all(Trainer& trainer, const NamedArrays& inputs) {
  const std::vector<Port>& ports = trainer.program().outputs("predict");
  Result<Dataset> rows = dataset_of(trainer.program().inputs("predict"), inputs);
  if (!rows) return rows.errors();
  for (const Port& port : ports) {
    const bool by_row = !port.type.shape.empty() && port.type.shape[0].is_batch();
    if (!by_row && rows->rows > trainer.program().largest_batch()) {
      return diagnostic("batch-axis", {},
                        fmt::format("output '{}' : {} is not one value per row: give at most {} rows, or --batch",
                                    port.name, to_string(port.type), trainer.program().largest_batch()));
    }
  }
  Batcher batches(*rows, trainer.program().largest_batch());
  NamedArrays outputs;
  for (std::int64_t begin = 0; begin < rows->rows; begin += trainer.program().largest_batch()) {
    const std::int64_t count = std::min(trainer.program().largest_batch(), rows->rows - begin);
    const Result<std::span<const Feed>> feeds = batches.take(begin, count);
    if (!feeds) return feeds.errors();
    Result<std::vector<data::Array>> part = trainer.predict(count, *feeds);
    if (!part) return part.errors();
    for (std::size_t i = 0; i < ports.size(); ++i) {
      if (begin == 0) {
        outputs.emplace_back(ports[i].name, std::move((*part)[i]));
      } else {
        append(outputs[i].second, (*part)[i]);
      }
    }
  }
  return outputs;
}

std::string rows_text(const data::Array& array, const RowStyle& style) {
  const std::int64_t rows = array.rows();
  const std::int64_t width = rows == 0 ? 0 : array.count() / rows;
  std::string text;
  for (std::int64_t row = 0; row < rows; ++row) {
    if (style.numbered) text += fmt::format("  row {}: ", row);
    for (std::int64_t i = 0; i < width; ++i) {
      if (i > 0) text += style.separator;
      text += element_text(array, static_cast<std::size_t>(row * width + i), style.decimals);
    }
    text += '\n';
  }
  return text;
}

Diagnostics check_texts(const Program& program, const OutputVocabularies& wanted) {
  const std::vector<Port>& ports = program.outputs("predict");
  for (const auto& [name, input] : wanted) {
    const Port* port = find_port(ports, name);
    if (!port) return {no_such_port("unknown-output", "output", name, names_of(ports))};
    if (port->type.dtype != DType::i32 || port->type.shape.size() != 2) {
      return {diagnostic("data-mismatch", {},
                         fmt::format("output '{}': expected i32[batch, tokens] to write as text, found {}", name,
                                     to_string(port->type)))};
    }
  }
  return {};
}

Diagnostics check_outputs(const Program& program, const OutputFiles& files, const OutputVocabularies& texts) {
  const std::vector<Port>& ports = program.outputs("predict");
  for (const auto& [name, path] : files) {
    if (!find_port(ports, name)) return {no_such_port("unknown-output", "output", name, names_of(ports))};
    const bool is_known = std::any_of(endings.begin(), endings.end(),
                                      [&, &file = path](std::string_view ending) { return file.ends_with(ending); });
    if (!is_known) {
      return {diagnostic("unknown-ending", {},
                         fmt::format("output '{}': expected a file that ends in .npy, .npz, .csv, .png or .txt, found "
                                     "'{}'",
                                     name, path))};
    }
    const bool is_text =
        std::any_of(texts.begin(), texts.end(), [&, &output = name](const auto& text) { return text.first == output; });
    if (path.ends_with(".txt") && !is_text) {
      return {diagnostic("unknown-ending", {},
                         fmt::format("output '{0}': a .txt file holds tokens as text; say of which input's vocabulary "
                                     "with --text {0}=INPUT, or write a .csv file",
                                     name))};
    }
  }
  return {};
}

Diagnostics write_outputs(const NamedArrays& outputs, const OutputFiles& files, const NamedTexts& texts) {
  std::map<std::string, data::Tensors> archives;  // by path: several outputs may go into one
  for (const auto& [name, path] : files) {
    const auto output =
        std::find_if(outputs.begin(), outputs.end(), [&, &wanted = name](const auto& o) { return o.first == wanted; });
    if (output == outputs.end()) {
      std::vector<std::string> names;
      for (const auto& [known, array] : outputs) names.push_back(known);
      return {no_such_port("unknown-output", "output", name, names)};
    }
    const data::Array& array = output->second;
    if (path.ends_with(".npz")) {
      archives[path].arrays.emplace(name, array);
      continue;
    }
    const auto text = texts.find(name);
    const auto written = path.ends_with(".txt") && text != texts.end()
                             ? data::write_file(path, data::bytes_of_text(text->second))
                         : path.ends_with(".csv") ? data::write_file(path, data::bytes_of_text(rows_text(array)))
                         : path.ends_with(".png") ? data::write_picture(path, array)
                                                  : data::write_npy(path, array);
    if (!written) return {diagnostic("unwritable-file", {}, data::to_string(written.error()))};
  }
  for (const auto& [path, tensors] : archives) {
    const auto written = data::write_npz(path, tensors);
    if (!written) return {diagnostic("unwritable-file", {}, data::to_string(written.error()))};
  }
  return {};
}

}  // namespace descent
