"""What is told of a search: all trials as a table, and its part of a report."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from kerasnn.evaluation.baselines import Baseline
from kerasnn.evaluation.comparison import compare
from kerasnn.metrics.registry import MAIN_METRIC, METRICS
from kerasnn.prediction.predictor import Predictor
from kerasnn.prediction.streaming import predict_labelled
from kerasnn.report.data import plain

if TYPE_CHECKING:
    from kerasnn.runs.tabular import Run
    from kerasnn.tuning.study import Study, Trial
    from kerasnn.tuning.trials import Search

MAX_TRIALS = 1_000


def table(study: Study, monitor: str) -> pd.DataFrame:
    """A row for each trial, with the value of each key behind what came of it."""
    rows = [
        {
            "trial": each.number,
            "state": each.state,
            monitor: each.score,
            "epochs": each.epochs,
            "seconds": round(each.seconds, 3),
            **each.values,
            "why": each.why,
        }
        for each in study.trials
    ]
    return pd.DataFrame(rows)


def tell(search: Search, *, stopped: str) -> dict[str, Any]:
    """The search as plain data for the report, without the test rows."""
    study, best = search.study, search.study.best
    assert best is not None
    trials = study.trials
    shown = trials if len(trials) <= MAX_TRIALS else [*trials[: MAX_TRIALS - 1], best]
    told: dict[str, Any] = plain(
        {
            "monitor": search.monitor,
            "direction": study.direction,
            "stopped": stopped,
            "seconds": search.clock.used_s,
            "epochs": search.config.training.epochs,
            "n_trials": len(trials),
            "n_pruned": sum(each.state == "pruned" for each in trials),
            "n_failed": sum(each.state == "failed" for each in trials),
            "search": {key: str(space) for key, space in search.spaces.items()},
            "log": [key for key, space in search.spaces.items() if space.log],
            "start": dict(trials[0].values),
            "found": dict(best.values),
            "best": best.number,
            "validation": {"start": trials[0].score, "best": best.score},
            "test": None,
            "importances": study.importances(),
            "trials": [_trial(each) for each in shown],
        }
    )
    return told


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        "number": trial.number,
        "state": trial.state,
        "score": trial.score,
        "epochs": trial.epochs,
        "seconds": trial.seconds,
        "values": dict(trial.values),
    }


def against(start: Predictor | None, run: Run) -> Mapping[str, Any] | None:
    """What was found beside the defaults, on the test rows; None without these or those.

    Args:
        start: Predictor with the default hyper-parameters, trained.
        run: Run with the hyper-parameters that the search chose.
    """
    rows = run._held_back.get("test")
    if start is None or rows is None or not len(rows):
        return None
    found, before = predict_labelled(run.predictor, rows), predict_labelled(start, rows)
    metric = METRICS[MAIN_METRIC[found.task]]
    gain = compare(found, [Baseline("start", "the defaults", before, 0.0)])["start"]
    told: Mapping[str, Any] = plain(
        {
            "metric": metric.name,
            "start": metric(before),
            "best": metric(found),
            "gain": gain.value if math.isfinite(gain.value) else None,
            "interval": list(gain.interval) if gain.interval else None,
            "is_clear": gain.is_clear,
        }
    )
    return told
