"""Warnings about the images of a column."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from kerasnn.data.frames import location
from kerasnn.data.media import decoding
from kerasnn.data.media.decoding import ImageError
from kerasnn.data.readers.folders import printable
from kerasnn.errors import quantity, warn


@dataclass
class ImageWarnings:
    """What was odd about some images, by their positions.

    Args:
        failed: Error of each row that could not be read.
        animated: Rows with an animation, of which only the first frame is taken.
        odd: Height and width of images with a side of one pixel, or far longer than wide.
    """

    failed: dict[int, ImageError] = field(default_factory=dict)
    animated: list[int] = field(default_factory=list)
    odd: dict[int, tuple[int, int]] = field(default_factory=dict)


def report_failed(
    data_warnings: ImageWarnings,
    series: pd.Series,
    *,
    strict: bool,
    left_out: bool = True,
    outcome: str = "not predicted",
) -> None:
    """Raise, or warn of the images that can't be read."""
    failed, n_rows = data_warnings.failed, len(series)
    for row, error in failed.items():
        if error.fatal or strict:
            raise placed(error, series, row)
    if not failed:
        return
    row = next(iter(failed))
    error = placed(failed[row], series, row)
    outcome = "left out" if left_out else outcome
    if left_out and len(failed) > n_rows / 2:
        problem = f"{len(failed):,} of {n_rows:,} images can't be read, the first: {error.problem}"
        raise ImageError(problem, location=error.location, hint=error.hint)
    if len(failed) == 1:
        problem = f"{error.problem}, {outcome}"
    else:
        problem = f"{quantity(len(failed), 'image')} can't be read and {'is' if len(failed) == 1 else 'are'} {outcome}, the first: {error.problem}"
    warn(problem, location=error.location, hint=error.hint)


def report_odd(data_warnings: ImageWarnings, series: pd.Series) -> None:
    """Warn of animations and of images that are hardly ones."""
    for row in data_warnings.animated[:1]:
        more = len(data_warnings.animated)
        what = f"{more:,} animated images, the first:" if more > 1 else "an animated image:"
        hint = "save single frames to learn from others"
        warn(f"{what} its first frame is taken", location=_name(series, row), hint=hint)
    for row, (height, width) in list(data_warnings.odd.items())[:1]:
        more = len(data_warnings.odd)
        what = f"{more:,} images of odd shapes, the first of" if more > 1 else "an image of"
        hint = "check whether this is intended"
        warn(f"{what} {height}x{width} pixels", location=_name(series, row), hint=hint)


def placed(error: ImageError, series: pd.Series, row: int) -> ImageError:
    """The error with the place of its cell, unless it names a file."""
    where = error.location or location(series, series.index[row])
    return ImageError(error.problem, location=where, hint=error.hint, fatal=error.fatal)


def _name(series: pd.Series, row: int) -> str | None:
    """The file of an image, or its place in the table."""
    name = origin_in(series.iloc[row], "")
    return printable(name) or location(series, series.index[row]) or None


def origin_in(cell: Any, folder: str) -> str:
    """Path of a cell that has one; empty for others."""
    if isinstance(cell, str | os.PathLike):
        return decoding.located(cell, folder)
    return getattr(cell, "origin", "")
