"""Scores of the defaults on held-out files, beside the baselines, table by table.

    python benchmarks/tabular_quality.py DATA [--tables adult,titanic] [--models mlp,resnet]
        [--seeds 1] > benchmarks/tabular_quality.txt

DATA holds a folder for each table, with train and test files as CSV or Parquet.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from pathlib import Path

TARGETS = {
    "adult": "income",
    "california_housing": "MedHouseVal",
    "diamonds": "price",
    "penguins": "species",
    "titanic": "survived",
    "flights": "late",
}
SHOWN = {"binary": ("accuracy", "auc"), "multiclass": ("accuracy",), "regression": ("rmse",)}


def main() -> None:
    """Train each model on each table and print a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--tables", default=",".join(TARGETS))
    parser.add_argument("--models", default="mlp")
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    warnings.simplefilter("ignore")
    print(f"{'table':20}{'model':11}{'seed':>5}{'seconds':>9}  network | boosting")
    for table in arguments.tables.split(","):
        for model in arguments.models.split(","):
            for seed in range(arguments.seeds):
                print(line(arguments.data / table, TARGETS[table], model, seed), flush=True)


def line(folder: Path, target: str, model: str, seed: int) -> str:
    """Train with no setting but the target, and score the test file."""
    import pandas as pd

    import kerasnn

    train, test = (next(folder.glob(f"{part}.*")) for part in ("train", "test"))
    read = pd.read_parquet if train.suffix == ".parquet" else pd.read_csv
    began = time.perf_counter()
    run = kerasnn.train(
        read(train), test=read(test), target=target, model=model, seed=seed, baselines=seed == 0
    )
    seconds = time.perf_counter() - began
    names = SHOWN[run.scores.task]
    ours = " ".join(f"{name} {run.scores.values[name]:.4f}" for name in names)
    trees = run.scores.baselines.get("boosting")
    theirs = " ".join(f"{name} {trees.values[name]:.4f}" for name in names) if trees else ""
    return f"{folder.name:20}{model:11}{seed:5}{seconds:9.0f}  {ours} | {theirs}"


if __name__ == "__main__":
    main()
