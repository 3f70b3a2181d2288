"""Transfer learning, from files of weights that the tests make, into a tiny architecture."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from click.testing import CliRunner
from keras.src.legacy.saving import legacy_h5_format
from PIL import Image

import kerasnn
from kerasnn import layers
from kerasnn.cli.main import commands
from kerasnn.config.config import Config
from kerasnn.config.settings import collect
from kerasnn.datasets.tabular import read_table
from kerasnn.errors import ConfigError, KerasnnWarning
from kerasnn.layers.weights_files import check_weights_file
from kerasnn.report.sections.training.stages import sentence, stages
from kerasnn.signature import Signature
from kerasnn.trainers.fit import TrainedModel, TrainingSetup, fit_network, prepare
from kerasnn.training import fit as fitting
from kerasnn.training import transfer
from kerasnn.training.checkpoints import Checkpoints
from kerasnn.training.engine import Engine
from kerasnn.training.fit import EpochRecord
from kerasnn.training.transfer import cut_head, end_unfrozen, features

ENDS = {"image": "image_features"}
BASIC = {"model": "transfer", "resolution": 32, "epochs": 2, "batch_size": 8, "dropout": 0.5}


def tiny(
    *,
    include_top: bool,
    weights: None,
    input_tensor: Any = None,
    input_shape: tuple[int, ...] | None = None,
    width: int = 8,
) -> keras.Model:
    """In the place of MobileNetV2: convolutions, batch normalization, a residual, an own top."""
    inputs = keras.Input(input_shape) if input_tensor is None else input_tensor
    x = inputs
    for number, channels in enumerate((4, width, width), 1):
        before = x
        x = keras.layers.Conv2D(
            channels, 3, strides=2 if number < 3 else 1, padding="same", name=f"Conv{number}"
        )(x)
        x = keras.layers.BatchNormalization(name=f"bn_Conv{number}")(x)
        x = keras.layers.ReLU(name=f"Conv{number}_relu")(x)
    x = keras.layers.Add(name="add")([before, x])
    if include_top:
        x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
        x = keras.layers.Dense(10, name="predictions")(x)
    return keras.Model(keras.utils.get_source_inputs(inputs), x)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.applications, "MobileNetV2", tiny)
    monkeypatch.setattr(transfer, "HEAD_EPOCHS", 6)


def trained(model: keras.Model, *, seed: int = 3) -> keras.Model:
    """With other weights than a new network has, in the statistics too."""
    random = np.random.default_rng(seed)
    # Variances among them.
    values = [random.uniform(0.1, 0.5, weight.shape) for weight in model.get_weights()]
    model.set_weights([v * random.choice([-1, 1], v.shape) if v.ndim > 1 else v for v in values])
    return model


def write(model: keras.Model, path: Path) -> Path:
    """In the layout of ``save_weights``, or in that of the files on the web."""
    if path.name.endswith(".weights.h5"):
        model.save_weights(path)
    else:
        with h5py.File(path, "w") as file:
            legacy_h5_format.save_weights_to_hdf5_group(file, model)
    return path


@pytest.fixture
def weights(small: None, tmp_path: Path) -> Path:
    source = tiny(include_top=False, weights=None, input_shape=(32, 32, 3))
    return write(trained(source), tmp_path / "tiny.weights.h5")


def photos(n_rows: int = 32) -> pd.DataFrame:
    """Red and blue ones."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 200, (n_rows, 32, 32, 3), dtype=np.uint8)
    labels = np.arange(n_rows) % 2
    pixels[np.arange(n_rows), :, :, labels * 2] += 40
    names = np.array(["red", "blue"])[labels]
    return pd.DataFrame(
        {"photo": list(pixels), "numbers": random.normal(size=n_rows), "label": names}
    )


def training_setup(
    weights: Path | None, frame: pd.DataFrame | None = None, **given: Any
) -> tuple[TrainingSetup, Config]:
    if frame is None:
        frame = photos().drop(columns="numbers")
    chosen = {**BASIC, "target": "label", "pretrained": weights, **given}
    table, config = read_table(collect(set=chosen), {"data": frame})
    return prepare(table, config), config


def values(network: keras.Model) -> dict[str, np.ndarray]:
    return {v.path: v.numpy() for v in network.variables}


def changed(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> set[str]:
    return {path for path in one if not np.array_equal(one[path], other[path])}


def encoder(paths: Iterable[str]) -> set[str]:
    return {path for path in paths if path.startswith("image/")}


class Seen:
    """The weights after each epoch of the second stage."""

    def __init__(self) -> None:
        self.epochs: list[dict[str, np.ndarray]] = []
        self.trainable: list[str] = []

    def on_steps(self, epoch: int, done: int, total: int) -> None:
        pass

    def on_epoch(self, row: EpochRecord, engine: Engine) -> None:
        self.epochs.append(values(engine.network))
        self.trainable = [v.path for v in engine.network.trainable_variables]


@pytest.mark.parametrize("top", [False, True], ids=["no_top", "with_top"])
@pytest.mark.parametrize("name", ["a.weights.h5", "a.h5"])
def test_files_of_both_layouts_load(name: str, top: bool, small: None, tmp_path: Path) -> None:
    source = trained(tiny(include_top=top, weights=None, input_shape=(32, 32, 3)))
    path = write(source, tmp_path / name)
    network = kerasnn.models.transfer(Signature.image(32, 32, classes=2), resolution=32)
    layers.load_pretrained(network, path, backbone="mobilenet_v2")
    for layer in source.layers:
        if layer.weights and layer.name != "predictions":
            for got, given in zip(
                network.get_layer(f"image_{layer.name}").get_weights(),
                layer.get_weights(),
                strict=True,
            ):
                np.testing.assert_array_equal(got, given)


@pytest.mark.parametrize("name", ["b.weights.h5", "b.h5"])
def test_other_architectures_are_refused(name: str, small: None, tmp_path: Path) -> None:
    other = tiny(include_top=False, weights=None, input_shape=(32, 32, 3), width=5)
    path = write(other, tmp_path / name)
    network = kerasnn.models.transfer(Signature.image(32, 32, classes=2), resolution=32)
    before = values(network)
    with pytest.raises(ConfigError) as caught:
        layers.load_pretrained(network, path, backbone="mobilenet_v2")
    # 3·3·3·4 + 4 + 4·4, then 3·3·4·5 + 5 + 4·5, then 3·3·5·5 + 5 + 4·5.
    mine, theirs = other.count_params(), 108 + 20 + 288 + 40 + 576 + 40
    assert str(caught.value) == (
        f"`pretrained` holds no weights of mobilenet_v2: the file has {mine:,} numbers in 18 arrays, "
        f"the architecture without its top {theirs:,} in 18 ({path}) – choose the `backbone` whose "
        "weights they are, or another file"
    )
    assert not changed(before, values(network))


def test_what_is_no_file_of_weights(small: None, tmp_path: Path) -> None:
    (tmp_path / "text.h5").write_text("weights")
    (tmp_path / "cut.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(50))
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = np.zeros(3)
    source = tiny(include_top=False, weights=None, input_shape=(32, 32, 3))
    write(source, tmp_path / "a.weights.h5").rename(tmp_path / "renamed.h5")
    write(source, tmp_path / "a.h5").rename(tmp_path / "renamed.weights.h5")
    messages = {
        "missing.h5": "`pretrained`: no such file",
        ".": "`pretrained`: a folder",
        "text.h5": "`pretrained` is no file of Keras weights",
        "cut.h5": "`pretrained` is no file of Keras weights",
        "other.h5": "`pretrained` is no file of Keras weights",
        "renamed.h5": "ends in '.weights.h5'",
        "renamed.weights.h5": "ends in '.h5', but not in '.weights.h5'",
    }
    for name, message in messages.items():
        with pytest.raises(ConfigError) as caught:
            check_weights_file(tmp_path / name)
        assert message in str(caught.value)
        assert str(tmp_path) in str(caught.value)


def test_only_some_models_take_weights(weights: Path) -> None:
    with pytest.raises(ConfigError, match="'airbench' does not"):
        collect(set={"model": "airbench", "pretrained": weights}).resolve()


def test_random_weights_are_warned_of(small: None) -> None:
    with pytest.warns(KerasnnWarning, match="'transfer' starts from random weights"):
        training_setup(None)


def test_features_are_the_networks_own(weights: Path) -> None:
    known, _ = training_setup(weights)
    network, inputs = known.network, known.train.inputs
    pixels = np.asarray(inputs["image"][:])
    end = network.get_layer("image_features").output
    view = keras.Model(network.input, end)
    for mirrored in (False, True):
        (found,) = features(network, inputs, ENDS, mirrored=mirrored).values()
        shown = pixels[:, :, ::-1] if mirrored else pixels
        wanted = view({"image": shown.astype("float32")}, training=False)
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)

    class OnDisk:
        shape, dtype = pixels.shape, pixels.dtype

        def __len__(self) -> int:
            return len(pixels)

        def __getitem__(self, rows: Any) -> np.ndarray:
            return pixels[rows]

    (read,) = features(network, {"image": OnDisk()}, ENDS, mirrored=True).values()
    np.testing.assert_array_equal(read, found)


def test_a_head_says_what_the_network_says(weights: Path) -> None:
    known, _ = training_setup(weights)
    outputs = known.network(
        {"image": np.asarray(known.train.inputs["image"][:], "float32")}, training=False
    )
    head = cut_head(known.network, known.train, known.validation, ends=ENDS, mirrored=True)
    n_rows = len(known.train)
    assert len(head.train) == 2 * n_rows
    assert len(head.validation) == len(known.validation)
    np.testing.assert_array_equal(head.train.target[:n_rows], head.train.target[n_rows:])
    said = head.network(head.train.inputs, training=False)
    np.testing.assert_allclose(said[:n_rows], outputs, rtol=1e-5, atol=1e-5)
    # The encoder is no part of it.
    assert [v.path for v in head.network.trainable_variables] == ["output/kernel", "output/bias"]


def test_two_images_and_weights_of_rows(weights: Path) -> None:
    frame = photos()
    frame["other"] = frame["photo"].iloc[::-1].tolist()
    known, _ = training_setup(weights, frame.iloc[1:], class_weight="balanced")
    names = ("image", "image_2")
    first, second = (known.network.get_layer(f"{name}_Conv1").get_weights() for name in names)
    np.testing.assert_array_equal(first[0], second[0])
    ends = {name: f"{name}_features" for name in names}
    inputs = {name: tf.constant(x[:]) for name, x in known.train.inputs.items()}
    outputs = known.network(inputs, training=False).numpy()
    rows = known.train
    head = cut_head(known.network, rows, known.validation, ends=ends, mirrored=True)
    said = head.network(head.train.inputs, training=False)
    np.testing.assert_allclose(said[: len(rows)], outputs, rtol=1e-5, atol=1e-5)
    assert rows.weights is not None
    np.testing.assert_array_equal(head.train.weights, np.tile(rows.weights, 2))


def test_the_first_stage_trains_the_head_alone(weights: Path) -> None:
    known, config = training_setup(weights, fine_tune=0)
    before = values(known.network)
    trained_model = fit_network(known, config)
    assert changed(before, values(known.network)) >= {"output/kernel", "output/bias"}
    assert encoder(before)
    assert not encoder(changed(before, values(known.network)))
    assert {row["stage"] for row in trained_model.fitted.history} == {1}
    assert trained_model.fitted.progress.stopped in ("no gain", "all epochs done")
    rates = {row["learning_rate"] for row in trained_model.fitted.history}
    np.testing.assert_allclose(list(rates), [1e-3])


def test_the_second_stage_trains_the_end_without_its_norms(weights: Path) -> None:
    known, config = training_setup(weights, fine_tune=0.5)
    before, seen = values(known.network), Seen()
    trained_model = fit_network(known, config, callbacks=(seen,))
    history = trained_model.fitted.history
    assert [row["stage"] for row in history] == sorted(row["stage"] for row in history)
    assert sum(row["stage"] == 2 for row in history) == 2
    assert [row["epoch"] for row in history] == list(range(1, len(history) + 1))
    assert max(row["learning_rate"] for row in history[-2:]) <= 1e-4
    # Of Conv1, bn_Conv1, Conv2, bn_Conv2, Conv3, bn_Conv3 the last three, without the norms.
    learnt = {"image/Conv3/kernel", "image/Conv3/bias", "output/kernel", "output/bias"}
    assert set(seen.trainable) == learnt
    moved = changed(before, seen.epochs[-1])
    assert {path for path in moved if "seed" not in path} == learnt
    assert all(layer.trainable for layer in known.network.layers)


def test_how_much_is_unfrozen(weights: Path) -> None:
    network = training_setup(weights)[0].network

    def free() -> set[str]:
        return {x.name for x in network.layers if x.trainable_variables} - {"output"}

    everything = free()
    for share, wanted in (
        (0.0, set()),
        (0.33, {"image_Conv3"}),
        (0.7, {"image_Conv2", "image_Conv3"}),
        (1.0, {"image_Conv1", "image_Conv2", "image_Conv3"}),
    ):
        with end_unfrozen(network, ENDS, share):
            assert free() == wanted
    assert free() == everything


def test_the_best_of_both_stages_is_kept(weights: Path) -> None:
    known, config = training_setup(weights, fine_tune=0)
    alone = fit_network(known, config)
    spoilt, config = training_setup(weights, fine_tune_rate=5.0, warmup=0, optimizer="adam")
    both = fit_network(spoilt, config)
    assert len(both.fitted.history) > len(alone.fitted.history)
    assert both.fitted.progress.best_epoch == alone.fitted.progress.best_epoch > 0
    for path, value in values(known.network).items():
        if "seed" not in path:
            np.testing.assert_array_equal(value, values(spoilt.network)[path])


def test_mirror_images_are_learned_from_where_training_mirrors(weights: Path) -> None:
    known, config = training_setup(weights, fine_tune=0, augment="none")
    plain = fit_network(known, config)
    known, config = training_setup(weights, fine_tune=0, augment="flip")
    mirrored = fit_network(known, config)
    assert plain.predictor.decision.flip_tta is False
    assert mirrored.predictor.decision.flip_tta is True
    assert plain.fitted.history[0]["loss"] != mirrored.fitted.history[0]["loss"]


def test_beside_a_table_its_block_learns_in_the_first_stage(weights: Path) -> None:
    known, config = training_setup(weights, photos(), fine_tune=0)
    before = values(known.network)
    fit_network(known, config)
    moved = changed(before, values(known.network))
    assert {"table/kernel", "output/kernel"} <= moved
    assert not encoder(moved)


def test_the_finder_looks_at_the_head(weights: Path) -> None:
    known, config = training_setup(weights, learning_rate=0, fine_tune=0)
    trained_model = fit_network(known, config)
    assert trained_model.sweep is not None
    assert trained_model.config.training.learning_rate == trained_model.sweep.suggestion


def test_a_time_limit_leaves_the_first_stage(weights: Path) -> None:
    known, config = training_setup(weights, time_limit_s=0.01, epochs=500, patience=0)
    trained_model = fit_network(known, config)
    assert trained_model.fitted.progress.stopped == "time limit"
    assert trained_model.fitted.progress.best_epoch > 0


class KilledError(Exception):
    pass


def outcome(trained_model: TrainedModel) -> dict[str, Any]:
    return {
        "history": trained_model.fitted.history,
        **trained_model.fitted.progress.to_dict(),
        "seconds": 0,
    }


def test_killed_runs_end_with_the_same_bits(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "CHECKPOINT_SHARE", 1e9)
    settings = {"epochs": 3, "augment": "flip,shift", "fine_tune_rate": 0.01}
    known, config = training_setup(weights, **settings)
    whole = fit_network(known, config)
    checkpoints = Checkpoints(tmp_path / "checkpoints")

    class Killer(Seen):
        def on_epoch(self, row: EpochRecord, engine: Engine) -> None:
            if row["epoch"] == 2:
                raise KilledError

    other, config = training_setup(weights, **settings)
    with pytest.raises(KilledError):
        fit_network(other, config, checkpoints=checkpoints, callbacks=(Killer(),))
    resumed, config = training_setup(weights, **settings)
    again = fit_network(resumed, config, checkpoints=checkpoints)
    n_first = sum(row["stage"] == 1 for row in again.fitted.history)
    assert again.fitted.resumed_at == n_first + 1
    assert outcome(again) == outcome(whole)
    for one, two in zip(known.network.variables, resumed.network.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy())


def test_interrupted_in_the_second_stage(weights: Path, tmp_path: Path) -> None:
    class Hand(Seen):
        def on_steps(self, epoch: int, done: int, total: int) -> None:
            raise KeyboardInterrupt

    alone, config = training_setup(weights, fine_tune=0)
    fit_network(alone, config)
    known, config = training_setup(weights)
    trained_model = fit_network(
        known, config, checkpoints=Checkpoints(tmp_path / "c"), callbacks=(Hand(),)
    )
    assert trained_model.fitted.progress.stopped == "interrupted"
    assert {row["stage"] for row in trained_model.fitted.history} == {1}
    np.testing.assert_array_equal(
        known.network.get_layer("output").get_weights()[0],
        alone.network.get_layer("output").get_weights()[0],
    )
    whole, config = training_setup(weights)
    resumed, _ = training_setup(weights)
    once = fit_network(whole, config)
    again = fit_network(resumed, config, checkpoints=Checkpoints(tmp_path / "c"))
    assert outcome(again) == outcome(once)


def train(weights: Path, **given: Any) -> kerasnn.Run:
    frame = photos().drop(columns="numbers")
    return kerasnn.train(
        frame, target="label", set={**BASIC, "pretrained": weights}, baselines=False, **given
    )


def test_a_run_without_its_file_of_weights(weights: Path, tmp_path: Path) -> None:
    run = train(weights)
    frame = photos().drop(columns="numbers")
    before = run.predict(frame)
    run.save(tmp_path / "model.kerasnn")
    weights.unlink()
    loaded = kerasnn.load(tmp_path / "model.kerasnn")
    pd.testing.assert_frame_equal(loaded.predict(frame), before)
    told = loaded.bundle.report["training"]
    assert [stage["epochs"] for stage in told["stages"]][1] == 2
    assert sum(stage["epochs"] for stage in told["stages"]) == told["n_epochs"]
    assert "stages    the head alone reached" in loaded.summary()
    loaded.report(tmp_path / "report.html")
    assert "There were two stages: the head alone reached" in (tmp_path / "report.html").read_text(
        encoding="utf-8"
    )


def test_a_run_does_not_go_on_with_other_weights(weights: Path, tmp_path: Path) -> None:
    run = train(weights, output=tmp_path / "run")
    frame = photos().drop(columns="numbers")
    other = weights.with_name("other.weights.h5")
    source = tiny(include_top=False, weights=None, input_shape=(32, 32, 3))
    write(trained(source, seed=4), other)
    assert run.folder is not None
    with pytest.raises(ConfigError, match="the pretrained weights changed"):
        kerasnn.train(frame, resume=run.folder, set={"pretrained": other, "epochs": 3})
    weights.unlink()
    with pytest.raises(ConfigError, match=r"no such file \(.*tiny\.weights\.h5\)"):
        kerasnn.train(frame, resume=run.folder, set={"epochs": 3})


@pytest.mark.slow
def test_a_run_goes_on_though_its_weights_were_moved(weights: Path, tmp_path: Path) -> None:
    run = train(weights, output=tmp_path / "run")
    frame = photos().drop(columns="numbers")
    moved = weights.rename(weights.with_name("moved.weights.h5"))
    assert run.folder is not None
    again = kerasnn.train(frame, resume=run.folder, set={"pretrained": moved, "epochs": 3})
    assert again.bundle.report["training"]["stages"][1]["epochs"] == 3
    history = pd.read_csv(run.folder / "history.csv")
    assert history["stage"].tolist()[-4:] == [1, 2, 2, 2]


def test_stages_of_a_measure_that_is_better_when_higher() -> None:
    rows = [
        {"stage": 1, "validation_accuracy": 0.5},
        {"stage": 1, "validation_accuracy": float("nan")},
        {"stage": 2, "validation_accuracy": 0.75},
        {"stage": 2, "validation_accuracy": 0.625},
    ]
    found = stages(rows, "validation_accuracy")
    assert found == [{"epochs": 2, "best": 0.5}, {"epochs": 2, "best": 0.75}]
    told = sentence({"monitor": "validation_accuracy", "stages": found})
    assert told == (
        "the head alone reached 0.5000 in 2 epochs, then with the end of the backbone 0.7500 in "
        "2 epochs (accuracy on the validation rows)"
    )
    assert sentence({"monitor": "validation_accuracy"}) == ""


def test_the_command_refuses_a_wrong_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(8):
        folder = tmp_path / "photos" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 32), (number * 20, 0, 90)).save(folder / f"{number}.png")
    (tmp_path / "wrong.h5").write_text("no weights")
    for name, message in (
        ("wrong.h5", "`pretrained` is no file of Keras weights (wrong.h5)"),
        ("none.h5", "`pretrained`: no such file (none.h5)"),
    ):
        arguments = ["photos", "--model", "transfer", "--set", f"pretrained={name}"]
        result = CliRunner().invoke(commands, ["train", *arguments])
        assert result.exit_code == 2
        assert message in result.stderr
        assert len(result.stderr.splitlines()) == 1
    assert not Path("runs").exists()


@pytest.mark.slow
@pytest.mark.parametrize("top", [False, True], ids=["no_top", "with_top"])
def test_the_real_architecture(top: bool, tmp_path: Path) -> None:
    source = keras.applications.MobileNetV2(include_top=top, weights=None)
    path = write(trained(source), tmp_path / "mobilenet_v2.h5")
    other = keras.applications.MobileNetV3Small(include_top=False, weights=None)
    wrong = write(other, tmp_path / "mobilenet_v3_small.weights.h5")
    with pytest.raises(ConfigError, match="holds no weights of mobilenet_v2"):
        training_setup(wrong)
    known, config = training_setup(path)
    np.testing.assert_array_equal(
        known.network.get_layer("image_block_16_project").get_weights()[0],
        source.get_layer("block_16_project").get_weights()[0],
    )
    trained_model = fit_network(known, config)
    assert [row["stage"] for row in trained_model.fitted.history][-2:] == [2, 2]
