// Transforms that draw: a row is another one in every epoch.
#include <algorithm>

#include "driver/readers.h"
#include "runtime/data/chance.h"

namespace descent {
namespace {

constexpr std::int64_t most_places = std::int64_t{1} << 24;

data::Expected<std::uint64_t> seed_of(const ReaderCall& call) {
  const auto seed = call.integer("seed", 0, INT32_MAX, 0);
  if (!seed) return seed.error();
  return static_cast<std::uint64_t>(*seed);
}

}  // namespace

Streams flip_images(const ReaderCall& call) {
  const auto seed = seed_of(call);
  if (!seed) return seed.error();
  return one(data::flip(*call.stream("stream"), call.flag("vertical").value_or(false), *seed));
}

Streams crop_images(const ReaderCall& call) {
  const auto seed = seed_of(call);
  const auto height = call.integer("height", 1, most_places), width = call.integer("width", 1, most_places),
             pad = call.integer("pad", 0, most_places, 0);
  for (const auto* option : {&height, &width, &pad}) {
    if (!*option) return option->error();
  }
  if (!seed) return seed.error();
  return one(data::crop(*call.stream("stream"), {*height, *width, *pad}, *seed));
}

Streams shift_rows(const ReaderCall& call) {
  const auto seed = seed_of(call);
  const auto most = call.integer("most", 0, most_places);
  if (!most) return most.error();
  if (!seed) return seed.error();
  return one(data::shift(*call.stream("stream"), *most, *seed));
}

Streams add_noise(const ReaderCall& call) {
  const auto seed = seed_of(call);
  if (!seed) return seed.error();
  if (!call.has("deviation")) return argument_error(call, "it needs a deviation: noise(…, 0.1)");
  return one(data::noise(*call.stream("stream"), *call.number("deviation"), *seed));
}

Streams shuffle_rows(const ReaderCall& call) {
  const auto seed = seed_of(call);
  if (!seed) return seed.error();
  return one(data::shuffle(*call.stream("stream"), *seed));
}

}  // namespace descent
