"""Predictions of eight tiny runs, to compare the bits of two versions of the code.

    python benchmarks/prediction_bits.py before.npz          store the predictions
    python benchmarks/prediction_bits.py after.npz --against before.npz

The runs go through every entrance: the automatic choice for a small and for a larger table, images,
texts, series, a forecast, a search for hyper-parameters, and the estimator for scikit-learn. Both
files must come from the same machine: other processors round differently.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import kerasnn

EPOCHS = {"training.epochs": 2}


def _table(rows: int) -> pd.DataFrame:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({f"x{i}": random.normal(size=rows) for i in range(4)})
    frame["color"] = random.choice(["red", "green", "blue"], size=rows)
    score = frame["x0"] * frame["x1"] + (frame["color"] == "red")
    frame["label"] = np.where(score + random.normal(scale=0.3, size=rows) > 0.5, "yes", "no")
    return frame


def _train(frame: Any, **options: Any) -> np.ndarray:
    options = {"target": "label", "seed": 0, "baselines": False, "set": EPOCHS} | options
    run = kerasnn.train(frame, **options)
    rows = frame.head(50) if isinstance(frame, pd.DataFrame) else frame
    return _numbers(run.predict(rows))


def _numbers(predictions: pd.DataFrame) -> np.ndarray:
    return predictions.select_dtypes("number").to_numpy(np.float64)


def small_table() -> np.ndarray:
    return _train(_table(200))


def larger_table() -> np.ndarray:
    return _train(_table(3_000), set={"training.epochs": 1})


def images() -> np.ndarray:
    random = np.random.default_rng(1)
    pixels = random.integers(0, 256, size=(60, 12, 12, 3), dtype=np.uint8)
    labels = np.repeat(["dark", "bright"], 30)
    pixels[:30] //= 2
    run = kerasnn.train(pixels, target=labels, seed=0, baselines=False, set=EPOCHS)
    return _numbers(run.predict(pixels))


def texts() -> np.ndarray:
    random = np.random.default_rng(2)
    good, bad = ["fine", "great", "lovely"], ["poor", "awful", "weak"]
    rows = [
        " ".join([*random.choice(good if i % 2 else bad, 2), *random.choice(list("abcdefgh"), 4)])
        for i in range(120)
    ]
    frame = pd.DataFrame({"text": rows, "label": ["up" if i % 2 else "down" for i in range(120)]})
    return _train(frame, columns={"text": "text"}, model="textcnn")


def series() -> np.ndarray:
    random = np.random.default_rng(3)
    labels = np.repeat(["slow", "fast"], 40)
    steps = np.linspace(0, 6, 30)
    values = [np.sin(steps * (1 if label == "slow" else 3) + random.normal()) for label in labels]
    readings = np.stack(values)[:, :, None].astype(np.float32)
    run = kerasnn.train(readings, target=labels, seed=0, baselines=False, set=EPOCHS)
    return _numbers(run.predict(readings))


def forecast() -> np.ndarray:
    steps = np.arange(120)
    frame = pd.DataFrame({"day": pd.date_range("2020-01-01", periods=120), "sold": 0.0})
    frame["sold"] = 10 + np.sin(steps * 2 * np.pi / 7) + steps * 0.01
    run = kerasnn.train(
        frame, target="sold", time="day", horizon=7, seed=0, model="nlinear", set=EPOCHS
    )
    return _numbers(run.predict(frame))


def search() -> np.ndarray:
    frame = _table(150)
    run = kerasnn.tune(frame, target="label", model="mlp", trials=2, seed=0, set=EPOCHS)
    return _numbers(run.predict(frame.head(50)))


def estimator() -> np.ndarray:
    frame = _table(150)
    X, y = frame.drop(columns="label"), frame["label"]
    model = kerasnn.Classifier("mlp", epochs=2, random_state=0)
    return np.asarray(model.fit(X, y).predict_proba(X), dtype=np.float64)


RUNS: tuple[Callable[[], np.ndarray], ...] = (
    small_table,
    larger_table,
    images,
    texts,
    series,
    forecast,
    search,
    estimator,
)


def main() -> None:
    parser = argparse.ArgumentParser(description="Store and compare predictions of tiny runs.")
    parser.add_argument("output", type=Path, help="File to store the predictions in.")
    parser.add_argument("--against", type=Path, help="Stored predictions to compare with.")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    found = {}
    for run in RUNS:
        found[run.__name__] = run()
        print(run.__name__, found[run.__name__].shape, flush=True)
    np.savez(options.output, **found)
    if options.against is None:
        return
    before = np.load(options.against)
    changed = [name for name, values in found.items() if not np.array_equal(values, before[name])]
    print("changed:", ", ".join(changed) or "none")
    sys.exit(bool(changed))


if __name__ == "__main__":
    main()
