"""RealMLP against the formulas of its paper in NumPy; the contract of all models is in test_zoo."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray
from scipy import special

from kerasnn import models
from kerasnn.config.settings import resolve
from kerasnn.layers.centered_one_hot import columns_of, robust_scale
from kerasnn.layers.data_driven import first_weights
from kerasnn.layers.members import member_model
from kerasnn.options import TrainingOptions
from kerasnn.preprocessing.numbers import smooth_clip
from kerasnn.signature import Categories, Numbers, Signature
from kerasnn.training.determinism import deterministic
from kerasnn.training.engine import Arrays, Engine
from kerasnn.training.losses import loss_function
from kerasnn.training.optimizers import build_optimizer

Array = NDArray[Any]

ENTRY = models.get("realmlp")
TABLE: dict[str, Any] = {
    "numbers": 3,
    "categories": (4, 6, (9, 2), 2),
}
FORMULAS = {
    "mish": lambda x: x * np.tanh(np.logaddexp(0, x)),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)),
}


def embedded(signature: Signature) -> Signature:
    """With the cosines of the recipe, but few of them."""
    assert signature.numbers
    names = signature.numbers.names
    return replace(signature, numbers=Numbers(names, "pbld", 3, (), 4, 0.1))


def table(count: int = 200, *, seed: int = 0) -> dict[str, Array]:
    generator = np.random.default_rng(seed)
    codes = [generator.choice(size, count) for size in (4, 6, 9, 2)]
    return {
        "numbers": generator.normal(size=(count, 3)).astype("float32"),
        "categories": np.stack(codes, axis=1).astype("int32"),
    }


def network(signature: Signature, seed: int = 1, **values: Any) -> keras.Model:
    keras.utils.set_random_seed(seed)
    return models.build("realmlp", signature, **{"width": 16, "depth": 2, **values})


def started(signature: Signature, *, seed: int = 0, **values: Any) -> keras.Model:
    """With its first weights from the table."""
    model = network(signature, **values)
    assert ENTRY.initialize
    ENTRY.initialize(model, table(), target_of(signature), seed)
    return model


def target_of(signature: Signature, count: int = 200) -> Array:
    generator = np.random.default_rng(5)
    if signature.output.task == "regression":
        return generator.normal(size=count).astype("float32")
    return generator.integers(0, max(2, signature.output.width), count).astype("int32")


def value(model: keras.Model, tensor: Any, inputs: dict[str, Array]) -> Array:
    part = keras.Model(model.inputs, tensor)
    given = {name: keras.ops.convert_to_tensor(each) for name, each in inputs.items()}
    found: Array = keras.ops.convert_to_numpy(part(given, training=False))
    return found


def weights(model: keras.Model, name: str) -> list[Array]:
    return [keras.ops.convert_to_numpy(w) for w in model.get_layer(name).weights]


@pytest.mark.parametrize(
    ("signature", "nonlinearity"),
    [(Signature.table(numbers=3, classes=3), "selu"), (Signature.table(numbers=3), "mish")],
)
def test_forward_pass_is_that_of_the_neural_tangent_parametrization(
    signature: Signature, nonlinearity: str
) -> None:
    model, generator = network(signature), np.random.default_rng(2)
    for variable in model.trainable_variables:
        variable.assign(generator.normal(size=variable.shape))
    x = generator.normal(size=(7, 3)).astype("float32")
    expected = x * weights(model, "scale")[0]
    for name in ("hidden_1", "hidden_2"):
        kernel, bias = weights(model, name)
        d = len(kernel)
        z = expected @ (kernel * np.sqrt(d)) / np.sqrt(d) + bias
        (alpha,) = weights(model, f"{name}_alpha")
        expected = z + alpha * (FORMULAS[nonlinearity](z) - z)
    kernel, bias = weights(model, "output")
    found = model({"numbers": x}, training=False)
    np.testing.assert_allclose(found, expected @ kernel + bias, rtol=1e-4, atol=1e-4)


def test_another_nonlinearity() -> None:
    model = network(Signature.table(numbers=3), nonlinearity="silu", depth=1)
    z = value(model, model.get_layer("hidden_1").output, {"numbers": table()["numbers"]})
    bent = value(model, model.get_layer("hidden_1_activation").output, table())
    np.testing.assert_allclose(bent, z * special.expit(z), atol=1e-5)


@pytest.mark.parametrize(
    "signature",
    [Signature.table(**TABLE), embedded(Signature.table(**TABLE, classes=3))],
    ids=["regression", "classes"],
)
def test_units_vary_by_one_over_the_training_rows(signature: Signature) -> None:
    model = started(signature)
    for name in ("hidden_1", "hidden_2", "output"):
        given = value(model, model.get_layer(name).output, table())
        np.testing.assert_allclose(given.std(axis=0), 1, atol=1e-3)
        # Five rows, weighted, give 0.
        assert (given.min(axis=0) < 0).all()
        assert (given.max(axis=0) > 0).all()


def test_one_logit_is_the_difference_of_two_classes() -> None:
    model = started(Signature.table(**TABLE, classes=2), width=300)
    x = value(model, model.get_layer("output").input, table())
    # Of two independent columns, each with a deviation of 1: √2 in the mean.
    found = [
        (x @ (kernel[:, 1:] - kernel[:, :1])).std()
        for seed in range(50)
        for kernel, _ in [first_weights(x, 2, np.random.default_rng(seed))]
    ]
    assert 1.2 < np.sqrt(np.mean(np.square(found))) < 1.6
    given = value(model, model.get_layer("output").output, table())
    assert min(found) - 0.1 < given.std() < max(found) + 0.1


def test_first_weights() -> None:
    x = np.random.default_rng(0).normal(size=(50, 4)) + 3
    x[:, 3] = 0
    kernel, bias = first_weights(x, 6, np.random.default_rng(7))
    generator = np.random.default_rng(7)
    normal = generator.standard_normal((4, 6))
    z = x @ normal / (x @ normal).std(axis=0)
    np.testing.assert_allclose(x @ kernel, z)
    rows = generator.integers(50, size=(5, 6))
    shares = generator.exponential(size=(5, 6))
    for unit in range(6):
        mean = np.average(z[rows[:, unit], unit], weights=shares[:, unit])
        np.testing.assert_allclose(bias[unit], -mean)


def test_first_weights_of_what_does_not_vary() -> None:
    kernel, bias = first_weights(np.ones((5, 4)), 3, np.random.default_rng(0))
    np.testing.assert_allclose(kernel, np.random.default_rng(0).standard_normal((4, 3)) / 2)
    np.testing.assert_allclose(bias, -kernel.sum(axis=0))


def test_seed_decides_the_first_weights() -> None:
    signature = Signature.table(**TABLE)
    first, again, other = (started(signature, seed=seed) for seed in (0, 0, 1))
    for name in ("hidden_1", "hidden_2", "output"):
        for a, b, c in zip(*(weights(model, name) for model in (first, again, other)), strict=True):
            np.testing.assert_array_equal(a, b)
            assert np.abs(a - c).max() > 0.01


def test_one_hot_columns_are_scaled_like_numbers() -> None:
    categories = Categories(("a", "b", "c"), (4, 5, 2), (0, 0, 0))
    columns = ([0, 1, 1, 1, 2], [3, 2, 3, 4, 0], [2, -1, -1, -1, -1])
    assert columns_of(categories) == columns
    model = started(Signature.table(**TABLE))
    codes = table()["categories"]
    # Two categories, one column: -1 and 1, and 0 where it is missing or unknown.
    raw = [(codes[:, 0] == 3) * 1.0 - (codes[:, 0] == 2)]
    raw += [(codes[:, 1] == code) * 1.0 for code in (2, 3, 4, 5)]
    raw += [(codes[:, 3] == 0) * 1.0]
    layer = model.get_layer("one_hot_centered")
    found = value(model, layer.output, table())
    for column, given in zip(np.stack(raw, axis=1).T, found.T, strict=True):
        lower, median, upper = np.quantile(column, [0.25, 0.5, 0.75])
        spread = np.ptp(column)
        scaled = (column - median) * (1 / (upper - lower) if upper > lower else 2 / spread)
        ends = [scaled.argmin(), scaled.argmax()]
        # What is between the two ends of a column lies on their line.
        np.testing.assert_allclose(given[ends], smooth_clip(np, scaled[ends]), atol=0.05)
    only = model.get_layer("one_hot_centered").weights
    assert not any(weight.trainable for weight in only)


def test_columns_of_two_values_are_clipped_exactly() -> None:
    generator = np.random.default_rng(0)
    columns = (generator.random((100, 4)) < [0.1, 0.4, 0.6, 0.9]) * 1.0
    centre, factor = robust_scale(columns)
    expected = []
    for column in columns.T:
        lower, median, upper = np.quantile(column, [0.25, 0.5, 0.75])
        factor_of = 1 / (upper - lower) if upper > lower else 2.0
        expected.append(smooth_clip(np, (column - median) * factor_of))
    np.testing.assert_allclose((columns - centre) * factor, np.stack(expected, axis=1), atol=1e-6)


@pytest.mark.parametrize(
    ("classes", "overall", "output"), [(3, 1.0, 1.0), (2, 1.0, 2.0), (None, 5.0, 1.0)]
)
def test_rates_of_the_variables(classes: int | None, overall: float, output: float) -> None:
    task: dict[str, Any] = {"classes": classes} if classes else {}
    model = network(embedded(Signature.table(**TABLE, **task)), scale_rate=6.0)
    found = {
        variable.path: (
            variable.learning_rate_factor / overall,
            getattr(variable, "weight_decay_factor", 0.0) / overall,
        )
        for variable in model.trainable_variables
    }
    width = model.get_layer("hidden_1").kernel.shape[0]
    tenth = (0.1, pytest.approx(0.01))
    assert found == {
        "number_frequencies/kernel": tenth,
        "number_frequencies/bias": tenth,
        "number_embedding/kernel": tenth,
        "number_embedding/bias": tenth,
        "embedding_2/embeddings": (1, 1),
        "scale/kernel": (6, 36),
        "hidden_1/kernel": (pytest.approx(width**-0.5), 1),
        "hidden_1/bias": (0.1, 0),
        "hidden_1_alpha/kernel": tenth,
        "hidden_2/kernel": (0.25, 1),
        "hidden_2/bias": (0.1, 0),
        "hidden_2_alpha/kernel": tenth,
        "output/kernel": (0.25 * output, 1),
        "output/bias": (pytest.approx(0.1 * output), 0),
    }


def test_encoders_of_other_columns_keep_slow_rates() -> None:
    model = network(Signature.table(numbers=2, texts=[(7, 12)]))
    rates = {v.path: v.learning_rate_factor for v in model.trainable_variables}
    text = [rate for path, rate in rates.items() if path.startswith("text")]
    assert text
    assert set(text) == {0.05}


def test_a_step_is_that_of_the_neural_tangent_parametrization() -> None:
    """Adam on W, where the layer computes xW/√d, though the kernel is W/√d."""
    model = network(Signature.table(numbers=3, classes=3))
    training_options = replace(ENTRY.training_options, learning_rate=0.01)
    optimizer = build_optimizer(training_options, model.trainable_variables)
    kernel, root = model.get_layer("hidden_2").kernel, 4.0
    expected = kernel.numpy().astype("float64") * root
    mean, square = np.zeros_like(expected), np.zeros_like(expected)
    generator = np.random.default_rng(0)
    for step in range(1, 4):
        gradients = [generator.normal(size=v.shape) for v in model.trainable_variables]
        (own,) = (
            gradient / root
            for gradient, variable in zip(gradients, model.trainable_variables, strict=True)
            if variable is kernel
        )
        mean, square = 0.9 * mean + 0.1 * own, 0.95 * square + 0.05 * own**2
        expected -= 0.01 * 0.02 * expected
        expected -= 0.01 * mean / (1 - 0.9**step) / np.sqrt(square / (1 - 0.95**step))
        given = [tf.constant(gradient, "float32") for gradient in gradients]
        optimizer.apply(given, model.trainable_variables)
    np.testing.assert_allclose(kernel.numpy() * root, expected, rtol=1e-4, atol=1e-5)


def test_the_scale_decays_36_times_as_fast() -> None:
    model = network(Signature.table(numbers=3, classes=3))
    before = {v.path: v.numpy() for v in model.trainable_variables}
    optimizer = build_optimizer(ENTRY.training_options, model.trainable_variables)
    optimizer.apply([tf.zeros(v.shape) for v in model.trainable_variables])
    decay = ENTRY.training_options.learning_rate * ENTRY.training_options.weight_decay
    for variable in model.trainable_variables:
        times = {"scale": 36.0, "hidden_1_alpha": 0.01, "hidden_2_alpha": 0.01}
        factor = 0.0 if variable.name == "bias" else times.get(variable.path.split("/")[0], 1.0)
        expected = before[variable.path] * (1 - factor * decay)
        np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-6)


def test_a_regression_predicts_nothing_beyond_what_it_has_seen() -> None:
    signature = Signature.table(**TABLE)
    model, target = started(signature), target_of(signature)
    far = {**table(), "numbers": 30 * table()["numbers"]}
    given = {name: keras.ops.convert_to_tensor(values) for name, values in far.items()}
    found = np.asarray(model(given, training=False))
    assert found.min() == target.min()
    assert found.max() == target.max()
    trained_model = np.asarray(member_model(model)(given, training=False))
    assert trained_model.shape == (200, 1, 1)
    assert np.abs(trained_model).max() > 2 * np.abs(target).max()
    inside = (trained_model[:, 0] > target.min()) & (trained_model[:, 0] < target.max())
    np.testing.assert_array_equal(found[inside], trained_model[:, 0][inside])


@pytest.mark.parametrize("classes", [None, 2])
def test_training_twice_gives_the_same_bits(classes: int | None) -> None:
    task: dict[str, Any] = {"classes": classes} if classes else {}
    signature = embedded(Signature.table(**TABLE, **task))
    training_options = replace(ENTRY.training_options, batch_size=50, compile="graph")
    found, losses = [], []
    for _ in range(2):
        model = started(signature)
        rows = Arrays(table(), target_of(signature))
        loss = loss_function(training_options, signature.output)
        with deterministic():
            engine = Engine(model, rows, training_options=training_options, row_loss=loss, seed=1)
            rates, shares = np.full(4, 0.01, "float32"), np.full(4, 0.5, "float32")
            losses = [engine.run_epoch(i, rates, shares)["loss"] for i in range(8)]
        found.append(engine.read_state())
    assert losses[-1] < 0.9 * losses[0]
    for first, second in zip(*found, strict=True):
        np.testing.assert_array_equal(first, second)


def test_a_column_without_a_known_category() -> None:
    signature = Signature.table(categories=(2,))
    model = network(signature)
    codes = np.array([[0], [1]], "int32")
    assert model({"categories": codes}).shape == (2, 1)


def test_a_profile_is_the_recipe_of_the_paper() -> None:
    config = resolve({"model.name": "realmlp", "model.profile": "paper"})
    assert config.preprocessing.scale == "robust_smooth_clip"
    assert config.preprocessing.number_embedding == "pbld"
    assert config.training == TrainingOptions(
        epochs=256,
        optimizer="adam",
        learning_rate=0.04,
        weight_decay=0.02,
        beta_2=0.95,
        schedule="coslog4",
        regularization="flat_cos",
        clip_norm=0.0,
        patience=0,
    )
