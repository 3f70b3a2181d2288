"""Run many cases in worker processes, and say what came of them.

::

    python -m fuzz --cases 20000 --seed 0
    python -m fuzz --seed 0 --case 1234      one of them again, with its message
"""

from __future__ import annotations

import argparse
import json
import queue
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

MEMORY = 6 * 2**30
# Seconds without a word, the start included, after which a worker is killed.
SILENT = 600.0
BAD = ("unexpected", "not finite", "hang")


def work(seed: int, first: int, stop: int, step: int) -> None:
    """Run cases in this process, a line of JSON each."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    from fuzz.cases import Cases

    with tempfile.TemporaryDirectory() as folder:
        cases = Cases(seed, Path(folder))
        for case in range(first, stop, step):
            print(json.dumps(asdict(cases.run(case))), flush=True)


class Worker(threading.Thread):
    """Every so manieth case, in processes that are replaced when they fall silent."""

    def __init__(self, options: Any, number: int, results: queue.Queue[Any]) -> None:
        super().__init__(daemon=True)
        self.options, self.next, self.results = options, number, results

    def run(self) -> None:
        """Until all are done."""
        options = self.options
        while self.next < options.cases:
            command = [sys.executable, "-m", "fuzz", "--seed", str(options.seed), "--worker"]
            command += [str(self.next), str(options.cases), str(options.workers)]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            self.heard = time.monotonic()
            threading.Thread(target=self._watch, args=(process,), daemon=True).start()
            assert process.stdout
            for line in process.stdout:
                self.heard = time.monotonic()
                found = json.loads(line)
                self.next = found["case"] + options.workers
                self.results.put(found)
            process.wait()
            if self.next < options.cases:
                what = f"the worker ended with {process.returncode}"
                self.results.put({"case": self.next, "kind": "hang", "what": what})
                self.next += options.workers
        self.results.put(None)

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        while process.poll() is None:
            time.sleep(1)
            if time.monotonic() - self.heard > SILENT:
                process.kill()


def main() -> int:
    """The exit code: 1 where something came that should not."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description="Fuzz bundles and runs.")
    parser.add_argument("--cases", type=int, default=20_000, help="Number of cases.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of all cases.")
    parser.add_argument("--case", type=int, help="Number of a single case to run again.")
    parser.add_argument("--workers", type=int, default=2, help="Number of processes.")
    parser.add_argument("--worker", type=int, nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.seed, *options.worker)
        return 0
    if options.case is not None:
        work(options.seed, options.case, options.case + 1, 1)
        return 0
    return _report(options)


def _report(options: Any) -> int:
    results: queue.Queue[Any] = queue.Queue()
    for number in range(options.workers):
        Worker(options, number, results).start()
    counts: Counter[str] = Counter()
    running, began = options.workers, time.monotonic()
    while running:
        found = results.get()
        if found is None:
            running -= 1
            continue
        counts[found["kind"]] += 1
        if found["kind"] in BAD:
            print(f"case {found['case']}: {found['kind']}: {found['what']}", flush=True)
        if counts.total() % 1_000 == 0:
            print(
                f"{counts.total():,} cases, {time.monotonic() - began:.0f} s: {dict(counts)}",
                flush=True,
            )
    kinds = ("refused", "loaded", *BAD)
    print(f"{counts.total():,} cases:", ", ".join(f"{counts[kind]:,} {kind}" for kind in kinds))
    return int(any(counts[kind] for kind in BAD))


if __name__ == "__main__":
    raise SystemExit(main())
