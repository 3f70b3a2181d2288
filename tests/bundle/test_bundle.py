"""A bundle brings back what was put into it, and says what it is."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from kerasnn import models
from kerasnn.bundle import Bundle, members, read_members, summary
from kerasnn.bundle.weights import load_network, save_weights, stable_names
from kerasnn.data import read
from kerasnn.data.schema import infer
from kerasnn.errors import DataError, ModelRefusedError, StorageError
from kerasnn.files.json_values import dumps, loads, shown, to_plain
from kerasnn.options import TrainingOptions
from kerasnn.prediction.predictor import Decision, Predictor
from kerasnn.preprocessing import Preprocessor
from kerasnn.signature import Signature

TARGETS = {
    "binary": ["no", "yes"],
    "multiclass": [1, 2, 3],
    "regression": list(np.linspace(-5, 5, 40)),
}


def table(task: str = "binary") -> pd.DataFrame:
    generator = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "size": generator.normal(size=40),
            "colour": generator.choice(["red", "green", "b\u0000lue\u202e"], 40),
            "shape": generator.choice([f"shape {i}" for i in range(20)], 40),
            "day": pd.date_range("2026-01-01", periods=40),
            "target": np.resize(TARGETS[task], 40),
        }
    )


def pictures() -> pd.Series:
    pixels = np.random.default_rng(2).integers(0, 256, (40, 16, 16, 3), dtype="uint8")
    return pd.Series(list(pixels), dtype=object)


def notes() -> pd.Series:
    words = np.random.default_rng(3).choice(["fine", "cheap", "late", "broken"], (40, 5))
    return pd.Series([" ".join(line) for line in words], dtype=object)


def readings() -> pd.Series:
    lines = np.random.default_rng(4).normal(size=(40, 20)).astype("float32")
    return pd.Series(list(lines), dtype=object)


# The column of what a model is made for, beside the table.
COLUMNS: dict[str, dict[str, tuple[str, Callable[[], pd.Series]]]] = {
    "table": {},
    "image": {"picture": ("image", pictures)},
    "text": {"note": ("text", notes)},
    "sequence": {"readings": ("series", readings)},
}
# Those for forecasts have bundles of their own: tests/forecasting/test_forecaster.py.
NAMES = [name for name in models.names() if models.data_of(name) in COLUMNS]


def whole_table(model: str, task: str) -> pd.DataFrame:
    """With a column of what the model is made for."""
    more = COLUMNS[models.data_of(model)]
    return table(task).assign(**{name: make() for name, (_, make) in more.items()})


def make(model: str = "linear", task: str = "binary", **hyperparameters: Any) -> Bundle:
    frame = whole_table(model, task)
    columns: dict[str, Any] = {"target": "category"} if task == "multiclass" else {}
    columns |= {name: kind for name, (kind, _) in COLUMNS[models.data_of(model)].items()}
    preprocessor = Preprocessor.fit(frame, infer(read(frame), target="target", columns=columns))
    network = models.build(model, preprocessor.signature, **hyperparameters)
    generator = np.random.default_rng(1)
    for weight in network.weights:
        weight.assign(np.abs(generator.normal(size=weight.shape)))
    decision = Decision() if task == "regression" else Decision(1.5, 0.25)
    return Bundle(
        model=model,
        hyperparameters=hyperparameters,
        training_options=TrainingOptions(epochs=3, learning_rate=0.01),
        predictor=Predictor(preprocessor, network, decision),
        config={"run": {"seed": 7}, "split": {"test": 0.1}},
        report={"scores": {"auc": 0.75}, "note": "näh"},
    )


def small(model: str) -> dict[str, Any]:
    """Hyper-parameters of a tiny network."""
    wanted = {
        **{"width": 4, "width_2": 4, "width_3": 4, "depth": 10 if model == "wide_resnet" else 2},
        **{"heads": 2, "buckets": 50, "features": 168, "resolution": 32},
    }
    return {name: wanted[name] for name in models.hyperparameters(model) if name in wanted}


@pytest.mark.parametrize(
    ("model", "task"),
    [*((name, "binary") for name in NAMES), ("mlp", "multiclass"), ("mlp", "regression")],
)
def test_what_is_saved_comes_back(tmp_path: Path, model: str, task: str) -> None:
    bundle = make(model, task, **small(model))
    bundle.save(tmp_path / "model.kerasnn")
    loaded = Bundle.load(tmp_path / "model.kerasnn")
    frame = whole_table(model, task)
    pd.testing.assert_frame_equal(
        loaded.predictor.predict(frame), bundle.predictor.predict(frame), check_exact=True
    )
    assert loaded.model == model
    assert loaded.hyperparameters == models.hyperparameters(model) | small(model)
    assert loaded.training_options == bundle.training_options
    assert (loaded.config, loaded.report) == (bundle.config, bundle.report)
    assert loaded.predictor.decision == bundle.predictor.decision
    assert loaded.predictor.preprocessor == bundle.predictor.preprocessor
    loaded.save(tmp_path / "again.kerasnn")
    again = (tmp_path / "again.kerasnn").read_bytes()
    assert again == (tmp_path / "model.kerasnn").read_bytes()


def test_zip_tools_can_read_it(tmp_path: Path) -> None:
    make().save(tmp_path / "model.kerasnn")
    with zipfile.ZipFile(tmp_path / "model.kerasnn") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [members.MANIFEST, *members.LIMITS]
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
        content = {name: archive.read(name) for name in members.LIMITS}
    assert read_members(tmp_path / "model.kerasnn") == content


def test_folder_of_the_members_and_of_the_run_will_do(tmp_path: Path) -> None:
    bundle = make()
    (tmp_path / "run").mkdir()
    bundle.save(tmp_path / "run" / "model.kerasnn")
    with zipfile.ZipFile(tmp_path / "run" / "model.kerasnn") as archive:
        archive.extractall(tmp_path / "unpacked")
    for path in (tmp_path / "run", tmp_path / "unpacked", str(tmp_path / "run")):
        loaded = Bundle.load(path)
        assert loaded.predictor.preprocessor == bundle.predictor.preprocessor


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(DataError) as caught:
        Bundle.load(missing)
    assert str(caught.value) == f"no such model ({missing}) – check the path"
    with pytest.raises(DataError) as caught:
        Bundle.load(tmp_path)
    expected = f"there is no model in the folder ({tmp_path}) – name a folder that training made"
    assert str(caught.value) == expected


def test_newer_schema_asks_for_an_upgrade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "SCHEMA", 2)
    make().save(tmp_path / "model.kerasnn")
    monkeypatch.undo()
    with pytest.raises(ModelRefusedError) as caught:
        Bundle.load(tmp_path / "model.kerasnn")
    assert str(caught.value) == (
        "the model is refused: made by a newer kerasnn (schema 2); this one reads 1 "
        f"({tmp_path / 'model.kerasnn'}) – pip install -U kerasnn"
    )
    assert caught.value.exit_code == 3


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.kerasnn"
    path.write_bytes(b"")

    def fail(*args: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(StorageError) as caught:
        Bundle.load(path)
    assert str(caught.value) == f"can't be read: permission denied ({path})"


def test_too_large_a_member_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.kerasnn"
    path.write_bytes(b"old")
    monkeypatch.setitem(members.LIMITS, members.REPORT, 10)
    with pytest.raises(StorageError, match=r"report\.json takes 0\.0 MiB, more than 0"):
        make().save(path)
    assert path.read_bytes() == b"old"


def test_results_without_a_number_are_kept_as_none(tmp_path: Path) -> None:
    bundle = make()
    bundle.report = {"auc": np.float64("nan"), "rows": np.arange(2), "where": Path("x"), 1: {2}}
    bundle.save(tmp_path / "model.kerasnn")
    expected = {"auc": None, "rows": [0, 1], "where": "x", "1": [2]}
    assert Bundle.load(tmp_path / "model.kerasnn").report == expected


def test_precision_of_the_process_does_not_matter(tmp_path: Path) -> None:
    bundle = make("mlp", **small("mlp"))
    bundle.save(tmp_path / "model.kerasnn")
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        loaded = Bundle.load(tmp_path / "model.kerasnn")
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy(before)
    frame = table()
    found, expected = loaded.predictor.scores(frame), bundle.predictor.scores(frame)
    np.testing.assert_array_equal(found, expected)


class TestNamesOfWeights:
    def test_they_do_not_depend_on_the_session(self) -> None:
        script = """
import json, sys
from kerasnn import models
from kerasnn.bundle.weights import stable_names
from kerasnn.signature import Signature
found = {}
for name, (signature, values) in json.load(sys.stdin).items():
    found[name] = stable_names(models.build(name, Signature.from_dict(signature), **values))
print(json.dumps(found))
"""
        forecast = Signature.forecast(
            12, 3, targets=2, past_covariates=1, future_covariates=1, numbers=1
        )
        sizes: dict[str, Any] = {"numbers": 2, "categories": [4, (30, 3)]}
        whole = Signature.table(
            **sizes, images=[(16, 16, 3)], texts=[(5, 9)], series=[(20, 2)], classes=3
        )
        built = {
            name: (forecast if models.data_of(name) == "forecast" else whole, small(name))
            for name in models.names()
        }
        here = {
            name: stable_names(models.build(name, each[0], **each[1]))
            for name, each in built.items()
        }
        given = {name: (each[0].to_dict(), each[1]) for name, each in reversed(built.items())}
        command = [sys.executable, "-c", script]
        run = subprocess.run(
            command, input=json.dumps(given), capture_output=True, text=True, check=True
        )
        assert json.loads(run.stdout) == here
        for names in here.values():
            assert len(set(names)) == len(names)

    def test_numbers_of_the_process_are_left_out(self) -> None:
        def build() -> keras.Model:
            inputs = keras.Input((2,))
            hidden = keras.layers.Dense(2)(inputs)
            hidden = keras.layers.BatchNormalization()(keras.layers.Dense(2)(hidden))
            hidden = keras.layers.Dropout(0.5)(hidden)
            return keras.Model(inputs, hidden)

        build()
        expected = [
            *("dense/kernel", "dense/bias", "dense_2/kernel", "dense_2/bias"),
            *("batch_normalization/gamma", "batch_normalization/beta"),
            *("batch_normalization/moving_mean", "batch_normalization/moving_variance"),
        ]
        network = build()
        assert len(network.variables) > len(expected)  # the state of the dropout
        assert stable_names(network) == expected

    def test_layers_within_layers_are_numbered_apart(self) -> None:
        class Pair(keras.layers.Layer):
            def __init__(self) -> None:
                super().__init__()
                self.parts = [keras.layers.Dense(1), keras.layers.Dense(1)]

            def call(self, x: Any) -> Any:
                return self.parts[0](x) + self.parts[1](x)

        inputs = keras.Input((1,))
        network = keras.Model(inputs, Pair()(Pair()(inputs)))
        names = stable_names(network)
        assert names == [
            *("pair/dense/kernel", "pair/dense/bias", "pair/dense_2/kernel", "pair/dense_2/bias"),
            *("pair_2/dense/kernel", "pair_2/dense/bias"),
            *("pair_2/dense_2/kernel", "pair_2/dense_2/bias"),
        ]


def test_a_network_is_not_built_before_its_weights_fit() -> None:
    def build(width: int) -> keras.Model:
        inputs = keras.Input((1,))
        return keras.Model(inputs, keras.layers.Dense(width, name="head")(inputs))

    content = save_weights(build(2))
    values = [np.asarray(weight) for weight in load_network(lambda: build(2), content).weights]
    assert [value.shape for value in values] == [(1, 2), (2,)]
    # Its kernel alone would take 4 TB.
    with pytest.raises(ModelRefusedError) as caught:
        load_network(lambda: build(10**12), content)
    assert str(caught.value) == "its network needs more weights than the file holds"
    # Nor is it, when the next one is built: Keras allocates late what it had put off.
    assert build(3).count_params() == 6


class TestSummary:
    def test_it_names_what_matters(self, tmp_path: Path) -> None:
        bundle = make("mlp", width=4, depth=1)
        bundle.save(tmp_path / "model.kerasnn")
        text = summary(tmp_path / "model.kerasnn")
        assert text == bundle.describe()
        n_parameters = sum(int(np.prod(w.shape)) for w in bundle.predictor.network.weights)
        for line in (
            "target      target (binary, 2 classes: no, yes)",
            "decision    temperature 1.5, yes from a probability of 0.25",
            f"parameters  {n_parameters:,}",
            "  size    number",
            "  day     date",
            "  activation     silu",
        ):
            assert line in text.splitlines()

    @pytest.mark.parametrize("task", TARGETS)
    def test_each_task_has_one(self, task: str) -> None:
        text = make(task=task).describe()
        assert f"target      target ({task}, " in text
        assert ("decision" in text) == (task != "regression")

    def test_keras_is_not_needed(self, tmp_path: Path) -> None:
        make().save(tmp_path / "model.kerasnn")
        script = (
            "import sys; from kerasnn.bundle import summary; print(summary(sys.argv[1]));"
            "assert not {'keras', 'tensorflow', 'kerasnn.models'} & set(sys.modules)"
        )
        command = [sys.executable, "-c", script, str(tmp_path / "model.kerasnn")]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (run.returncode, run.stderr) == (0, "")
        assert run.stdout.startswith("linear, made by kerasnn ")

    def test_many_columns_are_cut_short(self) -> None:
        generator = np.random.default_rng(0)
        frame = pd.DataFrame({f"x{i}": generator.normal(size=40) for i in range(50)})
        frame["target"] = np.resize(["no", "yes"], 40)
        preprocessor = Preprocessor.fit(frame, infer(read(frame), target="target"))
        network = models.build("linear", preprocessor.signature)
        text = Bundle("linear", {}, TrainingOptions(), Predictor(preprocessor, network)).describe()
        assert "  and 10 more" in text.splitlines()

    def test_text_of_a_stranger_cannot_steer_the_terminal(self) -> None:
        assert shown("a\x1b[2Jb\u202e\n") == "a\\x1b[2Jb\\u202e\\n"
        assert shown("x" * 100) == "x" * 59 + "…"


class TestPlain:
    def test_it_comes_back(self) -> None:
        data = {"a": [1, 2.5, -0.0, None, True, "\ud800", "\u0000é"], "b": {}, "c": 1e-320}
        assert loads(dumps(data), location="x") == data

    @pytest.mark.parametrize("depth", [32, 33])
    def test_depth_is_bounded(self, depth: int) -> None:
        text = ('[{"k":' * depth)[: 6 * (depth // 2)] + ("[" if depth % 2 else "")
        closing = ("]" if depth % 2 else "") + "}]" * (depth // 2)
        content = (text + ("" if depth % 2 else "1") + closing).encode()
        assert json.loads(content)
        if depth == 32:
            assert loads(content, location="x") == json.loads(content)
        else:
            with pytest.raises(ModelRefusedError, match="x is nested deeper than 32 levels"):
                loads(content, location="x")

    def test_brackets_in_text_are_no_depth(self) -> None:
        data = ["[" * 100, '"[' * 100, "\\" * 3 + "[" * 50]
        assert loads(dumps(data), location="x") == data

    @pytest.mark.parametrize(
        ("content", "what"),
        [
            (b'{"a":1,"a":2}', "a key is there twice"),
            (b"[NaN]", "it holds NaN"),
            (b"[-Infinity]", "it holds -Infinity"),
            (b"[1e999]", "a number is too large"),
            (b"1" * 5000, "a number is too large"),
            (b'["\xff"]', "it is not JSON"),
            (b"{'a': 1}", "it is not JSON"),
            (b'{"a":1', "it is not JSON"),
            (b'"unfinished', "it is not JSON"),
            (b"", "it is not JSON"),
        ],
    )
    def test_surprises_are_refused(self, content: bytes, what: str) -> None:
        with pytest.raises(ModelRefusedError) as caught:
            loads(content, location="x.json")
        if content != b'{"a":1':
            assert str(caught.value) == f"x.json can't be read: {what}"

    def test_nan_is_not_written(self) -> None:
        with pytest.raises(ValueError, match="not JSON compliant"):
            dumps([float("nan")])
        assert to_plain([float("nan"), TrainingOptions(epochs=2)])[1]["epochs"] == 2
