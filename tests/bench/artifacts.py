#!/usr/bin/env python3
"""What a step of `descent build`'s artifacts takes: LLVM's object file, and the printed C++ by g++ and clang++.

usage: artifacts.py DESCENT [--seconds S] [--runs N] [MODEL…]     models of tests/bench/models, all without a name

Each trains by NAME_train on random batches in memory, one process after the other in turns; a run begins with another
environment, for where the stack lies changes small steps by a tenth. Prints the least and the median time of a step
and both as ratios to the object file's. Fails where two of them leave different losses.
"""
import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

MODELS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "models")
NAMES = ["xor", "logreg", "seed", "mlp64", "mlp128"]
FLAGS = "-std=c++17 -O2 -march=native -ffp-contract=off -c"
PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "NAME.h"
static double now(void) {
  struct timespec t;
  timespec_get(&t, TIME_UTC);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
int main(int count, char** arguments) {
  const int batches = BATCHES, rows = BATCH * batches, epochs = 64 / batches + 1;
  float* x = malloc(sizeof(float) * rows * WIDTH);
  LABEL* y = malloc(sizeof(LABEL) * rows);
  for (int i = 0; i < rows * WIDTH; ++i) x[i] = (float)((unsigned)i * 2654435761u % 1000) / 1000;
  for (int i = 0; i < rows; ++i) y[i] = (LABEL)(i * 7 % 11 % CLASSES);
  NAME_trainer* trainer = NAME_create(UPPER_CONTRACT, NULL, 1);
  NAME_losses losses;
  if (count < 2 || !trainer || NAME_init(trainer, 1) || NAME_train(trainer, 4, rows, x, y, NULL, &losses)) return 1;
  printf("%.17g ", losses.LOSS);
  double least = 1e9;
  for (const double end = now() + atof(arguments[1]); now() < end;) {
    const double begin = now();
    if (NAME_train(trainer, epochs, rows, x, y, NULL, &losses)) return 1;
    const double step = (now() - begin) / epochs / batches;
    if (step < least) least = step;
  }
  printf("%.6f\n", 1e6 * least);
  return 0;
}
"""


def run(command, folder):
    done = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{command}\n{done.stdout}{done.stderr}")


def build(descent, name, folder):
    """The programs of a model, by the form of their artifact."""
    path = os.path.join(MODELS, name + ".descent")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    number = lambda pattern: int(re.search(pattern, text).group(1))
    is_small = not name.startswith("mlp")
    label = re.search(r"input\s+y\s*:\s*i32.*\.\.<\s*(\d+)", text)
    words = {
        "BATCHES": 64 if is_small else 24, "BATCH": number(r"batch\s*=\s*(\d+)"),
        "WIDTH": number(r"input\s+x\s*:\s*f32\[batch, (\d+)\]"), "LABEL": "int32_t" if label else "float",
        "CLASSES": label.group(1) if label else 2, "LOSS": re.search(r"loss\s+(\w+)", text).group(1),
    }
    with open(os.path.join(folder, name + "_main.c"), "w", encoding="utf-8") as file:
        file.write(PROGRAM.replace("NAME", name).replace("UPPER", name.upper()))
    defines = " ".join(f"-D{key}={value}" for key, value in words.items())
    programs = {}

    def link(form):
        run(f"cc -O2 -I. {defines} {name}_main.c {name}_{form}.o runtime.a -pthread -o {name}_{form}", folder)
        programs[form] = f"./{name}_{form}"

    run(f"{descent} runtime -o runtime.a", folder)
    run(f"{descent} build {path} -o {name}_object.o --header {name}.h", folder)
    link("object")
    run(f"{descent} build {path} -o {name}.cpp", folder)
    for form, compiler in (("g++", "g++"), ("clang++", "clang++-19")):
        if shutil.which(compiler):
            run(f"{compiler} {FLAGS} {name}.cpp -o {name}_{form}.o", folder)
            link(form)
    return programs


def measure(programs, folder, seconds, runs):
    times, losses = {form: [] for form in programs}, {}
    for turn in range(runs):
        for form, program in programs.items():
            environment = dict(os.environ, PADDING="x" * (16 * turn + turn * 37 % 64 * 8))
            said = subprocess.run([program, str(seconds)], cwd=folder, env=environment, capture_output=True, text=True)
            if said.returncode:
                sys.exit(f"{program} failed: {said.stdout}{said.stderr}")
            loss, step = said.stdout.split()
            if losses.setdefault("loss", loss) != loss:
                sys.exit(f"{program}: loss {loss}, others have {losses['loss']}")
            times[form].append(float(step))
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("descent")
    parser.add_argument("--seconds", type=float, default=0.2)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("models", nargs="*", default=NAMES)
    wanted = parser.parse_intermixed_args()
    descent = os.path.abspath(wanted.descent)
    with tempfile.TemporaryDirectory() as folder:
        built = {name: build(descent, name, folder) for name in wanted.models}
        print(f"{'':8}{'':10}{'least':>12}{'median':>12}   us a step, and as ratios to the object file")
        for name, programs in built.items():
            times = measure(programs, folder, wanted.seconds, wanted.runs)
            least, middle = min(times["object"]), statistics.median(times["object"])
            for form, all_of_them in times.items():
                best, median = min(all_of_them), statistics.median(all_of_them)
                print(f"{name:8}{form:10}{best:12.4f}{median:12.4f}   {best / least:.2f} {median / middle:.2f}")


main()
