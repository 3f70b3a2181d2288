"""Progress bars on stderr, quiet where nobody watches."""

from __future__ import annotations

import sys

from tqdm import tqdm

from kerasnn.training.engine import Engine
from kerasnn.training.fitting import Row


class ProgressBar:
    """One bar for the whole training: a watcher of `kerasnn.training.fitting.fit`.

    Args:
        epochs: At most.
        best: Column of the history to show.
    """

    def __init__(self, *, epochs: int, monitor: str) -> None:
        self.monitor = monitor
        self._bar = tqdm(total=epochs, unit="epoch", file=sys.stderr, disable=None, leave=False)
        self._bar.set_description("training")

    def on_steps(self, epoch: int, done: int, total: int) -> None:
        """Move by the share of the epoch that is done."""
        self._bar.n = round(epoch + done / total, 2)
        self._bar.refresh() if done < total else None

    def on_epoch(self, row: Row, engine: Engine) -> None:
        """Show the epoch's values."""
        shown = {"loss": f"{row['loss']:.4g}", self.monitor: f"{row[self.monitor]:.4g}"}
        self._bar.set_postfix(shown, refresh=False)
        self._bar.n = row["epoch"]
        self._bar.refresh()

    def close(self) -> None:
        """Take the bar away."""
        self._bar.close()
