"""Numbers become vectors as the papers say: the sizes, the edges of bins, the networks."""

from __future__ import annotations

import json
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from kerasnn import export, layers, models
from kerasnn.bundle import Bundle
from kerasnn.bundle.description import Description
from kerasnn.data.schema import Column, Schema, Target
from kerasnn.errors import ConfigError, ModelRefusedError
from kerasnn.options import PreprocessingOptions, TrainingOptions
from kerasnn.prediction.predictor import Predictor
from kerasnn.preprocessing import Preprocessor
from kerasnn.preprocessing.embeddings import (
    MOST_ROWS,
    NARROWEST,
    are_edges,
    fit_edges,
    resolved,
    some_rows,
)
from kerasnn.signature import Numbers, Signature
from kerasnn.training.optimizers import build_optimizer

Array = NDArray[Any]

LARGEST = float(np.float32(1e30))
KINDS = ["linear", "piecewise_linear", "periodic", "pbld"]
BINS = ((-1.0, -0.25, 0.5, 2.0), (), (0.0, 1.0), (-2.0, 0.0, 3.0))
SCHEMA = Schema(
    (
        Column("age", "number"),
        Column("always", "number"),
        Column("member", "boolean"),
        Column("city", "category"),
        Column("seen", "date"),
    ),
    Target("y", "binary", ("no", "yes")),
)


def frame(n: int = 90) -> pd.DataFrame:
    random = np.random.default_rng(0)
    found = pd.DataFrame(
        {
            "age": random.gamma(2.0, 10.0, n).round(1),
            "always": 3.0,
            "member": random.choice([True, False], n),
            "city": random.choice(["Köln", "東京"], n),
            "seen": pd.to_datetime(random.integers(0, 2**31, n), unit="s"),
            "y": random.choice(["no", "yes"], n),
        }
    )
    found.loc[::7, "age"] = np.nan
    return found


def fit(**options: Any) -> Preprocessor:
    return Preprocessor.fit(frame(), SCHEMA, PreprocessingOptions(**options))


def network(numbers: Numbers) -> keras.Model:
    """From numbers to their vectors alone."""
    x = keras.Input((len(numbers.names),))
    return keras.Model(x, layers.number_vectors(x, numbers))


def filled(model: keras.Model) -> list[Array]:
    """Give all weights known numbers."""
    random = np.random.default_rng(1)
    values = [random.normal(size=w.shape).astype("float32") for w in model.weights]
    model.set_weights(values)
    return [value.astype("float64") for value in values]


def run(model: keras.Model, x: Array) -> Array:
    found: Array = keras.ops.convert_to_numpy(model(x.astype("float32")))
    return found


def rows(columns: int, n: int = 50) -> Array:
    return np.random.default_rng(2).normal(0, 2, (n, columns)).astype("float32")


def ramps(x: float, edges: tuple[float, ...]) -> list[float]:
    """How far x is through each bin, by the formula of the paper."""
    found = []
    count = len(edges) - 1
    for t in range(count):
        ramp = (x - edges[t]) / (edges[t + 1] - edges[t])
        if count > 1:
            ramp = min(ramp, 1.0) if t < count - 1 else ramp
            ramp = max(ramp, 0.0) if t > 0 else ramp
        found.append(ramp)
    return found


class TestVectors:
    """Against NumPy, from the formulas."""

    def test_linear(self) -> None:
        model = network(Numbers(("a", "b", "c"), "linear", 5))
        kernel, bias = filled(model)
        x = rows(3)
        np.testing.assert_allclose(run(model, x), x[..., None] * kernel + bias, atol=1e-5)

    def test_piecewise_linear(self) -> None:
        model = network(Numbers(("a", "b", "c", "d"), "piecewise_linear", 5, BINS))
        kernel, bias = filled(model)
        x = np.concatenate([rows(4), np.zeros((1, 4)), np.full((1, 4), 9.0), [[-1, 0.5, 1, 3]]])
        expected = x[..., None] * kernel[:, 0] + bias
        for row, found in zip(x, expected, strict=True):
            for column, edges in enumerate(BINS):
                for t, ramp in enumerate(ramps(float(row[column]), edges)):
                    found[column] += ramp * kernel[column, 1 + t]
        np.testing.assert_allclose(run(model, x), expected, atol=1e-5)

    def test_piecewise_linear_begins_as_a_linear_one(self) -> None:
        model = network(Numbers(("a", "b", "c", "d"), "piecewise_linear", 16, BINS))
        kernel, bias = (value.astype("float64") for value in model.get_weights())
        assert (kernel[:, 1:] == 0).all()
        assert 0.2 < np.abs(kernel[:, 0]).max() <= 0.25
        x = rows(4)
        np.testing.assert_allclose(run(model, x), x[..., None] * kernel[:, 0] + bias, atol=1e-6)

    def test_missing_bins_never_learn(self) -> None:
        model = network(Numbers(("a", "b"), "piecewise_linear", 3, ((0.0, 1.0, 2.0), (0.0, 1.0))))
        model.compile(keras.optimizers.SGD(0.1), "mse")
        model.train_on_batch(rows(2), np.ones((50, 2, 3)))
        kernel = model.get_weights()[0]
        assert (kernel[1, 2] == 0).all()
        assert (np.abs(kernel[0]) > 0).all()
        assert (np.abs(kernel[1, :2]) > 0).all()

    def test_periodic(self) -> None:
        model = network(Numbers(("a", "b", "c"), "periodic", 5, (), 7, 0.01))
        frequencies, kernel, bias = filled(model)
        x = rows(3)
        angles = 2 * np.pi * x[..., None] * frequencies
        waves = np.concatenate([np.cos(angles), np.sin(angles)], axis=-1)
        expected = np.maximum(waves @ kernel + bias, 0)
        np.testing.assert_allclose(run(model, x), expected, atol=1e-4)

    def test_pbld(self) -> None:
        model = network(Numbers(("a", "b", "c"), "pbld", 5, (), 7, 0.1))
        frequencies, shifts, kernel, bias = filled(model)
        assert kernel.shape == (3, 7, 4)
        x = rows(3)
        waves = np.cos(2 * np.pi * x[..., None] * frequencies + shifts)
        linear = np.einsum("bfk,fkd->bfd", waves, kernel) + bias
        expected = np.concatenate([x[..., None], linear], axis=-1)
        np.testing.assert_allclose(run(model, x), expected, atol=1e-4)

    def test_first_weights_of_waves(self) -> None:
        model = network(Numbers(tuple(map(str, range(200))), "pbld", 4, (), 16, 0.1))
        frequencies, shifts, kernel, bias = model.get_weights()
        np.testing.assert_allclose(frequencies.std(), 0.1, rtol=0.05)
        np.testing.assert_allclose(shifts.std(), 2 * np.pi / np.sqrt(12), rtol=0.05)
        assert 3.1 < np.abs(shifts).max() <= np.pi
        for values in (kernel, bias):
            np.testing.assert_allclose(values.std(), 0.5 / np.sqrt(12), rtol=0.1)
            assert 0.24 < np.abs(values).max() <= 0.25
        periodic = network(Numbers(tuple(map(str, range(200))), "periodic", 24, (), 48, 0.01))
        np.testing.assert_allclose(periodic.get_weights()[0].std(), 0.01, rtol=0.05)

    @pytest.mark.parametrize("kind", KINDS)
    def test_far_away_is_finite(self, kind: Any) -> None:
        signature = Signature.table(numbers=2, number_embedding=kind)
        x = np.array([[1e30, -1e30], [-1e30, 3e38], [0, 1e-40]], dtype="float32")
        model = models.build("mlp", signature, width=4, depth=1)
        assert np.isfinite(run(network(signature.numbers), x)).all()
        assert np.isfinite(keras.ops.convert_to_numpy(model({"numbers": x[::2]}))).all()

    @pytest.mark.parametrize("kind", KINDS)
    def test_decay_spares_what_multiplies_the_number(self, kind: Any) -> None:
        signature = Signature.table(numbers=3, number_embedding=kind)
        model = network(signature.numbers)
        for weight in model.weights:
            weight.assign(np.ones(weight.shape))
        training_options = TrainingOptions(learning_rate=0.5, weight_decay=0.5)
        optimizer = build_optimizer(training_options, model.trainable_variables)
        zeros = [np.zeros(w.shape, dtype="float32") for w in model.trainable_variables]
        optimizer.apply_gradients(zip(zeros, model.trainable_variables, strict=True))
        shares = {w.path: keras.ops.convert_to_numpy(w) for w in model.weights}
        kernel = shares.pop("number_embedding/kernel")
        spared = {"linear": kernel, "piecewise_linear": kernel[:, :1]}.get(kind, kernel[:0])
        decayed = {"linear": kernel[:0], "piecewise_linear": kernel[:, 1:]}.get(kind, kernel)
        np.testing.assert_array_equal(spared, np.ones_like(spared))
        np.testing.assert_allclose(decayed, 0.75, rtol=1e-6)
        for share in shares.values():
            np.testing.assert_array_equal(share, np.ones_like(share))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["mlp", "resnet", "dcnv2", "wide_deep", "cnn", "lstm"])
def test_every_model_takes_them(name: str, kind: Any) -> None:
    beside: dict[str, Any] = {"cnn": {"images": [(8, 8, 1)]}, "lstm": {"texts": [(7, 12)]}}
    sizes = {"width": 4, "depth": 1}
    known = {key: sizes[key] for key in sizes if key in models.hyperparameters(name)}
    described = {"numbers": 3, "classes": 2, **beside.get(name, {})}
    plain = models.build(name, Signature.table(**described), **known)
    built = models.build(name, Signature.table(number_embedding=kind, **described), **known)
    found = {layer.name for layer in built.layers} - {layer.name for layer in plain.layers}
    expected = {"number_embedding", "number_features"}
    waves = {"number_frequencies"} if kind in ("periodic", "pbld") else set()
    assert {name for name in found if name.startswith("number_")} == expected | waves
    assert built.count_params() > plain.count_params()


def test_without_an_embedding_nothing_changes() -> None:
    numbers = Numbers(("a", "b"))
    x = keras.Input((2,))
    assert layers.number_parts(x, numbers) is x


@pytest.mark.parametrize("kind", KINDS)
def test_seed_decides_everything(kind: Any) -> None:
    signature, found = Signature.table(numbers=3, number_embedding=kind), []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        model = models.build("mlp", signature, width=4, depth=1, dropout=0.0)
        model.compile("adam", "mse", run_eagerly=True)
        model.train_on_batch({"numbers": rows(3)}, np.ones((50, 1)))
        found.append(model.get_weights())
    for first, second in zip(found[0], found[1], strict=True):
        np.testing.assert_array_equal(first, second)
    assert not np.array_equal(found[0][0], found[2][0])


class TestEdges:
    """Of the bins, from training rows."""

    def test_quantiles(self) -> None:
        x = np.random.default_rng(0).normal(size=(500, 2)).astype("float32")
        for column, edges in zip(x.T, fit_edges(x, 8), strict=True):
            expected = np.quantile(column.astype("float64"), np.linspace(0, 1, 9))
            np.testing.assert_allclose(edges, expected, atol=1e-6)

    def test_odd_columns(self) -> None:
        x = np.zeros((100, 5), dtype="float32")
        x[50:, 1] = 1
        x[99, 2] = 1
        x[:, 3] = np.repeat([0, 1, 2, 2 + 1e-6], [30, 30, 20, 20])
        x[:, 4] = np.linspace(1e6, 1e6 + 1, 100)
        found = fit_edges(x, 8)
        assert found[0] == ()
        assert found[1] == (0.0, 1.0)
        assert found[2] == (0.0, 1.0)
        assert found[3] == (0.0, 1.0, 2.0)
        assert found[4] == ()

    def test_values_that_crowd_leave_the_edges_to_the_others(self) -> None:
        x = np.zeros((1000, 1), dtype="float32")
        x[900:, 0] = np.arange(1, 101)
        (edges,) = fit_edges(x, 12)
        assert len(edges) == 13
        assert (edges[0], edges[-1]) == (0, 100)
        assert 8 < np.diff(edges).min() <= np.diff(edges).max() < 10

    @settings(max_examples=100, deadline=None)
    @given(
        values=st.lists(st.floats(-LARGEST, LARGEST, width=32), min_size=1, max_size=40),
        count=st.integers(2, 50),
    )
    def test_always_ascend(self, values: list[float], count: int) -> None:
        x = np.array(values, dtype="float32")[:, None]
        (edges,) = fit_edges(x, count)
        assert are_edges(edges)
        assert len(edges) <= count + 1
        assert all(values[0] is not None and min(values) <= edge <= max(values) for edge in edges)
        # The network's own arithmetic can tell them apart.
        widths = np.diff(np.array(edges, dtype="float32"))
        assert (widths >= 0.9 * NARROWEST).all()

    def test_enough_rows(self) -> None:
        few, many = np.arange(7)[:, None], np.arange(MOST_ROWS + 1)[:, None]
        np.testing.assert_array_equal(some_rows({"x": few})["x"], few)
        np.testing.assert_array_equal(some_rows({"x": many})["x"], many[::2])

    def test_of_the_scaled_training_rows(self) -> None:
        fitted = fit(number_embedding="piecewise_linear", number_bins=6, scale="quantile")
        x = fitted.transform(frame()).inputs["numbers"]
        assert fitted.bins == fit_edges(x, 6)
        names = dict(zip(fitted.number_names, fitted.bins, strict=True))
        assert len(names["age"]) == 7
        assert names["always"] == ()
        assert names["age: missing"] == (0.0, 1.0)
        assert len(names["seen: month sin"]) > 4
        # Later rows change nothing.
        fitted.transform(frame().assign(age=1000.0))
        assert fitted.signature.numbers == Numbers(
            fitted.number_names, "piecewise_linear", 16, fitted.bins
        )


class TestSizes:
    """Those of the papers, where nothing is said."""

    @pytest.mark.parametrize(
        ("kind", "expected"),
        [
            ("none", (0, 0, 0.0)),
            ("linear", (16, 0, 0.0)),
            ("piecewise_linear", (16, 0, 0.0)),
            ("periodic", (24, 48, 0.01)),
            ("pbld", (4, 16, 0.1)),
        ],
    )
    def test_of_the_papers(self, kind: str, expected: tuple[Any, ...]) -> None:
        numbers = fit(number_embedding=kind).signature.numbers
        assert (numbers.width, numbers.frequencies, numbers.frequency_scale) == expected
        assert numbers.embedding == kind
        assert len(numbers.bins) == (len(numbers.names) if kind == "piecewise_linear" else 0)

    def test_as_chosen(self) -> None:
        chosen = {"number_width": 3, "frequencies": 5, "frequency_scale": 0.5}
        numbers = fit(number_embedding="periodic", **chosen).signature.numbers
        assert (numbers.width, numbers.frequencies, numbers.frequency_scale) == (3, 5, 0.5)

    def test_less_in_a_very_wide_table(self) -> None:
        def sizes(kind: Any, columns: int) -> tuple[int, int, int]:
            found = resolved(PreprocessingOptions(number_embedding=kind), columns)
            return found.number_width, found.number_bins, found.frequencies

        assert sizes("piecewise_linear", 600) == (16, 48, 0)
        assert sizes("piecewise_linear", 5_000) == (3, 6, 0)
        assert sizes("periodic", 5_000) == (3, 48 // 8, 13)
        assert sizes("pbld", 100_000) == (2, 2, 1)

    def test_impossible(self) -> None:
        with pytest.raises(ConfigError, match="at least 2 with pbld; got 1"):
            fit(number_embedding="pbld", number_width=1)
        huge = PreprocessingOptions(number_embedding="linear", number_width=4096)
        with pytest.raises(ConfigError, match="of 100,000 numbers would be too large"):
            resolved(huge, 100_000)

    @pytest.mark.parametrize("kind", KINDS)
    def test_five_thousand_columns(self, kind: str) -> None:
        names = [f"x{i}" for i in range(5_000)]
        x = pd.DataFrame(np.random.default_rng(0).normal(size=(64, 5_000)), columns=names)
        schema = Schema(tuple(Column(name, "number") for name in names), SCHEMA.target)
        labelled = x.assign(y=np.resize(["no", "yes"], 64))
        fitted = Preprocessor.fit(labelled, schema, PreprocessingOptions(number_embedding=kind))
        model = models.build("mlp", fitted.signature, width=8)
        outputs = model({"numbers": fitted.transform(x).inputs["numbers"]})
        assert np.isfinite(outputs).all()
        assert model.count_params() < 500_000
        assert len(json.dumps(fitted.signature.to_dict())) < 1_000_000


@pytest.mark.parametrize("kind", ["none", *KINDS])
def test_state_survives_json_and_old_states_open(kind: str) -> None:
    fitted = fit(number_embedding=kind)
    data = json.loads(json.dumps(fitted.to_dict()))
    assert Preprocessor.from_dict(data) == fitted
    described = json.loads(json.dumps(fitted.signature.to_dict()))
    assert Signature.from_dict(described) == fitted.signature
    if kind == "none":
        del data["bins"]
        assert Preprocessor.from_dict(data) == fitted


@pytest.mark.parametrize(
    "change",
    [
        {"bins": []},
        {"bins": [[0.0, 1.0]]},
        {"bins": "0"},
        {"bins": 7},
        {"bins": [["a", "b"]]},
        {"edges": [0.0]},
        {"edges": [1.0, 0.0]},
        {"edges": [0.0, 0.0]},
        {"edges": [0.0, 1e-9]},
        {"edges": [1e6, 1e6 + 1]},
        {"edges": [0.0, float("inf")]},
        {"edges": [0.0, "1"]},
        {"edges": [float(i) for i in range(50)]},
        {"options": {"number_width": 0}},
        {"options": {"number_width": -1}},
        {"options": {"number_width": 10**6}},
        {"options": {"number_bins": 10**6}},
        {"options": {"number_embedding": "none"}},
        {"options": {"number_embedding": "pbld"}},
        {"options": {"number_embedding": "eval"}},
    ],
)
def test_hostile_state_is_refused(change: dict[str, Any]) -> None:
    data = json.loads(json.dumps(fit(number_embedding="piecewise_linear").to_dict()))
    data["options"].update(change.get("options", {}))
    data["bins"] = change.get("bins", data["bins"])
    if "edges" in change:
        data["bins"][0] = change["edges"]
    with pytest.raises(ModelRefusedError, match="the preprocessing is malformed"):
        Preprocessor.from_dict(data)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("pbld", {"number_width": 1}),
        ("pbld", {"frequencies": 0}),
        ("periodic", {"frequencies": -5}),
        ("periodic", {"frequency_scale": 0.0}),
        ("periodic", {"frequency_scale": 1e9}),
        ("periodic", {"number_width": 4096, "frequencies": 4096}),
    ],
)
def test_hostile_waves_are_refused(kind: str, options: dict[str, Any]) -> None:
    data = json.loads(json.dumps(fit(number_embedding=kind).to_dict()))
    data["options"].update(options)
    with pytest.raises(ModelRefusedError, match="the preprocessing is malformed"):
        Preprocessor.from_dict(data)


def bundle(kind: str) -> Bundle:
    fitted = fit(number_embedding=kind)
    keras.utils.set_random_seed(0)
    small = {"width": 4, "depth": 1}
    model = models.build("mlp", fitted.signature, **small)
    random = np.random.default_rng(0)
    # As if it were trained: the bins count.
    for weight in model.weights:
        weight.assign(random.normal(0, 0.3, weight.shape))
    return Bundle("mlp", small, TrainingOptions(), Predictor(fitted, model))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"embedding": "eval"}, "can't be 'eval'"),
        ({"width": 0}, "the width of numbers"),
        ({"width": 2**30}, "the embedding of numbers"),
        ({"width": "16"}, "can't be '16'"),
        ({"bins": []}, "the bins of numbers"),
        ({"bins": [[0.0, "1"]]}, "can't be '1'"),
        ({"embedding": "pbld", "bins": [], "frequencies": 0}, "the frequencies of numbers"),
        ({"embedding": "pbld", "bins": [], "frequencies": 2**40}, "the frequencies of numbers"),
        (
            {"embedding": "pbld", "bins": [], "frequencies": 2**40, "frequency_scale": 0.1},
            "the embedding of numbers",
        ),
        ({"embedding": "pbld"}, "the frequencies of numbers"),
        ({"embedding": "linear"}, "the bins of numbers"),
    ],
)
def test_hostile_signature_is_refused(change: dict[str, Any], what: str) -> None:
    data = json.loads(json.dumps(bundle("piecewise_linear")._description().to_dict()))
    data["signature"]["numbers"].update(change)
    with pytest.raises(ModelRefusedError, match=what):
        Description.from_dict(data)


@pytest.mark.parametrize("kind", KINDS)
def test_bundle_brings_back_the_predictions(kind: str, tmp_path: Any) -> None:
    saved = bundle(kind)
    saved.save(tmp_path / "model.kerasnn")
    loaded = Bundle.load(tmp_path / "model.kerasnn")
    expected = saved.predictor.scores(frame())
    np.testing.assert_array_equal(loaded.predictor.scores(frame()), expected)
    assert np.ptp(expected) > 0.01


@pytest.mark.parametrize(
    ("kind", "format"),
    [
        # What takes longest is done for what has most operations.
        pytest.param(kind, format, marks=pytest.mark.slow)
        if format == "onnx" and kind in ("linear", "periodic")
        else (kind, format)
        for kind in KINDS
        for format in ("keras", "saved_model", "onnx", "litert")
    ],
)
def test_exports_agree(kind: str, format: str, tmp_path: Any) -> None:
    path = tmp_path / f"model{export.suffix(format)}"
    result = export.export(bundle(kind).predictor, path, format=format, sample=frame())
    assert result.largest_difference <= 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_mixed_precision_keeps_angles_and_bins_exact(kind: Any) -> None:
    signature = Signature.table(numbers=2, number_embedding=kind)
    exact = network(signature.numbers)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = network(signature.numbers)
    finally:
        keras.config.set_dtype_policy("float32")
    mixed.set_weights(filled(exact))
    x = rows(2)
    apart = np.abs(run(exact, x) - run(mixed, x).astype("float32"))
    assert apart.max() < 0.02 * np.abs(run(exact, x)).max()
