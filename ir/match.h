// `std::visit` wrapped once: match(variant, [](const A&) {…}, [](const B&) {…}). No catch-all, so that the compiler
// lists what a new alternative must teach.
#pragma once

#include <utility>
#include <variant>

namespace descent {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

template <class Variant, class... Cases>
decltype(auto) match(Variant&& variant, Cases&&... cases) {
  return std::visit(Overloaded{std::forward<Cases>(cases)...}, std::forward<Variant>(variant));
}

}  // namespace descent
