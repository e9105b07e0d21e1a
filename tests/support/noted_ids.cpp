// Part of the command that the golden transcripts run: what it prints goes through here, and the ids of the
// diagnostics, which no message shows, are added to the file that DESCENT_NOTED_IDS names. The linker's --wrap puts
// these functions in front of render and render_warnings, so the rest of the command is the very one that users have.
#include <cstdlib>
#include <fstream>

#include "ir/diagnostics.h"

namespace descent {

std::string real_render(std::span<const Diagnostic> diagnostics, bool colour) asm(
    "__real__ZN7descent6renderB5cxx11ESt4spanIKNS_10DiagnosticELm18446744073709551615EEb");
std::string noting_render(std::span<const Diagnostic> diagnostics, bool colour) asm(
    "__wrap__ZN7descent6renderB5cxx11ESt4spanIKNS_10DiagnosticELm18446744073709551615EEb");

std::string real_warnings(std::span<const Diagnostic> warnings, bool colour) asm(
    "__real__ZN7descent15render_warningsB5cxx11ESt4spanIKNS_10DiagnosticELm18446744073709551615EEb");
std::string noting_warnings(std::span<const Diagnostic> warnings, bool colour) asm(
    "__wrap__ZN7descent15render_warningsB5cxx11ESt4spanIKNS_10DiagnosticELm18446744073709551615EEb");

static void note_ids(std::span<const Diagnostic> diagnostics) {
  const char* path = std::getenv("DESCENT_NOTED_IDS");
  if (!path) return;
  std::ofstream file(path, std::ios::app);
  for (const Diagnostic& diagnostic : diagnostics) file << std::string_view(diagnostic.id) << '\n';
}

std::string noting_render(std::span<const Diagnostic> diagnostics, bool colour) {
  note_ids(diagnostics);
  return real_render(diagnostics, colour);
}

std::string noting_warnings(std::span<const Diagnostic> warnings, bool colour) {
  note_ids(warnings);
  return real_warnings(warnings, colour);
}

}  // namespace descent
