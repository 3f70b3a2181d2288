"""The report data of a run, and the page that is drawn from it alone."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import precision_recall_curve, roc_auc_score, roc_curve

from kerasnn import models
from kerasnn.data.schema import Column, Schema, Target
from kerasnn.errors import ModelRefusedError
from kerasnn.evaluation.baselines import Baseline
from kerasnn.evaluation.comparison import WINS
from kerasnn.evaluation.scores import Scores, score
from kerasnn.explain.importance import Importance
from kerasnn.metrics import curves, registry
from kerasnn.metrics.predictions import Predictions
from kerasnn.prediction.predictor import Predictor
from kerasnn.preprocessing import Preprocessor
from kerasnn.report import page, render
from kerasnn.report.data import ReportInputs, build_report_data, decision_boundary
from kerasnn.report.drawing import MUTED, draw, shorten, themed
from kerasnn.report.page import duration, standing
from kerasnn.report.sections import classification_errors, layer_probes, regression_errors
from kerasnn.report.sections.columns import draw as columns
from kerasnn.report.sections.network.collect import network_graph
from kerasnn.report.sections.network.draw import boxes_of, picture
from kerasnn.report.sections.training import draw as learning
from kerasnn.signature import Signature, Task
from kerasnn.training.probes import Distribution, LayerTrace

HOSTILE = "<script>alert('x')</script>"
NAMES = ('$x_1$ & "y"', HOSTILE, "日本 #010203")
SECTIONS = [
    "data",
    "scores",
    "errors",
    "columns",
    "training",
    "network",
    "layers",
    "warnings",
    "configuration",
]
CLASSES: dict[Task, tuple[str, ...]] = {
    "binary": ("no", HOSTILE),
    "multiclass": ("a$b", HOSTILE, "ç 日本"),
    "regression": (),
}


def predictions(task: Task, *, rows: int = 90, seed: int = 0) -> Predictions:
    generator = np.random.default_rng(seed)
    if task == "regression":
        truth = generator.normal(size=rows)
        return Predictions.from_scores(
            task, (), truth=truth, scores=truth + generator.normal(size=rows) / 4
        )
    n_classes = len(CLASSES[task])
    truth = np.arange(rows) % n_classes
    weights = np.exp(generator.normal(size=(rows, n_classes)) + 2 * np.eye(n_classes)[truth])
    scores = weights / weights.sum(axis=1, keepdims=True)
    return Predictions.from_scores(task, CLASSES[task], truth=truth, scores=scores)


def network(task: Task, model: str = "dcnv2") -> keras.Model:
    signature = Signature.table(
        numbers=2,
        categories=[5, (30, 3)],
        classes=len(CLASSES[task]) or None,
    )
    return models.build(model, signature, width=4, depth=2)


def history(values: list[float], name: str) -> list[dict[str, float]]:
    return [
        {
            "epoch": epoch,
            "loss": 1 / epoch,
            "gradient_norm": 1.0,
            "learning_rate": 0.1 / epoch,
            "validation_loss": 1 / epoch + 0.1,
            name: value,
        }
        for epoch, value in enumerate(values, 1)
    ]


def probes(name: str = "hidden_1") -> dict[str, Any]:
    values = np.linspace(-1, 1, 50)
    spread = [Distribution.of(values * scale) for scale in (1, 2, 3)]
    trace = LayerTrace(name, "Dense", [0.5, 0.1, 0.002], spread, spread)
    other = LayerTrace("relu", "Activation", [], [], [Distribution.of(values.clip(0))] * 3)
    last = LayerTrace("head", "Dense", [1.0, None, 1.0], spread, spread)
    layers = [json.loads(json.dumps(vars(each), default=vars)) for each in (trace, other, last)]
    return {"epochs": [1, 2, 4], "layers": layers}


def boundary(task: Task) -> dict[str, Any]:
    axis = np.linspace(0, 1, 6)
    classes = CLASSES[task]
    scores = np.add.outer(axis, axis) / 2
    if classes:
        scores = np.stack([scores, *[(1 - scores) / (len(classes) - 1)] * (len(classes) - 1)], -1)
    return {
        "x": {"name": NAMES[0], "values": axis.tolist()},
        "y": {"name": NAMES[1], "values": axis.tolist()},
        "classes": list(classes),
        "scores": scores.tolist(),
        "rows": {"x": [0.1, 0.9], "y": [0.2, 0.3], "truth": [0, 1]},
    }


def report_data_of(task: Task, **changes: Any) -> dict[str, Any]:
    given = predictions(task)
    constant = Baseline("linear", f"a {HOSTILE}", predictions(task, seed=1), 0.1, "on fewer rows")
    columns = tuple(
        Column(name, kind, f"because of {HOSTILE}", kind != "identifier")
        for name, kind in zip(NAMES, ("number", "category", "identifier"), strict=True)
    )
    arguments: dict[str, Any] = {
        "examples_origin": f"{HOSTILE}.csv",
        "schema": Schema(columns, Target(HOSTILE, task, CLASSES[task]), (f"note {HOSTILE}",)),
        "n_rows": {"train": 400, "validation": 90, "test": 90},
        "split": "auto",
        "config": {"training": {"epochs": 3, "schedule": "cosine", HOSTILE: [HOSTILE, None]}},
        "model_name": HOSTILE,
        "network": network(task),
        "history": history([0.5, 0.4, 0.45], "validation_f1"),
        "best_epoch": 1,
        "stopped": "no gain",
        "seconds": 3.25,
        "scores": score(given, [constant]),
        "predictions": given,
        "probes": probes(HOSTILE),
        "importance": [Importance(NAMES[1], 0.2, 0.01), Importance(NAMES[0], 0.0, 0.1)],
        "missing": {NAMES[0]: 7, NAMES[1]: 0},
        "warnings": [f"beware {HOSTILE}", f"beware {HOSTILE}", 'a "quoted" & odd one'],
        "boundary": boundary(task),
    }
    return build_report_data(ReportInputs(**{**arguments, **changes}))


TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression")


@pytest.fixture(scope="module")
def reports() -> dict[str, dict[str, Any]]:
    return {task: report_data_of(task) for task in TASKS}


@pytest.fixture(scope="module")
def pages(reports: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {task: render(json.loads(json.dumps(reports[task]))) for task in TASKS}


class Reader(HTMLParser):
    """Collects what a page holds, and that every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.tags: Counter[str] = Counter()
        self.links: list[str] = []
        self.labels: list[str] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        assert not [name for name in found if name.startswith("on")]
        self.tags[tag] += 1
        self.ids += [found["id"]] if found.get("id") else []
        self.links += [str(found[name]) for name in ("href", "src", "xlink:href") if name in found]
        if tag == "svg":
            assert found["role"] == "img"
            self.labels.append(str(found["aria-label"]))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.mark.parametrize("task", TASKS)
def test_page_has_every_section(pages: dict[str, str], task: str) -> None:
    reader = Reader(pages[task])
    assert [name for name in reader.ids if "-" not in name] == SECTIONS
    assert reader.open == []
    assert len(reader.ids) == len(set(reader.ids))
    assert {f"#{name}" for name in SECTIONS} <= set(reader.links)
    text = "".join(reader.words)
    own = {
        "binary": ["Confusion matrix", "ROC curve", "Precision and recall", "Calibration"],
        "multiclass": ["Confusion matrix", "ROC curve", "Precision and recall", "Calibration"],
        "regression": ["Predicted against true", "Residuals", "Residuals by prediction"],
    }[task]
    shared = ["Learning curves", "Learning rate", "F1 by epoch", "Importance of the columns"]
    for title in [*own, *shared, "Gradients by layer", "Weights", "Activations"]:
        assert title in text
    assert ("Decision boundary" in text) == (task != "regression")
    assert ("Prediction by two columns" in text) == (task == "regression")


@pytest.mark.parametrize("task", TASKS)
def test_page_escapes_what_it_was_given(pages: dict[str, str], task: str) -> None:
    text, reader = pages[task], Reader(pages[task])
    assert "<script" not in text.lower()
    assert reader.tags["script"] == reader.tags["link"] == reader.tags["img"] == 0
    assert HOSTILE in "".join(reader.words)
    assert "$x_1$" in "".join(reader.words)


@pytest.mark.parametrize("task", TASKS)
def test_page_needs_nothing_else(pages: dict[str, str], task: str) -> None:
    text = pages[task]
    assert all(link.startswith("#") for link in Reader(text).links)
    assert not re.search(r"url\((?!#)|@import|https?:|//[a-z]", text)
    assert len(text.encode()) < 3_000_000


@pytest.mark.parametrize("task", TASKS)
def test_pictures_are_well_formed_and_in_the_colours_of_the_page(
    pages: dict[str, str], task: str
) -> None:
    text = pages[task]
    pictures = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(pictures) == len(Reader(text).labels) >= 12
    known = set(re.findall(r"--[\w-]+(?=:)", (page._HERE / "page.css").read_text()))
    for each in pictures:
        ElementTree.fromstring(each)
        tags = "".join(re.findall(r"<[^>]*>", each.split(">", 1)[1]))
        assert set(re.findall(r"var\((--[\w-]+)\)", tags)) <= known
        assert not re.search(r"#[0-9a-f]{6}\b", tags)
    used = {name for each in pictures for name in re.findall(r'href="#([^"]+)"', each)}
    assert used <= set(Reader(text).ids)


@pytest.mark.parametrize("task", TASKS)
def test_light_and_dark_have_the_same_variables(task: str) -> None:
    css = (page._HERE / "page.css").read_text()
    light, dark = re.findall(r":root \{(.*?)\}", css, re.DOTALL)[:2]
    assert re.findall(r"--[\w-]+", light) == re.findall(r"--[\w-]+", dark)


@pytest.mark.parametrize("task", TASKS)
def test_story_is_plain_data(reports: dict[str, dict[str, Any]], task: str) -> None:
    report_data = reports[task]
    assert json.loads(json.dumps(report_data, allow_nan=False)) == report_data
    assert (
        Scores.from_dict(report_data["scores"]).to_dict()["values"]
        == report_data["scores"]["values"]
    )
    assert report_data["stopped"] == "no gain"
    assert report_data["warnings"] == [f"beware {HOSTILE}", 'a "quoted" & odd one']


def test_the_same_story_gives_the_same_page(
    reports: dict[str, dict[str, Any]], pages: dict[str, str]
) -> None:
    assert render(reports["binary"]) == pages["binary"]


def unscored(given: Predictions) -> Scores:
    """The scores that cost little with many classes."""
    return Scores(
        task=given.task,
        n_rows=len(given),
        main="accuracy",
        values=dict.fromkeys(("accuracy", "f1", "log_loss"), 0.5),
        intervals={},
        resamples=0,
        per_class=dict(registry.per_class(given)),
        confusion=tuple(map(tuple, registry.confusion(given).tolist())),
        baselines={},
    )


def test_report_data_of_much_data_stays_small() -> None:
    classes = tuple(f"class {code}" for code in range(500))
    generator = np.random.default_rng(0)
    truth = np.concatenate([np.arange(500), generator.integers(0, 500, 500)])
    scores = np.full((1000, 500), 0.5 / 499)
    scores[np.arange(1000), truth] = 0.5
    scores /= scores.sum(axis=1, keepdims=True)
    given = Predictions.from_scores("multiclass", classes, truth=truth, scores=scores)
    many = tuple(Column(f"column {index}", "number", "x" * 5000) for index in range(2000))
    report_data = report_data_of(
        "multiclass",
        schema=Schema(many, Target("label", "multiclass", classes)),
        history=history(list(np.linspace(1, 0, 5000)), "validation_log_loss"),
        best_epoch=4321,
        importance=[Importance(column.name, 0.1, 0.0) for column in many],
        predictions=given,
        scores=unscored(given),
        boundary=None,
        warnings=[f"{index} {'w' * 5000}" for index in range(500)],
    )
    assert len(json.dumps(report_data)) < 2 * 2**20
    assert 4321 in report_data["training"]["history"]["epoch"]
    assert len(report_data["training"]["history"]["epoch"]) <= 201
    text = render(report_data)
    assert len(text) < 3_000_000
    assert "2000 columns, 2000 of them used; the first 300 are listed" in text
    assert "492 rarer classes are not shown" in text


def test_sparse_run_has_every_section_too() -> None:
    """One epoch that found nothing, no probes, no baselines, one row."""
    one = predictions("binary").take(np.array([0]))
    report_data = report_data_of(
        "binary",
        history=history([float("nan")], "validation_auc"),
        best_epoch=0,
        stopped="interrupted",
        predictions=one,
        scores=score(one),
        probes=None,
        importance=[],
        boundary=None,
        warnings=[],
        n_rows={"train": 3, "validation": 1, "test": 0},
    )
    reader = Reader(render(report_data))
    text = " ".join("".join(reader.words).split())
    assert [name for name in reader.ids if "-" not in name] == SECTIONS
    assert "The layers were not watched in this run." in text
    assert "On 1 validation rows" in text
    assert "1 epoch done; none was better than the others. It was interrupted." in text


def test_sweep_of_the_finder_is_drawn(reports: dict[str, dict[str, Any]]) -> None:
    sweep = {"rates": [1e-6, 1e-3, 1e-1], "losses": [2.0, 1.0, None], "suggestion": 3e-4}
    last = learning.drawings({**reports["binary"], "sweep": sweep})[-1]
    assert last.title == "Learning-rate finder"
    assert "0.0003 was chosen" in last.sentence


def test_note_that_was_a_warning_is_told_once(reports: dict[str, dict[str, Any]]) -> None:
    report_data = json.loads(json.dumps(reports["binary"]))
    report_data["data"]["notes"] = ["3 rows repeat", "only a note"]
    report_data["warnings"] = ["3 rows repeat – remove them"]
    text = "".join(Reader(render(report_data)).words)
    assert text.count("3 rows repeat") == text.count("only a note") == 1


def test_later_version_is_refused(reports: dict[str, dict[str, Any]]) -> None:
    with pytest.raises(ModelRefusedError, match="has version 99, and this is version 1"):
        render({**reports["binary"], "version": 99})


@pytest.mark.parametrize(
    ("values", "best", "stopped", "expected"),
    [
        (
            [0.5, 0.9, 0.6, 0.5],
            2,
            "no gain",
            "Best at epoch 2 of 4; after that the validation score got worse. "
            "It stopped early, because the validation score no longer improved.",
        ),
        (
            [0.5, 0.9, 0.899, 0.898],
            2,
            "time limit",
            "Best at epoch 2 of 4; after that the validation score got no better. "
            "It ended at the time limit.",
        ),
        (
            [0.5, 0.9],
            2,
            "all epochs done",
            "Best at epoch 2 of 2; the last one, so more epochs might help. "
            "It trained for all its epochs.",
        ),
    ],
)
def test_sentence_of_the_training(
    values: list[float], best: int, stopped: str, expected: str
) -> None:
    rows = history(values, "validation_f1")
    names = rows[0].keys()
    training = {
        "n_epochs": len(rows),
        "best_epoch": best,
        "monitor": "validation_f1",
        "history": {name: [row[name] for row in rows] for name in names},
    }
    assert learning.summary({"training": training, "stopped": stopped}) == expected


def test_sentences_of_mistakes_and_distances(reports: dict[str, dict[str, Any]]) -> None:
    binary = reports["binary"]
    given = predictions("binary")
    sentences = {
        drawing.title: drawing.sentence for drawing in classification_errors.drawings(binary)
    }
    area = roc_auc_score(given.truth, given.scores[:, 1])
    assert f" {100 * area:.1f} % of the time" in sentences["ROC curve"].replace(" 9 ", " ")
    called, true = given.decision == 1, given.truth == 1
    found, right = (called & true).sum() / true.sum(), (called & true).sum() / called.sum()
    shares = [float(s) for s in re.findall(r"([\d.]+) %", sentences["Precision and recall"])]
    assert shares == [pytest.approx(100 * right, abs=0.5), pytest.approx(100 * found, abs=0.5)]
    wrong = max((called & ~true).sum(), (~called & true).sum())
    assert f"{wrong} of 45 rows" in sentences["Confusion matrix"]

    errors = {
        drawing.title: drawing.sentence
        for drawing in regression_errors.drawings(reports["regression"])
    }
    given = predictions("regression")
    half = np.quantile(np.abs(given.scores - given.truth), 0.5)
    assert f"Half of the predictions are within {half:.3g} of the truth" in errors["Residuals"]


def test_sentences_of_columns_and_layers(reports: dict[str, dict[str, Any]]) -> None:
    report_data = reports["binary"]
    first = columns.drawings(report_data)[0].sentence
    assert first == (
        f"‘{HOSTILE}’ is the most important: shuffling it worsens the ROC AUC by 0.2. "
        "1 column makes no clear difference on its own."
    )
    (gradients,) = layer_probes.gradients(report_data)
    assert "the gradient of ‘head’ was 500 times that of" in gradients.sentence
    weights, activations = layer_probes.weights(report_data), layer_probes.activations(report_data)
    assert weights is not None
    assert "their standard deviation is 3 times larger at the end" in weights.sentence
    assert activations is not None
    assert "‘relu’ has the most zeros, 50 %" in activations.sentence
    silent = probes()
    silent["layers"][1]["activations"][-1]["zeros"] = 0.97
    found = layer_probes.activations({"probes": silent})
    assert found is not None
    assert found.sentence.startswith("97.0 % of the outputs of ‘relu’ are 0")


@pytest.mark.parametrize(
    ("intervals", "expected"),
    [
        ([], "alone"),
        ([(0.1, 0.2), (0.05, 0.1)], "wins"),
        ([(0.1, 0.2), (-0.1, 0.1)], "level"),
        ([(0.1, 0.2), (-0.2, -0.1)], "loses"),
        ([None], "alone"),
    ],
)
def test_standing_beside_the_baselines(intervals: list[Any], expected: str) -> None:
    baselines = {str(index): {"gain_interval": each} for index, each in enumerate(intervals)}
    assert standing({"baselines": baselines, "verdict": WINS}) == expected
    # Some were not run, say.
    in_part = "partly" if expected == "wins" else expected
    assert standing({"baselines": baselines, "verdict": "The network beats the mean"}) == in_part


def test_numbers_for_people() -> None:
    assert [duration(seconds) for seconds in (0.52, 9.6, 125, 7260)] == [
        "0.5 s",
        "10 s",
        "2 min 5 s",
        "2 h 1 min",
    ]
    assert shorten("a\n b" + "c" * 30, 10) == "a bcccccc…"


def test_roc_and_precision_are_scikit_learns() -> None:
    generator = np.random.default_rng(0)
    values, positive = generator.integers(0, 20, 200) / 20, generator.random(200) < 0.3
    x, y = curves.roc(values, positive)
    false, true, _ = roc_curve(positive, values, drop_intermediate=False)
    np.testing.assert_allclose((x, y), (false, true))
    recall, precision = curves.precision_recall(values, positive)
    theirs = precision_recall_curve(positive, values)
    np.testing.assert_allclose(recall, theirs[1][:-1][::-1])
    np.testing.assert_allclose(precision, theirs[0][:-1][::-1])


def test_thinned_curve_keeps_its_ends_and_its_area() -> None:
    x = np.linspace(0, 1, 10_000)
    y = np.sqrt(x)
    thin_x, thin_y = curves.thin(x, y)
    assert len(thin_x) <= curves.MAX_POINTS
    assert (thin_x[0], thin_x[-1], thin_y[-1]) == (0, 1, 1)
    assert np.trapezoid(thin_y, thin_x) == pytest.approx(2 / 3, abs=1e-3)


def test_residuals_are_numpys() -> None:
    given = predictions("regression")
    found, error = curves.residuals(given), given.scores - given.truth
    assert found["mean"] == pytest.approx(error.mean())
    assert found["most_within"] == pytest.approx(np.quantile(np.abs(error), 0.95))
    assert found["counts"].sum() == len(given)
    assert all(
        low <= middle <= high
        for low, middle, high in zip(
            *(found["trend"][name] for name in ("low", "middle", "high")), strict=True
        )
    )


@pytest.mark.parametrize("name", ["linear", "mlp", "resnet", "wide_deep", "dcnv2"])
def test_anatomy_counts_as_keras(name: str) -> None:
    given = {} if name == "linear" else {"width": 4, "depth": 2}
    signature = Signature.table(numbers=2, categories=[(5, 3)], classes=2)
    model = models.build(name, signature, **given)
    found = network_graph(model)
    assert found["parameters"] == model.count_params()
    assert found["trainable"] == sum(w.value.shape.num_elements() for w in model.trainable_weights)
    assert sum(layer["parameters"] for layer in found["layers"]) == model.count_params()
    names = {layer["name"] for layer in found["layers"]}
    assert all(source in names for layer in found["layers"] for source in layer["inputs"])
    boxes = boxes_of(found["layers"])
    assert sum(box.parameters for box in boxes) == model.count_params()
    drawn = picture({"network": found})
    assert drawn is not None
    assert drawn.count('<g class="box') == len(boxes)


def test_boxes_join_a_layer_with_its_activation() -> None:
    inputs = keras.Input((3,), name="numbers")
    hidden = keras.layers.Dense(4)(inputs)
    hidden = keras.layers.BatchNormalization()(hidden)
    hidden = keras.layers.Dropout(0.5)(keras.layers.Activation("relu")(hidden))
    model = keras.Model(inputs, keras.layers.Dense(1)(hidden))
    boxes = boxes_of(network_graph(model)["layers"])
    assert [box.title for box in boxes] == [
        "input ‘numbers’",
        "dense · batch norm · relu · dropout 0.5",
        "dense",
    ]
    assert [box.subtitle for box in boxes] == ["3", "4  ·  32 parameters", "1  ·  5 parameters"]


def test_boxes_of_the_picture_do_not_overlap() -> None:
    drawn = picture({"network": network_graph(network("binary"))})
    assert drawn is not None
    found = ElementTree.fromstring(str(drawn)).findall("g[@class]/rect[@rx='7']")
    places = [[float(rect.get(key, "")) for key in ("x", "y", "width")] for rect in found]
    assert len(places) > 5
    for (x, y, width), (other_x, other_y, other_width) in itertools.combinations(places, 2):
        assert y != other_y or x + width <= other_x or other_x + other_width <= x


def test_a_very_deep_network_is_a_table() -> None:
    layers = [
        {
            "name": f"dense_{index}",
            "type": "Dense",
            "detail": "",
            "shape": [4],
            "parameters": 20,
            "inputs": [f"dense_{index - 1}"] if index else [],
        }
        for index in range(100)
    ]
    assert picture({"network": {"layers": layers, "parameters": 2000}}) is None


def test_stand_in_colours_in_text_stay_text() -> None:
    drawing = draw(
        "t", "s", lambda axes: axes.set_title("color: #020304; 1.23456 <b>", color=MUTED)
    )
    assert "color: #020304; 1.23456 &lt;b&gt;" in drawing.svg
    assert "fill: var(--muted)" in drawing.svg
    svg = '<svg viewBox="0 0 1 1"><g id="a"><path d="M 0.123456 1"/></g></svg>'
    expected = (
        '<svg class="plot" viewBox="0 0 1 1" role="img" aria-label="&lt;a&gt; &#34;b&#34;">'
        '<g><path d="M 0.12 1"/></g></svg>'
    )
    assert themed(svg, label='<a> "b"') == expected


def two_columns(classes: int | None) -> tuple[Predictor, pd.DataFrame]:
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(generator.normal(size=(500, 2)), columns=["left", "right"])
    frame.iloc[0, 0] = np.nan
    target = Target("y", "regression")
    frame["y"] = frame["right"] * 3 + 10
    if classes:
        labels = tuple("abcdefghijkl"[:classes])
        target = Target("y", "binary" if classes == 2 else "multiclass", labels)
        frame["y"] = [labels[index % classes] for index in range(len(frame))]
    schema = Schema((Column("left", "number"), Column("right", "number")), target)
    preprocessor = Preprocessor.fit(frame, schema)
    model = models.build("mlp", preprocessor.signature, width=4, depth=1)
    return Predictor(preprocessor, model), frame


@pytest.mark.parametrize("classes", [None, 2, 3])
def test_boundary_is_what_the_predictor_says(classes: int | None) -> None:
    predictor, frame = two_columns(classes)
    found = decision_boundary(predictor, frame, resolution=7)
    assert found is not None
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    x, y = found["x"]["values"], found["y"]["values"]
    at = pd.DataFrame({"left": [x[2]], "right": [y[5]]})
    np.testing.assert_allclose(found["scores"][5][2], predictor.scores(at)[0], atol=1e-3)
    low, high = np.quantile(frame["left"].dropna(), [0.01, 0.99])
    assert x[0] < low < high < x[-1]
    assert len(found["rows"]["x"]) == 400
    assert np.isfinite(found["rows"]["x"]).all()


def test_boundary_wants_two_numbers_and_few_classes() -> None:
    predictor, frame = two_columns(9)
    assert decision_boundary(predictor, frame) is None
    frame["third"] = frame["left"]
    schema = Schema(
        tuple(Column(name, "number") for name in ("left", "right", "third")),
        Target("y", "regression"),
    )
    frame["y"] = frame["right"]
    preprocessor = Preprocessor.fit(frame, schema)
    model = models.build("linear", preprocessor.signature)
    assert decision_boundary(Predictor(preprocessor, model), frame) is None
