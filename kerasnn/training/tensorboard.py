"""The history as scalars for TensorBoard."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kerasnn.errors import MissingDependencyError, ModelRefusedError
from kerasnn.files import storage
from kerasnn.files.handles import kind_of

if TYPE_CHECKING:
    from kerasnn.training.engine import Engine
    from kerasnn.training.fit import EpochRecord

FOLDER = "tensorboard"


def check_installed() -> None:
    """Raise if there is no TensorBoard.

    Raises:
        MissingDependencyError: It is not installed.
    """
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        raise MissingDependencyError("TensorBoard's log", extra="tensorboard") from None


def check_folder(run: Path) -> None:
    """Raise if TensorFlow, which follows links, would meet one among the logs of a run.

    Args:
        run: Folder of the run.

    Raises:
        ModelRefusedError: Something else than files and folders is there.
    """
    paths = [run / FOLDER]
    for path in paths:
        kind = kind_of(path, below=run)
        if kind == "folder":
            paths += [path / name for name in storage.list_folder(path, below=run)]
        elif kind not in (None, "file"):
            problem = f"{path.name} is a {kind} among the logs of the run"
            raise ModelRefusedError(problem, location=str(path), hint="remove it")


class TensorBoardLog:
    """Writes each epoch's values: a callback of `kerasnn.training.fit.fit`.

    Args:
        run: Folder of the run, in which ``tensorboard --logdir`` is to look at `FOLDER`.
        name: Folder in it, of one network of several.

    Raises:
        MissingDependencyError: TensorBoard is not installed.
        ModelRefusedError: Something else than files and folders is where the logs are.
    """

    def __init__(self, run: Path, name: str = "") -> None:
        import tensorflow as tf

        check_installed()
        check_folder(run)
        folder = run / FOLDER / name
        storage.make_folder(folder, below=run)
        self._writer = tf.summary.create_file_writer(str(folder))

    def on_steps(self, epoch: int, done: int, total: int) -> None:
        """Nothing is logged within an epoch."""

    def on_epoch(self, row: EpochRecord, engine: Engine) -> None:
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
