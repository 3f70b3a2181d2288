"""A run as one HTML page that needs nothing else, from its report data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from kerasnn.errors import ModelRefusedError, one_line
from kerasnn.evaluation import ensemble_summary
from kerasnn.evaluation.comparison import WINS
from kerasnn.evaluation.scores import shown_shares
from kerasnn.metrics.registry import METRICS
from kerasnn.report import forecast_page
from kerasnn.report.data import VERSION
from kerasnn.report.drawing import duration, figure_of, first_upper, percent, shorten
from kerasnn.report.sections import classification_errors, coverage, layer_probes, regression_errors
from kerasnn.report.sections.columns import draw as columns
from kerasnn.report.sections.comparison import comparison_bars
from kerasnn.report.sections.images import draw as images
from kerasnn.report.sections.network import draw as network
from kerasnn.report.sections.series import draw as series
from kerasnn.report.sections.texts import draw as texts
from kerasnn.report.sections.training import draw as learning
from kerasnn.report.sections.tuning import draw as tuning

ReportData = dict[str, Any]

_HERE = Path(__file__).parent
_CARDS = {
    "binary": ("auc", "accuracy", "f1"),
    "multiclass": ("accuracy", "f1", "log_loss"),
    "multilabel": ("mean_average_precision", "micro_f1", "exact_match"),
    "regression": ("rmse", "mae", "r2"),
}
MAX_CLASSES = 20
_PARTS = (("train", "training"), ("validation", "validation"), ("test", "test"))
_SPLITS = {
    "random": "at random",
    "stratified": "at random, each class in proportion",
    "group": "by group: rows of one ‘{column}’ stay together",
    "time": "by time: ‘{column}’ of the test rows is the latest",
    "column": "as the column ‘{column}’ says",
}


# In HTML the rest is text, but these would turn the direction of what follows, or are no text.
_COMMANDS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def render(report_data: ReportData) -> str:
    """The page.

    Args:
        report_data: Data that `kerasnn.report.data.build_report_data` returns, also after a trip through JSON.

    Raises:
        ModelRefusedError: A later version of kerasnn built the data.
    """
    version = report_data.get("version")
    if version != VERSION:
        raise ModelRefusedError(
            f"the report of the run has version {version!r}, and this is version {VERSION}",
            hint="install the kerasnn that made the run",
        )
    if report_data.get("task") == "forecast":
        return fill("forecast.html", {**_of_all(report_data), **forecast_page.context(report_data)})
    return fill("page.html", context(report_data))


def fill(template: str, values: ReportData) -> str:
    """A template of this folder with its values, all of them escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "figure": figure_of, "shorten": shorten}
    environment.filters["first_upper"] = first_upper
    page = environment.get_template(template).render(**values)
    return _COMMANDS.sub(lambda found: one_line(found[0]), page)


def _of_all(report_data: ReportData) -> ReportData:
    """What the pages of all tasks show alike."""
    return {
        "css": style(),
        "standing": standing(report_data["scores"]) if report_data["scores"] else "alone",
        "seconds": duration(report_data["seconds"]),
        "config": _settings(report_data["config"]),
    }


def style() -> Markup:
    """The style of all pages."""
    return Markup((_HERE / "page.css").read_text(encoding="utf-8"))


def context(report_data: ReportData) -> ReportData:
    """Everything that the template shows."""
    classes = report_data["task"] != "regression"
    return {
        "report_data": report_data,
        "css": style(),
        "subtitle": _subtitle(report_data),
        "notes": _notes(report_data),
        "standing": standing(report_data["scores"]),
        "cards": _cards(report_data),
        "parts": _parts(report_data["data"]["n_rows"]),
        "split": _split(report_data),
        "part_scored": "test" if report_data["data"]["n_rows"].get("test") else "validation",
        "metrics": _metrics(report_data["scores"]),
        "bars": comparison_bars(
            report_data["scores"], "the network", METRICS[report_data["scores"]["main"]].format
        ),
        "per_class": _per_class(report_data["scores"]),
        "training": learning.summary(report_data),
        "members": _members(report_data),
        "curves": learning.drawings(report_data),
        "tuning": tuning.part(report_data),
        "errors": [
            *(
                classification_errors.drawings(report_data)
                if classes
                else regression_errors.drawings(report_data)
            ),
            *coverage.drawings(report_data),
        ],
        "columns": columns.drawings(report_data),
        "network": network.picture(report_data),
        "network_sentence": network.sentence(report_data),
        "gradients": layer_probes.gradients(report_data),
        "panels": [
            each
            for each in (layer_probes.weights(report_data), layer_probes.activations(report_data))
            if each
        ],
        "images": images.parts(report_data),
        "texts": texts.parts(report_data),
        "series": series.parts(report_data),
        "config": _settings(report_data["config"]),
    }


def _notes(report_data: ReportData) -> list[str]:
    """Notes on the columns, including those that are not among the warnings."""
    return [
        note
        for note in report_data["data"]["notes"]
        if not any(warning.startswith(note) for warning in report_data["warnings"])
    ]


def _subtitle(report_data: ReportData) -> str:
    task = {
        "binary": "two classes",
        "multiclass": f"{report_data['n_classes']} classes",
        "multilabel": f"any of {report_data['n_classes']} labels",
        "regression": "a number",
    }[report_data["task"]]
    return (
        f"{report_data['model']} · predicts {task} · trained in {duration(report_data['seconds'])}"
    )


def standing(scores: ReportData) -> str:
    """How the network stands beside the baselines.

    Returns:
        ``wins``, ``level``, ``loses``, ``alone`` without intervals, or ``partly`` where it is better
        but baselines were left out, or where it ranks rows better and decides no better.
    """
    pairs = [each["gain_interval"] for each in scores["baselines"].values()]
    if not pairs or not all(pairs):
        return "alone"
    if all(low > 0 for low, _ in pairs):
        return "wins" if WINS in scores["verdict"] else "partly"
    return "loses" if any(high < 0 for _, high in pairs) else "level"


def _cards(report_data: ReportData) -> list[ReportData]:
    scores = report_data["scores"]
    found = [
        {
            "title": METRICS[name].title,
            "value": METRICS[name].format(scores["values"][name]),
            "note": _interval(scores, name),
        }
        for name in _CARDS[report_data["task"]]
    ]
    total = sum(report_data["data"]["n_rows"].values())
    used = report_data["data"]["n_used"]
    rows = f"{used} of {report_data['data']['n_columns']} columns used"
    parameters = f"{report_data['training']['n_epochs']} epochs"
    return [
        *found,
        {"title": "rows", "value": f"{total:,}", "note": rows},
        {
            "title": "parameters",
            "value": f"{report_data['network']['parameters']:,}",
            "note": parameters,
        },
    ]


def _interval(scores: ReportData, name: str) -> str:
    pair = scores["intervals"].get(name)
    return METRICS[name].format_interval(pair) if pair else "no interval"


def _parts(n_rows: Mapping[str, int]) -> list[ReportData]:
    total = max(1, sum(n_rows.values()))
    return [
        {
            "name": name,
            "title": title,
            "rows": n_rows.get(name, 0),
            "share": n_rows.get(name, 0) / total,
        }
        for name, title in _PARTS
    ]


def _split(report_data: ReportData) -> str:
    kind = report_data["split"]["kind"]
    if kind == "auto":
        kind = "stratified" if report_data["task"] in ("binary", "multiclass") else "random"
    column = shorten(report_data["split"]["column"] or "", 60)
    text = _SPLITS[kind].format(column=column) if kind in _SPLITS else kind
    own = [
        name
        for name in ("validation", "test")
        if (report_data["config"].get("data") or {}).get(name)
    ]
    if own:
        text += f"; the {' and '.join(own)} rows were given separately"
    return text


def _metrics(scores: ReportData) -> list[ReportData]:
    """Rows of the table of scores."""
    return [
        {
            "title": METRICS[name].title,
            "better": "higher is better"
            if METRICS[name].direction == "higher"
            else "lower is better",
            "arrow": "↑" if METRICS[name].direction == "higher" else "↓",
            "main": name == scores["main"],
            "value": METRICS[name].format(value),
            "interval": METRICS[name].format_interval(scores["intervals"].get(name)),
            "others": [
                METRICS[name].format(each["values"][name]) for each in scores["baselines"].values()
            ],
        }
        for name, value in scores["values"].items()
        if name in METRICS
    ]


def _members(report_data: ReportData) -> ReportData | None:
    """The networks of an average."""
    if not report_data.get("members"):
        return None
    head, rows = ensemble_summary.cells(report_data["members"])
    return {
        "head": head,
        "rows": rows,
        "note": ensemble_summary.NOTE,
        "shown": ensemble_summary.shown(report_data["members"]),
    }


def _per_class(scores: ReportData) -> ReportData:
    """The classes with the lowest F1, if they are too many for a table."""
    items = list(scores["per_class"].items())
    shown = items
    if len(items) > MAX_CLASSES:
        shown = sorted(items, key=lambda item: (item[1]["f1"] is None, item[1]["f1"] or 0))
        shown = shown[:MAX_CLASSES]
    shares = shown_shares(scores["per_class"])
    formatted = [
        {
            "label": label,
            "rows": each["support"],
            "values": [METRICS["f1"].format(each[name]) for name in shares],
            "recall": each["recall"],
        }
        for label, each in shown
    ]
    return {
        "one": "label" if scores["task"] == "multilabel" else "class",
        "titles": list(shares.values()),
        "rows": formatted,
        "left_out": len(items) - len(shown),
    }


def _settings(config: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Sections of keys and values."""
    found, bare = [], []
    for section, values in config.items():
        if isinstance(values, Mapping):
            found.append((section, [(str(k), _value(v)) for k, v in values.items()]))
        else:
            bare.append((str(section), _value(values)))
    return [("run", bare), *found] if bare else found


def _value(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_value(each)}" for key, each in value.items()) or "–"
    if isinstance(value, list):
        return ", ".join(map(_value, value)) or "–"
    return f"{value:g}" if isinstance(value, float) else str(value)
