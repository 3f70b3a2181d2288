"""Forecasts of recent rows, runs in memory and in folders, bundles, exports."""

from __future__ import annotations

import json
import os
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import kerasnn
from kerasnn import models
from kerasnn.bundle import Bundle, ForecastBundle, open_bundle
from kerasnn.bundle.members import read_members, write_members
from kerasnn.cli.main import commands
from kerasnn.errors import ConfigError, DataError, KerasnnWarning, ModelRefusedError
from kerasnn.export import forecasts as exports
from kerasnn.forecasting.forecaster import Forecaster
from kerasnn.forecasting.intervals import Intervals, levels_for
from kerasnn.forecasting.windows import Origins
from kerasnn.options import TrainingOptions
from kerasnn.runs.forecast import ForecastRun

HORIZON, HISTORY = 4, 14
TINY: dict[str, Any] = {
    "model": "nlinear",
    "lookback": HISTORY,
    "set": {"epochs": 1, "transform": "none"},
    "baselines": False,
}


def table(n_points: int = 120) -> pd.DataFrame:
    """Two shops with a weekly season, visitors, holidays and a few gaps."""
    random = np.random.default_rng(0)
    days = np.arange(n_points)
    pieces = []
    for number, shop in enumerate(("a", "b")):
        sales = 50 * (number + 1) + 8 * np.sin(2 * np.pi * days / 7) + random.normal(0, 1, n_points)
        frame = pd.DataFrame(
            {
                "day": pd.date_range("2021-03-01", periods=n_points).strftime("%Y-%m-%d"),
                "shop": shop,
                "sales": sales.round(3),
                "visitors": (2 * sales + random.normal(0, 1, n_points)).round(1),
                "holiday": (days % 7 == 6).astype(int),
            }
        )
        frame.loc[[20, 21, 50], "sales"] = np.nan
        pieces.append(frame)
    return pd.concat(pieces, ignore_index=True)


def trained(data: Any = None, **options: Any) -> ForecastRun:
    given = {
        "target": "sales",
        "series": "shop",
        "future_covariates": ["holiday"],
        "horizon": HORIZON,
    }
    frame = table() if data is None else data
    run = kerasnn.train(frame, **{**given, **TINY, **options})
    assert isinstance(run, ForecastRun)
    return run


@pytest.fixture(scope="module")
def run() -> ForecastRun:
    return trained()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    location = tmp_path_factory.mktemp("run")
    table().to_csv(location / "sales.csv", index=False)
    trained(location / "sales.csv", output=location / "run")
    return location / "run"


def ahead(frame: pd.DataFrame, count: int = HORIZON) -> pd.DataFrame:
    """Rows behind the last ones: the times and the holidays of days to come."""
    last = pd.Timestamp(frame["day"].max())
    days = pd.date_range(last + pd.Timedelta(days=1), periods=count).strftime("%Y-%m-%d")
    return pd.concat(
        [
            pd.DataFrame(
                {"day": days, "shop": s, "sales": np.nan, "visitors": np.nan, "holiday": 0}
            )
            for s in frame["shop"].unique()
        ]
    )


def plain(result: pd.DataFrame) -> list[str]:
    return [name for name in result.columns if not name.startswith("quantile:")]


def test_a_run_scores_the_test_part(run: ForecastRun) -> None:
    assert run.scores is not None
    found = run.forecasts("test")
    error = np.abs(found.truth - found.prediction)
    assert run.scores.values["mae"] == pytest.approx(float(np.nanmean(error)), rel=1e-5)
    assert run.scores.n_windows == len(found) == 2 * (18 - HORIZON + 1)
    assert run.evaluate() is run.scores


def test_the_recent_history_is_enough(run: ForecastRun) -> None:
    recent = table().groupby("shop").tail(HISTORY)
    result = run.predict(pd.concat([recent, ahead(recent)]))
    assert plain(result) == ["shop", "day", "prediction"]
    assert list(result.columns)[3:] == [f"quantile:{level}" for level in (0.1, 0.5, 0.9)]
    assert result["shop"].tolist() == ["a"] * HORIZON + ["b"] * HORIZON
    assert str(result["day"].iloc[0]) == "2021-06-29 00:00:00"
    whole = run.predict(pd.concat([table(), ahead(recent)]))
    np.testing.assert_allclose(result["prediction"], whole["prediction"], rtol=1e-5)


def test_a_prediction_is_the_forecast_from_the_last_origin(run: ForecastRun) -> None:
    frame = table()
    panel = run.forecaster.panel(frame)
    early = panel.tracks[0].end - 1 - HORIZON
    made = run.forecaster.forecasts(panel, Origins(np.array([0, 1]), np.array([early, early])))
    cut = frame.copy()
    cut.loc[cut["day"] > "2021-06-24", ["sales", "visitors"]] = np.nan
    result = run.predict(cut)
    np.testing.assert_allclose(result["prediction"], made.prediction.reshape(-1), rtol=1e-6)


def test_the_future_of_known_columns_must_be_given(run: ForecastRun) -> None:
    with pytest.raises(
        DataError, match=r"'holiday' of series 'a' must be known 4 time steps ahead"
    ):
        run.predict(table())
    with pytest.raises(DataError, match="add rows with the times to come"):
        run.predict(pd.concat([table(), ahead(table(), HORIZON - 1)]))


def test_a_short_history_is_told_and_padded(run: ForecastRun) -> None:
    recent = table().groupby("shop").tail(5)
    with pytest.warns(KerasnnWarning, match="history of 'a', 'b' is shorter than the 14 points"):
        result = run.predict(pd.concat([recent, ahead(recent)]))
    assert np.isfinite(result["prediction"]).all()


def test_a_new_series_is_told_and_forecast_on_its_own_level(run: ForecastRun) -> None:
    frame = pd.concat([table(), ahead(table())])
    new = frame[frame["shop"] == "a"].assign(shop="c", sales=lambda rows: rows["sales"] + 1000)
    with pytest.warns(KerasnnWarning, match="series that training did not know: 'c'"):
        result = run.predict(new)
    assert (result["prediction"] > 900).all()


def test_a_series_without_readings_can_t_be_forecast(run: ForecastRun) -> None:
    frame = pd.concat([table().tail(20).assign(sales=np.nan), ahead(table())])
    with pytest.raises(DataError, match="no reading of series"):
        run.predict(frame)


def test_series_that_end_at_different_times_are_told(run: ForecastRun) -> None:
    frame = table()
    frame = frame[~((frame["shop"] == "a") & (frame["day"] > "2021-06-20"))]
    frame = pd.concat([frame, *(ahead(frame[frame["shop"] == shop]) for shop in ("a", "b"))])
    with pytest.warns(
        KerasnnWarning, match="end at different times, from 2021-06-20 to 2021-06-28"
    ):
        run.predict(frame)


def test_several_targets_have_a_column_each() -> None:
    run = trained(target=None, targets=["sales", "visitors"], future_covariates=None)
    result = run.predict(table())
    assert plain(result) == ["shop", "day", "prediction:sales", "prediction:visitors"]
    assert "quantile:0.9:visitors" in result
    ratio = result["prediction:visitors"] / result["prediction:sales"]
    assert ratio.between(1.5, 2.5).all()


def test_plain_steps_stay_whole_numbers() -> None:
    frame = pd.DataFrame({"t": range(0, 200, 2), "y": np.sin(np.arange(100))})
    run = kerasnn.train(frame, target="y", time="t", horizon=3, **TINY)
    assert isinstance(run, ForecastRun)
    result = run.predict(frame)
    assert result["t"].tolist() == [200, 202, 204]
    assert plain(result) == ["t", "prediction"]


@pytest.mark.parametrize("as_periods", [False, True])
def test_times_may_be_the_index(as_periods: bool) -> None:
    months = pd.date_range("2010-01-01", periods=90, freq="MS")
    values = pd.DataFrame({"y": np.sin(np.arange(90) / 2)}, index=months)
    frame = values.set_axis(months.to_period()) if as_periods else values
    run = kerasnn.train(frame, target="y", horizon=3, **TINY)
    result = run.predict(frame)
    assert plain(result) == ["time", "prediction"]
    assert result["time"].iloc[0] == pd.Timestamp("2017-07-01")


def test_intervals_add_quantiles(run: ForecastRun) -> None:
    offsets = np.stack([np.full((HORIZON, 1), size) for size in (-1.0, 0.0, 2.0)])
    forecaster = run.forecaster.with_intervals(Intervals(levels_for(0.8), offsets))
    frame = pd.concat([table(), ahead(table())])
    result = forecaster.predict(frame)
    assert list(result.columns[3:]) == ["quantile:0.1", "quantile:0.5", "quantile:0.9"]
    deviation = run.forecaster.preprocessor.scales[0].deviation[0]
    of_a = result[result["shop"] == "a"]
    np.testing.assert_allclose(of_a["prediction"] - of_a["quantile:0.1"], deviation)
    np.testing.assert_allclose(of_a["quantile:0.9"] - of_a["prediction"], 2 * deviation)


def test_levels_are_the_ends_of_an_interval_and_the_median() -> None:
    assert levels_for(0.8) == (0.1, 0.5, 0.9)
    assert levels_for(0.95) == (0.025, 0.5, 0.975)


def test_a_folder_has_the_files_of_a_run(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    assert names >= {
        "config.yaml",
        "model.kerasnn",
        "holdout.parquet",
        "split.csv.gz",
        "scores.json",
        "history.csv",
        "predictions.csv",
    }
    split = pd.read_csv(folder / "split.csv.gz")
    assert split[split["series"] == "a"]["part"].tolist() == [
        "train",
        "validation",
        "calibration",
        "test",
    ]
    assert split["points"].sum() == 240
    predictions = pd.read_csv(folder / "predictions.csv")
    assert not predictions.duplicated(["series", "time"]).any()
    assert len(predictions) == 2 * 16


def test_a_loaded_run_does_the_same_without_the_data(folder: Path, tmp_path: Path) -> None:
    os.rename(folder.parent / "sales.csv", tmp_path / "sales.csv")
    loaded = kerasnn.load(folder)
    assert isinstance(loaded, ForecastRun)
    scores = loaded.scores
    assert scores is not None
    loaded.scores = None
    assert loaded.evaluate().values["mae"] == pytest.approx(scores.values["mae"])
    assert loaded.summary().startswith("series    2 of")
    os.rename(tmp_path / "sales.csv", folder.parent / "sales.csv")


def test_new_rows_are_scored_behind_the_run_s_own(folder: Path) -> None:
    loaded = kerasnn.load(folder)
    more = table(132)
    new = more[more["day"] > "2021-06-28"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = loaded.evaluate(new)
    assert scores.n_windows == 2 * (12 - HORIZON + 1)


def test_options_of_other_tasks_are_refused(run: ForecastRun) -> None:
    with pytest.raises(ConfigError, match="`costs` is not for forecasts"):
        run.evaluate(costs="fp=1")
    with pytest.raises(DataError, match="has neither images nor texts"):
        run.explain_files("cat.jpg")
    with pytest.raises(ConfigError, match="8 bits"):
        run.export("litert", int8=True)


def test_a_configuration_repeats_the_run(folder: Path, tmp_path: Path) -> None:
    config = folder / "config.yaml"
    again = kerasnn.train(config=config, output=tmp_path / "again")
    assert isinstance(again, ForecastRun)
    first = kerasnn.load(folder)
    assert isinstance(first, ForecastRun)
    for one, other in zip(
        first.forecaster.network.variables, again.forecaster.network.variables, strict=True
    ):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_a_run_goes_on(folder: Path, tmp_path: Path) -> None:
    source = folder.parent / "sales.csv"
    constant = {"schedule": "constant", "transform": "none"}
    whole = trained(source, output=tmp_path / "whole", set={"epochs": 2, **constant})
    trained(source, output=tmp_path / "part", set={"epochs": 1, **constant})
    resumed = kerasnn.train(resume=tmp_path / "part", set={"epochs": 2})
    assert isinstance(resumed, ForecastRun)
    for one, other in zip(
        whole.forecaster.network.variables, resumed.forecaster.network.variables, strict=True
    ):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_rows_of_a_test_file_are_forecast_from_the_rows_before(tmp_path: Path) -> None:
    frame = table()
    late = frame["day"] > "2021-06-20"
    run = trained(frame[~late], test=frame[late])
    found = run.forecasts("test")
    assert found.times.min() == np.datetime64("2021-06-21")
    assert found.origins.min() == np.datetime64("2021-06-20")
    assert len(found) == 2 * (8 - HORIZON + 1)


def test_a_bundle_comes_back(run: ForecastRun, tmp_path: Path) -> None:
    offsets = np.stack([np.full((HORIZON, 1), size) for size in (-1.0, 0.0, 2.0)])
    forecaster = run.forecaster.with_intervals(Intervals(levels_for(0.8), offsets, "made up"))
    bundle = replace(run.bundle, forecaster=forecaster)
    bundle.save(tmp_path / "model.kerasnn")
    loaded = open_bundle(tmp_path / "model.kerasnn")
    assert isinstance(loaded, ForecastBundle)
    frame = pd.concat([table(), ahead(table())])
    pd.testing.assert_frame_equal(loaded.forecaster.predict(frame), forecaster.predict(frame))
    assert "sales (forecast, 4 ahead)" in loaded.describe()
    with pytest.raises(ModelRefusedError, match="it forecasts series"):
        Bundle.load(tmp_path / "model.kerasnn")


@pytest.mark.parametrize(
    "name", [name for name in models.names() if models.data_of(name) == "forecast"]
)
def test_each_model_comes_back(run: ForecastRun, tmp_path: Path, name: str) -> None:
    wanted = {"width": 8, "depth": 1, "heads": 2, "patch": 4, "stride": 2}
    values = {key: wanted[key] for key in models.hyperparameters(name) if key in wanted}
    fitted = run.forecaster.preprocessor
    network = models.build(name, fitted.signature, **values)
    random = np.random.default_rng(1)
    for weight in network.weights:
        value = random.normal(size=weight.shape)
        weight.assign(np.abs(value) if weight.name == "moving_variance" else value)
    forecaster = Forecaster(fitted, network)
    ForecastBundle(name, values, TrainingOptions(), forecaster).save(tmp_path / "model.kerasnn")
    loaded = open_bundle(tmp_path / "model.kerasnn")
    assert isinstance(loaded, ForecastBundle)
    assert loaded.hyperparameters == models.hyperparameters(name) | values
    frame = pd.concat([table(), ahead(table())])
    pd.testing.assert_frame_equal(
        loaded.forecaster.predict(frame), forecaster.predict(frame), check_exact=True
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"intervals": {"levels": [0.5]}}, "intervals are malformed"),
        ({"intervals": {"levels": [0.5], "offsets": [[["a"]]], "note": ""}}, "malformed"),
        ({"horizon": 5}, "does not fit the network"),
        ({"quantiles": [0.5]}, "does not fit the network"),
        ({"scales": []}, "malformed"),
        ({"kind": "table"}, "malformed"),
    ],
)
def test_a_stranger_s_bundle_is_refused(
    run: ForecastRun, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    run.save(tmp_path / "model.kerasnn")
    members = read_members(tmp_path / "model.kerasnn")
    data = {**json.loads(members["preprocessing.json"]), **change}
    members["preprocessing.json"] = json.dumps(data).encode()
    write_members(tmp_path / "other.kerasnn", members)
    with pytest.raises(ModelRefusedError, match=message):
        open_bundle(tmp_path / "other.kerasnn")


@pytest.mark.parametrize("format", ["keras", "saved_model", "onnx", "litert"])
def test_exports_say_what_the_run_says(folder: Path, tmp_path: Path, format: str) -> None:
    loaded = kerasnn.load(folder)
    ending = {"keras": ".keras", "onnx": ".onnx", "litert": ".tflite"}.get(format, "")
    result = loaded.export(format, tmp_path / f"model{ending}")
    assert result.largest_difference <= 1e-5
    assert result.n_rows >= 50
    page = result.card.read_text()
    assert "`future_covariates` | float32 | (batch, 18, 5)" in page
    assert '"a": {' in page
    code = page.split("```python\n")[1].split("```")[0]
    assert "np.full((14, 1)" in code


def test_the_page_s_example_runs(folder: Path, tmp_path: Path, monkeypatch: Any) -> None:
    card = kerasnn.load(folder).export("saved_model", tmp_path / "model").card
    code = card.read_text().split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(tmp_path)
    shown: list[Any] = []
    exec(code, {"print": shown.append})
    assert shown[0].shape == (1, HORIZON, 1, 1 + 3)


def test_exports_hold_the_logarithm_and_the_intervals(tmp_path: Path) -> None:
    run = trained(set={"epochs": 1, "transform": "log"}, future_covariates=None)
    offsets = np.stack([np.full((HORIZON, 1), size) for size in (-0.5, 0.0, 0.25)])
    forecaster = run.forecaster.with_intervals(Intervals(levels_for(0.8), offsets))
    panel = forecaster.panel(table())
    raw, scales = exports.raw_windows(forecaster.preprocessor, panel)
    model = exports.serving_model(forecaster)
    found = np.asarray(model(raw)["forecast"])
    expected = exports.reference(forecaster, raw, scales)
    assert found.shape == (len(scales), HORIZON, 1, 4)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    np.testing.assert_allclose(found[..., 2], found[..., 0])


def test_the_commands_forecast(tmp_path: Path) -> None:
    table().drop(columns="holiday").to_csv(tmp_path / "sales.csv", index=False)
    runner = CliRunner()
    arguments = ["train", "sales.csv", "--target", "sales", "--series", "shop", "--horizon", "4"]
    arguments += ["--time", "day", "--lookback", "14", "--model", "nlinear", "--epochs", "1"]
    here = os.getcwd()
    os.chdir(tmp_path)
    try:
        done = runner.invoke(commands, [*arguments, "--output", "run", "--season", "7"])
        assert done.exit_code == 0, done.output
        assert "sales: 4 steps ahead, from the last 14" in done.stdout
        done = runner.invoke(commands, ["predict", "run", "sales.csv"])
        assert done.exit_code == 0, done.output
        assert done.stdout.startswith("shop,day,prediction,quantile:0.1,")
        assert len(done.stdout.splitlines()) == 1 + 2 * HORIZON
        for words in (["evaluate", "run"], ["evaluate", "run", "sales.csv"], ["inspect", "run"]):
            done = runner.invoke(commands, words)
            assert done.exit_code == 0, done.output
    finally:
        os.chdir(here)


def test_forecast_is_train_with_a_horizon() -> None:
    days = pd.date_range("2024-01-01", periods=90)
    frame = pd.DataFrame({"day": days, "sales": np.arange(90) % 7 + 0.1 * np.arange(90)})
    given: dict[str, Any] = {"model": "ridge_nlinear", "baselines": False}
    run = kerasnn.forecast(frame, "sales", 3, time="day", **given)
    same = kerasnn.train(frame, target="sales", horizon=3, time="day", **given)
    pd.testing.assert_frame_equal(run.predict(frame), same.predict(frame))
    with pytest.raises(ConfigError, match="horizon"):
        kerasnn.forecast(frame, "sales", -1)
