// Readers of many files, a row each: sounds and images; and what makes tensors of sounds.
#include "driver/readers.h"
#include "runtime/data/files.h"
#include "runtime/data/image.h"
#include "runtime/data/sound.h"
#include "runtime/data/spectrum.h"

namespace descent {
namespace {

constexpr std::int64_t longest = std::int64_t{1} << 24;  // steps of a row

std::optional<std::int64_t> optional(std::int64_t value) { return value < 0 ? std::nullopt : std::optional(value); }

data::Expected<std::vector<std::string>> files_of(const ReaderCall& call, std::string_view ending) {
  auto table = csv_options(call);
  if (!table) return table.error();
  data::FileChoice choice{{ending}, "file", std::move(*table)};
  if (call.has("column")) choice.column = call.text("column");
  return data::list_files(call.text("file"), choice);
}

// Whole numbers that need not be there: -1.
data::Expected<std::optional<std::int64_t>> integer_or_none(const ReaderCall& call, std::string_view name,
                                                            std::int64_t least, std::int64_t most) {
  const auto value = call.integer(name, least, most, -1);
  if (!value) return value.error();
  return optional(*value);
}

// The tensors that sounds become, beside those that are there.
data::Expected<data::Stream> padded(const ReaderCall& call, const data::SeriesRef& series, std::vector<float> padding) {
  const auto length = call.integer("length", 1, longest);
  if (!length) return length.error();
  const data::SeriesParts parts = data::pad_series(series, *length, std::move(padding));
  data::Stream result{call.stream("stream")->tensors};
  result.tensors.push_back({call.text("inputs"), parts.values});
  if (call.has("lengths")) result.tensors.push_back({call.text("lengths"), parts.lengths});
  if (call.has("mask")) result.tensors.push_back({call.text("mask"), parts.mask});
  return result;
}

data::Expected<data::SeriesRef> sounds_of(const ReaderCall& call) {
  const data::SeriesRef& sounds = call.stream("stream")->sounds;
  if (!sounds) return argument_error(call, "expected a stream with sounds: wav(\"…\")");
  return sounds;
}

}  // namespace

Streams read_wav_files(const ReaderCall& call) {
  const auto rate = integer_or_none(call, "rate", 1, INT32_MAX), channel = integer_or_none(call, "channel", 0, 1023);
  if (!rate) return rate.error();
  if (!channel) return channel.error();
  auto files = files_of(call, ".wav");
  if (!files) return files.error();
  auto sounds = data::sound_series(std::move(*files), {*rate, *channel});
  if (!sounds) return sounds.error();
  return std::vector<data::Stream>{{{}, {}, std::move(*sounds)}};
}

Streams sounds_to_samples(const ReaderCall& call) {
  const auto sounds = sounds_of(call);
  if (!sounds) return sounds.error();
  return one(padded(call, *sounds, {0.0f}));
}

Streams sounds_to_spectra(const ReaderCall& call) {
  const auto sounds = sounds_of(call);
  if (!sounds) return sounds.error();
  const data::MelOptions usual;
  const auto window = call.integer("window", 4, data::longest_window, usual.window);
  if (!window) return window.error();
  if (*window % 2 != 0) return argument_error(call, "expected an even number of samples for 'window'");
  const auto hop = call.integer("hop", 1, data::longest_window, usual.hop);
  if (!hop) return hop.error();
  const auto bands = call.integer("bands", 1, *window / 2, usual.bands);
  if (!bands) return bands.error();
  const data::MelOptions options{*bands, *window, *hop};
  const auto spectra = data::log_mel(*sounds, options);
  if (!spectra) return spectra.error();
  return one(padded(call, *spectra, data::silence(options)));
}

Streams read_images(const ReaderCall& call) {
  constexpr std::int64_t most = 1 << 14;
  const auto channels = integer_or_none(call, "channels", 1, 3), height = integer_or_none(call, "height", 1, most),
             width = integer_or_none(call, "width", 1, most);
  for (const auto* option : {&channels, &height, &width}) {
    if (!*option) return option->error();
  }
  if (*channels == 2) return argument_error(call, "expected channels = 1 for grey or 3 for colour, found 2");
  if (height->has_value() != width->has_value()) {
    return argument_error(call, "'height' and 'width' bring images to one size together");
  }
  if (call.has("classes") && !call.has("folder")) {
    return argument_error(call, "'classes' name the folders whose numbers an input gets: it needs 'folder'");
  }
  const auto files = files_of(call, ".png");
  if (!files) return files.error();
  auto rows = data::image_rows(*files, {*channels, *height, *width});
  if (!rows) return rows.error();
  data::Stream stream{{{call.text("inputs"), std::move(*rows)}}};
  if (!call.has("folder")) return std::vector{std::move(stream)};
  const auto numbers = data::folder_numbers(*files, comma_separated(call.text("classes")));
  if (!numbers) return numbers.error();
  data::Array array = data::zeros(data::DType::i32, {static_cast<std::int64_t>(numbers->size())});
  std::copy(numbers->begin(), numbers->end(), array.as<std::int32_t>().begin());
  stream.tensors.push_back({call.text("folder"), data::rows_of(std::move(array))});
  return std::vector{std::move(stream)};
}

}  // namespace descent
