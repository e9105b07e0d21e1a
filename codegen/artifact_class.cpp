// The class over the functions of C: spans in place of pointers, optional in place of statuses.
#include "codegen/artifact_class.h"

#include <algorithm>

#include "codegen/artifact_names.h"

namespace descent::codegen {
namespace {

using Kind = ModelPort::Kind;

std::string standard(const std::string& type) { return type == "float" || type == "double" ? type : "std::" + type; }

// How many elements: "rows * 784".
std::string elements_text(const Shape& shape) {
  std::string text;
  std::int64_t known = 1;
  for (const Extent& extent : shape) {
    if (extent.is_batch()) text += text.empty() ? "rows" : " * rows";
    if (!extent.is_batch()) known *= extent.size;
  }
  if (text.empty()) return std::to_string(known);
  return known == 1 ? text : text + " * " + std::to_string(known);
}

bool tells_rows(const ModelPort& port) {
  return port.kind == Kind::data && std::count_if(port.type.shape.begin(), port.type.shape.end(),
                                                  [](const Extent& extent) { return extent.is_batch(); }) == 1;
}

class ClassPrinter {
 public:
  ClassPrinter(const ModelFace& face, const std::vector<Door>& doors)
      : face_(face), doors_(doors), words_(words_of(face)) {}

  std::string run() && {
    add(0, "#if defined(__cplusplus) && __cplusplus >= 202002L");
    for (const char* header : {"cstdint", "memory", "optional", "span", "utility"}) {
      add(0, "#include <" + std::string(header) + ">");
    }
    add(0, "");
    add(0, "namespace " + words_.scope + " {");
    add(0, "");
    if (face_.update()) add(0, "using Losses = " + words_.prefix + "_losses;");
    if (face_.entry("evaluate")) add(0, "using Metrics = " + words_.prefix + "_metrics;");
    add(0, "");
    add(0,
        "// A trainer as a value. Nothing throws: what fails gives false or nothing, and error() says why. The number "
        "of");
    add(0, "// rows is told from the sizes of the spans, which must agree.");
    add(0, "class Trainer {");
    add(0, " public:");
    life();
    training();
    use();
    rates();
    states();
    weights();
    privates();
    add(0, "};");
    add(0, "");
    add(0, "}  // namespace " + words_.scope);
    add(0, "#endif");
    return std::move(lines_).take();
  }

 private:
  void add(int depth, const std::string& line) {
    if (line.empty()) {
      lines_.add_as_it_is("\n");
    } else {
      lines_.add(depth, line);
    }
  }
  std::string call(const std::string& door, const std::string& arguments) const {
    return words_.prefix + "_" + door + "(trainer_.get()" + (arguments.empty() ? "" : ", " + arguments) + ")";
  }
  void one_line(const std::string& head, const std::string& value) { add(1, head + " { return " + value + "; }"); }

  void life() {
    const std::string create = words_.prefix + "_create(" + words_.upper + "_CONTRACT, memory, threads)";
    if (face_.bare) {
      add(1, "explicit Trainer(void* memory) : trainer_(" + words_.prefix + "_create(" + words_.upper +
                 "_CONTRACT, memory, 1)) {}");
    } else {
      add(1, "explicit Trainer(int threads = 0, void* memory = nullptr)");
      add(3, ": trainer_(" + create + ") {}");
    }
    add(1, "// Whether there is one: there may be no memory, or the code is another header's.");
    add(1, "explicit operator bool() const { return trainer_ != nullptr; }");
    one_line("const char* error() const", "wrong_ != nullptr ? wrong_ : " + call("error", ""));
    one_line(words_.prefix + "_trainer* get() const", "trainer_.get()");
    add(0, "");
    one_line("bool init(std::int64_t seed = 1)", "done(" + call("init", "seed") + ")");
  }

  // A function over rows of data.
  struct Method {
    std::string parameters;  // of C++
    std::string arguments;   // of C: the pointers
    std::string checks;      // "sizes agree" as an expression
    std::string rows;        // how they are told; empty: a parameter
  };
  const Door& door(const std::string& name) const {
    return *std::find_if(doors_.begin(), doors_.end(),
                         [&](const Door& one) { return one.name == words_.prefix + "_" + name; });
  }
  Method method_of(const std::string& door_name, const std::vector<const ModelPort*>& ports) const {
    Method method;
    const Door& of = door(door_name);
    std::size_t next =
        std::get<Door::Pack>(*std::find_if(of.arguments.begin(), of.arguments.end(), [](const auto& one) {
          return std::holds_alternative<Door::Pack>(one);
        })).first;
    for (const ModelPort* port : ports) {
      const std::string& name = of.parameters[next++].name;
      const std::string element = standard(cpp::memory_type(port->type.dtype));
      const bool is_input = port->kind == Kind::data;
      method.parameters += (method.parameters.empty() ? "" : ", ") + std::string("std::span<") +
                           (is_input ? "const " : "") + element + "> " + name;
      method.arguments += (method.arguments.empty() ? "" : ", ") + name + ".data()";
      method.checks += (method.checks.empty() ? "" : " && ") + std::string("holds(") + name + ".size(), " +
                       elements_text(port->type.shape) + ")";
      if (method.rows.empty() && tells_rows(*port)) {
        Shape others = port->type.shape;
        std::erase_if(others, [](const Extent& extent) { return extent.is_batch(); });
        method.rows = "static_cast<std::int64_t>(" + name + ".size()) / " + elements_text(others);
      }
    }
    if (method.checks.empty()) method.checks = "true";
    if (method.rows.empty()) {
      method.parameters = "std::int64_t rows" + std::string(method.parameters.empty() ? "" : ", ") + method.parameters;
    }
    return method;
  }
  static std::vector<const ModelPort*> ports_of(const std::vector<ModelPort>& ports, Kind kind) {
    std::vector<const ModelPort*> chosen;
    for (const ModelPort& port : ports) {
      if (port.kind == kind) chosen.push_back(&port);
    }
    return chosen;
  }
  static std::string joined(const std::string& a, const std::string& b) {
    return a.empty() || b.empty() ? a + b : a + ", " + b;
  }
  void tell_rows(const Method& method, const std::string& otherwise) {
    if (!method.rows.empty()) add(2, "const std::int64_t rows = " + method.rows + ";");
    add(2, "if (!agree(" + method.checks + ")) return " + otherwise + ";");
  }

  void training() {
    const ModelEntry* step = face_.update();
    if (!step) return;
    const Method method = method_of("step", ports_of(step->inputs, Kind::data));
    add(0, "");
    add(1, "// One update.");
    give_numbers("step", method, "Losses", "losses");
    if (face_.entry("accumulate")) {
      add(1, "// Of a step that takes several batches one before the last.");
      give_numbers("accumulate", method, "Losses", "losses");
    }
    add(1, "// Epochs over all rows; with room for their order each has one of its own by the seed.");
    add(1, "std::optional<Losses> train(" +
               joined(joined("std::int64_t epochs", method.parameters), "std::span<std::uint32_t> order = {}") + ") {");
    tell_rows(method, "std::nullopt");
    add(2, "if (!agree(order.empty() || holds(order.size(), rows))) return std::nullopt;");
    add(2, "Losses losses{};");
    add(2, "std::uint32_t* const room = order.empty() ? nullptr : order.data();");
    add(2, "if (!done(" + call("train", joined("epochs, rows", joined(method.arguments, "room, &losses"))) +
               ")) return std::nullopt;");
    add(2, "return losses;");
    add(1, "}");
    add(1, "void set_total_steps(std::int64_t steps) { " + call("set_total_steps", "steps") + "; }");
    one_line("std::int64_t steps_taken() const", call("steps_taken", ""));
  }

  // A batch in, a struct of numbers out.
  void give_numbers(const std::string& entry, const Method& method, const std::string& type, const std::string& name) {
    add(1, "std::optional<" + type + "> " + entry + "(" + method.parameters + ") {");
    tell_rows(method, "std::nullopt");
    add(2, type + " " + name + "{};");
    add(2,
        "if (!done(" + call(entry, joined("rows", joined(method.arguments, "&" + name))) + ")) return std::nullopt;");
    add(2, "return " + name + ";");
    add(1, "}");
  }

  void use() {
    if (const ModelEntry* evaluate = face_.entry("evaluate")) {
      add(0, "");
      give_numbers("evaluate", method_of("evaluate", ports_of(evaluate->inputs, Kind::data)), "Metrics", "metrics");
    }
    for (const char* name : {"predict", "advance"}) {
      if (const ModelEntry* entry = face_.entry(name)) give_outputs(*entry);
    }
  }
  void give_outputs(const ModelEntry& entry) {
    std::vector<const ModelPort*> ports = ports_of(entry.inputs, Kind::data);
    for (const ModelPort* port : ports_of(entry.outputs, Kind::tensor)) ports.push_back(port);
    const Method method = method_of(entry.name, ports);
    add(1, "bool " + entry.name + "(" + method.parameters + ") {");
    tell_rows(method, "false");
    add(2, "return done(" + call(entry.name, joined("rows", method.arguments)) + ");");
    add(1, "}");
  }

  void rates() {
    if (!face_.rates.empty()) add(0, "");
    for (const Door& one : doors_) {
      const std::string name = one.name.substr(words_.prefix.size() + 1);
      if (one.calls == "descent_1_set_rate") add(1, "void " + name + "(double value) { " + call(name, "value") + "; }");
      if (one.calls == "descent_1_rate") one_line("double " + name + "() const", call(name, ""));
    }
  }

  void states() {
    static constexpr std::pair<DType, const char*> types[] = {{DType::f32, "DESCENT_F32"},
                                                              {DType::f64, "DESCENT_F64"},
                                                              {DType::i32, "DESCENT_I32"},
                                                              {DType::u8, "DESCENT_U8"},
                                                              {DType::boolean, "DESCENT_BOOL"}};
    if (!face_.states.empty()) add(0, "");
    for (const auto& [type, number] : types) {
      const bool has = std::any_of(face_.states.begin(), face_.states.end(),
                                   [type = type](const ModelState& state) { return state.type.dtype == type; });
      if (!has) continue;
      const std::string element = standard(cpp::memory_type(type)), number_text = number;
      const std::string check = "is_state(state, " + number_text + ", values.size())";
      add(1, "bool read(int state, std::span<" + element + "> values) {");
      add(2, "return " + check + " && done(" + call("read", "state, values.data()") + ");");
      add(1, "}");
      add(1, "bool write(int state, std::span<const " + element + "> values) {");
      add(2, "return " + check + " && done(" + call("write", "state, values.data()") + ");");
      add(1, "}");
    }
  }

  void weights() {
    add(0, "");
    add(1, "bool pack(std::span<std::uint8_t> bytes) {");
    add(2, "return agree(holds(bytes.size(), " + words_.upper + "_WEIGHTS_BYTES)) && done(" +
               call("pack", "bytes.data()") + ");");
    add(1, "}");
    add(1, "bool unpack(std::span<const std::uint8_t> bytes) {");
    add(2, "return done(" + call("unpack", "bytes.data(), static_cast<std::int64_t>(bytes.size())") + ");");
    add(1, "}");
    if (face_.bare) return;
    one_line("bool save(const char* path)", "done(" + call("save", "path") + ")");
    one_line("bool load(const char* path)", "done(" + call("load", "path") + ")");
  }

  void privates() {
    add(0, "");
    add(0, " private:");
    add(1, "struct Destroy {");
    add(2, "void operator()(" + words_.prefix + "_trainer* trainer) const { " + words_.prefix + "_destroy(trainer); }");
    add(1, "};");
    add(1, "static bool holds(std::size_t size, std::int64_t elements) {");
    add(2, "return static_cast<std::int64_t>(size) == elements;");
    add(1, "}");
    add(1, "bool agree(bool sizes) {");
    add(2, "wrong_ = sizes ? nullptr : \"the sizes of the spans do not agree with the shapes and with each other\";");
    add(2, "return sizes;");
    add(1, "}");
    add(1, "bool done(int status) {");
    add(2, "wrong_ = nullptr;");
    add(2, "return status == DESCENT_DONE;");
    add(1, "}");
    if (!face_.states.empty()) {
      add(1, "bool is_state(int state, int type, std::size_t size) {");
      add(2, "const bool is_one = state >= 0 && state < " + words_.upper + "_STATES && " + words_.prefix +
                 "_states[state].type == type && holds(size, " + words_.prefix + "_states[state].elements);");
      add(2, "wrong_ = is_one ? nullptr : \"there is no state of this number, type and size\";");
      add(2, "return is_one;");
      add(1, "}");
    }
    add(0, "");
    add(1, "std::unique_ptr<" + words_.prefix + "_trainer, Destroy> trainer_;");
    add(1, "const char* wrong_ = nullptr;");
  }

  const ModelFace& face_;
  const std::vector<Door>& doors_;
  const Words words_;
  cpp::Lines lines_;
};

}  // namespace

std::string class_of(const ModelFace& face, const std::vector<Door>& doors) { return ClassPrinter(face, doors).run(); }

}  // namespace descent::codegen
