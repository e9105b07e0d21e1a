// Parses rules, finds for each weight of the model its tensor in the file.
#include "driver/weight_map.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>

#include "driver/program.h"
#include "fmt/format.h"
#include "runtime/data/file.h"

namespace descent {
namespace {

constexpr std::string_view nothing = "-";      // the left side of a rule that passes tensors over
constexpr std::int64_t largest_map = 1 << 20;  // bytes

std::string trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t\r") - first + 1));
}

// What the star of the pattern stands for in the name; empty where there is no star. Nothing: it does not match.
std::optional<std::string> matched(std::string_view pattern, std::string_view name) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == name ? std::optional<std::string>("") : std::nullopt;
  const std::string_view before = pattern.substr(0, star), behind = pattern.substr(star + 1);
  if (name.size() < before.size() + behind.size() || !name.starts_with(before) || !name.ends_with(behind)) return {};
  return std::string(name.substr(before.size(), name.size() - before.size() - behind.size()));
}

std::string filled(std::string pattern, const std::string& star) {
  const std::size_t at = pattern.find('*');
  return at == std::string::npos ? pattern : pattern.replace(at, 1, star);
}

std::vector<std::string> saved_names(const Program& program) {
  std::vector<std::string> names;
  for (const StateDeclaration& state : states_of(program)) {
    if (is_saved(state)) names.push_back(state.name);
  }
  return names;
}

std::vector<std::string> names_in(const data::Tensors& tensors) {
  std::vector<std::string> names;
  for (const auto& [name, array] : tensors.arrays) names.push_back(name);
  return names;
}

}  // namespace

data::Array transposed(const data::Array& matrix) {
  const auto rows = static_cast<std::size_t>(matrix.shape[0]), columns = static_cast<std::size_t>(matrix.shape[1]);
  const auto size = static_cast<std::size_t>(data::size_of(matrix.dtype));
  data::Array result = data::zeros(matrix.dtype, {matrix.shape[1], matrix.shape[0]});
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < columns; ++j) {
      std::memcpy(result.bytes.data() + (j * rows + i) * size, matrix.bytes.data() + (i * columns + j) * size, size);
    }
  }
  return result;
}

Result<WeightMap> WeightMap::parse(std::span<const std::string> texts) {
  WeightMap map;
  for (const std::string& text : texts) {
    Diagnostics wrong = text.find('=') == std::string::npos ? map.add_file(text) : map.add(text);
    if (!wrong.empty()) return wrong;
  }
  return map;
}

Diagnostics WeightMap::add_file(const std::string& path) {
  const data::Expected<data::Bytes> bytes = data::read_file(path, largest_map);
  if (!bytes) return {diagnostic("bad-map", {}, data::to_string(bytes.error()))};
  std::string_view rest = data::text_of(*bytes);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string line = trimmed(rest.substr(0, end).substr(0, rest.substr(0, end).find('#')));
    if (!line.empty()) {
      if (Diagnostics wrong = add(line); !wrong.empty()) return wrong;
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return {};
}

Diagnostics WeightMap::add(std::string text) {
  const std::size_t equals = text.find('=');
  Rule rule{equals == std::string::npos ? "" : trimmed(std::string_view(text).substr(0, equals)),
            equals == std::string::npos ? "" : trimmed(std::string_view(text).substr(equals + 1)), false, text};
  if (rule.theirs.ends_with("^T")) {
    rule.theirs = trimmed(std::string_view(rule.theirs).substr(0, rule.theirs.size() - 2));
    rule.transposed = true;
  }
  const auto stars = [](const std::string& side) { return std::count(side.begin(), side.end(), '*'); };
  const bool passes_over = rule.ours == nothing;
  if (rule.ours.empty() || rule.theirs.empty() || stars(rule.ours) > 1 || stars(rule.theirs) > 1 ||
      (!passes_over && stars(rule.ours) != stars(rule.theirs))) {
    return {
        diagnostic("bad-map", {},
                   fmt::format("a map wants OURS=THEIRS, OURS=THEIRS^T or -=THEIRS, with at most one * on a side and "
                               "as many on the other, found '{}'",
                               text))};
  }
  rules_.push_back(std::move(rule));
  return {};
}

// The tensor that a rule gives a weight, as the model has it; `theirs`: its name in the file.
Result<data::Array> WeightMap::placed(const Rule& rule, const std::string& theirs, const data::Tensors& tensors,
                                      const std::string& path) {
  const auto found = tensors.arrays.find(theirs);
  if (found == tensors.arrays.end()) {
    return diagnostic("bad-map", {}, fmt::format("'{}': '{}' holds no '{}'", rule.text, path, theirs),
                      did_you_mean(theirs, names_in(tensors)));
  }
  if (!rule.transposed) return found->second;
  if (found->second.shape.size() == 2) return transposed(found->second);
  return diagnostic("bad-map", {},
                    fmt::format("'{}': ^T wants a matrix, and '{}' is {}", rule.text, theirs, describe(found->second)));
}

// What no rule took keeps its name, unless a rule passes it over.
Diagnostics WeightMap::add_rest(data::Tensors& result, const std::set<std::string>& taken, data::Tensors& tensors,
                                const std::string& path) const {
  for (auto& [name, array] : tensors.arrays) {
    const bool passed_over = std::any_of(rules_.begin(), rules_.end(), [&, &theirs = name](const Rule& rule) {
      return rule.ours == nothing && matched(rule.theirs, theirs);
    });
    if (taken.contains(name) || passed_over || result.arrays.emplace(name, std::move(array)).second) continue;
    return {diagnostic("bad-map", {}, fmt::format("'{}' holds '{}' itself, which no rule takes", path, name),
                       {{{}, fmt::format("'-={}' passes it over", name)}})};
  }
  return {};
}

Result<data::Tensors> WeightMap::apply(const Program& program, data::Tensors tensors, const std::string& path) const {
  if (rules_.empty()) return tensors;
  Diagnostics wrong;
  data::Tensors result;
  std::set<std::string> taken;
  std::set<const Rule*> used;
  const std::vector<std::string> wanted = saved_names(program);
  for (const std::string& name : wanted) {
    const auto rule = std::find_if(rules_.begin(), rules_.end(),
                                   [&](const Rule& each) { return matched(each.ours, name).has_value(); });
    if (rule == rules_.end()) continue;
    used.insert(&*rule);
    const std::string theirs = filled(rule->theirs, *matched(rule->ours, name));
    Result<data::Array> array = placed(*rule, theirs, tensors, path);
    if (!array) {
      wrong.push_back(array.errors().front());
      continue;
    }
    taken.insert(theirs);
    result.arrays.emplace(name, std::move(*array));
  }
  for (const Rule& rule : rules_) {
    if (rule.ours == nothing || used.contains(&rule)) continue;
    const bool is_known = std::find(wanted.begin(), wanted.end(), rule.ours) != wanted.end();
    wrong.push_back(diagnostic("bad-map", {},
                               fmt::format("'{}': model '{}' has no weight '{}' that an earlier rule has not placed",
                                           rule.text, program.name(), rule.ours),
                               is_known ? std::vector<Note>{} : did_you_mean(rule.ours, wanted)));
  }
  if (!wrong.empty()) return wrong;
  if (wrong = add_rest(result, taken, tensors, path); !wrong.empty()) return wrong;
  return result;
}

}  // namespace descent
