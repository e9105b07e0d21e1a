// Sounds: WAV files, log-mel spectra, sounds padded, chosen, appended, run together.
#include <catch2/catch.hpp>
#include <cmath>

#include "runtime/data/safetensors.h"
#include "runtime/data/sound.h"
#include "runtime/data/spectrum.h"
#include "runtime/data/stream.h"
#include "tests/support/data.h"
#include "tests/support/wav.h"

using namespace descent::data;
using namespace descent::data::test;

namespace {

const std::string fixtures = DESCENT_SOURCE_DIR "/tests/fixtures/";

template <class T>
T value_or_fail(Expected<T> result) {
  INFO(message(result));
  REQUIRE(result.ok());
  return std::move(*result);
}

Sound parse(const std::string& bytes, const SoundOptions& options = {}) {
  return value_or_fail(parse_wav(bytes_of_text(bytes), "x.wav", options));
}
std::string refusal(const std::string& bytes, const SoundOptions& options = {}) {
  return message(parse_wav(bytes_of_text(bytes), "x.wav", options));
}

// A sound a row, of these samples, in a folder.
SeriesRef series_of(const Folder& folder, const std::vector<std::vector<std::int16_t>>& sounds) {
  std::vector<std::string> files;
  for (const auto& samples : sounds) {
    files.push_back(folder.write(std::to_string(files.size()) + ".wav", wav_of(samples)));
  }
  return value_or_fail(sound_series(files, {}));
}

using Floats = std::vector<float>;

}  // namespace

TEST_CASE("samples of a WAV file are read exactly, one channel of them") {
  const Sound mono = parse(wav_of({0, 16384, -32768, 32767}));
  CHECK(mono.rate == 8000);
  CHECK(mono.samples == Floats{0, 0.5f, -1, 32767.0f / 32768});
  const std::string both = wav_of({1, 2, 3, 4, 5, 6}, {.channels = 2});
  CHECK(parse(both, {.channel = 1}).samples == Floats{2.0f / 32768, 4.0f / 32768, 6.0f / 32768});
  const std::vector<float> numbers{0.25f, -3};
  CHECK(parse(wav_of(numbers, {})).samples == numbers);
}

TEST_CASE("what is no such sound is refused, and the reason says what was expected") {
  const std::string good = wav_of({1, 2, 3, 4});
  CHECK(refusal("RIFF") == "x.wav: expected a WAV file: Format not recognised.");
  CHECK(refusal("").starts_with("x.wav: expected a WAV file: "));
  CHECK(refusal(good.substr(0, good.size() - 3)) == "x.wav: truncated: 3 bytes of samples are missing");
  CHECK(refusal(good.substr(0, 44)) == "x.wav: truncated: 8 bytes of samples are missing");
  CHECK(refusal(wav_of(std::vector<std::int16_t>{})) == "x.wav: expected at least one sample, found none");
  CHECK(refusal(good, {.rate = 16000}) == "x.wav: expected 16000 samples a second, found 8000");
  CHECK(refusal(wav_of({1, 2}, {.channels = 2})) ==
        "x.wav: expected one channel, found 2; choose one with channel = 0");
  CHECK(refusal(good, {.channel = 1}) == "x.wav: expected a channel 1, found 1 channels, numbered from 0");
  CHECK(refusal(wav_of(std::vector<float>{1, NAN}, {})) == "x.wav: sample 1 is no finite number");
  for (std::size_t length = 0; length < good.size(); ++length) {
    CHECK(refusal(good.substr(0, length)) != "ok");
  }
}

TEST_CASE("all files of a series have one rate, and one that changes later is refused") {
  Folder folder;
  const std::string first = folder.write("a.wav", wav_of({1, 2})),
                    second = folder.write("b.wav", wav_of({1}, {.rate = 16000}));
  CHECK(message(sound_series({first, second}, {})) == second + ": expected 8000 samples a second, found 16000");
  const SeriesRef series = value_or_fail(sound_series({first}, {}));
  folder.write("a.wav", wav_of({1, 2, 3}));
  CHECK(message(series->read(0, {})) == first + ": the file has changed since the training began");
}

TEST_CASE("sounds are cut and filled to one length, with how long they are") {
  Folder folder;
  const SeriesRef series = series_of(folder, {{16384}, {8192, 8192, 8192}});
  const SeriesParts parts = pad_series(series, 2, {7.0f});
  CHECK(values<float>(*read_all(*parts.values)) == Floats{0.5f, 7, 0.25f, 0.25f});
  CHECK(values<std::int32_t>(*read_all(*parts.lengths)) == std::vector<std::int32_t>{1, 2});
  CHECK(values<std::uint8_t>(*read_all(*parts.mask)) == std::vector<std::uint8_t>{1, 0, 1, 1});
}

TEST_CASE("sounds are chosen, appended, and run together with what belongs to them") {
  Folder folder;
  const Stream sounds{{{"label", rows_of(array_of<std::int32_t>(DType::i32, {3}, {4, 5, 6}))}},
                      {},
                      series_of(folder, {{8192}, {16384, 0}, {-8192}})};
  const Stream twice = value_or_fail(append({select(sounds, {2, 0}), sounds}, ""));
  CHECK(twice.rows() == 5);
  CHECK(value_or_fail(twice.sounds->read(0, {})) == Floats{-0.25f});
  CHECK(value_or_fail(twice.sounds->read(3, {})) == Floats{0.5f, 0});
  const Stream runs = value_or_fail(windows(sounds, {.length = 2, .stride = 1}));
  CHECK(runs.rows() == 2);
  CHECK(value_or_fail(runs.sounds->read(0, {})) == Floats{0.25f, 0.5f, 0});
  CHECK(runs.sounds->steps(1, {}) == 3);
  CHECK(values<std::int32_t>(*read_all(*runs.tensors[0].rows)) == std::vector<std::int32_t>{4, 5, 5, 6});
  CHECK(message(join({sounds, {{}, {}, sounds.sounds}})) ==
        "two of the streams to be joined hold sounds: make tensors of them");
}

TEST_CASE("log-mel spectra are NumPy's") {
  const Tensors expected = value_or_fail(read_safetensors(fixtures + "log_mel.safetensors"));
  const SeriesRef sound = value_or_fail(sound_series({fixtures + "sweep.wav"}, {}));
  const std::pair<const char*, MelOptions> cases[] = {{"usual", {}},
                                                      {"wide", {.bands = 12, .window = 200, .hop = 100}}};
  for (const auto& [name, options] : cases) {
    INFO(name);
    const Array& known = expected.arrays.at(name);
    const SeriesRef spectra = value_or_fail(log_mel(sound, options));
    const Floats found = value_or_fail(spectra->read(0, {}));
    CHECK(known.shape == Shape{spectra->steps(0, {}), options.bands});
    REQUIRE(static_cast<std::int64_t>(found.size()) == known.count());
    double worst = 0, largest = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
      const double value = known.as<double>()[i];
      worst = std::max(worst, std::abs(static_cast<double>(found[i]) - value));
      largest = std::max(largest, std::abs(value));
    }
    CHECK(worst / largest < 1e-6);
  }
}

TEST_CASE("a spectrum of silence, of less than a window, of more bands than there are frequencies") {
  Folder folder;
  const SeriesRef series = series_of(folder, {{0}, std::vector<std::int16_t>(337, 0)});
  const MelOptions options{.bands = 3, .window = 256, .hop = 80};
  const SeriesRef spectra = value_or_fail(log_mel(series, options));
  CHECK(spectra->steps(0, {}) == 1);
  CHECK(spectra->steps(1, {}) == 2);
  CHECK(spectra->rate() == 100);
  CHECK(value_or_fail(spectra->read(0, {})) == silence(options));
  CHECK(value_or_fail(spectra->read(1, {})).size() == 6);
  CHECK(message(log_mel(series, {.bands = 60, .window = 128, .hop = 80})) ==
        "band 0 of 60 holds no frequency of a window of 128 samples: expected fewer bands or a longer window");
  CHECK(message(log_mel(spectra, options)) == "expected sounds, found spectra");
}
