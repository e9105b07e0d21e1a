// Errors of the data readers as values: what is wrong, in which file, on which line. Nothing throws out of this room.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace descent::data {

struct Error {
  std::string file;                  // as the user called it; empty: not about a file
  std::optional<std::int64_t> line;  // from 1, of a text file
  std::string message;               // lower case; expected, then found
};

// "iris.csv:3: column 5: expected a number, found 'setosa'"
inline std::string to_string(const Error& error) {
  std::string text = error.file;
  if (error.line) text += ":" + std::to_string(*error.line);
  return text.empty() ? error.message : text + ": " + error.message;
}

// A T or an error.
template <class T>
class [[nodiscard]] Expected {
 public:
  Expected(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Expected(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& operator*() & { return std::get<0>(state_); }
  const T& operator*() const& { return std::get<0>(state_); }
  T&& operator*() && { return std::get<0>(std::move(state_)); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }
  const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

}  // namespace descent::data
