"""One trial after the other: trainings that are pruned once they are clearly worse."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kerasnn.config.config import Config
from kerasnn.datasets.tabular import Table
from kerasnn.errors import KerasnnError, KerasnnWarning, warn
from kerasnn.trainers.fit import TrainedModel, fit_network, prepare
from kerasnn.trainers.refit import refit
from kerasnn.training.engine import Engine
from kerasnn.training.fit import EpochRecord
from kerasnn.tuning.memory import freed_networks
from kerasnn.tuning.spaces import Space

if TYPE_CHECKING:
    import optuna

    from kerasnn.tuning.study import Study

# What the last training will take, as a multiple of what it took as a trial.
AGAIN = 1.2
# A trial begins if there is time for this share of a typical one.
WORTHWHILE = 0.25
# The first epoch holds the compilation; the second one tells the pace.
TIMED = 2


class Clock:
    """How much time there is left.

    Args:
        limit_s: Maximum number of seconds of the search, over all sessions; None has no limit.
        used_s: Number of seconds that earlier sessions took.
        longest: Share of the limit that a whole training may take.
    """

    def __init__(self, limit_s: float | None, used_s: float = 0.0, *, longest: float = 1.0) -> None:
        self.limit_s = math.inf if limit_s is None else limit_s
        self.longest_s = longest * self.limit_s
        self._began, self._used = time.perf_counter(), used_s

    @property
    def used_s(self) -> float:
        """Over all sessions."""
        return self._used + time.perf_counter() - self._began

    @property
    def left_s(self) -> float:
        """Until the limit."""
        return self.limit_s - self.used_s


class _PrunedError(Exception):
    """A trial goes no further."""


class _OutOfTimeError(Exception):
    """There is just time left for the last training."""


class _TooLongError(Exception):
    """So many epochs would leave no time for others."""

    def __init__(self, affordable: int) -> None:
        self.affordable = affordable


class PruningCallback:
    """Follows the validation curve of a trial: a callback of `kerasnn.training.fit.fit`.

    Args:
        trial: Told of each epoch.
        monitor: Column of the history that is the score.
        sign: 1 where a higher score is better, else -1.
        check_time: Called after steps, with the epochs done and the seconds of the last one.
    """

    def __init__(
        self,
        trial: optuna.Trial,
        *,
        monitor: str,
        sign: float,
        check_time: Callable[[int, float], None],
    ) -> None:
        self.trial, self.monitor, self.sign = trial, monitor, sign
        self.check_time = check_time
        self.epochs, self.best = 0, math.nan
        self._last = time.perf_counter()

    def on_steps(self, epoch: int, done: int, total: int) -> None:
        """Look at the time."""
        self.check_time(0, 0.0)

    def on_epoch(self, row: EpochRecord, engine: Engine) -> None:
        """Report the best score so far, and give up if the trial is clearly worse than others."""
        self.epochs += 1
        now = time.perf_counter()
        self.check_time(self.epochs, now - self._last)
        self._last = now
        value = row.get(self.monitor, math.nan)
        better = math.isnan(self.best) or self.sign * value > self.sign * self.best
        if better and not math.isnan(value):
            self.best = value
        if math.isnan(self.best):
            return
        self.trial.report(self.best, self.epochs)
        if self.trial.should_prune():
            raise _PrunedError


@dataclass
class Search:
    """Trials of one model on one table.

    Args:
        table: Its training rows are learned from, its validation rows judge; no others are seen.
        config: Configuration of all trials, except for the keys that are searched.
        spaces: Search spaces by dotted key.
        study: The trials so far.
        clock: Clock of the time limit.
        monitor: Column of the history that is the score.
        keep: Called with what the first trial, the defaults, learned.
        show: Called after each trial.
    """

    table: Table
    config: Config
    spaces: Mapping[str, Space]
    study: Study
    clock: Clock
    monitor: str
    keep: Callable[[TrainedModel], None]
    show: Callable[[], None] = field(default=lambda: None)

    @property
    def start(self) -> dict[str, Any]:
        """The values of the first trial: the defaults, as far as they are searched."""
        plain = self.config.to_dict()
        found = {}
        for key, space in self.spaces.items():
            section, name = key.split(".", 1)
            found[key] = space.nearest(plain[section][name])
        return found

    def config_of(self, values: Mapping[str, Any]) -> Config:
        """The configuration of a trial."""
        return self.config.with_inferred(values, origin="tuned")

    def run(self, trials: int | None) -> str:
        """Trials until there are so many, or no time is left; returns why it ended.

        Raises:
            KeyboardInterrupt: The first trial was interrupted, so that there is nothing to keep.
            KerasnnError: The first trial can't be trained.
        """
        try:
            while trials is None or len(self.study.trials) < trials:
                if self._is_late():
                    return "time limit"
                self._one()
                self.show()
        except _OutOfTimeError:
            return "time limit"
        except KeyboardInterrupt:
            if not self.study.best:
                raise
            return "interrupted"
        return "all trials done"

    def _is_late(self) -> bool:
        """Whether one more trial is not worth to be begun."""
        best = self.study.best
        if best is None or math.isinf(self.clock.limit_s):
            return False
        return self.clock.left_s < (AGAIN + WORTHWHILE) * best.seconds

    def _one(self) -> None:
        epochs = self.config.training.epochs
        trial = self.study.ask(self.spaces, self.start, epochs=epochs)
        first, began = not self.study.trials, time.perf_counter()
        callback = PruningCallback(
            trial,
            monitor=self.monitor,
            sign=1.0 if self.study.direction == "higher" else -1.0,
            check_time=self._check_first if first else self._check_later(began),
        )
        state: Any = "done"
        score, why = None, ""
        try:
            with freed_networks():
                score, epochs = self._train_once(trial.params, callback, first=first)
            if score is None:
                state, why = "failed", "the score was never a number"
        except _PrunedError:
            state, epochs = "pruned", callback.epochs
        except _TooLongError as error:
            self.study.drop(trial)
            return self._shorten(error.affordable)
        except (KeyboardInterrupt, OSError, _OutOfTimeError):
            self.study.drop(trial)
            raise
        except Exception as error:
            # One set of values that can't be trained must not end the search.
            if first:
                self.study.drop(trial)
                raise
            state, epochs, why = "failed", callback.epochs, _line(error)
        seconds = time.perf_counter() - began
        self.study.tell(trial, state, score, epochs=epochs, seconds=seconds, why=why)
        return None

    def _train_once(
        self, values: Mapping[str, Any], callback: PruningCallback, *, first: bool
    ) -> tuple[float | None, int]:
        """Train once; the best score, and how many epochs there were.

        Raises:
            KeyboardInterrupt: It was interrupted.
        """
        config = self.config_of(values)
        with warnings.catch_warnings():
            if not first:
                # What is wrong with the data was told by the first trial.
                warnings.simplefilter("ignore", KerasnnWarning)
            training_setup = prepare(self.table, config)
            trained_model = fit_network(training_setup, config, callbacks=(callback,))
        if trained_model.fitted.progress.stopped == "interrupted":
            raise KeyboardInterrupt
        if first:
            self.keep(refit(trained_model, training_setup))
        return trained_model.fitted.progress.best, trained_model.fitted.progress.epoch

    def _check_first(self, epochs: int, seconds: float) -> None:
        if epochs != TIMED:
            return
        longest = self.clock.longest_s
        if seconds * self.config.training.epochs > longest:
            raise _TooLongError(max(int(longest / seconds), 1))

    def _shorten(self, epochs: int) -> None:
        """All trials have fewer epochs, the defaults too, so that they can be compared."""
        whole = self.config.training.epochs
        warn(
            f"there is time for {epochs} of {whole} epochs a trial",
            hint="give more time, or a smaller network",
        )
        self.with_epochs(epochs)
        self.study.note("epochs", epochs)

    def with_epochs(self, epochs: int) -> None:
        """Change the epochs of all trials."""
        self.config = self.config.with_inferred({"training.epochs": epochs})

    def _check_later(self, began: float) -> Callable[[int, float], None]:
        """Stop while there is still time to train the best, which may be this one, again."""

        def check(epochs: int, seconds: float) -> None:
            best = self.study.best
            so_far = time.perf_counter() - began
            if self.clock.left_s < AGAIN * max(best.seconds if best else 0.0, so_far):
                raise _OutOfTimeError

        return check


def _line(error: Exception) -> str:
    """What went wrong, in one line."""
    if isinstance(error, KerasnnError):
        return str(error)
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
