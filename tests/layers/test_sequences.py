"""From sequences to vectors and masks, and MiniRocket's transform against its definition."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from kerasnn import layers, models
from kerasnn.errors import ConfigError, ResourceError
from kerasnn.inference import memory_batches
from kerasnn.inference.batched_model import BatchedModel
from kerasnn.layers import ridge, rocket
from kerasnn.layers.series import before_end
from kerasnn.preprocessing import mel
from kerasnn.signature import Series, Signature, Sound

Array = NDArray[Any]
NAN = np.nan


def test_series_are_scaled_filled_and_masked() -> None:
    series = Series("s", 4, 2, (10.0, 1000.0), (2.0, 100.0), has_missing=True)
    inputs = keras.Input((4, 2))
    model = keras.Model(inputs, layers.scaled_series(inputs, series, name="series"))
    x = np.array(
        [
            [[12, 900], [NAN, 1100], [NAN, NAN], [10, NAN]],
            [[8, 1000], [NAN, NAN], [NAN, NAN], [NAN, NAN]],
            [[NAN, NAN]] * 4,
        ],
        "float32",
    )
    vectors, mask = (np.asarray(each) for each in model(x))
    np.testing.assert_array_equal(mask, [[1, 1, 1, 1], [1, 0, 0, 0], [0, 0, 0, 0]])
    scaled, missing = vectors[..., :2], vectors[..., 2:]
    expected = [[[1, -1], [0, 1], [0, 0], [0, 0]], [[-1, 0], [0, 0], [0, 0], [0, 0]], [[0, 0]] * 4]
    np.testing.assert_allclose(scaled, expected, atol=1e-6)
    np.testing.assert_array_equal(missing, np.isnan(x) * mask[:, :, None])


def test_series_without_gaps_get_no_indicators() -> None:
    inputs = keras.Input((4, 2))
    series = Series("s", 4, 2, (0.0, 0.0), (1.0, 1.0))
    assert layers.scaled_series(inputs, series, name="series")[0].shape == (None, 4, 2)


def test_what_is_before_the_end() -> None:
    present = np.array([[0, 1, 0, 1, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]], "float32")
    expected = [[1, 1, 1, 1, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]]
    np.testing.assert_array_equal(before_end(keras.ops.convert_to_tensor(present)), expected)


@pytest.mark.parametrize("rate", [4_000, 11_025])
def test_mel_frames_are_those_of_numpy(rate: int) -> None:
    """Also of a sound that is shorter, of which frames behind the end are 0."""
    samples = rate // 10 + 7
    sound = Sound("s", samples, rate, -4.0, 2.5)
    inputs = keras.Input((samples,))
    model = keras.Model(inputs, layers.mel_frames(inputs, sound, name="sound"))
    x = np.random.default_rng(0).uniform(-1, 1, (3, samples)).astype("float32")
    x[1, samples // 2 :] = NAN
    x[2] = NAN
    frames, mask = (np.asarray(each) for each in model(x))
    expected = mel.log_mel(x, rate)
    there = np.isfinite(expected).all(axis=2)
    np.testing.assert_array_equal(mask, there)
    np.testing.assert_allclose(frames[there], (expected[there] + 4.0) / 2.5, atol=1e-3)
    assert not frames[~there].any()
    assert not model.trainable_weights


@pytest.mark.parametrize("model", ["gru", "minirocket"])
def test_a_table_without_sequences_is_refused(model: str) -> None:
    from kerasnn import models

    with pytest.raises(ConfigError) as raised:
        models.build(model, Signature.table(numbers=2))
    assert str(raised.value) == (
        "a model for sequences needs a column of texts, series or sounds; got none – "
        "add one, or choose a model for tables, such as mlp"
    )


# MiniRocket


def shares(
    x: Array, kernels: Array, thresholds: list[Array], steps: list[tuple[int, int]]
) -> Array:
    """What `rocket_features` says of one series without padding, (time, channels), by definition."""
    found = []
    for i, (dilation, count) in enumerate(steps):
        for j in range(count):
            for k in range(rocket.KERNELS):
                values = np.zeros(len(x))
                for t in range(len(x)):
                    for location in range(9):
                        source = t + (location - 4) * dilation
                        if 0 <= source < len(x):
                            values[t] += x[source] @ kernels[i][location, :, k]
                if (k + i) % 2:
                    values = values[4 * dilation : max(len(x) - 4 * dilation, 4 * dilation)]
                over = values - thresholds[i][j * rocket.KERNELS + k]
                above = np.clip(over / rocket.STEP + 0.5, 0, 1)
                found.append(above.mean() if len(above) else 0.0)
    return np.array(found)


def rocket_model(length: int, channels: int, features: int) -> keras.Model:
    x, mask = keras.Input((length, channels), name="x"), keras.Input((length,), name="mask")
    outputs = layers.rocket_features(x, mask, features=features, name="series")
    return keras.Model({"x": x, "mask": mask}, outputs)


def padded_rows(
    length: int, channels: int, lengths: list[int], *, seed: int = 2
) -> dict[str, Array]:
    mask = (np.arange(length) < np.array(lengths)[:, None]).astype("float32")
    x = np.random.default_rng(seed).normal(size=(len(lengths), length, channels)).astype("float32")
    return {"x": x * mask[:, :, None], "mask": mask}


@pytest.mark.parametrize("channels", [1, 3])
def test_rocket_is_its_definition_on_each_row_without_padding(channels: int) -> None:
    lengths = [26, 12, 9, 3, 0, 26]
    model, inputs = rocket_model(26, channels, 84 * 4), padded_rows(26, channels, lengths)
    # Of other rows: at a quantile of a row's own values, rounding would decide what is above.
    rocket.fit_rocket(model, padded_rows(26, channels, [26] * 9, seed=3), seed=0)
    steps = rocket.dilations(26, 4)
    assert [dilation for dilation, _ in steps] == [1, 2, 3]
    own = {layer.name: layer for layer in model.layers}
    kernels = [np.asarray(own[f"series_dilation_{d}"].kernel) for d, _ in steps]
    thresholds = [np.asarray(own[f"series_thresholds_{d}"].kernel)[0] for d, _ in steps]
    outputs = np.asarray(model(inputs))
    for row, length in enumerate(lengths):
        expected = shares(inputs["x"][row, :length], kernels, thresholds, steps)
        np.testing.assert_allclose(outputs[row], expected, atol=5e-4)


def test_kernels_of_rocket() -> None:
    kernels = rocket.kernels()
    assert kernels.shape == (9, 84)
    np.testing.assert_array_equal(kernels.sum(axis=0), 0)
    twos = {tuple(np.flatnonzero(kernel == 2)) for kernel in kernels.T}
    assert twos == set(combinations(range(9), 3))


@pytest.mark.parametrize("length", [1, 5, 9, 24, 150, 3000])
@pytest.mark.parametrize("per_kernel", [1, 3, 59, 119])
def test_dilations_span_the_sequence(length: int, per_kernel: int) -> None:
    steps = rocket.dilations(length, per_kernel)
    assert sum(count for _, count in steps) == per_kernel
    assert min(count for _, count in steps) >= 1
    largest = max(dilation for dilation, _ in steps)
    assert largest == 1 or 8 * largest <= length - 1
    if per_kernel > 32 and length > 9:
        assert 8 * (largest + 1) > length - 1


def test_thresholds_are_quantiles_of_training_rows() -> None:
    """Of one row, the shares above them are spread evenly over (0, 1)."""
    model, inputs = rocket_model(200, 1, 84 * 8), padded_rows(200, 1, [200])
    rocket.fit_rocket(model, inputs, seed=0)
    outputs = np.sort(np.asarray(model(inputs))[0])
    np.testing.assert_allclose(outputs, np.linspace(0, 1, len(outputs)), atol=0.05)


def test_rounding_does_not_decide_what_is_above() -> None:
    """Of the very row that thresholds come from, moved by far more than rounding."""
    model, inputs = rocket_model(60, 2, 84 * 4), padded_rows(60, 2, [60])
    inputs["x"] = inputs["x"].round(1)
    rocket.fit_rocket(model, inputs, seed=0)
    moved = {**inputs, "x": inputs["x"] * np.float32(1 + 1e-5)}
    np.testing.assert_array_equal(np.asarray(model(moved)), np.asarray(model(inputs)))


def test_rocket_with_one_seed_is_one() -> None:
    inputs = padded_rows(30, 4, [30, 20, 9])
    first, second, third = (rocket_model(30, 4, 168) for _ in range(3))
    for model, seed in ((first, 1), (second, 1), (third, 2)):
        rocket.fit_rocket(model, inputs, seed=seed)
    results = [np.asarray(model(inputs)) for model in (first, second, third)]
    np.testing.assert_array_equal(results[0], results[1])
    assert np.abs(results[0] - results[2]).max() > 0.1


# Ridge regression


@pytest.mark.parametrize(("rows", "width"), [(30, 60), (60, 8)])
def test_ridge_is_that_of_scikit_learn(rows: int, width: int) -> None:
    """With the penalty of its own search by leaving one row out, on standardised features."""
    from sklearn.linear_model import RidgeCV
    from sklearn.preprocessing import StandardScaler

    generator = np.random.default_rng(0)
    x = (generator.normal(size=(rows, width)) * 3 + 1).astype("float32")
    y = (x[:, 0] - x[:, 1] + generator.normal(size=rows)).astype("float32")
    line = ridge.solve(x, y, width=1, seed=0)
    scaler = StandardScaler().fit(x)
    reference = RidgeCV(alphas=ridge.PENALTIES).fit(scaler.transform(x), y)
    expected = reference.predict(scaler.transform(x))
    np.testing.assert_allclose((x @ line.kernel + line.bias)[:, 0], expected, atol=1e-3)


def test_logits_of_ridge_are_probable() -> None:
    """They rank as ±1 do, and say of noise that nothing is sure."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(300, 5)).astype("float32")
    codes = np.argmax(x[:, :3] + generator.normal(size=(300, 3)), axis=1).astype("int32")
    line = ridge.solve(x, codes, width=3, seed=0)
    logits = x @ line.kernel + line.bias
    assert (logits.argmax(axis=1) == codes).mean() > 0.6
    noise = ridge.solve(x, generator.integers(0, 2, 300).astype("int32"), width=1, seed=0)
    assert np.abs(x @ noise.kernel + noise.bias).max() < 1


def test_features_that_do_not_vary_have_no_weight() -> None:
    x = np.ones((20, 3), "float32")
    x[:, 1] = np.linspace(-1, 1, 20)
    line = ridge.solve(x, x[:, 1] * 2, width=1, seed=0)
    assert line.kernel[0, 0] == line.kernel[2, 0] == 0
    np.testing.assert_allclose(x @ line.kernel + line.bias, x[:, 1:2] * 2, atol=1e-2)


def test_sets_of_labels_are_solved_for() -> None:
    x = np.random.default_rng(0).normal(size=(100, 4)).astype("float32")
    labels = (x[:, :2] > 0).astype("float32")
    line = ridge.solve(x, labels, width=2, seed=0)
    assert (((x @ line.kernel + line.bias) > 0) == labels).mean() > 0.9


def test_the_many_thresholds_of_rocket_do_not_lie_in_memory_at_once() -> None:
    signature = Signature.time_series(2618, 6, classes=2)
    network = models.build("minirocket", signature)
    part = keras.Model(network.input, network.get_layer("features").output)
    # What one kernel size gives of a row, 84 numbers at each place, and not 236 times as much.
    assert 2618 * 84 < memory_batches.Walk(part).most_numbers() < 8 * 2618 * 84
    assert memory_batches.numbers_at_once(part) > 100 * 2618 * 84
    rows = BatchedModel(network).batch_size
    assert rows * memory_batches.Walk(network).most_numbers() * 4 <= 64 * 1024**2


def test_a_network_walked_through_is_the_network() -> None:
    model, inputs = rocket_model(60, 2, 84 * 8), padded_rows(60, 2, [60, 31])
    rocket.fit_rocket(model, inputs, seed=0)
    np.testing.assert_array_equal(memory_batches.Walk(model)(inputs), model(inputs, training=False))
    [found] = memory_batches.in_batches(model, inputs, np.arange(2), most=64)
    np.testing.assert_array_equal(found, model(inputs, training=False))


def test_batches_go_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    model, inputs = rocket_model(60, 2, 84), padded_rows(60, 2, [60, 31, 8])
    size = 4 * memory_batches.Walk(model).most_numbers()
    for rows, batches in ((1, [1, 1, 1]), (2, [2, 1]), (3, [3])):
        monkeypatch.setattr(memory_batches, "KEPT_BYTES", rows * size)
        parts = memory_batches.in_batches(model, inputs, np.arange(3), most=64)
        assert [len(part) for part in parts] == batches


def test_features_on_disk_and_in_blocks_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, 20)).astype("float32")
    target = (features[:, 0] > 0).astype("int32")
    line = ridge.solve(features, target, width=1, seed=0)
    monkeypatch.setattr(ridge, "BLOCK_BYTES", 8 * 20 * 7)
    monkeypatch.setattr(ridge, "MOST_BYTES", 8 * 20 * 60)
    stored = ridge._room_for((60, 20))
    stored[:] = features
    again = ridge.solve(stored, target, width=1, seed=0)
    np.testing.assert_allclose(again.kernel, line.kernel, rtol=1e-9)
    monkeypatch.setattr(ridge, "MOST_BYTES", 1000)
    assert isinstance(ridge._room_for((60, 20)), np.memmap)


def test_equations_that_do_not_fit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kerasnn.runtime.memory.free_memory", lambda: 1e9)
    with pytest.raises(ResourceError, match=r"^the equations of the model need about 1[.]7 GB"):
        ridge._check_memory(1_000_000, 12_000)
