"""Each format carries the preprocessing, agrees with the original, and opens without kerasnn."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from kerasnn import export, models
from kerasnn.data.schema import Column, Schema, Target
from kerasnn.errors import (
    ConfigError,
    DataError,
    ExportError,
    MissingDependencyError,
    UnknownNameError,
)
from kerasnn.export import formats, verify
from kerasnn.export.example import example_row
from kerasnn.export.page import page
from kerasnn.export.serving import raw_inputs, serving_model
from kerasnn.options import PreprocessingOptions
from kerasnn.prediction.predictor import Decision, Predictor
from kerasnn.preprocessing import Preprocessor
from kerasnn.signature import Signature

FORMATS = export.names()
TARGETS = {
    "binary": Target("y", "binary", ("no", "yes")),
    "multiclass": Target("y", "multiclass", ("a", "b", "ç")),
    "regression": Target("y", "regression"),
}
COLUMNS = (
    Column("age", "number"),
    Column("hours per week", "number"),
    Column("member", "boolean"),
    Column("city", "category"),
    Column("functional", "category"),
    Column("seen", "date"),
)


def rows(task: str, n: int = 90) -> pd.DataFrame:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": random.normal(40, 12, n),
            "hours per week": random.poisson(30, n),
            "member": random.choice([True, False], n),
            "city": random.choice(["Köln", "東京", 'x,"y'], n),
            "functional": random.choice([1, 2, 3], n),
            "seen": pd.to_datetime(random.integers(-(2**30), 2**31, n), unit="s"),
            "y": random.choice(TARGETS[task].classes or [950.0, 1050.0], n),
        }
    )
    frame.loc[::7, "age"] = np.nan
    frame.loc[::9, "city"] = None
    return frame


def network(signature: Signature, *, width: int = 4) -> keras.Model:
    numbers = keras.Input((len(signature.numbers.names),), name="numbers")
    codes = keras.Input((len(signature.categories.names),), dtype="int32", name="categories")
    embedded = keras.layers.Embedding(8, 3)(codes)
    joined = keras.layers.Concatenate()([numbers, keras.layers.Flatten()(embedded)])
    hidden = keras.layers.Dense(width, activation="silu")(joined)
    outputs = keras.layers.Dense(signature.output.width)(hidden)
    return keras.Model({"numbers": numbers, "categories": codes}, outputs, name="age")


def predictor_of(task: str, **options: object) -> Predictor:
    keras.utils.set_random_seed(0)
    schema = Schema(COLUMNS, TARGETS[task])
    fitted = Preprocessor.fit(rows(task), schema, PreprocessingOptions(**options))
    return Predictor(fitted, network(fitted.signature), Decision(temperature=1.7, threshold=0.3))


@pytest.fixture(scope="module")
def binary() -> Predictor:
    return predictor_of("binary")


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_carries_the_preprocessing(binary, format, tmp_path):
    path = tmp_path / f"model{export.suffix(format)}"
    result = export.export(binary, path, format=format, sample=rows("binary"))
    assert result.path.exists()
    assert result.n_rows >= 200
    assert result.largest_difference <= 1e-5
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([path.name, result.card.name])

    text = result.card.read_text()
    assert result.card.name == f"model.{format}.md"
    assert "| `hours_per_week` | hours per week | float32 | (batch, 1) |" in text
    assert '```json\n["no", "yes"]\n```' in text
    assert "decides for `yes` from the probability 0.3 on, else for `no`." in text
    snippet = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
    without = f"{snippet}\nimport sys\nassert 'kerasnn' not in sys.modules\n"
    done = subprocess.run(
        [sys.executable, "-c", without], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = [float(number) for number in re.findall(r"\d\.\d+(?:e-\d+)?", done.stdout)]
    example = pd.DataFrame([example_row(binary.preprocessor)])
    example["seen"] = pd.to_datetime(example["seen"], unit="s")
    np.testing.assert_allclose(found, binary.scores(example)[0], atol=1e-5)


@pytest.mark.parametrize(
    ("task", "format"),
    [("multiclass", "saved_model"), ("multiclass", "litert"), ("regression", "onnx")],
)
def test_other_tasks(task, format, tmp_path):
    predictor = predictor_of(task, scale="quantile")
    path = tmp_path / f"model{export.suffix(format)}"
    result = export.export(predictor, path, format=format)
    assert result.largest_difference <= 1e-5
    name = "`prediction`" if task == "regression" else '["a", "b", "ç"]'
    assert name in result.card.read_text()


@pytest.mark.parametrize(
    ("model", "task", "sizes"),
    [
        ("realmlp", "binary", {"width": 4}),
        ("tabm", "binary", {"n_members": 3, "width": 4}),
        ("tabpack", "binary", {"n_members": 3, "width": 4}),
        ("tabpack", "regression", {"n_members": 3, "width": 4}),
        # It looks up all categories.
        ("ft_transformer", "binary", {"width": 4, "heads": 2}),
    ],
)
def test_models_for_tables_in_litert(model, task, sizes, tmp_path):
    entry = models.get(model)
    fitted = Preprocessor.fit(rows(task), Schema(COLUMNS, TARGETS[task]), entry.preprocessing)
    predictor = Predictor(fitted, models.build(model, fitted.signature, **sizes))
    result = export.export(predictor, tmp_path / "m.tflite", format="litert")
    assert result.largest_difference <= 1e-5


@pytest.mark.parametrize("format", ["onnx", "litert", "saved_model"])
def test_capitals_of_names_stay(format, tmp_path):
    columns = tuple(Column(column.name.title(), column.kind) for column in COLUMNS)
    frame = rows("binary").rename(columns=str.title).rename(columns={"Y": "y"})
    fitted = Preprocessor.fit(frame, Schema(columns, TARGETS["binary"]))
    predictor = Predictor(fitted, network(fitted.signature))
    path = tmp_path / f"model{export.suffix(format)}"
    result = export.export(predictor, path, format=format, sample=frame)
    assert result.largest_difference <= 1e-5
    assert '"Hours_Per_Week": ' in result.card.read_text()


def test_columns_named_like_words_of_python(tmp_path):
    words = dict(
        zip([column.name for column in COLUMNS], ["class", "Lambda", "None"], strict=False)
    )
    columns = tuple(Column(words.get(column.name, column.name), column.kind) for column in COLUMNS)
    frame = rows("binary").rename(columns=words)
    fitted = Preprocessor.fit(frame, Schema(columns, TARGETS["binary"]))
    predictor = Predictor(fitted, network(fitted.signature))
    result = export.export(predictor, tmp_path / "m.onnx", format="onnx", sample=frame)
    assert result.largest_difference <= 1e-5
    assert '"column_class": ' in result.card.read_text()


def test_smooth_clip_in_litert(tmp_path):
    predictor = predictor_of("regression", scale="robust_smooth_clip")
    result = export.export(predictor, tmp_path / "m.tflite", format="litert")
    assert result.largest_difference <= 1e-5


def test_target_far_from_zero_in_litert(tmp_path):
    fitted = predictor_of("regression").preprocessor
    wide = Predictor(fitted, network(fitted.signature, width=512))
    result = export.export(wide, tmp_path / "m.tflite", format="litert")
    assert result.largest_difference <= 1e-6


def test_page_of_a_keras_file_names_the_modules_it_needs(binary):
    class Square(keras.layers.Layer):
        def call(self, x):
            return x * x

    Square.__module__ = "kerasnn.layers.squares"
    inputs = keras.Input((1,))
    model = keras.Model(inputs, Square()(inputs))
    text = page(binary, model, "m.keras", "keras")
    assert "needs kerasnn, for layers that Keras lacks" in text
    assert "```python\nimport kerasnn.layers.squares  # noqa: F401\nimport keras\n" in text
    assert "It opens without kerasnn." in page(binary, model, "m", "saved_model")


def test_serving_model_gives_both_probabilities_of_two_classes(binary):
    import tensorflow as tf

    frame = rows("binary")
    raw = raw_inputs(binary.preprocessor, frame)
    found = serving_model(binary)({name: tf.constant(cells) for name, cells in raw.items()})
    np.testing.assert_allclose(found["probabilities"], binary.scores(frame), atol=1e-6)


def test_nasty_rows_have_blank_and_unseen_cells(binary):
    frame = verify.nasty_rows(binary.preprocessor, rows("binary", 30))
    assert len(frame) == 2 * 120
    half = frame.iloc[120:]
    assert (half.isna().mean() > 0.03).all()
    assert half.iloc[-1].isna().all()
    assert half["city"].isin(verify.UNSEEN).any()
    assert binary.preprocessor.transform(frame).unseen.keys() == {"city", "functional"}


def test_different_model_is_not_written(binary, tmp_path, monkeypatch):
    module = formats.get("keras")
    honest = module.load

    def dishonest(path):
        run = honest(path)
        return lambda raw: run(raw) + np.float32(2e-5)

    monkeypatch.setattr(module, "load", dishonest)
    with pytest.raises(ExportError) as caught:
        export.export(binary, tmp_path / "m.keras", format="keras")
    assert re.fullmatch(
        r"the exported model differs from the original by 2\.\de-05, more than 1e-05 – "
        "use another format, and report the network",
        str(caught.value),
    )
    assert list(tmp_path.iterdir()) == []


def test_model_that_returns_nan_is_not_written(binary, tmp_path, monkeypatch):
    module = formats.get("keras")
    honest = module.load
    monkeypatch.setattr(module, "load", lambda path: lambda raw: honest(path)(raw) * np.nan)
    with pytest.raises(ExportError, match="returns 416 values that are not finite"):
        export.export(binary, tmp_path / "m.keras", format="keras", sample=rows("binary", 100))
    assert list(tmp_path.iterdir()) == []


def test_converter_that_fails_is_one_line(binary, tmp_path, monkeypatch):
    def write(model, path):
        path.write_text("half")
        raise RuntimeError("no such op\nat line 3")

    monkeypatch.setattr(formats.get("keras"), "write", write)
    with pytest.raises(ExportError) as caught:
        export.export(binary, tmp_path / "m.keras", format="keras")
    assert str(caught.value) == "the network can't be converted to Keras: no such op"
    assert list(tmp_path.iterdir()) == []


def test_file_is_not_replaced_without_force(binary, tmp_path):
    path = tmp_path / "m.keras"
    path.write_text("precious")
    with pytest.raises(ConfigError) as caught:
        export.export(binary, path, format="keras")
    assert str(caught.value) == f"the file exists ({path}) – use `force` to replace it"
    assert path.read_text() == "precious"
    export.export(binary, path, format="keras", force=True)
    assert path.stat().st_size > 1000


def test_only_a_saved_model_is_replaced_by_one(binary, tmp_path):
    folder = tmp_path / "model"
    export.export(binary, folder, format="saved_model")
    export.export(binary, folder, format="saved_model", force=True)
    assert (folder / "saved_model.pb").is_file()
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter").write_text("precious")
    with pytest.raises(ConfigError, match="something else is there"):
        export.export(binary, other, format="saved_model", force=True)
    assert (other / "chapter").read_text() == "precious"


def test_sample_must_have_the_columns(binary, tmp_path):
    sample = rows("binary").drop(columns=["age", "city"])
    with pytest.raises(DataError, match="columns are missing: 'age', 'city'"):
        export.export(binary, tmp_path / "m.keras", format="keras", sample=sample)


def test_wrong_ending(binary, tmp_path):
    with pytest.raises(ConfigError, match=r"a litert file ends in '\.tflite'; got 'm\.onnx'"):
        export.export(binary, tmp_path / "m.onnx", format="litert")


def test_unknown_format(binary, tmp_path):
    with pytest.raises(UnknownNameError, match="unknown format 'onx' – did you mean 'onnx'"):
        export.export(binary, tmp_path / "m.onnx", format="onx")


def test_missing_extra(binary, tmp_path, monkeypatch):
    monkeypatch.setattr(formats.get("onnx"), "PACKAGES", ("no_such_package",))
    with pytest.raises(MissingDependencyError) as caught:
        export.export(binary, tmp_path / "m.onnx", format="onnx")
    assert str(caught.value) == ("exporting to ONNX needs an extra – pip install 'kerasnn[onnx]'")


def test_export_is_quiet(binary, tmp_path):
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_formats import *
predictor = predictor_of("binary")
sys.stderr.write("<<<"); sys.stderr.flush()
export.export(predictor, {str(tmp_path / "m.tflite")!r}, format="litert")
sys.stderr.write(">>>"); sys.stderr.flush()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert re.search("<<<(.*)>>>", done.stderr, re.DOTALL)[1] == ""
