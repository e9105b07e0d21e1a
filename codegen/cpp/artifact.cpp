#include "codegen/cpp/artifact.h"

#include "codegen/artifact_names.h"
#include "codegen/cpp/text.h"
#include "ir/match.h"

namespace descent::codegen::cpp {
namespace {

std::string field_text(const Field& field) {
  return match(
      field,
      [](const Whole& whole) {
        if (whole.value == INT64_MIN) return std::string("INT64_MIN");
        return std::to_string(whole.value);
      },
      [](double value) {
        if (value != value) return std::string("__builtin_nan(\"\")");
        if (value - value != 0) return std::string(value < 0 ? "-" : "") + "__builtin_inf()";
        return literal(value, DType::f64);
      },
      [](const TextPointer& text) { return quoted(text.text); },
      [](const TablePointer& to) {
        return to.table.empty() ? std::string("nullptr") : "model_" + to.table + " + " + std::to_string(to.row);
      },
      [](const EntryPointer& to) { return to.entry.empty() ? std::string("nullptr") : "entry_" + to.entry; });
}

// The contract is a number without a sign.
std::string row_text(const Table& table, const std::vector<Field>& row) {
  std::string text;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const auto* whole = std::get_if<Whole>(&row[i]);
    const bool is_contract = table.type == "DescentModel" && i == 1 && whole != nullptr;
    text += (text.empty() ? "" : ", ") +
            (is_contract ? std::to_string(static_cast<std::uint64_t>(whole->value)) + "u" : field_text(row[i]));
  }
  return row.size() == 1 ? text : "{" + text + "}";
}

std::string parameters_of(const Door& door) {
  std::string text;
  for (const Parameter& parameter : door.parameters) {
    text += (text.empty() ? "" : ", ") + parameter.type + " " + parameter.name;
  }
  return text;
}

std::string argument_text(const Door& door, const Door::Passed& passed) {
  const Parameter& parameter = door.parameters[passed.parameter];
  if (parameter.name == "losses" || parameter.name == "metrics") {
    return "reinterpret_cast<double*>(" + parameter.name + ")";
  }
  if (passed.parameter > 0 || door.parameters.empty() || parameter.name != "trainer") return parameter.name;
  const bool is_read = parameter.type.starts_with("const ");
  return std::string("reinterpret_cast<") + (is_read ? "const " : "") + "DescentTrainer*>(trainer)";
}

}  // namespace

std::string artifact_data(const ModelFace& face) {
  Lines lines;
  lines.add_as_it_is("\n// The model as data; descent_model.h says what it means.\n");
  for (const Table& table : tables_of(face)) {
    if (!table.symbol.empty()) {
      lines.add_as_it_is("\n}  // namespace\n\nextern \"C\" const " + table.type + " " + table.symbol + "[];\n");
    }
    const std::string name = table.symbol.empty() ? "model_" + table.name : table.symbol;
    lines.add(0, "const " + table.type + " " + name + "[] = {");
    for (const auto& row : table.rows) lines.add(1, row_text(table, row) + ",");
    lines.add(0, "};");
    if (table.symbol.empty()) continue;
    lines.add_as_it_is("\nnamespace {\n\nconst " + table.type + "* const model_" + table.name + " = " + table.symbol +
                       ";\n");
  }
  return std::move(lines).take();
}

std::string artifact_functions(const ModelFace& face) {
  const Words words = words_of(face);
  Lines lines;
  for (const char* type : {"trainer", "losses", "metrics"}) {
    lines.add(0, "struct " + words.prefix + "_" + type + ";");
  }
  for (const Door& door : doors_of(face)) {
    lines.add_as_it_is("\n");
    lines.add(0, door.result + " " + door.name + "(" + parameters_of(door) + ") {");
    std::string arguments;
    for (const auto& argument : door.arguments) {
      const std::string text = match(
          argument, [&](const Door::Passed& passed) { return argument_text(door, passed); },
          [&](const Door::Pack& pack) {
            if (pack.first == pack.last) return std::string("nullptr");
            const bool is_input = door.parameters[pack.first].type.starts_with("const ");
            const std::string name = is_input ? "inputs_of_model" : "outputs_of_model";
            std::string values;
            for (std::size_t i = pack.first; i < pack.last; ++i) {
              values += (values.empty() ? "" : ", ") + door.parameters[i].name;
            }
            lines.add(1,
                      std::string(is_input ? "const void* const " : "void* const ") + name + "[] = {" + values + "};");
            return name;
          },
          [](const Door::Constant& number) { return std::to_string(number.value); },
          [](const Door::Model&) { return std::string("model_model"); });
      arguments += (arguments.empty() ? "" : ", ") + text;
    }
    const std::string call = door.calls + "(" + arguments + ")";
    const bool is_trainer = door.result.ends_with("_trainer*");
    lines.add(1, door.result == "void" ? call + ";"
                 : is_trainer          ? "return reinterpret_cast<" + door.result + ">(" + call + ");"
                                       : "return " + call + ";");
    lines.add(0, "}");
  }
  return std::move(lines).take();
}

}  // namespace descent::codegen::cpp
