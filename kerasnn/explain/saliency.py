"""Where in an image a network looks, and what its first layer looks for.

A network with convolutions is asked by Grad-CAM; one without, such as an mlp, or one that cuts the
image into tokens, by the gradient of its pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from kerasnn.runtime import compat
from kerasnn.signature import Signature, Task

Method = Literal["grad_cam", "gradient"]

# Smaller maps hardly tell a place; the last ones of the networks of the paper have 7 or 14 a side.
USUAL_SIDE = 6
# Images of more pixels than this in all are looked at one after the other.
PIXELS_AT_ONCE = 64 * 1024
DRAWS = 8
NOISE = 0.1 * 255

_POOLS = (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D)


@dataclass(frozen=True)
class Saliency:
    """How much each place of some images speaks for a class, or for a larger value.

    Args:
        method: Method of the attribution.
        layer: Layer whose feature maps were weighed; None for the gradient of the pixels.
        maps: (n, height, width), float32 in [0, 1], the largest of each 1, or all 0 where nothing
            speaks for it; as large as the layer's maps.
    """

    method: Method
    layer: str | None
    maps: NDArray[np.float32]


def feature_maps(network: keras.Model, name: str = "image") -> dict[str, tuple[int, ...]]:
    """Layers after an image input that return maps, with (height, width, channels) of these.

    Args:
        network: Trained network.
        name: Name of the input.

    Returns:
        In the order of the network; only what a convolution stands at or before.
    """
    maps: dict[str, tuple[int, ...]] = {}
    convolved: set[str] = set()
    for operation in _after(network, name):
        if _is_convolution(operation) or _sources(operation) & convolved:
            convolved.add(operation.name)
            shape = _shape(operation)
            if len(shape) == 3 and min(shape[:2]) > 1:
                maps[operation.name] = shape
    return maps


def focus_layer(network: keras.Model, name: str = "image") -> str | None:
    """The layer for Grad-CAM: the last one with maps that still tell a place.

    None where there is none, or where the maps are cut into tokens that are mixed at will.
    """
    operations = {operation.name: operation for operation in _after(network, name)}
    mixed: set[str] = set()
    for operation in reversed(operations.values()):
        if len(_shape(operation)) == 2 or operation.name in mixed:
            mixed |= {operation.name, *_sources(operation)}
    maps = {
        layer: min(shape[:2])
        for layer, shape in feature_maps(network, name).items()
        if layer not in mixed and not isinstance(operations[layer], _POOLS)
    }
    enough = min(USUAL_SIDE, max(maps.values(), default=0))
    return next((layer for layer in reversed(maps) if maps[layer] >= enough), None)


def saliency(
    network: keras.Model,
    inputs: Mapping[str, NDArray[Any]],
    codes: NDArray[Any],
    *,
    task: Task,
    name: str = "image",
    layer: str | None = None,
) -> Saliency:
    """Where some images speak for a class: by Grad-CAM where the network has maps.

    Args:
        network: Trained network.
        inputs: All inputs of some rows.
        codes: Class or label asked about, (n,); of no meaning for regression.
        task: Task of the network.
        name: Name of the explained image input.
        layer: Layer of `feature_maps`; the default one if None.
    """
    layer = layer or focus_layer(network, name)
    if layer is None:
        return Saliency("gradient", None, pixel_gradient(network, inputs, codes, task, name))
    return Saliency("grad_cam", layer, grad_cam(network, inputs, codes, task, layer))


def grad_cam(
    network: keras.Model,
    inputs: Mapping[str, NDArray[Any]],
    codes: NDArray[Any],
    task: Task,
    layer: str,
) -> NDArray[np.float32]:
    """ReLU(Σ w A) of the maps A of a layer, w the mean gradient of the class's score by each map.

    The score is the one before the softmax or the sigmoid; for the first of two classes it is the
    negative of that of the second.

    Shape:
        inputs: (n, …) each; codes: (n,); returns (n, height, width) of the layer, in [0, 1].

    Reference:
        Selvaraju et al., "Grad-CAM: Visual explanations from deep networks via gradient-based
        localization", 2017, arXiv 1610.02391.
    """
    view = keras.Model(network.input, [_output(network, layer), network.output])

    def heat(some: dict[str, tf.Tensor], asked: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch([values for values in some.values() if values.dtype.is_floating])
            maps, outputs = view(some, training=False)
            scores = _score(outputs, asked, task)
        # In float32, whatever the network computes in.
        gradient = tf.cast(tape.gradient(scores, maps), "float32")
        weights = tf.reduce_mean(gradient, axis=(1, 2), keepdims=True)
        return tf.nn.relu(tf.reduce_sum(weights * tf.cast(maps, "float32"), axis=3))

    maps = _in_parts(network, heat, inputs, codes)
    scaled: NDArray[np.float32] = maps / np.maximum(maps.max(axis=(1, 2), keepdims=True), 1e-12)
    return scaled.astype("float32")


def pixel_gradient(
    network: keras.Model,
    inputs: Mapping[str, NDArray[Any]],
    codes: NDArray[Any],
    task: Task,
    name: str,
) -> NDArray[np.float32]:
    """Absolute gradient of the class's score by each pixel, the mean over noisy copies.

    Shape:
        inputs: (n, …) each; codes: (n,); returns (n, height, width) of the image, in [0, 1].

    Reference:
        Simonyan et al., "Deep inside convolutional networks", 2013, arXiv 1312.6034; Smilkov et
        al., "SmoothGrad", 2017, arXiv 1706.03825.
    """
    generator = np.random.default_rng(0)

    def slope(some: dict[str, tf.Tensor], asked: tf.Tensor) -> tf.Tensor:
        total = tf.zeros(())
        for _ in range(DRAWS):
            noise = generator.normal(0, NOISE, some[name].shape).astype("float32")
            noisy = {**some, name: some[name] + noise}
            with tf.GradientTape() as tape:
                tape.watch(noisy[name])
                scores = _score(network(noisy, training=False), asked, task)
            total += tf.reduce_sum(tf.abs(tape.gradient(scores, noisy[name])), axis=3)
        return total

    maps = _in_parts(network, slope, inputs, codes)
    # A few glaring pixels must not leave all others dark.
    top = np.quantile(maps, 0.99, axis=(1, 2), keepdims=True)
    return np.clip(maps / np.maximum(top, 1e-12), 0, 1).astype("float32")


def activations(
    network: keras.Model, inputs: Mapping[str, NDArray[Any]], layer: str
) -> NDArray[np.float32]:
    """What a layer returns for some rows, (n, height, width, channels)."""
    view = keras.Model(network.input, _output(network, layer))

    def maps(some: dict[str, tf.Tensor], asked: tf.Tensor) -> tf.Tensor:
        return tf.cast(view(some, training=False), "float32")

    n_rows = len(next(iter(inputs.values())))
    return _in_parts(network, maps, inputs, np.zeros(n_rows, int))


def first_filters(
    network: keras.Model, signature: Signature, name: str = "image"
) -> tuple[str, NDArray[np.float32]] | None:
    """The weights that meet the pixels first, as images.

    Returns:
        Name of the layer, and its kernels, (n, height, width, channels): of the first convolution
        larger than 1 × 1, or of a dense layer over all pixels. None where there is neither.
    """
    image = signature.image_inputs[name]
    size = image.height * image.width * image.channels
    for layer in _layers_after(network, name):
        kernel = getattr(layer, "kernel", None)
        shape = () if kernel is None else tuple(kernel.shape)
        if len(shape) == 4 and shape[2] == image.channels and shape[0] * shape[1] > 1:
            return layer.name, _values(kernel).transpose(3, 0, 1, 2)
        if len(shape) == 2 and shape[0] == size:
            sides = image.height, image.width, image.channels
            return layer.name, _values(kernel).T.reshape(-1, *sides)
    return None


def _score(outputs: tf.Tensor, codes: tf.Tensor, task: Task) -> tf.Tensor:
    """(n,): what is to be explained, out of (n, width)."""
    if task == "regression":
        return outputs[:, 0]
    if task == "binary":
        return outputs[:, 0] * tf.cast(2 * codes - 1, outputs.dtype)
    return tf.gather(outputs, codes, batch_dims=1)


def _in_parts(
    network: keras.Model,
    function: Callable[[dict[str, tf.Tensor], tf.Tensor], tf.Tensor],
    inputs: Mapping[str, NDArray[Any]],
    codes: NDArray[Any],
) -> NDArray[np.float32]:
    """A function of some rows and their codes, over all rows, as many at once as memory allows."""
    pixels = sum(t.shape[1] * t.shape[2] for t in network.input.values() if len(t.shape) == 4)
    at_once, parts = max(1, PIXELS_AT_ONCE // int(pixels)), []
    for start in range(0, len(codes), at_once):
        rows = slice(start, start + at_once)
        some = {name: tf.constant(values[rows]) for name, values in inputs.items()}
        # Gradients need floats where images come as bytes; codes of categories stay whole.
        some = {n: tf.cast(x, "float32") if x.dtype == tf.uint8 else x for n, x in some.items()}
        parts.append(np.asarray(function(some, tf.constant(codes[rows], "int32")), "float32"))
    return np.concatenate(parts)


def _output(network: keras.Model, layer: str) -> Any:
    # Not `get_layer`, which knows no operation that is no layer.
    return next(each.output for each in network.operations if each.name == layer)


def _after(network: keras.Model, name: str) -> list[Any]:
    """Operations that an input flows into, in order; those that stand at one place."""
    reached, found = {name}, list[Any]()
    for operation in network.operations:
        if _sources(operation) & reached:
            reached.add(operation.name)
            found.append(operation)
    return found


def _sources(operation: Any) -> set[str]:
    tensors = [tensor for node in compat.inbound_nodes(operation) for tensor in node.input_tensors]
    return {compat.source_operation(tensor).name for tensor in tensors}


def _shape(operation: Any) -> tuple[int, ...]:
    """Without the batch; empty where there is no single output of a known size."""
    single = len(compat.inbound_nodes(operation)) == 1 and isinstance(
        operation.output, keras.KerasTensor
    )
    shape = tuple(operation.output.shape[1:]) if single else ()
    return shape if None not in shape else ()


def _layers_after(network: keras.Model, name: str) -> list[Any]:
    """Layers that an input flows into, those inside of a network within the network too."""
    found: list[Any] = []
    for operation in _after(network, name):
        inner = operation.layers if isinstance(operation, keras.Model) else [operation]
        found += inner
    return found


def _is_convolution(operation: Any) -> bool:
    return any(len(weight.shape) == 4 for weight in getattr(operation, "weights", ()))


def _values(variable: Any) -> NDArray[np.float32]:
    return np.asarray(variable.value, "float32")
