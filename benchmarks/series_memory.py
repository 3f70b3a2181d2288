"""Peak memory of `kerasnn train` on long series, with all defaults.

    python benchmarks/series_memory.py [--case few|many] [--time-limit 5m]

Series of two sizes are made, in four classes that differ in the length of a wave, and each is
trained on by a process of its own. Peak memory is what the kernel counted for that process.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

KERASNN = [sys.executable, "-c", "from kerasnn.cli.main import main; main()"]
# Series, points, channels, and the limit in GiB.
CASES = {"few": (112, 2_618, 6, 2.0), "many": (10_000, 2_000, 3, 4.0)}


def write_series(path: Path, n_rows: int, length: int, channels: int) -> None:
    """Waves in noise."""
    draw = np.random.default_rng(0)
    labels = draw.integers(4, size=n_rows)
    x = draw.normal(size=(n_rows, length, channels)).astype("float32")
    waves = np.sin(np.arange(length) / (5 + 3 * labels[:, None]) + draw.uniform(0, 6, (n_rows, 1)))
    x += waves[:, :, None].astype("float32")
    np.savez(path, x=x, y=np.char.add("class ", labels.astype(str)))


def measure(command: list[str]) -> tuple[float, float]:
    """Seconds and the peak in GiB."""
    started = time.perf_counter()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"the training ended with {os.waitstatus_to_exitcode(status)}")
    # Kilobytes on Linux.
    return time.perf_counter() - started, usage.ru_maxrss / 2**20


def main() -> int:
    """Train on each; 1 if one took more than its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", choices=[*CASES], help="only this one")
    parser.add_argument("--time-limit", help="for the training on many series, such as 5m")
    options = parser.parse_args()
    failed = False
    for name in [options.case] if options.case else CASES:
        n_rows, length, channels, most = CASES[name]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "series.npz"
            write_series(path, n_rows, length, channels)
            command = [*KERASNN, "train", str(path), "--target", "y"]
            command += ["--output", f"{folder}/run", "--quiet"]
            limited = options.time_limit if name == "many" else None
            command += ["--time-limit", limited] if limited else []
            seconds, peak = measure(command)
        how = f"time limit {limited}" if limited else "no time limit"
        told = f"{n_rows:,} series of {length:,} points of {channels} channels ({how})"
        print(f"{told}: {peak:.2f} GiB of at most {most:g}, {seconds:.0f} s", flush=True)
        failed = failed or peak > most
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
