"""How far exported models are from the original, on raw test rows made harder.

Trains on a table, exports to every format, and compares the probabilities (or values, in standard
deviations of the target) on all test rows: as they are, and with 5 % of the cells blank and 5 % of
the categories unseen. Each format runs in its own runtime. Speed is of the last, and one row is
the median of 50 calls.

    python benchmarks/export_parity.py train.csv --target income [--test test.csv]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

import kerasnn
from kerasnn import export
from kerasnn.export import formats, quiet, serving, verify

SHARE = 0.05


def main() -> None:
    """Train, export, compare, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--target", required=True)
    parser.add_argument("--test", help="other rows; a share of the data otherwise")
    parser.add_argument("--model", default="mlp")
    parser.add_argument("--epochs", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = kerasnn.train(
            arguments.data,
            target=arguments.target,
            test=arguments.test,
            model=arguments.model,
            set={"epochs": arguments.epochs},
            baselines=False,
            output=Path(folder) / "run",
        )
        report(run, Path(folder))


def report(run: kerasnn.Run, folder: Path) -> None:
    """A row for each format."""
    preprocessor = run.predictor.preprocessor
    names = [column.name for column in preprocessor.schema.features]
    plain = run.holdout("test")[names]
    hard = verify.spoil(preprocessor, plain, share=SHARE)
    print(f"{len(plain):,} test rows, {len(names)} columns; largest difference on")
    print(f"{'':12}{'plain':>9}{'hard':>9}{'size kB':>9}{'row ms':>8}{'rows/s':>11}  opens")
    for name in export.names():
        path = folder / export.default_name(name)
        result = export.export(run.predictor, path, format=name, sample=plain)
        with quiet.quiet():
            loaded = formats.get(name).load(path)
            differences = [verify.compare(run.predictor, loaded, f) for f in (plain, hard)]
            one_ms, rows_per_s = speed(loaded, serving.raw_inputs(preprocessor, hard))
        needs = "with kerasnn" if "needs kerasnn" in result.card.read_text() else "without kerasnn"
        print(
            f"{name:12}{differences[0]:9.1e}{differences[1]:9.1e}{size(path) / 1024:9,.0f}"
            f"{one_ms:8.2f}{rows_per_s:11,.0f}  {needs}"
        )


def speed(run: formats.Run, raw: Mapping[str, Any]) -> tuple[float, float]:
    """Milliseconds for one row, and rows a second all at once, after a call of each."""
    one = serving.rows(raw, 0, 1)
    n_rows = len(next(iter(raw.values())))
    run(one), run(raw)
    times = [seconds(run, one) for _ in range(50)]
    return 1000 * median(times), n_rows / seconds(run, raw)


def seconds(run: formats.Run, raw: Mapping[str, Any]) -> float:
    """Of one call."""
    start = time.perf_counter()
    run(raw)
    return time.perf_counter() - start


def size(path: Path) -> int:
    """Bytes of a file, or of all in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


if __name__ == "__main__":
    main()
