#include "frontend/habits.h"

#include <array>

namespace descent::frontend {

namespace {

// A longer sign stands before its beginning.
constexpr std::array foreign_signs = {
    Habit{"&&", "'and'"},
    Habit{"&", "'and'"},
    Habit{"||", "'or'"},
    Habit{"|", "'or'"},
    Habit{"!", "'not'"},
    Habit{";", "the end of the line"},
    Habit{"@", "a matrix product as a sum, y[i, j] = sum[k](x[i, k] * w[k, j]), or as linear(x, n)"},
    Habit{"%", "a - b * (a // b) for the remainder of sizes"},
    Habit{"?", "if condition then a else b"},
    Habit{"\\", "an operator or an open bracket to continue the line"},
    Habit{"\u201c", "a text in plain quotes", "\u201d"},
    Habit{"\u201d", "a text in plain quotes"},
    Habit{"\u2018", "a text in plain quotes", "\u2019"},
    Habit{"\u2019", "a text in plain quotes"},
    Habit{"\u2212", "'-'"},
    Habit{"\u2013", "'-'"},
    Habit{"\u00d7", "'*'"},
    Habit{"\u00b7", "'*'"},
    Habit{"\u00f7", "'/'"},
    Habit{"\u2264", "'<='"},
    Habit{"\u2265", "'>='"},
    Habit{"\u2260", "'!='"},
    Habit{"\u00b2", "'^2'"},
    Habit{"\u2026", "'...'"},
    Habit{"\u2211", "sum[i](…)"},
    Habit{"\u00a0", "a plain blank"},
};

constexpr std::string_view function = "'fn', which begins a function";
constexpr std::string_view definition = "name = value";
constexpr std::string_view loop = "index notation, y[b, i] = …, which runs over all points";
constexpr std::array foreign_words = {
    Habit{"def", function},
    Habit{"func", function},
    Habit{"function", function},
    Habit{"lambda", function},
    Habit{"let", definition},
    Habit{"var", definition},
    Habit{"val", definition},
    Habit{"const", definition},
    Habit{"auto", definition},
    Habit{"float", definition},
    Habit{"int", definition},
    Habit{"for", loop},
    Habit{"while", loop},
    Habit{"if", "name = if condition then a else b"},
    Habit{"class", "'model'"},
    Habit{"struct", "'model'"},
    Habit{"print", "output name = value"},
    Habit{"from", "import \"file\""},
    Habit{"include", "import \"file\""},
    Habit{"pass", "a statement"},
};

}  // namespace

const Habit* foreign_sign(std::string_view text) {
  for (const Habit& habit : foreign_signs) {
    if (text.starts_with(habit.found)) return &habit;
  }
  return nullptr;
}

std::string_view instead_of_statement(std::string_view word) {
  for (const Habit& habit : foreign_words) {
    if (habit.found == word) return habit.expected;
  }
  return {};
}

std::string instead_of_number(std::string_view text) {
  if (text.starts_with('.')) return "a digit before the point";
  if (text.ends_with('.')) return "a digit after the point";
  if (text.starts_with("0x") || text.starts_with("0b")) return "a decimal number";
  if (text.find('_') != std::string_view::npos) return "a number without '_'";
  const std::size_t letters = text.find_first_not_of("0123456789.");
  const std::string_view rest = text.substr(letters);
  if (rest == "e" || rest == "E") return "digits after the 'e'";
  if (rest.size() == 1) return "a number without a suffix (it takes the type of what it meets)";
  return "a number, or a name that does not begin with a digit";
}

}  // namespace descent::frontend
