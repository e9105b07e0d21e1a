// Names that a C library has in the one global scope of C, which a header for every program must leave alone.
#pragma once

#include <string_view>

namespace descent::codegen {

// time, index, signal, errno: no namespace of C++ may be called so where the headers of C are included.
bool is_library_name(std::string_view name);
// timer, sem: NAME_create or the like is a function of the library.
bool is_library_family(std::string_view name);

}  // namespace descent::codegen
