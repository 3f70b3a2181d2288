"""What happens inside a network while it learns: weights, activations, gradients, by layer.

A `Probes` watches a training on a few rows. It changes no variable and draws no random number, so
a run with probes ends with the bits of one without.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from kerasnn.files.json_values import conform
from kerasnn.runtime import compat
from kerasnn.training.losses import RowLoss, loss_function

if TYPE_CHECKING:
    from kerasnn.config.config import Config
    from kerasnn.data.media.stored import Rows
    from kerasnn.trainers.fit import TrainingSetup
    from kerasnn.training.engine import Engine

MAX_EPOCHS = 24
MAX_LAYERS = 40
MAX_ROWS = 256
MIN_IMAGES, MAX_PIXELS = 8, 64 * 1024
MAX_VALUES = 20_000
BINS = 30
# Of the time since the start, probing may take this share, or these seconds in a short run; the
# first time, which compiles the function, is not counted, or short runs would have no probes.
SHARE = 0.05
FREE_SECONDS = 0.5

_ACTIVATIONS = (
    keras.layers.Activation,
    keras.layers.ReLU,
    keras.layers.LeakyReLU,
    keras.layers.PReLU,
    keras.layers.ELU,
)


@dataclass(frozen=True)
class Distribution:
    """How the finite ones of some values are spread.

    Args:
        low: Smallest value, where the first bin begins.
        high: Largest value, where the last of the `BINS` equal bins ends.
        counts: Values in each bin.
        mean: Mean of the values.
        deviation: Their standard deviation.
        zeros: Share of the values that are 0.
    """

    low: float
    high: float
    counts: tuple[int, ...]
    mean: float
    deviation: float
    zeros: float

    @classmethod
    def of(cls, values: np.ndarray) -> Distribution:
        """Distribution of values in any shape.

        >>> Distribution.of(np.array([0.0, 0.0, 2.0, 2.0])).zeros
        0.5
        """
        flat = np.asarray(values, np.float64).ravel()
        flat = flat[np.isfinite(flat)]
        if not len(flat):
            return cls(0.0, 0.0, (0,) * BINS, 0.0, 0.0, 0.0)
        counts = tuple(np.histogram(flat, bins=BINS)[0].tolist())
        figures = flat.min(), flat.max(), flat.mean(), flat.std(), np.mean(flat == 0)
        low, high, mean, deviation, zeros = (float(f"{figure:.6g}") for figure in figures)
        return cls(low, high, counts, mean, deviation, zeros)


@dataclass(frozen=True)
class LayerTrace:
    """One layer over the probed epochs.

    Args:
        name: Name of the layer.
        kind: Its class.
        gradient_norm: Norm of the gradient of the mean loss by the layer's weights; None where it
            is not finite, empty for a layer without trainable weights.
        weights: Distribution of its matrices (of all its weights if it has none); empty for one
            without.
        activations: Distribution of its outputs for the probed rows.
    """

    name: str
    kind: str
    gradient_norm: list[float | None] = field(default_factory=list)
    weights: list[Distribution] = field(default_factory=list)
    activations: list[Distribution] = field(default_factory=list)

    def keep(self, which: list[int]) -> None:
        """Forget all but some of the probed epochs."""
        series: list[list[Any]] = [self.gradient_norm, self.weights, self.activations]
        for values in filter(None, series):
            values[:] = [values[index] for index in which]


class Probes:
    """A `kerasnn.training.fit.Callback` that looks into the layers after some epochs.

    At first after every epoch, then after every second, fourth and so on, so that there are never
    more than 24; an epoch is left out where probing would come to more than 5 % of the time.

    Args:
        inputs: Training rows by name of the input; the first 256 are used, of images fewer.
        target: Their codes or values.
        row_loss: Loss of each row, from `kerasnn.training.losses.loss_function`.
        clock: Seconds, from any start.
    """

    def __init__(
        self,
        inputs: Mapping[str, Rows],
        target: np.ndarray,
        row_loss: RowLoss,
        *,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        rows = _probed_rows(inputs)
        self._inputs = {name: values[rows] for name, values in inputs.items()}
        self._target, self._row_loss, self._clock = target[rows], row_loss, clock
        self._scope: _Scope | None = None
        self.epochs: list[int] = []
        self.traces: list[LayerTrace] = []
        self._stride = 1
        self._began, self._spent, self._cost = clock(), 0.0, 0.0

    @classmethod
    def of(cls, training_setup: TrainingSetup, config: Config) -> Probes:
        """Probes for the rows and the loss of a training setup."""
        output = training_setup.preprocessor.signature.output
        row_loss = loss_function(config.training, output)
        return cls(training_setup.train.inputs, training_setup.train.target, row_loss)

    def on_steps(self, epoch: int, done: int, total: int) -> None:
        """Nothing is probed within an epoch."""

    def on_epoch(self, row: dict[str, float], engine: Engine) -> None:
        """Probe the network, if it is time to."""
        epoch = int(row["epoch"])
        if (epoch - 1) % self._stride or not self._is_affordable():
            return
        began, first = self._clock(), self._scope is None
        if self._scope is None:
            self._scope = _Scope(engine.network, self._inputs, self._target, self._row_loss)
            traces = [LayerTrace(x.name, type(x).__name__) for x in self._scope.layers]
            if [x.name for x in traces] != [x.name for x in self.traces]:
                self.epochs, self.traces = [], traces
        self._record(epoch, self._scope)
        if not first:
            self._cost = self._clock() - began
            self._spent += self._cost

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON: ``epochs``, and ``layers`` with a `LayerTrace` each."""
        return {"epochs": list(self.epochs), "layers": [asdict(trace) for trace in self.traces]}

    def state(self) -> dict[str, Any]:
        """What a run that goes on needs of the epochs before, as plain data."""
        return {**self.to_dict(), "stride": self._stride}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`.

        Raises:
            ModelRefusedError: It does not have the form of one.
        """
        conform(state, _State, location="the checkpoint's probes")
        self.epochs, self._stride = list(state["epochs"]), max(state["stride"], 1)
        self.traces = [
            LayerTrace(
                layer["name"],
                layer["kind"],
                list(layer["gradient_norm"]),
                [_distribution(each) for each in layer["weights"]],
                [_distribution(each) for each in layer["activations"]],
            )
            for layer in state["layers"]
        ]

    def _is_affordable(self) -> bool:
        elapsed = self._clock() - self._began
        return self._spent + self._cost <= max(FREE_SECONDS, SHARE * elapsed)

    def _record(self, epoch: int, scope: _Scope) -> None:
        norms, activations = scope.measure()
        self.epochs.append(epoch)
        for trace, layer, norm, values in zip(
            self.traces, scope.layers, norms, activations, strict=True
        ):
            trace.activations.append(Distribution.of(values))
            if layer.trainable_variables:
                trace.gradient_norm.append(float(f"{norm:.6g}") if math.isfinite(norm) else None)
            if layer.weights:
                trace.weights.append(Distribution.of(_weights_of(layer)))
        while len(self.epochs) > MAX_EPOCHS:
            self._thin()

    def _thin(self) -> None:
        self._stride *= 2
        kept = [i for i, epoch in enumerate(self.epochs) if (epoch - 1) % self._stride == 0]
        self.epochs = [self.epochs[index] for index in kept]
        for trace in self.traces:
            trace.keep(kept)


@dataclass(frozen=True)
class _Layer:
    """The form of a `LayerTrace` in a state."""

    name: str
    kind: str
    gradient_norm: tuple[float | None, ...]
    weights: tuple[Distribution, ...]
    activations: tuple[Distribution, ...]


@dataclass(frozen=True)
class _State:
    """The form of what `Probes.state` returns."""

    epochs: tuple[int, ...]
    layers: tuple[_Layer, ...]
    stride: int


def _distribution(state: Mapping[str, Any]) -> Distribution:
    return Distribution(**{**state, "counts": tuple(state["counts"])})


class _Scope:
    """A network with a view on its layers, as one compiled function."""

    def __init__(
        self,
        network: keras.Model,
        inputs: Mapping[str, Rows],
        target: np.ndarray,
        row_loss: RowLoss,
    ) -> None:
        self.layers = _watched(network)
        outputs = [*(layer.output for layer in self.layers), network.output]
        self._view = keras.Model(network.input, outputs, name="probes")
        self._inputs = {name: tf.constant(values) for name, values in inputs.items()}
        self._target, self._row_loss = tf.constant(target), row_loss
        self._compiled = tf.function(self._run)

    def measure(self) -> tuple[list[float], list[np.ndarray]]:
        """Norm of the gradient and a sample of the activations of each layer."""
        norms, activations = self._compiled()
        return norms.numpy().tolist(), [values.numpy() for values in activations]

    def _run(self) -> tuple[Any, list[Any]]:
        owned = [[v.value for v in layer.trainable_variables] for layer in self.layers]
        with tf.GradientTape() as tape:
            # Not as in training: dropout and batch statistics would move states.
            *activations, outputs = self._view(self._inputs, training=False)
            loss = ops.mean(self._row_loss(self._target, outputs))
        gradients = tape.gradient(loss, owned)
        norms = tf.stack([_norm(each) for each in gradients])
        return norms, [_sample(values) for values in activations]


def _probed_rows(inputs: Mapping[str, Rows]) -> Any:
    """The first; of images, of which every layer keeps many maps, as many as memory allows."""
    images = [values for values in inputs.values() if len(values.shape) == 4]
    if not images:
        return slice(MAX_ROWS)
    pixels = sum(values.shape[1] * values.shape[2] for values in images)
    wanted = min(MAX_ROWS, max(MIN_IMAGES, MAX_PIXELS // pixels), len(images[0]))
    # Evenly, because images of one class often come one after the other.
    return np.linspace(0, len(images[0]) - 1, wanted).astype(np.int64)


def _watched(network: keras.Model) -> list[keras.layers.Layer]:
    """The first layers; of a network for images some of all, as those at its end are the heads."""
    found = [layer for layer in network.layers if _is_worth_watching(layer)]
    if len(found) <= MAX_LAYERS or all(len(tensor.shape) < 4 for tensor in network.inputs):
        return found[:MAX_LAYERS]
    return [found[index] for index in np.linspace(0, len(found) - 1, MAX_LAYERS).astype(int)]


def _is_worth_watching(layer: keras.layers.Layer) -> bool:
    """Layers with weights, and activations: what a dense layer returns before one tells little."""
    if not (layer.weights or isinstance(layer, _ACTIVATIONS)):
        return False
    # A layer that stands at two places has no single output.
    return len(compat.inbound_nodes(layer)) == 1 and isinstance(layer.output, keras.KerasTensor)


def _norm(gradients: list[Any]) -> Any:
    """Euclidean; the gradient of an embedding must be dense first, as its rows may repeat."""
    dense = [tf.convert_to_tensor(gradient) for gradient in gradients if gradient is not None]
    return tf.linalg.global_norm(dense) if dense else tf.zeros(())


def _sample(values: Any) -> Any:
    flat = tf.reshape(tf.cast(values, "float32"), [-1])
    step = (tf.size(flat) + MAX_VALUES - 1) // MAX_VALUES
    return flat[:: tf.maximum(step, 1)]


def _weights_of(layer: keras.layers.Layer) -> np.ndarray:
    weights = [np.asarray(v.value, np.float32).ravel() for v in layer.weights if v.ndim >= 2]
    if not weights:
        weights = [np.asarray(v.value, np.float32).ravel() for v in layer.weights]
    flat = np.concatenate(weights)
    return flat[:: math.ceil(len(flat) / MAX_VALUES)]
