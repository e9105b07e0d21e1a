// Loop programs from text, for tests: parsed and, unless asked otherwise, verified.
#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "ir/loop.h"

namespace descent::test {

inline SourceRef loop_source(std::string text) {
  return std::make_shared<const Source>(Source{"test.loop", std::move(text)});
}

inline loop::Program parsed_loop(const std::string& text) {
  Result<loop::Program> program = loop::parse_program(loop_source(text));
  if (!program.ok()) FAIL(render(program.errors()));
  return std::move(program).value();
}

inline loop::Program verified_loop(const std::string& text) {
  loop::Program program = parsed_loop(text);
  const Diagnostics diagnostics = loop::verify(program);
  if (!diagnostics.empty()) FAIL(render(diagnostics));
  return program;
}

}  // namespace descent::test
