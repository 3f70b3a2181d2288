"""The target: labels become codes or zeros and ones, numbers are transformed and standardised."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kerasnn.data.columns import multilabel
from kerasnn.data.columns.values import as_categories, as_numbers
from kerasnn.data.frames import location
from kerasnn.data.schema import Target
from kerasnn.errors import DataError
from kerasnn.options import TargetTransformName
from kerasnn.preprocessing.arithmetic import LARGEST, Namespace, Tensor
from kerasnn.preprocessing.target_transforms import TargetTransform

_SHOWN = 5
# Values below this share of the largest one can't be told from 0 once they are float32.
ROUNDING = 1e-6


@dataclass(frozen=True)
class TargetCoder:
    """What the training rows taught about the target.

    Args:
        target: The column, the task and the labels.
        mean: Mean of the transformed regression target; 0 where it is not scaled.
        deviation: Its standard deviation; 1 where it is not scaled or does not vary.
        transform: Transform of a regression target, before it is scaled.
        non_negative: True if no training target was below 0; then no prediction is.
    """

    target: Target
    mean: float = 0.0
    deviation: float = 1.0
    transform: TargetTransform = field(default_factory=TargetTransform)
    non_negative: bool = False

    @classmethod
    def fit(
        cls,
        target: Target,
        series: pd.Series,
        *,
        scale: bool,
        transform: TargetTransformName = "none",
    ) -> TargetCoder:
        """Learn the transform, the mean and the deviation of the training rows' target.

        Args:
            target: The column, the task and the labels.
            series: Training cells.
            scale: True to standardize a regression target.
            transform: Transform of a regression target; ``auto`` is ``none`` here.

        Raises:
            ConfigError: The transform does not fit the targets.
        """
        if target.task != "regression":
            return cls(target)
        values = cls(target).values(series)
        fitted = cls(
            target,
            transform=TargetTransform.fit(transform, values),
            non_negative=bool(len(values)) and float(values.min()) >= 0,
        )
        if not scale:
            return fitted
        values = fitted.transform.forward(values)
        deviation = float(values.std()) if len(values) else 0.0
        if not deviation > 0 or not np.isfinite(deviation):
            return replace(fitted, mean=float(values[0]) if len(values) else 0.0)
        return replace(fitted, mean=float(values.mean()), deviation=deviation)

    def encode(self, series: pd.Series) -> NDArray[Any]:
        """int32 codes of labels, or the standardised float32 target.

        Shape:
            (n,); of several labels a row, float32 of 0 and 1, (n, labels).

        Raises:
            DataError: A cell is missing, or is not among the classes.
        """
        if self.target.task == "multilabel":
            return multilabel.encode(series, self.target.label_format)
        if self.target.task == "regression":
            return self.scaled(self.values(series)).astype("float32")
        codes = pd.Index(self.target.classes, dtype=object).get_indexer(
            pd.Index(as_categories(series), dtype=object)
        )
        if (codes < 0).any():
            raise _unknown_label(series, codes, self.target.classes)
        return codes.astype("int32")

    def values(self, series: pd.Series) -> NDArray[np.float64]:
        """A regression target in its own unit.

        Raises:
            DataError: A cell is missing or infinite.
        """
        values = as_numbers(series, layout=self.target.layout)
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            problem = f"{_cells(len(bad))} missing or infinite"
            raise DataError(
                problem, location=location(series, series.index[bad[0]]), hint="drop these rows"
            )
        return values

    def scaled(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scale a regression target from its unit to that which the network is trained on."""
        scaled: NDArray[np.float64] = (self.transform.forward(values) - self.mean) / self.deviation
        return scaled

    def decode(self, outputs: NDArray[Any]) -> NDArray[np.float64]:
        """Decode outputs of a network to predictions in the unit of the target."""
        values: NDArray[np.float64] = np.asarray(outputs, dtype="float64")
        decoded: NDArray[np.float64] = self.finish(np, values)
        return decoded

    def finish(self, xp: Namespace, outputs: Tensor) -> Tensor:
        """`decode`, by NumPy or by ``keras.ops``.

        Args:
            xp: NumPy or ``keras.ops``.
            outputs: Outputs of a network, (batch, 1).
        """
        if xp is np:
            values = outputs * self.deviation + self.mean
        else:
            # Without something in between, LiteRT's converter moves the mean into the last layer's
            # bias, and each of its sums then rounds as coarsely as the target's unit.
            values = xp.clip(outputs, -LARGEST, LARGEST)
            values = values * float(np.float32(self.deviation)) + float(np.float32(self.mean))
        values = self.transform.predicted(xp, values)
        return xp.maximum(values, 0.0) if self.non_negative else values

    def truth(self, encoded: NDArray[Any]) -> NDArray[np.float64]:
        """Decode an encoded regression target to its unit, without the bounds of predictions."""
        values = np.asarray(encoded, dtype="float64") * self.deviation + self.mean
        found: NDArray[np.float64] = self.transform.inverse(np, values)
        # A 0 comes back as what float32 left of it, which relative errors must not divide by.
        is_rounding = np.abs(found) <= ROUNDING * np.abs(found).max(initial=0.0)
        return np.where(is_rounding, 0.0, found)

    def texts(self, decided: NDArray[Any]) -> NDArray[np.object_]:
        """Sets of labels as text, object (n,), from 0 and 1, (n, labels)."""
        return multilabel.join(decided, self.target.label_format)

    def labels(self) -> NDArray[Any]:
        """The classes in the order of their codes, in the type that they had in the data."""
        classes = self.target.classes
        if self.target.label_type == "bool":
            return np.array([label.lower() in _TRUE for label in classes])
        if self.target.label_type == "str":
            return np.array(classes, dtype=object)
        return np.array([float(label) for label in classes]).astype(self.target.label_type)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> TargetCoder:
        """Rebuild from plain data, also after a trip through JSON."""
        target = Target(**{**data["target"], "classes": tuple(data["target"]["classes"])})
        transform = TargetTransform.from_dict(data.get("transform", {}))
        non_negative = data.get("non_negative", False)
        return cls(target, data["mean"], data["deviation"], transform, non_negative)


_TRUE = frozenset({"true", "1", "t", "yes", "y"})


def _unknown_label(series: pd.Series, codes: NDArray[Any], classes: tuple[str, ...]) -> DataError:
    rows = np.flatnonzero(codes < 0)
    found = list(dict.fromkeys(str(cell)[:40] for cell in series.iloc[rows]))[:_SHOWN]
    return DataError(
        f"{_cells(len(rows))} missing or not among the classes: {', '.join(found)}",
        location=location(series, series.index[rows[0]]),
        hint=f"use the labels {', '.join(classes[:_SHOWN])}{', …' if len(classes) > _SHOWN else ''}",
    )


def _cells(count: int) -> str:
    return "a target cell is" if count == 1 else f"{count:,} target cells are"
