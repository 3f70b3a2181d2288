"""From raw rows to predictions: preprocessing, network, decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kerasnn.calibration.conformal import ConformalCalibration, check_coverage, join_sets
from kerasnn.calibration.temperature import label_probabilities, probabilities
from kerasnn.data.media import image_columns, sound_columns
from kerasnn.errors import ConfigError

if TYPE_CHECKING:
    import keras

    from kerasnn.data.media.stored import Rows
    from kerasnn.inference.batched_model import BatchedModel
    from kerasnn.preprocessing import Preprocessor

PREDICTION, LOWER, UPPER, SET = "prediction", "lower", "upper", "set"


@dataclass(frozen=True)
class Decision:
    """How raw scores of classes become probabilities and a choice; fitted on validation rows.

    Args:
        temperature: Divides the logits; > 0.
        threshold: Probability of the second of two classes, or of a label of several, from which
            on it is chosen; in [0, 1].
        flip_tta: True if the scores are the mean of an image's and its mirror image's.
        conformal_calibration: Basis of sets and intervals of any coverage; None for models that
            lack it.
    """

    temperature: float = 1.0
    threshold: float = 0.5
    flip_tta: bool = False
    conformal_calibration: ConformalCalibration | None = None


@dataclass(frozen=True)
class Predicted:
    """Predictions, and what was odd about the rows.

    Args:
        table: One row for each row given, in its order and with its index.
        unseen: Number of cells with a category that training did not know, by column.
        imputed: Number of missing cells, by column that never missed a value in training.
        cut: Number of series or sounds longer than in training, by column.
    """

    table: pd.DataFrame
    unseen: dict[str, int]
    imputed: dict[str, int]
    cut: dict[str, int] = field(default_factory=dict)


class Predictor:
    """Predicts raw rows.

    Args:
        preprocessor: Makes the inputs of the network.
        network: Returns raw scores.
        decision: Turns scores into probabilities and labels.
    """

    def __init__(
        self,
        preprocessor: Preprocessor,
        network: keras.Model,
        decision: Decision | None = None,
    ) -> None:
        self.preprocessor = preprocessor
        self.network = network
        self.decision = decision or Decision()
        self._forwards: dict[tuple[int, bool], BatchedModel] = {}

    def with_decision(self, decision: Decision) -> Predictor:
        """The same predictor with another decision; what is compiled is shared."""
        other = Predictor(self.preprocessor, self.network, decision)
        other._forwards = self._forwards
        return other

    def outputs(self, inputs: Mapping[str, Rows], *, batch_size: int = 4096) -> NDArray[np.float32]:
        """Raw scores of the network: logits, or the standardised target.

        Args:
            inputs: Inputs by name, from the preprocessor.
            batch_size: Rows at once; only memory and speed depend on it.

        Shape:
            (n, output units).
        """
        from kerasnn.inference.batched_model import BatchedModel

        key = batch_size, self.decision.flip_tta
        if key not in self._forwards:
            self._forwards[key] = BatchedModel(
                self.network, batch_size=batch_size, flip_tta=self.decision.flip_tta
            )
        return self._forwards[key](inputs)

    def calibrated(self, outputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probabilities (n, classes), or values (n,) in the unit of the target."""
        if self.preprocessor.schema.target.task == "regression":
            return self.preprocessor.decode(outputs)[:, 0]
        if self.preprocessor.schema.target.task == "multilabel":
            return label_probabilities(outputs, temperature=self.decision.temperature)
        return probabilities(outputs, temperature=self.decision.temperature)

    def scores(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """Probabilities (n, classes) of raw rows, or values (n,) in the unit of the target.

        Raises:
            DataError: Columns are missing, or don't hold what they held in training.
            ModelRefusedError: The network returns no finite number for some rows.
        """
        return self._scores(self.preprocessor.transform(frame).inputs)

    def _scores(self, inputs: Mapping[str, Rows]) -> NDArray[np.float64]:
        from kerasnn.inference.batched_model import check_finite

        outputs = self.outputs(inputs)
        check_finite(outputs)
        scores = self.calibrated(outputs)
        check_finite(scores)
        return scores

    def decide(self, scores: NDArray[np.float64]) -> NDArray[Any]:
        """Codes of the classes (n,) from probabilities; values stay as they are.

        Of several labels a row, 0 and 1 for each, (n, labels).
        """
        task = self.preprocessor.schema.target.task
        if task == "regression":
            return scores
        if task == "multilabel":
            return (scores >= self.decision.threshold).astype(np.int64)
        if task == "binary":
            return (scores[:, 1] >= self.decision.threshold).astype(np.int64)
        most_probable: NDArray[np.int64] = scores.argmax(axis=1)
        return most_probable

    def margins_for(self, coverage: float) -> ConformalCalibration:
        """What makes sets and intervals that hold the truth with a probability of `coverage`.

        Raises:
            ConfigError: The coverage is not in (0, 1), or there were too few validation rows for it.
        """
        check_coverage(coverage)
        conformal_calibration = self.decision.conformal_calibration
        if conformal_calibration is None:
            problem = "the model does not know how far off it is: an earlier kerasnn made it"
            raise ConfigError(problem, hint="train it again")
        conformal_calibration.score(coverage)
        return conformal_calibration

    def intervals(self, scores: NDArray[np.float64], coverage: float) -> NDArray[np.float64]:
        """Lower and upper ends around values (n,), (n, 2), in the unit of the target.

        They are not below 0 where no training target was.

        Raises:
            ConfigError: As `margins_for`.
        """
        ends = self.margins_for(coverage).interval(scores, coverage)
        return np.maximum(ends, 0.0) if self.preprocessor.coder.non_negative else ends

    def sets(self, scores: NDArray[np.float64], coverage: float) -> NDArray[np.bool_]:
        """Which classes are in the set of each row, (n, classes), from probabilities.

        The most probable class always is, and so is the one that the threshold chooses.

        Raises:
            ConfigError: As `margins_for`.
        """
        held = self.margins_for(coverage).sets(scores, coverage)
        held[np.arange(len(held)), self.decide(scores)] = True
        return held

    def label_bounds(
        self, scores: NDArray[np.float64], coverage: float
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Labels that each row surely has, and those that it may have, (n, labels) each.

        Those that are decided for lie between.

        Raises:
            ConfigError: As `margins_for`.
        """
        surely, perhaps = self.margins_for(coverage).bounds(scores, coverage)
        decided = self.decide(scores) == 1
        return surely & decided, perhaps | decided

    def predict(
        self, frame: pd.DataFrame, *, strict: bool = False, coverage: float | None = None
    ) -> pd.DataFrame:
        """Column ``prediction``, and for classes a ``probability:<class>`` each.

        Several labels of a row are one text, with the separator of the target between them. A row
        whose image can't be read is empty.

        Args:
            frame: Raw rows.
            strict: True to raise an error for an image that can't be read.
            coverage: Share of rows, in (0, 1), whose truth is to lie between ``lower`` and
                ``upper``, or for one class a row in ``set``: columns behind the prediction.

        Raises:
            DataError: Columns are missing, or don't hold what they held in training.
            ConfigError: As `margins_for`.
            ModelRefusedError: The network returns no finite number for some rows.
        """
        return self.predict_and_count(frame, strict=strict, coverage=coverage).table

    def predict_and_count(
        self, frame: pd.DataFrame, *, strict: bool = False, coverage: float | None = None
    ) -> Predicted:
        """Predict as `predict` does, and count the cells that are unlike those of training."""
        features = self.preprocessor.schema.features
        layouts = {c.name: c.layout for c in features if c.kind == "image" and c.name in frame}
        rows, kept = image_columns.readable(frame, layouts, strict=strict)
        layouts = {c.name: c.layout for c in features if c.kind == "sound" and c.name in frame}
        rows, heard = sound_columns.readable(rows, layouts, strict=strict)
        kept = kept[heard]
        prepared = self.preprocessor.transform(rows)
        scores = self._scores(prepared.inputs)
        table = self._table(scores, pd.Index(kept), coverage)
        if len(kept) < len(frame):
            # As objects, whole numbers stay whole beside what is empty.
            prediction = table[PREDICTION].astype(object)
            table = table.assign(**{PREDICTION: prediction}).reindex(range(len(frame)))
        table = table.set_axis(frame.index)
        return Predicted(table, prepared.unseen, prepared.imputed, prepared.cut)

    def _table(
        self, scores: NDArray[np.float64], index: pd.Index[Any], coverage: float | None
    ) -> pd.DataFrame:
        decided = self.decide(scores)
        around = {} if coverage is None else self._around(scores, coverage)
        classes = self.preprocessor.schema.target.classes
        if not classes:
            return pd.DataFrame({PREDICTION: decided, **around}, index=index)
        coder = self.preprocessor.coder
        several = self.preprocessor.schema.target.task == "multilabel"
        labels = coder.texts(decided) if several else coder.labels()[decided]
        columns = {f"probability:{name}": scores[:, code] for code, name in enumerate(classes)}
        return pd.DataFrame({PREDICTION: labels, **around, **columns}, index=index)

    def _around(self, scores: NDArray[np.float64], coverage: float) -> dict[str, NDArray[Any]]:
        """Columns that hold the truth, by name."""
        target = self.preprocessor.schema.target
        if target.task == "regression":
            ends = self.intervals(scores, coverage)
            return {LOWER: ends[:, 0], UPPER: ends[:, 1]}
        if target.task == "multilabel":
            surely, perhaps = self.label_bounds(scores, coverage)
            texts = self.preprocessor.coder.texts
            return {LOWER: texts(surely.astype(np.int64)), UPPER: texts(perhaps.astype(np.int64))}
        return {SET: join_sets(self.sets(scores, coverage), target.classes)}
