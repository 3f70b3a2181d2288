"""From a column of sound cells to the samples of all of them, at one rate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kerasnn.data.frames import SourceTable, as_objects, keep_rows, location
from kerasnn.data.media import sound_cells
from kerasnn.data.media.image_columns import folder_of
from kerasnn.data.media.sound_cells import AudioCell, layout_text, parse_layout
from kerasnn.data.media.wav import SoundError
from kerasnn.data.readers.folders import printable
from kerasnn.errors import quantity, warn

# Longer sounds are cut where nothing else is said: a spectrogram of it is large already.
MOST_SECONDS = 30.0


def load(
    tables: Sequence[pd.DataFrame], column: str, *, rate: int, strict: bool
) -> list[pd.DataFrame]:
    """Decode a column of some tables; rows whose sound can't be read are left out.

    Args:
        tables: Tables with the column; the first one is the training table.
        column: Its name.
        rate: Samples a second that all are brought to; 0 takes the commonest of the first table.
        strict: True to raise an error if a sound can't be read.

    Returns:
        The tables with a `AudioCell` in each cell; messages still name the rows of their files.

    Raises:
        SoundError: A sound can't be read, and ``strict`` is set, or most can't.
        StorageError: A file can't be read.
    """
    read = [_read(table, column, strict=strict, left_out=True) for table in tables]
    rate = rate or commonest_rate(cell for cell in read[0] if cell)
    return [_kept(table, column, cells, rate)[0] for table, cells in zip(tables, read, strict=True)]


def readable(
    frame: pd.DataFrame, layouts: dict[str, str], *, strict: bool = False, left_out: bool = False
) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """The rows all of whose sounds can be read, decoded, and their positions; warns of the others.

    Args:
        frame: Table with columns of sounds.
        layouts: Layouts of the sound columns, by name.
        strict: True to raise an error if a sound can't be read.
        left_out: True if unreadable rows are left out for good, so that there must be few.

    Raises:
        SoundError: A sound can't be read and ``strict`` is set.
        StorageError: A file can't be read.
    """
    positions = np.arange(len(frame), dtype=np.int64)
    for column, layout in layouts.items():
        if all(isinstance(cell, AudioCell) for cell in frame[column]):
            continue
        rate, _ = parse_layout(layout)
        cells = _read(frame, column, strict=strict, left_out=left_out)
        frame, kept = _kept(frame, column, cells, rate)
        positions = positions[kept]
    return frame, positions


def commonest_rate(sounds: Iterable[AudioCell]) -> int:
    """The rate of most sounds; of equals the lowest."""
    counts = Counter(sound.rate for sound in sounds)
    return min(counts, key=lambda rate: (-counts[rate], rate)) if counts else 0


def layout_of(series: pd.Series, *, rate: int, seconds: float) -> str:
    """The rate and the length that the sounds of a column are used in.

    Args:
        series: Training cells.
        rate: Samples a second; 0 takes the commonest.
        seconds: Longest sound; 0 takes the longest whole, as far as that is not very long.
    """
    folder = folder_of(series)
    sounds = [sound_cells.read_sound(cell, folder=folder) for cell in series]
    rate = rate or commonest_rate(sounds)
    longest = max((len(each.samples) / each.rate for each in sounds), default=1.0)
    if not seconds and longest > MOST_SECONDS:
        problem = f"sounds of up to {longest:.0f} s are cut after {MOST_SECONDS:.0f} s"
        warn(
            problem,
            location=location(series) or None,
            hint="set `sound_seconds` for another length",
        )
    kept = seconds or min(longest, MOST_SECONDS)
    return layout_text(rate, max(1, round(kept * rate)))


def samples_of(series: pd.Series, layout: str) -> NDArray[np.float32]:
    """The samples of a column, (n, samples), NaN behind the end of a sound.

    Raises:
        SoundError: A cell can't be read; names it.
    """
    rate, length = parse_layout(layout)
    folder = folder_of(series)
    values = np.full((len(series), length), np.nan, dtype="float32")
    for row, (label, cell) in enumerate(series.items()):
        try:
            sound = sound_cells.at_rate(sound_cells.read_sound(cell, folder=folder), rate)
        except SoundError as error:
            raise _placed(error, series, label) from None
        samples = sound.samples[:length]
        values[row, : len(samples)] = samples
    return values


def count_longer(series: pd.Series, layout: str) -> int:
    """How many decoded sounds are longer than the layout."""
    _, length = parse_layout(layout)
    return sum(isinstance(cell, AudioCell) and len(cell.samples) > length for cell in series)


def _read(
    table: pd.DataFrame, column: str, *, strict: bool, left_out: bool
) -> list[AudioCell | None]:
    """Each cell decoded, None where that failed; says what was odd."""
    series, folder = table[column], folder_of(table)
    found: list[AudioCell | None] = []
    failed: list[SoundError] = []
    for label, cell in series.items():
        try:
            found.append(sound_cells.read_sound(cell, folder=folder))
        except SoundError as error:
            failed.append(_placed(error, series, label))
            found.append(None)
    if failed:
        _report_failed(failed, len(series), strict=strict, left_out=left_out)
    _report_mixed([cell for cell in found if cell and cell.channels > 1])
    return found


def _kept(
    table: pd.DataFrame, column: str, cells: list[AudioCell | None], rate: int
) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """The rows with a sound, at one rate, and their positions."""
    others = [cell for cell in cells if cell and cell.rate != rate]
    if others:
        rates = ", ".join(f"{each:,}" for each in sorted({cell.rate for cell in others})[:3])
        n_sounds = f"{len(others):,} sounds are" if len(others) > 1 else "a sound is"
        problem = f"{n_sounds} brought from {rates} to {rate:,} samples a second"
        warn(problem, location=_name(others[0]), hint="set `sample_rate` for another rate")
    brought = [cell and sound_cells.at_rate(cell, rate) for cell in cells]
    done = table.assign(**{column: as_objects(brought).set_axis(table.index)})
    done.attrs = table.attrs
    kept = np.array([row for row, cell in enumerate(cells) if cell], dtype=np.int64)
    return (done if len(kept) == len(cells) else keep_rows(SourceTable(done, ""), kept).frame), kept


def _report_failed(failed: list[SoundError], n_rows: int, *, strict: bool, left_out: bool) -> None:
    """Raise, or warn of the sounds that can't be read."""
    first = failed[0]
    if strict:
        raise first
    if left_out and len(failed) > n_rows / 2:
        problem = f"{len(failed):,} of {n_rows:,} sounds can't be read, the first: {first.problem}"
        raise SoundError(problem, location=first.location, hint=first.hint)
    outcome = "left out" if left_out else "not predicted"
    problem = f"{first.problem}, {outcome}"
    if len(failed) > 1:
        problem = f"{quantity(len(failed), 'sound')} can't be read and {'is' if len(failed) == 1 else 'are'} {outcome}, the first: {first.problem}"
    warn(problem, location=first.location, hint=first.hint)


def _report_mixed(mixed: list[AudioCell]) -> None:
    if mixed:
        several = f"{len(mixed):,} sounds of several channels are"
        what = several if len(mixed) > 1 else f"a sound of {mixed[0].channels} channels is"
        warn(
            f"{what} mixed into one",
            location=_name(mixed[0]),
            hint="save one channel if it matters",
        )


def _placed(error: SoundError, series: pd.Series, label: Hashable) -> SoundError:
    where = error.location or location(series, label)
    return SoundError(error.problem, location=where, hint=error.hint)


def _name(sound: AudioCell) -> str | None:
    return printable(sound.origin) or None
