"""Forecasts with no setting but the columns and the horizon, beside the baselines.

    python benchmarks/forecast_quality.py DATA [--only airline_passengers,weather] [--seed 0]
        > benchmarks/results/forecast_quality.txt

DATA holds a folder for each data set, with train.csv and test.csv. A star marks what is asked for:
airline_passengers within 3.5 % sMAPE, co2_weekly better than seasonal naive + drift, each station
of weather better than seasonal naive and ridge by MAE. 80 % of what comes is to lie in the
intervals; of a single forecast, all of whose errors depend on each other, that says little.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

SETS: dict[str, dict[str, Any]] = {
    "airline_passengers": {"target": "passengers", "time": "month", "horizon": 24},
    "co2_weekly": {"target": "co2", "time": "date", "horizon": 104},
    "weather": {"target": "temp", "time": "time_hour", "series": "origin", "horizon": 24},
}
MEASURES = ("mae", "smape", "mase", "coverage", "width")


def main() -> None:
    """Train on each data set and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", default=",".join(SETS))
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    warnings.simplefilter("ignore")
    for name in arguments.only.split(","):
        show(name, arguments.data / name, arguments.seed)


def show(name: str, folder: Path, seed: int) -> None:
    """Train on the one file, score on the other, and print what came out."""
    import kerasnn

    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as output:
        run = kerasnn.train(
            folder / "train.csv",
            test=folder / "test.csv",
            seed=seed,
            output=Path(output) / "run",
            **SETS[name],
        )
        seconds = time.perf_counter() - began
        report_data, scores = run.bundle.report, run.scores
        forecast = report_data["forecast"]
        print(
            f"{name}: {report_data['model']} {dict(run.bundle.hyperparameters)}, transform "
            f"{forecast['transform']}, history {forecast['history']}, {seconds:.0f} s"
        )
        print(f"  intervals {report_data['intervals']}")
        for row in report_data["candidates"]:
            mean = "given up" if row["mean"] is None else f"{row['mean']:.4f}"
            print(f"  {'>' if row['won'] else ' '} back-test MASE {mean:>8}  {row['title']}")
        print(f"  in the back-test {coverage_of_thirds(Path(output) / 'run')}")
        print(table(scores), end="\n\n", flush=True)
        print(verdict(name, run), end="\n\n", flush=True)


def coverage_of_thirds(folder: Path) -> str:
    """Intervals from two thirds of the back-test's windows, judged on the third one, in turn."""
    import numpy as np

    from kerasnn.forecasting.conformal import CalibrationResiduals, fit_intervals

    with np.load(folder / "backtest.npz") as file:
        errors = file["errors"]
    third, shares = len(errors) // 3, []
    for i in range(3):
        predicted_rows = np.zeros(len(errors), bool)
        predicted_rows[i * third : (i + 1) * third] = True
        rest = errors[~predicted_rows]
        intervals = fit_intervals(CalibrationResiduals(rest, np.zeros((*rest.shape, 1)), 1), 0.8)
        inside = (errors[predicted_rows] >= intervals.offsets[0]) & (
            errors[predicted_rows] <= intervals.offsets[2]
        )
        shares.append(inside[np.isfinite(errors[predicted_rows])].mean())
    each = ", ".join(f"{100 * share:.0f}" for share in shares)
    return f"such intervals hold {100 * np.mean(shares):.1f} % (thirds: {each})"


def table(scores: Any) -> str:
    """Model and baselines, then each series."""
    from kerasnn.metrics.forecast import METRICS

    lines = [f"  {'':30}" + "".join(f"{name:>12}" for name in MEASURES)]
    rows = {"model": scores.values}
    rows |= {each.title: each.values for each in scores.baselines.values()}
    if len(scores.by_series) > 1:
        rows |= {f"model, {name}": values for name, values in scores.by_series.items()}
    for title, values in rows.items():
        cells = [METRICS[name].format(values.get(name)) for name in MEASURES]
        lines.append(f"  {title:30}" + "".join(f"{cell:>12}" for cell in cells))
    return "\n".join(lines)


def verdict(name: str, run: Any) -> str:
    """What is asked for, and whether it holds."""
    scores = run.scores
    if name == "airline_passengers":
        value = scores.values["smape"]
        return f"  {mark(value <= 3.5)} sMAPE {value:.2f} % against 3.5 %"
    if name == "co2_weekly":
        ours, theirs = scores.values["mae"], scores.baselines["naive_drift"].values["mae"]
        return f"  {mark(ours < theirs)} MAE {ours:.4g} against {theirs:.4g} of the drift"
    baselines = of_series(run)
    lines = []
    for station, values in scores.by_series.items():
        best = {title: errors[station] for title, errors in baselines.items()}
        wins = values["mae"] < min(best.values())
        others = ", ".join(f"{title} {error:.4g}" for title, error in best.items())
        inside = 0.75 <= values["coverage"] <= 0.85
        lines.append(
            f"  {mark(wins)} {station}: MAE {values['mae']:.4g}; {others}  "
            f"{mark(inside)} coverage {100 * values['coverage']:.1f} %"
        )
    return "\n".join(lines)


def of_series(run: Any) -> dict[str, dict[str, float]]:
    """The MAE of each baseline, by its title and by the series."""
    return {
        each.title: {name: values["mae"] for name, values in each.by_series.items()}
        for each in run.scores.baselines.values()
    }


def mark(holds: bool) -> str:
    """A star, or a dash."""
    return "*" if holds else "-"


if __name__ == "__main__":
    main()
