"""What a run keeps besides its bundle, so that it can be evaluated again as it was at its end.

::

    validation   predictions on rows that no network had learned from when they were made
    baselines    predictions of the simple models on the rows of the scores
    rows         a 64-bit hash of each row that was learned from

It lies in the folder of the run and never in the bundle, which may be given away.
"""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kerasnn.data.duplicate_rows import array_hashes, row_hashes
from kerasnn.data.schema import Target
from kerasnn.errors import DataError, KerasnnWarning, ModelRefusedError
from kerasnn.evaluation.baselines import Baseline
from kerasnn.metrics.predictions import Predictions
from kerasnn.preprocessing.preprocessor import Preprocessor

# Rows that are hashed at once: images among them take memory.
CHUNK_ROWS = 4_096
# Rows in common by chance are told from those learned from by this much more of a table.
FEWEST_KNOWN = 0.05
_META, _VALIDATION, _ROWS = "meta", "validation", "rows"
_BASELINE = "baseline:"


@dataclass(frozen=True, eq=False)
class Reference:
    """What a run keeps to be evaluated again.

    Args:
        validation: Predictions on validation rows, made before any network learned from these;
            None for a regression.
        truth: Targets of the scored rows: codes or values, (n,), or 0 and 1, (n, labels).
        baselines: Simple models on the rows of the scores.
        parts: Names of the parts from whose rows the network has learned.
        rows: Hashes of these rows, uint64, ascending.
        repeated: Share of the rows of the scores that are equal to one of these.
        omitted: Titles of the baselines that were not run for lack of time.
    """

    validation: Predictions | None
    truth: NDArray[Any]
    baselines: tuple[Baseline, ...]
    parts: tuple[str, ...]
    rows: NDArray[np.uint64]
    repeated: float
    omitted: tuple[str, ...] = ()

    def count_known(self, hashes: NDArray[np.uint64]) -> int:
        """How many rows are equal to one that was learned from; 0 where that may be chance."""
        known = int(np.isin(hashes, self.rows).sum())
        usual = FEWEST_KNOWN + 2 * self.repeated
        return known if known > usual * len(hashes) else 0

    def to_bytes(self) -> bytes:
        """Content of a NumPy ``.npz`` file."""
        names = [each.name for each in self.baselines]
        meta = {
            "parts": list(self.parts),
            "repeated": self.repeated,
            "omitted": list(self.omitted),
            "baselines": [
                {"name": b.name, "title": b.title, "seconds": b.seconds, "note": b.note}
                for b in self.baselines
            ],
        }
        arrays: dict[str, NDArray[Any]] = {
            _META: np.frombuffer(json.dumps(meta).encode(), dtype=np.uint8),
            "truth": self.truth,
            _ROWS: self.rows,
        }
        if self.validation:
            arrays[_VALIDATION] = self.validation.scores
            arrays[f"{_VALIDATION}_truth"] = self.validation.truth
        scores = [each.predictions.scores for each in self.baselines]
        arrays |= {_BASELINE + name: each for name, each in zip(names, scores, strict=True)}
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes, target: Target) -> Reference:
        """Read what `to_bytes` wrote.

        Raises:
            ModelRefusedError: It is damaged.
        """
        try:
            return cls._read(_arrays(content), target)
        except (ValueError, KeyError, TypeError, OSError, zipfile.BadZipFile, DataError) as error:
            problem = f"what the run keeps for its evaluation is damaged: {type(error).__name__}"
            raise ModelRefusedError(problem, hint="train again") from None

    @classmethod
    def _read(cls, arrays: Mapping[str, NDArray[Any]], target: Target) -> Reference:
        meta = json.loads(arrays[_META].tobytes())

        def predictions(truth: NDArray[Any], scores: NDArray[Any]) -> Predictions:
            return Predictions.from_scores(target.task, target.classes, truth=truth, scores=scores)

        validation = None
        if _VALIDATION in arrays:
            validation = predictions(arrays[f"{_VALIDATION}_truth"], arrays[_VALIDATION])
        truth = arrays["truth"]
        baselines = tuple(
            Baseline(
                str(each["name"]),
                str(each["title"]),
                predictions(truth, arrays[_BASELINE + each["name"]]),
                float(each["seconds"]),
                str(each["note"]),
            )
            for each in meta["baselines"]
        )
        parts = tuple(map(str, meta["parts"]))
        rows = arrays[_ROWS].astype(np.uint64)
        omitted = tuple(map(str, meta.get("omitted", ())))
        return cls(validation, truth, baselines, parts, rows, float(meta["repeated"]), omitted)


def reference(
    preprocessor: Preprocessor,
    validation: Predictions | None,
    predictions: Predictions,
    baselines: Sequence[Baseline],
    *,
    parts: tuple[str, ...],
    learned_from: pd.DataFrame,
    scored: pd.DataFrame,
    omitted: Sequence[str] = (),
) -> Reference:
    """The reference of a run that has just ended.

    Args:
        preprocessor: Preprocessor of the run.
        validation: Predictions on validation rows, as in `Reference`; None for a regression.
        predictions: Predictions on the rows of the scores.
        baselines: Simple models on the same rows.
        parts: Names of the parts from whose rows the network has learned.
        learned_from: Raw rows of these parts.
        scored: Raw rows of the scores.
        omitted: Titles of the baselines that were not run for lack of time.
    """
    rows = np.unique(hashes_of(preprocessor, learned_from))
    repeated = float(np.isin(hashes_of(preprocessor, scored), rows).mean())
    return Reference(
        validation, predictions.truth, tuple(baselines), parts, rows, repeated, tuple(omitted)
    )


def hashes_of(preprocessor: Preprocessor, frame: pd.DataFrame) -> NDArray[np.uint64]:
    """A number for each row, of its cells as they are read, uint64 (n,): equal for equal rows.

    Args:
        preprocessor: Preprocessor of the run, which says how cells of any file are read.
        frame: Labelled rows.
    """
    pieces = [np.zeros(0, dtype=np.uint64)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", KerasnnWarning)
        for start in range(0, len(frame), CHUNK_ROWS):
            piece = frame.iloc[start : start + CHUNK_ROWS]
            cells = preprocessor.raw(piece).values()
            pieces.append(row_hashes(map(array_hashes, [*cells, preprocessor.target(piece)])))
    return np.concatenate(pieces)


def _arrays(content: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of a file, none of which is larger than the file."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(item.file_size for item in archive.infolist()) > len(content):
            raise ValueError("compressed")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}
