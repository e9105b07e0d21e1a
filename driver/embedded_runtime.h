// The core runtime as an archive of object files for this machine, carried in this program's own data.
#pragma once

#include <string_view>

namespace descent {

std::string_view embedded_runtime(bool bare);

}  // namespace descent
