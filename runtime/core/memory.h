// memcpy and memset, all that the bare build asks for: also where there is no C library with a header.
#pragma once

#include <stddef.h>

#if __has_include(<string.h>)
#include <string.h>
#else
extern "C" void* memcpy(void* to, const void* from, size_t bytes);
extern "C" void* memset(void* to, int byte, size_t bytes);
#endif
