"""The protocol of protocol.h, for programs in Python."""
import argparse
import json
import os
import sys
import time

from workloads import WORKLOADS

CHUNK_S = 0.01


def arguments(modes):
    parser = argparse.ArgumentParser()
    parser.add_argument("workload", choices=WORKLOADS)
    parser.add_argument("--data", default="data")
    parser.add_argument("--mode", choices=modes, default=modes[0])
    return parser.parse_args()


def threads():
    return int(os.environ.get("THREADS", "1"))


def say(**fields):
    print(json.dumps(fields), flush=True)


def peak_rss_mb():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM:"))


def serve(workload, run, import_s):
    """run(first, n) does steps first … first + n - 1, counted from 0, and gives the loss of the last."""
    losses, seconds, done = {}, {}, 0
    for step in sorted({*WORKLOADS[workload].losses, 2}):
        start = time.perf_counter()
        losses[step] = run(done, step - done)
        seconds[step] = time.perf_counter() - start
        done = step
    chunk = 1
    while chunk < 65536:
        start = time.perf_counter()
        run(done, chunk)
        done += chunk
        if time.perf_counter() - start > CHUNK_S:
            break
        chunk *= 2
    say(event="ready", import_s=import_s, first_step_s=seconds[1], second_step_s=seconds[2], chunk=chunk,
        losses={step: losses[step] for step in WORKLOADS[workload].losses})
    for line in sys.stdin:
        end = time.perf_counter() + float(line)
        microseconds = []
        while (start := time.perf_counter()) < end:
            run(done, chunk)
            done += chunk
            microseconds.append((time.perf_counter() - start) / chunk * 1e6)
        say(event="slice", us=microseconds)
    say(event="done", peak_rss_mb=peak_rss_mb())
