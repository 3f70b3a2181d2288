"""Networks that take images, in each runtime: any size, mirror images, tables beside, 8 bits."""

from __future__ import annotations

import keras
import numpy as np
import pandas as pd
import pytest
from helpers import printed_by_example
from keras import ops

from kerasnn import export, layers
from kerasnn.bundle import Bundle
from kerasnn.data.resize import filter_weights, resize, resize_tensor
from kerasnn.data.schema import Column, Schema, Target
from kerasnn.errors import ConfigError, ExportError
from kerasnn.export import formats, images, int8, serving, verify
from kerasnn.options import TrainingOptions
from kerasnn.prediction.predictor import Decision, Predictor
from kerasnn.preprocessing import Preprocessor, graph
from kerasnn.runs.tabular import Run
from kerasnn.signature import Signature

FORMATS = export.names()
SIZE, SIDE = "8x6x3", 8
SIZES = [(8, 6), (5, 4), (1, 1), (13, 40), (64, 16)]
TARGETS = {
    "binary": Target("y", "binary", ("no", "yes")),
    "multiclass": Target("y", "multiclass", ("a", "b", "c")),
    "regression": Target("y", "regression"),
}


def rows(task: str, n: int = 40, *, channels: int = 3) -> pd.DataFrame:
    """Images whose brightness is the class; beside them a number, a category and a date."""
    random = np.random.default_rng(0)
    classes = TARGETS[task].classes
    codes = random.integers(0, len(classes) or 5, n)
    cells = np.empty(n, dtype=object)
    for i, code in enumerate(codes):
        shape = (*SIZES[i % len(SIZES)], channels)
        cells[i] = np.clip(random.normal(40 + 60 * code, 20, shape), 0, 255).astype("uint8")
    labels = [classes[code] for code in codes] if classes else codes * 2.5
    return pd.DataFrame(
        {
            "photo": cells,
            "age": random.normal(40, 9, n),
            "city": random.choice(["Köln", "東京"], n),
            "y": labels,
        }
    )


def network(signature: Signature) -> keras.Model:
    """One convolution and its GELU; the pixels' place counts, so that a mirror image differs."""

    def backbone(x, name):
        x = keras.layers.Conv2D(4, 3, padding="same", name=f"{name}_conv")(x)
        x = keras.layers.BatchNormalization(name=f"{name}_norm")(x)
        return keras.layers.Flatten(name=f"{name}_flat")(ops.gelu(x, approximate=True))

    inputs = layers.build_inputs(signature)
    features = layers.image_features(inputs, signature, backbone)
    return layers.network(inputs, layers.output_layer(features, signature), name="photo")


def predictor_of(
    task: str, *columns: Column, channels: int = 3, flip_tta: bool = False
) -> Predictor:
    keras.utils.set_random_seed(0)
    layout = SIZE if channels == 3 else "8x6x1"
    schema = Schema((Column("photo", "image", layout=layout), *columns), TARGETS[task])
    fitted = Preprocessor.fit(rows(task, channels=channels), schema)
    decision = Decision(temperature=1.7, threshold=0.3, flip_tta=flip_tta)
    return Predictor(fitted, network(fitted.signature), decision)


def trained(predictor: Predictor, frame: pd.DataFrame) -> Predictor:
    """Until it tells the classes apart."""
    inputs = predictor.preprocessor.transform(frame).inputs
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    predictor.network.compile(keras.optimizers.Adam(0.01), loss)
    inputs = {name: values.astype("float32") for name, values in inputs.items()}
    predictor.network.fit(inputs, predictor.preprocessor.target(frame), epochs=30, verbose=0)
    return predictor


@pytest.fixture(scope="module")
def mirrored() -> Predictor:
    return predictor_of("multiclass", flip_tta=True)


@pytest.fixture(scope="module")
def taught() -> Predictor:
    return trained(predictor_of("multiclass"), rows("multiclass", 200))


def test_weights_are_exact_and_sum_to_one():
    for size_in, size_out in [(1, 3), (7, 32), (32, 32), (500, 33), (4000, 32)]:
        positions = np.arange(size_in, dtype="float32")[None]
        weights = filter_weights(np, positions, size_out)
        steps = weights * 2048
        assert (steps == np.round(steps)).all()
        assert (weights.sum(axis=1) == 1).all()
        assert (weights >= 0).all()
        np.testing.assert_array_equal(filter_weights(ops, positions, size_out), weights)


def test_resize_of_unknown_size_is_that_of_training():
    inputs = keras.Input((None, None, 3), dtype="uint8")
    model = keras.Model(inputs, resize_tensor(inputs, 8, 6))
    random = np.random.default_rng(0)
    for height, width in [*SIZES, (300, 211)]:
        pixels = random.integers(0, 256, (2, height, width, 3)).astype("uint8")
        expected = [resize(image, 8, 6) for image in pixels]
        np.testing.assert_array_equal(model(pixels), expected)


def test_column_with_the_name_of_an_operation_of_resizing_gets_another():
    inputs = keras.Input((None, None, 1), dtype="uint8", name="x")
    model = keras.Model(inputs, ops.flip(resize_tensor(inputs, 2, 2), axis=2))
    names = [operation.name for operation in model.operations if operation.name != "x"]
    assert len(names) > 20
    assert all(name.startswith("column_") for name in graph.input_names(names).values())


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_takes_images_of_any_size(mirrored, format, tmp_path):
    from PIL import Image

    frame = rows("multiclass")
    path = tmp_path / export.default_name(format)
    result = export.export(mirrored, path, format=format, sample=frame)
    assert result.n_rows >= 100
    assert result.largest_difference <= 1e-5

    run = formats.get(format).load(path)
    for height, width in [(8, 6), (3, 2), (50, 31)]:
        pixels = np.random.default_rng(1).integers(0, 256, (3, height, width, 3)).astype("uint8")
        expected = mirrored.scores(pd.DataFrame({"photo": list(pixels)}))
        np.testing.assert_allclose(run({"photo": pixels}), expected, atol=1e-5)

    text = result.card.read_text()
    assert "| `photo` | photo | uint8 | (batch, height, width, 3) |" in text
    assert "- Images of `photo` are resized to 8 × 6 pixels." in text
    assert "mirror images" in text
    if format == "keras":
        assert "without kerasnn" in text
    Image.fromarray(frame["photo"][3]).save(tmp_path / "photo.png")
    found = printed_by_example(text, tmp_path)
    np.testing.assert_allclose(found, mirrored.scores(frame.iloc[3:4])[0], atol=1e-5)


@pytest.mark.parametrize("format", ["onnx", "litert"])
def test_tables_with_images(format, tmp_path):
    predictor = predictor_of("binary", Column("age", "number"), Column("city", "category"))
    path = tmp_path / export.default_name(format)
    result = export.export(predictor, path, format=format, sample=rows("binary"))
    assert result.largest_difference <= 1e-5
    text = result.card.read_text()
    assert "| `age` | age | float32 | (batch, 1) |" in text
    assert '"photo": ' in text
    assert '"city": ' in text


def test_grey_images_and_made_up_rows(tmp_path):
    from PIL import Image

    predictor = predictor_of("regression", channels=1)
    result = export.export(predictor, tmp_path / "m.tflite", format="litert")
    assert result.largest_difference <= 1e-5
    pixels = rows("regression", channels=1)["photo"][3]
    Image.fromarray(pixels[..., 0]).save(tmp_path / "photo.png")
    found = printed_by_example(result.card.read_text(), tmp_path)
    expected = predictor.scores(pd.DataFrame({"photo": [pixels]}))
    np.testing.assert_allclose(found, np.abs(expected), rtol=1e-4)


def test_mirror_image_counts_as_much(mirrored):
    frame = pd.DataFrame({"photo": list(rows("multiclass", 5)["photo"])})
    turned = pd.DataFrame({"photo": [np.ascontiguousarray(p[:, ::-1]) for p in frame["photo"]]})
    plain = mirrored.with_decision(Decision(temperature=1.7))
    assert np.abs(plain.scores(frame)[0] - plain.scores(turned)[0]).max() > 1e-3
    model = serving.serving_model(mirrored)

    def call(raw):
        return np.asarray(model(raw)["probabilities"])

    found = serving.run_rows(call, serving.raw_inputs(mirrored.preprocessor, frame))
    alike = serving.run_rows(call, serving.raw_inputs(mirrored.preprocessor, turned))
    np.testing.assert_allclose(found[0], alike[0], atol=1e-6)


def test_rows_to_compare_on_have_many_sizes_and_blank_cells(tmp_path):
    from PIL import Image

    predictor = predictor_of("binary", Column("age", "number"), Column("city", "category"))
    frame = rows("binary")
    for i, pixels in enumerate(frame["photo"]):
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
        frame.loc[i, "photo"] = str(tmp_path / f"{i}.png")
    edge_case = verify.nasty_rows(predictor.preprocessor, frame)
    half = len(edge_case) // 2
    shapes = [pixels.shape for pixels in edge_case["photo"]]
    assert {shape[:2] for shape in shapes[:half]} == set(SIZES)
    own, smaller, larger, wide = images.sizes(predictor.preprocessor.images[0])
    assert own == (8, 6)
    assert {shape[:2] for shape in shapes[half:]} == {own, smaller, larger, wide}
    assert len({shape[:2] for shape in shapes[-verify.SINGLE_ROWS :]}) == 4
    assert edge_case["photo"].notna().all()
    assert edge_case[["age", "city"]].iloc[-1].isna().all()


def test_large_images_are_few(monkeypatch):
    predictor = predictor_of("multiclass")
    monkeypatch.setattr(images, "MOST_PIXELS", 1000)
    frame = images.decoded(predictor.preprocessor, rows("multiclass"))
    pixels = [image.shape[0] * image.shape[1] for image in frame["photo"]]
    assert sum(pixels[:-1]) < 1000 <= sum(pixels)


def test_rows_of_several_sizes_come_back_in_their_order():
    frame = rows("multiclass", 12)
    predictor = predictor_of("multiclass")
    raw = serving.raw_inputs(predictor.preprocessor, frame)
    seen = []

    def call(inputs):
        seen.append(inputs["photo"].shape)
        return inputs["photo"].mean(axis=(1, 2, 3))[:, None]

    found = serving.run_rows(call, raw)
    assert len(seen) == len(SIZES)
    np.testing.assert_allclose(found[:, 0], [image.mean() for image in frame["photo"]])


def test_int8_agrees_and_takes_plain_bytes(taught, tmp_path):
    from PIL import Image

    frame = rows("multiclass", 200)
    held = int8.HeldBack(calibration=frame.iloc[:60], test=frame.iloc[60:])
    path = tmp_path / export.default_name("litert", int8=True)
    assert path.name == "model-int8.tflite"
    result = export.export(taught, path, format="litert", held=held)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([path.name, result.card.name])
    scores = result.int8
    assert scores.metric == "accuracy"
    assert scores.original > 0.9
    assert scores.quantised > 0.9
    assert scores.agreement > 0.95
    assert 0 < result.largest_difference < 0.3
    assert result.n_rows == scores.n_rows == 140
    assert f"agreement {scores.agreement:.4f} on 140 test rows" in result.summary()
    assert result.to_dict()["int8"]["quantised"] == scores.quantised

    from ai_edge_litert.interpreter import Interpreter

    (tensor,) = Interpreter(str(path)).get_input_details()
    assert (tensor["dtype"], tensor["quantization"]) == (np.uint8, (1.0, 0))
    assert [*tensor["shape_signature"]] == [-1, 8, 6, 3]

    text = result.card.read_text()
    assert "| `photo` | photo | uint8 | (batch, 8, 6, 3) |" in text
    assert f"| accuracy in 8 bits | {scores.quantised:.4f} |" in text
    Image.fromarray(frame["photo"][60]).save(tmp_path / "photo.png")
    found = printed_by_example(text, tmp_path)
    np.testing.assert_allclose(found, taught.scores(frame.iloc[60:61])[0], atol=0.15)


def test_int8_of_a_regression_and_mirror_images(tmp_path):
    frame = rows("regression", 60)
    predictor = predictor_of("regression", flip_tta=True)
    held = int8.HeldBack(calibration=frame, test=frame)
    result = export.export(predictor, tmp_path / "m.tflite", format="litert", held=held)
    assert result.int8.metric == "R²"
    assert result.int8.agreement > 0.95


def test_run_measures_on_its_test_rows(taught, tmp_path):
    frame = rows("multiclass", 90)
    parts = {"validation": frame.iloc[:40], "test": frame.iloc[40:]}
    run = Run(Bundle("cnn", {}, TrainingOptions(), taught), folder=tmp_path, _held_back=parts)
    result = run.export("litert", int8=True)
    assert result.path == tmp_path / "model-int8.tflite"
    # Without scores there were no test rows.
    assert result.n_rows == 40
    with pytest.raises(ConfigError, match="int8 is for litert only; got 'keras'"):
        run.export("keras", int8=True)


def test_int8_that_loses_much_is_not_written(taught, tmp_path, monkeypatch):
    module = formats.get("litert")
    honest = module.load

    def shuffled(path):
        run = honest(path)
        return lambda raw: np.roll(run(raw), 1, axis=1)

    monkeypatch.setattr(module, "load", shuffled)
    frame = rows("multiclass", 80)
    held = int8.HeldBack(calibration=frame, test=frame)
    with pytest.raises(ExportError, match=r"8 bits lose too much: accuracy in 8 bits 0\.0"):
        export.export(taught, tmp_path / "m.tflite", format="litert", held=held)
    assert list(tmp_path.iterdir()) == []


def test_int8_is_for_litert_and_images_alone(taught, tmp_path):
    frame = rows("binary")
    held = int8.HeldBack(calibration=frame, test=frame)
    with pytest.raises(ConfigError, match="int8 is for litert only; got 'onnx'"):
        export.export(taught, tmp_path / "m.onnx", format="onnx", held=held)
    mixed = predictor_of("binary", Column("age", "number"))
    with pytest.raises(ConfigError, match="int8 is for networks that take images and nothing else"):
        export.export(mixed, tmp_path / "m.tflite", format="litert", held=held)
    assert list(tmp_path.iterdir()) == []
