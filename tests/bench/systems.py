"""Trains a lesson by our command and the same network in PyTorch, with the same data, batch, optimizer, schedule and
epochs, from several seeds: what both reach, what an epoch takes, and what it costs to have it. A Markdown table.

    python3 systems.py --out systems.md 14_cifar 25_nuclei              three seeds of each
    python3 systems.py --out systems.md 34_gpt --seeds 1 --epochs 1     one seed, one epoch
    python3 systems.py --out systems.md --seeds 0                       times and sizes only, of all lessons

Initial values are drawn by our command for both, with other seeds for PyTorch; the order of rows, dropout and changes
of images and sounds are each program's own. An epoch's time is that of its steps without reading data, the least of
several medians: ours by `descent bench`, PyTorch's on its first batches. Figures are kept beside the table, in
NAME.jsonl, and not measured again.
"""
import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from compare import ROOT, machine, markdown

sys.path.insert(0, str(ROOT / "tests/fixtures"))
from first_losses_torch import LESSONS
from lesson_torch import EXAMPLES, batches, first_weights, step_of

OTHER_SEEDS = 100  # PyTorch's initial values are those of our seed + 100
TURNS, BATCHES = 3, 8


class Ledger:
    """Figures by key, a line of JSON each; what is there already is not measured again."""

    def __init__(self, path):
        self.path = Path(path)
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        self.lines = [json.loads(line) for line in lines]

    def find(self, **key):
        return [line for line in self.lines if all(line.get(name) == value for name, value in key.items())]

    def get(self, measure, **key):
        if not self.find(**key):
            self.lines.append({**key, **measure()})
            print(self.lines[-1], flush=True)
            self.path.write_text("".join(json.dumps(line) + "\n" for line in self.lines))
        return self.find(**key)[0]


def run(args, *words):
    done = subprocess.run([args.command, *map(str, words)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"error: descent {' '.join(map(str, words))}\n{done.stderr}")


def ours(args, lesson, seed, epochs):
    with tempfile.TemporaryDirectory() as out:
        run(args, "train", EXAMPLES / f"{lesson.file}.descent", "--only", lesson.block, "--data", args.data,
            "--out", out, "--seed", seed, "--epochs", epochs, "--set", f"report={epochs}", "--threads", args.threads)
        last = json.loads(Path(out, "log.jsonl").read_text().splitlines()[-1])
    return {name: last["metrics"][name] for name in lesson.shown}


@torch.no_grad()
def judged(lesson, network, rows):
    """The lesson's metrics, each number being a mean over all rows."""
    network.training, sums = False, {}
    for batch in batches(rows, lesson.batch):
        for name, value in lesson.judge(network, *lesson.prepare(batch, None)).items():
            sums[name] = sums.get(name, 0) + value * len(batch[0])
    network.training = True
    return lesson.metrics({name: value / len(rows[0]) for name, value in sums.items()})


def theirs(args, lesson, seed, epochs):
    torch.manual_seed(seed)
    chance = torch.Generator().manual_seed(seed)
    network, (rows, test) = first_weights(args.command, args.data, lesson, seed + OTHER_SEEDS), lesson.data(args.data)
    optimizer, step = lesson.optimizer(list(network.values())), 0
    steps = epochs * steps_of(lesson, rows)
    for _ in range(epochs):
        for batch in batches(rows, lesson.batch, torch.randperm(len(rows[0]), generator=chance)):
            step += 1
            step_of(lesson, network, optimizer, lesson.prepare(batch, chance), lesson.rate(step, steps))
    metrics = judged(lesson, network, test)
    return {name: metrics[name] for name in lesson.shown}


def steps_of(lesson, rows):
    return -(-len(rows[0]) // lesson.batch)


def times(args, lesson):
    """Seconds of an epoch's steps of both programs, in turns, and what our command says about the lesson."""
    network, (rows, _) = first_weights(args.command, args.data, lesson), lesson.data(args.data)
    optimizer = lesson.optimizer(list(network.values()))
    ready = [lesson.prepare(batch, None) for batch in itertools.islice(batches(rows, lesson.batch), BATCHES)]
    turns = itertools.cycle(ready)

    def step():
        start = time.perf_counter()
        step_of(lesson, network, optimizer, next(turns), 1e-6)
        return time.perf_counter() - start

    step(), step()
    medians, report = {"descent": [], "torch": []}, {}
    with tempfile.TemporaryDirectory() as out:
        for _ in range(TURNS):
            run(args, "bench", EXAMPLES / f"{lesson.file}.descent", "--only", lesson.block, "--entry", "step",
                "--threads", args.threads, "--seconds", args.turn, "--json", Path(out, "bench.json"))
            report = json.loads(Path(out, "bench.json").read_text())
            medians["descent"].append(report["total"]["median_seconds"])
            end, seconds = time.perf_counter() + args.turn, []
            while time.perf_counter() < end or len(seconds) < 3:
                seconds.append(step())
            medians["torch"].append(statistics.median(seconds))
    return {"steps": steps_of(lesson, rows), "step": {name: min(all) for name, all in medians.items()},
            "compile_seconds": report["compile_seconds"]["total"], "arena_bytes": report["arena_bytes"]}


def lines_of(lesson):
    """Lines of the model file that are neither empty nor a comment."""
    lines = (EXAMPLES / f"{lesson.file}.descent").read_text().splitlines()
    return sum(bool(line.strip()) and not line.lstrip().startswith("#") for line in lines)


def reached(ledger, lesson, name, program, epochs):
    """From the least to the greatest of all seeds, metric by metric."""
    runs = ledger.find(lesson=name, program=program, epochs=epochs)
    parts = []
    for metric in lesson.shown if runs else ():
        values = [run[metric] for run in runs]
        digits = f"{min(values):.3f} to {max(values):.3f}" if len(values) > 1 else f"{values[0]:.3f}"
        parts.append(digits)
    return "; ".join(parts)


def table(ledger):
    rows = []
    for name, lesson in LESSONS.items():
        measured = (ledger.find(lesson=name, kind="times") or [None])[0]
        cost = ("", "", lines_of(lesson), "", "")
        if measured:
            epoch = {program: measured["steps"] * seconds for program, seconds in measured["step"].items()}
            cost = (f"{epoch['descent']:.3g} s", f"{epoch['torch']:.3g} s", lines_of(lesson),
                    f"{measured['compile_seconds']:.2f} s", f"{measured['arena_bytes'] / 1e6:.1f} MB")
        trained = sorted({run["epochs"] for run in ledger.find(lesson=name, kind="run")})
        for epochs in trained or ([0] if measured else []):
            seeds = len(ledger.find(lesson=name, program="descent", epochs=epochs))
            both = (reached(ledger, lesson, name, program, epochs) for program in ("descent", "torch"))
            rows.append((name, ", ".join(lesson.shown), epochs or "", seeds or "", *both, *cost))
    return markdown(("lesson", "metric", "epochs", "seeds", "descent", "PyTorch", "an epoch's steps", "PyTorch's",
                     "lines", "compiled in", "arena"), rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", metavar="LESSON", help="of " + ", ".join(LESSONS))
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 1 on")
    parser.add_argument("--epochs", type=int, help="in place of the lesson's own")
    parser.add_argument("--no-times", action="store_true", help="train only")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turn", type=float, default=2, help="seconds")
    parser.add_argument("--data", default=os.environ.get("DESCENT_DATA", ""), help="where the lessons' data lies")
    parser.add_argument("--command", default=str(ROOT / "build/descent"))
    parser.add_argument("--out", required=True, help="a Markdown file; beside it NAME.jsonl, all figures")
    args = parser.parse_args()
    for name in args.lessons:
        if name not in LESSONS:
            parser.error(f"there is no lesson '{name}'; there are {', '.join(LESSONS)}")
    if not args.data or not Path(args.data).is_dir():
        parser.error(f"there is no folder '{args.data}': --data or DESCENT_DATA names that of examples/data/README.md")
    torch.set_num_threads(args.threads)
    ledger = Ledger(Path(args.out).with_suffix(".jsonl"))
    for name in args.lessons or LESSONS:
        lesson = LESSONS[name]
        epochs = args.epochs or lesson.epochs
        if not args.no_times:
            ledger.get(lambda: times(args, lesson), lesson=name, kind="times")
        programs = ("descent", ours), ("torch", theirs)
        for seed, (program, train) in itertools.product(range(1, args.seeds + 1), programs):
            ledger.get(lambda: train(args, lesson, seed, epochs), lesson=name, kind="run", program=program,
                       epochs=epochs, seed=seed)
        Path(args.out).write_text(machine() + "\n" + table(ledger))
    print(table(ledger))


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as failed:  # our command has said why
        sys.exit(f"error: descent {failed.cmd[1]} ended with exit code {failed.returncode}")
