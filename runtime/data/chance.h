// Streams that never show a row twice alike: flipped, cropped, moved, with noise, in another order.
//
// What a row becomes depends on the training's seed, the epoch, the row's number in the stream, what is done to it, and
// a seed of its own: not on its place in a batch, on threads, or on what is done elsewhere. Outside of training nothing
// is drawn: crops are those in the middle, everything else stays as it is.
#pragma once

#include "runtime/data/stream.h"

namespace descent::data {

// Images are the tensors whose rows have two axes or more, of which the last two are height and width. All images of a
// stream are treated alike, so that a mask stays on its image.

// Every second image, by chance, from right to left; with `vertical` likewise upside down.
Expected<Stream> flip(const Stream& stream, bool vertical, std::uint64_t seed);

// A part of height × width, out of the images with `pad` zeros around them.
struct CropOptions {
  std::int64_t height = 0, width = 0, pad = 0;
};
Expected<Stream> crop(const Stream& stream, const CropOptions& options, std::uint64_t seed);

// Images by at most so many places in each direction, zeros behind them; sounds by at most so many samples later,
// behind silence.
Expected<Stream> shift(const Stream& stream, std::int64_t most, std::uint64_t seed);

// Adds to every number of one tensor of f32 or u8, or of sounds, a random one of mean 0 and this deviation: the sum of
// eight uniform ones, nearly normal, the same on every machine. Bytes are rounded and stay in 0 … 255.
Expected<Stream> noise(const Stream& stream, double deviation, std::uint64_t seed);

// The rows in another order, anew for every epoch; outside of training in the one that `seed` gives.
Expected<Stream> shuffle(const Stream& stream, std::uint64_t seed);

}  // namespace descent::data
