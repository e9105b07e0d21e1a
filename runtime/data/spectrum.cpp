// The transform is that of KISS FFT, in double.
#include "runtime/data/spectrum.h"

#include <algorithm>
#include <cmath>
#include <kissfft/kissfft.hh>
#include <numbers>

namespace descent::data {

namespace {

constexpr double least_power = 1e-6;

double mel(double frequency) { return 2595 * std::log10(1 + frequency / 700); }
double frequency(double mel) { return 700 * (std::pow(10, mel / 2595) - 1); }

// The places of the transform that a band looks at, and how much.
struct Band {
  std::size_t first = 0;
  std::vector<double> weights;
};

// `bins` places from 0 to half the rate.
std::vector<Band> bands_of(std::int64_t count, std::size_t bins, double rate) {
  const auto corner = [&](std::int64_t i) {
    return frequency(mel(rate / 2) * static_cast<double>(i) / static_cast<double>(count + 1));
  };
  std::vector<Band> bands(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    const double low = corner(i), middle = corner(i + 1), high = corner(i + 2);
    Band& band = bands[static_cast<std::size_t>(i)];
    for (std::size_t bin = 0; bin < bins; ++bin) {
      const double at = rate / 2 * static_cast<double>(bin) / static_cast<double>(bins - 1);
      const double weight = std::min((at - low) / (middle - low), (high - at) / (high - middle));
      if (weight <= 0) continue;
      if (band.weights.empty()) band.first = bin;
      band.weights.push_back(weight);
    }
  }
  return bands;
}

std::vector<double> hann(std::int64_t length) {
  std::vector<double> window;
  for (std::int64_t i = 0; i < length; ++i) {
    window.push_back(0.5 - 0.5 * std::cos(2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(length)));
  }
  return window;
}

class MelSeries : public Series {
 public:
  MelSeries(SeriesRef sounds, const MelOptions& options, std::vector<Band> bands)
      : Series(sounds->count(), options.bands, sounds->rate() / static_cast<double>(options.hop)),
        sounds_(std::move(sounds)),
        options_(options),
        bands_(std::move(bands)),
        window_(hann(options.window)),
        transform_(static_cast<std::size_t>(options.window / 2), false) {}

  Expected<std::vector<float>> read(std::int64_t row, const Draw& draw) const override {
    Expected<std::vector<float>> samples = sounds_->read(row, draw);
    if (!samples) return samples.error();
    if (samples->size() < window_.size()) samples->resize(window_.size(), 0);
    const std::int64_t steps = steps_of(static_cast<std::int64_t>(samples->size()));
    if (!bytes_of(DType::f32, {steps, width()}, largest_array)) {
      return Error{{},
                   {},
                   "a spectrum of " + std::to_string(steps) + " steps is more than the limit of " +
                       std::to_string(largest_array) + " bytes"};
    }
    std::vector<float> spectrum;
    spectrum.reserve(static_cast<std::size_t>(steps * width()));
    for (std::int64_t step = 0; step < steps; ++step) {
      append_step(samples->data() + step * options_.hop, spectrum);
    }
    return spectrum;
  }
  std::int64_t steps(std::int64_t row, const Draw& draw) const override { return steps_of(sounds_->steps(row, draw)); }
  bool draws() const override { return sounds_->draws(); }

 private:
  std::int64_t steps_of(std::int64_t samples) const {
    return std::max<std::int64_t>(0, samples - options_.window) / options_.hop + 1;
  }

  void append_step(const float* samples, std::vector<float>& spectrum) const {
    const std::size_t half = window_.size() / 2;
    std::vector<double> weighted(window_.size()), power(half + 1);
    for (std::size_t i = 0; i < window_.size(); ++i) weighted[i] = window_[i] * static_cast<double>(samples[i]);
    std::vector<std::complex<double>> places(half);
    transform_.transform_real(weighted.data(), places.data());
    // The first place holds two real numbers, of frequency 0 and of half the rate.
    power[0] = places[0].real() * places[0].real();
    power[half] = places[0].imag() * places[0].imag();
    for (std::size_t i = 1; i < half; ++i) power[i] = std::norm(places[i]);
    for (const Band& band : bands_) {
      double sum = 0;
      for (std::size_t i = 0; i < band.weights.size(); ++i) sum += band.weights[i] * power[band.first + i];
      spectrum.push_back(static_cast<float>(std::log(sum + least_power)));
    }
  }

  SeriesRef sounds_;
  MelOptions options_;
  std::vector<Band> bands_;
  std::vector<double> window_;
  kissfft<double> transform_;
};

}  // namespace

Expected<SeriesRef> log_mel(SeriesRef sounds, const MelOptions& options) {
  if (sounds->width() != 1) return Error{{}, {}, "expected sounds, found spectra"};
  std::vector<Band> bands = bands_of(options.bands, static_cast<std::size_t>(options.window / 2 + 1), sounds->rate());
  for (std::size_t i = 0; i < bands.size(); ++i) {
    if (!bands[i].weights.empty()) continue;
    return Error{{},
                 {},
                 "band " + std::to_string(i) + " of " + std::to_string(bands.size()) +
                     " holds no frequency of a window of " + std::to_string(options.window) +
                     " samples: expected fewer bands or a longer window"};
  }
  return SeriesRef(std::make_shared<MelSeries>(std::move(sounds), options, std::move(bands)));
}

std::vector<float> silence(const MelOptions& options) {
  return std::vector<float>(static_cast<std::size_t>(options.bands), static_cast<float>(std::log(least_power)));
}

}  // namespace descent::data
