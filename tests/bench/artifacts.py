#!/usr/bin/env python3
"""What a step of `descent build`'s artifacts takes: LLVM's object file, and the printed C++ by g++ and clang++, beside
the JIT in a C++ host program.

usage: artifacts.py BUILD [--seconds S] [--runs N] [MODEL…]     models of tests/bench/models, all without a name

BUILD is the folder with `descent` and tests/bench/descent_steps (cmake --build BUILD --target descent_steps). Each
trains on random batches in memory, one process after the other in turns; a run begins with another environment, for
where the stack lies changes small steps by a tenth. Prints the least and the median time of a step, of many in one call
(NAME_train, Trainer::steps) and of one call each (NAME_step, Trainer::step), and both as ratios to the JIT's; last the
least time from nothing to the end of the first step, which for the JIT begins with reading the model file. Fails where
two of them leave different losses.
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
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
int main(int count, char** arguments) {
  const int batches = BATCHES, rows = BATCH * batches, epochs = 64 / batches + 1;
  float* x = malloc(sizeof(float) * rows * WIDTH);
  LABEL* y = malloc(sizeof(LABEL) * rows);
  for (int i = 0; i < rows * WIDTH; ++i) x[i] = (float)((unsigned)i * 2654435761u % 1000) / 1000;
  for (int i = 0; i < rows; ++i) y[i] = (LABEL)(i * 7 % 11 % CLASSES);
  const double start = now();
  NAME_trainer* trainer = NAME_create(UPPER_CONTRACT, NULL, 1);
  NAME_losses losses;
  if (count < 2 || !trainer || NAME_init(trainer, 1) || NAME_step(trainer, BATCH, x, y, &losses)) return 1;
  const double first = now() - start;
  if (NAME_init(trainer, 1) || NAME_train(trainer, 4, rows, x, y, NULL, &losses)) return 1;
  printf("%.17g ", losses.LOSS);
  double least = 1e9;
  for (const double end = now() + atof(arguments[1]); now() < end;) {
    const double begin = now();
    if (NAME_train(trainer, epochs, rows, x, y, NULL, &losses)) return 1;
    const double step = (now() - begin) / epochs / batches;
    if (step < least) least = step;
  }
  printf("%.6f ", 1e6 * least);
  least = 1e9;
  for (const double end = now() + atof(arguments[1]); now() < end;) {
    const double begin = now();
    for (int i = 0; i < epochs * batches; ++i) {
      if (NAME_step(trainer, BATCH, x, y, &losses)) return 1;
    }
    const double step = (now() - begin) / epochs / batches;
    if (step < least) least = step;
  }
  printf("%.6f %.6f\n", 1e6 * least, 1e3 * first);
  return 0;
}
"""


# Makes the last word of a command, unless it is there.
def run(command, folder):
    if os.path.exists(os.path.join(folder, command.split()[-1])):
        return
    done = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{command}\n{done.stdout}{done.stderr}")


def build(binaries, name, folder):
    """The programs of a model, by the form of their artifact."""
    descent = os.path.join(binaries, "descent")
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
    jit = os.path.join(binaries, "tests/bench/descent_steps")
    programs = {"JIT": f"{jit} {path} {words['BATCHES']} {words['CLASSES']}"}

    def link(form):
        programs[form] = f"./{name}_{form}"
        run(f"cc -O2 -I. {defines} {name}_main.c {name}_{form}.o runtime.a -pthread -o {name}_{form}", folder)

    run(f"{descent} runtime -o runtime.a", folder)
    run(f"{descent} build {path} --header {name}.h -o {name}_object.o", folder)
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
            said = subprocess.run([*program.split(), str(seconds)], cwd=folder, env=environment, capture_output=True,
                                  text=True)
            if said.returncode:
                sys.exit(f"{program} failed: {said.stdout}{said.stderr}")
            loss, *steps = said.stdout.split()
            if losses.setdefault("loss", loss) != loss:
                sys.exit(f"{program}: loss {loss}, others have {losses['loss']}")
            times[form].append([float(step) for step in steps])
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--seconds", type=float, default=0.1)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--folder", help="where programs are built and stay; those that are there are not built again")
    parser.add_argument("models", nargs="*", default=NAMES)
    wanted = parser.parse_intermixed_args()
    with tempfile.TemporaryDirectory() as own:
        folder = wanted.folder or own
        os.makedirs(folder, exist_ok=True)
        built = {name: build(os.path.abspath(wanted.build), name, folder) for name in wanted.models}
        print(f"{'':8}{'':10}{'many':>11}{'median':>11}{'':12}{'one':>11}{'median':>11}{'':12}{'first':>10}   us a step, ratios to the JIT's; ms to the first")
        for name, programs in built.items():
            times = measure(programs, folder, wanted.seconds, wanted.runs)
            figures = lambda form: [f(steps) for steps in zip(*times[form]) for f in (min, statistics.median)]
            jit = figures("JIT")
            for form in programs:
                many, many_median, one, one_median, first, _ = own = figures(form)
                ratios = [f"{mine / its:.2f}" for mine, its in zip(own, jit)]
                print(f"{name:8}{form:10}{many:11.4f}{many_median:11.4f}   {ratios[0]} {ratios[1]}"
                      f"{one:11.4f}{one_median:11.4f}   {ratios[2]} {ratios[3]}{first:10.3f}", flush=True)


main()
