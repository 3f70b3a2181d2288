"""Networks that are trained one after the other and averaged: as one network, in every respect."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

import kerasnn
from kerasnn import export, models
from kerasnn.bundle import Bundle, members, read_members, summary
from kerasnn.bundle.archive import pack
from kerasnn.calibration.temperature import probabilities
from kerasnn.config.config import Config
from kerasnn.config.settings import collect
from kerasnn.data.schema import infer
from kerasnn.datasets.tabular import Table, read_table
from kerasnn.errors import ConfigError, KerasnnWarning, ModelRefusedError, UnknownNameError
from kerasnn.evaluation.ensemble_summary import MAX_SHOWN, EnsembleSummary, MemberSummary, cells
from kerasnn.models.tabular import ensemble
from kerasnn.options import PreprocessingOptions
from kerasnn.preprocessing import Preprocessor
from kerasnn.preprocessing.joint import JointPreprocessor, fit_encodings, select_encodings
from kerasnn.runs.tabular import Run
from kerasnn.signature import Signature
from kerasnn.trainers import ensemble as averaging
from kerasnn.trainers import ensemble_plan
from kerasnn.trainers.ensemble import TrainedEnsemble, fit_ensemble
from kerasnn.trainers.ensemble_plan import plan, seed_of
from kerasnn.training import fit as fitting
from kerasnn.training.checkpoints import Checkpoints

TINY = {"width": 4, "depth": 1, "epochs": 3, "batch_size": 32, "compile": "graph"}
BOTH = {"run.members": "mlp,linear", **TINY}


def frame(task: str = "regression", n_rows: int = 160) -> pd.DataFrame:
    random = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "size": random.normal(size=n_rows),
            "price": random.lognormal(size=n_rows),
            "colour": random.choice(["red", "green", "blue"], n_rows),
            "day": pd.date_range("2026-01-01", periods=n_rows),
        }
    )
    table.loc[::9, "size"] = np.nan
    values = table["price"] + (table["colour"] == "red") + 0.1 * random.normal(size=n_rows)
    if task == "regression":
        return table.assign(y=values)
    edges = values.quantile([0.5] if task == "binary" else [0.3, 0.7])
    return table.assign(y=np.array(["a", "b", "c"])[np.searchsorted(edges, values)])


def read(task: str = "regression", model: str = "mlp", **keys: Any) -> tuple[Table, Config]:
    settings = collect({"data.target": "y", "model.name": model}, set={**TINY, **keys})
    return read_table(settings, {"data": frame(task)})


def averaged(task: str = "regression", **keys: Any) -> tuple[TrainedEnsemble, Table]:
    table, config = read(task, **{"run.ensemble": 3, **keys})
    return fit_ensemble(table, config), table


@pytest.fixture(scope="module")
def mixed() -> dict[str, tuple[TrainedEnsemble, Table]]:
    """Of two models that want their columns in different ways, for each task."""
    tasks = ("regression", "binary", "multiclass")
    return {task: averaged(task, **{"run.members": "mlp,linear"}) for task in tasks}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Of the same sort, in a folder."""
    return kerasnn.train(
        frame("binary"),
        target="y",
        model="mlp",
        ensemble=2,
        set=BOTH,
        output=tmp_path_factory.mktemp("runs") / "run",
    )


def weights_of(network: keras.Model) -> list[np.ndarray]:
    return [np.asarray(weight) for weight in network.weights]


def assert_same(one: keras.Model, other: keras.Model) -> None:
    for first, second in zip(weights_of(one), weights_of(other), strict=True):
        np.testing.assert_array_equal(first, second)


class TestFactory:
    def test_text_of_members_and_back(self) -> None:
        found = ensemble.members_of("mlp:width=4, 2*2/linear")
        assert [(each.name, each.encoding) for each in found] == [
            ("mlp", 1),
            ("linear", 2),
            ("linear", 2),
        ]
        text = ensemble.text_of(found)
        assert text.startswith("mlp:width=4:depth=3:")
        assert text.endswith(",2*2/linear")
        again = ensemble.members_of(text)
        assert ensemble.text_of(again) == text
        assert again[0].hyperparameters == models.hyperparameters("mlp") | {"width": 4}

    @pytest.mark.parametrize(
        ("members", "message"),
        [
            ("", "`members` must name models"),
            ("mlp,ensemble", "'ensemble' can't be a member"),
            ("ensemble:members=ensemble", "'ensemble' can't be a member"),
            ("forecast_ensemble", "'forecast_ensemble' can't be a member"),
            ("nhits", "'nhits' can't be a member"),
            ("65*mlp", "1 to 64 times"),
            ("0*mlp", "1 to 64 times"),
            ("9999999999999999999999*mlp", "1 to 64 times"),
            ("40*mlp,40*linear", "64 members at most"),
            ("2/mlp", "takes encoding 2"),
            ("0/mlp", "must be a positive integer"),
            ("x/mlp", "must be a positive integer"),
            ("mlp:width=0", "`width` must be"),
            ("mlp:members=mlp", "unknown hyper-parameter of mlp 'members'"),
            ("cnn", "image"),
        ],
    )
    def test_members_that_can_not_be(self, members: str, message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            models.build("ensemble", Signature.table(numbers=2), members=members)

    @pytest.mark.parametrize("weights", ["1", "1,0", "1,-1", "1,nan", "1,inf", "1,x"])
    def test_weights_that_can_not_be(self, weights: str) -> None:
        with pytest.raises(ConfigError, match="a number above 0 for each of 2 members"):
            models.build(
                "ensemble", Signature.table(numbers=2), members="2*linear", weights=weights
            )

    @pytest.mark.parametrize("kind", ["regression", "binary", "multiclass", "multilabel"])
    def test_it_is_the_weighted_mean(self, kind: str) -> None:
        sizes = {
            "binary": {"classes": 2},
            "multiclass": {"classes": 3},
            "multilabel": {"labels": 3},
        }
        signature = Signature.table(numbers=3, categories=(5,), **sizes.get(kind, {}))
        random = np.random.default_rng(0)
        networks = []
        for seed, name in enumerate(("mlp", "resnet")):
            keras.utils.set_random_seed(seed)
            networks.append((name, models.build(name, signature, width=8, depth=1)))
        whole = models.build(
            "ensemble",
            signature,
            members="mlp:width=8:depth=1,resnet:width=8:depth=1",
            weights="1,3",
        )
        ensemble.fill(whole, networks)
        rows = {
            "numbers": 3 * random.normal(size=(20, 3)).astype("float32"),
            "categories": random.integers(0, 5, (20, 1)).astype("int32"),
        }
        each = [np.asarray(network(rows)).astype("float64") for _, network in networks]
        found = np.asarray(whole(rows)).astype("float64")
        if kind == "regression":
            expected = (each[0] + 3 * each[1]) / 4
        elif kind == "multiclass":
            read = [np.exp(x) / np.exp(x).sum(axis=1, keepdims=True) for x in each]
            expected, found = (read[0] + 3 * read[1]) / 4, np.exp(found)
        else:
            read = [1 / (1 + np.exp(-x)) for x in each]
            expected, found = (read[0] + 3 * read[1]) / 4, 1 / (1 + np.exp(-found))
        np.testing.assert_allclose(found, expected, atol=1e-6)


ENCODINGS = (
    PreprocessingOptions(),
    PreprocessingOptions(scale="quantile", indicator=False, encode="embedding"),
    PreprocessingOptions(scale="minmax", number_embedding="piecewise_linear"),
)


@pytest.fixture(scope="module")
def joint() -> Preprocessor:
    table = frame("binary")
    return fit_encodings(table, infer(kerasnn.data.read(table), target="y"), ENCODINGS)


class TestJoint:
    def test_each_way_is_what_it_is_alone(self, joint: JointPreprocessor) -> None:
        table = frame("binary", 20)
        found, signature = joint.transform(table), joint.signature
        assert sorted(found.inputs) == ["categories", "numbers", "numbers_2", "numbers_3"]
        for encoding, options in enumerate(ENCODINGS, start=1):
            alone = Preprocessor.fit(frame("binary"), joint.schema, options)
            assert signature.encodings[encoding - 1] == alone.signature
            expected = alone.transform(table)
            for name, whole in signature.encoding_inputs(encoding).items():
                np.testing.assert_array_equal(found.inputs[whole], expected.inputs[name])
        assert found.unseen == expected.unseen

    def test_plain_data_and_back(self, joint: JointPreprocessor) -> None:
        data = json.loads(json.dumps(joint.to_dict()))
        assert JointPreprocessor.from_dict(data) == joint
        assert "schema" not in data["others"][0]

    def test_graph_does_what_arrays_do(self, joint: JointPreprocessor) -> None:
        table = frame("binary", 20)
        raw = joint.build_inputs()
        model = keras.Model({t.name: t for t in raw.values()}, joint.apply(raw))
        found = model({raw[name].name: cells for name, cells in joint.raw(table).items()})
        expected = joint.transform(table).inputs
        assert found.keys() == expected.keys()
        for name, values in expected.items():
            np.testing.assert_allclose(np.asarray(found[name]), values, atol=1e-6)

    def test_ways_that_are_kept(self, joint: JointPreprocessor) -> None:
        assert (
            select_encodings(joint, [3, 2]).signature.encodings == joint.signature.encodings[:0:-1]
        )
        single = select_encodings(joint, [2])
        assert type(single) is Preprocessor
        assert single.signature == joint.signature.encodings[1]

    def test_too_many_ways(self) -> None:
        table = frame()
        options = [PreprocessingOptions(max_one_hot=count) for count in range(17)]
        with pytest.raises(
            ConfigError, match="need 17 encodings of the columns; the maximum is 16"
        ):
            fit_encodings(table, infer(kerasnn.data.read(table), target="y"), options)


class TestPlan:
    def test_seeds(self) -> None:
        plans = plan(read(**{"run.ensemble": 4, "run.seed": 7})[1])
        seeds = [each.run.seed for each in plans]
        assert seeds == [seed_of(7, number) for number in range(4)]
        near = {seed_of(seed, number) for seed in range(8) for number in range(64)}
        assert len(near) == 8 * 64

    def test_members_in_turn_with_what_was_chosen(self) -> None:
        keys = {"run.ensemble": 3, "run.members": "mlp,resnet", "patience": 5, "min_count": 3}
        _, config = read(**keys)
        plans = plan(config)
        assert [each.model.name for each in plans] == ["mlp", "resnet", "mlp"]
        assert plans[0].model.hyperparameters["width"] == 4
        own = models.get("resnet")
        assert plans[1].model.hyperparameters == models.hyperparameters("resnet")
        assert plans[1].training.learning_rate == own.training_options.learning_rate
        assert [each.training.patience for each in plans] == [5, 5, 5]
        assert plans[1].preprocessing.scale == own.preprocessing.scale
        assert all(each.run.ensemble == 1 and not each.run.members for each in plans)

    def test_profiles(self) -> None:
        _, config = read("regression", "realmlp", **{"run.members": "realmlp,realmlp:small"})
        plans = plan(config)
        assert plans[1].model.profile == "small"
        assert (
            plans[1].model.hyperparameters["width"]
            == models.get("realmlp").profiles["small"]["width"]
        )

    def test_members_alone_choose_the_model(self) -> None:
        settings = collect({"data.target": "y"}, set={"run.members": "linear,mlp", "epochs": 2})
        _, config = read_table(settings, {"data": frame()})
        assert (config.model.name, ensemble_plan.is_several(config)) == ("linear", True)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"model": "ensemble"}, "an average is made of networks that are trained one by one"),
            (
                {"model": "mlp", "set": {"run.members": "linear,resnet"}},
                "is not one of `run.members`",
            ),
            ({"set": {"run.members": "mlp,nhits"}}, "'nhits' can't be a member"),
            ({"set": {"run.members": "mlp,ensemble"}}, "'ensemble' can't be a member"),
            ({"model": "mlp", "ensemble": 65}, r"`run.ensemble` must be in \[0, 64\]"),
            (
                {"ensemble": 2, "horizon": 3},
                "is not for forecasts, which 'forecast_ensemble' averages",
            ),
        ],
    )
    def test_refusals(self, arguments: dict[str, Any], message: str, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=message):
            kerasnn.train(frame(), target="y", output=tmp_path / "run", **arguments)
        assert not (tmp_path / "run").exists()

    @pytest.mark.parametrize("members", ["mpl", "mlp:tiny"])
    def test_unknown_members(self, members: str) -> None:
        with pytest.raises(UnknownNameError, match=r"unknown (model 'mpl'|profile of model 'mlp')"):
            kerasnn.train(frame(), target="y", set={"run.members": f"mlp,{members}"})


class TestLearning:
    @pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
    def test_it_is_the_mean_of_its_members(
        self, task: str, mixed: dict[str, tuple[TrainedEnsemble, Table]]
    ) -> None:
        found, table = mixed[task]
        rows = table.rows("test")
        shares = [each.weight for each in found.trained_model.ensemble.summary.members]
        predictors = [each.predictor for each, _ in found.kept]
        outputs = [
            each.outputs(each.preprocessor.transform(rows).inputs).astype("float64")
            for each in predictors
        ]
        predictor = found.trained_model.predictor
        together = predictor.outputs(predictor.preprocessor.transform(rows).inputs)
        if task != "regression":
            outputs, together = [probabilities(each) for each in outputs], probabilities(together)
        expected = np.einsum("m,m...->...", [share for share in shares if share], np.stack(outputs))
        np.testing.assert_allclose(together, expected, atol=2e-6)
        assert np.isclose(sum(shares), 1)

    def test_the_first_network_is_that_of_a_single_run(self) -> None:
        found, _ = averaged(**{"run.ensemble": 2})
        single = kerasnn.train(
            frame(), target="y", model="mlp", set={**TINY, "run.baselines": False}
        )
        first, _ = found.kept[0]
        assert first.config.run.seed == 0
        assert_same(first.predictor.network, single.predictor.network)

    def test_same_seed_same_bits(self, mixed: dict[str, tuple[TrainedEnsemble, Table]]) -> None:
        again, _ = averaged("binary", **{"run.members": "mlp,linear"})
        first = mixed["binary"][0].trained_model
        assert_same(first.predictor.network, again.trained_model.predictor.network)
        assert first.predictor.decision == again.trained_model.predictor.decision
        assert first.model == again.trained_model.model

    def test_the_average_is_judged_and_calibrated(
        self, mixed: dict[str, tuple[TrainedEnsemble, Table]]
    ) -> None:
        trained_model = mixed["binary"][0].trained_model
        members = trained_model.ensemble.summary.members
        assert trained_model.ensemble.summary.value < np.mean([each.value for each in members])
        # Few validation rows leave out what is worse on most resamples.
        assert min(each.value for each in members if each.weight) == min(
            each.value for each in members
        )
        assert sum(each.weight for each in members) == pytest.approx(1)
        assert trained_model.predictor.decision.temperature != 1.0
        assert trained_model.predictor.decision.conformal_calibration is not None
        assert sorted({row["member"] for row in trained_model.history}) == [1.0, 2.0, 3.0]

    def test_what_does_not_count_is_left_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        shares = np.array([0.0, 1.0])
        monkeypatch.setattr(averaging, "bagged_weights", lambda *args: shares)
        found, table = averaged(**{"run.ensemble": 2, "run.members": "mlp,linear"})
        trained_model = found.trained_model
        assert trained_model.model.hyperparameters == {"members": "linear", "weights": "1"}
        assert type(trained_model.predictor.preprocessor) is Preprocessor
        assert [each.weight for each in trained_model.ensemble.summary.members] == [0, 1]
        assert trained_model.title == "linear"
        (alone, _), rows = found.kept[0], table.rows("test")
        np.testing.assert_allclose(
            trained_model.predictor.scores(rows), alone.predictor.scores(rows)
        )

    def test_a_time_limit_is_shared(self) -> None:
        with pytest.warns(KerasnnWarning, match="there was time for 1 of 3 networks"):
            found, _ = averaged(**{"run.time_limit_s": 1e-3})
        assert len(found.trained_model.ensemble.summary.members) == 1
        assert found.trained_model.fitted.progress.stopped == "time limit"

    def test_rows_of_weight(self) -> None:
        table, config = read(**{"run.ensemble": 2})
        weights = np.ones(len(table.source.frame))
        weights[table.splits.train[:50]] = 0.1
        found = fit_ensemble(table, config, weights=weights)
        (_, training_setup), *_ = found.kept
        assert training_setup.train.weights is not None
        assert training_setup.train.weights[0] < 0.2 < 1 < training_setup.train.weights[-1]

    def test_models_that_learn_again(self) -> None:
        texts = pd.DataFrame(
            {
                "text": [f"{'good' if i % 2 else 'bad'} x{i} x{i // 3}" for i in range(60)],
                "y": ["+", "-"] * 30,
            }
        )
        settings = collect(
            {"data.target": "y", "model.name": "bag_of_ngrams", "data.columns": {"text": "text"}},
            set={"epochs": 2, "buckets": 64, "tokens": "words", "run.ensemble": 2},
        )
        table, config = read_table(settings, {"data": texts})
        found = fit_ensemble(table, config)
        again = found.again()
        assert (found.trained_model.parts, again.parts) == (("train",), ("train", "validation"))
        assert again.predictor.decision == found.trained_model.predictor.decision
        with pytest.raises(AssertionError):
            assert_same(found.trained_model.predictor.network, again.predictor.network)


class KilledError(Exception):
    """Nothing is written any more, as after SIGKILL."""


class Stop:
    """Ends a session in one epoch of one network."""

    def __init__(self, how: type[BaseException], number: int, epoch: int) -> None:
        self.how, self.number, self.epoch = how, number, epoch
        self.begun: list[int] = []

    def __call__(self, number: int, *_: Any) -> tuple[Any, ...]:
        self.current = number
        return (self,)

    def on_steps(self, epoch: int, done: int, total: int) -> None:
        self.begun += [self.current]
        if (self.current, epoch) == (self.number, self.epoch):
            raise self.how

    def on_epoch(self, row: Any, engine: Any) -> None:
        pass


class TestResume:
    @pytest.fixture(autouse=True)
    def _save_each_epoch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(fitting, "CHECKPOINT_SHARE", 1e9)

    def session(self, folder: Path, stop: Callable[..., Any] | None = None) -> TrainedEnsemble:
        table, config = read(**{"run.ensemble": 3, "run.members": "mlp,linear"})
        return fit_ensemble(
            table,
            config,
            checkpoints=Checkpoints(folder),
            fingerprint=lambda own: {"seed": own.run.seed, "model": own.model.name},
            watch=stop or (lambda *_: ()),
        )

    def test_killed_runs_end_with_the_same_bits(
        self, tmp_path: Path, mixed: dict[str, tuple[TrainedEnsemble, Table]]
    ) -> None:
        for stop in (Stop(KilledError, 1, 1), Stop(KilledError, 3, 2)):
            with pytest.raises(KilledError):
                self.session(tmp_path, stop)
        last = Stop(KilledError, 0, 0)
        found = self.session(tmp_path, last)
        # Those that were done are not trained again.
        assert set(last.begun) == {3}
        whole = mixed["regression"][0].trained_model
        assert_same(found.trained_model.predictor.network, whole.predictor.network)
        assert found.trained_model.history == whole.history
        assert found.trained_model.model == whole.model

    def test_interrupted_by_hand_keeps_what_is_trained(self, tmp_path: Path) -> None:
        found = self.session(tmp_path, Stop(KeyboardInterrupt, 2, 0)).trained_model
        assert found.fitted.progress.stopped == "interrupted"
        assert len(found.ensemble.summary.members) == 1
        with pytest.raises(KeyboardInterrupt):
            self.session(tmp_path / "other", Stop(KeyboardInterrupt, 1, 0))

    def test_a_folder_goes_on_with_more_networks(self, tmp_path: Path) -> None:
        how = {"target": "y", "baselines": False, "set": {**TINY, "model": "mlp"}}
        kerasnn.train(frame(), ensemble=2, output=tmp_path / "run", **how)
        saved = sorted((tmp_path / "run" / "checkpoints").glob("member-[12]/*"))
        times = [path.stat().st_mtime_ns for path in saved]
        more = kerasnn.train(frame(), resume=tmp_path / "run", ensemble=3)
        assert len(more.bundle.report["members"]["members"]) == 3
        assert [path.stat().st_mtime_ns for path in saved] == times
        whole = kerasnn.train(frame(), ensemble=3, **how)
        assert_same(more.predictor.network, whole.predictor.network)

    def test_one_network_does_not_go_on_as_several(self, tmp_path: Path) -> None:
        how = {"target": "y", "model": "linear", "baselines": False, "set": {"epochs": 1}}
        for first, then, message in ((1, 2, "has trained one network"), (2, 1, "to average")):
            output = tmp_path / f"run-{first}"
            kerasnn.train(frame(), ensemble=first, output=output, **how)
            with pytest.raises(ConfigError, match=message):
                kerasnn.train(frame(), resume=output, ensemble=then)


class TestRun:
    def test_it_is_told(self, run: Run) -> None:
        lines = run.summary().splitlines()
        at = lines.index("measured on the validation rows, by which the weights were chosen")
        assert [line.split()[:2] for line in lines[at - 3 : at - 1]] == [
            ["1", "mlp"],
            ["2", "linear"],
        ]
        assert lines[at - 1].startswith("average")
        page = (run.folder / "report.html").read_text()
        assert "ensemble of networks that were trained one after the other" in page
        history = pd.read_csv(run.folder / "history.csv")
        assert history["member"].tolist() == [1, 1, 1, 2, 2, 2]

    def test_save_and_load(self, run: Run) -> None:
        again = kerasnn.load(run.folder)
        rows = frame("binary", 20)
        pd.testing.assert_frame_equal(again.predict(rows), run.predict(rows))
        assert again.bundle.model == "ensemble"
        assert_same(again.predictor.network, run.predictor.network)
        assert "ensemble, made by kerasnn" in summary(run.folder)
        assert again.evaluate().to_dict() == run.scores.to_dict()

    @pytest.mark.parametrize("format", export.names())
    def test_export(self, run: Run, format: str, tmp_path: Path) -> None:
        result = run.export(format, tmp_path / f"model{export.suffix(format)}")
        assert result.largest_difference <= 1e-5

    def test_config_repeats_the_run(self, run: Run) -> None:
        config = collect(config=run.folder / "config.yaml").resolve()
        assert (config.run.ensemble, config.run.members) == (2, ("mlp", "linear"))
        assert [each.model.name for each in plan(config)] == ["mlp", "linear"]

    def test_very_many_members_are_told_shortly(self) -> None:
        many = tuple(MemberSummary("mlp", i, (i % 3) / 63, 1.0, 1, 2, 3.0) for i in range(64))
        head, rows = cells(EnsembleSummary("rmse", 0.9, many).to_dict())
        assert len(head) == 6
        assert len(rows) == MAX_SHOWN + 2
        assert rows[-2][0] == "48 more"
        assert all(row[2] == "0.0317" for row in rows[:MAX_SHOWN])


def test_estimators() -> None:
    table = frame("multiclass")
    estimator = kerasnn.Classifier(
        "mlp",
        hyperparameters={"width": 4, "depth": 1},
        epochs=2,
        settings={"run.ensemble": 2, "compile": "graph"},
        random_state=0,
    ).fit(table.drop(columns="y"), table["y"])
    assert estimator.bundle_.model == "ensemble"
    likely = estimator.predict_proba(table.drop(columns="y"))
    np.testing.assert_allclose(likely.sum(axis=1), 1)
    assert estimator.n_iter_ == 4


def test_estimator_of_a_run(run: Run, tmp_path: Path) -> None:
    run.save(tmp_path / "model.kerasnn")
    estimator = kerasnn.Classifier.load(tmp_path / "model.kerasnn")
    assert estimator.model == "mlp"
    assert estimator.settings["run.ensemble"] == 2
    fresh = kerasnn.Classifier(**{**estimator.get_params(), "epochs": 1})
    table = frame("binary")
    fresh.fit(table.drop(columns="y"), table["y"])
    assert fresh.bundle_.model == "ensemble"


@pytest.fixture(scope="module")
def good(run: Run) -> dict[str, bytes]:
    return read_members(run.folder)


class TestHostile:
    """A stranger's average is bounded, and of one table."""

    def refusal(self, path: Path, good: dict[str, bytes], member: str, change: Any) -> str:
        data = json.loads(good[member])
        change(data)
        content = good | {member: json.dumps(data).encode()}
        manifest = members.make_manifest(content)
        path.write_bytes(b"".join(pack({members.MANIFEST: manifest, **content})))
        with pytest.raises(ModelRefusedError) as caught:
            Bundle.load(path)
        return str(caught.value)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("ensemble", "can't be a member"),
            ("ensemble:members=mlp", "can't be a member"),
            ("1000000000*mlp", "1 to 64 times"),
            ("64*mlp,64*linear", "64 members at most"),
            ("mlp:width=60000:depth=1,linear", "must be float32"),
            ("mlp,3/linear", "encoding 3"),
            ("mlp", "for each of 1 members"),
            ("mlp," * 10_000, "can't be"),
            ("os.system", "unknown model"),
        ],
    )
    def test_members(self, text: str, message: str, good: dict[str, bytes], tmp_path: Path) -> None:
        def change(data: Any) -> None:
            values = data["hyperparameters"]
            values["members"] = text

        found = self.refusal(tmp_path / "model.kerasnn", good, members.TRAINING_OPTIONS, change)
        assert message in found

    def test_networks_too_deep_for_python(
        self, good: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def build(*_: Any, **__: Any) -> None:
            raise RecursionError

        monkeypatch.setattr(models, "build", build)
        path = tmp_path / "model.kerasnn"
        found = self.refusal(path, good, members.TRAINING_OPTIONS, lambda data: None)
        assert "its network has too many layers in a row" in found

    @pytest.mark.parametrize("weights", ["-1,2", "0,1", "1e999,1", "nan,1", "1"])
    def test_weights(self, weights: str, good: dict[str, bytes], tmp_path: Path) -> None:
        def change(data: Any) -> None:
            data["hyperparameters"]["weights"] = weights

        found = self.refusal(tmp_path / "model.kerasnn", good, members.TRAINING_OPTIONS, change)
        assert "a number above 0" in found

    @pytest.mark.parametrize("name", ["nested", "many", "output", "no numbers", "cardinalities"])
    def test_ways_of_the_signature(self, name: str, good: dict[str, bytes], tmp_path: Path) -> None:
        def change(data: Any) -> None:
            encodings = data["signature"]["members"]
            (encoding,) = encodings
            if name == "nested":
                encoding["members"] = [dict(encoding)]
            elif name == "many":
                encodings += [encoding] * 15
            elif name == "output":
                encoding["output"]["task"] = "regression"
            elif name == "no numbers":
                encoding["numbers"] = None
            else:
                encoding["categories"]["cardinalities"] = [2**20]

        found = self.refusal(tmp_path / "model.kerasnn", good, members.TRAINING_OPTIONS, change)
        assert "the ways of its members" in found

    @pytest.mark.parametrize(
        "others",
        [
            [],
            {},
            [1],
            [{}] * 16,
            [{"schema": {}}],
            [{"coder": {}}],
            [{"others": []}],
            [{"options": {}}],
            [{"numbers": []}],
            [{"vocabularies": [{"name": "colour", "words": ["red", "pink"], "width": 0}]}],
            [{"vocabularies": []}],
        ],
        ids=str,
    )
    def test_ways_of_the_preprocessing(
        self, others: Any, good: dict[str, bytes], tmp_path: Path
    ) -> None:
        def change(data: Any) -> None:
            data["others"] = others

        found = self.refusal(tmp_path / "model.kerasnn", good, members.PREPROCESSING, change)
        assert "preprocessing" in found
