// WAV files through libsndfile, one channel each: samples from -1 to 1.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/data/series.h"

namespace descent::data {

struct Sound {
  std::int64_t rate = 0;  // samples a second
  std::vector<float> samples;
};
struct SoundOptions {
  std::optional<std::int64_t> rate = {};     // what every file must have; else that of the first
  std::optional<std::int64_t> channel = {};  // of several, from 0; without it a file with several is refused
};

// PCM of 8 to 32 bits, floats, and what else libsndfile reads in a WAV file. Refused: a file that ends before its
// samples, samples that are no finite numbers, no samples, another rate than wanted.
Expected<Sound> parse_wav(std::span<const std::byte> bytes, const std::string& name, const SoundOptions& options = {});

// A file a row, each looked at now and read when it is wanted.
Expected<SeriesRef> sound_series(std::vector<std::string> files, SoundOptions options);

}  // namespace descent::data
