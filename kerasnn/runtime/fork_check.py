"""A check that TensorFlow is not used in a forked process, which lacks its threads."""

from __future__ import annotations

import os

from kerasnn.errors import ConfigError

_started: list[int] = []


def check_process() -> None:
    """Raise in a process that was forked from one where networks were used; call before each use.

    There, TensorFlow would wait for threads that only its own process has.

    Raises:
        ConfigError: This is such a process.
    """
    if not _started:
        _started.append(os.getpid())
    if os.getpid() != _started[0]:
        raise ConfigError(
            f"TensorFlow can't be used in a process that was forked from one that uses it "
            f"(process {_started[0]})",
            hint="start processes with the method 'spawn'",
        )
