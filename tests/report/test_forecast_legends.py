"""The legends of a forecast's report stand above the axes and cover neither curves nor labels."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import matplotlib.style
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import kerasnn
from kerasnn.report import drawing
from kerasnn.report.sections.forecast import draw as forecasts

LONG = "log seasonal naive + drift"


def table(n_series: int) -> pd.DataFrame:
    random = np.random.default_rng(0)
    days = pd.date_range("2021-03-01", periods=120)
    waves = 20 + 4 * np.sin(2 * np.pi * np.arange(120) / 7)
    pieces = [
        pd.DataFrame({"s": f"shop {i}", "day": days, "y": waves + random.normal(0, 1, 120)})
        for i in range(n_series)
    ]
    return pd.concat(pieces, ignore_index=True)


def check(axes: Axes) -> None:
    """Nothing of the legend lies on the axes or their labels, or beyond the picture."""
    figure = axes.figure
    assert isinstance(figure, Figure)
    figure.draw_without_rendering()
    legend = axes.get_legend()
    assert legend is not None
    box, own = legend.get_window_extent(), axes.get_window_extent()
    assert box.y0 >= own.y1
    assert figure.bbox.x0 <= box.x0
    assert box.x1 <= figure.bbox.x1
    assert box.y1 <= figure.bbox.y1
    label = axes.yaxis.label.get_window_extent()
    assert label.y1 <= box.y0 or label.x1 <= box.x0
    # The axes keep their place: a legend that is too wide would make them narrow.
    assert own.width > 0.8 * figure.bbox.width


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Titles of the drawings that were made, each of which was checked."""
    titles: list[str] = []

    def draw(title: str, _: str, paint: Callable[[Axes], Any], **options: Any) -> None:
        size = options.get("size", (drawing.WIDTH, drawing.HEIGHT))
        with matplotlib.style.context(["default", drawing._STYLE]):
            figure = Figure(figsize=size, layout="constrained")
            axes = figure.add_subplot()
            paint(axes)
            check(axes)
        titles.append(title)

    monkeypatch.setattr(forecasts, "draw", draw)
    return titles


@pytest.mark.filterwarnings("ignore::kerasnn.errors.KerasnnWarning")
@pytest.mark.parametrize("n_series", [1, 3])
def test_legends_cover_nothing(n_series: int, checked: list[str]) -> None:
    run: Any = kerasnn.train(
        table(n_series),
        target="y",
        horizon=7,
        time="day",
        series="s" if n_series > 1 else None,
        model="ridge_nlinear",
        drop=[] if n_series > 1 else ["s"],
    )
    report_data = json.loads(json.dumps(dict(run.bundle.report)))
    for picture in report_data["pictures"]:
        if picture["baseline"]:
            picture["baseline"]["title"] = LONG
    for draw in (forecasts.courses, forecasts.coming, forecasts.pictures, forecasts.steps):
        draw(report_data)
    assert {"Error by forecast step", "Coverage by forecast step"} <= {*checked}
    assert len(checked) >= 2 * n_series + 2


@pytest.mark.parametrize(("labels", "columns"), [(["a", "b"], 2), ([LONG, LONG], 1)])
def test_as_few_rows_as_fit(labels: list[str], columns: int) -> None:
    axes = Figure(figsize=(drawing.WIDTH, drawing.HEIGHT)).add_subplot()
    for label in labels:
        axes.plot([0, 1], label=label)
    drawing.legend_above(axes)
    legend = axes.get_legend()
    assert legend is not None
    assert legend._ncols == columns  # type: ignore[attr-defined]
