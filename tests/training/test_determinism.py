"""The same bits each time, on a busy CPU too."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from operator import attrgetter

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.eager import context

from kerasnn.options import TrainingOptions
from kerasnn.signature import Signature
from kerasnn.training.augmentation import Augmenter
from kerasnn.training.determinism import deterministic
from kerasnn.training.engine import Arrays, Engine
from kerasnn.training.losses import loss_function

SIDE, BATCH, STEPS = 16, 64, 4


@contextmanager
def busy(processes: int = 3) -> Iterator[None]:
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def summands(function: object, *inputs: tf.Tensor) -> list[int]:
    """How many tensors each sum adds in the graph that really runs."""
    context.context().enable_run_metadata()
    tf.function(function, autograph=False)(*inputs)
    metadata = context.context().export_run_metadata()
    context.context().disable_run_metadata()
    graphs = [graph.post_optimization_graph for graph in metadata.function_graphs]
    nodes = [node for graph in graphs for node in graph.node]
    functions = attrgetter("library.function")
    nodes += [n for graph in graphs for f in functions(graph) for n in f.node_def]
    return [
        sum(not name.startswith("^") for name in node.input)
        for node in nodes
        if node.op in {"Add", "AddV2", "AddN"}
    ]


def plain_sum(x: tf.Tensor) -> tf.Tensor:
    return tf.sin(x) + tf.cos(x) + tf.exp(x) + tf.tanh(x)


def gradient(x: tf.Tensor) -> tf.Tensor:
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(tf.sin(x) * tf.cos(x) * tf.exp(x) * tf.tanh(x))
    return tape.gradient(total, x)


@pytest.mark.parametrize("function", [plain_sum, gradient])
def test_sums_are_of_two_at_a_time(function: object) -> None:
    x = tf.random.stateless_normal((64, 32), (0, 1))
    with deterministic():
        inside = summands(function, x)
    # Were it otherwise without, the fix would not be needed any more.
    assert max(summands(function, x)) > 2
    assert inside
    assert set(inside) == {2}


def test_process_is_as_it_was() -> None:
    options = tf.config.optimizer.get_experimental_options
    before = options().get("arithmetic_optimization", True)
    with deterministic():
        assert options()["arithmetic_optimization"] is False
    assert options().get("arithmetic_optimization", True) == before


def engine() -> Engine:
    signature = Signature.image(SIDE, SIDE, 3, classes=3)
    keras.utils.set_random_seed(0)
    image = x = keras.Input((SIDE, SIDE, 3), name="image")
    x = keras.layers.Rescaling(1 / 255)(x)
    for width in (16, 32):
        x = keras.layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
        x = keras.layers.BatchNormalization()(keras.layers.MaxPooling2D()(x))
        # Its gradient has more than two parts.
        x = keras.ops.gelu(x, approximate=True)
    x = keras.layers.Dropout(0.1)(keras.layers.GlobalMaxPooling2D()(x))
    network = keras.Model({"image": image}, keras.layers.Dense(3)(x))
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (STEPS * BATCH, SIDE, SIDE, 3)).astype("uint8")
    rows = Arrays({"image": pixels}, random.integers(0, 3, len(pixels)).astype("int32"))
    training_options = TrainingOptions(optimizer="nesterov", batch_size=BATCH, compile="graph")
    augmenter = Augmenter(["shift", "flip"], signature.image_inputs, seed=0)
    row_loss = loss_function(training_options, signature.output)
    return Engine(
        network,
        rows,
        training_options=training_options,
        row_loss=row_loss,
        seed=0,
        augmenter=augmenter,
    )


def epochs(trained: Engine, *numbers: int) -> list[bytes]:
    rates = np.full(STEPS, 0.1, "float32")
    means = [tuple(trained.run_epoch(number, rates).values()) for number in numbers]
    return [np.array(means[-1]).tobytes(), *(value.tobytes() for value in trained.read_state())]


def test_images_train_to_the_same_bits() -> None:
    with deterministic():
        first, other = engine(), engine()
        start = first.read_state()
        expected = epochs(first, 0, 1, 2)
        for _ in range(3):
            first.write_state(start)
            assert epochs(first, 0, 1, 2) == expected
        with busy():
            for _ in range(3):
                first.write_state(start)
                assert epochs(first, 0, 1, 2) == expected
            # Resumed in an engine of its own, after the second epoch.
            first.write_state(start)
            epochs(first, 0, 1)
            other.write_state(first.read_state())
            assert epochs(other, 2) == expected
