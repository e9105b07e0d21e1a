// A handler that notes the signal and gives both their default meaning back.
#include "driver/commands/interruption.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace descent::command {
namespace {

constexpr int watched[] = {SIGINT, SIGTERM};

// All that a handler may touch.
volatile std::sig_atomic_t& noted() {
  static volatile std::sig_atomic_t signal = 0;
  return signal;
}

void restore_defaults() {
  struct sigaction plain{};
  plain.sa_handler = SIG_DFL;
  for (const int signal : watched) ::sigaction(signal, &plain, nullptr);
}

void note(int signal) {
  noted() = signal;
  restore_defaults();
}

}  // namespace

void watch_for_interruption() {
  struct sigaction watching{};
  watching.sa_handler = note;
  watching.sa_flags = SA_RESTART;
  for (const int signal : watched) {
    struct sigaction before{};
    if (::sigaction(signal, nullptr, &before) == 0 && before.sa_handler == SIG_DFL) {
      ::sigaction(signal, &watching, nullptr);
    }
  }
}

int interruption() { return noted(); }

void end_by(int signal) {
  std::fflush(nullptr);
  restore_defaults();
  std::raise(signal);
  std::_Exit(128 + signal);
}

}  // namespace descent::command
