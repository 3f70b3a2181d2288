"""What the page of a run that forecasts shows."""

from __future__ import annotations

from typing import Any

from kerasnn.metrics.forecast import METRICS
from kerasnn.report.drawing import shorten
from kerasnn.report.sections.comparison import comparison_bars
from kerasnn.report.sections.forecast import draw as forecasts
from kerasnn.report.sections.network import draw as network

ReportData = dict[str, Any]

_CARDS = ("mase", "mae", "smape", "coverage")
_PARTS = (
    ("train", "training"),
    ("validation", "validation"),
    ("calibration", "calibration"),
    ("test", "test"),
)


def context(report_data: ReportData) -> ReportData:
    """Everything that the template shows, beside what all pages have."""
    scores = report_data["scores"]
    return {
        "report_data": report_data,
        "subtitle": _subtitle(report_data),
        "cards": _cards(report_data),
        "facts": _facts(report_data),
        "parts": _parts(report_data),
        "courses": forecasts.courses(report_data),
        "coming": forecasts.coming(report_data),
        "pictures": forecasts.pictures(report_data),
        "steps": forecasts.steps(report_data) if scores else [],
        "measures": forecasts.measures(scores) if scores else [],
        "bars": comparison_bars(scores, "the model", METRICS[scores["main"]].format)
        if scores
        else [],
        "series": forecasts.groups(scores["by_series"]) if scores else None,
        "targets": forecasts.groups(scores["by_target"]) if scores else None,
        "candidates": forecasts.candidates(report_data),
        "curves": forecasts.curves(report_data),
        "network": network.picture(report_data),
        "network_sentence": network.sentence(report_data),
    }


def _subtitle(report_data: ReportData) -> str:
    ahead = report_data["forecast"]["horizon"]
    count = report_data["data"]["series"]
    what = f"{count:,} series" if count > 1 else "one series"
    return f"{report_data['model']} · forecasts {what} {ahead:,} time steps ahead"


def _cards(report_data: ReportData) -> list[ReportData]:
    scores = report_data["scores"]
    cards = []
    for name in _CARDS if scores else ():
        if name in scores["values"]:
            metric = METRICS[name]
            pair = scores["intervals"].get(name)
            note = metric.format_interval(pair) if pair else "no interval"
            title = metric.title.partition(" (")[0].replace(" of the intervals", "")
            cards.append(
                {"title": title, "value": metric.format(scores["values"][name]), "note": note}
            )
    points = sum(report_data["data"]["n_points"].values())
    if report_data["data"]["shared_calibration"]:
        points -= report_data["data"]["n_points"]["calibration"]
    count = report_data["data"]["series"]
    return [
        *cards,
        {"title": "time steps", "value": f"{points:,}", "note": f"in {count:,} series"},
        {
            "title": "parameters",
            "value": f"{report_data['parameters']:,}",
            "note": report_data["model"],
        },
    ]


def _facts(report_data: ReportData) -> list[tuple[str, str]]:
    """Names and values of what was found out about the series."""
    forecast, data = report_data["forecast"], report_data["data"]
    season = forecast["season"]
    missing = ", ".join(f"{name}: {count:,}" for name, count in data["missing"].items() if count)
    found = [
        ("from", f"{data['span'][0]} to {data['span'][1]}"),
        ("frequency", forecast["frequency"]),
        ("season", f"{season:,} time steps" if season > 1 else "none"),
        ("lookback", f"{forecast['lookback']:,} time steps"),
        ("horizon", f"{forecast['horizon']:,} time steps"),
        ("transform", {"log": "logarithm", "none": "none"}[forecast["transform"]]),
        ("missing readings", missing or "none"),
    ]
    columns = (
        ("series named by", "series"),
        ("past covariates", "past_covariates"),
        ("future covariates", "future_covariates"),
        ("static covariates", "static_covariates"),
        ("calendar", "calendar"),
    )
    found += [(title, ", ".join(forecast[key])) for title, key in columns if forecast[key]]
    return [(title, shorten(text, 300)) for title, text in found]


def _parts(report_data: ReportData) -> list[ReportData]:
    counts = report_data["data"]["n_points"]
    if report_data["data"]["shared_calibration"]:
        counts = {**counts, "calibration": 0}
    total = max(1, sum(counts.values()))
    return [
        {"name": name, "title": title, "rows": counts[name], "share": counts[name] / total}
        for name, title in _PARTS
        if counts[name]
    ]
