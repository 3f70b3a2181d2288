"""What came out of a run that forecasts, as text for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kerasnn.errors import one_line, quantity
from kerasnn.runs.summary import of_failures, of_time

# Of the back-test.
MOST_CANDIDATES = 8


def of_run(report_data: Mapping[str, Any]) -> list[str]:
    """The lines of a run, up to its scores.

    Args:
        report_data: Data of the report, from `kerasnn.report.sections.forecast.collect.build_report_data`.
    """
    data, forecast = report_data["data"], report_data["forecast"]
    count = data["series"]
    points = ", ".join(
        f"{n:,} {name}"
        for name, n in data["n_points"].items()
        if n and not (name == "calibration" and data["shared_calibration"])
    )
    season = f"season {forecast['season']:,}" if forecast["season"] > 1 else "no season"
    first, last = data["span"]
    helping = [
        f"{title} {', '.join(forecast[name])}"
        for title, name in (
            ("past covariates", "past_covariates"),
            ("future covariates", "future_covariates"),
            ("static covariates", "static_covariates"),
            ("calendar", "calendar"),
        )
        if forecast[name]
    ]
    epoch = report_data["training"]["best_epoch"]
    best = f", best epoch {epoch:,}" if epoch else ""
    lines = [
        f"series    {count:,} of {data['origin']}, {first} to {last}",
        f"points    {points}",
        f"time      {forecast['time']}, frequency {forecast['frequency']}, {season}",
        f"target    {', '.join(report_data['targets'])}: {forecast['horizon']:,} steps ahead, from "
        f"the last {forecast['lookback']:,}",
        *([f"columns   {'; '.join(helping)}"] if helping else []),
        f"training  {report_data['model']} of {report_data['parameters']:,} parameters in "
        f"{of_time(report_data)}{best}, {report_data['stopped']}",
        *of_failures(report_data),
    ]
    return list(map(one_line, lines))


def of_candidates(report_data: Mapping[str, Any]) -> list[str]:
    """The winner of the back-test and those that it beat, the best first."""
    rows = report_data.get("candidates", ())
    if not rows:
        return []
    known = [row for row in rows if row["mean"] is not None]
    lines = [f"back-test {quantity(len(rows), 'candidate')}, MASE:"]
    for row in known[:MOST_CANDIDATES]:
        lines.append(f"  {'>' if row['won'] else ' '} {row['mean']:7.4f}  {row['title']}")
    given_up = [row["title"] for row in rows if row["mean"] is None]
    more = len(known) - MOST_CANDIDATES
    lines += [f"            and {more:,} more with larger errors"] if more > 0 else []
    lines += [f"            stopped early: {', '.join(given_up)}"] if given_up else []
    return list(map(one_line, lines))
