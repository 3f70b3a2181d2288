"""What is said of single models for forecasts; the contract of all is in test_zoo."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from kerasnn import models
from kerasnn.bundle.weights import load_network, save_weights
from kerasnn.errors import ConfigError
from kerasnn.models.forecasting.forecast_ensemble import fill, members_of
from kerasnn.models.forecasting.nhits import interpolate, max_pool
from kerasnn.models.forecasting.patchtst import attention, stretches
from kerasnn.signature import Signature

Inputs = dict[str, NDArray[Any]]


def windows(signature: Signature, count: int = 40, *, seed: int = 0) -> tuple[Inputs, NDArray[Any]]:
    """Random walks with a season, and what else the signature wants; the future is learnable."""
    generator, window = np.random.default_rng(seed), signature.window
    assert window is not None
    whole, targets = window.lookback + window.horizon, len(window.targets)
    steps = generator.normal(size=(count, whole, targets)).cumsum(axis=1)
    inputs = {"past": steps[:, : window.lookback].astype("float32")}
    if window.past_covariates:
        shape = (count, window.lookback, len(window.past_covariates))
        inputs["past_covariates"] = generator.normal(size=shape).astype("float32")
    if window.future_covariates:
        shape = (count, whole, len(window.future_covariates))
        inputs["future_covariates"] = generator.normal(size=shape).astype("float32")
    if signature.numbers:
        shape = (count, len(signature.numbers.names))
        inputs["numbers"] = generator.normal(size=shape).astype("float32")
    if signature.categories:
        sizes = signature.categories.cardinalities
        columns = [np.arange(count) % size for size in sizes]
        inputs["categories"] = np.stack(columns, axis=1).astype("int32")
    return inputs, steps[:, window.lookback :].reshape(count, -1).astype("float32")


def forecast(network: keras.Model, inputs: Inputs, signature: Signature) -> NDArray[Any]:
    """(n, horizon, targets, levels)."""
    tensors = {name: ops.convert_to_tensor(values) for name, values in inputs.items()}
    outputs = ops.convert_to_numpy(network(tensors, training=False))
    window = signature.window
    assert window is not None
    return outputs.reshape(
        len(outputs), window.horizon, len(window.targets), max(1, len(window.quantiles))
    )


def solved(name: str, signature: Signature, inputs: Inputs, target: Any, **values: Any) -> Any:
    network = models.build(name, signature, **values)
    initialize = models.get(name).initialize
    assert initialize is not None
    initialize(network, inputs, target, 0)
    return network


def test_seasonal_naive_repeats_the_last_season() -> None:
    signature = Signature.forecast(10, 7, targets=2, season=3)
    inputs, _ = windows(signature)
    past = inputs["past"]
    found = forecast(models.build("seasonal_naive", signature), inputs, signature)[..., 0]
    expected = np.stack([past[:, 7 + step % 3] for step in range(7)], axis=1)
    np.testing.assert_array_equal(found, expected)


def test_seasonal_naive_with_drift() -> None:
    signature = Signature.forecast(10, 7, targets=2, season=3)
    inputs, _ = windows(signature)
    past = inputs["past"].astype(float)
    change = (past[:, 3:] - past[:, :-3]).mean(axis=1)
    expected = [past[:, 7 + step % 3] + (1 + step // 3) * change for step in range(7)]
    network = models.build("seasonal_naive", signature, drift=True)
    found = forecast(network, inputs, signature)[..., 0]
    np.testing.assert_allclose(found, np.stack(expected, axis=1), atol=1e-5)


@pytest.mark.parametrize(("lookback", "season"), [(4, 12), (1, 1)])
def test_seasonal_naive_of_a_window_without_a_season(lookback: int, season: int) -> None:
    signature = Signature.forecast(lookback, 5, season=season)
    inputs, _ = windows(signature)
    found = forecast(models.build("seasonal_naive", signature), inputs, signature)
    np.testing.assert_array_equal(found[..., 0, 0], np.repeat(inputs["past"][:, -1], 5, axis=1))


@pytest.mark.parametrize(("lookback", "season"), [(4, 12), (1, 1), (3, 3)])
def test_seasonal_naive_of_a_short_window_has_quantiles(lookback: int, season: int) -> None:
    signature = Signature.forecast(lookback, 5, season=season, quantiles=(0.1, 0.9))
    inputs, target = windows(signature)
    network = solved("seasonal_naive", signature, inputs, target, drift=True)
    found = forecast(network, inputs, signature)
    share = (target.reshape(-1, 5, 1, 1) <= found).mean(axis=(0, 2))
    np.testing.assert_allclose(share, np.tile([0.1, 0.9], (5, 1)), atol=0.06)


@pytest.mark.parametrize("penalty", [0.01, 3.0])
def test_ridge_is_that_of_sklearn(penalty: float) -> None:
    signature = Signature.forecast(8, 3, targets=2)
    inputs, target = windows(signature)
    network = solved("ridge_nlinear", signature, inputs, target, penalty=penalty)
    past = inputs["past"].transpose(0, 2, 1).reshape(-1, 8).astype(float)
    future = target.reshape(-1, 3, 2).transpose(0, 2, 1).reshape(-1, 3) - past[:, -1:]
    reference = Ridge(alpha=penalty * len(past)).fit(past - past[:, -1:], future)
    expected = reference.predict(past - past[:, -1:]) + past[:, -1:]
    found = forecast(network, inputs, signature)[..., 0].transpose(0, 2, 1).reshape(-1, 3)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_ridge_leaves_out_what_nobody_knows() -> None:
    signature = Signature.forecast(6, 2)
    inputs, target = windows(signature)
    holes = target.copy()
    holes[::2, 1] = np.nan
    network = solved("ridge_nlinear", signature, inputs, holes)
    half = {"past": inputs["past"][1::2]}
    other = solved("ridge_nlinear", signature, half, target[1::2])
    for weight, same in zip(network.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(weight, same, atol=1e-6)
    nothing = solved("ridge_nlinear", signature, inputs, np.full_like(target, np.nan))
    np.testing.assert_array_equal(
        forecast(nothing, inputs, signature)[:, :, 0, 0], np.repeat(inputs["past"][:, -1], 2, 1)
    )


def test_ridge_is_the_same_from_small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    signature = Signature.forecast(6, 2, targets=3, future_covariates=2)
    inputs, target = windows(signature)
    whole = solved("ridge_nlinear", signature, inputs, target, covariates=True)
    monkeypatch.setattr("kerasnn.models.forecasting.ridge_nlinear.NUMBERS_AT_ONCE", 100)
    parts = solved("ridge_nlinear", signature, inputs, target, covariates=True)
    for weight, same in zip(whole.get_weights(), parts.get_weights(), strict=True):
        np.testing.assert_allclose(weight, same, atol=1e-6)


def test_ridge_finds_the_effect_of_what_is_known() -> None:
    signature = Signature.forecast(8, 4, targets=2, future_covariates=2)
    inputs, target = windows(signature, 400)
    effect = np.array([[3.0, -1.0], [0.5, 2.0]])
    moved = inputs["future_covariates"] @ effect
    with_effect = {**inputs, "past": (inputs["past"] + moved[:, :8]).astype("float32")}
    truth = target.reshape(-1, 4, 2) + moved[:, 8:]
    network = solved(
        "ridge_nlinear", signature, with_effect, truth.reshape(400, -1), covariates=True
    )
    found = network.get_layer("known_effect").get_weights()[0]
    np.testing.assert_allclose(found, effect, atol=0.2)
    error = np.abs(forecast(network, with_effect, signature)[..., 0] - truth).mean()
    plain = solved("ridge_nlinear", signature, inputs, target)
    usual = np.abs(forecast(plain, inputs, signature)[..., 0] - target.reshape(-1, 4, 2)).mean()
    assert error < 1.1 * usual


@pytest.mark.parametrize("name", ["ridge_nlinear", "seasonal_naive", "arx"])
def test_quantiles_of_solved_models_cover_the_training_windows(name: str) -> None:
    signature = Signature.forecast(12, 5, targets=2, season=2, quantiles=(0.1, 0.5, 0.9))
    inputs, target = windows(signature, 500)
    found = forecast(solved(name, signature, inputs, target), inputs, signature)
    truth = target.reshape(-1, 5, 2)
    assert (np.diff(found, axis=-1) >= 0).all()
    share = (truth[..., None] <= found).mean(axis=(0, 2))
    np.testing.assert_allclose(share, np.tile([0.1, 0.5, 0.9], (5, 1)), atol=0.02)


@pytest.mark.parametrize(("count", "length"), [(1, 4), (2, 5), (6, 24), (3, 3), (7, 10)])
def test_lines_between_knots(count: int, length: int) -> None:
    """As linear interpolation without aligned corners: the value j lies at (j + ½) k / h - ½."""
    knots = np.random.default_rng(0).normal(size=(2, 3, count, 2)).astype("float32")
    inputs = keras.Input(knots.shape[1:])
    found = np.asarray(keras.Model(inputs, interpolate(inputs, length))(knots))
    expected = np.zeros((2, length, 3, 2))
    for step in range(length):
        location = min(max((step + 0.5) * count / length - 0.5, 0), count - 1)
        left = int(location)
        right, share = min(left + 1, count - 1), location - left
        expected[:, step] = knots[:, :, left] * (1 - share) + knots[:, :, right] * share
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_maxima_of_the_past(size: int) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 7)).astype("float32")
    inputs = keras.Input(x.shape[1:])
    found = np.asarray(keras.Model(inputs, max_pool(inputs, size))(x))
    expected = [x[:, :, start : start + size].max(axis=2) for start in range(0, 7, size)]
    np.testing.assert_array_equal(found, np.stack(expected, axis=2))


@pytest.mark.parametrize(("size", "stride"), [(4, 2), (3, 5), (0, 3), (99, 1), (9, 4)])
def test_stretches_of_the_past(size: int, stride: int) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 9)).astype("float32")
    inputs = keras.Input(x.shape[1:])
    found = np.asarray(keras.Model(inputs, stretches(inputs, size=size, stride=stride))(x))
    size = size if 0 < size < 9 else 9
    longer = np.concatenate([x, np.repeat(x[:, :, -1:], stride, axis=2)], axis=2)
    starts = range(0, longer.shape[2] - size + 1, stride)
    expected = np.stack([longer[:, :, at : at + size] for at in starts], axis=2)
    np.testing.assert_array_equal(found, expected)


def test_attention_with_the_scores_before() -> None:
    """Both blocks against the formulas, with 4 values in 3 heads of 2."""
    x = np.random.default_rng(0).normal(size=(2, 5, 4)).astype("float32")
    inputs = keras.Input(x.shape[1:])
    first, scores = attention(inputs, None, heads=3, name="first")
    second, _ = attention(first, scores, heads=3, name="second")
    network = keras.Model(inputs, second)
    for layer in network.layers:
        shapes = [weight.shape for weight in layer.get_weights()]
        generator = np.random.default_rng(len(layer.name))
        layer.set_weights([generator.normal(size=shape) for shape in shapes])
    expected, before = x.astype(float), 0.0
    for name in ("first", "second"):
        q, k, v = (
            dense(network, f"{name}_{part}", expected).reshape(2, 5, 3, 2)
            for part in ("query", "key", "value")
        )
        before = np.einsum("bihd,bjhd->bhij", q, k) / np.sqrt(2) + before
        shares = np.exp(before) / np.exp(before).sum(axis=-1, keepdims=True)
        mixed = np.einsum("bhij,bjhd->bihd", shares, v).reshape(2, 5, 6)
        expected = dense(network, f"{name}_back", mixed)
    np.testing.assert_allclose(np.asarray(network(x)), expected, rtol=1e-4, atol=1e-4)


def dense(network: keras.Model, name: str, x: NDArray[Any]) -> NDArray[Any]:
    kernel, *bias = network.get_layer(name).get_weights()
    result: NDArray[Any] = x @ kernel.astype(float) + (bias[0] if bias else 0.0)
    return result


@pytest.mark.parametrize("scaling", ["none", "last", "standard"])
@pytest.mark.parametrize("name", ["nhits", "nbeats", "tsmixer", "patchtst", "tide", "dlinear"])
def test_scaling_decides_what_a_forecast_follows(name: str, scaling: str) -> None:
    """Another level moves it by as much, another scale multiplies it, where windows are scaled."""
    signature = Signature.forecast(12, 4, targets=2)
    small = {"width": 4, "depth": 1, "scaling": scaling}
    known = models.hyperparameters(name)
    network = models.build(name, signature, **{k: v for k, v in small.items() if k in known})
    inputs, _ = windows(signature, 5)
    base = forecast(network, inputs, signature)
    moved = forecast(network, {"past": inputs["past"] + 50}, signature)
    wider = forecast(network, {"past": inputs["past"] * 3}, signature)
    assert np.allclose(moved, base + 50, atol=1e-2) == (scaling != "none")
    if scaling == "standard":
        np.testing.assert_allclose(wider, base * 3, atol=1e-2)


def test_quantiles_never_cross() -> None:
    signature = Signature.forecast(
        12,
        4,
        targets=2,
        past_covariates=1,
        future_covariates=2,
        numbers=1,
        categories=(4,),
        quantiles=(0.1, 0.5, 0.9),
    )
    inputs, _ = windows(signature, 7)
    for name in models.names():
        if models.data_of(name) == "forecast":
            network = models.build(name, signature)
            for weight in network.trainable_weights:
                noise = np.random.default_rng(1).normal(size=weight.shape, scale=0.3)
                weight.assign(weight + noise)
            found = forecast(network, inputs, signature)
            assert (np.diff(found, axis=-1) >= 0).all(), name


def test_blend_is_the_mean_of_its_members() -> None:
    signature = Signature.forecast(
        12, 4, targets=2, future_covariates=2, categories=(4,), quantiles=(0.1, 0.9)
    )
    inputs, target = windows(signature)
    names = ["ridge_nlinear", "tsmixer", "seasonal_naive"]
    members = {name: models.build(name, signature) for name in names}
    members["ridge_nlinear"] = solved("ridge_nlinear", signature, inputs, target)
    members["tsmixer"](inputs, training=True)
    for weight in members["tsmixer"].trainable_weights:
        weight.assign(weight + np.random.default_rng(0).normal(size=weight.shape, scale=0.1))
    network = models.build("forecast_ensemble", signature, members=",".join(names), weights="1,2,1")
    fill(network, members)
    expected = sum(
        share * forecast(members[name], inputs, signature)
        for name, share in zip(names, (0.25, 0.5, 0.25), strict=True)
    )
    np.testing.assert_allclose(forecast(network, inputs, signature), expected, atol=1e-5)


def test_blend_goes_into_a_bundle_and_back() -> None:
    signature = Signature.forecast(12, 4, categories=(4, (9, 2)))

    def build() -> keras.Model:
        return models.build("forecast_ensemble", signature, members="dlinear,tide,nlinear")

    network = build()
    inputs, _ = windows(signature, 3)
    copy = load_network(build, save_weights(network))
    np.testing.assert_array_equal(
        forecast(copy, inputs, signature), forecast(network, inputs, signature)
    )


def test_forecast_ensemble_solves_for_the_members_that_are_solved_for() -> None:
    signature = Signature.forecast(12, 4, season=3, quantiles=(0.1, 0.5, 0.9))
    inputs, target = windows(signature)
    names = ["ridge_nlinear", "seasonal_naive"]
    network = solved("forecast_ensemble", signature, inputs, target, members=",".join(names))
    members = [forecast(solved(x, signature, inputs, target), inputs, signature) for x in names]
    expected = np.mean(members, axis=0)
    np.testing.assert_allclose(forecast(network, inputs, signature), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"members": ""}, "`members` must name other models, each once; got ''"),
        ({"members": "nhits,nhits"}, "`members` must name other models, each once"),
        ({"members": "nhits,forecast_ensemble"}, "`members` must name other models, each once"),
        ({"members": "nhits,nhist"}, "model"),
        ({"members": "dlinear,nlinear", "weights": "1"}, "`weights` must be a number above 0"),
        ({"members": "dlinear,nlinear", "weights": "1,x"}, "`weights` must be a number above 0"),
        ({"members": "dlinear,nlinear", "weights": "1,-1"}, "`weights` must be a number above 0"),
        ({"members": "dlinear,nlinear", "weights": "1,nan"}, "`weights` must be a number above 0"),
    ],
)
def test_forecast_ensembles_that_can_not_be(values: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        models.build("forecast_ensemble", Signature.forecast(12, 4), **values)


def test_parameters_of_the_papers() -> None:
    """DLinear has two matrices and biases, NLinear one."""
    signature = Signature.forecast(336, 96, targets=7)
    assert models.describe("dlinear", signature).parameters == 2 * (336 + 1) * 96
    assert models.describe("nlinear", signature).parameters == (336 + 1) * 96


@pytest.mark.parametrize(
    "name", [name for name in models.names() if models.data_of(name) == "forecast"]
)
def test_a_table_without_a_window_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="a model for forecasts needs a window of the past"):
        models.build(name, Signature.table(numbers=2))


def test_arx_is_that_of_sklearn() -> None:
    signature = Signature.forecast(
        8, 3, targets=2, past_covariates=2, future_covariates=1, numbers=1
    )
    inputs, target = windows(signature, 300)
    network = solved("arx", signature, inputs, target, memory=4, penalty=0.1)
    past, future = inputs["past"].astype(float), target.reshape(-1, 3, 2)
    moved = past - past[:, -1:]
    beside = [
        moved[:, -4:].reshape(300, -1),
        inputs["past_covariates"][:, -4:].reshape(300, -1),
        inputs["future_covariates"][:, 7:, 0] / 2,
        inputs["numbers"],
    ]
    found = forecast(network, inputs, signature)[..., 0]
    for i in range(2):
        x = np.concatenate([moved[:, :, i], *beside], axis=1)
        y = future[:, :, i] - past[:, -1:, i]
        expected = Ridge(alpha=0.1 * 300).fit(x, y).predict(x) + past[:, -1:, i]
        np.testing.assert_allclose(found[:, :, i], expected, atol=1e-4)


def test_arx_sees_what_moves_a_target() -> None:
    signature = Signature.forecast(6, 2, past_covariates=1)
    inputs, _ = windows(signature, 400)
    leading = inputs["past_covariates"][:, -1, 0]
    truth = inputs["past"][:, -1:, 0] + np.stack([leading, 2 * leading], axis=1)
    network = solved("arx", signature, inputs, truth, memory=3, penalty=1e-6)
    found = forecast(network, inputs, signature)[:, :, 0, 0]
    np.testing.assert_allclose(found, truth, atol=1e-3)


def test_arx_leaves_out_windows_that_nobody_knows() -> None:
    signature = Signature.forecast(6, 2, past_covariates=1, quantiles=(0.1, 0.5, 0.9))
    inputs, target = windows(signature)
    holes = target.copy()
    holes[::2, 1] = np.nan
    network = solved("arx", signature, inputs, holes)
    half = {name: values[1::2] for name, values in inputs.items()}
    other = solved("arx", signature, half, target[1::2])
    for weight, same in zip(network.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(weight, same, atol=1e-5)


def test_members_of_a_blend_may_look_back_less_and_have_settings() -> None:
    signature = Signature.forecast(12, 5, targets=2, past_covariates=1, season=3)
    short = Signature.forecast(6, 5, targets=2, past_covariates=1, season=3)
    inputs, target = windows(signature)
    text = "seasonal_naive:drift=true,ridge_nlinear:penalty=0.5:lookback=6,arx:lookback=6:memory=2"
    network = solved("forecast_ensemble", signature, inputs, target, members=text)
    recent = {name: values[:, 6:] for name, values in inputs.items()}
    members = [
        forecast(
            solved("seasonal_naive", signature, inputs, target, drift=True), inputs, signature
        ),
        forecast(solved("ridge_nlinear", short, recent, target, penalty=0.5), recent, short),
        forecast(solved("arx", short, recent, target, memory=2), recent, short),
    ]
    found = forecast(network, inputs, signature)
    np.testing.assert_allclose(found, np.mean(members, axis=0), atol=1e-5)
    assert [str(each) for each in members_of(text)] == [
        "seasonal_naive:drift=true",
        "ridge_nlinear:penalty=0.5:lookback=6",
        "arx:memory=2:lookback=6",
    ]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ("nlinear:lookback=13", "the member 'nlinear' looks back 13 points, the ensemble 12"),
        ("nlinear:lookback=x", "`lookback` of a member must be a whole number; got 'x'"),
        ("nlinear:width=3", "hyper-parameter"),
    ],
)
def test_wrong_settings_of_a_member(members: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        models.build("forecast_ensemble", Signature.forecast(12, 5), members=members)
