// NAME.h, as text: what all models share, this model's constants, structs and functions in C99, and for C++20 a class.
#include "codegen/artifact.h"
#include "codegen/artifact_class.h"
#include "codegen/artifact_names.h"

namespace descent::codegen {

namespace {

// A comment of C, its lines at most 120 columns wide; nothing in the text can end it early.
std::string c_comment(const std::string& text) {
  constexpr std::size_t widest = 112;
  std::string made = "/* ", line;
  const auto end_line = [&](bool is_last) {
    made += line + (is_last ? " */\n" : "\n * ");
    line.clear();
  };
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '\n') {
      end_line(false);
      ++at;
      for (; at < text.size() && text[at] == ' '; ++at) line += ' ';
      continue;
    }
    const std::size_t end = std::min(text.find_first_of(" \n", at), text.size());
    std::string word = text.substr(at, end - at);
    for (std::size_t star = word.find("*/"); star != std::string::npos; star = word.find("*/"))
      word.insert(star + 1, " ");
    const bool is_first = line.find_first_not_of(' ') == std::string::npos;
    if (!is_first && line.size() + word.size() + 1 > widest) end_line(false);
    line += (line.empty() || line.back() == ' ' ? "" : " ") + word;
    at = end < text.size() && text[end] == ' ' ? end + 1 : end;
  }
  end_line(true);
  return made;
}

class HeaderPrinter {
 public:
  HeaderPrinter(const ModelFace& face, std::uint64_t contract)
      : face_(face), words_(words_of(face)), doors_(doors_of(face)), contract_(contract) {}

  std::string run() && {
    const std::string guard = "DESCENT_MODEL_" + words_.upper + "_H";
    opening();
    text_ += "#ifndef " + guard + "\n#define " + guard + "\n\n" + shared_part() + "\n";
    constants();
    states();
    text_ += "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n";
    structs();
    functions();
    text_ += "#ifdef __cplusplus\n}  // extern \"C\"\n#endif\n\n";
    text_ += class_of(face_, doors_);
    text_ += "#endif\n";
    return std::move(text_);
  }

 private:
  void opening() {
    std::string example = "\n  " + words_.prefix + "_trainer* trainer = " + words_.prefix + "_create(" + words_.upper +
                          "_CONTRACT, " + (face_.bare ? "memory" : "NULL") + ", 1);\n  " + words_.prefix +
                          "_init(trainer, 1);";
    text_ += c_comment("The model '" + face_.name + "', compiled from " + face_.source +
                       (face_.update() ? " together with its training" : "") +
                       ": native code behind functions of C, and for C++20 the class " + words_.scope + "::Trainer." +
                       example + "\nA trainer is for one thread at a time; any number of them live side by side. " +
                       "Functions that give int32_t give DESCENT_DONE or what was wrong.\n" +
                       "Written by `descent build`; changes here are lost.");
  }
  static std::string shared_part() {
    const std::string text = door_text();
    return text.substr(text.find("#ifndef"));
  }

  void constant(const std::string& name, const std::string& value) {
    text_ += "#define " + words_.upper + "_" + name + " " + value + "\n";
  }
  void constants() {
    char digits[17];
    std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(contract_));
    constant("CONTRACT", "UINT64_C(0x" + std::string(digits) + ")");
    constant("LARGEST_BATCH", std::to_string(face_.largest_batch));
    if (face_.accumulate > 1) constant("ACCUMULATE", std::to_string(face_.accumulate));
    constant("MEMORY_BYTES", std::to_string(memory_bytes_of(face_)));
    constant("MEMORY_ALIGNMENT", "64");
    std::int64_t weights = std::ssize(face_.weights_header);
    for (const ModelState& state : face_.states) {
      if (state.is_saved) weights += count(state.type.shape, face_.largest_batch) * size_of(state.type.dtype);
    }
    constant("WEIGHTS_BYTES", std::to_string(weights));
    constant("STATES", std::to_string(face_.states.size()));
    text_ += "\n";
  }
  void states() {
    if (face_.states.empty()) return;
    cpp::Names names;
    for (const char* name :
         {"CONTRACT", "LARGEST_BATCH", "ACCUMULATE", "MEMORY_BYTES", "MEMORY_ALIGNMENT", "WEIGHTS_BYTES", "STATES"}) {
      names.take(name);
    }
    text_ += c_comment("The states' numbers in " + words_.prefix + "_states.") + "enum {\n";
    for (std::size_t i = 0; i < face_.states.size(); ++i) {
      const ModelState& state = face_.states[i];
      const std::string name = names.take(upper_case(cpp::identifier(state.name)));
      text_ += "  " + words_.upper + "_" + name + " = " + std::to_string(i) + (i + 1 < face_.states.size() ? "," : "") +
               "  /* " + to_string(TensorType{state.type.dtype, state.type.shape, {}}) +
               (state.is_saved ? "" : ", the optimizer's") + " */\n";
    }
    text_ += "};\n\n";
  }

  void numbers(const std::string& name, const std::vector<std::string>& fields) {
    cpp::Names names(taken_words());
    const std::string type = words_.prefix + "_" + name;
    names.take(type);
    text_ += "typedef struct " + type + " {\n";
    for (const std::string& field : fields) text_ += "  double " + names.take(cpp::identifier(field)) + ";\n";
    if (fields.empty()) text_ += "  double unused;\n";
    text_ += "} " + type + ";\n\n";
  }
  void structs() {
    text_ += "typedef struct " + words_.prefix + "_trainer " + words_.prefix + "_trainer;\n\n";
    if (face_.update()) numbers("losses", losses_of(face_));
    if (face_.entry("evaluate")) numbers("metrics", metrics_of(face_));
    if (face_.states.empty()) return;
    text_ += "extern const DescentState " + words_.prefix + "_states[" + words_.upper + "_STATES];\n\n";
  }

  void functions() {
    for (std::size_t i = 0; i < doors_.size(); ++i) {
      const Door& door = doors_[i];
      if (!door.comment.empty()) text_ += c_comment(door.comment);
      std::string parameters;
      for (const Parameter& parameter : door.parameters) {
        parameters += (parameters.empty() ? "" : ", ") + parameter.type + " " + parameter.name;
      }
      cpp::Lines lines;
      lines.add(0, door.result + " " + door.name + "(" + (parameters.empty() ? "void" : parameters) + ");");
      text_ += std::move(lines).take();
      const bool goes_on = i + 1 < doors_.size() && doors_[i + 1].comment.empty();
      if (!goes_on) text_ += "\n";
    }
  }

  const ModelFace& face_;
  const Words words_;
  const std::vector<Door> doors_;
  const std::uint64_t contract_;
  std::string text_;
};

// Fowler, Noll and Vo's hash of 64 bits.
std::uint64_t hash_of(const std::string& text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace

std::vector<std::string> losses_of(const ModelFace& face) {
  std::vector<std::string> names;
  if (const ModelEntry* step = face.update()) {
    for (const ModelPort& port : step->outputs) {
      if (port.kind == ModelPort::Kind::number) names.push_back(port.name);
    }
  }
  return names;
}

std::uint64_t contract_of(const ModelFace& face) { return hash_of(HeaderPrinter(face, 0).run()); }
std::string header_of(const ModelFace& face) { return HeaderPrinter(face, contract_of(face)).run(); }

}  // namespace descent::codegen
