"""How often sets and intervals of 90 % hold the truth of held-out rows, and calibration errors.

    python benchmarks/coverage.py DATA [--tables adult,diamonds] [--model mlp] [--epochs 6]
        [--seeds 1] > benchmarks/results/coverage.txt

DATA holds a folder for each table, with train and test files as CSV or Parquet. A set is never
empty, so it holds the truth at least as often as the likeliest class is right; the last column says
what sets of the same rule would hold that may be empty. By chance alone, calibration errors of
exact probabilities would be as large as the second column of them says.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from pathlib import Path
from typing import Any

TARGETS = {
    "adult": "income",
    "california_housing": "MedHouseVal",
    "diamonds": "price",
    "flights": "late",
    "clothing_reviews": "Recommended IND",
    "movie_reviews": "label",
}
# Columns that tell the answer.
LEAKS = {"clothing_reviews": ["Rating"]}
ASKED = 0.9
HEAD = (
    f"{'table':20}{'model':15}{'seed':>4}{'seconds':>8}{'held':>8}{'interval':>16}{'size':>10}"
    f"{'accuracy':>10}{'error':>8}{'chance':>8}{'before':>8}{'or empty':>10}"
)


def main() -> None:
    """Train on each table and print a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--tables", default=",".join(TARGETS))
    parser.add_argument("--model")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    warnings.simplefilter("ignore")
    print(HEAD)
    for table in arguments.tables.split(","):
        for seed in range(arguments.seeds):
            print(line(arguments, table, seed), flush=True)


def line(arguments: argparse.Namespace, table: str, seed: int) -> str:
    """Train with no setting but the target, and ask the test file."""
    import kerasnn

    train, test = (read(arguments.data / table, part) for part in ("train", "test"))
    began = time.perf_counter()
    run = kerasnn.train(
        train,
        test=test,
        target=TARGETS[table],
        model=arguments.model,
        set={"epochs": arguments.epochs} if arguments.epochs else {},
        seed=seed,
        baselines=False,
    )
    seconds = time.perf_counter() - began
    coverage, values = run.scores.coverage, run.scores.values
    low, high = (f"{100 * bound:.1f}" for bound in coverage.interval)
    name = run.bundle.model
    text = f"{table:20}{name:15}{seed:4}{seconds:8.0f}{100 * coverage.observed:8.2f}{f'{low}–{high}':>16}"
    text += (
        f"{coverage.mean_size:10,.2f}"
        if coverage.mean_size < 1e5
        else f"{coverage.mean_size:10,.0f}"
    )
    if coverage.error is None:
        return f"{text}{'–':>10}{'–':>8}{'–':>8}{'–':>8}{'–':>10}"
    text += f"{100 * values['accuracy']:10.2f}{coverage.error:8.4f}{coverage.error_by_chance:8.4f}"
    text += f"{coverage.error_before:8.4f}"
    if any("learned from the validation rows" in note for note in run.scores.notes):
        # The network has learned from the rows that would tell.
        return f"{text}{'–':>10}"
    return f"{text}{100 * held_or_empty(run, test):10.2f}"


def held_or_empty(run: Any, test: Any) -> float:
    """Share that sets hold which take the likely classes alone, and none where there is none."""
    import numpy as np

    from kerasnn.calibration.conformal import SLACK

    predictor = run.predictor

    def surprise(rows: Any) -> Any:
        scores, truth = predictor.scores(rows), predictor.preprocessor.target(rows)
        return 1 - scores[np.arange(len(truth)), truth]

    known = np.sort(surprise(run.holdout("validation")))
    limit = known[int(np.ceil((len(known) + 1) * ASKED - 1e-9)) - 1]
    return float((surprise(test) <= limit + SLACK).mean())


def read(folder: Path, part: str) -> Any:
    """Rows of a part without what tells the answer."""
    import pandas as pd

    path = next(folder.glob(f"{part}.*"))
    frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    return frame.drop(columns=LEAKS.get(folder.name, []))


if __name__ == "__main__":
    main()
