"""Series and sounds from cells to the inputs of a network, their state, runs, and estimators."""

from __future__ import annotations

import json
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import kerasnn
from kerasnn.bundle import Bundle
from kerasnn.config.settings import collect
from kerasnn.data import read
from kerasnn.data.frames import as_objects
from kerasnn.data.media.sound_cells import AudioCell
from kerasnn.data.schema import infer
from kerasnn.datasets.digests import hash_table
from kerasnn.datasets.tabular import read_table
from kerasnn.errors import DataError, ModelRefusedError
from kerasnn.evaluation.baselines import baselines
from kerasnn.evaluation.series_summaries import PIECES, of_series, of_sounds
from kerasnn.export import sequences
from kerasnn.options import PreprocessingOptions
from kerasnn.preprocessing import Preprocessor
from kerasnn.preprocessing.mel import log_mel
from kerasnn.preprocessing.series import behind_end

NAN = np.nan
RATE = 1_000


def walks(n: int = 12, *, channels: int = 2, seed: int = 0) -> list[NDArray[np.float32]]:
    random = np.random.default_rng(seed)
    cells = []
    for i in range(n):
        steps = random.normal(size=(3 + i % 4, channels)) + (i % 2)
        cells.append(steps.cumsum(axis=0).astype("float32"))
    return cells


def table(n: int = 12, **columns: Any) -> pd.DataFrame:
    data = {"x": as_objects(walks(n)), "y": ["ab"[i % 2] for i in range(n)]}
    return pd.DataFrame({**data, **columns})


def tones(n: int = 12) -> pd.Series:
    random = np.random.default_rng(0)
    cells = []
    for i in range(n):
        times = np.arange(60 + 10 * (i % 3)) / RATE
        noise = random.normal(0, 0.01, len(times))
        samples = 0.5 * np.sin(2 * np.pi * (100 + 200 * (i % 2)) * times) + noise
        cells.append(AudioCell(samples.astype("float32"), RATE))
    return as_objects(cells)


def fitted(frame: pd.DataFrame, **options: Any) -> Preprocessor:
    schema = infer(read(frame), target="y")
    return Preprocessor.fit(frame, schema, PreprocessingOptions(**options))


def test_series() -> None:
    frame = table()
    preprocessor = fitted(frame)
    assert preprocessor.schema.features[0].layout == "6x2"
    values = preprocessor.transform(frame).inputs["series"]
    assert (values.shape, values.dtype) == ((12, 6, 2), np.float32)
    for row, cell in enumerate(frame["x"]):
        np.testing.assert_array_equal(values[row, : len(cell)], cell)
        assert np.isnan(values[row, len(cell) :]).all()
    every = np.concatenate(list(frame["x"])).astype("float64")
    [series] = preprocessor.signature.series
    np.testing.assert_allclose(series.mean, every.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(series.deviation, every.std(axis=0), rtol=1e-6)
    assert (series.length, series.channels, series.has_missing) == (6, 2, False)
    np.testing.assert_array_equal(preprocessor.raw(frame)["x"], values)


def test_missing_readings_are_noted_where_a_series_goes_on() -> None:
    cells = walks()
    cells[3][1, 0] = NAN
    assert fitted(table(x=as_objects(cells))).series[0].has_missing
    values = np.array([[[1.0], [NAN], [2.0], [NAN]]], dtype="float32")
    np.testing.assert_array_equal(behind_end(values), [[False, False, False, True]])


def test_channels_that_never_change_and_that_are_empty() -> None:
    cells = [
        np.column_stack([cell, np.full(len(cell), 7), np.full(len(cell), NAN)]) for cell in walks()
    ]
    [series] = fitted(table(x=as_objects(cells))).signature.series
    assert series.mean[2:] == (7.0, 0.0)
    assert series.deviation[2:] == (1.0, 1.0)


def test_longer_series_are_cut_and_counted() -> None:
    preprocessor = fitted(table(), series_length=4)
    prepared = preprocessor.transform(table())
    assert prepared.inputs["series"].shape == (12, 4, 2)
    assert prepared.cut == {"x": 6}
    assert fitted(table()).transform(table()).cut == {}


def test_other_channels_and_infinite_readings_are_refused() -> None:
    preprocessor = fitted(table())
    with pytest.raises(DataError, match="a series of 3 channels where training had 2"):
        preprocessor.transform(table(x=as_objects(walks(channels=3))))
    cells = walks()
    cells[5][0, 0] = np.inf
    with pytest.raises(DataError, match=r"an infinite reading \(row 5, column 'x'\)"):
        preprocessor.transform(table(x=as_objects(cells)))


def test_sounds() -> None:
    frame = table(x=tones())
    preprocessor = fitted(frame)
    assert preprocessor.schema.features[0].layout == "1000x80"
    values = preprocessor.transform(frame).inputs["sound"]
    assert (values.shape, values.dtype) == ((12, 80), np.float32)
    [sound] = preprocessor.signature.sounds
    spectra = log_mel(values, RATE).astype("float64")
    assert (sound.samples, sound.rate) == (80, RATE)
    np.testing.assert_allclose(sound.mean, np.nanmean(spectra), rtol=1e-5)
    np.testing.assert_allclose(sound.deviation, np.nanstd(spectra), rtol=1e-4)
    shorter = fitted(frame, sound_seconds=0.05, sample_rate=500)
    assert shorter.signature.sounds[0].samples == 25


def test_several_columns_beside_a_table() -> None:
    frame = table(z=as_objects(walks(channels=1, seed=1)), s=tones(), age=np.arange(12) % 5)
    preprocessor = fitted(frame)
    inputs = preprocessor.transform(frame).inputs
    assert {name: value.shape for name, value in inputs.items()} == {
        "numbers": (12, 1),
        "series": (12, 6, 2),
        "series_2": (12, 6, 1),
        "sound": (12, 80),
    }
    again = Preprocessor.from_dict(json.loads(json.dumps(preprocessor.to_dict())))
    assert again == preprocessor
    assert again.signature == preprocessor.signature


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("series", {"length": 0}),
        ("series", {"length": 7}),
        ("series", {"channels": True}),
        ("series", {"mean": [0.0]}),
        ("series", {"mean": [0.0, 1e300]}),
        ("series", {"deviation": [1.0, 0.0]}),
        ("series", {"has_missing": 1}),
        ("series", {"other": 1}),
        ("sounds", {"samples": 2**40}),
        ("sounds", {"rate": 0}),
        ("sounds", {"rate": 999}),
        ("sounds", {"mean": float("nan")}),
        ("sounds", {"deviation": -1.0}),
    ],
)
def test_a_state_that_fitting_cannot_lead_to(part: str, change: dict[str, Any]) -> None:
    plain = fitted(table(s=tones())).to_dict()
    plain[part] = [{**plain[part][0], **change}]
    with pytest.raises(ModelRefusedError, match="the preprocessing is malformed"):
        Preprocessor.from_dict(plain)


def test_long_tables_in_a_state() -> None:
    frame = pd.DataFrame(
        {
            "id": np.repeat(range(8), 4),
            "t": list(range(4)) * 8,
            "x": np.random.default_rng(0).normal(size=32),
            "y": np.repeat(list("abababab"), 4),
        }
    )
    given = {"forecast.series": ("id",), "forecast.time": "t", "data.target": "y"}
    found, config = read_table(collect(given), {"data": frame})
    assert found.schema.long is not None
    assert [column.name for column in found.schema.features] == ["series"]
    assert len(found.source.frame) == 8
    preprocessor = Preprocessor.fit(found.rows("train"), found.schema, config.preprocessing)
    plain = json.loads(json.dumps(preprocessor.to_dict()))
    assert Preprocessor.from_dict(plain).schema.long == found.schema.long
    for change in ({"keys": []}, {"channels": [1]}, {"column": "other"}):
        damaged = {
            **plain,
            "schema": {**plain["schema"], "long": {**plain["schema"]["long"], **change}},
        }
        with pytest.raises(ModelRefusedError):
            Preprocessor.from_dict(damaged)


def test_the_hash_of_a_table_sees_every_reading() -> None:
    settings = collect({"data.target": "y"})
    cells = walks(40)
    long = [np.concatenate([cell] * 400) for cell in cells]
    labels = ["ab"[i % 2] for i in range(40)]
    hashes = []
    for change in (0.0, 0.0, 1e-3):
        changed = [cell.copy() for cell in long]
        changed[7][600, 1] += change
        frame = pd.DataFrame({"x": as_objects(changed), "y": labels})
        hashes.append(hash_table(read_table(settings, {"data": frame})[0]))
    assert hashes[0] == hashes[1] != hashes[2]


def test_summaries_of_series() -> None:
    values = np.full((3, 8, 1), NAN, dtype="float32")
    values[0, :5, 0] = [1, 2, 3, 4, 5]
    values[1, :4, 0] = [2, NAN, 2, 8]
    told = of_series(values)
    assert told.shape == (3, 8 + PIECES + 1)
    known = np.array([2.0, 2.0, 8.0])
    np.testing.assert_allclose(told[0, :2], [3, np.sqrt(2)])
    np.testing.assert_allclose(told[0, 2], 7)  # a reading a step of 1/7 of the length
    np.testing.assert_allclose(told[0, 3:8], [1, 2, 3, 4, 5])
    np.testing.assert_allclose(told[1, :2], [known.mean(), known.std()])
    assert told[:, -1].tolist() == [5, 4, 0]
    assert np.isnan(told[2, :-1]).all()


def test_summaries_of_sounds() -> None:
    frame = table(x=tones())
    preprocessor = fitted(frame)
    values = preprocessor.transform(frame).inputs["sound"]
    spectra = log_mel(values, RATE)
    expected = np.concatenate([np.nanmean(spectra, 1), np.nanstd(spectra, 1)], axis=1)
    np.testing.assert_allclose(of_sounds(values, RATE), expected, rtol=1e-4, atol=1e-4)


def test_baselines_see_series_and_sounds() -> None:
    frame = table(60, s=tones(60))
    found = baselines(fitted(frame), frame.iloc[:40], frame.iloc[40:].reset_index(drop=True))
    linear = next(each for each in found if each.name == "linear")
    assert (linear.predictions.decision == linear.predictions.truth).mean() > 0.8


def test_rows_to_compare_exports_on() -> None:
    preprocessor = fitted(table(s=tones()))
    random = np.random.default_rng(0)
    made = pd.DataFrame(sequences.made_up(preprocessor, 20, random))
    assert preprocessor.raw(made)["x"].shape == (20, 6, 2)
    assert preprocessor.raw(made)["s"].shape == (20, 80)
    spoiled = pd.DataFrame(sequences.spoiled(preprocessor, made, random))
    values = preprocessor.raw(spoiled)["x"]
    assert np.isnan(values[2::4]).all()
    within = np.isnan(values).any(axis=2) & ~behind_end(values)
    assert within[0::4].any()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Series with gaps beside a sound and a number, trained and kept."""
    cells = walks(40)
    cells[0][1, 0] = NAN
    frame = table(40, x=as_objects(cells), s=tones(40), age=np.arange(40) % 7)
    folder = tmp_path_factory.mktemp("run") / "run"
    options = {"epochs": 2, "width": 8, "depth": 1, "baselines": False}
    kerasnn.train(frame, target="y", model="mlp", set=options, output=folder)
    return folder


def test_a_run_is_read_again(run: Path) -> None:
    again = kerasnn.load(run)
    held = again.holdout("test")
    assert len(held) == 6
    assert again.evaluate().values == pytest.approx(again.evaluate(held).values, rel=1e-6)
    predicted = again.predict(held)
    written = pd.read_csv(run / "predictions.csv")
    np.testing.assert_allclose(
        predicted["probability:a"], written["probability:a"], rtol=1e-5, atol=1e-6
    )
    assert Bundle.load(run).predictor.preprocessor.series[0].has_missing
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "up to 6 points of 2 channels" in page


@pytest.mark.parametrize("format", ["keras", "saved_model", "onnx", "litert"])
def test_exports(format: str, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip({"onnx": "tf2onnx", "litert": "ai_edge_litert"}.get(format, "keras"))
    ending = {"keras": ".keras", "onnx": ".onnx", "litert": ".tflite"}.get(format, "")
    result = kerasnn.load(run).export(format, tmp_path / f"model{ending}")
    assert result.n_rows >= 40
    assert result.largest_difference < 1e-5
    card = result.card.read_text(encoding="utf-8")
    assert "(batch, 6, 2) | readings; NaN where one is missing, and behind the end" in card
    assert "(batch, 80) | samples from -1 to 1, 1,000 a second, of one channel" in card
    code = card.split("```python\n")[1].split("```")[0]
    # The page reads the sound of its example from a file.
    monkeypatch.chdir(tmp_path)
    with wave.open("s.wav", "wb") as file:
        file.setparams((1, 2, 1000, 0, "NONE", ""))
        file.writeframes(np.arange(80, dtype="<i2").tobytes())
    exec(compile(code.replace('"model', f'"{tmp_path}/model'), "card", "exec"), {})


def test_estimators_take_three_axes() -> None:
    X = np.random.default_rng(0).normal(size=(40, 6, 2)).cumsum(axis=1)
    X[3, 4:] = NAN
    y = np.where(X[:, 3, 0] > 0, "up", "down")
    settings = {"model": "mlp", "epochs": 2, "hyperparameters": {"width": 4, "depth": 1}}
    classifier = kerasnn.Classifier(**settings, random_state=0).fit(X, y)
    assert classifier.predict_proba(X).shape == (40, 2)
    assert set(classifier.predict(X)) <= {"up", "down"}
    [series] = classifier.bundle_.predictor.preprocessor.series
    assert (series.length, series.channels) == (6, 2)
    with pytest.raises(ValueError, match="a series of 1 channel where training had 2"):
        classifier.predict(X[..., :1])
    regressor = kerasnn.Regressor(**settings, random_state=0).fit(X, X[:, 0, 1])
    assert regressor.predict(X[:3]).shape == (3,)
