"""What a checkpoint must hold and agree with, so that a run can go on from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kerasnn.errors import ConfigError, ModelRefusedError
from kerasnn.files.json_values import conform
from kerasnn.training.checkpoints import Checkpoint
from kerasnn.training.stopping import Progress


@dataclass(frozen=True)
class _Metadata:
    """What a checkpoint holds beside arrays."""

    progress: Progress
    history: tuple[Mapping[str, float], ...]
    epochs: int
    fingerprint: Mapping[str, Any]
    callbacks: Mapping[str, Any]


def check_form(metadata: Mapping[str, Any]) -> None:
    """Raise if what a checkpoint says of a run does not have the form that was written.

    Raises:
        ModelRefusedError: Say what is malformed.
    """
    conform(metadata, _Metadata, location="the checkpoint")


def batch_size_of(checkpoint: Checkpoint | None) -> int | None:
    """Number of rows a step where memory allowed fewer than usual, 0 where not; None of none.

    Raises:
        ModelRefusedError: What the checkpoint says is malformed.
    """
    if checkpoint is None:
        return None
    check_form(checkpoint.metadata)
    return Progress.from_dict(checkpoint.metadata["progress"]).batch_size


def of_another_network() -> ModelRefusedError:
    hint = "train from the start"
    return ModelRefusedError("the checkpoint is of another network", hint=hint)


def check_fingerprint(before: dict[str, Any], now: dict[str, Any]) -> None:
    """Refuse to go on with a run under other circumstances.

    Raises:
        ConfigError: Say which differ.
    """
    changed = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    if changed:
        raise ConfigError(
            f"the run can't go on as it began: {', '.join(changed)} changed",
            hint="undo the change, or start a new run",
        )
