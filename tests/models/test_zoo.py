"""The contract of a factory, held over every model of the zoo."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from helpers import outputs_of
from numpy.typing import NDArray

from kerasnn import models
from kerasnn.errors import ConfigError
from kerasnn.signature import Signature

Inputs = dict[str, NDArray[Any]]

BESIDE = {"numbers": 2, "categories": (4, (7, 2))}
SIGNATURES = {
    "numbers": Signature.table(numbers=3),
    "categories": Signature.table(categories=(4, (7, 2), (9, 3)), classes=2),
    "wide_categories": Signature.table(categories=((7, 2), (5, 2)), classes=2),
    "mixed": Signature.table(numbers=2, categories=(4, (7, 2), 3, (8, 2)), classes=3),
    "image": Signature.image(8, 8, 1, classes=2),
    "image_labels": Signature.image(9, 7, 3, labels=3),
    "image_twice": Signature.table(images=[(8, 8, 3), (5, 9, 1)]),
    "image_mixed": Signature.table(**BESIDE, images=[(8, 8, 3)], classes=3),
    "text": Signature.text(7, 12, classes=2),
    "text_twice": Signature.table(texts=[(7, 12), (1, 4)]),
    "text_mixed": Signature.table(**BESIDE, texts=[(7, 12)], classes=3),
    "series": Signature.time_series(24, 2, classes=2),
    "series_mixed": Signature.table(**BESIDE, series=[(24, 2)], classes=3),
    "sound": Signature.table(sounds=[(1600, 8000)], labels=3),
    "everything": Signature.table(
        **BESIDE,
        images=[(8, 8, 1), (5, 9, 3)],
        texts=[(7, 12), (1, 4)],
        series=[(24, 1)],
        sounds=[(1600, 8000)],
        labels=3,
    ),
    "forecast": Signature.forecast(24, 6, season=6),
    "forecast_mixed": Signature.forecast(
        24, 6, targets=2, season=6, past_covariates=1, future_covariates=2, **BESIDE
    ),
    "forecast_quantiles": Signature.forecast(24, 6, quantiles=(0.1, 0.5, 0.9)),
}
# Signatures of each model by its kind of data: first the one it is trained on, then what its own code
# distinguishes, and one with every kind of input.
KINDS = {
    "table": ["mixed", "numbers", "categories", "everything"],
    "image": ["image_mixed", "everything"],
    "text": ["text_mixed", "everything"],
    "sequence": ["series_mixed", "text_mixed", "everything", "forecast_mixed"],
    "forecast": ["forecast_mixed", "forecast_quantiles"],
}
# The layers that encode the inputs are shared: one model of each kind is built on all signatures.
ENCODED = {
    "mlp": [kind for kind in SIGNATURES if not kind.startswith("forecast")],
    "cnn": [kind for kind in SIGNATURES if kind.startswith("image")],
    "fasttext": [kind for kind in SIGNATURES if kind.startswith("text")],
    "gru": [
        kind for kind in SIGNATURES if kind.startswith(("text", "series", "sound", "forecast"))
    ],
    "nlinear": [kind for kind in SIGNATURES if kind.startswith("forecast")],
}
# Small enough to build in no time; whatever else a model has stays at its default.
SMALL = {"features": 252, "width": 8, "depth": 2, "heads": 2, "buckets": 50}
SMALL_OF = {
    "ensemble": {"members": "mlp:width=8:depth=2,linear", "weights": "2,1"},
    "forecast_ensemble": {"members": "dlinear,ridge_nlinear,tsmixer"},
    "nhits": {"width": 32},
    "airbench": {"width": 8, "width_2": 8, "width_3": 8},
    "convnext": {"width": 8, "depth": 1, "expansion": 2.0},
    "resnet9": {"width": 4},
    "tabpack": {"n_members": 4},
    "transfer": {"backbone": "mobilenet_v3_small", "resolution": 32},
    "wide_resnet": {"width": 1, "depth": 10},
}
# A known architecture is never tiny; tests/models/test_image.py has what else is said of it.
TINY = sorted(set(models.names()) - {"transfer"})
# The others are solved for, or repeat what was.
STEPPED = [name for name in TINY if not models.get(name).closed_form]
# Many steps of these take longer than those of all others together.
LONG = {
    "bilstm",
    "inception_time",
    "lite_time",
    "nbeats",
    "patchtst",
    "tide",
    "transformer",
    "tsmixer",
}
STEPPED_OFTEN = [
    pytest.param(name, marks=pytest.mark.slow) if name in LONG else name for name in STEPPED
]
SEQUENCES = [name for name in TINY if models.data_of(name) in ("text", "sequence")]


def kinds(name: str) -> list[str]:
    """Names of the signatures that a model is built on."""
    names = {*KINDS[models.data_of(name)], *ENCODED.get(name, [])}
    return sorted(k for k in names if name != "minirocket" or not k.startswith("forecast"))


PAIRS = [(name, kind) for name in TINY for kind in kinds(name)] + [("transfer", "image")]


def mixed(name: str) -> str:
    """The signature with all that a model is made for."""
    return KINDS[models.data_of(name)][0]


def small(name: str, **values: Any) -> dict[str, Any]:
    """Hyper-parameters of a tiny network."""
    known = models.hyperparameters(name)
    chosen = {**SMALL, **SMALL_OF.get(name, {}), **values}
    return {key: value for key, value in chosen.items() if key in known}


@cache
def network(name: str, kind: str) -> keras.Model:
    """One network for all tests that do not change it."""
    keras.utils.set_random_seed(1)
    return models.build(name, SIGNATURES[kind], **small(name))


def rows(kind: str, *, count: int = 16) -> Inputs:
    generator = np.random.default_rng(0)
    signature = SIGNATURES[kind]
    inputs = beside(signature, generator, count=count)
    for key, image in signature.image_inputs.items():
        shape = (count, image.height, image.width, image.channels)
        inputs[key] = generator.integers(0, 256, shape).astype("float32")
    for key, text in signature.text_inputs.items():
        codes = generator.integers(1, text.cardinality, (count, text.length))
        inputs[key] = np.where(behind(text.length, generator, count=count), 0, codes)
        inputs[key] = inputs[key].astype("int32")
    for key, series in signature.series_inputs.items():
        shape = (count, series.length, series.channels)
        inputs[key] = generator.normal(size=shape).astype("float32")
        inputs[key][generator.random(shape) < 0.1] = np.nan
        inputs[key][behind(series.length, generator, count=count)] = np.nan
    for key, sound in signature.sound_inputs.items():
        inputs[key] = generator.uniform(-1, 1, (count, sound.samples)).astype("float32")
        inputs[key][behind(sound.samples, generator, count=count)] = np.nan
    return inputs


def beside(signature: Signature, generator: np.random.Generator, *, count: int) -> Inputs:
    """Numbers, categories and the window of a forecast."""
    inputs = {}
    if signature.numbers:
        shape = (count, len(signature.numbers.names))
        inputs["numbers"] = generator.normal(size=shape).astype("float32")
    if signature.categories:
        sizes = signature.categories.cardinalities
        # Each code comes up, so that each row of a table has a gradient.
        columns = [generator.permutation(np.arange(count) % size) for size in sizes]
        inputs["categories"] = np.stack(columns, axis=1).astype("int32")
    if window := signature.window:
        whole = window.lookback + window.horizon
        shapes = {
            "past": (count, window.lookback, len(window.targets)),
            "past_covariates": (count, window.lookback, len(window.past_covariates)),
            "future_covariates": (count, whole, len(window.future_covariates)),
        }
        for key, shape in shapes.items():
            if shape[-1]:
                inputs[key] = generator.normal(size=shape).astype("float32")
    return inputs


def behind(length: int, generator: np.random.Generator, *, count: int) -> NDArray[np.bool_]:
    """Where a sequence is over: the first is of full length, the last but one is empty."""
    lengths = generator.integers(length // 2, length + 1, count)
    lengths[0], lengths[-2:-1] = length, 0
    return np.arange(length) >= lengths[:, None]


def target_of(kind: str, inputs: Inputs) -> NDArray[Any]:
    """Codes of classes, or of a forecast the season before backwards, target by target."""
    if window := SIGNATURES[kind].window:
        return inputs["past"][:, : -window.horizon - 1 : -1].reshape(len(inputs["past"]), -1)
    return (inputs["numbers"][:, 0] > 0).astype("int32")


def values(model: keras.Model) -> list[NDArray[Any]]:
    return [keras.ops.convert_to_numpy(weight) for weight in model.weights]


def trained(
    name: str, *, steps: int, rate: float, **chosen: Any
) -> tuple[keras.Model, list[float]]:
    """A network after steps on 16 rows, and its losses."""
    keras.utils.set_random_seed(1)
    model = models.build(name, SIGNATURES[mixed(name)], **small(name, **chosen))
    if SIGNATURES[mixed(name)].window:
        loss = keras.losses.MeanSquaredError()
    else:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # A graph takes longer to make than one step, and XLA longer to compile than it saves here.
    model.compile(keras.optimizers.Adam(rate), loss, run_eagerly=steps == 1, jit_compile=False)
    inputs = rows(mixed(name))
    target = target_of(mixed(name), inputs)
    if not model.trainable_weights:  # There is nothing to train, which Keras warns of.
        return model, []
    return model, [float(model.train_on_batch(inputs, target)) for _ in range(steps)]


@cache
def after_one_step(name: str) -> tuple[keras.Model, list[float]]:
    return trained(name, steps=1, rate=0.01)


@cache
def after_many_steps(name: str) -> tuple[keras.Model, list[float]]:
    steps, rate = (100, 0.05) if models.data_of(name) == "table" else (40, 0.01)
    if models.data_of(name) == "forecast":
        steps = 200
    none = {"dropout": 0.0, "attention_dropout": 0.0, "residual_dropout": 0.0, "drop_path": 0.0}
    return trained(name, steps=steps, rate=rate, **none)


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_shapes(name: str, kind: str) -> None:
    model, signature = network(name, kind), SIGNATURES[kind]
    inputs = rows(kind, count=5)
    assert {tensor.name: tensor.dtype for tensor in model.inputs} == {
        key: array.dtype.name for key, array in inputs.items()
    }
    outputs = outputs_of(model, inputs)
    assert outputs.shape == (5, signature.output.width)
    assert outputs.dtype == np.float32
    assert np.isfinite(outputs).all()
    assert not model.compiled


# The layers of each model, and each kind of input and output.
SAVED = [
    (name, kind)
    for name, kind in PAIRS
    if kind == mixed(name) or kind in ENCODED.get(name, ()) or name == "transfer"
]


@pytest.mark.parametrize(("name", "kind"), SAVED)
def test_saves_and_loads_equal(name: str, kind: str, tmp_path: Path) -> None:
    model = network(name, kind)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(outputs_of(loaded, rows(kind)), outputs_of(model, rows(kind)))
    for weight, other in zip(values(model), values(loaded), strict=True):
        np.testing.assert_array_equal(weight, other)


def test_saved_networks_open_without_kerasnn(tmp_path: Path) -> None:
    for name in models.names():
        network(name, mixed(name) if name in TINY else "image").save(tmp_path / f"{name}.keras")
    script = (
        "import sys, pathlib; sys.modules['kerasnn'] = None\n"
        "import keras\n"
        "print(sorted(keras.models.load_model(path).name for path in pathlib.Path().iterdir()))"
    )
    command = [sys.executable, "-c", script]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == str(models.names())


@pytest.mark.parametrize("name", STEPPED)
def test_one_step_moves_every_weight(name: str) -> None:
    before = values(network(name, mixed(name)))
    model, _ = after_one_step(name)
    assert len(model.trainable_weights) >= 2
    # What is added to all keys alike does not change what attention picks.
    paths = [w.path for w in model.trainable_weights if not w.path.endswith("/key/bias")]
    moved = [
        weight.path
        for weight, old, new in zip(model.weights, before, values(model), strict=True)
        if weight.path in paths and np.abs(new - old).max() > 1e-3
    ]
    assert moved == paths


@pytest.mark.parametrize("name", STEPPED)
def test_seed_decides_everything(name: str) -> None:
    first, losses = after_one_step(name)
    second, again = trained(name, steps=1, rate=0.01)
    assert losses == again
    for weight, other in zip(values(first), values(second), strict=True):
        np.testing.assert_array_equal(weight, other)


@pytest.mark.parametrize("name", sorted(set(STEPPED) - {"linear"}))
def test_another_seed_is_another_network(name: str) -> None:
    keras.utils.set_random_seed(2)
    other = models.build(name, SIGNATURES[mixed(name)], **small(name))
    inputs = rows(mixed(name))
    assert (
        np.abs(outputs_of(other, inputs) - outputs_of(network(name, mixed(name)), inputs)).max()
        > 0.01
    )


@pytest.mark.parametrize("name", STEPPED)
def test_inference_is_independent_of_the_batch(name: str) -> None:
    model, _ = after_one_step(name)
    inputs = rows(mixed(name))
    whole = outputs_of(model, inputs)
    single = [outputs_of(model, {k: v[i : i + 1] for k, v in inputs.items()}) for i in range(16)]
    np.testing.assert_allclose(np.concatenate(single), whole, atol=1e-5, rtol=1e-5)
    assert np.ptp(whole, axis=0).min() > 1e-3


@pytest.mark.parametrize("name", STEPPED_OFTEN)
def test_overfits_a_few_rows(name: str) -> None:
    _, losses = after_many_steps(name)
    assert losses[0] > 0.5
    assert losses[-1] < 0.05


@pytest.mark.parametrize("name", STEPPED_OFTEN)
def test_every_column_counts(name: str) -> None:
    """Another value in any one column gives other scores."""
    model, _ = after_many_steps(name)
    inputs = rows(mixed(name))
    before = outputs_of(model, inputs)
    for key, array in inputs.items():
        # Of an image or a text, all: not each pixel or word reaches through a small network.
        columns = range(array.shape[1]) if key in ("numbers", "categories") else [slice(None)]
        for column in columns:
            changed = {**inputs, key: array.copy()}
            changed[key][:, column] = np.roll(array[:, column], 1, axis=0)
            assert np.abs(outputs_of(model, changed) - before).max() > 1e-3, (key, column)


@pytest.mark.parametrize("name", STEPPED)
def test_scores_are_float32_in_mixed_precision(name: str) -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = models.build(name, SIGNATURES[mixed(name)], **small(name))
    finally:
        keras.config.set_dtype_policy("float32")
    assert outputs_of(model, rows(mixed(name))).dtype == np.float32
    if name not in ("dlinear", "nlinear"):  # Nothing but outputs.
        assert any(layer.compute_dtype == "bfloat16" for layer in model.layers if layer.weights)


@pytest.mark.parametrize("name", STEPPED)
def test_layers_of_the_output_are_named_so(name: str) -> None:
    """Muon is for hidden matrices, and tells the others by their path."""
    if SIGNATURES[mixed(name)].window:
        pytest.skip("a forecast has outputs of each target or for all")
    dense = [
        layer
        for layer in network(name, mixed(name)).layers
        if isinstance(layer, (keras.layers.Dense, keras.layers.EinsumDense))
    ]
    width = SIGNATURES[mixed(name)].output.width
    last = [layer.name for layer in dense if layer.output.shape[-1] == width]
    assert last
    assert [layer.name for layer in dense if "output" in layer.kernel.path] == last


@pytest.mark.parametrize(
    ("name", "kind"),
    # The kernels of minirocket go by the length; tests/models/test_sequence.py has its test.
    [
        (name, kind)
        for name, kind in PAIRS
        if kind in ("text_mixed", "series_mixed") and name in set(SEQUENCES) - {"minirocket"}
    ],
)
def test_padding_never_changes_a_prediction(name: str, kind: str) -> None:
    """A network for longer texts and series, with the same weights, gives the same scores."""
    model, signature, inputs = network(name, kind), SIGNATURES[kind], rows(kind)
    longer = replace(
        signature,
        texts=tuple(replace(text, length=text.length + 5) for text in signature.texts),
        series=tuple(replace(each, length=each.length + 5) for each in signature.series),
    )
    other = models.build(name, longer, **small(name))
    for weight, given in zip(other.weights, values(model), strict=True):
        # Of what is learned for each place, those at the start.
        value = np.array(keras.ops.convert_to_numpy(weight))
        value[tuple(slice(size) for size in given.shape)] = given
        weight.assign(value)
    padded = {
        key: np.pad(array, [(0, 0), (0, 5)], constant_values=0)
        if key == "text"
        else np.pad(array, [(0, 0), (0, 5), (0, 0)], constant_values=np.nan)
        if key == "series"
        else array
        for key, array in inputs.items()
    }
    np.testing.assert_allclose(outputs_of(other, padded), outputs_of(model, inputs), atol=1e-5)


@pytest.mark.parametrize("name", models.names())
def test_a_signature_without_inputs_is_refused(name: str) -> None:
    with pytest.raises(ConfigError) as raised:
        models.build(name, Signature.table())
    assert str(raised.value) == "a network needs an input; got none – add a column to learn from"


@pytest.mark.slow
@pytest.mark.parametrize("name", TINY)
def test_converts_to_onnx(name: str, tmp_path: Path) -> None:
    import onnxruntime

    model, _ = after_one_step(name)
    model.export(tmp_path / "saved", format="tf_saved_model", verbose=False)
    command = [sys.executable, "-m", "tf2onnx.convert", "--opset", "18"]
    paths = ["--saved-model", str(tmp_path / "saved"), "--output", str(tmp_path / "model.onnx")]
    subprocess.run([*command, *paths], check=True, capture_output=True)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    inputs = rows(mixed(name))
    for count in (1, 16):
        some = {key: array[:count] for key, array in inputs.items()}
        (outputs,) = session.run(None, some)
        np.testing.assert_allclose(outputs, outputs_of(model, some), atol=1e-5)
