"""The trials of a search, by Optuna: which values come next, and which trial is not worth more.

With a path, all is kept in a journal of one JSON object a line, which outlives the process. What
comes next depends on the trials that ended and on the seed alone, so that a search that was killed
goes on as it would have.

Reference:
    Akiba et al., "Optuna: a next-generation hyperparameter optimization framework", 2019, arXiv
    1907.10902. Values: Watanabe, "Tree-structured Parzen estimator", 2023, arXiv 2304.11127.
    Importances: Hutter, Hoos and Leyton-Brown, "An efficient approach for assessing hyperparameter
    importance", 2014.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import BaseStorage, InMemoryStorage, JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.trial import FrozenTrial, TrialState

from kerasnn.errors import ModelRefusedError
from kerasnn.files.json_values import loads
from kerasnn.files.storage import append, read_file
from kerasnn.tuning.spaces import Space

State = Literal["done", "pruned", "failed"]
# Trials that end before any is compared with them, and that ended before importances mean much.
COMPARED, WEIGHED = 4, 8
# Of its epochs, the share that a trial has in any case.
TRIED = 1 / 4
_NAME = "kerasnn"
LARGEST = 256 * 2**20
_STATES: dict[State, TrialState] = {
    "done": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


@dataclass(frozen=True)
class Trial:
    """A trial that ended.

    Args:
        number: Number of the trial, from 1.
        state: ``done``, ``failed``, or ``pruned`` as clearly worse than others.
        score: Best value of the monitor; None where there was none.
        epochs: Number of epochs that it was trained.
        seconds: Number of seconds that it took.
        values: Values of the hyper-parameters, by dotted key.
        why: It failed.
    """

    number: int
    state: State
    score: float | None
    epochs: int
    seconds: float
    values: Mapping[str, Any]
    why: str = ""


class Study:
    """The trials, and what comes next.

    Args:
        path: Path of the journal, which only one process writes to; None keeps it in memory.
        seed: Seed of the sampler.
        direction: Direction in which a score is better.

    Raises:
        ModelRefusedError: The journal is damaged.
    """

    def __init__(
        self, path: Path | None, *, seed: int, direction: Literal["higher", "lower"]
    ) -> None:
        self.seed, self.direction = seed, direction
        goal: Literal["minimize", "maximize"]
        goal = "maximize" if direction == "higher" else "minimize"
        with _silent(), _damage_told(path):
            self._study = optuna.create_study(
                study_name=_NAME, storage=_storage(path), direction=goal, load_if_exists=True
            )
            # What a killed process was at is begun again.
            for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                self._study.tell(trial.number, state=TrialState.FAIL)
            self._trials = list(self._read())

    @property
    def trials(self) -> list[Trial]:
        """Those that ended, in their order."""
        return list(self._trials)

    @property
    def best(self) -> Trial | None:
        """The best of those that were trained to their end; the first of equal ones."""
        sign = -1.0 if self.direction == "higher" else 1.0
        done = [each for each in self._trials if each.state == "done" and each.score is not None]
        return min(done, key=lambda each: sign * float(each.score or 0.0), default=None)

    @property
    def notes(self) -> dict[str, Any]:
        """What was noted beside the trials: plain data by name."""
        return dict(self._study.user_attrs)

    def note(self, name: str, value: Any) -> None:
        """Note plain data."""
        self._study.set_user_attr(name, value)

    def ask(
        self, spaces: Mapping[str, Space], start: Mapping[str, Any], *, epochs: int
    ) -> optuna.Trial:
        """The next trial.

        Args:
            spaces: Search spaces by dotted key; the same in all trials.
            start: Values of the first trial.
            epochs: Number of epochs of a trial; the first quarter, at least two, is never pruned.
        """
        first, waiting = not self._trials, (TrialState.WAITING,)
        if first and not self._study.get_trials(deepcopy=False, states=waiting):
            self._study.enqueue_trial(dict(start))
        (state,) = np.random.SeedSequence([self.seed, len(self._trials)]).generate_state(1)
        self._study.sampler = optuna.samplers.TPESampler(seed=int(state))
        self._study.pruner = optuna.pruners.MedianPruner(
            n_startup_trials=COMPARED, n_warmup_steps=max(2, round(TRIED * epochs))
        )
        with _silent():
            return self._study.ask({key: _distribution(space) for key, space in spaces.items()})

    def tell(
        self, trial: optuna.Trial, state: State, score: float | None = None, **noted: Any
    ) -> None:
        """A trial has ended.

        Args:
            trial: Trial that `ask` returned.
            state: State in which it ended.
            score: Score of a trial that is done.
            **noted: ``epochs``, ``seconds``, and ``why`` it failed.
        """
        for name, value in noted.items():
            trial.set_user_attr(name, value)
        with _silent():
            self._study.tell(trial, score if state == "done" else None, state=_STATES[state])
        ended = self._study.get_trials(deepcopy=False)[trial.number]
        self._trials.append(_ended(len(self._trials) + 1, ended))

    def drop(self, trial: optuna.Trial) -> None:
        """A trial was cut off, and does not count."""
        self._study.tell(trial, state=TrialState.FAIL)

    def importances(self) -> dict[str, float]:
        """How much of the variation of the score each key explains; empty for too few trials."""
        done = [each.score for each in self._trials if each.state == "done"]
        if len(done) < WEIGHED or len(set(done)) < 2:
            return {}
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
        return dict(optuna.importance.get_param_importances(self._study, evaluator=evaluator))

    def _read(self) -> Iterator[Trial]:
        states = tuple(_STATES.values())
        found = self._study.get_trials(deepcopy=False, states=states)
        counted = [each for each in found if "seconds" in each.user_attrs]
        for number, each in enumerate(counted, start=1):
            yield _ended(number, each)


def _ended(number: int, trial: FrozenTrial) -> Trial:
    state = next(name for name, each in _STATES.items() if each == trial.state)
    score, told = trial.value, trial.user_attrs
    if score is None and trial.intermediate_values:
        score = trial.intermediate_values[max(trial.intermediate_values)]
    return Trial(
        number,
        state,
        None if score is None else float(score),
        int(told.get("epochs", 0)),
        float(told["seconds"]),
        dict(trial.params),
        str(told.get("why", "")),
    )


def _distribution(space: Space) -> BaseDistribution:
    if space.values:
        return CategoricalDistribution(space.values)
    if space.integer:
        return IntDistribution(int(space.low), int(space.high), log=space.log)
    return FloatDistribution(space.low, space.high, log=space.log)


class Journal(BaseJournalBackend):
    """The journal of a search in a file; the folder of the run is locked, so nobody else writes.

    Args:
        path: Name of the file, in a folder of the run.
        run: Folder of the run, below which no link is followed.

    Raises:
        ModelRefusedError: A line is damaged; the last one may be cut short, and is cut off then.
    """

    def __init__(self, path: Path, run: Path) -> None:
        self.path, self.run = path, run
        try:
            content = read_file(path, most=LARGEST, below=run)
        except FileNotFoundError:
            content = b""
        # A line that was being written when the process died is written over.
        self._size = content.rfind(b"\n") + 1
        self._entries: list[dict[str, Any]] = []
        for number, line in enumerate(content[: self._size].splitlines(), start=1):
            try:
                entry = loads(line, location=path.name, finite=False)
            except ModelRefusedError:
                entry = None
            if not isinstance(entry, dict):
                raise _damaged(f"{path}:{number}")
            self._entries.append(entry)

    def read_logs(self, log_number_from: int) -> list[dict[str, Any]]:
        """The entries from a number on, counted from 0."""
        return self._entries[log_number_from:]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write entries, which outlive the process from now on."""
        lines = [json.dumps(log, separators=(",", ":")) for log in logs]
        content = "".join(f"{line}\n" for line in lines).encode()
        append(self.path, content, at=self._size, below=self.run)
        self._size += len(content)
        # As another process would read them.
        self._entries += map(json.loads, lines)


def _storage(path: Path | None) -> BaseStorage:
    return InMemoryStorage() if path is None else JournalStorage(Journal(path, path.parent.parent))


@contextmanager
def _damage_told(path: Path | None) -> Iterator[None]:
    """Lines that are JSON, but not the journal of a search."""
    try:
        yield
    except ModelRefusedError:
        raise
    except (KeyError, ValueError, TypeError, IndexError, AttributeError, AssertionError):
        if path is None:
            raise
        raise _damaged(str(path)) from None


def _damaged(location: str) -> ModelRefusedError:
    hint = "tune from the start, in another folder"
    return ModelRefusedError("the journal of the search is damaged", location=location, hint=hint)


@contextmanager
def _silent() -> Iterator[None]:
    """Optuna's own messages are for those who call it."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
