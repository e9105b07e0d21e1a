#include "driver/model_face.h"

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "driver/json.h"
#include "driver/program.h"
#include "driver/trainer.h"
#include "driver/weights.h"
#include "fmt/format.h"
#include "passes/whole_loop.h"

namespace descent {
namespace {

using codegen::ModelPort;

ModelPort::Kind input_kind(const Port& port, const std::string& entry) {
  if (port.kind == Port::Kind::clock) return ModelPort::Kind::clock;
  if (port.kind == Port::Kind::rate) return ModelPort::Kind::rate;
  return entry == "report" ? ModelPort::Kind::part : ModelPort::Kind::data;
}

codegen::ModelEntry entry_of(const EntryPorts& ports) {
  codegen::ModelEntry entry{ports.entry, {}, {}};
  for (const Port& port : ports.inputs) {
    entry.inputs.push_back({input_kind(port, ports.entry), port.name, port.type});
  }
  for (const Port& port : ports.outputs) {
    const bool is_number = port.kind != Port::Kind::output && port.type.shape.empty() && is_float(port.type.dtype);
    entry.outputs.push_back({is_number ? ModelPort::Kind::number : ModelPort::Kind::tensor, port.name, port.type});
  }
  return entry;
}

Shape with_rows(Shape shape, std::int64_t rows) {
  for (Extent& extent : shape) extent = extent.is_batch() ? Extent{rows} : extent;
  return shape;
}

void add_states(const Program& program, const loop::Program& loop, codegen::ModelFace& face) {
  for (const StateDeclaration& state : states_of(program)) {
    for (const loop::Buffer& buffer : loop.buffers) {
      if (buffer.storage != loop::Buffer::Storage::state || buffer.name != state.name) continue;
      const TensorType type{buffer.type.dtype, with_rows(buffer.type.shape, loop.largest_batch), {}};
      face.states.push_back({state.name, type, buffer.offset, buffer.panel, is_saved(state)});
    }
  }
}

std::string_view safetensors_type(DType type) {
  switch (type) {
    case DType::f32:
      return "F32";
    case DType::f64:
      return "F64";
    case DType::i32:
      return "I32";
    case DType::u8:
      return "U8";
    case DType::boolean:
      return "BOOL";
    case DType::u32:
      break;
  }
  DESCENT_CHECK(false, "a u32 state at the door");
}

// As data::format_safetensors orders them: the widest elements first, then by name.
void add_weights_header(codegen::ModelFace& face) {
  for (std::size_t i = 0; i < face.states.size(); ++i) {
    if (face.states[i].is_saved) face.saved.push_back(static_cast<int>(i));
  }
  const auto state = [&](int i) -> const codegen::ModelState& { return face.states[static_cast<std::size_t>(i)]; };
  std::sort(face.saved.begin(), face.saved.end(), [&](int a, int b) {
    const int wide_a = size_of(state(a).type.dtype), wide_b = size_of(state(b).type.dtype);
    return wide_a != wide_b ? wide_a > wide_b : state(a).name < state(b).name;
  });
  std::string text = fmt::format("{{\"__metadata__\":{{\"format\":\"descent\",\"model\":{}}}", json::text(face.name));
  std::int64_t end = 0;
  for (int i : face.saved) {
    const TensorType& type = state(i).type;
    std::vector<std::int64_t> extents;
    for (const Extent& extent : type.shape) extents.push_back(extent.size);
    const std::int64_t begin = end;
    end += count(type.shape, 1) * size_of(type.dtype);
    text += fmt::format(",{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}", json::text(state(i).name),
                        safetensors_type(type.dtype), fmt::join(extents, ","), begin, end);
  }
  text += "}";
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = text.size();
  face.weights_header.resize(sizeof length);
  std::memcpy(face.weights_header.data(), &length, sizeof length);
  face.weights_header += text;
}

}  // namespace

codegen::ModelFace face_of(const Program& program, const loop::Program& loop, bool bare) {
  codegen::ModelFace face;
  face.name = program.name();
  face.source = std::filesystem::path(program.parts().source->name).filename().string();
  face.largest_batch = program.largest_batch();
  face.arena_bytes = loop.arena_bytes;
  face.bare = bare;
  for (const EntryPorts& ports : program.parts().entries) {
    const loop::Entry* entry = loop.entry(ports.entry);
    if (entry) face.entries.push_back(entry_of(ports));
    if (ports.entry != "step" || !loop.entry(whole_loop_entry) || !does_same_in_turns(program.loop())) continue;
    face.entries.push_back(entry_of(ports));
    face.entries.back().name = whole_loop_entry;
  }
  if (program.parts().compilation) {
    for (const frontend::Rate& rate : program.parts().compilation->rates) face.rates.push_back({rate.name, rate.value});
  }
  if (!face.update()) face.rates.clear();
  // Whoever builds without the entry makes a step of each batch.
  if (program.train() && face.entry("accumulate")) face.accumulate = program.train()->accumulate;
  add_states(program, loop, face);
  add_weights_header(face);
  return face;
}

}  // namespace descent
