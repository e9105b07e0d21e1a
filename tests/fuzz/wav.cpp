// A WAV file, and its spectrum.
#include <algorithm>
#include <cmath>

#include "runtime/data/sound.h"
#include "runtime/data/spectrum.h"
#include "tests/fuzz/target.h"

namespace descent::fuzz {
namespace {

// One sound that is there already.
class Given : public data::Series {
 public:
  explicit Given(data::Sound sound) : Series(1, 1, static_cast<double>(sound.rate)), sound_(std::move(sound)) {}
  data::Expected<std::vector<float>> read(std::int64_t, const data::Draw&) const override { return sound_.samples; }
  std::int64_t steps(std::int64_t, const data::Draw&) const override {
    return static_cast<std::int64_t>(sound_.samples.size());
  }

 private:
  data::Sound sound_;
};

// A few bands of short windows, far apart: no more of it than takes no time.
void check_spectrum(data::Sound sound) {
  sound.samples.resize(std::min<std::size_t>(sound.samples.size(), 4096));
  const bool is_moderate =
      std::all_of(sound.samples.begin(), sound.samples.end(), [](float sample) { return std::abs(sample) < 1e6F; });
  const auto spectra = data::log_mel(std::make_shared<Given>(std::move(sound)), {.bands = 4, .window = 32, .hop = 32});
  if (!spectra) return check_refusal(spectra.error());
  const auto values = (*spectra)->read(0, {});
  DESCENT_CHECK(values.ok(), "a spectrum that cannot be read");
  DESCENT_CHECK(static_cast<std::int64_t>(values->size()) == (*spectra)->steps(0, {}) * 4, "steps that are not there");
  for (const float value : *values) DESCENT_CHECK(std::isfinite(value) || !is_moderate, "a spectrum without a value");
}

}  // namespace

void run(std::string_view input) {
  const std::span<const std::byte> bytes = data::bytes_of_text(input);
  for (const data::SoundOptions& options : {data::SoundOptions{}, data::SoundOptions{8000, 1}}) {
    auto sound = data::parse_wav(bytes, "input", options);
    if (!sound) {
      check_refusal(sound.error());
      continue;
    }
    DESCENT_CHECK(!sound->samples.empty() && sound->rate > 0, "a sound of nothing");
    for (const float sample : sound->samples) DESCENT_CHECK(std::isfinite(sample), "a sample that is no number");
    check_spectrum(std::move(*sound));
  }
}

}  // namespace descent::fuzz
