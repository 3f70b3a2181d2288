"""Which time steps train, validate, calibrate and test: by time alone.

No target of one part is a target of another one. What came before a target may be in an earlier
part, as it will be when the model is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kerasnn.errors import ConfigError, DataError, warn
from kerasnn.forecasting.panel import Panel
from kerasnn.options import SplitOptions

PartName = Literal["train", "validation", "calibration", "test"]

# Of the points that are left to train with, validation takes no more.
MOST_VALIDATION = 0.3


@dataclass(frozen=True, eq=False)
class Splits:
    """Where the parts of each series begin, as indices of its points, (series,) each.

    Args:
        validation: First point whose forecast picks the best epoch; training ends before it.
        calibration: First point whose forecast tells how wide intervals must be.
        test: First point of the test part.
        end: Index behind the last known point.
        shared: True if the data are too short for a calibration part of its own, so that the
            validation part calibrates too.
    """

    validation: NDArray[np.int64]
    calibration: NDArray[np.int64]
    test: NDArray[np.int64]
    end: NDArray[np.int64]
    shared: bool = False

    def bounds(self, part: PartName) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First target of a part in each series, and the one behind its last."""
        if part == "train":
            return np.zeros_like(self.end), self.validation
        if part == "validation":
            return self.validation, self.test if self.shared else self.calibration
        if part == "calibration":
            return self.validation if self.shared else self.calibration, self.test
        return self.test, self.end

    def n_points(self, part: PartName) -> int:
        """Points in time of a part, of all series."""
        first, stop = self.bounds(part)
        return int((stop - first).sum())


def divide(
    panel: Panel,
    options: SplitOptions,
    horizon: int,
    given: Mapping[str, Sequence[int | None]] | None = None,
) -> Splits:
    """Divide by time: the last part tests, the one before it validates.

    Where series end at different times, all are cut at the same time.

    Args:
        panel: All points, those of the other files too.
        options: Shares of the points.
        horizon: Number of time steps ahead; a part is at least so long, if there is one.
        given: Index of the first point of each series in the files of their own of ``validation``
            and ``test``; None for a series that is not in it.

    Raises:
        ConfigError: The options ask for another split.
        DataError: The series are too short.
    """
    if options.kind not in ("auto", "time"):
        problem = f"a forecast is split by time, not by '{options.kind}'"
        raise ConfigError(problem, location="split.kind", hint="leave the split out")
    given = given or {}
    if "validation" in given and "test" not in given:
        problem = "validation rows of their own need test rows of their own: the last rows test"
        raise ConfigError(problem, hint="give test rows too, or leave the validation rows out")
    end = np.array([track.end for track in panel.tracks], np.int64)
    starts = np.array([track.start for track in panel.tracks], np.int64)
    if not end.any():
        raise DataError("the targets have no value at all", hint="name another target")
    _check_room(end, end, horizon)
    test = end
    if "test" in given:
        test = _from_file(given["test"], end)
    elif options.test:
        test = _cut(starts, end, _length(end, options.test, horizon))
    if "validation" in given:
        validation = np.minimum(_from_file(given["validation"], test), test)
    else:
        share = (
            options.validation / (1 - options.test) if "test" not in given else options.validation
        )
        validation = _cut(starts, test, _validation_length(test, share, horizon))
    _check_room(validation, end, horizon)
    return _with_calibration(Splits(validation, validation, test, end), horizon)


def _from_file(firsts: Sequence[int | None], end: NDArray[np.int64]) -> NDArray[np.int64]:
    starts = [e if first is None else first for first, e in zip(firsts, end, strict=True)]
    return np.minimum(np.array(starts, np.int64), end)


def _length(end: NDArray[np.int64], share: float, horizon: int) -> int:
    """Points of a part: its share of the longest series, one horizon at least."""
    return max(round(share * int(end.max())), horizon)


def _validation_length(end: NDArray[np.int64], share: float, horizon: int) -> int:
    """Room for two horizons, of which one calibrates, where that leaves enough to train with."""
    longest = int(end.max())
    return max(round(share * longest), min(2 * horizon, int(MOST_VALIDATION * longest)), horizon)


def _cut(starts: NDArray[np.int64], end: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Where the last time steps begin, counted back from the end of the latest series."""
    # Starts are counted from 1970, so that those before it are negative.
    latest = int((starts + end).max(where=end > 0, initial=int(starts.min())))
    return np.clip(latest - length - starts, 0, end)


def _check_room(validation: NDArray[np.int64], end: NDArray[np.int64], horizon: int) -> None:
    longest = int(validation.max())
    if longest > horizon:
        return
    problem = f"{int(end.max()):,} time steps are too few for a horizon of {horizon:,}"
    hint = "give a shorter horizon or more time steps: training, validation and test each need one"
    raise DataError(problem, hint=hint)


def _with_calibration(splits: Splits, horizon: int) -> Splits:
    """Halve the validation part in time, if each half has room for a forecast."""
    length = int((splits.test - splits.validation).max())
    if length // 2 >= horizon:
        half = splits.validation + (splits.test - splits.validation + 1) // 2
        return Splits(splits.validation, half, splits.test, splits.end)
    warn(
        "too few time steps to calibrate apart: intervals come from the points that also pick "
        "the best epoch, and may be too narrow"
    )
    return Splits(splits.validation, splits.validation, splits.test, splits.end, shared=True)
