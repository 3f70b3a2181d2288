"""Transforms of a heavy-tailed target: against scikit-learn, back again, chosen, and in exports."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from keras import ops
from sklearn.preprocessing import PowerTransformer, QuantileTransformer

import kerasnn
from kerasnn import export
from kerasnn.calibration.conformal import ConformalCalibration
from kerasnn.data.schema import Column, Schema, Target
from kerasnn.errors import ConfigError, ModelRefusedError
from kerasnn.metrics.registry import METRICS
from kerasnn.options import PreprocessingOptions, TargetTransformName, TrainingOptions
from kerasnn.prediction.calibrate import monitor_for, with_mean_predictions
from kerasnn.prediction.predictor import Decision, Predictor
from kerasnn.preprocessing import Preprocessor
from kerasnn.preprocessing.target import TargetCoder
from kerasnn.preprocessing.target_transforms import MOST_ERRORS, TRANSFORMS, TargetTransform
from kerasnn.selection.target_transform import choose_target, tail_share
from kerasnn.training.engine import Arrays

SCHEMA = Schema((Column("a", "number"), Column("b", "number")), Target("y", "regression"))


def heavy(n: int = 300, *, noise: float = 0.2) -> pd.DataFrame:
    """A target that is multiplied, not added up."""
    random = np.random.default_rng(0)
    a, b = random.normal(size=(2, n))
    y = np.exp(2.0 * a - b + noise * random.normal(size=n))
    return pd.DataFrame({"a": a, "b": b, "y": y})


def two_signed() -> np.ndarray:
    return np.random.default_rng(1).standard_t(2.5, 400) * 3 + 1


def fit(name: TargetTransformName, values: np.ndarray) -> TargetTransform:
    return TargetTransform.fit(name, values)


@pytest.mark.parametrize("values", [heavy()["y"].to_numpy() - 0.5, two_signed()])
def test_the_power_is_that_of_scikit_learn(values: np.ndarray) -> None:
    oracle = PowerTransformer(standardize=False).fit(values[:, None])
    found = fit("yeo_johnson", values)
    (power,) = oracle.lambdas_
    assert found.power == pytest.approx(np.clip(power, 0, 2), abs=2e-3)
    oracle.lambdas_ = np.array([found.power])
    np.testing.assert_allclose(
        found.forward(values), oracle.transform(values[:, None])[:, 0], rtol=1e-9, atol=1e-12
    )


def test_quantiles_are_those_of_scikit_learn() -> None:
    values = two_signed()
    oracle = QuantileTransformer(n_quantiles=400, output_distribution="normal")
    expected = oracle.fit_transform(values[:, None])[:, 0]
    inner = np.abs(expected) < 2
    found = fit("quantile", values).forward(values)
    np.testing.assert_allclose(found[inner], expected[inner], atol=0.03)


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("values", [heavy()["y"].to_numpy(), np.r_[0.0, 0.0, 0.0, 1:90.0]])
def test_the_inverse_is_the_inverse_in_numpy_and_keras(
    name: TargetTransformName, values: np.ndarray
) -> None:
    transform = fit(name, values)
    scores = transform.forward(values)
    assert (np.diff(scores[np.argsort(values)]) >= -1e-12).all()
    np.testing.assert_allclose(transform.inverse(np, scores), values, rtol=1e-9, atol=1e-9)
    single = ops.convert_to_tensor(scores[:, None].astype("float32"))
    graph = keras.ops.convert_to_numpy(transform.predicted(ops, single))
    np.testing.assert_allclose(graph[:, 0], values, rtol=1e-4, atol=2e-5)
    # Whatever a network says, a prediction is finite.
    wild = np.array([-1e30, 1e30])
    found = transform.predicted(np, wild)
    assert np.isfinite(found).all()
    assert found[1] < 10 * values.max()


def test_the_logarithm_of_a_negative_target() -> None:
    message = r"'log' needs targets of 0 or more; the smallest is -2 – choose yeo_johnson"
    with pytest.raises(ConfigError, match=message):
        fit("log", np.array([-2.0, 1.0]))
    with pytest.raises(ConfigError, match=message):
        kerasnn.train(
            pd.DataFrame({"a": np.arange(40.0), "y": np.arange(40.0) - 2}),
            target="y",
            model="linear",
            set={"target_transform": "log", "epochs": 1},
        )


@pytest.mark.parametrize("name", TRANSFORMS)
def test_later_targets_beyond_those_of_training_keep_their_value(name: TargetTransformName) -> None:
    """Bounds are for predictions: a score against a bounded truth would flatter."""
    frame = heavy()
    fitted = Preprocessor.fit(frame, SCHEMA, PreprocessingOptions(target_transform=name))
    beyond = pd.DataFrame({"a": [0.0], "b": [0.0], "y": [float(frame["y"].max()) * 50]})
    encoded = fitted.target(beyond)
    np.testing.assert_allclose(fitted.truth(encoded), beyond["y"], rtol=1e-4)
    assert float(fitted.decode(encoded)[0]) < beyond["y"][0]
    monitor = monitor_for(TrainingOptions(monitor="mae"), fitted, Arrays({}, encoded, None))
    outputs = fitted.target(frame)[:1, None]
    gap = beyond["y"][0] - frame["y"][0]
    assert monitor.measure(outputs) == pytest.approx(gap, rel=1e-4)


class TestChoice:
    """What the rows decide of the target."""

    def settings(self, frame: pd.DataFrame, **options: Any) -> dict[str, Any]:
        training_options = TrainingOptions(**options)
        found = choose_target(
            frame[::2], frame[1::2], SCHEMA, PreprocessingOptions(), training_options
        )
        self.reason = found.reason
        return dict(found.settings)

    def test_multiplied(self) -> None:
        found = self.settings(heavy())
        assert found["preprocessing.target_transform"] == "log"
        assert self.reason.startswith("the target is heavy-tailed: learned as its logarithm (")
        assert " of a linear model on the validation rows " in self.reason

    def test_a_target_without_heavy_tails_stays_as_it_is(self) -> None:
        frame = heavy()
        frame["y"] = np.log(frame["y"])
        assert self.settings(frame) == {"preprocessing.target_transform": "none"}
        assert self.reason == ""

    def test_outliers_get_a_robust_loss(self) -> None:
        frame = heavy(600)
        random = np.random.default_rng(3)
        frame["y"] = 3 * frame["a"] - frame["b"] + 0.1 * random.normal(size=600)
        frame.loc[random.choice(600, 10, replace=False), "y"] += (
            random.choice([-1.0, 1.0], 10) * 4000
        )
        found = self.settings(frame)
        assert found["preprocessing.target_transform"] == "none"
        assert found["training.loss"] == "huber"
        assert 0 < found["training.huber_delta"] < 0.1
        assert found["training.monitor"] == "mae"
        assert "with Huber's loss" in self.reason
        assert self.reason.endswith("; MAE in place of RMSE picks the best epoch")
        assert "training.loss" not in self.settings(frame, loss="mse")

    def test_shares(self) -> None:
        normal = np.random.default_rng(0).normal(size=20_000)
        assert tail_share(normal) == pytest.approx(0.085, abs=0.01)
        assert tail_share(np.exp(normal)) == pytest.approx(0.49, abs=0.1)
        assert tail_share(np.ones(5)) == 0


ERRORS = np.random.default_rng(2).normal(size=200) * 0.7


def predictor_of(name: TargetTransformName, *, is_mean: bool = False) -> Predictor:
    frame = heavy(120)
    keras.utils.set_random_seed(0)
    options = PreprocessingOptions(target_transform=name)
    fitted = Preprocessor.fit(frame, SCHEMA, options)
    if is_mean:
        transform = fitted.coder.transform.with_errors(ERRORS)
        fitted = replace(fitted, coder=replace(fitted.coder, transform=transform))
    inputs = keras.Input((2,), name="numbers")
    outputs = keras.layers.Dense(1)(keras.layers.Dense(4, activation="silu")(inputs))
    return Predictor(fitted, keras.Model({"numbers": inputs}, outputs), Decision())


@pytest.mark.parametrize("is_mean", [False, True])
@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("format", export.names())
def test_exports_hold_the_inverse(
    name: TargetTransformName, format: str, *, is_mean: bool, tmp_path: Any
) -> None:
    path = tmp_path / f"model{export.suffix(format)}"
    predictor = predictor_of(name, is_mean=is_mean)
    result = export.export(predictor, path, format=format, sample=heavy(120))
    assert result.largest_difference <= 1e-5


class TestMeanPredictions:
    """Squared errors ask for the mean of a transformed target, not for its median."""

    def rows(
        self, name: TargetTransformName, *, exact_above: float = np.inf
    ) -> tuple[Predictor, Any, Arrays]:
        """A network that says the median of a log-normal target, and validation rows."""
        random = np.random.default_rng(5)
        middle = random.normal(size=2_000)
        noise = np.where(middle > exact_above, 0.0, 0.8)
        y = np.exp(middle + noise * random.normal(size=2_000))
        frame = pd.DataFrame({"a": middle, "b": middle, "y": y})
        fitted = Preprocessor.fit(frame, SCHEMA, PreprocessingOptions(target_transform=name))
        outputs = fitted.coder.scaled(np.exp(middle))[:, None].astype("float32")
        network: Any = None
        return Predictor(fitted, network), outputs, Arrays({}, fitted.target(frame), None)

    def test_a_log_normal_target(self) -> None:
        predictor, outputs, rows = self.rows("log")
        found = with_mean_predictions(predictor, outputs, rows, METRICS["rmse"])
        median, mean = predictor.calibrated(outputs), found.calibrated(outputs)
        inner = np.argsort(median)[200:-200]
        factor = np.exp(0.8**2 / 2)
        np.testing.assert_allclose(mean[inner], factor * median[inner], rtol=0.1)
        truth = predictor.preprocessor.truth(rows.target)
        assert np.square(mean - truth).mean() < 0.97 * np.square(median - truth).mean()
        assert np.isfinite(found.calibrated(np.array([[-1e9], [1e9]], "float32"))).all()

    @pytest.mark.parametrize("name", TRANSFORMS)
    def test_numpy_and_keras_say_the_same(self, name: TargetTransformName) -> None:
        # Without the bound at 0, which comes after the mean.
        coder = replace(predictor_of(name, is_mean=True).preprocessor.coder, non_negative=False)
        outputs = np.linspace(-3, 3, 9, dtype="float32")[:, None]
        expected = coder.decode(outputs)
        assert expected.shape == (9, 1)
        assert (np.diff(expected[:, 0]) >= 0).all()
        graph = ops.convert_to_numpy(coder.finish(ops, ops.convert_to_tensor(outputs)))
        np.testing.assert_allclose(graph, expected, rtol=2e-5, atol=1e-6)
        plain = replace(coder, transform=replace(coder.transform, errors=()))
        errors = np.array(coder.transform.errors) / coder.deviation
        assert len(errors) == MOST_ERRORS
        one_by_one = [plain.decode(outputs + error) for error in errors]
        np.testing.assert_allclose(expected, np.mean(one_by_one, axis=0), rtol=1e-9)

    def test_other_metrics_and_few_rows_get_the_median(self) -> None:
        predictor, outputs, rows = self.rows("log")
        assert with_mean_predictions(predictor, outputs, rows, METRICS["mae"]) is predictor
        few = Arrays({}, rows.target[:20], None)
        assert with_mean_predictions(predictor, outputs[:20], few, METRICS["rmse"]) is predictor
        plain, outputs, rows = self.rows("none")
        assert with_mean_predictions(plain, outputs, rows, METRICS["rmse"]) is plain

    def test_the_median_stays_where_the_mean_is_worse_on_most_resamples(self) -> None:
        # Small targets are noisy, and a mean over their errors would raise the large ones too.
        predictor, outputs, rows = self.rows("log", exact_above=0.0)
        assert with_mean_predictions(predictor, outputs, rows, METRICS["rmse"]) is predictor


def test_a_non_negative_target_has_no_negative_interval() -> None:
    plain = predictor_of("none")
    conformal_calibration = ConformalCalibration(100.0, (100.0,), (5.0,))
    predictor = plain.with_decision(Decision(conformal_calibration=conformal_calibration))
    scores = predictor.calibrated(np.array([[-9.0], [0.0]], "float32"))
    assert scores[0] == 0
    ends = predictor.intervals(scores, 0.9)
    assert ends.min() == 0
    assert (ends[:, 0] <= scores).all()
    assert (scores <= ends[:, 1]).all()
    frame = heavy(60)
    frame["y"] -= 1
    coder = TargetCoder.fit(SCHEMA.target, frame["y"], scale=True)
    assert not coder.non_negative


def test_a_bundle_holds_it_and_a_damaged_one_is_refused() -> None:
    fitted = predictor_of("quantile", is_mean=True).preprocessor
    data = json.loads(json.dumps(fitted.to_dict()))
    assert Preprocessor.from_dict(data) == fitted
    for key, value in (
        ("name", "exp"),
        ("name", ["log"]),
        ("power", 3.0),
        ("power", "1"),
        ("knots", [1.0, 0.0]),
        ("knots", "ab"),
        ("low", float("nan")),
        ("high", -1e9),
        ("shift", 0.5),
        ("errors", [float("inf")]),
        ("errors", ["a"]),
        ("errors", [0.0] * (MOST_ERRORS + 1)),
        ("errors", 1.0),
    ):
        damaged = json.loads(json.dumps(data))
        damaged["coder"]["transform"][key] = value
        with pytest.raises(ModelRefusedError, match="the preprocessing is malformed"):
            Preprocessor.from_dict(damaged)
    del data["coder"]["transform"], data["coder"]["non_negative"]
    assert Preprocessor.from_dict(data).coder.transform == TargetTransform()


def test_a_run_learns_the_logarithm_and_says_so(tmp_path: Any, capsys: Any) -> None:
    frame = heavy(400)
    common: dict[str, Any] = {"target": "y", "model": "mlp", "baselines": False}
    kerasnn.train(
        frame,
        **common,
        output=tmp_path / "run",
        progress=True,
        ensemble=2,
        set={"epochs": 12, "batch_size": 32, "learning_rate": 0.01},
    )
    told = capsys.readouterr().err
    assert "the target is heavy-tailed: learned as its Yeo–Johnson transform (" in told
    assert "of a linear model on the validation rows" in told
    page = (tmp_path / "run" / "report.html").read_text()
    assert (
        "the target &#39;y&#39; is learned as its Yeo–Johnson transform, which predictions undo"
        in page
    )
    loaded = kerasnn.load(tmp_path / "run")
    assert loaded.predictor.preprocessor.coder.transform.name == "yeo_johnson"
    before = kerasnn.train(
        frame,
        **common,
        set={"target_transform": "none", "loss": "mse", "epochs": 12, "learning_rate": 0.01},
    )
    rows = pd.read_csv(tmp_path / "run" / "predictions.csv")
    off = np.median(np.abs(rows["truth"] - rows["prediction"]))
    plain = before.predictor.scores(frame[["a", "b"]])
    assert off < 0.5 * np.median(np.abs(plain - frame["y"]))


def test_estimators() -> None:
    frame = heavy(300)
    regressor = kerasnn.Regressor("mlp", epochs=2, random_state=0).fit(
        frame[["a", "b"]], frame["y"]
    )
    assert regressor.bundle_.predictor.preprocessor.coder.transform.name != "none"
    assert regressor.predict_interval(frame[["a", "b"]], coverage=0.9).min() >= 0
