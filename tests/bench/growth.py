"""Does the cost of a step grow as its work grows? A sweep over widths, depths and batches: powers of two, primes, one
beyond a tile. Markdown, with the worst loss of GFLOP/s from one point to the next.

    python3 growth.py --out growth.md

The networks are dense, with Adam, so that work is known: 2 operations for each product of the forward pass, of the
gradients by weights, and of those by inputs but the first layer's.
"""
import argparse
import json
import os
import statistics
import subprocess
import tempfile
from pathlib import Path

from compare import ROOT, machine, markdown

SIZES = (16, 17, 31, 32, 33, 48, 49, 61, 64, 65, 67, 80, 96, 97, 101, 112, 113, 127, 128, 129, 144, 160, 161, 179, 192,
         193, 211, 224, 225, 251, 256, 257, 288, 320, 321, 347, 384, 385, 419, 448, 449, 479, 509, 512, 513)
BASE = dict(width=256, depth=3, batch=64)
SWEEPS = {"width": SIZES, "batch": SIZES, "depth": (1, 2, 3, 4, 5, 6, 7, 8)}
FLOOR = {"width": 64, "batch": 64, "depth": 1}  # from here on a loss counts


def model(width, depth, batch):
    """`depth` hidden layers, `width` inputs and units each, ten classes."""
    lines = [f"  h{i} = relu(linear({'x' if i == 1 else f'h{i - 1}'}, {width}) as fc{i})" for i in range(1, depth + 1)]
    return (f"model grown() {{\n  input x : f32[batch, {width}]\n  input y : i32[batch] in 0 ..< 10\n"
            + "\n".join(lines) + f"\n  output z = linear(h{depth}, 10)\n  loss l = cross_entropy(z, y)\n}}\n"
            f"train it = grown() {{\n  batch = {batch}\n  optimizer = adam()\n}}\n")


def work(width, depth, batch):
    hidden = depth * width * width
    return 2.0 * batch * (3 * (hidden + 10 * width) - width * width)


def rate(point, args, folder):
    """GFLOP/s, the median of several runs of a process each."""
    text, figures = Path(folder) / "grown.descent", Path(folder) / "figures.json"
    text.write_text(model(**point))
    cores = ",".join(map(str, args.cores[:args.threads]))
    rates = []
    for _ in range(args.runs):
        subprocess.run(["taskset", "-c", cores, f"{args.build}/descent", "bench", text, "--threads", str(args.threads),
                        "--seconds", str(args.turn), "--json", figures], check=True, stdout=subprocess.DEVNULL)
        rates.append(1e-9 * work(**point) / json.loads(figures.read_text())["total"]["median_seconds"])
    return statistics.median(rates)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sweeps", nargs="+", default=list(SWEEPS), choices=SWEEPS)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cores", nargs="+", type=int, default=list(range(os.cpu_count())))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--turn", type=float, default=0.1, help="seconds")
    parser.add_argument("--sizes", nargs="+", type=int, help="in place of all")
    parser.add_argument("--build", default=str(ROOT / "build"))
    parser.add_argument("--out")
    args = parser.parse_args()
    text = machine() + "\n"
    with tempfile.TemporaryDirectory() as folder:
        for sweep in args.sweeps:
            rows, worst, before = [], (0.0, "none"), None
            for size in args.sizes or SWEEPS[sweep]:
                now = rate({**BASE, sweep: size}, args, folder)
                loss = 0.0 if before is None else 1 - now / before[1]
                rows.append((size, f"{now:.1f}", "" if before is None else f"{-100 * loss:+.1f} %"))
                if before and before[0] >= FLOOR[sweep] and loss > worst[0]:
                    worst = (loss, f"from {before[0]} to {size}")
                before = (size, now)
            held = ", ".join(f"{name} {value}" for name, value in BASE.items() if name != sweep)
            text += (f"### {sweep}, with {held}, {args.threads} thread{'s' * (args.threads > 1)}\n\n"
                     f"Worst loss from {FLOOR[sweep]} on: {100 * worst[0]:.1f} % ({worst[1]}).\n\n"
                     + markdown((sweep, "GFLOP/s", "to the one before"), rows) + "\n")
    print(text)
    if args.out:
        Path(args.out).write_text(text)


if __name__ == "__main__":
    main()
