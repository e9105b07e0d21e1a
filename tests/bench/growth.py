"""Does the cost of a step grow as its work grows? A sweep over widths, depths and batches: powers of two, primes, one
beyond a tile. Markdown, with the worst loss of GFLOP/s from one point to the next.

    python3 growth.py --out growth.md
    python3 growth.py --keep growth.json --within 100   in pieces: stops after 100 seconds and goes on when called again

Every point is measured once in a round, in a process of its own, and its figure is the median of all rounds: what else
the machine does meets all points alike.

The networks are dense, with Adam, so that work is known: 2 operations for each product of the forward pass, of the
gradients by weights, and of those by inputs but the first layer's.
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

from compare import ROOT, machine, markdown

SIZES = (64, 65, 67, 96, 97, 101, 127, 128, 129, 160, 161, 192, 193, 211, 251, 256, 257, 320, 321, 384, 385, 448, 449,
         509, 512, 513, 768, 769, 1021, 1024, 1025)
BASE = dict(width=256, depth=3, batch=64)
SWEEPS = {"width": SIZES, "batch": SIZES, "depth": (1, 2, 3, 4, 5, 6, 7, 8)}


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
    """GFLOP/s and the share of the roofline, of one process."""
    text, figures = Path(folder) / "grown.descent", Path(folder) / "figures.json"
    text.write_text(model(**point))
    cores = ",".join(map(str, args.cores[:args.threads]))
    subprocess.run(["taskset", "-c", cores, f"{args.build}/descent", "bench", text, "--threads", str(args.threads),
                    "--seconds", str(args.turn), "--json", figures], check=True, stdout=subprocess.DEVNULL)
    total = json.loads(figures.read_text())["total"]
    return 1e-9 * work(**point) / total["median_seconds"], total["roofline_seconds"] / total["median_seconds"]


def measure(points, args):
    """{key: its figures, one of each round} for {key: point}; None when the time is over before."""
    kept = Path(args.keep) if args.keep else None
    figures = json.loads(kept.read_text()) if kept and kept.exists() else {}
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for round_ in range(args.runs):
            for key, point in points.items():
                if len(figures.get(key, ())) > round_:
                    continue
                if args.within and time.monotonic() - start > args.within:
                    return None
                figures.setdefault(key, []).append(rate(point, args, folder))
                if kept:
                    kept.write_text(json.dumps(figures))
    return figures


def table(sweep, sizes, figures, threads):
    """Markdown: the medians of one sweep's figures, each with its loss to the one before."""
    rows, worst, before = [], (0.0, "none"), None
    for size in sizes:
        now, share = (statistics.median(column) for column in zip(*figures[f"{sweep} {size}"]))
        loss = 0.0 if before is None else 1 - now / before[1]
        rows.append((size, f"{now:.1f}", f"{100 * share:.0f} %", "" if before is None else f"{-100 * loss:+.1f} %"))
        if before and loss > worst[0]:
            worst = (loss, f"from {before[0]} to {size}")
        before = (size, now)
    held = ", ".join(f"{name} {value}" for name, value in BASE.items() if name != sweep)
    return (f"### {sweep}, with {held}, {threads} thread{'s' * (threads > 1)}\n\n"
            f"Worst loss: {100 * worst[0]:.1f} % ({worst[1]}).\n\n"
            + markdown((sweep, "GFLOP/s", "of the roofline", "to the one before"), rows) + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sweeps", nargs="+", default=list(SWEEPS), choices=SWEEPS)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cores", nargs="+", type=int, default=list(range(os.cpu_count())))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--turn", type=float, default=0.1, help="seconds")
    parser.add_argument("--sizes", nargs="+", type=int, help="in place of all")
    parser.add_argument("--build", default=str(ROOT / "build"))
    parser.add_argument("--keep", help="a file for what is measured, and taken from there")
    parser.add_argument("--within", type=float, help="seconds after which to stop; exit code 3 where points are missing")
    parser.add_argument("--out")
    args = parser.parse_args()
    sizes = {sweep: args.sizes or SWEEPS[sweep] for sweep in args.sweeps}
    figures = measure({f"{sweep} {size}": {**BASE, sweep: size} for sweep in sizes for size in sizes[sweep]}, args)
    if figures is None:
        print("not all points are measured yet: call again with the same --keep", file=sys.stderr)
        sys.exit(3)
    text = machine() + "\n" + "".join(table(sweep, sizes[sweep], figures, args.threads) for sweep in sizes)
    print(text)
    if args.out:
        Path(args.out).write_text(text)


if __name__ == "__main__":
    main()
