"""What a time limit makes smaller: closed forms, the first epoch, averages, a second training."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

import kerasnn
from kerasnn.config.config import Config
from kerasnn.config.settings import collect
from kerasnn.data import read
from kerasnn.data.schema import infer
from kerasnn.errors import KerasnnWarning
from kerasnn.evaluation.baselines import _Clock, baselines
from kerasnn.options import TrainingOptions
from kerasnn.preprocessing import Preprocessor
from kerasnn.signature import Output
from kerasnn.trainers import closed_forms
from kerasnn.trainers import refit as refitting
from kerasnn.trainers.closed_forms import Pace, within_limit
from kerasnn.trainers.ensemble import _EnsembleTraining
from kerasnn.trainers.fit import TrainedModel, TrainingSetup
from kerasnn.training import engine as engine_module
from kerasnn.training import fit as fitting
from kerasnn.training.engine import Arrays
from kerasnn.training.fit import fit
from kerasnn.training.losses import loss_function
from kerasnn.training.stopping import Monitor

# Of 840 features: 2 s to compile, and 100 rows a second.
PACE = Pace(compiling_s=1.0, transform_s=0.01, forward_s=0.0)


def rows(count: int = 200) -> Arrays:
    return Arrays(
        {"series": np.arange(count, dtype="float32")[:, None, None]}, np.arange(count) % 2
    )


def config(limit: float | None, **keys: Any) -> Config:
    chosen = {"model.name": "minirocket", "run.time_limit_s": limit} | keys
    return collect({key: value for key, value in chosen.items() if value is not None}).resolve()


@pytest.fixture
def timeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is measured is always the same, and it takes no time."""
    monkeypatch.setattr(closed_forms, "measure", lambda network, inputs: PACE)
    monkeypatch.setattr(closed_forms, "perf_counter", lambda: 0.0)


def planned(limit: float | None, **keys: Any) -> tuple[dict[str, Any], Arrays]:
    return within_limit(config(limit, **keys), rows(), 50, build=lambda config: None, began=0.0)


@pytest.mark.usefixtures("timeless")
def test_a_closed_form_with_enough_time_is_whole() -> None:
    train = rows()
    for limit in (None, 1_000.0):
        how = {"build": lambda config: None, "began": 0.0}
        assert within_limit(config(limit), train, 50, **how) == ({}, train)


@pytest.mark.usefixtures("timeless")
def test_a_closed_form_has_fewer_features_then_fewer_rows() -> None:
    # 126 rows for the thresholds, 128 for the means and 200 to learn from are 4.5 s; 2 s compile.
    warned = "for lack of time, minirocket has 4,092 of 9,996 features – raise `run.time_limit_s`"
    with pytest.warns(KerasnnWarning) as told:
        reductions, train = planned(40.0)
    assert [str(each.message) for each in told] == [warned]
    assert (reductions, len(train)) == ({"model.features": 4092}, 200)
    with pytest.warns(
        KerasnnWarning, match="has 840 of 9,996 features and 50 of 200 training rows"
    ):
        reductions, train = planned(6.0)
    assert (reductions, len(train)) == ({"model.features": 840}, 50)
    # They are drawn from everywhere, inputs and targets alike.
    places = train.inputs["series"][:, 0, 0].astype(int)
    np.testing.assert_array_equal(places % 2, train.target)
    assert places.max() > 150
    # The last resort is the smallest fit, however little time there is.
    with pytest.warns(KerasnnWarning, match="840 of 9,996 features and 50 of 200"):
        assert len(planned(0.001)[1]) == 50


@pytest.mark.usefixtures("timeless")
def test_chosen_features_stay() -> None:
    with pytest.warns(KerasnnWarning, match="minirocket has 50 of 200 training rows – raise"):
        reductions, train = planned(7.0, **{"model.features": 1680})
    assert (reductions, len(train)) == ({}, 50)


def series(path: Path) -> str:
    draws = np.random.default_rng(0)
    y = np.arange(60) % 2
    x = draws.normal(size=(60, 24, 1)) + y[:, None, None]
    np.savez(path, x=x.astype("float32"), y=np.array(["no", "yes"])[y])
    return str(path)


def test_a_run_keeps_its_limit_and_says_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closed_forms, "measure", lambda network, inputs: Pace(50.0, 1.0, 1.0))
    source, folder = series(tmp_path / "s.npz"), tmp_path / "run"
    with pytest.warns(KerasnnWarning, match="has 840 of 9,996 features – raise"):
        run = kerasnn.train(source, time_limit_s=60.0, baselines=False, output=str(folder))
    assert run.bundle.hyperparameters["features"] == 840
    assert run.bundle.config["model"]["features"] == 840
    assert any("for lack of time" in line for line in run.bundle.report["warnings"])
    # It is not solved once more with the validation rows.
    assert run.scores is not None
    assert not any("validation rows too" in note for note in run.scores.notes)
    assert kerasnn.load(folder).bundle.hyperparameters["features"] == 840
    again = kerasnn.train(resume=str(folder), time_limit_s=3_600.0)
    assert again.bundle.hyperparameters["features"] == 840


def test_a_piece_is_measured() -> None:
    inputs = keras.Input((4, 1), name="series")
    features = keras.layers.Flatten(name="features")(inputs)
    network = keras.Model({"series": inputs}, keras.layers.Dense(1)(features))
    pace = closed_forms.measure(network, {"series": np.zeros((20, 4, 1), "float32")})
    assert pace.transform_s > 0
    assert pace.forward_s > 0
    assert pace.compiling_s >= 0


# Of the first epoch


def fit_within(monkeypatch: pytest.MonkeyPatch, limit: float) -> Any:
    """Four steps an epoch, one a call, of 10 s each."""
    now = [0.0]

    class Clock:
        @staticmethod
        def perf_counter() -> float:
            return now[0]

    class Watch:
        def on_steps(self, epoch: int, done: int, total: int) -> None:
            now[0] += 10

        def on_epoch(self, row: Any, engine: Any) -> None:
            pass

    monkeypatch.setattr(fitting, "time", Clock)
    monkeypatch.setattr(engine_module, "FIRST_CALL_STEPS", 1)
    monkeypatch.setattr(engine_module, "CALL_SECONDS", 0.0)
    numbers = keras.Input((3,), name="numbers")
    network = keras.Model({"numbers": numbers}, keras.layers.Dense(1)(numbers))
    x = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
    table = Arrays({"numbers": x}, x.sum(axis=1))
    return fit(
        network,
        table,
        table,
        training_options=TrainingOptions(epochs=3, batch_size=8, learning_rate=0.01),
        row_loss=loss_function(TrainingOptions(), Output("regression", 1)),
        monitor=Monitor("score", "lower", lambda outputs: float(np.square(outputs).mean())),
        seed=0,
        time_limit_s=limit,
        callbacks=(Watch(),),
    )


def test_the_first_epoch_is_cut_short(monkeypatch: pytest.MonkeyPatch) -> None:
    warned = "^for lack of time, the first epoch has 2 of 4 steps$"
    with pytest.warns(KerasnnWarning, match=warned):
        fitted = fit_within(monkeypatch, 15.0)
    assert (fitted.progress.stopped, fitted.progress.epoch) == ("time limit", 1)
    assert (len(fitted.history), fitted.progress.best_epoch) == (1, 1)
    assert np.isfinite(fitted.history[0]["loss"])
    assert fitted.progress.seconds == 20.0


def test_no_step_is_begun_behind_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = fit_within(monkeypatch, 35.0)
    assert (fitted.progress.stopped, fitted.progress.epoch) == ("time limit", 1)
    assert fitted.progress.seconds == 40.0


# Of baselines


def test_boosting_has_fewer_rounds_where_time_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = np.random.default_rng(0)
    frame = pd.DataFrame({"a": draws.normal(size=80), "y": np.arange(80) % 2})
    preprocessor = Preprocessor.fit(frame, infer(read(frame), target="y"))
    monkeypatch.setattr(_Clock, "seconds_of", staticmethod(lambda work: 4.0))
    found = baselines(preprocessor, frame, frame, time_limit_s=12.5)
    # Ten rounds take 4 s, and 12 s are left.
    assert found[-1].name == "boosting"
    assert re.fullmatch(r"(29|3[01]) rounds instead of 100", found[-1].note)


# Of averages


class Done:
    """A network that took some seconds, of which some were to begin."""

    def __init__(self, seconds: float, beginning: float) -> None:
        self.seconds, self.stopped = seconds, "all epochs done"
        self.training_setup = type("Begun", (), {"seconds": beginning})()


def test_networks_that_do_not_fit_are_named() -> None:
    course = _EnsembleTraining(None, None, lambda number, training_setup, config: ())
    course.done = [Done(20.0, 6.0), Done(15.0, 5.0)]  # type: ignore[list-item]
    assert course.goes_on(41.0, ["tabm", "linear"])
    assert course._left == 3.0
    warned = "there was time for 2 of 4 networks, not for tabm, linear – raise `run.time_limit_s`"
    with pytest.warns(KerasnnWarning) as told:
        assert not course.goes_on(39.0, ["tabm", "linear"])
    assert [str(each.message) for each in told] == [warned]
    assert course.stopped == "time limit"


# Of what learns once more


@pytest.mark.parametrize(("left", "learns"), [(None, True), (100.0, True), (7.0, False)])
def test_no_second_training_that_takes_too_long(
    left: float | None, learns: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    training_setup = TrainingSetup(None, None, rows(80), rows(20), seconds=1.0)  # type: ignore[arg-type]
    progress = fitting.Progress(epoch=10, best_epoch=8, best=0.1, stopped="no gain")
    given = collect({"model.name": "bag_of_ngrams"}).resolve()
    trained_model = TrainedModel(None, fitting.FitResult([], progress), given, seconds=10.0)  # type: ignore[arg-type]
    # 10 s for 10 epochs: 8 s for 8, and a quarter more for a quarter more rows.
    assert refitting.seconds_again(trained_model, training_setup) == 10.0
    tried = []

    def build(*arguments: Any) -> Any:
        tried.append(arguments)
        raise RuntimeError

    monkeypatch.setattr(refitting, "build_network", build)
    with contextlib.suppress(RuntimeError):
        assert refitting.refit(trained_model, training_setup, left_s=left) is trained_model
    assert bool(tried) == learns
