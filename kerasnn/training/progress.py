"""Progress on stderr; bars are quiet where nobody watches."""

from __future__ import annotations

import sys
from time import perf_counter
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from kerasnn.errors import one_line

if TYPE_CHECKING:
    from kerasnn.training.engine import Engine
    from kerasnn.training.fit import EpochRecord

# Where there is no terminal, a run says how far it is when it has been silent for so long.
SILENT_S = 30.0


def announce(text: str) -> None:
    """A line for who waits."""
    print(one_line(text), file=sys.stderr, flush=True)


def announce_phase(text: str, *, started: float) -> None:
    """A line about the next phase of a run that takes long, where no bar can be shown.

    Args:
        text: Name of the phase that begins.
        started: Start of the run, of `time.perf_counter`.
    """
    if not sys.stderr.isatty() and perf_counter() - started >= SILENT_S:
        announce(text)


class ProgressBar:
    """One bar for the whole training: a callback of `kerasnn.training.fit.fit`.

    Args:
        epochs: Maximum number of epochs.
        monitor: Column of the history to show.
        title: Title of the bar.
    """

    def __init__(self, *, epochs: int, monitor: str, title: str = "training") -> None:
        self.monitor, self.title, self.epochs = monitor, title, epochs
        self._last_line = perf_counter()
        self._bar = tqdm(total=epochs, unit="epoch", file=sys.stderr, disable=None, leave=False)
        self._bar.set_description(title)

    def on_steps(self, epoch: int, done: int, total: int) -> None:
        """Move by the share of the epoch that is done."""
        self._bar.n = round(epoch + done / total, 2)
        self._bar.refresh() if done < total else None

    def on_epoch(self, row: EpochRecord, engine: Engine) -> None:
        """Show the epoch's values."""
        shown = {"loss": f"{row['loss']:.4g}", self.monitor: f"{row[self.monitor]:.4g}"}
        self._bar.set_postfix(shown, refresh=False)
        self._bar.n = row["epoch"]
        self._bar.refresh()
        if self._bar.disable and perf_counter() - self._last_line >= SILENT_S:
            self._last_line = perf_counter()
            values = ", ".join(f"{name} {value}" for name, value in shown.items())
            announce(f"{self.title}: epoch {row['epoch']:g} of {self.epochs}, {values}")

    def close(self) -> None:
        """Take the bar away."""
        self._bar.close()


class SearchBar:
    """One bar for all trials of a search for hyper-parameters.

    Args:
        trials: Maximum number of trials; None for any number within the time limit.
        seconds: Maximum number of seconds; None has no limit.
    """

    def __init__(self, *, trials: int | None, seconds: float | None) -> None:
        self._counts_trials = trials is not None
        total, unit = (trials, "trial") if self._counts_trials else (seconds, "s")
        shown: dict[str, Any] = {"file": sys.stderr, "disable": None, "leave": False}
        self._bar = tqdm(total=total, unit=unit, **shown)
        self._bar.set_description("tuning")

    def show(self, best: float | None, trials: int, seconds: float) -> None:
        """Show how far the search is, and the best score."""
        if best is not None:
            self._bar.set_postfix({"trials": trials, "best": f"{best:.4g}"}, refresh=False)
        self._bar.n = trials if self._counts_trials else round(seconds)
        self._bar.refresh()

    def close(self) -> None:
        """Take the bar away."""
        self._bar.close()
