"""What a run with series or sounds shows: small lines, and stories of strangers."""

from __future__ import annotations

import copy
import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

import kerasnn
from kerasnn.errors import ModelRefusedError
from kerasnn.prediction.streaming import predict_labelled
from kerasnn.report import render
from kerasnn.report.sections.series.collect import (
    CHANNELS,
    FEWER_POINTS,
    POINTS,
    lines_of,
    series_section,
)
from kerasnn.report.sections.series.draw import HEIGHT, WIDTH, picture
from kerasnn.runs.tabular import Run

HOSTILE = "<script>alert('x')</script>"


def waves(count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Slow and fast waves of two channels, some of them short and with gaps."""
    generator = np.random.default_rng(0)
    times = np.arange(40)[None, :, None]
    fast = (np.arange(count) % 2)[:, None, None]
    values = np.sin(times * (0.2 + 0.5 * fast)) + 0.1 * generator.normal(size=(count, 40, 2))
    values[::5, 30:] = np.nan
    values[1::7, 10:13, 0] = np.nan
    return values.astype("float32"), np.where(np.arange(count) % 2, HOSTILE, "slow")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    values, labels = waves()
    return kerasnn.train(
        {"wave": values, "y": labels},
        target="y",
        model="fcn",
        set={"width": 4, "epochs": 1, "batch_size": 16},
        output=tmp_path_factory.mktemp("run") / "waves",
        baselines=False,
    )


def test_page_shows_lines_of_each_class_and_of_mistakes(run: Run) -> None:
    assert run.folder is not None
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    told = run.bundle.report["series"]
    shown = told["samples"]
    assert {sample["label"] for sample in shown} == {"slow", HOSTILE}
    n_lines = sum(len(sample["lines"]) for sample in shown)
    n_lines += len(told["worst"]) + len(told["most_confident"])
    assert page.count('<svg class="trace"') == n_lines
    assert "Samples of ‘wave’" in page
    assert "The most confident ones" in page
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page


def test_mistakes_are_the_rows_that_were_decided_wrongly(run: Run) -> None:
    given = predict_labelled(run.predictor, run.holdout("test"))
    wrong = (given.decision != given.truth).sum()
    told = run.bundle.report["series"]
    assert len(told["worst"]) == min(12, wrong)
    assert all(card["truth"] != card["decided"] for card in told["worst"])
    assert all(card["truth"] == card["decided"] for card in told["most_confident"])


def test_lines_hold_the_extremes_of_each_piece() -> None:
    values = np.sin(np.arange(900) / 20).astype("float32")
    [line] = lines_of(values)
    assert len(line) == POINTS
    pieces = values.reshape(POINTS, 10)
    np.testing.assert_allclose(np.array(line, float)[:, 0], pieces.min(axis=1), atol=2e-3)
    np.testing.assert_allclose(np.array(line, float)[:, 1], pieces.max(axis=1), atol=2e-3)


def test_lines_end_with_the_series_and_have_gaps() -> None:
    values = np.full((20, 9), np.nan, "float32")
    values[:5] = np.arange(5)[:, None]
    values[2, 0] = np.nan
    found = lines_of(values)
    assert len(found) == CHANNELS
    assert found[0] == [[0, 0], [1, 1], [None, None], [3, 3], [4, 4]]
    assert len(lines_of(np.zeros((500, 2), "float32"))[0]) == FEWER_POINTS
    assert lines_of(np.full((4, 1), np.nan, "float32")) == [[[None, None]]]


def test_picture_goes_through_the_values() -> None:
    svg = ElementTree.fromstring(picture([[[0, 0], [None, None], [1, 2], [2, 2]]], 'a "<b>"'))
    assert svg.get("aria-label") == 'a "<b>"'
    [path] = list(svg)
    drawn = re.findall(r"([ML])([\d.]+) ([\d.]+)", str(path.get("d")))
    assert [kind for kind, *_ in drawn] == ["M", "M", "L", "L"]
    points = np.array([[float(x), float(y)] for _, x, y in drawn])
    np.testing.assert_allclose(points[:, 0], np.array([0, 2, 2, 3]) * WIDTH / 3)
    np.testing.assert_allclose(points[:, 1], [HEIGHT - 2, HEIGHT / 2, 2, 2])
    assert ElementTree.fromstring(picture([[[None, None]]], "")).find("path") is not None


def test_story_is_plain_and_bounded(run: Run) -> None:
    report_data = run.bundle.report
    assert json.loads(json.dumps(report_data, allow_nan=False)) == json.loads(
        json.dumps(report_data)
    )
    frame = run.holdout("test")
    found = series_section(run.predictor, frame, frame, predict_labelled(run.predictor, frame))
    # As large for a hundred times as many rows.
    assert len(json.dumps(found)) < 300_000


def test_run_without_series_has_none(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    run = kerasnn.train(
        {"x": generator.normal(size=80), "y": generator.normal(size=80)},
        target="y",
        set={"width": 4, "epochs": 1},
        baselines=False,
    )
    assert "series" not in run.bundle.report
    assert "texts" not in run.bundle.report


@pytest.mark.parametrize("damage", ["lines", "label", "worst"])
def test_damaged_story_is_refused(run: Run, damage: str) -> None:
    report_data = copy.deepcopy(run.bundle.report)
    if damage == "lines":
        report_data["series"]["samples"][0]["lines"][0][0][0] = ["x", "y"]
    elif damage == "label":
        del report_data["series"]["samples"][0]["label"]
    else:
        report_data["series"]["worst"] = 3
    with pytest.raises(ModelRefusedError, match="series in the report of the run are damaged"):
        render(report_data)
