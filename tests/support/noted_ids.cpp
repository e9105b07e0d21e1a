// Part of the command that the golden transcripts run: what it prints goes through here, and the ids of the
// diagnostics, which no message shows, are added to the file that DESCENT_NOTED_IDS names. The linker's --wrap puts
// this function in front of render, so the rest of the command is the very one that users have.
#include <cstdlib>
#include <fstream>

#include "ir/diagnostics.h"

namespace descent {

std::string real_render(std::span<const Diagnostic> diagnostics, bool colour) asm(
    "__real__ZN7descent6renderB5cxx11ESt4spanIKNS_10DiagnosticELm18446744073709551615EEb");
std::string noting_render(std::span<const Diagnostic> diagnostics, bool colour) asm(
    "__wrap__ZN7descent6renderB5cxx11ESt4spanIKNS_10DiagnosticELm18446744073709551615EEb");

std::string noting_render(std::span<const Diagnostic> diagnostics, bool colour) {
  if (const char* path = std::getenv("DESCENT_NOTED_IDS")) {
    std::ofstream file(path, std::ios::app);
    for (const Diagnostic& diagnostic : diagnostics) file << std::string_view(diagnostic.id) << '\n';
  }
  return real_render(diagnostics, colour);
}

}  // namespace descent
