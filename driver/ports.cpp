// What enters and leaves each entry, told from the Graph, or for a Loop program's text from its buffers.
#include "driver/ports.h"

#include <algorithm>

namespace descent {
namespace {

bool is_clock(const std::string& name, const TensorType& type) {
  return (name == "seed" || name == "step" || name == "steps") && type.shape.empty() && type.dtype == DType::i32;
}

Port::Kind input_kind(const std::string& name, const TensorType& type, const std::vector<frontend::Rate>& rates) {
  if (is_clock(name, type)) return Port::Kind::clock;
  const bool rate = type.shape.empty() && std::any_of(rates.begin(), rates.end(),
                                                      [&](const frontend::Rate& known) { return known.name == name; });
  return rate ? Port::Kind::rate : Port::Kind::data;
}

Port::Kind output_kind(Output::Kind kind) {
  switch (kind) {
    case Output::Kind::output:
      return Port::Kind::output;
    case Output::Kind::loss:
      return Port::Kind::loss;
    case Output::Kind::metric:
      return Port::Kind::metric;
  }
  return Port::Kind::output;
}

// A Loop program numbers names that several entries share: x, x.1, x.2 are all x.
std::string shared_name(const loop::Program& program, const loop::Buffer& buffer) {
  const std::size_t dot = buffer.name.rfind('.');
  if (dot == std::string::npos || buffer.name.find_first_not_of("0123456789", dot + 1) != std::string::npos) {
    return buffer.name;
  }
  const std::string stem = buffer.name.substr(0, dot);
  const bool shared = std::any_of(program.buffers.begin(), program.buffers.end(), [&](const loop::Buffer& other) {
    return other.name == stem && other.storage == buffer.storage;
  });
  return shared ? stem : buffer.name;
}

Port::Kind loop_output_kind(const std::string& entry, const TensorType& type) {
  if (!type.shape.empty() || !is_float(type.dtype)) return Port::Kind::output;
  return entry == "step" || entry == "accumulate" ? Port::Kind::loss
         : entry == "predict"                     ? Port::Kind::output
                                                  : Port::Kind::metric;
}

}  // namespace

std::vector<EntryPorts> ports_of(const Model& model, const std::vector<frontend::Rate>& rates) {
  std::vector<EntryPorts> entries;
  for (const Graph& graph : model.entries) {
    EntryPorts ports{graph.name, {}, {}};
    for (const Node& node : graph.nodes) {
      const Input* input = std::get_if<Input>(&node.op);
      if (!input) continue;
      const TensorType& type = graph.type(node.results[0]);
      ports.inputs.push_back({input_kind(input->name, type, rates), input->name, type});
    }
    for (const Output& output : graph.outputs) {
      ports.outputs.push_back({output_kind(output.kind), output.name, graph.type(output.value)});
    }
    entries.push_back(std::move(ports));
  }
  return entries;
}

std::vector<EntryPorts> ports_of(const loop::Program& program) {
  std::vector<EntryPorts> entries;
  for (const loop::Entry& entry : program.entries) {
    if (entry.turns) continue;  // another form of `step`
    EntryPorts ports{entry.name, {}, {}};
    for (loop::BufferId id : entry.inputs) {
      const loop::Buffer& buffer = program.buffers[static_cast<std::size_t>(id)];
      const std::string name = shared_name(program, buffer);
      ports.inputs.push_back({input_kind(name, buffer.type, {}), name, buffer.type});
    }
    for (loop::BufferId id : entry.outputs) {
      const loop::Buffer& buffer = program.buffers[static_cast<std::size_t>(id)];
      ports.outputs.push_back({loop_output_kind(entry.name, buffer.type), shared_name(program, buffer), buffer.type});
    }
    entries.push_back(std::move(ports));
  }
  return entries;
}

}  // namespace descent
