// Transforms: streams from other streams.
#include "driver/readers.h"

namespace descent {
namespace {

constexpr std::int64_t most_rows = std::int64_t{1} << 40;

}  // namespace

Streams join_streams(const ReaderCall& call) { return one(data::join(call.streams)); }

Streams append_streams(const ReaderCall& call) { return one(data::append(call.streams, call.text("origin"))); }

Streams cut_windows(const ReaderCall& call) {
  const auto length = call.integer("length", 1, most_rows);
  if (!length) return length.error();
  const auto stride = call.integer("stride", 1, most_rows, *length);
  if (!stride) return stride.error();
  const auto shift = call.integer("shift", 1, most_rows, 1);
  if (!shift) return shift.error();
  if (call.has("shift") && !call.has("shifted"))
    return argument_error(call, "'shift' is of 'shifted', which is not there");
  return one(
      data::windows(*call.stream("stream"), {*length, *stride, *shift, call.text("inputs"), call.text("shifted")}));
}

Streams split_stream(const ReaderCall& call) {
  const auto seed = call.integer("seed", 0, INT32_MAX, -1);
  if (!seed) return seed.error();
  if (!call.has("share")) return argument_error(call, "split() needs the share of the data: split(…, 0.9)");
  return data::split(*call.stream("stream"), *call.number("share"),
                     *seed < 0 ? std::nullopt : std::optional(static_cast<std::uint64_t>(*seed)));
}

}  // namespace descent
