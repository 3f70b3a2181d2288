"""Which model forecasts, and of which transform: the one that does best in a back-test."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasnn import models
from kerasnn.config.config import Config
from kerasnn.errors import ModelRefusedError
from kerasnn.forecasting.backtest import (
    Candidate,
    Fold,
    Outcome,
    averaged,
    configured,
    far,
    folds,
    mean_score,
    tried,
)
from kerasnn.forecasting.baselines import all_positive
from kerasnn.forecasting.conformal import ENOUGH_WINDOWS, CalibrationResiduals, windows_apart
from kerasnn.forecasting.panel import Panel
from kerasnn.forecasting.preprocessor import Prepared
from kerasnn.forecasting.splits import Splits
from kerasnn.forecasting.windows import Origins, origins
from kerasnn.models.forecasting.forecast_ensemble import EnsembleMember
from kerasnn.options import Transform

# Networks are tried with so many windows to train on, the larger ones with more.
SOME_WINDOWS, MANY_WINDOWS = 3_000, 8_000
# A network that is so much worse in the first fold is not tried in the others.
HOPELESS = 1.05
# An average has to be so much better for each further member.
ENSEMBLE_GAIN = 0.975
MOST_MEMBERS = 4
# Averages that are shown.
MOST_AVERAGES = 3
# Of a time limit.
SHARE_OF_LIMIT = 0.25
# Numbers that are kept for the intervals.
MOST_KEPT = 2_000_000


@dataclass(frozen=True)
class Row:
    """A candidate and how well it did.

    Args:
        title: Title in reports.
        scores: Score of each fold, the latest first; None where it was not tried.
        mean: Score over the windows of all folds; None where it was not tried in all.
        seconds: Seconds that it took.
        won: True if it was chosen.
    """

    title: str
    scores: tuple[float | None, ...]
    mean: float | None
    seconds: float
    won: bool = False


@dataclass(frozen=True, eq=False)
class Choice:
    """What was chosen, and why.

    Args:
        config: Configuration whose model, transform and history are decided.
        rows: The candidates, the best first; empty where there was nothing to choose.
        leftover: Series, origin and error (before the transform is undone) of the windows that
            the winner forecast in the back-test.
    """

    config: Config
    rows: tuple[Row, ...] = ()
    leftover: tuple[Origins, NDArray[np.float64]] | None = None

    def told(self) -> list[dict[str, Any]]:
        """The candidates as plain data."""
        return [asdict(row) for row in self.rows]

    def earlier(self, prepared: Prepared, horizon: int) -> list[CalibrationResiduals]:
        """What the winner left over in the back-test, in the scale of the final preprocessing."""
        if self.leftover is None:
            return []
        where, errors = self.leftover
        scale = np.array([prepared.scales[i].deviation for i in where.track])[:, None]
        apart = windows_apart(where.track, where.at, horizon)
        return [CalibrationResiduals(errors / scale, np.zeros((*errors.shape, 1)), apart)]

    def to_bytes(self) -> bytes:
        """The candidates and what is left over, as a file to go on from."""
        file = io.BytesIO()
        arrays: dict[str, Any] = {"rows": np.array(json.dumps(self.told()))}
        if self.leftover is not None:
            where, errors = self.leftover
            arrays |= {"track": where.track, "at": where.at, "errors": errors}
        np.savez(file, **arrays)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes, config: Config) -> Choice:
        """What `to_bytes` wrote, for the configuration that was chosen.

        Raises:
            ModelRefusedError: It is damaged.
        """
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as file:
                rows = tuple(
                    Row(**{**each, "scores": tuple(each["scores"])})
                    for each in json.loads(str(file["rows"]))
                )
                leftover = None
                if "errors" in file:
                    leftover = (Origins(file["track"], file["at"]), file["errors"])
        except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
            raise ModelRefusedError("the back-test of the run is damaged") from None
        return cls(config, rows, leftover)


def is_open(config: Config) -> bool:
    """Whether nobody chose a model, nor anything of one."""
    keys = [key for key in config.origins if key.startswith("model.")]
    return all(config.origins[key] in ("default", "inferred") for key in keys)


def choose(
    panel: Panel, splits: Splits, config: Config, *, note: Callable[[Row], None] | None = None
) -> Choice:
    """Decide what was left open: the model, and whether the logarithm of the targets is forecast.

    Args:
        panel: All series; the test part is not looked at.
        splits: Parts of the series in time.
        config: Configuration whose season and history are decided; its model is the default one if
            none was chosen.
        note: Function that is told of each candidate that was tried.
    """
    transforms = _transforms(panel, splits, config)
    free, closed = is_open(config), models.get(config.model.name).closed_form
    # A closed form is tried again in seconds, for what it leaves over.
    settled = len(transforms) == 1 and not (closed and _few_to_calibrate(splits, config))
    if not free and settled:
        return Choice(_with_transform(config, transforms[0]))
    is_large = free and _n_windows(panel, splits, config) >= SOME_WINDOWS
    trials = _Trials(panel, splits, config, count=2 if is_large else 3, note=note)
    for candidate in _closed(config, transforms, free=free):
        trials.run(candidate)
    if not trials.done:
        return Choice(_fallback(config, transforms, free=free))
    if not free:
        return _of_named(trials, config, closed=closed)
    for candidate in _networks(trials, panel, splits, config):
        trials.run_if_hopeful(candidate)
    return trials.choice()


class _Trials:
    """Candidates and what they did in each fold."""

    def __init__(
        self,
        panel: Panel,
        splits: Splits,
        config: Config,
        *,
        count: int,
        note: Callable[[Row], None] | None,
    ) -> None:
        options = config.forecast
        self.panel, self.splits, self.config = panel, splits, config
        sizes = {"lookback": options.lookback, "horizon": options.horizon}
        # The latest comes first.
        self.folds: list[Fold] = folds(panel, splits, **sizes, count=count)[::-1]
        self.told = note
        self.done: dict[str, tuple[Candidate, list[Outcome]]] = {}
        self.rows: dict[str, Row] = {}
        self.started = time.perf_counter()

    def run(self, candidate: Candidate, *, bar: float | None = None) -> None:
        """Try a candidate in each fold; no further than the first where it is over the bar."""
        began, outcomes = time.perf_counter(), []
        config = configured(candidate, self.config)
        for fold in self.folds:
            outcome = tried(candidate, fold, self.panel, config)
            if outcome is None:
                return
            outcomes.append(outcome)
            if bar is not None and mean_score(outcomes) > bar:
                break
        if outcomes:
            self._note(candidate, outcomes, time.perf_counter() - began)

    def run_if_hopeful(self, candidate: Candidate) -> None:
        """Try a network, unless a time limit is near."""
        limit = self.config.run.time_limit_s
        if limit and time.perf_counter() - self.started > SHARE_OF_LIMIT * limit:
            return
        best = min(mean_score(outcomes[:1]) for _, outcomes in self.done.values())
        self.run(candidate, bar=HOPELESS * best)

    def _note(
        self, candidate: Candidate, outcomes: list[Outcome], seconds: float, *, aloud: bool = True
    ) -> None:
        scores = [mean_score([each]) for each in outcomes]
        missing = [None] * (len(self.folds) - len(outcomes))
        mean = None if missing else mean_score(outcomes)
        if mean is None or np.isfinite(mean):
            title = candidate.title
            row = Row(title, (*scores, *missing), mean, round(seconds, 2))
            self.rows[title] = row
            if self.told and aloud:
                self.told(row)
            if mean is not None:
                self.done[title] = (candidate, outcomes)

    def ranked(self) -> list[str]:
        """Titles of the candidates that were tried in all folds, the best first."""
        return sorted(self.done, key=lambda title: self.rows[title].mean or 0.0)

    def choice(self) -> Choice:
        """The best of the candidates and of their averages."""
        self._add_averages()
        best = min(self.ranked(), key=self._cost)
        candidate, outcomes = self.done[best]
        config = configured(candidate, self.config)
        if candidate.long_lookback:
            config = config.with_inferred({"forecast.lookback": self.far})
        return Choice(config, self.table(best), _leftover(outcomes))

    def _cost(self, title: str) -> float:
        """The score, and a little for each further member of an average."""
        further = max(len(self.done[title][0].members) - 1, 0)
        return (self.rows[title].mean or 0.0) / ENSEMBLE_GAIN**further

    @property
    def far(self) -> int:
        """Longest lookback that the training part allows."""
        options, longest = self.config.forecast, int(self.splits.validation.max())
        return max(far(options.season, options.horizon, longest), options.lookback)

    def table(self, best: str) -> tuple[Row, ...]:
        """The candidates, the best first, those that were given up last."""

        def key(row: Row) -> tuple[bool, float]:
            return row.mean is None, row.mean if row.mean is not None else row.scores[0] or 0.0

        rows = sorted(self.rows.values(), key=key)
        return tuple(replace(row, won=row.title == best) for row in rows)

    def _add_averages(self) -> None:
        """Averages of the best candidates of one transform; the best few are kept."""
        ranked = self.ranked()
        for transform in ("none", "log"):
            titles = [title for title in ranked if self.done[title][0].transform == transform]
            first = {_kin(self.done[title][0].model): title for title in reversed(titles)}
            titles = [title for title in titles if title in first.values()][:MOST_MEMBERS]
            for count in range(2, len(titles) + 1):
                for chosen in combinations(titles, count):
                    self._add_average(chosen, transform)
        averages = [title for title in self.done if title not in ranked]
        for title in sorted(averages, key=self._cost)[MOST_AVERAGES:]:
            del self.rows[title], self.done[title]

    def _add_average(self, titles: Sequence[str], transform: Transform) -> None:
        members = [self.done[title] for title in titles]
        outcomes = [
            averaged([found[i] for _, found in members], transform) for i in range(len(self.folds))
        ]
        lookback = self.config.forecast.lookback
        long_lookback = any(each.long_lookback for each, _ in members) and self.far > lookback
        texts = [
            str(
                EnsembleMember(
                    each.model,
                    each.hyperparameters,
                    lookback * (long_lookback and not each.long_lookback),
                )
            )
            for each, _ in members
        ]
        values = {"members": ",".join(texts)}
        candidate = Candidate("forecast_ensemble", values, transform, long_lookback, tuple(titles))
        self._note(candidate, outcomes, 0.0, aloud=False)


def _kin(model: str) -> str:
    """What stands for a model in an average: of near twins one would count twice."""
    return "linear" if model in ("arx", "ridge_nlinear") else model


def _closed(config: Config, transforms: Sequence[Transform], *, free: bool) -> list[Candidate]:
    """Those that are solved for, which takes seconds."""
    if not free:
        # The linear model stands for a network, which would take long.
        named = config.model.name if models.get(config.model.name).closed_form else "ridge_nlinear"
        values = dict(config.model.hyperparameters) if named == config.model.name else {}
        return [Candidate(named, values, transform) for transform in transforms]
    may_look_far = config.origins.get("forecast.lookback") == "inferred"
    found = [Candidate("seasonal_naive", {}, transforms[0])]
    for transform in transforms:
        found.append(Candidate("seasonal_naive", {"drift": True}, transform, may_look_far))
        found.append(Candidate("ridge_nlinear", {}, transform))
        found.append(Candidate("arx", {}, transform))
    return found


def _networks(trials: _Trials, panel: Panel, splits: Splits, config: Config) -> list[Candidate]:
    """Those that are trained, for series that are long enough, of the better transform."""
    count = _n_windows(panel, splits, config)
    best = trials.done[trials.ranked()[0]][0].transform
    names = ["nhits", "tide"] if count >= SOME_WINDOWS else []
    if count >= MANY_WINDOWS:
        names += ["tsmixer"] if len(panel.roles.targets) > 1 else []
        names += ["patchtst"]
    return [Candidate(name, {}, best) for name in names]


def _of_named(trials: _Trials, config: Config, *, closed: bool) -> Choice:
    """The better transform for a model that somebody chose."""
    best = trials.ranked()[0]
    candidate, outcomes = trials.done[best]
    decided = _with_transform(config, candidate.transform)
    rows = trials.table(best) if len(trials.rows) > 1 else ()
    return Choice(decided, rows, _leftover(outcomes) if closed else None)


def _transforms(panel: Panel, splits: Splits, config: Config) -> list[Transform]:
    wanted = config.forecast.transform
    if wanted != "auto":
        return [wanted]
    return ["none", "log"] if all_positive(panel, splits.validation) else ["none"]


def _with_transform(config: Config, transform: Transform) -> Config:
    if config.forecast.transform == transform:
        return config
    return config.with_inferred({"forecast.transform": transform})


def _fallback(config: Config, transforms: Sequence[Transform], *, free: bool) -> Config:
    """Where the series are too short to try anything."""
    if not free:
        return _with_transform(config, transforms[0])
    return configured(Candidate("ridge_nlinear", {}, transforms[0]), config)


def _n_windows(panel: Panel, splits: Splits, config: Config) -> int:
    sizes = {"lookback": config.forecast.lookback, "horizon": config.forecast.horizon}
    return len(origins(panel, splits, "train", **sizes))


def _few_to_calibrate(splits: Splits, config: Config) -> bool:
    horizon = config.forecast.horizon
    lengths = splits.test - splits.bounds("calibration")[0]
    return int((lengths // horizon).sum()) < ENOUGH_WINDOWS


def _leftover(outcomes: Sequence[Outcome]) -> tuple[Origins, NDArray[np.float64]]:
    where = Origins(
        np.concatenate([each.fold.origins.track for each in outcomes]),
        np.concatenate([each.fold.origins.at for each in outcomes]),
    )
    errors = np.concatenate([each.errors for each in outcomes])
    most = max(MOST_KEPT // max(errors[0].size, 1), 1)
    rows = np.unique(np.linspace(0, len(errors) - 1, min(len(errors), most)).round().astype(int))
    return where.take(rows), errors[rows]
