"""Optimizers: steps against NumPy, and decay where it belongs."""

from __future__ import annotations

from typing import get_args

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasnn.options import Optimizer, TrainingOptions
from kerasnn.training.optimizers import build_optimizer, is_kernel

NAMES = get_args(Optimizer)
RATE = 0.1


@pytest.fixture
def network() -> keras.Model:
    """One of each kind of variable: embedding, kernel, bias, scales of two norms."""
    keras.utils.set_random_seed(0)
    codes = keras.Input((2,), dtype="int32")
    hidden = keras.layers.Flatten()(keras.layers.Embedding(5, 2)(codes))
    hidden = keras.layers.LayerNormalization()(keras.layers.Dense(4)(hidden))
    hidden = keras.layers.BatchNormalization()(hidden)
    return keras.Model(codes, keras.layers.Dense(3, name="output", bias_initializer="ones")(hidden))


def steps(
    name: str, gradients: list[np.ndarray], start: np.ndarray, **options: object
) -> np.ndarray:
    """A kernel after a step with each gradient."""
    layer = keras.layers.Dense(start.shape[1], use_bias=False)
    layer.build((None, start.shape[0]))
    layer.kernel.assign(start)
    training_options = TrainingOptions(**{"weight_decay": 0.0, "clip_norm": 0.0} | options)
    training_options = TrainingOptions(
        **{**vars(training_options), "optimizer": name, "learning_rate": RATE}
    )
    optimizer = build_optimizer(training_options, [layer.kernel])
    for gradient in gradients:
        optimizer.apply([tf.constant(gradient)], [layer.kernel])
    return layer.kernel.numpy()


@pytest.fixture
def start() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(3, 2)).astype("float32")


@pytest.fixture
def gradients() -> list[np.ndarray]:
    return list(np.random.default_rng(1).normal(size=(5, 3, 2)).astype("float32"))


@pytest.mark.parametrize("decay", [0.0, 0.2])
def test_sgd(start: np.ndarray, gradients: list[np.ndarray], decay: float) -> None:
    expected = start.copy()
    for gradient in gradients:
        expected = expected * (1 - RATE * decay) - RATE * gradient
    found = steps("sgd", gradients, start, weight_decay=decay)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["momentum", "nesterov"])
def test_momentum(start: np.ndarray, gradients: list[np.ndarray], name: str) -> None:
    expected, velocity = start.copy(), np.zeros_like(start)
    for gradient in gradients:
        velocity = 0.8 * velocity - RATE * gradient
        expected += 0.8 * velocity - RATE * gradient if name == "nesterov" else velocity
    found = steps(name, gradients, start, momentum=0.8)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("name", "decay"), [("adam", 0.0), ("adamw", 0.0), ("adamw", 0.2)])
def test_adam(start: np.ndarray, gradients: list[np.ndarray], name: str, decay: float) -> None:
    expected, mean, square = start.astype("float64"), np.zeros((3, 2)), np.zeros((3, 2))
    for step, gradient in enumerate(gradients, 1):
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        expected *= 1 - RATE * decay
        mean_hat, square_hat = mean / (1 - 0.9**step), square / (1 - 0.999**step)
        expected -= RATE * mean_hat / (np.sqrt(square_hat) + 1e-7)
    found = steps(name, gradients, start, weight_decay=decay)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_lion(start: np.ndarray, gradients: list[np.ndarray]) -> None:
    expected, mean = start.copy(), np.zeros_like(start)
    for gradient in gradients:
        expected -= RATE * np.sign(0.9 * mean + 0.1 * gradient)
        mean = 0.99 * mean + 0.01 * gradient
    np.testing.assert_allclose(steps("lion", gradients, start), expected, rtol=1e-5, atol=1e-6)


def test_adagrad(start: np.ndarray, gradients: list[np.ndarray]) -> None:
    expected, total = start.copy(), np.full_like(start, 0.1)
    for gradient in gradients:
        total += gradient**2
        expected -= RATE * gradient / np.sqrt(total)
    np.testing.assert_allclose(steps("adagrad", gradients, start), expected, rtol=1e-4, atol=1e-5)


def test_rmsprop(start: np.ndarray, gradients: list[np.ndarray]) -> None:
    expected, square = start.copy(), np.zeros_like(start)
    velocity = np.zeros_like(start)
    for gradient in gradients:
        square = 0.9 * square + 0.1 * gradient**2
        velocity = 0.5 * velocity + RATE * gradient / np.sqrt(square + 1e-7)
        expected -= velocity
    found = steps("rmsprop", gradients, start, momentum=0.5)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_muon_orthogonalises_matrices(start: np.ndarray, gradients: list[np.ndarray]) -> None:
    moved = (start - steps("muon", gradients[:1], start)) / (RATE * 0.2 * np.sqrt(3))
    left, values, right = np.linalg.svd(moved, full_matrices=False)
    expected_left, _, expected_right = np.linalg.svd(gradients[0], full_matrices=False)
    np.testing.assert_allclose(left @ right, expected_left @ expected_right, atol=1e-3)
    # Five Newton-Schulz steps bring the singular values near 1, not onto it.
    assert ((values > 0.5) & (values < 1.5)).all()


def test_muon_of_two_axes_is_that_of_keras(network: keras.Model) -> None:
    other = keras.models.clone_model(network)
    other.set_weights(network.get_weights())
    training_options = TrainingOptions(optimizer="muon", learning_rate=RATE, weight_decay=0.3)
    own = build_optimizer(training_options, network.trainable_variables)
    stock = keras.optimizers.Muon(
        RATE,
        weight_decay=0.3,
        adam_weight_decay=0.3,
        global_clipnorm=training_options.clip_norm,
        exclude_layers=["bias", "output", "linear"],
    )
    stock.exclude_from_weight_decay(
        var_list=[v for v in other.trainable_variables if not is_kernel(v)]
    )
    for seed in range(3):
        for optimizer, each in ((own, network), (stock, other)):
            random = np.random.default_rng(seed)
            shapes = [v.shape for v in each.trainable_variables]
            gradients = [tf.constant(random.normal(size=s).astype("float32")) for s in shapes]
            optimizer.apply(gradients, each.trainable_variables)
    for one, two in zip(network.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def orthogonal(matrix: np.ndarray) -> np.ndarray:
    """Five steps of Newton and Schulz with the coefficients of Jordan et al."""
    x = (matrix.T if len(matrix) > len(matrix.T) else matrix).astype("float64")
    x /= np.sqrt((x**2).sum())
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x + (-4.775 * square + 2.0315 * square @ square) @ x
    return x.T if len(matrix) > len(matrix.T) else x


@pytest.mark.parametrize(("rows", "columns"), [(4, 3), (3, 4), (3, 3)])
def test_muon_of_several_members(rows: int, columns: int) -> None:
    """Each matrix by itself, at a rate and a decay of its own."""
    random = np.random.default_rng(0)
    start = random.normal(size=(3, rows, columns)).astype("float32")
    gradients = random.normal(size=(4, 3, rows, columns)).astype("float32")
    gradients[:, 1] *= 1e3
    rates, decays = np.array([1.0, 0.1, 2.0]), np.array([0.0, 1.0, 5.0])
    kernel = keras.Variable(start, name="kernel")
    kernel.holds_matrices = True
    kernel.learning_rate_factor = rates[:, None, None].astype("float32")
    kernel.weight_decay_factor = decays[:, None, None].astype("float32")
    training_options = TrainingOptions(
        optimizer="muon", learning_rate=RATE, weight_decay=0.02, clip_norm=0.0
    )
    optimizer = build_optimizer(training_options, [kernel])
    for gradient in gradients:
        optimizer.apply([tf.constant(gradient)], [kernel])
    for member, expected in enumerate(start.astype("float64")):
        momentum = np.zeros_like(expected)
        for gradient in gradients[:, member]:
            momentum = 0.95 * momentum + gradient
            step = orthogonal(gradient + 0.95 * momentum) * 0.2 * np.sqrt(max(rows, columns))
            expected = expected * (1 - RATE * 0.02 * decays[member]) - RATE * rates[member] * step
        np.testing.assert_allclose(kernel.numpy()[member], expected, rtol=1e-4, atol=1e-4)


def test_muon_leaves_other_kernels_of_three_axes_to_adam() -> None:
    gradient = np.random.default_rng(0).normal(size=(2, 3, 3)).astype("float32")
    kernel = keras.Variable(np.zeros((2, 3, 3)), name="kernel")
    training_options = TrainingOptions(
        optimizer="muon", learning_rate=RATE, weight_decay=0.0, clip_norm=0.0
    )
    build_optimizer(training_options, [kernel]).apply([tf.constant(gradient)], [kernel])
    np.testing.assert_allclose(kernel.numpy(), -RATE * np.sign(gradient), rtol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_every_optimizer_moves_every_variable(name: str, network: keras.Model) -> None:
    variables = network.trainable_variables
    training_options = TrainingOptions(optimizer=name, learning_rate=RATE, weight_decay=0.0)
    optimizer = build_optimizer(training_options, variables)
    before = [variable.numpy() for variable in variables]
    optimizer.apply([tf.ones(variable.shape) for variable in variables], variables)
    for variable, value in zip(variables, before, strict=True):
        assert np.isfinite(variable).all()
        assert (variable.numpy() < value).any(), variable.path


@pytest.mark.parametrize("name", NAMES)
def test_decay_acts_on_kernels_alone(name: str, network: keras.Model) -> None:
    variables = network.trainable_variables
    training_options = TrainingOptions(optimizer=name, learning_rate=RATE, weight_decay=0.3)
    optimizer = build_optimizer(training_options, variables)
    before = [variable.numpy() for variable in variables]
    optimizer.apply([tf.zeros(variable.shape) for variable in variables], variables)
    for variable, value in zip(variables, before, strict=True):
        expected = value * (1 - RATE * 0.3) if is_kernel(variable) else value
        np.testing.assert_allclose(variable, expected, rtol=1e-6, err_msg=variable.path)


def test_what_is_a_kernel(network: keras.Model) -> None:
    kernels = [variable for variable in network.trainable_variables if is_kernel(variable)]
    assert [tuple(kernel.shape) for kernel in kernels] == [(4, 4), (4, 3)]


@pytest.mark.parametrize("limit", [0.5, 100.0])
def test_gradients_are_clipped_by_their_global_norm(network: keras.Model, limit: float) -> None:
    variables = network.trainable_variables
    random = np.random.default_rng(0)
    gradients = [random.normal(size=variable.shape).astype("float32") for variable in variables]
    norm = np.sqrt(sum((gradient**2).sum() for gradient in gradients))
    training_options = TrainingOptions(
        optimizer="sgd", learning_rate=RATE, weight_decay=0.0, clip_norm=limit
    )
    optimizer = build_optimizer(training_options, variables)
    before = [variable.numpy() for variable in variables]
    optimizer.apply([tf.constant(gradient) for gradient in gradients], variables)
    for variable, value, gradient in zip(variables, before, gradients, strict=True):
        expected = value - RATE * gradient * min(1, limit / norm)
        np.testing.assert_allclose(variable, expected, rtol=1e-4, atol=1e-6)


def test_a_variable_may_have_a_rate_of_its_own() -> None:
    plain, fast = keras.Variable([1.0]), keras.Variable([1.0])
    fast.learning_rate_factor = 64.0
    training_options = TrainingOptions(
        optimizer="sgd", learning_rate=0.01, weight_decay=0.0, clip_norm=0.0
    )
    build_optimizer(training_options, [plain, fast]).apply([np.array([1.0])] * 2, [plain, fast])
    assert [float(v.value[0]) for v in (plain, fast)] == pytest.approx([0.99, 0.36])
