"""The story of a forecast as plain data, and the page that is drawn from it alone."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import kerasnn
from kerasnn.report import render
from kerasnn.report.sections.forecast import draw as forecasts
from kerasnn.runs.forecast import ForecastRun

pytestmark = pytest.mark.filterwarnings("ignore::kerasnn.errors.KerasnnWarning")

HOSTILE = "<script>alert('x')</script>"
SECTIONS = ["data", "forecasts", "scores", "training", "network", "warnings", "configuration"]


class Page(HTMLParser):
    """Collects what a page holds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = dict(attrs)
        self.ids += [found["id"] or ""] if "id" in found else []
        self.links += [found["href"] or ""] if tag == "a" else []

    def handle_data(self, data: str) -> None:
        self.text += data


def table(n_points: int = 120) -> pd.DataFrame:
    random = np.random.default_rng(0)
    days = np.arange(n_points)
    pieces = []
    for name in (HOSTILE, "$x_1$ & 日本"):
        values = 20 + 4 * np.sin(2 * np.pi * days / 7) + random.normal(0, 1, n_points)
        times = pd.date_range("2021-03-01", periods=n_points, freq="D")
        pieces.append(pd.DataFrame({"s": name, "day": times, "y": values, "z": values[::-1]}))
    frame = pd.concat(pieces, ignore_index=True)
    frame.loc[[40, 41, 200], "y"] = np.nan
    return frame


@pytest.fixture(scope="module")
def run() -> ForecastRun:
    found: Any = kerasnn.train(
        table(),
        horizon=7,
        time="day",
        series="s",
        targets=["y", "z"],
        model="ridge_nlinear",
        set={"transform": "none"},
    )
    return found


@pytest.fixture(scope="module")
def report_data(run: ForecastRun) -> dict[str, Any]:
    # As it comes out of a bundle; NaN would be no JSON.
    data: dict[str, Any] = json.loads(json.dumps(dict(run.bundle.report), allow_nan=False))
    return data


def test_the_page_has_every_section_and_its_links_lead_somewhere(
    report_data: dict[str, Any],
) -> None:
    page = Page(render(report_data))
    assert [each for each in page.ids if each in SECTIONS] == SECTIONS
    assert {link.removeprefix("#") for link in page.links} <= {*page.ids}
    # Two whole series, forecasts, errors and coverage by step, and the network.
    assert page.tags.count("svg") >= 2 + 3 + 2 + 1
    assert "img" not in page.tags
    assert "http" not in "".join(page.links)


def test_names_are_text_and_nothing_else(report_data: dict[str, Any]) -> None:
    text = render(report_data)
    assert "<script" not in text
    assert "$x_1$" in text
    assert "日本" in text


def test_scores_series_and_targets_are_listed(report_data: dict[str, Any]) -> None:
    page = Page(render(report_data))
    for words in ("All measures", "By series", "By target", "MASE", "seasonal naive"):
        assert words in page.text
    assert "80 % was asked for" in page.text
    assert re.search(r"\d+ % of the true values lie in the interval", page.text)


def test_a_solved_model_has_no_learning_curve(report_data: dict[str, Any]) -> None:
    ((name, text, drawings),) = forecasts.curves(report_data)
    assert name == "ridge_nlinear"
    assert "computed in closed form" in text
    assert drawings == []


def test_candidates_are_shown_where_there_were_some(report_data: dict[str, Any]) -> None:
    assert "Candidates" not in Page(render(report_data)).text
    rows = [
        {"title": HOSTILE, "scores": [0.5, 0.7], "mean": 0.6, "seconds": 1.2, "won": True},
        {"title": "other", "scores": [0.9, None], "mean": None, "seconds": 0.0, "won": False},
    ]
    text = render({**report_data, "candidates": rows})
    assert "<script" not in text
    page = Page(text)
    assert "Candidates" in page.text
    assert "0.6000" in page.text


def test_without_anything_held_back_there_is_still_a_page(report_data: dict[str, Any]) -> None:
    bare = {**report_data, "scores": None, "pictures": []}
    page = Page(render(bare))
    assert "There was nothing to score." in page.text


def test_unknown_truths_and_forecasts_without_intervals_are_drawn(
    report_data: dict[str, Any],
) -> None:
    picture = dict(report_data["pictures"][0])
    picture |= {"truth": [None] * 7, "low": None, "high": None, "baseline": None}
    (drawing,) = forecasts.pictures({**report_data, "pictures": [picture]})
    assert "The true values are not known." in drawing.sentence


def test_plain_numbers_as_times(report_data: dict[str, Any]) -> None:
    picture = dict(report_data["pictures"][0])
    past = len(picture["past_times"])
    picture["past_times"] = [str(i) for i in range(past)]
    picture["times"] = [str(past + i) for i in range(7)]
    (drawing,) = forecasts.pictures({**report_data, "pictures": [picture]})
    assert "nan" not in drawing.svg


def test_the_pictures_tell_a_usual_and_the_worst_forecast(report_data: dict[str, Any]) -> None:
    reasons = [each["why"] for each in report_data["pictures"]]
    assert "usual" in reasons
    assert len(reasons) <= 6
    for each in report_data["pictures"]:
        assert len(each["times"]) == len(each["truth"]) == len(each["prediction"]) == 7
        assert each["past_times"][-1] < each["times"][0]


def test_the_summary_names_the_measures(run: ForecastRun) -> None:
    text = run.summary()
    assert "coverage of the intervals, of 80 %" in text
    assert "MASE ↓" in text


def test_a_report_is_a_file(run: ForecastRun, tmp_path: Path) -> None:
    path = run.report(tmp_path / "page.html")
    assert "<!doctype html>" in path.read_text(encoding="utf-8")
    with pytest.raises(kerasnn.errors.ConfigError, match="exists"):
        run.report(tmp_path / "page.html")


def test_the_coming_forecast_is_on_the_page(run: ForecastRun, report_data: dict[str, Any]) -> None:
    coming = report_data["coming"]
    assert [each["target"] for each in coming][:1] == ["y"]
    first = coming[0]
    assert first["past_times"][-1] == "2021-06-28"
    assert first["times"][0] == "2021-06-29"
    assert len(first["times"]) == len(first["prediction"]) == 7
    expected = run.predict(table())
    own = expected[expected["s"] == first["series"]]
    name = "prediction:y" if "prediction:y" in own else "prediction"
    np.testing.assert_allclose(first["prediction"], own[name], rtol=1e-4)
    assert "The coming forecast" in Page(render(report_data)).text
    sentence = forecasts.coming(report_data)[0].sentence
    assert sentence.startswith("From 2021-06-28, the end of the data. 2021-07-05: ")


def test_forecasts_of_counts_are_never_below_0(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    counts = random.poisson(0.7, 150) * (np.arange(150) % 7 < 3)
    days = pd.date_range("2021-03-01", periods=150, freq="D")
    frame = pd.DataFrame({"day": days, "sold": counts, "degrees": random.normal(0, 5, 150)})
    run = kerasnn.train(
        frame, target="sold", targets=["sold", "degrees"], horizon=7, model="nlinear", seed=0
    )
    assert run.forecaster.preprocessor.non_negative == ("sold",)
    found = run.predict(frame)
    of_counts = [name for name in found if name.endswith(":sold")]
    assert len(of_counts) == 4
    assert (found[of_counts] >= 0).all(axis=None)
    assert (found[of_counts] == 0).any(axis=None)
    assert (found.filter(like=":degrees") < 0).any(axis=None)
    result = run.export("keras", tmp_path / "m.keras")
    assert result.largest_difference <= 1e-5


def test_candidates_that_are_all_exact_are_drawn() -> None:
    row = {"title": "naive", "won": True, "scores": [0.0], "mean": 0.0, "seconds": 0.1}
    drawn = forecasts.candidates({"candidates": [row]})
    assert drawn is not None
    assert [each["share"] for each in drawn["rows"]] == [0.0]
