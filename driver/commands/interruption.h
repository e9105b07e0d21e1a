// SIGINT and SIGTERM while something runs that can be saved: the first asks it to stop where it can go on, the second
// ends the process at once.
#pragma once

namespace descent::command {

// From here on the first signal is only noted. One that the process was started to ignore stays ignored.
void watch_for_interruption();

// The signal that came; 0: none.
int interruption();

// Ends the process as that signal ends one, so that a shell sees 130 or 143 and stops a script or a loop.
[[noreturn]] void end_by(int signal);

}  // namespace descent::command
