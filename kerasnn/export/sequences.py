"""Series and sounds where exported models are compared and called: made up, spoiled, described."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kerasnn.data.columns import series_cells
from kerasnn.data.frames import as_objects
from kerasnn.data.media.sound_cells import AudioCell

if TYPE_CHECKING:
    from kerasnn.preprocessing import Preprocessor
    from kerasnn.preprocessing.series import SeriesColumn
    from kerasnn.preprocessing.sounds import SoundColumn

# Numbers of series and sounds that are compared at most; all rows of a long table take too long.
MOST_NUMBERS = 4_000_000
FEWEST_ROWS = 20


def shapes(preprocessor: Preprocessor) -> dict[str, tuple[int, ...]]:
    """Shapes of one cell of each column: series (length, channels), sounds (samples,)."""
    series = {column.name: (column.length, column.channels) for column in preprocessor.series}
    return {**series, **{column.name: (column.samples,) for column in preprocessor.sounds}}


def affordable_rows(preprocessor: Preprocessor, most: int) -> int:
    """How many rows are compared: fewer of long series and sounds."""
    size = sum(int(np.prod(shape)) for shape in shapes(preprocessor).values())
    return min(most, max(FEWEST_ROWS, MOST_NUMBERS // size)) if size else most


def made_up(
    preprocessor: Preprocessor, n_rows: int, random: np.random.Generator
) -> dict[str, pd.Series]:
    """Cells of each column of series and of sounds, of all lengths."""
    series = {c.name: _series(c, n_rows, random) for c in preprocessor.series}
    return {**series, **{c.name: _sounds(c, n_rows, random) for c in preprocessor.sounds}}


def spoiled(
    preprocessor: Preprocessor, frame: pd.DataFrame, random: np.random.Generator
) -> dict[str, pd.Series]:
    """Copies of series with readings missing, cut off or all gone; sounds are made up."""
    done = {c.name: _sounds(c, len(frame), random) for c in preprocessor.sounds}
    for column in preprocessor.series:
        cells = series_cells.read(frame[column.name])
        done[column.name] = as_objects(
            [_spoiled(cell, location, random) for location, cell in enumerate(cells)]
        )
    return {name: cells.set_axis(frame.index) for name, cells in done.items()}


def _spoiled(
    cell: NDArray[np.float32], location: int, random: np.random.Generator
) -> NDArray[np.float32] | None:
    """Every fourth with single readings missing, cut, without any reading, and with a still end."""
    if not len(cell) or location % 4 == 2:
        return None
    cell = cell.copy()
    if location % 4 == 0:
        cell[random.random(cell.shape) < 0.3] = np.nan
    if location % 4 == 1:
        cell = cell[: 1 + int(random.integers(len(cell)))]
    if location % 4 == 3:
        cell[len(cell) // 2 :] = cell[len(cell) // 2]
    return cell


def _series(column: SeriesColumn, n_rows: int, random: np.random.Generator) -> pd.Series:
    """Random walks as large as the training readings."""
    cells = []
    for _ in range(n_rows):
        length = 1 + int(random.integers(column.length))
        walk = random.normal(size=(length, column.channels)).cumsum(axis=0)
        scaled = walk / max(1.0, float(np.abs(walk).max())) * 2 * np.array(column.deviation)
        cells.append((np.array(column.mean) + scaled).astype("float32"))
    return as_objects(cells)


def _sounds(column: SoundColumn, n_rows: int, random: np.random.Generator) -> pd.Series:
    """Tones in noise, of all lengths."""
    cells = []
    for _ in range(n_rows):
        times = np.arange(1 + int(random.integers(column.samples))) / column.rate
        tone = np.sin(2 * np.pi * random.uniform(0, column.rate / 2) * times)
        noise = random.normal(0, 0.05, len(times))
        samples = np.clip(random.uniform(0, 1) * tone + noise, -1, 1).astype("float32")
        cells.append(AudioCell(samples, column.rate))
    return as_objects(cells)


def example(shape: tuple[int, ...], how: str) -> str:
    """Python that makes a runtime's array of one cell, from the words of its format."""
    return how.format(cell=f"np.random.default_rng(0).uniform(-1, 1, {(1, *shape)})")


def meaning(preprocessor: Preprocessor, name: str) -> tuple[str, str]:
    """Shape and value of an input, for the page."""
    shape = shapes(preprocessor)[name]
    sounds = {column.name: column for column in preprocessor.sounds}
    if name in sounds:
        what = f"samples from -1 to 1, {sounds[name].rate:,} a second, of one channel; NaN behind the end"
        return f"(batch, {shape[0]})", what
    return (
        f"(batch, {shape[0]}, {shape[1]})",
        "readings; NaN where one is missing, and behind the end",
    )
