"""Windows: what was known at an origin and nothing else, against a loop over the points."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kerasnn.data import read
from kerasnn.errors import ConfigError, KerasnnWarning, ModelRefusedError
from kerasnn.forecasting import column_roles
from kerasnn.forecasting.lookback import decide_options
from kerasnn.forecasting.panel import Panel, locate, read_panel
from kerasnn.forecasting.preprocessor import ForecastPreprocessor, naive_error
from kerasnn.forecasting.splits import Splits, divide
from kerasnn.forecasting.windows import Origins, fill, origins
from kerasnn.options import DataOptions, ForecastOptions, SplitOptions

HISTORY, HORIZON = 6, 3
SIZES: dict[str, int] = {"lookback": HISTORY, "horizon": HORIZON}


def table(n_points: int = 60, *, gaps: bool = True) -> pd.DataFrame:
    """Two shops of different level, with holidays, visitors and gaps."""
    random = np.random.default_rng(0)
    pieces = []
    for number, shop in enumerate(("a", "b")):
        days = pd.date_range("2020-01-01", periods=n_points)
        values = 10.0 + 90 * number + np.arange(n_points) + random.normal(0, 1, n_points)
        frame = pd.DataFrame(
            {
                "day": days,
                "shop": shop,
                "sales": values,
                "visitors": values * 2 + random.normal(0, 1, n_points),
                "holiday": (np.arange(n_points) % 7 == 3).astype(float),
                "size": 5.0 + number,
            }
        )
        if gaps:
            frame.loc[[7, 8, 20, 29], "sales"] = np.nan
            frame.loc[[8, 21], "visitors"] = np.nan
            frame = frame.drop(index=[12, 13])
        pieces.append(frame)
    return pd.concat(pieces, ignore_index=True)


def fitted(frame: pd.DataFrame, **options: Any) -> tuple[Panel, Splits, ForecastPreprocessor]:
    chosen = ForecastOptions(
        season=7,
        series=("shop",),
        future_covariates=("holiday",),
        lookback=HISTORY,
        horizon=HORIZON,
        **{"transform": "none", **options},
    )
    rows = read(frame).frame
    found = column_roles.infer(rows, DataOptions(target="sales"), chosen)
    panel = read_panel(rows, locate(rows, found))
    parts = divide(panel, SplitOptions(), HORIZON)
    return panel, parts, ForecastPreprocessor.fit(panel, parts, chosen)


def known_at(values: np.ndarray, origin: int, lookback: int) -> np.ndarray:
    """What a window shows of one column: a loop that looks at no reading behind the origin."""
    seen = values[: origin + 1]
    at = np.flatnonzero(np.isfinite(seen))
    window = []
    for point in range(origin - lookback + 1, origin + 1):
        if not len(at):
            window.append(0.0)
        else:
            # Flat before the first reading and behind the last one, as np.interp is.
            window.append(float(np.interp(point, at, seen[at])))
    return np.array(window)


def test_what_is_missing_is_filled_by_what_was_known_at_the_origin() -> None:
    panel, _, preprocessor = fitted(table())
    prepared = preprocessor.prepare(panel)
    at = np.arange(0, 59)
    found = Origins(np.repeat([0, 1], len(at)), np.tile(at, 2))
    inputs = preprocessor.inputs(prepared, found)
    past, covariates = inputs["past"][:], inputs["past_covariates"][:]
    assert past.shape == (118, HISTORY, 1)
    column = preprocessor.past_covariates[0]
    for row, (track, origin) in enumerate(zip(found.track, found.at, strict=True)):
        series, scale = panel.tracks[track], preprocessor.scales[track]
        scaled = (series.target[:, 0] - scale.mean[0]) / scale.deviation[0]
        np.testing.assert_allclose(past[row, :, 0], known_at(scaled, origin, HISTORY), atol=1e-5)
        other = (series.past_covariates[:, 0] - column.center) * column.factor
        np.testing.assert_allclose(
            covariates[row, :, 0], known_at(other, origin, HISTORY), atol=1e-5
        )


def test_no_reading_behind_the_origin_changes_a_window() -> None:
    panel, _, preprocessor = fitted(table())
    changed = table()
    late = changed["day"] > "2020-02-09"
    changed.loc[late, ["sales", "visitors"]] = 1e6
    rows = read(changed).frame
    other = read_panel(rows, locate(rows, panel.roles, panel.frequency))
    found = Origins(np.array([0, 1]), np.array([39, 39]))
    for name in ("past", "past_covariates", "future_covariates"):
        one = preprocessor.inputs(preprocessor.prepare(panel), found)[name][:]
        two = preprocessor.inputs(preprocessor.prepare(other), found)[name][:]
        np.testing.assert_array_equal(one, two)


def test_what_is_known_ahead_spans_history_and_horizon() -> None:
    panel, _, preprocessor = fitted(table())
    assert preprocessor.signature.window is not None
    names = preprocessor.signature.window.future_covariates
    assert names == ("holiday", "week sin", "week cos")
    found = Origins(np.array([1]), np.array([30]))
    known = preprocessor.inputs(preprocessor.prepare(panel), found)["future_covariates"][:][0]
    assert known.shape == (HISTORY + HORIZON, 3)
    days = np.arange(30 - HISTORY + 1, 30 + HORIZON + 1)
    assert ((known[:, 0] > 0) == (days % 7 == 3)).all()
    weekday = (days + 2) % 7  # 2020-01-01 was a Wednesday
    np.testing.assert_allclose(known[:, 1], np.sin(2 * np.pi * weekday / 7), atol=1e-6)


def test_targets_are_scaled_by_the_training_part_and_nan_where_unknown() -> None:
    panel, parts, preprocessor = fitted(table())
    prepared = preprocessor.prepare(panel)
    found = Origins(np.array([0, 0]), np.array([5, 58]))
    target = preprocessor.target(prepared, found)[:]
    train = panel.tracks[0].target[: parts.validation[0], 0]
    expected = (panel.tracks[0].target[6:9, 0] - np.nanmean(train)) / np.nanstd(train)
    np.testing.assert_allclose(target[0], expected, rtol=1e-5)
    assert np.isnan(target[0, 1:]).all()
    assert np.isnan(target[1, 1:]).all()
    assert np.isfinite(target[1, 0])


def test_no_target_of_a_window_is_in_two_parts() -> None:
    panel, parts, _ = fitted(table(120))
    seen: dict[tuple[int, int], str] = {}
    for part in ("train", "validation", "calibration", "test"):
        found = origins(panel, parts, part, **SIZES)
        assert len(found)
        for track, origin in zip(found.track.tolist(), found.at.tolist(), strict=True):
            for point in range(origin + 1, origin + 1 + HORIZON):
                assert seen.setdefault((track, point), part) == part
    assert {point for track, point in seen if track == 0} >= set(range(HISTORY, 120))


def test_training_windows_have_a_whole_history_and_a_known_target() -> None:
    frame = table(gaps=False)
    frame.loc[(frame.shop == "a") & frame.day.between("2020-01-20", "2020-01-24"), "sales"] = np.nan
    panel, parts, _ = fitted(frame)
    found = origins(panel, parts, "train", **SIZES)
    of_a = found.at[found.track == 0]
    assert of_a.min() == HISTORY - 1
    assert not {18, 19, 20} & set(of_a.tolist())
    assert {17, 21} <= set(of_a.tolist())


def test_many_windows_are_thinned_evenly() -> None:
    panel, parts, _ = fitted(table(120))
    every = origins(panel, parts, "train", **SIZES)
    some = origins(panel, parts, "train", **SIZES, most=20)
    assert len(some) <= 20 < len(every)
    assert some.at[-1] == every.at[-1]
    assert set(np.diff(some.at[some.track == 1]).tolist()) == {-(-len(every) // 20)}


def test_a_part_shorter_than_the_horizon_has_one_window() -> None:
    panel, parts, _ = fitted(table())
    short = replace(parts, test=parts.end - 2)
    found = origins(panel, short, "test", **SIZES)
    assert found.at.tolist() == [57, 57]


def test_what_never_changes_is_an_input() -> None:
    panel, _, preprocessor = fitted(table())
    prepared = preprocessor.prepare(panel)
    inputs = preprocessor.inputs(prepared, Origins(np.array([0, 1]), np.array([9, 9])))
    assert inputs["numbers"].tolist() == [[-1.0], [1.0]]
    assert inputs["categories"].tolist() == [[2], [3]]


def test_decoding_undoes_scaling() -> None:
    for transform in ("none", "log"):
        panel, _, preprocessor = fitted(table(gaps=False), transform=transform)
        prepared = preprocessor.prepare(panel)
        found = Origins(np.array([0, 1, 1]), np.array([9, 9, 30]))
        target = preprocessor.target(prepared, found)[:]
        scales = [prepared.scales[i] for i in found.track]
        decoded = preprocessor.decode(preprocessor.shaped(target), scales)[..., 0]
        truth = [panel.tracks[t].target[o + 1 : o + 1 + HORIZON] for t, o in ((0, 9), (1, 9))]
        np.testing.assert_allclose(decoded[:2], truth, rtol=1e-5)


def test_the_logarithm_needs_what_is_positive() -> None:
    frame = table()
    frame.loc[3, "sales"] = -2.0
    with pytest.raises(ConfigError, match="targets above 0; the smallest is -2"):
        fitted(frame, transform="log")


def test_a_new_series_is_scaled_by_its_own_readings() -> None:
    _, _, preprocessor = fitted(table())
    days = pd.date_range("2021-01-01", periods=9)
    new = pd.DataFrame({"day": days, "shop": "c", "sales": np.arange(9.0), "visitors": 1.0})
    rows = read(new.assign(holiday=0.0, size=None)).frame
    panel = read_panel(rows, locate(rows, preprocessor.roles, preprocessor.frequency))
    prepared = preprocessor.prepare(panel)
    assert prepared.unseen == ("c",)
    assert prepared.scales[0].mean == (4.0,)
    inputs = preprocessor.inputs(prepared, Origins(np.array([0]), np.array([8])))
    assert inputs["categories"].tolist() == [[1]]
    assert np.isfinite(inputs["numbers"]).all()


def test_a_constant_series_is_told_and_finite() -> None:
    frame = table(gaps=False)
    frame.loc[frame.shop == "b", "sales"] = 4.0
    panel, parts, preprocessor = fitted(frame)
    with pytest.warns(KerasnnWarning, match="never changes in training: 'b'"):
        decide_options(ForecastOptions(season=7, lookback=HISTORY, horizon=HORIZON), panel, parts)
    inputs = preprocessor.inputs(preprocessor.prepare(panel), Origins(np.array([1]), np.array([9])))
    assert (inputs["past"][:] == 0).all()


def test_the_naive_error_is_that_of_a_season_ago() -> None:
    values = np.array([[1.0], [2], [5], [np.nan], [9]])
    assert naive_error(values, 2).tolist() == [(4 + 4) / 2]
    assert naive_error(values, 9).tolist() == [0.0]


def test_filling_pads_with_the_ends() -> None:
    filled = fill([np.array([[np.nan], [2.0], [np.nan], [4.0]])], 2)
    assert filled.between[:, 0].tolist() == [2, 2, 2, 2, 3, 4, 4, 4]
    assert filled.held[:, 0].tolist() == [0, 0, 0, 2, 2, 4, 4, 4]


def test_a_preprocessor_comes_back_from_json() -> None:
    _, _, preprocessor = fitted(table())
    data = json.loads(json.dumps(preprocessor.to_dict()))
    assert ForecastPreprocessor.from_dict(data) == preprocessor


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("lookback",), 0),
        (("horizon",), 2**30),
        (("season",), 1.5),
        (("transform",), "exp"),
        (("cycles",), ["decade"]),
        (("quantiles",), [0.9, 0.1]),
        (("frequency", "step"), 0),
        (("frequency", "unit"), "year"),
        (("scales", 0, "deviation"), [0.0]),
        (("scales", 0, "mean"), [float("nan")]),
        (("scales", 0, "key"), ["a", "b"]),
        (("scales", 1, "key"), ["a"]),
        (("roles", "targets"), []),
        (("roles", "clock"), "sundial"),
        (("past_covariates", 0, "name"), "other"),
        (("future_covariates", 0, "factor"), "1"),
        (("vocabularies", 0, "words"), ["a", "a"]),
        (("kind",), "table"),
        (("more",), 1),
    ],
)
def test_a_stranger_s_preprocessing_is_refused(path: tuple[Any, ...], value: Any) -> None:
    _, _, preprocessor = fitted(table())
    data = json.loads(json.dumps(preprocessor.to_dict()))
    location = data
    for key in path[:-1]:
        location = location[key]
    location[path[-1]] = value
    with pytest.raises(ModelRefusedError, match="malformed"):
        ForecastPreprocessor.from_dict(data)
