"""What was true and what was predicted, on the same rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kerasnn.errors import DataError
from kerasnn.signature import Task


@dataclass(frozen=True, eq=False)
class Predictions:
    """Truth and predictions of n rows, in the target's own unit.

    Args:
        task: Task: binary, multiclass, multilabel or regression.
        classes: Labels in the order of their codes; empty for regression.
        truth: Codes or values, (n,); for multilabel 0 and 1, (n, n_classes).
        scores: Probabilities, (n, n_classes), both columns for binary, each on its own for
            multilabel; values (n,) for regression.
        decision: Predicted codes or values, in the form of the truth.

    Raises:
        DataError: There is no row, the shapes disagree, or a score is not finite.
    """

    task: Task
    classes: tuple[str, ...]
    truth: np.ndarray
    scores: np.ndarray
    decision: np.ndarray

    def __post_init__(self) -> None:
        n_rows = len(self.truth)
        if not n_rows:
            raise DataError("there is no row to evaluate", hint="give at least one labelled row")
        wide = (n_rows, len(self.classes))
        expected = (n_rows,) if self.task == "regression" else wide
        each = wide if self.task == "multilabel" else (n_rows,)
        for name, shape in (("truth", each), ("scores", expected), ("decision", each)):
            received = np.shape(getattr(self, name))
            if received != shape:
                raise DataError(f"`{name}` must be of shape {shape}; got {received}")
        if not np.isfinite(self.scores).all():
            rows = np.flatnonzero(~np.isfinite(self.scores.reshape(n_rows, -1)).all(axis=1))
            raise DataError(
                f"the predictions are not finite in {len(rows):,} of {n_rows:,} rows",
                location=f"first at row {rows[0]}",
                hint="train again with a lower learning rate",
            )
        if self.task == "multilabel":
            self._check_labels()
        elif self.task != "regression":
            self._check_codes()

    def _check_labels(self) -> None:
        for name in ("truth", "decision"):
            if not np.isin(getattr(self, name), (0, 1)).all():
                raise DataError(f"`{name}` must be 0 or 1 for each label")
        if self.scores.min() < 0 or self.scores.max() > 1:
            raise DataError("`scores` must be probabilities: each in [0, 1]")

    def _check_codes(self) -> None:
        for name in ("truth", "decision"):
            codes = getattr(self, name)
            if codes.min() < 0 or codes.max() >= len(self.classes):
                raise DataError(f"`{name}` must be codes from 0 to {len(self.classes) - 1}")
        if not np.allclose(self.scores.sum(axis=1), 1.0, atol=1e-3) or self.scores.min() < 0:
            raise DataError("`scores` must be probabilities: not negative, each row's sum 1")

    @classmethod
    def from_scores(
        cls,
        task: Task,
        classes: tuple[str, ...],
        *,
        truth: np.ndarray,
        scores: np.ndarray,
        threshold: float = 0.5,
    ) -> Predictions:
        """Decide from the scores: the most probable class; for binary, class 1 from `threshold` on.

        For multilabel, each label from `threshold` on.

        >>> scores = np.array([[0.6, 0.4], [0.3, 0.7]])
        >>> labels = np.array([1, 1])
        >>> predictions = Predictions.from_scores("binary", ("no", "yes"), truth=labels, scores=scores)
        >>> predictions.decision
        array([0, 1])
        """
        if task == "regression":
            decision = scores
        elif task == "multilabel":
            decision, truth = (scores >= threshold).astype(np.int64), truth.astype(np.int64)
        elif task == "binary":
            decision = (scores[:, 1] >= threshold).astype(np.int64)
        else:
            decision = scores.argmax(axis=1)
        return cls(task, classes, truth, scores, decision)

    def of_class(self, code: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """One class or label against the rest: scores, whether it is true, whether it is decided.

        Shape:
            (n,) each.
        """
        if self.task == "multilabel":
            return self.scores[:, code], self.truth[:, code] == 1, self.decision[:, code] == 1
        return self.scores[:, code], self.truth == code, self.decision == code

    def __len__(self) -> int:
        return len(self.truth)

    def take(self, rows: np.ndarray) -> Predictions:
        """Only these rows, by number or as a mask."""
        return Predictions(
            self.task, self.classes, self.truth[rows], self.scores[rows], self.decision[rows]
        )
