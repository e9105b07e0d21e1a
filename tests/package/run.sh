#!/usr/bin/env bash
# The library as other projects get it: installed and moved, and as a folder of theirs. Builds and runs examples/host
# with both, and the model of examples/cmake_app beside it in the same project. usage: run.sh TREE BUILD COMPILER
set -euo pipefail
tree=$1 build=$2 compiler=$3
work=$(mktemp -d)
inside=$tree/build-package # beside the build folder: so ccache finds what was compiled there
trap 'rm -rf "$work" "$inside"' EXIT

fail() {
  echo "error: $*" >&2
  exit 1
}

# A copy of the example among headers that are called like ours, with what must not have changed around it.
mkdir -p "$work/host/decoys/"{ir,runtime/data}
cp "$tree"/examples/host/* "$work/host"
cp -r "$tree/examples/cmake_app" "$work/host/circles"
for header in ir/diagnostics.h ir/type.h runtime/data/array.h runtime/data/error.h; do
  echo '#error "a header of another project"' >"$work/host/decoys/$header"
done
cat >>"$work/host/CMakeLists.txt" <<'CMAKE'
target_include_directories(spirals BEFORE PRIVATE decoys)
foreach(property COMPILE_OPTIONS COMPILE_DEFINITIONS LINK_OPTIONS INCLUDE_DIRECTORIES TESTS)
  get_property(value DIRECTORY PROPERTY ${property})
  if(NOT "${value}" STREQUAL "")
    message(FATAL_ERROR "${property} of the project has become '${value}'")
  endif()
endforeach()
if(DEFINED CMAKE_CXX_STANDARD OR CMAKE_BUILD_TYPE)
  message(FATAL_ERROR "settings of the project have changed")
endif()
add_executable(circles circles/main.cpp)
target_compile_features(circles PRIVATE cxx_std_20)
descent_add_model(circles circles/circles.descent BATCH 32)
CMAKE

# Builds and runs the example; it must learn and go on alike.
check_host() {
  local folder=$1
  shift
  cmake -S "$work/host" -B "$folder" -G Ninja -DCMAKE_CXX_COMPILER="$compiler" "$@" >"$work/log" || fail "$(cat "$work/log")"
  cmake --build "$folder" --target spirals circles >"$work/log" || fail "$(cat "$work/log")"
  (cd "$work" && "$folder/spirals") | tee "$work/said"
  grep -q 'step 800: loss 0\.0' "$work/said" || fail "the example does not learn"
  grep -q 'takes the same step' "$work/said" || fail "the example does not resume"
  (cd "$work" && "$folder/circles") >"$work/said"
  grep -q 'on the outer ring' "$work/said" || fail "the program with a compiled model does not work"
  local foreign
  foreign=$(grep -E '^[A-Za-z_]+:BOOL=' "$folder/CMakeCache.txt" | grep -vE '^(CMAKE|DESCENT|LLVM)_' || true)
  [ -z "$foreign" ] || fail "options without a prefix: $foreign"
}

cmake --install "$build" --prefix "$work/first" >/dev/null
mv "$work/first" "$work/prefix"
if grep -rlE "$tree|$build|$work/first" "$work/prefix" --include='*.cmake' --include='*.h'; then
  fail "installed files name the folder in which they were built"
fi
for header in $(cd "$work/prefix/include" && find . -name '*.h'); do
  echo "#include <$header>" | "$compiler" -std=c++20 -fsyntax-only -Wall -Wextra -Werror -I "$work/prefix/include" -x c++ - ||
    fail "$header does not compile alone"
done
"$work/prefix/bin/descent" inspect "$tree/examples/01_xor.descent" --stage graph >/dev/null

check_host "$work/installed" -DCMAKE_PREFIX_PATH="$work/prefix"
if ! command -v ccache >/dev/null; then
  echo "without ccache the checkout is not built a second time"
  exit 0
fi
check_host "$inside" -DDESCENT_CHECKOUT="$tree" -DDESCENT_WARNINGS_AS_ERRORS=ON
