// WAV files of a few samples, written byte by byte.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace descent::data::test {

struct WavForm {
  std::uint32_t rate = 8000;
  std::uint16_t channels = 1;
};

// Sixteen-bit integers or floats.
template <class Sample>
std::string wav_of(const std::vector<Sample>& samples, const WavForm& form) {
  const auto bytes = [](const auto& value) { return std::string(reinterpret_cast<const char*>(&value), sizeof value); };
  const auto length = static_cast<std::uint32_t>(samples.size() * sizeof(Sample));
  const auto frame = static_cast<std::uint16_t>(form.channels * sizeof(Sample));
  const std::uint16_t code = sizeof(Sample) == 4 ? 3 : 1, bits = 8 * sizeof(Sample);
  std::string text = "RIFF" + bytes(length + 36) + "WAVEfmt " + bytes(std::uint32_t{16}) + bytes(code) +
                     bytes(form.channels) + bytes(form.rate) + bytes(form.rate * frame) + bytes(frame) + bytes(bits) +
                     "data" + bytes(length);
  if (length > 0) text.append(reinterpret_cast<const char*>(samples.data()), length);
  return text;
}
inline std::string wav_of(const std::vector<std::int16_t>& samples, const WavForm& form = {}) {
  return wav_of<std::int16_t>(samples, form);
}

}  // namespace descent::data::test
