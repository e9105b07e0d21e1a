// Sounds as pictures of their pitch: log-mel spectra.
//
// A window of `window` samples, one every `hop`, weighted by Hann's periodic window; the power of its discrete Fourier
// transform; `bands` triangles of height 1 whose corners lie at equal distances in mel from 0 to half the rate, with
// mel(f) = 2595 log10(1 + f / 700); of what each collects the natural logarithm of 1e-6 more. A sound shorter than a
// window is filled with silence, samples behind the last whole window are left out.
// Source: Davis, Mermelstein 1980, Comparison of Parametric Representations for Monosyllabic Word Recognition; the
// formula for mel: O'Shaughnessy 1987, Speech Communication.
#pragma once

#include "runtime/data/series.h"

namespace descent::data {

struct MelOptions {
  std::int64_t bands = 40;
  std::int64_t window = 256;  // samples, even
  std::int64_t hop = 80;
};

inline constexpr std::int64_t longest_window = std::int64_t{1} << 16;

// f32[steps, bands] of one float a step. An error: a band so narrow that it holds no frequency of the transform.
Expected<SeriesRef> log_mel(SeriesRef sounds, const MelOptions& options);
// What silence becomes: `bands` equal floats.
std::vector<float> silence(const MelOptions& options);

}  // namespace descent::data
