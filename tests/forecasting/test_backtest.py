"""The back-test: what it may see, what it chooses, and that it survives a stop."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import kerasnn
from kerasnn.config.config import Config
from kerasnn.config.settings import collect
from kerasnn.data import read
from kerasnn.errors import ModelRefusedError
from kerasnn.forecasting import column_roles, model_selection
from kerasnn.forecasting.backtest import Candidate, configured, far, folds, mean_score, tried
from kerasnn.forecasting.lookback import decide_options
from kerasnn.forecasting.model_selection import Choice, choose, is_open
from kerasnn.forecasting.panel import Panel, locate, read_panel
from kerasnn.forecasting.splits import Splits, divide

pytestmark = pytest.mark.filterwarnings("ignore::kerasnn.errors.KerasnnWarning")


def table(n_points: int = 150, *, growing: bool = False) -> pd.DataFrame:
    """Months with a season; growing by a share of themselves, or by a little each month."""
    random = np.random.default_rng(0)
    months = np.arange(n_points)
    wave = 0.3 * np.sin(2 * np.pi * months / 12)
    noise = random.normal(0, 0.01, n_points)
    values = np.exp(3 + 0.02 * months + wave + noise) if growing else 9 + wave + 5 * noise
    times = pd.date_range("2001-01-01", periods=n_points, freq="MS")
    return pd.DataFrame({"month": times, "y": values})


def given(frame: pd.DataFrame, **keys: Any) -> tuple[Panel, Splits, Config]:
    chosen = {key.replace("__", "."): value for key, value in keys.items()}
    settings = collect({"data.target": "y", "forecast.horizon": 6, **chosen})
    config = settings.with_default_model("dlinear").resolve()
    rows = read(frame).frame
    panel = read_panel(rows, locate(rows, column_roles.infer(rows, config.data, config.forecast)))
    splits = divide(panel, config.split, config.forecast.horizon)
    return panel, splits, config.with_inferred(decide_options(config.forecast, panel, splits))


def test_folds_score_each_origin_once_and_follow_what_trains() -> None:
    panel, splits, _ = given(table())
    found = folds(panel, splits, lookback=24, horizon=6, count=3)
    stop = int(splits.calibration[0])
    seen = np.concatenate([fold.origins.at for fold in found])
    assert len(found) == 3
    assert sorted(seen) == list(range(min(seen), stop - 6))
    for fold in found:
        # The last value that trains or validates lies before the first that is scored.
        assert (
            int(fold.splits.validation[0]) < int(fold.splits.test[0]) == fold.origins.at.min() + 1
        )
        assert (fold.origins.at + 6 < stop).all()


def test_folds_cut_all_series_at_one_time() -> None:
    long = table().assign(s="long")
    late = table().tail(100).assign(s="late")
    panel, splits, _ = given(pd.concat([long, late]), forecast__series="s")
    for fold in folds(panel, splits, lookback=24, horizon=6, count=2):
        starts = np.array([track.start for track in panel.tracks])
        assert len(set((starts + fold.splits.test).tolist())) == 1


def test_a_fold_sees_nothing_behind_its_cut() -> None:
    frame = table()
    panel, splits, config = given(frame)
    first = folds(panel, splits, lookback=24, horizon=6, count=2)[0]
    candidate = Candidate("ridge_nlinear")
    made = tried(candidate, first, panel, configured(candidate, config))
    changed = frame.copy()
    # What comes after the last origin of the fold, its truth too.
    last = int(first.origins.at.max())
    changed.loc[last + 1 :, "y"] = 1e3
    other, other_parts, _ = given(changed)
    same = tried(
        candidate, replace(first, splits=first.splits), other, configured(candidate, config)
    )
    assert made is not None
    assert same is not None
    np.testing.assert_array_equal(made.forecasts.prediction, same.forecasts.prediction)
    assert (other_parts.test == splits.test).all()


def test_series_that_are_too_short_have_no_fold() -> None:
    panel, splits, _ = given(table(30), forecast__season=1, forecast__lookback=4)
    assert folds(panel, splits, lookback=4, horizon=25, count=3) == []


def test_growth_by_shares_is_forecast_by_logarithms() -> None:
    choice = choose(*given(table(growing=True)))
    assert choice.config.forecast.transform == "log"
    assert choice.config.origins["model.name"] == "inferred"
    winner = next(row for row in choice.rows if row.won)
    known = [row.mean for row in choice.rows if row.mean is not None]
    assert winner.mean is not None
    assert winner.mean <= min(known) / model_selection.ENSEMBLE_GAIN**3
    assert len(winner.scores) == 3


def test_readings_below_0_have_no_logarithm() -> None:
    frame = table().assign(y=lambda rows: rows.y - 9)
    choice = choose(*given(frame))
    assert choice.config.forecast.transform == "none"
    assert not any("logarithm" in row.title for row in choice.rows)


def test_an_average_wins_where_it_is_better(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        model_selection,
        "_closed",
        lambda *_, **__: [Candidate(name) for name in ("ridge_nlinear", "arx", "seasonal_naive")],
    )
    panel, splits, config = given(table())
    trials = model_selection._Trials(panel, splits, config, count=2, note=None)
    for candidate in model_selection._closed(config, ["none"], free=True):
        trials.run(candidate)
    # Of the two linear models the better one.
    linear = next(title for title in trials.ranked() if title != "seasonal_naive")
    single = [trials.done[title][1] for title in (linear, "seasonal_naive")]
    trials._add_averages()
    (title,) = [title for title in trials.rows if title.startswith("mean of")]
    blend, outcomes = trials.done[title]
    assert sorted(blend.hyperparameters["members"].split(",")) == [linear, "seasonal_naive"]
    expected = np.mean([each[0].forecasts.prediction for each in single], axis=0)
    np.testing.assert_allclose(outcomes[0].forecasts.prediction, expected, rtol=1e-6)
    assert trials.rows[title].mean == pytest.approx(mean_score(outcomes))
    # It must pay for its second member.
    for gain, wins in ((0.01, False), (100.0, True)):
        monkeypatch.setattr(model_selection, "ENSEMBLE_GAIN", gain)
        assert (trials.choice().config.model.name == "forecast_ensemble") == wins


def test_a_chosen_model_stays_and_may_get_a_transform() -> None:
    panel, splits, config = given(table(growing=True), model__name="nlinear")
    assert not is_open(config)
    choice = choose(panel, splits, config)
    assert choice.config.model.name == "nlinear"
    assert choice.config.forecast.transform == "log"
    assert choice.leftover is None
    fixed = choose(*given(table(), model__name="nlinear", forecast__transform="none"))
    assert fixed.rows == ()


def test_settings_of_the_training_hold_for_every_candidate() -> None:
    _, _, config = given(table(), training__epochs=3)
    made = configured(Candidate("nhits"), config)
    assert (made.training.epochs, made.training.loss) == (3, "mae")
    assert made.origins["training.epochs"] == "argument"
    assert made.origins["training.loss"] == "model recipe"
    assert made.origins["model.name"] == "inferred"


def test_looking_far_is_whole_seasons() -> None:
    assert far(12, 24, 84) == 60
    assert far(12, 24, 30) == 12


def test_a_choice_survives_a_file() -> None:
    choice = choose(*given(table(growing=True)))
    again = Choice.from_bytes(choice.to_bytes(), choice.config)
    assert again.rows == choice.rows
    assert again.leftover is not None
    assert choice.leftover is not None
    np.testing.assert_array_equal(again.leftover[1], choice.leftover[1])
    with pytest.raises(ModelRefusedError, match="back-test of the run is damaged"):
        Choice.from_bytes(choice.to_bytes()[:100], choice.config)


def test_a_run_chooses_and_tells(tmp_path: Path) -> None:
    path = tmp_path / "y.csv"
    table(growing=True).to_csv(path, index=False)
    run = kerasnn.train(path, target="y", time="month", horizon=6, output=tmp_path / "run")
    assert run.scores is not None
    assert (run.scores.values["mase"] or 9) < 1
    assert run.bundle.config["forecast"]["transform"] == "log"
    assert any(row["won"] for row in run.bundle.report["candidates"])
    again = kerasnn.load(tmp_path / "run")
    assert again.scores == run.scores
    pd.testing.assert_frame_equal(again.predict(path), run.predict(path))
    resumed = kerasnn.train(resume=tmp_path / "run")
    pd.testing.assert_frame_equal(resumed.predict(path), run.predict(path))
    assert resumed.bundle.report["candidates"] == run.bundle.report["candidates"]
    assert (tmp_path / "run" / "report.html").read_text(encoding="utf-8").count("<svg") > 4
