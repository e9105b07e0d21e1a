"""Trains the same networks from the same weights on the same batches with every program, in turns, and says who is how
fast: a Markdown table, times and ratios to ours.

    python3 compare.py --data DIR --out results.md                 all programs, one thread and two
    python3 compare.py --workloads mlp64 --programs descent jax-scan --threads 1
    python3 compare.py --add 'mine=./mine {workload} --data {data}'  another program that speaks protocol.h

All programs of a workload are started and warmed up; then they take turns of half a second, so that all see the same
noise, and only one runs at a time, on pinned cores. Exit code 1: a program failed, or its losses are not those that
workloads.py expects.
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from workloads import WORKLOADS, disagreement

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# glibc gives large temporaries back to the system, and every step then faults them in again.
MALLOC = "env MALLOC_MMAP_THRESHOLD_=4000000000 MALLOC_TRIM_THRESHOLD_=8000000000 MALLOC_TOP_PAD_=67108864 "
OURS = "descent"


def python(name, mode):
    return f"{sys.executable} {HERE}/{name}_peer.py {{workload}} --data {{data}} --mode {mode}"


PROGRAMS = {
    OURS: "{build}/tests/bench/descent_peer {workload} --data {data}",
    "plain C++": "{build}/tests/bench/plain_peer {workload} --data {data}",
    "torch-eager": python("torch", "eager"),
    "torch-fused": python("torch", "fused"),
    "torch-fused, malloc": MALLOC + python("torch", "fused"),
    "torch-compile, malloc": MALLOC + python("torch", "compile"),
    "jax-jit": python("jax", "jit"),
    "jax-jit, malloc": MALLOC + python("jax", "jit"),
    "jax-scan": python("jax", "scan"),
}
IMAGES = ("cnn", "resnet20")
ONLY = {  # the others have every workload
    "plain C++": ("xor", "seed", "logreg"),
    "torch-compile, malloc": (*IMAGES, "gpt"),  # it leaves an LSTM as it is, and calls cost more than small networks
    "jax-scan": tuple(name for name in WORKLOADS if name not in IMAGES),  # a convolution in a loop takes seconds
}
ONE_THREAD = ("plain C++",)


class Program:
    def __init__(self, name, command, environment, cores, log):
        self.name = name
        self.microseconds = []
        self.log = log
        self.process = subprocess.Popen(["taskset", "-c", cores, *command.split()], env=environment, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)

    def read(self, event, seconds):
        """The next object of this kind; None when the program ends or takes too long."""
        timer = threading.Timer(seconds, self.process.kill)
        timer.start()
        try:
            for line in self.process.stdout:
                fields = json.loads(line) if line.startswith("{") else {}
                if fields.get("event") == event:
                    return fields
        finally:
            timer.cancel()
        return None

    def take_turn(self, seconds):
        try:
            self.process.stdin.write(f"{seconds}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return False
        fields = self.read("slice", 60 + 10 * seconds)
        self.microseconds += fields["us"] if fields else []
        return fields is not None

    def finish(self):
        self.process.stdin.close()
        fields = self.read("done", 60)
        self.process.wait()
        return fields["peak_rss_mb"] if fields else float("nan")

    def complaint(self):
        self.process.kill()
        self.log.seek(0)
        return self.log.read()[-1500:]


def environment_for(threads):
    environment = dict(os.environ, THREADS=str(threads))
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        environment[name] = str(threads)
    return environment


def measure(workload, threads, args):
    """(results, complaints) of all programs on one workload."""
    cores = ",".join(map(str, args.cores[:threads]))
    alive, complaints, results = [], [], []
    for name in args.programs:
        if workload not in ONLY.get(name, WORKLOADS) or (name in ONE_THREAD and threads > 1):
            continue
        command = PROGRAMS[name].format(workload=workload, data=args.data, build=args.build)
        program = Program(name, command, environment_for(threads), cores, tempfile.TemporaryFile("w+"))
        program.ready = program.read("ready", 300)
        if not program.ready:
            complaints.append(f"{workload}, {name}: it did not get ready\n{program.complaint()}")
            continue
        wrong = disagreement(workload, program.ready["losses"])
        if wrong:
            complaints.append(f"{name}: {wrong}")
        alive.append(program)
    for _ in range(args.rounds):
        alive = [program for program in alive if program.take_turn(args.turn)]
    for program in alive:
        times = program.microseconds
        results.append(dict(workload=workload, threads=threads, program=program.name, min_us=min(times),
                            median_us=statistics.median(times), peak_rss_mb=program.finish(),
                            **{k: v for k, v in program.ready.items() if k != "event"}))
    return results, complaints


def duration(us):
    return f"{us:.3g} µs" if us < 1000 else f"{us / 1000:.3f} ms"


def markdown(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows]) + "\n"


def table(results):
    """One table of a workload: times of a step, each also as a multiple of ours."""
    results = sorted(results, key=lambda r: r["min_us"])
    ours = next((r for r in results if r["program"] == OURS), results[0])
    first = results[0]
    steps = list(first["losses"])
    rows = [(r["program"], duration(r["min_us"]), duration(r["median_us"]), f"{r['min_us'] / ours['min_us']:.2f}",
             f"{r['median_us'] / ours['median_us']:.2f}", f"{r['import_s'] + r['first_step_s']:.2f}",
             f"{r['peak_rss_mb']:.0f}", *(f"{r['losses'][step]:.6g}" for step in steps)) for r in results]
    head = ("program", "min", "median", f"min / {ours['program']}'s", "median / its", "to first step, s", "memory, MB",
            *(f"loss {step}" for step in steps))
    title = f"### {first['workload']}, {first['threads']} thread{'s' * (first['threads'] > 1)}\n\n"
    return title + markdown(head, rows)


def machine():
    """What it was measured on."""
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    caches = []
    for cache in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind = (cache / "level").read_text().strip(), (cache / "type").read_text().strip()
        if kind != "Instruction":
            caches.append(f"L{level} {(cache / 'size').read_text().strip()}")
    versions = [f"Python {platform.python_version()}"]
    from importlib import metadata
    for package in ("torch", "jax", "jaxlib", "optax", "numpy"):
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            pass
    load = os.getloadavg()[0]
    return (f"{model}, {os.cpu_count()} processors, {', '.join(caches) or 'caches unknown'}; Linux {platform.release()}; "
            f"{', '.join(versions)}. Load when it began: {load:.1f}.\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--workloads", nargs="+", default=list(WORKLOADS), choices=WORKLOADS)
    parser.add_argument("--programs", nargs="*", default=None)
    parser.add_argument("--add", action="append", default=[], metavar="NAME=COMMAND")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2], help="as far as there are cores")
    parser.add_argument("--cores", nargs="+", type=int, default=list(range(os.cpu_count())))
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--turn", type=float, default=0.5, help="seconds")
    parser.add_argument("--data", default=str(ROOT / "build-bench" / "data"))
    parser.add_argument("--build", default=str(ROOT / "build"))
    parser.add_argument("--out", help="a Markdown file; beside it NAME.jsonl with all figures")
    args = parser.parse_args()
    args.threads = [threads for threads in args.threads if threads <= len(args.cores)]
    for added in args.add:
        name, command = added.split("=", 1)
        PROGRAMS[name] = command
    args.programs = list(PROGRAMS) if args.programs is None else args.programs + [a.split("=")[0] for a in args.add]
    unknown = [name for name in args.programs if name not in PROGRAMS]
    if unknown:
        parser.error(f"there is no program '{unknown[0]}'; there are {', '.join(PROGRAMS)}")

    text, figures, complaints = machine() + "\n", "", []
    for threads in args.threads:
        for workload in args.workloads:
            results, wrong = measure(workload, threads, args)
            complaints += wrong
            if results:
                part = table(results)
                print(part, flush=True)
                text += part + "\n"
                figures += "".join(json.dumps(result) + "\n" for result in results)
    if args.out:
        Path(args.out).write_text(text)
        Path(args.out).with_suffix(".jsonl").write_text(figures)
    for complaint in complaints:
        print(f"error: {complaint}", file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
