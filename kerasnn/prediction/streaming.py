"""Predictions of tables and images that are read piece by piece, and of labelled rows."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from kerasnn.data.frames import location
from kerasnn.data.readers import folders
from kerasnn.data.readers.encodings import AUTO
from kerasnn.errors import warn
from kerasnn.metrics.predictions import Predictions
from kerasnn.prediction import rows as new_rows
from kerasnn.prediction.predictor import Predictor


@dataclass(frozen=True)
class PredictedFile:
    """What `predict_file` did.

    Args:
        n_rows: Rows read and written.
        unseen: Number of cells with a category that training did not know, by column.
    """

    n_rows: int
    unseen: dict[str, int]


def predict_file(
    predictor: Predictor,
    data: Any,
    output: str | os.PathLike[str],
    form: Mapping[str, Any],
    *,
    strict: bool,
    force: bool,
    coverage: float | None = None,
    spreadsheet_safe: bool = False,
) -> PredictedFile:
    """Write the predictions of all pieces into a CSV file.

    Args:
        predictor: Predictor with its preprocessing.
        data: Rows, in any form that `predict_pieces` takes.
        output: File, or ``-`` for standard output.
        form: Encoding and delimiter.
        strict: True to raise an error for an image that can't be read; its row is empty otherwise.
        force: Replace the file.
        coverage: Share of rows whose truth sets or intervals are to contain, in (0, 1); None adds
            none.
        spreadsheet_safe: True to escape cells that a spreadsheet would run as a formula.

    Raises:
        ConfigError: The file exists, or the coverage can't be had.
    """
    from kerasnn.data.writing import csv_writer

    unseen: dict[str, int] = {}
    n_rows = 0
    with csv_writer(output, force=force, spreadsheet_safe=spreadsheet_safe) as write:
        for piece in predict_pieces(
            predictor, data, form, strict=strict, unseen=unseen, coverage=coverage
        ):
            write(piece)
            n_rows += len(piece)
    return PredictedFile(n_rows, unseen)


def predict_pieces(
    predictor: Predictor,
    data: Any,
    form: Mapping[str, Any],
    *,
    strict: bool,
    unseen: dict[str, int] | None = None,
    coverage: float | None = None,
) -> Iterator[pd.DataFrame]:
    """Predictions of each piece; afterwards, a warning of what training never saw.

    Args:
        predictor: Predictor with its preprocessing.
        data: A table, or images.
        form: Encoding and delimiter.
        strict: True to raise an error for an image that can't be read; its row is empty otherwise.
        unseen: Takes, by column, how many cells held a category that training did not know.
        coverage: Share of rows that sets or intervals are to hold the truth of; None has none.

    Raises:
        ConfigError: The coverage can't be had; said before anything is read.
    """
    if coverage is not None:
        predictor.margins_for(coverage)
    unseen = {} if unseen is None else unseen
    imputed: dict[str, int] = {}
    cut: dict[str, int] = {}
    long = predictor.preprocessor.schema.long
    for number, piece in enumerate(new_rows.pieces(data, predictor.preprocessor.schema, form)):
        if not number:
            _note_extra(predictor, piece)
        done = predictor.predict_and_count(piece, strict=strict, coverage=coverage)
        _add(unseen, done.unseen)
        _add(imputed, done.imputed)
        _add(cut, done.cut)
        if folders.is_media_source(data):
            done.table.insert(0, new_rows.PATH, piece.iloc[:, 0])
        if long:
            for at, key in enumerate(long.keys):
                done.table.insert(at, key, piece[key], allow_duplicates=True)
        yield done.table
    for column, count in unseen.items():
        warn(
            f"{_cells(count, 'hold')} a category that training did not know",
            location=f"column '{column}'",
            hint="predicted as unknown",
        )
    for column, count in imputed.items():
        warn(
            f"{_cells(count, 'are')} missing where training had none",
            location=f"column '{column}'",
            hint="filled in",
        )
    for column, count in cut.items():
        warn(
            f"{_cells(count, 'are')} longer than any in training",
            location=f"column '{column}'",
            hint="cut at the end",
        )


def predict_labelled(predictor: Predictor, frame: pd.DataFrame) -> Predictions:
    """Predictions of labelled raw rows, beside the truth in the target's unit."""
    target = predictor.preprocessor.schema.target
    truth = predictor.preprocessor.target(frame)
    if target.task == "regression":
        truth = predictor.preprocessor.coder.values(frame[target.name])
    return Predictions.from_scores(
        target.task,
        target.classes,
        truth=truth,
        scores=predictor.scores(frame),
        threshold=predictor.decision.threshold,
    )


def _note_extra(predictor: Predictor, frame: pd.DataFrame) -> None:
    """Warn of columns that are neither used nor known from the training."""
    schema = predictor.preprocessor.schema
    known = {schema.target.name, *(column.name for column in schema.columns)}
    extra = [f"'{name}'" for name in frame.columns if name not in known]
    if extra:
        listed = ", ".join(extra[:5]) + (", …" if len(extra) > 5 else "")
        problem = f"columns that training did not have are ignored: {listed}"
        warn(problem, location=location(frame) or None)


def _cells(count: int, verb: str) -> str:
    """Some cells do, or one does.

    >>> _cells(2, "are"), _cells(1, "hold")
    ('2 cells are', '1 cell holds')
    """
    return (
        f"{count:,} cells {verb}" if count > 1 else f"1 cell {'is' if verb == 'are' else 'holds'}"
    )


def _add(totals: dict[str, int], counts: dict[str, int]) -> None:
    for name, count in counts.items():
        totals[name] = totals.get(name, 0) + count


def text_format(
    config: Mapping[str, Any], encoding: str | None, delimiter: str | None
) -> dict[str, Any]:
    """How tables are read: as is said now, else as in the training.

    Args:
        config: Configuration of the run, by section.
        encoding: Encoding of a text file; None for that of the training.
        delimiter: Delimiter of a text file; None for that of the training.
    """
    known = config.get("data", {})
    return {
        "encoding": encoding or str(known.get("encoding") or AUTO),
        "delimiter": delimiter or known.get("delimiter"),
        "infinite": known.get("infinite") or "error",
    }
