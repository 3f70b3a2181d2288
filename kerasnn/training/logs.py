"""The history as scalars for TensorBoard."""

from __future__ import annotations

import os

from kerasnn.errors import MissingDependencyError
from kerasnn.training.engine import Engine
from kerasnn.training.fitting import Row


def check_installed() -> None:
    """Raise if there is no TensorBoard.

    Raises:
        MissingDependencyError: It is not installed.
    """
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        raise MissingDependencyError("TensorBoard's log", extra="tensorboard") from None


class TensorBoardLog:
    """Writes each epoch's values: a watcher of `kerasnn.training.fitting.fit`.

    Args:
        folder: Where ``tensorboard --logdir`` is to look.

    Raises:
        MissingDependencyError: TensorBoard is not installed.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        import tensorflow as tf

        check_installed()
        self._writer = tf.summary.create_file_writer(os.fspath(folder))

    def on_steps(self, epoch: int, done: int, total: int) -> None:
        """Nothing is logged within an epoch."""

    def on_epoch(self, row: Row, engine: Engine) -> None:
        """Log all columns of the history."""
        import tensorflow as tf

        with self._writer.as_default(step=int(row["epoch"])):
            for name, value in row.items():
                if name != "epoch":
                    tf.summary.scalar(name, value)
        self._writer.flush()

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()
