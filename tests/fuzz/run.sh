#!/usr/bin/env bash
# Runs the fuzz targets that build-address holds, two at a time, and prints a table. Corpora stay in
# build-address/corpus; a finding in build-address/findings, with the command that repeats it.
#
#   tests/fuzz/run.sh SECONDS [TARGET…]
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=$1
shift
targets=("$@")
if [ $# -eq 0 ]; then # all that are built
  for program in build-address/tests/fuzz/fuzz_*; do
    if [ -x "$program" ] && [ "${program##*/}" != fuzz_seeds ]; then targets+=("${program##*/fuzz_}"); fi
  done
fi

# Beyond these an input is a finding: seconds for one, MB of memory in all and in one piece. A sanitizer makes code
# several times slower and larger, and an input has at most 4 kB. Whoever is stopped from outside has found nothing.
limits=(-timeout=60 -rss_limit_mb=2048 -malloc_limit_mb=1024 -max_len=4096 -handle_int=0 -handle_term=0)
# Deep recursion is slow with fake stacks, and what they find the plain ones of a recursive descent hardly hide.
export ASAN_OPTIONS=detect_stack_use_after_return=0:malloc_context_size=4:quarantine_size_mb=16

fuzz_one() {
  local target=$1 folder
  for folder in corpus findings; do mkdir -p "build-address/$folder/$target"; done
  local seeds=("build-address/corpus/$target" "build-address/seeds/$target")
  if [ -d "tests/fuzz/regressions/$target" ]; then seeds+=("tests/fuzz/regressions/$target"); fi
  "build-address/tests/fuzz/fuzz_$target" "${seeds[@]}" -dict="build-address/seeds/$target.dict" "${limits[@]}" \
    -max_total_time="$seconds" -print_final_stats=1 -artifact_prefix="build-address/findings/$target/" \
    >"build-address/$target.log" 2>&1 || true
}

# The figure behind a name in libFuzzer's last lines.
stat_of() { awk -v name="stat::$2:" '$1 == name { value = $2 } END { print value + 0 }' "build-address/$1.log"; }

rm -rf build-address/seeds
build-address/tests/fuzz/fuzz_seeds build-address/seeds
for target in "${targets[@]}"; do rm -rf "build-address/findings/$target"; done
for target in "${targets[@]}"; do
  while [ "$(jobs -pr | wc -l)" -ge 2 ]; do wait -n; done
  fuzz_one "$target" &
done
wait

failed=0
printf '%-12s %12s %8s %8s %9s\n' target runs runs/s corpus findings
for target in "${targets[@]}"; do
  found=("build-address/findings/$target"/*)
  if [ -e "${found[0]}" ]; then count=${#found[@]}; else count=0; fi
  printf '%-12s %12s %8s %8s %9s\n' "$target" "$(stat_of "$target" number_of_executed_units)" \
    "$(stat_of "$target" average_exec_per_sec)" "$(find "build-address/corpus/$target" -type f | wc -l)" "$count"
  if [ "$count" -gt 0 ]; then
    failed=1
    for file in "${found[@]}"; do
      echo "  repeat:   build-address/tests/fuzz/fuzz_$target $file"
      echo "  minimise: build-address/tests/fuzz/fuzz_$target -minimize_crash=1 -runs=100000 $file"
    done
  elif ! grep -q "^Done " "build-address/$target.log"; then
    failed=1
    echo "  did not run: see build-address/$target.log"
  fi
done
exit $failed
