"""Accuracy and seconds of the default model on series, each by the plain command, one seed.

    python benchmarks/series_quality.py DATA_FOLDER [--only ts_GunPoint] [--model inception_time]

The folder holds ``ts_GunPoint``, ``ts_ItalyPowerDemand``, ``ts_BasicMotions`` and
``ts_JapaneseVowels`` with ``train.ts`` and ``test.ts``, and ``spoken_digits_mfcc`` with
``train.npz`` and ``test.npz``.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

# The training and the test file, the target, and the accuracy to reach.
SETS = {
    "ts_GunPoint": ("train.ts", "test.ts", "label", 0.99),
    "ts_ItalyPowerDemand": ("train.ts", "test.ts", "label", 0.965),
    "ts_BasicMotions": ("train.ts", "test.ts", "label", 1.0),
    "ts_JapaneseVowels": ("train.ts", "test.ts", "label", 0.96),
    "spoken_digits_mfcc": ("train.npz", "test.npz", "y", 0.985),
}


def main() -> None:
    """Train on each and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=SETS)
    parser.add_argument("--model")
    arguments = parser.parse_args()
    print(f"{'':22}{'model':>16}{'accuracy':>10}{'to reach':>10}{'seconds':>9}")
    for name in [arguments.only] if arguments.only else SETS:
        model, accuracy, seconds = measure(
            arguments.folder / name, *SETS[name][:3], arguments.model
        )
        wanted = SETS[name][3]
        print(f"{name:22}{model:>16}{accuracy:10.4f}{wanted:10.3f}{seconds:9.0f}", flush=True)


def measure(folder: Path, train: str, test: str, target: str, model: str | None):
    """One run; the time is that of all of it, from reading to the report."""
    import kerasnn

    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as output:
        run = kerasnn.train(
            folder / train,
            target=target,
            test=folder / test,
            model=model,
            output=Path(output) / "run",
        )
    seconds = time.perf_counter() - began
    return run.bundle.model, run.scores.values["accuracy"], seconds


if __name__ == "__main__":
    main()
