"""Matrix products: ours against PyTorch's (MKL) and NumPy's (OpenBLAS), as shares of the measured peak. Markdown.

    python3 products.py --out products.md

Ours are model files of one line, one for each shape and way the operands lie, timed by `descent bench`. The shapes: cubes
with all four transpositions, odd sizes, and what the layers of the networks need (forward, and the gradients by input
and by weight, where one operand lies transposed). All three take turns on the same pinned cores.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from compare import ROOT, environment_for, machine, markdown

LAYERS = ((64, 784, 512), (64, 512, 256), (64, 256, 10), (128, 784, 512), (128, 512, 256), (128, 256, 10),
          (2048, 128, 384), (2048, 128, 128), (2048, 128, 512), (2048, 512, 128), (2048, 128, 65))
ODD = ((257, 257, 257), (263, 251, 269), (100, 300, 700), (1000, 1000, 1000), (17, 1023, 511), (1, 1024, 1024),
       (1024, 1, 1024), (1024, 1024, 1))


def shapes():
    """(m, n, k, which operands lie transposed) without repetitions, in order."""
    all_of_them = [(s, s, s, t) for s in (256, 512, 1024) for t in ("", "a", "b", "ab")]
    all_of_them += [(m, n, k, t) for m, n, k in ODD for t in ("", "a", "b")]
    for rows, inputs, outputs in LAYERS:
        all_of_them += [(rows, outputs, inputs, ""), (rows, inputs, outputs, "b"), (inputs, outputs, rows, "a")]
    return list(dict.fromkeys(all_of_them))


def model(m, n, k, transposed):
    a, at = (f"{k}, {m}", "k, i") if "a" in transposed else (f"{m}, {k}", "i, k")
    b, bt = (f"{n}, {k}", "j, k") if "b" in transposed else (f"{k}, {n}", "k, j")
    return (f"model product() {{\n  input a : f32[{a}]\n  input b : f32[{b}]\n"
            f"  output y[i, j] = sum[k](a[{at}] * b[{bt}])\n}}\n")


class Ours:
    def __init__(self, build, threads, cores, folder):
        self.command = ["taskset", "-c", cores, f"{build}/descent", "bench"]
        self.threads, self.folder = str(threads), Path(folder)
        self.peak = 0.0  # FLOP/s

    def seconds(self, m, n, k, transposed, budget):
        text, figures = self.folder / "product.descent", self.folder / "figures.json"
        text.write_text(model(m, n, k, transposed))
        subprocess.run([*self.command, text, "--entry", "predict", "--batches", "1", "--threads", self.threads,
                        "--seconds", str(budget), "--json", figures], check=True, stdout=subprocess.DEVNULL)
        report = json.loads(figures.read_text())
        self.peak = max(self.peak, report["peak_flops_per_second"])
        return report["total"]["min_seconds"]


# The others in a process of their own: lines "m n k transposed budget" in, seconds of numpy and torch out.
def serve_libraries(threads):
    import numpy as np
    import torch
    torch.set_num_threads(threads)
    random = np.random.default_rng(0)

    def best(call, budget):
        call()
        least, end = float("inf"), time.perf_counter() + budget
        while time.perf_counter() < end:
            start = time.perf_counter()
            call()
            least = min(least, time.perf_counter() - start)
        return least

    for line in sys.stdin:
        m, n, k, transposed, budget = json.loads(line)
        a = random.uniform(-1, 1, (k, m) if "a" in transposed else (m, k)).astype(np.float32)
        b = random.uniform(-1, 1, (n, k) if "b" in transposed else (k, n)).astype(np.float32)
        a, b = a.T if "a" in transposed else a, b.T if "b" in transposed else b
        out = np.empty((m, n), np.float32)
        ta, tb, tout = map(torch.from_numpy, (a, b, out))
        print(json.dumps({"OpenBLAS": best(lambda: np.matmul(a, b, out=out), budget),
                          "MKL": best(lambda: torch.mm(ta, tb, out=tout), budget)}), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cores", nargs="+", type=int, default=list(range(os.cpu_count())))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--turn", type=float, default=0.2, help="seconds")
    parser.add_argument("--only", nargs="+", help="shapes as in the table: 256x256x256 or 64x784x512,b")
    parser.add_argument("--build", default=str(ROOT / "build"))
    parser.add_argument("--out")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        return serve_libraries(args.threads)

    cores = ",".join(map(str, args.cores[:args.threads]))
    libraries = subprocess.Popen(["taskset", "-c", cores, sys.executable, __file__, "--serve", "--threads",
                                  str(args.threads)], env=environment_for(args.threads), text=True,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    results = []
    with tempfile.TemporaryDirectory() as folder:
        ours = Ours(args.build, args.threads, cores, folder)
        for shape in shapes():
            name = "x".join(map(str, shape[:3])) + ("," + shape[3] if shape[3] else "")
            if args.only and name not in args.only:
                continue
            times = {"descent": [], "OpenBLAS": [], "MKL": []}
            for _ in range(args.rounds):
                times["descent"].append(ours.seconds(*shape, args.turn))
                libraries.stdin.write(json.dumps([*shape, args.turn]) + "\n")
                libraries.stdin.flush()
                for library, seconds in json.loads(libraries.stdout.readline()).items():
                    times[library].append(seconds)
            results.append((name, 2.0 * shape[0] * shape[1] * shape[2], times))
        peak = ours.peak
    libraries.stdin.close()
    libraries.wait()

    rows = []
    for name, flops, times in results:
        least = {library: min(seconds) for library, seconds in times.items()}
        better = min(least["OpenBLAS"], least["MKL"])
        rows.append((name, *(f"{100 * flops / seconds / peak:.1f} %" for seconds in least.values()),
                     f"{better / least['descent']:.2f}",
                     f"{statistics.median(min(o, m) / d for d, o, m in zip(*times.values())):.2f}"))
    text = (machine() + f"\n{args.threads} thread{'s' * (args.threads > 1)}, measured peak {1e-9 * peak:.1f} GFLOP/s. "
            "m x n x k, then the operands that lie transposed; shares of the peak; how many times faster ours is than "
            "the better of the two, by the least times and by the median of the rounds.\n\n"
            + markdown(("product", *results[0][2], "faster (min)", "faster (median)"), rows))
    print(text)
    if args.out:
        Path(args.out).write_text(text)


if __name__ == "__main__":
    main()
