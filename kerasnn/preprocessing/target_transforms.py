"""Monotone transforms of a heavy-tailed regression target, and their inverses.

A network learns ``T(y)``, standardised; predictions are ``T⁻¹`` of its outputs. The inverses are
written over a namespace ``xp``, NumPy or ``keras.ops``, so that every exported graph holds the same
arithmetic. They use exponentials, logarithms, minima and maxima only, which all runtimes have, and
are safe in float32: predictions stay within the range of the training targets and a margin.

- ``log``: log(y + shift), with shift = 0 for positive targets and 1 where a target is 0.
- ``yeo_johnson``: the power of the largest likelihood, kept in [0, 2], where the inverse is well
  conditioned (Yeo and Johnson, "A new family of power transformations", 2000).
- ``quantile``: the normal score of the rank, linear between at most `MOST_KNOTS` quantiles.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from kerasnn.errors import ConfigError
from kerasnn.options import TargetTransformName
from kerasnn.preprocessing.arithmetic import Namespace, Tensor

Floats = NDArray[np.float64]

# Transforms that have parameters, the simplest first.
TRANSFORMS: tuple[TargetTransformName, ...] = ("log", "yeo_johnson", "quantile")
MOST_KNOTS = 1_000
# Predictions may leave the range of the transformed training targets by so many of their standard
# deviations: a larger margin, and a single output would decide the mean of all predictions.
MARGIN = 0.5
# Errors that a mean prediction is averaged over: means of equal parts of those of validation rows.
MOST_ERRORS = 21
# Nearer to 0 or 2, the power is that number: 1/power would lose digits.
_NEAR = 1e-3


@dataclass(frozen=True)
class TargetTransform:
    """A transform with what the training targets taught about it.

    Args:
        name: The kind of transform.
        shift: Number that is added before the logarithm.
        power: Parameter of the Yeo–Johnson transform, in [0, 2].
        knots: Quantiles of the training targets, ascending.
        scores: Normal scores of these quantiles, ascending.
        low: Smallest transformed value that is predicted.
        high: Largest transformed value that is predicted.
        errors: Typical errors of the network on the transformed scale, over which a prediction is
            averaged once they are undone, so that it is a mean; without them it is a median.

    Reference:
        Duan, "Smearing estimate: a nonparametric retransformation method", 1983, for ``errors``.
    """

    name: TargetTransformName = "none"
    shift: float = 0.0
    power: float = 1.0
    knots: tuple[float, ...] = ()
    scores: tuple[float, ...] = ()
    low: float = 0.0
    high: float = 0.0
    errors: tuple[float, ...] = ()

    @classmethod
    def fit(cls, name: TargetTransformName, values: Floats) -> TargetTransform:
        """Learn a transform from the training targets.

        Args:
            name: The kind of transform; ``auto`` is ``none`` here.
            values: Finite training targets, (n,).

        Raises:
            ConfigError: The logarithm of a negative target is asked for.
        """
        if name in ("auto", "none") or not len(values) or np.ptp(values) <= 0:
            return cls()
        if name == "log":
            fitted = cls("log", shift=_shift(values))
        elif name == "yeo_johnson":
            fitted = cls("yeo_johnson", power=_power(values))
        else:
            knots, scores = _knots(values)
            if len(knots) < 2:
                return cls()
            fitted = cls("quantile", knots=knots, scores=scores)
        return fitted._with_bounds(fitted.forward(values))

    def forward(self, values: Floats) -> Floats:
        """Transformed targets, (n,)."""
        if self.name == "log":
            # A later target may be below all of training.
            lowest = np.exp(self.low - 1.0) if self.high > self.low else 0.0
            return np.log(np.maximum(values + self.shift, max(lowest, np.finfo("float64").tiny)))
        if self.name == "yeo_johnson":
            up, down = np.maximum(values, 0.0), np.maximum(-values, 0.0)
            return _box_cox(up, self.power) - _box_cox(down, 2.0 - self.power)
        if self.name == "quantile":
            return _interpolated(values, np.array(self.knots), np.array(self.scores))
        return values

    def inverse(self, xp: Namespace, values: Tensor) -> Tensor:
        """Targets in their own unit, from any transformed values.

        Args:
            xp: NumPy or ``keras.ops``.
            values: Transformed targets, (..., 1) for a tensor.
        """
        if self.name == "log":
            return xp.exp(values) - self.shift
        if self.name == "yeo_johnson":
            up, down = xp.maximum(values, 0.0), xp.maximum(-values, 0.0)
            return _box_cox_inverse(xp, up, self.power) - _box_cox_inverse(
                xp, down, 2.0 - self.power
            )
        if self.name == "quantile":
            return self._from_scores(xp, values)
        return values

    def predicted(self, xp: Namespace, values: Tensor) -> Tensor:
        """Targets in their own unit, from outputs, which are first brought into the bounds.

        Args:
            xp: NumPy or ``keras.ops``.
            values: Outputs of a network on the transformed scale.
        """
        if self.name == "none":
            return values
        if not self.errors:
            return self.inverse(xp, xp.clip(values, self.low, self.high))
        if xp is np:
            around = np.clip(values[..., None] + np.array(self.errors), self.low, self.high)
            return self.inverse(np, around).mean(axis=-1)
        around = xp.clip(values + np.array(self.errors, "float32"), self.low, self.high)
        return xp.mean(self.inverse(xp, xp.expand_dims(around, axis=-1)), axis=1)

    def with_errors(self, errors: Floats) -> TargetTransform:
        """The same transform, whose predictions are means over such errors.

        Args:
            errors: Targets minus outputs, both on the transformed scale, (n,), n >= 1.
        """
        parts = np.array_split(np.sort(errors), min(len(errors), MOST_ERRORS))
        return replace(self, errors=tuple(float(part.mean()) for part in parts))

    def _from_scores(self, xp: Namespace, values: Tensor) -> Tensor:
        """Linear between the knots, and beyond them as in the outermost pair."""
        if xp is np:
            return _interpolated(values, np.array(self.scores), np.array(self.knots))
        scores, knots = (np.array(each, "float64") for each in (self.scores, self.knots))
        width = np.diff(scores)
        # The way that a value goes along each pair of knots; the first and the last have no end.
        into = xp.maximum(values - scores[:-1].astype("float32"), 0.0)
        into = xp.minimum(into, width.astype("float32"))
        slopes = (np.diff(knots) / width).astype("float32")
        return xp.sum(into * slopes, axis=-1, keepdims=True) + float(np.float32(knots[0]))

    def _with_bounds(self, transformed: Floats) -> TargetTransform:
        low, high = float(transformed.min()), float(transformed.max())
        # Quantiles end where the training targets do.
        margin = 0.0 if self.name == "quantile" else MARGIN * float(transformed.std())
        return replace(self, low=low - margin, high=high + margin)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TargetTransform:
        """Rebuild from plain data, also after a trip through JSON."""
        lists = {name: tuple(data[name]) for name in ("knots", "scores", "errors") if name in data}
        return cls(**{**data, **lists})


def is_transform(transform: TargetTransform) -> bool:
    """Whether training targets could have led to it: all numbers finite, and in their range."""
    knots, scores = transform.knots, transform.scores
    plain = (transform.shift, transform.power, transform.low, transform.high, *knots, *scores)
    plain = (*plain, *transform.errors)
    if transform.name == "auto" or transform.name not in get_args(TargetTransformName):
        return False
    if not all(type(each) in (int, float) and abs(each) < _LARGEST for each in plain):
        return False
    if transform.name == "none":
        return transform == TargetTransform()
    has_knots = transform.name == "quantile"
    exponents = max(abs(transform.low), abs(transform.high)) < 700
    return (
        transform.low < transform.high
        and transform.shift in (0.0, 1.0)
        and 0.0 <= transform.power <= 2.0
        and len(knots) == len(scores)
        and len(transform.errors) <= MOST_ERRORS
        and (2 <= len(knots) <= MOST_KNOTS if has_knots else not knots)
        and all((np.diff(each) > 0).all() for each in (knots, scores))
        and (transform.name != "log" or exponents)
    )


_LARGEST = 1e300


def _shift(values: Floats) -> float:
    least = float(values.min())
    if least < 0:
        raise ConfigError(
            f"the target transform 'log' needs targets of 0 or more; the smallest is {least:g}",
            hint="choose yeo_johnson or quantile",
        )
    return 0.0 if least > 0 else 1.0


def _power(values: Floats) -> float:
    """Power of the largest likelihood, in [0, 2]."""
    from scipy import optimize, stats

    def loss(power: float) -> float:
        return -float(stats.yeojohnson_llf(power, values))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = float(optimize.minimize_scalar(loss, bounds=(0.0, 2.0), method="bounded").x)
    if not np.isfinite(found):
        return 1.0
    return float(round(found)) if min(found, 2.0 - found) < _NEAR else found


def _box_cox(values: Floats, power: float) -> Floats:
    """((1 + v)^p - 1) / p of values >= 0; its limit log(1 + v) for p = 0."""
    logs = np.log1p(values)
    return logs if power == 0 else np.expm1(power * logs) / power


def _box_cox_inverse(xp: Namespace, values: Tensor, power: float) -> Tensor:
    if power == 0:
        return xp.exp(values) - 1.0
    return xp.exp(xp.log(values * power + 1.0) / power) - 1.0


def _knots(values: Floats) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Different quantiles and the normal scores of the middle of the ranks that each fills."""
    count = min(len(values), MOST_KNOTS)
    ranks = (np.arange(count) + 0.5) / count
    quantiles = np.quantile(values, np.linspace(0, 1, count))
    # Apart by less, their slope would be no number of float32.
    least = 1e-6 * max(
        float(np.abs(quantiles[[0, -1]]).max()) * 1e-6, float(np.ptp(quantiles)) * 1e-6
    )
    starts = np.flatnonzero(np.diff(quantiles, prepend=-np.inf) > least)
    ends = np.append(starts[1:], count) - 1
    normal = NormalDist()
    scores = [normal.inv_cdf(rank) for rank in (ranks[starts] + ranks[ends]) / 2]
    return tuple(quantiles[starts].tolist()), tuple(scores)


def _interpolated(values: Floats, x: Floats, y: Floats) -> Floats:
    """Linear between points, and beyond them along the outermost pairs."""
    location = np.clip(np.searchsorted(x, values, side="right") - 1, 0, len(x) - 2)
    slope = (y[location + 1] - y[location]) / (x[location + 1] - x[location])
    found: Floats = y[location] + slope * (values - x[location])
    return found
