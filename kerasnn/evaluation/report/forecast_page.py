"""What the page of a run that forecasts shows."""

from __future__ import annotations

from typing import Any

from kerasnn.evaluation.report import forecasts, network
from kerasnn.evaluation.report.drawing import shorten
from kerasnn.forecasting.metrics import METRICS

Story = dict[str, Any]

_CARDS = ("mase", "mae", "smape", "coverage")
_PARTS = (
    ("train", "training"),
    ("validation", "validation"),
    ("calibration", "calibration"),
    ("test", "test"),
)


def context(story: Story) -> Story:
    """Everything that the template shows, beside what all pages have."""
    scores = story["scores"]
    return {
        "story": story,
        "subtitle": _subtitle(story),
        "cards": _cards(story),
        "facts": _facts(story),
        "parts": _parts(story),
        "courses": forecasts.courses(story),
        "coming": forecasts.coming(story),
        "pictures": forecasts.pictures(story),
        "steps": forecasts.steps(story) if scores else [],
        "measures": forecasts.measures(scores) if scores else [],
        "race": forecasts.race(scores) if scores else [],
        "series": forecasts.groups(scores["by_series"]) if scores else None,
        "targets": forecasts.groups(scores["by_target"]) if scores else None,
        "candidates": forecasts.candidates(story),
        "curves": forecasts.curves(story),
        "network": network.picture(story),
        "network_sentence": network.sentence(story),
    }


def _subtitle(story: Story) -> str:
    ahead = story["forecast"]["horizon"]
    count = story["data"]["series"]
    what = f"{count:,} series" if count > 1 else "one series"
    return f"{story['model']} · forecasts {what} {ahead:,} points ahead"


def _cards(story: Story) -> list[Story]:
    scores = story["scores"]
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
    points = sum(story["data"]["n_points"].values())
    if story["data"]["shared_calibration"]:
        points -= story["data"]["n_points"]["calibration"]
    count = story["data"]["series"]
    return [
        *cards,
        {"title": "points in time", "value": f"{points:,}", "note": f"in {count:,} series"},
        {"title": "parameters", "value": f"{story['parameters']:,}", "note": story["model"]},
    ]


def _facts(story: Story) -> list[tuple[str, str]]:
    """Names and values of what was found out about the series."""
    forecast, data = story["forecast"], story["data"]
    season = forecast["season"]
    missing = ", ".join(f"{name}: {count:,}" for name, count in data["missing"].items() if count)
    found = [
        ("from", f"{data['span'][0]} to {data['span'][1]}"),
        ("frequency", forecast["frequency"]),
        ("season", f"{season:,} points" if season > 1 else "none"),
        ("looks back", f"{forecast['history']:,} points"),
        ("looks ahead", f"{forecast['horizon']:,} points"),
        ("transform", {"log": "logarithm", "none": "none"}[forecast["transform"]]),
        ("missing readings", missing or "none"),
    ]
    columns = (
        ("series named by", "series"),
        ("known up to now", "past"),
        ("known ahead", "known"),
        ("fixed", "fixed"),
        ("calendar", "calendar"),
    )
    found += [(title, ", ".join(forecast[key])) for title, key in columns if forecast[key]]
    return [(title, shorten(text, 300)) for title, text in found]


def _parts(story: Story) -> list[Story]:
    counts = story["data"]["n_points"]
    if story["data"]["shared_calibration"]:
        counts = {**counts, "calibration": 0}
    total = max(1, sum(counts.values()))
    return [
        {"name": name, "title": title, "rows": counts[name], "share": counts[name] / total}
        for name, title in _PARTS
        if counts[name]
    ]
