"""Scores on held-out texts with the defaults, and what text and the other columns add.

    python benchmarks/text_quality.py DATA [--models bag_of_ngrams,fasttext] [--seeds 1]
        > benchmarks/results/text_quality.txt

DATA holds the folders `movie_reviews` and `clothing_reviews`, each with train.csv and test.csv. The
reviews of one film are all in one of the files. `Rating` is left out: it tells the answer.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from pathlib import Path

MOVIES, CLOTHES = "movie_reviews", "clothing_reviews"
TARGETS = {MOVIES: "label", CLOTHES: "Recommended IND"}
TEXTS = ["Title", "Review Text"]
LEAK = "Rating"


def main() -> None:
    """Train each model on each table and print a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--models", default="bag_of_ngrams")
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    warnings.simplefilter("ignore")
    print(f"{'table':18}{'columns':12}{'model':15}{'tokens':12}{'seed':>4}{'seconds':>9}  scores")
    for seed in range(arguments.seeds):
        for model in arguments.models.split(","):
            print(line(arguments.data, MOVIES, "all", model, seed), flush=True)
            for columns in ("all", "text alone"):
                print(line(arguments.data, CLOTHES, columns, model, seed), flush=True)
        print(line(arguments.data, CLOTHES, "without", None, seed), flush=True)


def line(data: Path, table: str, columns: str, model: str | None, seed: int) -> str:
    """Train with no setting but the target, and score the test file."""
    import pandas as pd

    import kerasnn

    train, test = (
        chosen(pd.read_csv(data / table / f"{part}.csv"), table, columns)
        for part in ("train", "test")
    )
    began = time.perf_counter()
    run = kerasnn.train(
        train, test=test, target=TARGETS[table], model=model, seed=seed, baselines=False
    )
    seconds = time.perf_counter() - began
    config = run.bundle.config
    unit = config["preprocessing"]["tokens"] if columns != "without" else ""
    scores = " ".join(f"{name} {run.scores.values[name]:.4f}" for name in ("accuracy", "auc"))
    name = config["model"]["name"]
    return f"{table:18}{columns:12}{name:15}{unit:12}{seed:4}{seconds:9.0f}  {scores}"


def chosen(frame, table: str, columns: str):
    """The columns of a table that are asked for, and the target."""
    if table == MOVIES:
        return frame
    if columns == "text alone":
        return frame[[*TEXTS, TARGETS[table]]]
    return frame.drop(columns=[LEAK, *(TEXTS if columns == "without" else [])])


if __name__ == "__main__":
    main()
