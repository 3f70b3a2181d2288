"""Forecasts of ETTh1 by the protocol of the papers, model by model.

    python benchmarks/forecast_etth1.py ETTh1.csv [--models dlinear,patchtst] [--horizons 96,336]
        [--ensemble dlinear,patchtst] [--seed 0] > benchmarks/results/forecast_etth1.txt

All seven columns are forecast together from 336 hours: 12 months of 30 days to train on, 4 to
validate, 4 to test, standardised by the first. Every window of the test part counts, at stride 1;
errors are on the standardised scale.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

HISTORY = 336
MONTH = 30 * 24
ENDS = (12 * MONTH, 16 * MONTH, 20 * MONTH)
# Best of the published and of the solved ones, MSE.
BEST = {96: 0.370, 192: 0.403, 336: 0.422, 720: 0.434}

Inputs = dict[str, NDArray[Any]]


def main() -> None:
    """Train each model for each horizon and print a line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--models", default="seasonal_naive,ridge_nlinear,dlinear,nlinear")
    parser.add_argument("--horizons", default="96,336")
    parser.add_argument("--ensemble", default="")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], help="NAME=VALUE of each model")
    arguments = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    values = standardised(arguments.data)
    settings = dict(text.split("=", 1) for text in arguments.set)
    print(
        f"{'model':24}{'horizon':>8}{'MSE':>8}{'MAE':>8}{'of best':>9}{'epochs':>8}{'seconds':>9}"
    )
    for horizon in map(int, arguments.horizons.split(",")):
        parts = [windows(values, horizon, part) for part in range(3)]
        trained: dict[str, Any] = {}
        for name in filter(None, arguments.models.split(",")):
            trained[name] = learn(name, parts, horizon, arguments.seed, settings)
        if arguments.ensemble:
            ensemble(arguments.ensemble, trained, parts, horizon)


def standardised(path: Path) -> NDArray[Any]:
    """(hours, 7), float32, by the mean and the deviation of the training part."""
    import pandas as pd

    values = pd.read_csv(path).drop(columns="date").to_numpy(np.float64)
    train = values[: ENDS[0]]
    return ((values - train.mean(axis=0)) / train.std(axis=0)).astype("float32")


def windows(values: NDArray[Any], horizon: int, part: int) -> tuple[Inputs, NDArray[Any]]:
    """All windows whose future lies within a part."""
    start = ENDS[part - 1] - HISTORY if part else 0
    inside = values[start : ENDS[part]]
    views = np.lib.stride_tricks.sliding_window_view(inside, HISTORY + horizon, axis=0)
    views = views.transpose(0, 2, 1)
    past = np.ascontiguousarray(views[:, :HISTORY])
    return {"past": past}, views[:, HISTORY:].reshape(len(views), -1)


def learn(name: str, parts: Any, horizon: int, seed: int, settings: dict[str, str]) -> Any:
    """Train a model with its own recipe, and print its errors on the test part."""
    import keras

    from kerasnn import models
    from kerasnn.options import TrainingOptions
    from kerasnn.signature import Signature

    began, entry = time.perf_counter(), models.get(name)
    signature = Signature.forecast(HISTORY, horizon, targets=7, season=24)
    training_options = {
        k: v for k, v in settings.items() if k in TrainingOptions.__dataclass_fields__
    }
    keras.utils.set_random_seed(seed)
    values = {k: v for k, v in settings.items() if k in models.hyperparameters(name)}
    network = models.build(name, signature, **values)
    if entry.initialize:
        entry.initialize(network, *parts[0], seed)
    epochs = 0
    if not entry.closed_form:
        epochs = train(
            network, entry.training_options, signature.window, parts, seed, training_options
        )
    report(name, network, parts[2], horizon, epochs, time.perf_counter() - began)
    return network


def train(
    network: Any,
    training_options: Any,
    window: Any,
    parts: Any,
    seed: int,
    settings: dict[str, str],
) -> int:
    """Gradient steps until validation stops them; the number of epochs."""
    from dataclasses import replace

    from kerasnn.constraints import check
    from kerasnn.training.engine import Arrays
    from kerasnn.training.fit import fit
    from kerasnn.training.forecast_losses import forecast_loss, forecast_monitor

    training_options = replace(
        training_options, **{k: check(f"training.{k}", v) for k, v in settings.items()}
    )
    fitted = fit(
        network,
        Arrays(*parts[0]),
        Arrays(*parts[1]),
        training_options=training_options,
        row_loss=forecast_loss(training_options, window),
        monitor=forecast_monitor(replace(training_options, monitor="mse"), window, parts[1][1]),
        seed=seed,
    )
    return fitted.progress.epoch


def ensemble(names: str, trained: dict[str, Any], parts: Any, horizon: int) -> None:
    """The average of trained models, as one network."""
    from kerasnn import models
    from kerasnn.models.forecasting.forecast_ensemble import fill
    from kerasnn.signature import Signature

    began = time.perf_counter()
    signature = Signature.forecast(HISTORY, horizon, targets=7, season=24)
    network = models.build("forecast_ensemble", signature, members=names)
    fill(network, {name: trained[name] for name in names.split(",")})
    report(f"ensemble {names}", network, parts[2], horizon, 0, time.perf_counter() - began)


def report(
    name: str, network: Any, test: tuple[Inputs, Any], horizon: int, epochs: int, seconds: float
) -> None:
    """A line about the errors on the test part."""
    from kerasnn.inference.batched_model import BatchedModel

    inputs, truth = test
    errors = BatchedModel(network, batch_size=512)(inputs) - truth
    mse, mae = float(np.square(errors).mean()), float(np.abs(errors).mean())
    best = f"{mse / BEST[horizon] - 1:+.1%}" if horizon in BEST else ""
    print(f"{name:24}{horizon:8}{mse:8.4f}{mae:8.4f}{best:>9}{epochs:8}{seconds:9.0f}", flush=True)


if __name__ == "__main__":
    main()
