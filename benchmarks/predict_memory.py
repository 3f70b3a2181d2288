"""Memory and speed of `kerasnn predict` on a table that would be large in memory.

    python benchmarks/predict_memory.py [--rows 2000000]

A small network is trained on the first rows of a generated CSV file; then a process of its own
predicts the whole file. Peak memory is what the kernel counted for that process.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

KERASNN = [sys.executable, "-c", "from kerasnn.cli.main import main; main()"]
TINY = ["--epochs", "3", "--no-baselines", "--quiet"]
TRAINING_ROWS = 5_000
BLOCK_ROWS = 100_000
LIMIT_GB = 2.0


@dataclass(frozen=True)
class Measured:
    """What a prediction took.

    Args:
        n_rows: Number of rows predicted.
        file_mb: Size of the table in MB.
        seconds: Seconds from start to end, imports included.
        peak_gb: Largest resident memory in GB.
    """

    n_rows: int
    file_mb: float
    seconds: float
    peak_gb: float


def write_table(path: Path, *, n_rows: int) -> None:
    """Eight numbers, three categories and a target, block after block."""
    draw = np.random.default_rng(0)
    for start in range(0, n_rows, BLOCK_ROWS):
        n = min(BLOCK_ROWS, n_rows - start)
        numbers = draw.normal(size=(n, 8))
        frame = pd.DataFrame(numbers.round(5), columns=[f"number_{i}" for i in range(8)])
        for name, n_words in (("city", 50), ("product", 500), ("colour", 5)):
            frame[name] = np.char.add(f"{name}-", draw.integers(n_words, size=n).astype(str))
        frame["bought"] = np.where(numbers[:, 0] + draw.normal(size=n) > 0, "yes", "no")
        frame.to_csv(path, index=False, header=not start, mode="a" if start else "w")


def measure(folder: Path, *, n_rows: int) -> Measured:
    """Train on the first rows and predict all of them."""
    table, head = folder / "table.csv", folder / "head.csv"
    write_table(table, n_rows=n_rows)
    with open(table, encoding="utf-8") as source, open(head, "w", encoding="utf-8") as target:
        target.writelines(itertools.islice(source, TRAINING_ROWS + 1))
    run, output = str(folder / "run"), folder / "predictions.csv"
    train = [*KERASNN, "train", str(head), "--target", "bought", *TINY, "--output", run]
    subprocess.run(train, check=True)

    began = time.perf_counter()
    process = subprocess.Popen([*KERASNN, "predict", run, str(table), "--output", str(output)])
    # Unlike `getrusage`, it tells of this child alone.
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    if status:
        raise SystemExit(f"the prediction failed with status {status}")
    with open(output, "rb") as lines:
        n_predicted = sum(1 for _ in lines) - 1
    if n_predicted != n_rows:
        raise SystemExit(f"{n_predicted} predictions of {n_rows} rows")
    kilobyte = 1024 if sys.platform != "darwin" else 1
    return Measured(n_rows, table.stat().st_size / 1e6, seconds, usage.ru_maxrss * kilobyte / 1e9)


def main() -> None:
    """Print the figures; fails above the limit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2_000_000)
    with tempfile.TemporaryDirectory() as folder:
        done = measure(Path(folder), n_rows=parser.parse_args().rows)
    print(f"table        {done.n_rows:,} rows, {done.file_mb:,.0f} MB")
    print(f"peak memory  {done.peak_gb:.2f} GB (limit {LIMIT_GB:g} GB)")
    print(f"speed        {done.n_rows / done.seconds:,.0f} rows/s, {done.seconds:.1f} s in all")
    if done.peak_gb > LIMIT_GB:
        sys.exit(1)


if __name__ == "__main__":
    main()
