"""recipe.json: which network of the zoo it is, how it was trained, and how it decides."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from typing import Any

from kerasnn.calibration.conformal import ConformalCalibration
from kerasnn.constraints import RANGES
from kerasnn.errors import ModelRefusedError
from kerasnn.files.json_values import conform, shown
from kerasnn.options import TrainingOptions
from kerasnn.prediction.predictor import Decision
from kerasnn.signature import MAX_ENCODINGS, Categories, Numbers, Signature

MOST_HYPERPARAMETERS = 64
LONGEST_TEXT = 300
# Of those that name the members of an average, 64 at most, and their weights.
LONG_TEXTS, LONGEST_LIST = ("members", "weights"), 20_000
LARGEST_NUMBER = 2**31
# Codes of one column and outputs; more would be taken for the sizes of an attack.
LARGEST_SIZE = 2**24
LARGEST_SIDE = 4_096
# Of the margins: scores that are kept, and rows that they are from.
MOST_SCORES, LARGEST_ROWS = 2_000, 2**48
# Weights that make vectors of numbers; twice what the preprocessing makes, where edges count.
LARGEST_EMBEDDING = 2**28


@dataclass(frozen=True)
class Description:
    """All of a bundle that is neither tables of the preprocessing nor weights.

    Args:
        kerasnn: Version that wrote it.
        model: A name of the zoo.
        hyperparameters: All of them: a later version may have other defaults.
        signature: Inputs and outputs of the network.
        decision: Temperature, threshold and conformal calibration of the scores.
        training: Options of the training.
        config: The whole configuration of the run.
    """

    kerasnn: str
    model: str
    hyperparameters: Mapping[str, Any]
    signature: Signature
    decision: Decision
    training: TrainingOptions
    config: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {**asdict(self), "signature": self.signature.to_dict()}

    @classmethod
    def from_dict(cls, data: Any) -> Description:
        """Check a stranger's data and take it.

        Raises:
            ModelRefusedError: Says the first thing that is wrong.
        """
        conform(data, cls, location="the recipe")
        _check_hyperparameters(data["hyperparameters"])
        _check_training(data["training"])
        decision = _decision(data["decision"])
        none = {"numbers": None, "categories": None}
        signature = Signature.from_dict(none | data["signature"])
        _check_signature(signature)
        if decision.conformal_calibration:
            _check_margins(
                decision.conformal_calibration, values=signature.output.task == "regression"
            )
        rest = {
            "signature": signature,
            "decision": decision,
            "training": TrainingOptions(**data["training"]),
        }
        return cls(**{**data, **rest})


def _check(holds: bool, what: str) -> None:
    if not holds:
        raise ModelRefusedError(f"the recipe is malformed: {what}")


def _decision(data: Mapping[str, Any]) -> Decision:
    found = data.get("conformal_calibration")
    conformal_calibration = None
    if found:
        lists = {name: tuple(each) for name, each in found.items() if isinstance(each, list)}
        conformal_calibration = ConformalCalibration(**{**found, **lists})
    decision = Decision(**{**data, "conformal_calibration": conformal_calibration})
    _check(decision.temperature > 0, "the temperature is not above 0")
    _check(0 <= decision.threshold <= 1, "the threshold is not in [0, 1]")
    return decision


def _check_margins(conformal_calibration: ConformalCalibration, *, values: bool) -> None:
    """Bounded, in order, and each number where it may be."""
    scores, ranks, n_rows = (
        conformal_calibration.scores,
        conformal_calibration.ranks,
        conformal_calibration.n_rows,
    )
    what = "the margins"
    _check(1 <= len(scores) == len(ranks) <= MOST_SCORES, what)
    _check(scores[0] >= 0 and _is_ascending(scores), what)
    _check(ranks[0] > 0 and _is_ascending(ranks), what)
    _check(1 <= n_rows <= LARGEST_ROWS and ranks[-1] == n_rows, what)
    at, errors = conformal_calibration.predictions, conformal_calibration.errors
    _check(len(at) == len(errors) <= MOST_SCORES and (values or not errors), what)
    _check(_is_ascending(at) and all(error > 0 for error in errors), what)


def _is_ascending(values: Sequence[float]) -> bool:
    return all(low < high for low, high in pairwise(values))


def _check_hyperparameters(values: Mapping[str, Any]) -> None:
    _check(len(values) <= MOST_HYPERPARAMETERS, "too many hyper-parameters")
    for name, value in values.items():
        if isinstance(value, str):
            small = len(value) <= (LONGEST_LIST if name in LONG_TEXTS else LONGEST_TEXT)
        else:
            small = isinstance(value, int | float | None) and abs(value or 0) <= LARGEST_NUMBER
        _check(small, f"hyper-parameter '{shown(name)}' can't be {shown(repr(value), limit=40)}")


def _check_training(values: Mapping[str, Any]) -> None:
    for field in fields(TrainingOptions):
        key = f"training.{field.name}"
        if field.name in values and key in RANGES:
            value = values[field.name]
            _check(value in RANGES[key] and value < math.inf, f"{key} is {value:g}")


def _check_signature(signature: Signature) -> None:
    _check_output(signature)
    numbers, categories, window = signature.numbers, signature.categories, signature.window
    raw = (*signature.images, *signature.texts, *signature.series, *signature.sounds)
    _check(bool(numbers or categories or raw or window), "a network without inputs")
    if numbers:
        _check_numbers(numbers)
    if categories:
        _check_categories(categories)
    _check_encodings(signature)
    for image in signature.images:
        sizes = (image.height, image.width)
        _check(all(1 <= side <= LARGEST_SIDE for side in sizes), "the size of an image")
        _check(image.channels in (1, 3), f"an image of {image.channels} channels")
        _check_scale(image.mean, image.deviation, image.channels, "the scale of an image")
    for text in signature.texts:
        _check(1 <= text.length <= LARGEST_SIZE, "the length of a text")
        _check(2 <= text.cardinality <= LARGEST_SIZE, "the codes of a text")
    for series in signature.series:
        sizes = (series.length, series.channels)
        _check(all(1 <= n <= LARGEST_SIZE for n in sizes), "the size of a series")
        _check_scale(series.mean, series.deviation, series.channels, "the scale of a series")
    for sound in signature.sounds:
        _check(all(1 <= n <= LARGEST_SIZE for n in (sound.samples, sound.rate)), "a sound's size")
        _check_scale((sound.mean,), (sound.deviation,), 1, "the scale of a sound")


def _check_categories(categories: Categories) -> None:
    lengths = {len(categories.names), len(categories.cardinalities), len(categories.widths)}
    _check(len(lengths) == 1 and lengths != {0}, "the categories disagree")
    _check(all(2 <= n <= LARGEST_SIZE for n in categories.cardinalities), "cardinalities")
    _check(all(0 <= n <= LARGEST_SIZE for n in categories.widths), "widths")


def _check_encodings(signature: Signature) -> None:
    """Those beside the first have numbers and categories of the same columns and nothing else."""
    output, numbers, categories = signature.output, signature.numbers, signature.categories
    what = "the ways of its members"
    _check(len(signature.members) < MAX_ENCODINGS, what)
    _check(not signature.members or signature.window is None, what)
    for encoding in signature.members:
        _check(encoding == Signature(output, encoding.numbers, encoding.categories), what)
        _check((encoding.numbers is None) == (numbers is None), what)
        _check((encoding.categories is None) == (categories is None), what)
        if encoding.numbers:
            _check_numbers(encoding.numbers)
        if encoding.categories and categories:
            _check_categories(encoding.categories)
            _check(encoding.categories.cardinalities == categories.cardinalities, what)


def _check_numbers(numbers: Numbers) -> None:
    columns, width = len(numbers.names), numbers.width
    _check(columns > 0, "no number")
    if numbers.embedding == "none":
        return
    waves = numbers.embedding in ("periodic", "pbld")
    _check(width > (numbers.embedding == "pbld"), "the width of numbers")
    _check(not waves or numbers.frequencies > 0, "the frequencies of numbers")
    _check(not waves or 0 < numbers.frequency_scale < math.inf, "the frequencies of numbers")
    has_bins = numbers.embedding == "piecewise_linear"
    _check(len(numbers.bins) == (columns if has_bins else 0), "the bins of numbers")
    _check(all(math.isfinite(edge) for edges in numbers.bins for edge in edges), "the bins")
    inner = max(numbers.frequencies, *map(len, numbers.bins), 1)
    _check(columns * width * inner <= LARGEST_EMBEDDING, "the embedding of numbers")


def _check_output(signature: Signature) -> None:
    output, window = signature.output, signature.window
    several = output.task in ("multiclass", "multilabel")
    _check((output.task == "forecast") == (window is not None), "a forecast without a window")
    if window:
        for name, size, key in (
            ("lookback", window.lookback, "forecast.lookback"),
            ("horizon", window.horizon, "forecast.horizon"),
            ("season", window.season, "forecast.season"),
        ):
            _check(size >= 1 and size in RANGES[key], f"the {name} of the window")
        _check(len(window.targets) > 0, "a window without targets")
        _check(all(0 < q < 1 for q in window.quantiles), "the quantiles")
        _check(output.width == window.width <= LARGEST_SIZE, f"{output.width} outputs")
        return
    _check((2 if several else 1) <= output.width <= LARGEST_SIZE, f"{output.width} outputs")
    _check(several or output.width == 1, f"{output.width} outputs")


def _check_scale(
    mean: tuple[float, ...], deviation: tuple[float, ...], channels: int, what: str
) -> None:
    _check({len(mean), len(deviation)} == {channels}, what)
    _check(all(map(math.isfinite, mean)) and all(0 < d < 1e30 for d in deviation), what)
