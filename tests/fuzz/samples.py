"""Small bundles of every kind, and rows that each of them predicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

import kerasnn
from kerasnn import models
from kerasnn.bundle import Bundle, ForecastBundle
from kerasnn.calibration.conformal import ConformalCalibration
from kerasnn.data import read
from kerasnn.data.schema import infer
from kerasnn.forecasting.forecaster import Forecaster
from kerasnn.forecasting.intervals import Intervals, levels_for
from kerasnn.options import PreprocessingOptions, TrainingOptions
from kerasnn.prediction.predictor import Decision, Predictor
from kerasnn.preprocessing import Preprocessor
from kerasnn.preprocessing.joint import fit_encodings

Members = dict[str, bytes]
N_ROWS = 40
HISTORY, HORIZON = 12, 3


@dataclass(frozen=True)
class Sample:
    """A bundle by its members, and rows for it."""

    members: Members
    rows: pd.DataFrame


def make(name: str) -> Sample:
    """The bundle of that name; equal each time but for what Keras draws."""
    bundle, frame = _MAKERS[name]()
    return Sample(bundle._members(), frame)


def names() -> list[str]:
    """Of all samples."""
    return list(_MAKERS)


def table(task: str) -> pd.DataFrame:
    """Numbers with gaps, words, days, truths."""
    random = np.random.default_rng(0)
    targets: dict[str, Any] = {
        "binary": np.resize(["no", "yes"], N_ROWS),
        "multiclass": np.resize(["red", "green", "blue"], N_ROWS),
        "regression": random.normal(size=N_ROWS),
        "multilabel": np.resize(["a;b", "b", "a;c", "c"], N_ROWS),
    }
    size = random.normal(size=N_ROWS)
    size[3] = np.nan
    return pd.DataFrame(
        {
            "size": size,
            "count": random.integers(0, 9, N_ROWS),
            "colour": random.choice(["red", "green", "b lue"], N_ROWS),
            "day": pd.date_range("2026-01-01", periods=N_ROWS, freq="7h"),
            "sunny": np.resize(["true", "false"], N_ROWS),
            "target": targets[task],
        }
    )


def _bundle(
    model: str,
    frame: pd.DataFrame,
    options: list[PreprocessingOptions] | None = None,
    columns: dict[str, Any] | None = None,
    task: Any = None,
    decision: Decision | None = None,
    **hyperparameters: Any,
) -> tuple[Bundle, pd.DataFrame]:
    schema = infer(read(frame), target="target", columns=columns or {}, task=task)
    encodings = options or [PreprocessingOptions()]
    fitted = (
        Preprocessor.fit(frame, schema, encodings[0])
        if len(encodings) == 1
        else fit_encodings(frame, schema, encodings)
    )
    network = models.build(model, fitted.signature, **hyperparameters)
    _fill(network)
    config = {"run": {"seed": 7, "baselines": False}, "data": {"encoding": "utf-8"}}
    predictor = Predictor(fitted, network, decision or Decision())
    bundle = Bundle(
        model, hyperparameters, TrainingOptions(epochs=3), predictor, config, {"note": "näh"}
    )
    return bundle, frame.head(3)


def _fill(network: Any) -> None:
    random = np.random.default_rng(1)
    for weight in network.weights:
        weight.assign(np.abs(random.normal(size=weight.shape)) * 0.3)


def _binary() -> tuple[Bundle, pd.DataFrame]:
    conformal_calibration = ConformalCalibration(3.0, (1.0, 2.0, 3.0), (0.1, 0.4, 0.9))
    decision = Decision(1.5, 0.25, conformal_calibration=conformal_calibration)
    return _bundle("mlp", table("binary"), decision=decision, width=4, depth=1)


def _multiclass() -> tuple[Bundle, pd.DataFrame]:
    options = PreprocessingOptions(number_embedding="piecewise_linear", number_bins=4)
    return _bundle("tabm", table("multiclass"), [options], width=4, depth=1, n_members=2)


def _regression() -> tuple[Bundle, pd.DataFrame]:
    options = PreprocessingOptions(number_embedding="pbld", scale="quantile")
    return _bundle("realmlp", table("regression"), [options], width=4, depth=1)


def _average() -> tuple[Bundle, pd.DataFrame]:
    encodings = [PreprocessingOptions(), PreprocessingOptions(number_embedding="periodic")]
    return _bundle("ensemble", table("binary"), encodings, members="linear,2/mlp:width=4:depth=1")


def _text() -> tuple[Bundle, pd.DataFrame]:
    words = np.random.default_rng(3).choice(["fine", "cheap", "late", "broken"], (N_ROWS, 5))
    frame = pd.DataFrame({"note": [" ".join(line) for line in words]})
    frame["target"] = table("multilabel")["target"]
    values = {"width": 4, "buckets": 50} & models.hyperparameters("fasttext").keys()
    given: dict[str, Any] = {name: {"width": 4, "buckets": 50}[name] for name in values}
    return _bundle("fasttext", frame, columns={"note": "text"}, task="multilabel", **given)


def _image() -> tuple[Bundle, pd.DataFrame]:
    pixels = np.random.default_rng(2).integers(0, 256, (N_ROWS, 16, 16, 3), dtype="uint8")
    frame = pd.DataFrame({"picture": pd.Series(list(pixels), dtype=object)})
    frame["target"] = table("binary")["target"]
    decision = Decision(flip_tta=True)
    return _bundle("cnn", frame, columns={"picture": "image"}, decision=decision, width=4, depth=2)


def _series() -> tuple[Bundle, pd.DataFrame]:
    lines = np.random.default_rng(4).normal(size=(N_ROWS, 20)).astype("float32")
    frame = pd.DataFrame({"readings": pd.Series(list(lines), dtype=object)})
    frame["target"] = table("binary")["target"]
    return _bundle("gru", frame, columns={"readings": "series"}, width=4, depth=1)


def _forecast() -> tuple[ForecastBundle, pd.DataFrame]:
    days, random = np.arange(60), np.random.default_rng(0)
    pieces = [
        pd.DataFrame(
            {
                "day": pd.date_range("2021-03-01", periods=60).strftime("%Y-%m-%d"),
                "shop": shop,
                "sales": 50 + 8 * np.sin(days * 0.9) + random.normal(0, 1, 60),
            }
        )
        for shop in ("a", "b")
    ]
    frame = pd.concat(pieces, ignore_index=True)
    run: Any = kerasnn.train(
        frame,
        target="sales",
        series="shop",
        horizon=HORIZON,
        lookback=HISTORY,
        model="seasonal_naive",
        set={"transform": "none"},
        baselines=False,
    )
    values = {"members": "seasonal_naive,nlinear:lookback=6", "weights": "1,2"}
    fitted = run.forecaster.preprocessor
    network = models.build("forecast_ensemble", fitted.signature, **values)
    _fill(network)
    offsets = np.stack([np.full((HORIZON, 1), size) for size in (-1.0, 0.0, 2.0)])
    intervals = Intervals(levels_for(0.8), offsets, "made up")
    forecaster = Forecaster(fitted, network, intervals)
    return ForecastBundle(
        "forecast_ensemble", values, TrainingOptions(), forecaster, run.bundle.config
    ), frame


_MAKERS: dict[str, Callable[[], tuple[Bundle | ForecastBundle, pd.DataFrame]]] = {
    "binary": _binary,
    "multiclass": _multiclass,
    "regression": _regression,
    "ensemble": _average,
    "text": _text,
    "image": _image,
    "series": _series,
    "forecast": _forecast,
}
