"""Further keyword arguments of `kerasnn.train` and `kerasnn.tune`, for editors and type checkers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from kerasnn.config.settings import Settings


class TrainSettings(TypedDict, total=False):
    """Arguments of `kerasnn.train` that few trainings need; its docstring describes them."""

    profile: str | None
    drop: Sequence[str] | None
    series: str | Sequence[str] | None
    time: str | None
    targets: Sequence[str] | None
    future_covariates: str | Sequence[str] | None
    lookback: int | None
    frequency: str | None
    season: int | None
    coverage: float | None
    split: str | None
    force: bool
    resume: str | os.PathLike[str] | None
    baselines: bool | None
    tensorboard: bool | None
    ensemble: int | None
    encoding: str | None
    delimiter: str | None


class TuneSettings(TypedDict, total=False):
    """Arguments of `kerasnn.tune` that few searches need; its docstring describes them."""

    drop: Sequence[str] | None
    split: str | None
    config: str | os.PathLike[str] | Mapping[str, Any] | Settings | None
    force: bool
    resume: str | os.PathLike[str] | None
