"""The compiled epoch against a plain loop in Python, and its order, averages and penalties."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasnn.options import TrainingOptions
from kerasnn.signature import Output
from kerasnn.training.engine import Arrays, Engine, batch_size_for, gains_from_xla
from kerasnn.training.losses import loss_function

RATE = 0.05


def build(*, dropout: float = 0.0) -> keras.Model:
    """Numbers and embedded categories, normalised, to three classes."""
    keras.utils.set_random_seed(0)
    numbers = keras.Input((3,), name="numbers")
    codes = keras.Input((2,), dtype="int32", name="categories")
    embedded = keras.layers.Flatten()(keras.layers.Embedding(4, 2)(codes))
    hidden = keras.layers.Dense(5, use_bias=False)(keras.layers.Concatenate()([numbers, embedded]))
    hidden = keras.layers.Activation("tanh")(keras.layers.BatchNormalization()(hidden))
    hidden = keras.layers.Dropout(dropout)(hidden) if dropout else hidden
    outputs = keras.layers.Dense(3)(hidden)
    return keras.Model({"numbers": numbers, "categories": codes}, outputs)


def table(n_rows: int = 37, *, weighted: bool = False) -> Arrays:
    random = np.random.default_rng(0)
    inputs = {
        "numbers": random.normal(size=(n_rows, 3)).astype("float32"),
        "categories": random.integers(0, 4, (n_rows, 2)).astype("int32"),
    }
    target = random.integers(0, 3, n_rows).astype("int32")
    weights = random.uniform(0.2, 3, n_rows).astype("float32") if weighted else None
    return Arrays(inputs, target, weights)


def engine_for(network: keras.Model, rows: Arrays, *, seed: int = 3, **options: object) -> Engine:
    training_options = TrainingOptions(**{"batch_size": 8, "compile": "graph"} | options)
    row_loss = loss_function(training_options, Output("multiclass", 3))
    return Engine(network, rows, training_options=training_options, row_loss=row_loss, seed=seed)


def run(engine: Engine, epoch: int = 0) -> dict[str, float]:
    return engine.run_epoch(epoch, np.full(engine.steps_per_epoch, RATE, "float32"))


def weights(network: keras.Model) -> list[np.ndarray]:
    return [variable.numpy() for variable in network.variables]


def plain_epoch(
    network: keras.Model, rows: Arrays, order: np.ndarray, *, l1: float, l2: float
) -> tuple[float, float]:
    """What `Engine.run_epoch` does, as anyone would write it."""
    optimizer = keras.optimizers.AdamW(RATE, weight_decay=0.1, global_clipnorm=0.1)
    kernels = [v for v in network.trainable_variables if v.name == "kernel"]
    others = [v for v in network.trainable_variables if v.name != "kernel"]
    optimizer.exclude_from_weight_decay(var_list=others)
    losses, norms = [], []
    for batch in order:
        inputs = {name: values[batch] for name, values in rows.inputs.items()}
        with tf.GradientTape() as tape:
            logits = network(inputs, training=True)
            each = keras.losses.sparse_categorical_crossentropy(
                rows.target[batch], logits, from_logits=True
            )
            each = each if rows.weights is None else each * rows.weights[batch]
            loss = tf.reduce_mean(each)
            whole = loss
            for kernel in kernels:
                whole += l1 * tf.reduce_sum(tf.abs(kernel.value))
                whole += l2 * tf.reduce_sum(kernel.value**2)
        variables = network.trainable_variables
        found = tape.gradient(whole, [v.value for v in variables])
        gradients = [tf.convert_to_tensor(gradient) for gradient in found]
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        losses.append(float(loss))
        norms.append(np.sqrt(sum((gradient.numpy() ** 2).sum() for gradient in gradients)))
    return float(np.mean(losses)), float(np.mean(norms))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("penalty", [0.0, 0.01])
def test_epoch_is_a_plain_loop(weighted: bool, penalty: float) -> None:
    rows, network, other = table(weighted=weighted), build(), build()
    options = {"weight_decay": 0.1, "clip_norm": 0.1, "l1": penalty, "l2": penalty}
    engine = engine_for(network, rows, **options)
    means = run(engine)
    expected = plain_epoch(other, rows, engine.order(0), l1=penalty, l2=penalty)
    assert (means["loss"], means["gradient_norm"]) == pytest.approx(expected, rel=1e-5)
    for found, wanted in zip(weights(network), weights(other), strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def run_in_calls(call_steps: int, *, compiled: str, dropout: float = 0.0) -> tuple[Any, Any, Any]:
    """Calls, means and weights of an epoch of 9 steps."""
    network = build(dropout=dropout)
    # Adam would turn a gradient of almost 0 into a whole step, and its rounding with it.
    engine = engine_for(network, table(), batch_size=4, compile=compiled, optimizer="momentum")
    calls: list[int] = []
    engine._call_steps = call_steps
    means = engine.run_epoch(0, np.full(9, RATE, "float32"), on_call=calls.append)
    assert calls[-1] == 9
    assert engine._compiled.experimental_get_tracing_count() == 1
    return calls, means, weights(network)


def assert_same_bits(one: tuple[Any, Any, Any], other: tuple[Any, Any, Any]) -> None:
    assert one[0] != other[0]
    assert one[1] == other[1]
    for first, second in zip(one[2], other[2], strict=True):
        np.testing.assert_array_equal(first, second)


def test_bits_do_not_depend_on_the_division_into_calls() -> None:
    assert_same_bits(
        run_in_calls(3, compiled="graph", dropout=0.3),
        run_in_calls(64, compiled="graph", dropout=0.3),
    )


def test_xla_does_what_the_graph_does() -> None:
    graph, xla = run_in_calls(64, compiled="graph"), run_in_calls(64, compiled="xla")
    assert xla[1] == pytest.approx(graph[1], rel=1e-4)
    for one, other in zip(graph[2], xla[2], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    assert_same_bits(xla, run_in_calls(3, compiled="xla"))


def test_averages_keep_little_at_first() -> None:
    network, rows = build(), table(8)
    engine = engine_for(network, rows, average=0.3, optimizer="sgd", weight_decay=0.0)
    assert engine.steps_per_epoch == 1
    expected = [v.numpy() for v in network.trainable_variables]
    for step in range(1, 9):
        run(engine, step)
        # After the first step 1/11 of the first weights is kept; from the fifth on it is 0.3.
        keep = min(0.3, step / (step + 10))
        for i, variable in enumerate(network.trainable_variables):
            expected[i] = keep * expected[i] + (1 - keep) * variable.numpy()
    for average, wanted in zip(engine.averages, expected, strict=True):
        np.testing.assert_allclose(average, wanted, atol=1e-6)


def test_averages_are_judged_and_statistics_are_as_they_are() -> None:
    network = build()
    engine = engine_for(network, table(), average=0.9)
    run(engine)
    trainable = {id(variable) for variable in network.trainable_variables}
    averages = iter(engine.averages)
    for variable, predicted_rows in zip(
        network.variables, engine.evaluation_weights(), strict=True
    ):
        expected = next(averages) if id(variable) in trainable else variable
        np.testing.assert_array_equal(predicted_rows, expected.numpy())
    without = engine_for(network, table())
    assert not without.averages
    for predicted_rows, own in zip(without.evaluation_weights(), weights(network), strict=True):
        np.testing.assert_array_equal(predicted_rows, own)


def test_order_is_a_permutation_that_differs_by_epoch_and_seed() -> None:
    rows = table(32)
    engine, other = engine_for(build(), rows), engine_for(build(), rows, seed=4)
    orders = [engine.order(0), engine.order(1), other.order(0)]
    for order in orders:
        assert order.shape == (4, 8)
        np.testing.assert_array_equal(np.sort(order.ravel()), np.arange(32))
    assert len({order.tobytes() for order in orders}) == 3
    np.testing.assert_array_equal(engine.order(5), engine_for(build(), rows).order(5))


def test_rows_that_fill_no_batch_are_others_in_each_epoch() -> None:
    engine = engine_for(build(), table(37))
    left_out = [frozenset(range(37)) - set(engine.order(e).ravel().tolist()) for e in range(4)]
    assert all(len(rows) == 5 for rows in left_out)
    assert len(set(left_out)) == 4


def test_batch_larger_than_the_table() -> None:
    network, other, rows = build(), build(), table(5)
    engine = engine_for(network, rows, batch_size=64, weight_decay=0.1, clip_norm=0.1)
    assert engine.order(0).shape == (1, 5)
    loss = run(engine)["loss"]
    expected, _ = plain_epoch(other, rows, engine.order(0), l1=0, l2=0)
    assert loss == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("l1", "l2"), [(0.1, 0.0), (0.0, 0.1), (0.2, 0.3)])
def test_penalties_act_on_kernels(l1: float, l2: float) -> None:
    numbers = keras.Input((3,), name="numbers")
    network = keras.Model({"numbers": numbers}, keras.layers.Dense(1)(numbers))
    kernel, bias = network.trainable_variables
    start = np.array([[1.0], [-2.0], [0.5]], "float32")
    kernel.assign(start)
    bias.assign([4.0])
    # The network is right about every row, so that only the penalties pull.
    rows = Arrays({"numbers": np.zeros((8, 3), "float32")}, np.full(8, 4.0, "float32"))
    training_options = TrainingOptions(
        optimizer="sgd", weight_decay=0.0, clip_norm=0.0, batch_size=8, l1=l1, l2=l2
    )
    row_loss = loss_function(training_options, Output("regression", 1))
    means = run(Engine(network, rows, training_options=training_options, row_loss=row_loss, seed=0))
    gradient = l1 * np.sign(start) + 2 * l2 * start
    np.testing.assert_allclose(kernel.numpy(), start - RATE * gradient, rtol=1e-6)
    np.testing.assert_array_equal(bias.numpy(), [4.0])
    assert means["loss"] == 0
    assert means["gradient_norm"] == pytest.approx(np.sqrt((gradient**2).sum()), rel=1e-5)


def test_what_a_call_raises_ends_the_epoch() -> None:
    engine = engine_for(build(), table(), batch_size=2)
    engine._call_steps = 4

    def stop(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.run_epoch(0, np.full(18, RATE, "float32"), on_call=stop)
    assert int(engine.optimizer.iterations.numpy()) == 4


def test_state_written_back_repeats_the_bits() -> None:
    network = build(dropout=0.5)
    engine = engine_for(network, table(), average=0.9)
    run(engine)
    state = engine.read_state()
    means, after = run(engine, 1), engine.read_state()
    engine.write_state(state)
    assert run(engine, 1) == means
    for one, two in zip(engine.read_state(), after, strict=True):
        np.testing.assert_array_equal(one, two)


def test_dropout_moves_its_generator() -> None:
    network = build(dropout=0.5)
    (generator,) = (v for v in network.variables if "seed" in v.path)
    before = generator.numpy()
    run(engine_for(network, table()))
    assert (generator.numpy() != before).any()


def test_step_loss_is_one_step() -> None:
    network, other, rows = build(), build(), table()
    options = {"weight_decay": 0.1, "clip_norm": 0.1}
    batch = np.arange(8)
    loss = engine_for(network, rows, **options).step_loss(batch, RATE)
    expected, _ = plain_epoch(other, rows, batch[None], l1=0, l2=0)
    assert loss == pytest.approx(expected, rel=1e-5)
    for one, two in zip(weights(network), weights(other), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)


@pytest.mark.parametrize(
    ("n_rows", "size"),
    [(10, 64), (1024, 64), (1025, 128), (20_000, 256), (50_000, 512), (10**6, 1024)],
)
def test_batch_size_by_rows(n_rows: int, size: int) -> None:
    assert batch_size_for(n_rows) == size


def test_xla_is_for_long_runs_of_dense_networks() -> None:
    rows = table(64)
    assert not engine_for(build(), rows, compile="auto", epochs=100)._uses_xla()
    assert engine_for(build(), rows, compile="auto", epochs=1000)._uses_xla()
    series = keras.Input((8, 2))
    convolution = keras.Model(series, keras.layers.Conv1D(2, 3)(series))
    assert not gains_from_xla(convolution)
    assert not gains_from_xla(keras.Model(series, keras.layers.LSTM(2)(series)))
    assert gains_from_xla(build())
