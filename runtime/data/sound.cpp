#include "runtime/data/sound.h"

#include <sndfile.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "runtime/data/file.h"

namespace descent::data {

namespace {

// What libsndfile reads instead of a file.
struct Memory {
  std::span<const std::byte> bytes;
  sf_count_t at = 0;
};

sf_count_t length_of(void* user) { return static_cast<sf_count_t>(static_cast<const Memory*>(user)->bytes.size()); }
sf_count_t seek(sf_count_t offset, int whence, void* user) {
  auto& memory = *static_cast<Memory*>(user);
  const sf_count_t length = length_of(user);
  const sf_count_t from = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? memory.at : length;
  if (offset < -from || offset > length - from) return -1;
  return memory.at = from + offset;
}
sf_count_t read(void* out, sf_count_t count, void* user) {
  auto& memory = *static_cast<Memory*>(user);
  count = std::clamp<sf_count_t>(count, 0, length_of(user) - memory.at);
  if (count > 0) std::memcpy(out, memory.bytes.data() + memory.at, static_cast<std::size_t>(count));
  memory.at += count;
  return count;
}
sf_count_t write(const void*, sf_count_t, void*) { return 0; }
sf_count_t tell(void* user) { return static_cast<const Memory*>(user)->at; }

// A file that libsndfile has open; closes itself.
class Opened {
 public:
  explicit Opened(std::span<const std::byte> bytes) : memory_{bytes} {
    static SF_VIRTUAL_IO calls{length_of, seek, read, write, tell};
    file_ = sf_open_virtual(&calls, SFM_READ, &info_, &memory_);
  }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  ~Opened() {
    if (file_) sf_close(file_);
  }
  SNDFILE* file() const { return file_; }
  const SF_INFO& info() const { return info_; }

 private:
  Memory memory_;
  SF_INFO info_{};
  SNDFILE* file_ = nullptr;
};

std::uint32_t little_endian(std::span<const std::byte> bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 4; i-- > 0;) value = value << 8 | std::to_integer<std::uint32_t>(bytes[at + i]);
  return value;
}

// How many bytes of samples the file promises and does not hold; libsndfile takes what is there without a word. A
// length of 2^32 - 1 is that of a writer which could not know.
std::int64_t missing_bytes(std::span<const std::byte> bytes) {
  constexpr std::size_t header = 8;
  for (std::size_t at = 12; at + header <= bytes.size();) {
    const std::uint32_t length = little_endian(bytes, at + 4);
    const std::size_t left = bytes.size() - at - header;
    const bool is_data = text_of(bytes.subspan(at, 4)) == "data";
    if (is_data && length != UINT32_MAX && length > left) return static_cast<std::int64_t>(length - left);
    if (is_data || length > left) return 0;
    at += header + length + length % 2;
  }
  return 0;
}

// What the header must say; the number of samples is that of one channel.
std::optional<std::string> problem_of(std::span<const std::byte> bytes, const Opened& opened,
                                      const SoundOptions& options) {
  constexpr std::int64_t most_frames = largest_array / static_cast<std::int64_t>(sizeof(float));
  const SF_INFO& info = opened.info();
  const int form = info.format & SF_FORMAT_TYPEMASK;
  if (!opened.file()) return "expected a WAV file: " + std::string(sf_strerror(nullptr));
  if (form != SF_FORMAT_WAV && form != SF_FORMAT_WAVEX) return "expected a WAV file, found another format of sound";
  if (const std::int64_t missing = missing_bytes(bytes); missing > 0) {
    return "truncated: " + std::to_string(missing) + " bytes of samples are missing";
  }
  if (info.frames <= 0) return "expected at least one sample, found none";
  if (info.channels < 1 || info.frames > most_frames / info.channels) {
    return "expected at most " + std::to_string(most_frames) + " samples, found " + std::to_string(info.frames) +
           " in each of " + std::to_string(info.channels) + " channels";
  }
  if (options.rate && *options.rate != info.samplerate) {
    return "expected " + std::to_string(*options.rate) + " samples a second, found " + std::to_string(info.samplerate);
  }
  if (!options.channel && info.channels > 1) {
    return "expected one channel, found " + std::to_string(info.channels) + "; choose one with channel = 0";
  }
  if (options.channel && *options.channel >= info.channels) {
    return "expected a channel " + std::to_string(*options.channel) + ", found " + std::to_string(info.channels) +
           " channels, numbered from 0";
  }
  return std::nullopt;
}

class SoundSeries : public Series {
 public:
  SoundSeries(std::vector<std::string> files, SoundOptions options, std::vector<std::int64_t> lengths)
      : Series(static_cast<std::int64_t>(files.size()), 1, static_cast<double>(*options.rate)),
        files_(std::move(files)),
        options_(options),
        lengths_(std::move(lengths)) {}

  Expected<std::vector<float>> read(std::int64_t row, const Draw&) const override {
    const std::string& path = files_[static_cast<std::size_t>(row)];
    const auto bytes = read_file(path);
    if (!bytes) return bytes.error();
    auto sound = parse_wav(*bytes, path, options_);
    if (!sound) return sound.error();
    if (static_cast<std::int64_t>(sound->samples.size()) != steps(row, {})) {
      return Error{path, {}, "the file has changed since the training began"};
    }
    return std::move(sound->samples);
  }
  std::int64_t steps(std::int64_t row, const Draw&) const override { return lengths_[static_cast<std::size_t>(row)]; }

 private:
  std::vector<std::string> files_;
  SoundOptions options_;
  std::vector<std::int64_t> lengths_;
};

}  // namespace

Expected<Sound> parse_wav(std::span<const std::byte> bytes, const std::string& name, const SoundOptions& options) {
  const Opened opened(bytes);
  if (auto problem = problem_of(bytes, opened, options)) return Error{name, {}, *problem};
  const std::int64_t frames = opened.info().frames, channels = opened.info().channels;
  std::vector<float> all(static_cast<std::size_t>(frames * channels));
  const std::int64_t found = sf_readf_float(opened.file(), all.data(), frames);
  if (found != frames) {
    return Error{
        name, {}, "truncated: expected " + std::to_string(frames) + " samples, found " + std::to_string(found)};
  }
  Sound sound{opened.info().samplerate, {}};
  sound.samples.reserve(static_cast<std::size_t>(frames));
  for (std::int64_t frame = 0; frame < frames; ++frame) {
    const float sample = all[static_cast<std::size_t>(frame * channels + options.channel.value_or(0))];
    if (!std::isfinite(sample)) return Error{name, {}, "sample " + std::to_string(frame) + " is no finite number"};
    sound.samples.push_back(sample);
  }
  return sound;
}

Expected<SeriesRef> sound_series(std::vector<std::string> files, SoundOptions options) {
  std::vector<std::int64_t> lengths;
  for (const std::string& path : files) {
    const auto bytes = read_file(path);
    if (!bytes) return bytes.error();
    const Opened opened(*bytes);
    if (auto problem = problem_of(*bytes, opened, options)) return Error{path, {}, *problem};
    if (!options.rate) options.rate = opened.info().samplerate;
    lengths.push_back(opened.info().frames);
  }
  return SeriesRef(std::make_shared<SoundSeries>(std::move(files), options, std::move(lengths)));
}

}  // namespace descent::data
