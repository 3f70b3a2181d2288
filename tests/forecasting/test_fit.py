"""From series to a trained forecaster: losses, learning, resuming, closed forms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from kerasnn.config.settings import collect
from kerasnn.data import read
from kerasnn.errors import ConfigError, KerasnnWarning
from kerasnn.forecasting import column_roles, windows
from kerasnn.forecasting import fit as learning
from kerasnn.forecasting.fit import TrainedModel
from kerasnn.forecasting.lookback import decide_options, lookback_for
from kerasnn.forecasting.panel import Panel, locate, read_panel
from kerasnn.forecasting.splits import Splits, divide
from kerasnn.metrics.forecasts import Forecasts
from kerasnn.options import TrainingOptions
from kerasnn.signature import Output, Window
from kerasnn.training.checkpoints import Checkpoints
from kerasnn.training.engine import Engine
from kerasnn.training.fit import EpochRecord
from kerasnn.training.forecast_losses import forecast_loss, forecast_monitor
from kerasnn.training.losses import loss_function

KEYS = {
    "data.target": "y",
    "forecast.horizon": 6,
    "forecast.series": "s",
    "forecast.transform": "none",
    "model.name": "nlinear",
    "training.epochs": 3,
    "training.batch_size": 16,
    "training.learning_rate": 0.01,
}


def table(n_points: int = 160) -> pd.DataFrame:
    """Two series with a season of 12 months, a trend and little noise; one has gaps."""
    random = np.random.default_rng(0)
    months = np.arange(n_points)
    pieces = []
    for number, level in enumerate((10.0, 300.0)):
        wave = 5 * np.sin(2 * np.pi * (months + 3 * number) / 12)
        values = level + 0.05 * months + wave + random.normal(0, 0.3, n_points)
        times = pd.date_range("2005-01-01", periods=n_points, freq="MS")
        pieces.append(pd.DataFrame({"s": f"s{number}", "month": times, "y": values}))
    pieces[0].loc[[30, 31, 77], "y"] = np.nan
    return pd.concat(pieces, ignore_index=True)


def prepared(frame: pd.DataFrame | None = None, **keys: Any) -> tuple[Panel, Splits, Any]:
    chosen = {key.replace("__", "."): value for key, value in keys.items()}
    config = collect({**KEYS, **chosen}).resolve()
    rows = read(table() if frame is None else frame).frame
    found = column_roles.infer(rows, config.data, config.forecast)
    panel = read_panel(rows, locate(rows, found))
    parts = divide(panel, config.split, config.forecast.horizon)
    return panel, parts, config.with_inferred(decide_options(config.forecast, panel, parts))


def trained_model(**keys: Any) -> TrainedModel:
    panel, parts, config = prepared(**keys)
    return learning.fit_network(learning.prepare(panel, parts, config), config)


def forecasts(found: TrainedModel) -> Forecasts:
    return found.forecaster.forecasts(
        found.training_setup.prepared, found.training_setup.origins("test")
    )


def error(found: TrainedModel) -> float:
    made = forecasts(found)
    return float(np.nanmean(np.abs(made.truth - made.prediction)))


def weights(found: TrainedModel) -> list[np.ndarray]:
    return [variable.numpy() for variable in found.forecaster.network.variables]


def test_the_history_is_whole_seasons_within_half_of_the_data() -> None:
    assert lookback_for(24, 96, 8000) == 336
    assert lookback_for(12, 24, 96) == 36
    assert lookback_for(52, 104, 2000) == 312
    assert lookback_for(1, 8, 50) == 16
    assert lookback_for(12, 5, 12) == 3


def test_season_and_history_are_inferred_from_the_training_part() -> None:
    _, _, config = prepared()
    assert (config.forecast.season, config.forecast.lookback) == (12, 48)
    assert config.origins["forecast.season"] == "inferred"


def test_a_chosen_history_must_leave_a_window() -> None:
    with pytest.raises(ConfigError, match=r"window of 110 \+ 6 points is longer than the 112"):
        prepared(forecast__lookback=110)


def test_short_series_are_forecast_but_not_learned_from() -> None:
    frame = table()
    short = frame[frame.s == "s1"].tail(60).assign(s="late")
    with pytest.warns(KerasnnWarning, match="shorter than a window of 54 points: 'late'"):
        panel, parts, config = prepared(pd.concat([frame, short]), forecast__lookback=48)
    training_setup = learning.prepare(panel, parts, config)
    made = learning.fit_network(training_setup, config).forecaster.forecasts(
        panel, training_setup.origins("test")
    )
    assert "late" in made.series
    assert np.isfinite(made.prediction).all()


@pytest.mark.parametrize("model", ["nlinear", "ridge_nlinear"])
def test_a_linear_model_beats_last_year(model: str) -> None:
    found = trained_model(model__name=model, training__epochs=60)
    made = forecasts(found)
    assert made.season == 12
    season_ago = np.nanmean(made.naive_error)
    assert error(found) < 0.9 * season_ago
    assert made.times.shape == (len(made), 6)
    assert (made.times[:, 0] > made.origins).all()


def test_a_closed_form_takes_no_steps() -> None:
    found = trained_model(model__name="ridge_nlinear")
    assert found.fitted.progress.stopped == "closed form"
    [row] = found.fitted.history
    assert set(row) >= {"epoch", "loss", "validation_loss", "validation_mse"}
    assert row["loss"] < 1
    again = trained_model(model__name="ridge_nlinear")
    for one, other in zip(weights(found), weights(again), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_closed_form_is_solved_again_on_all_before_the_test() -> None:
    found = trained_model(model__name="ridge_nlinear")
    again = learning.refit(found)
    differs = [(a != b).any() for a, b in zip(weights(found), weights(again), strict=True)]
    assert any(differs)
    changed = table()
    late = changed["month"] >= pd.Timestamp("2016-05-01")
    changed.loc[late, "y"] += 100.0
    panel, parts, config = prepared(changed, model__name="ridge_nlinear")
    assert panel.frequency.texts(panel.values(0, int(parts.test[0]), 160))[0] == "2016-05-01"
    other = learning.refit(learning.fit_network(learning.prepare(panel, parts, config), config))
    for one, two in zip(weights(again), weights(other), strict=True):
        np.testing.assert_array_equal(one, two)
    trained = trained_model()
    assert learning.refit(trained) is trained


def test_windows_cut_out_as_needed_train_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    in_memory = trained_model()
    monkeypatch.setattr(windows, "MOST_BYTES", 0)
    monkeypatch.setattr(learning, "MOST_BYTES", 0)
    panel, parts, config = prepared()
    training_setup = learning.prepare(panel, parts, config)
    assert training_setup.train.on_disk
    cut = learning.fit_network(training_setup, config)
    for one, other in zip(weights(in_memory), weights(cut), strict=True):
        np.testing.assert_array_equal(one, other)


class KilledError(Exception):
    """Nothing is written any more, as after SIGKILL."""


class Killer:
    """Ends the process, as it were, in one epoch."""

    def on_steps(self, epoch: int, done: int, total: int) -> None:
        if epoch == 2:
            raise KilledError

    def on_epoch(self, row: EpochRecord, engine: Engine) -> None:
        pass


def test_a_killed_training_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    expected = trained_model()
    panel, parts, config = prepared()
    checkpoints = Checkpoints(tmp_path)
    with pytest.raises(KilledError):
        learning.fit_network(
            learning.prepare(panel, parts, config),
            config,
            checkpoints=checkpoints,
            fingerprint={},
            callbacks=[Killer()],
        )
    training_setup = learning.prepare(panel, parts, config)
    found = learning.fit_network(training_setup, config, checkpoints=checkpoints, fingerprint={})
    assert found.fitted.resumed_at in (1, 2)
    for one, other in zip(weights(expected), weights(found), strict=True):
        np.testing.assert_array_equal(one, other)


def test_quantiles_ascend_and_are_in_the_units_of_the_target() -> None:
    found = trained_model(training__loss="quantile", training__epochs=8)
    made = forecasts(found)
    assert list(made.quantiles) == [0.1, 0.5, 0.9]
    low, middle, high = made.quantiles.values()
    assert (low <= middle).all()
    assert (middle <= high).all()
    np.testing.assert_array_equal(made.prediction, middle)
    assert found.fitted.history[-1]["validation_quantile_loss"] > 0
    assert error(found) < 3


def test_a_model_for_tables_does_not_forecast() -> None:
    panel, parts, config = prepared(model__name="mlp")
    with pytest.raises(ConfigError, match="the model 'mlp' does not forecast"):
        learning.prepare(panel, parts, config)


WINDOW = Window(("a", "b"), 4, 3)
LEVELS = (0.1, 0.5, 0.9)


def unknown_target() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    target = random.normal(size=(5, 6)).astype("float32")
    target[random.random(target.shape) < 0.3] = np.nan
    target[4] = np.nan
    return target, np.isfinite(target)


@pytest.mark.parametrize("name", ["auto", "mse", "mae", "huber"])
def test_what_nobody_knows_has_no_say(name: str) -> None:
    target, known = unknown_target()
    outputs = np.random.default_rng(2).normal(size=(5, 6)).astype("float32")
    apart = np.abs(np.where(known, target, 0) - outputs)
    each = {
        "mae": apart,
        "huber": np.where(apart <= 1, 0.5 * apart**2, apart - 0.5),
    }.get(name, apart**2)
    expected = (each * known).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    loss = forecast_loss(TrainingOptions(loss=name), WINDOW)  # type: ignore[arg-type]
    tensor = tf.Variable(outputs)
    with tf.GradientTape() as tape:
        found = loss(tf.constant(target), tensor)
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-5)
    gradient = tape.gradient(found, tensor).numpy()
    assert np.isfinite(gradient).all()
    assert (gradient[~known] == 0).all()


def test_the_quantile_loss_is_that_of_the_book() -> None:
    target, known = unknown_target()
    window = Window(("a", "b"), 4, 3, quantiles=LEVELS)
    outputs = np.random.default_rng(2).normal(size=(5, 18)).astype("float32")
    below = target[..., None] - outputs.reshape(5, 6, 3)
    each = np.where(below > 0, np.array(LEVELS) * below, (np.array(LEVELS) - 1) * below).mean(-1)
    expected = np.where(known, each, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    training_options = TrainingOptions(loss="quantile")
    found = forecast_loss(training_options, window)(tf.constant(target), tf.constant(outputs))
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-5)
    monitor = forecast_monitor(training_options, window, target)
    assert monitor.name == "validation_quantile_loss"
    assert monitor.measure(outputs) == pytest.approx(each[known].mean(), rel=1e-5)


def test_monitors_measure_what_is_known() -> None:
    target, known = unknown_target()
    outputs = np.zeros((5, 6), "float32")
    for name, expected in (
        ("mse", np.mean(target[known] ** 2)),
        ("mae", np.mean(np.abs(target[known]))),
        ("rmse", np.sqrt(np.mean(target[known] ** 2))),
    ):
        monitor = forecast_monitor(TrainingOptions(monitor=name), WINDOW, target)
        assert monitor.measure(outputs) == pytest.approx(expected, rel=1e-5)
    assert np.isnan(monitor.measure(np.full((5, 6), np.nan)))
    with pytest.raises(ConfigError, match="can't be monitored by 'auc'"):
        forecast_monitor(TrainingOptions(monitor="auc"), WINDOW, target)


def test_the_quantile_loss_is_for_forecasts_alone() -> None:
    with pytest.raises(ConfigError, match="'quantile' is for forecasts and the task is regression"):
        loss_function(TrainingOptions(loss="quantile"), Output("regression", 1))


def test_losses_of_classes_are_refused() -> None:
    with pytest.raises(ConfigError, match="'focal' is for classes and the task is forecast"):
        forecast_loss(TrainingOptions(loss="focal"), WINDOW)
