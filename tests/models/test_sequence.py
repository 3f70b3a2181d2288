"""What is said of single models for sequences; the contract of all is in test_zoo."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
from helpers import outputs_of
from numpy.typing import NDArray

from kerasnn import models
from kerasnn.errors import ConfigError
from kerasnn.models.sequence.lite_time import filters_by_hand
from kerasnn.options import TrainingOptions
from kerasnn.signature import Signature
from kerasnn.training.determinism import deterministic
from kerasnn.training.engine import Arrays, Engine
from kerasnn.training.losses import loss_function

Array = NDArray[Any]

SMALL: dict[str, dict[str, Any]] = {
    "bilstm": {"width": 4},
    "fcn": {"width": 4, "width_2": 4, "width_3": 4},
    "gru": {"width": 4},
    "inception_time": {"width": 2, "depth": 3},
    "lite_time": {"width": 2},
    "lstm": {"width": 4},
    "minirocket": {"features": 168},
    "tcn": {"width": 4, "depth": 2},
    "transformer": {"width": 4, "depth": 1, "heads": 2},
}
STEPPED = sorted(set(SMALL) - {"minirocket"})


def series(count: int, length: int, channels: int) -> Array:
    """Of all lengths, 0 among them, with a hole; behind the end is NaN."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(count, length, channels)).astype("float32")
    lengths = generator.integers(2, length + 1, count)
    lengths[:2] = length, 0
    x[np.arange(length) >= lengths[:, None]] = np.nan
    x[0, 3, 0] = np.nan
    return x


# Their graphs take many seconds to make.
LARGE = ("bilstm", "inception_time", "lite_time")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow) if name in LARGE else name for name in STEPPED],
)
def test_training_twice_gives_the_same_bits(name: str) -> None:
    signature = Signature.time_series(20, 2, classes=3)
    rows = Arrays({"series": series(24, 20, 2)}, np.arange(24, dtype="int32") % 3)
    training_options = TrainingOptions(batch_size=8, compile="graph")
    found = []
    for _ in range(2):
        keras.utils.set_random_seed(5)
        network = models.build(name, signature, **SMALL[name])
        with deterministic():
            loss = loss_function(training_options, signature.output)
            engine = Engine(network, rows, training_options=training_options, row_loss=loss, seed=1)
            for epoch in range(2):
                engine.run_epoch(epoch, np.full(3, 0.01, "float32"))
        found.append(engine.read_state())
    for first, second in zip(*found, strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", STEPPED)
def test_training_does_not_see_what_is_behind_the_end(name: str) -> None:
    """Longer inputs with nothing in them leave the loss of a step as it is."""
    signature = Signature.time_series(12, 2, classes=3)
    longer = replace(signature, series=(replace(signature.series[0], length=20),))
    x = series(8, 12, 2)
    padded = np.pad(x, [(0, 0), (0, 8), (0, 0)], constant_values=np.nan)
    none = {"dropout": 0.0} if "dropout" in models.hyperparameters(name) else {}
    found = []
    for each, values in ((signature, x), (longer, padded)):
        keras.utils.set_random_seed(5)
        network = models.build(name, each, **SMALL[name], **none)
        tensors = {"series": keras.ops.convert_to_tensor(values)}
        found.append(np.asarray(network(tensors, training=True)))
    np.testing.assert_allclose(found[0], found[1], atol=1e-4)


def test_minirocket_does_not_see_what_is_behind_the_end() -> None:
    """What is there beyond the mask, and how long rows of zeros are, does not matter."""
    signature = Signature.time_series(30, 2, classes=3)
    network = models.build("minirocket", signature, **SMALL["minirocket"])
    x = series(12, 30, 2)
    initialize = models.get("minirocket").initialize
    assert initialize is not None
    initialize(network, {"series": x}, np.arange(12, dtype="int32") % 3, 0)
    whole = outputs_of(network, {"series": x})
    single = [outputs_of(network, {"series": x[i : i + 1]}) for i in range(12)]
    np.testing.assert_allclose(np.concatenate(single), whole, atol=1e-4)


def test_minirocket_learns_in_one_go() -> None:
    """Two kinds of waves, one of them at any time, of any length."""
    generator = np.random.default_rng(0)
    codes = (np.arange(60) % 2).astype("int32")
    places = np.arange(40) + generator.uniform(0, 40, (60, 1))
    x = np.sin(places * np.where(codes, 0.7, 1.1)[:, None])[:, :, None].astype("float32")
    x[np.arange(40) >= generator.integers(25, 41, 60)[:, None]] = np.nan
    network = models.build("minirocket", Signature.time_series(40, 1, classes=2), features=840)
    initialize = models.get("minirocket").initialize
    assert initialize is not None
    initialize(network, {"series": x[:40]}, codes[:40], 0)
    assert ((outputs_of(network, {"series": x[40:]})[:, 0] > 0) == codes[40:]).mean() == 1


def test_features_of_minirocket_are_centred() -> None:
    x = series(20, 30, 2)
    network = models.build("minirocket", Signature.time_series(30, 2, classes=2), features=168)
    initialize = models.get("minirocket").initialize
    assert initialize is not None
    initialize(network, {"series": x}, np.arange(20, dtype="int32") % 2, 0)
    part = keras.Model(network.inputs, network.get_layer("series_features").output)
    found = outputs_of(part, {"series": x})
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-6)
    assert found.std(axis=0).max() > 0.1


def test_minirocket_makes_no_forecast() -> None:
    with pytest.raises(ConfigError, match="minirocket tells classes and values of whole sequences"):
        models.build("minirocket", Signature.forecast(24, 6))


def test_filters_made_by_hand() -> None:
    """They rise, fall and peak: none answers to what is constant, each to its own."""
    filters = filters_by_hand()
    assert [len(each) for each in filters] == [2, 4, 8, 16, 32, 64] * 2 + [6, 12, 24, 48, 96]
    for each in filters:
        assert abs(each.sum()) < 1e-9
    rise, fall, peak = filters[0], filters[6], filters[-1]
    np.testing.assert_array_equal(rise, [-1, 1])
    np.testing.assert_array_equal(fall, [1, -1])
    np.testing.assert_allclose(peak, peak[::-1])
    assert peak.argmax() in (47, 48)


@pytest.mark.parametrize(
    ("name", "expected"), [("fcn", 264_192), ("inception_time", 420_192), ("lite_time", 9_814)]
)
def test_parameters_of_the_papers(name: str, expected: int) -> None:
    """As the paper of LITE counts them, for one channel, without the last layer."""
    signature = Signature.time_series(150, 1, classes=3)
    plain = replace(signature, series=(replace(signature.series[0], has_missing=False),))
    weights = models.build(name, plain).trainable_weights
    assert sum(int(np.prod(w.shape)) for w in weights if "output" not in w.path) == expected


@pytest.mark.parametrize("name", ["airbench", "cnn", "convnext", "resnet9", "vit", "wide_resnet"])
def test_models_for_images_take_sounds(name: str) -> None:
    small: dict[str, Any] = {
        "airbench": {"width": 4, "width_2": 4, "width_3": 4},
        "cnn": {"width": 4, "depth": 2},
        "convnext": {"width": 4, "depth": 1},
        "resnet9": {"width": 2},
        "vit": {"width": 4, "depth": 1, "heads": 2},
        "wide_resnet": {"width": 1, "depth": 10},
    }
    signature = Signature.table(sounds=[(1200, 4000)], classes=3)
    network = models.build(name, signature, **small[name])
    x = np.random.default_rng(0).uniform(-1, 1, (6, 1200)).astype("float32")
    x[1, 500:], x[2] = np.nan, np.nan
    if initialize := models.get(name).initialize:
        initialize(network, {"sound": x}, None, 0)
        kernel = np.asarray(network.get_layer("sound_whitening").kernel)
        assert np.isfinite(kernel).all()
    found = outputs_of(network, {"sound": x})
    assert np.isfinite(found).all()
    assert np.ptp(found[[0, 1, 2]], axis=0).min() > 0
