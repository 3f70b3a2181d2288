"""What a run with images tells and shows: a small run of each kind, and stories of strangers."""

from __future__ import annotations

import base64
import copy
import io
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import kerasnn
from kerasnn.data.media import images as pictures
from kerasnn.data.media.stored import StoredPixels
from kerasnn.data.schema import Column, Schema, Target
from kerasnn.errors import ModelRefusedError
from kerasnn.evaluation.baselines import baselines
from kerasnn.explain.thumbnails import MOST_TEXT
from kerasnn.prediction.streaming import predict_labelled
from kerasnn.preprocessing import Preprocessor
from kerasnn.report import render
from kerasnn.report.sections.images import draw as report_images
from kerasnn.report.sections.images.collect import image_section
from kerasnn.runs import summary
from kerasnn.runs.tabular import Run

HOSTILE = "<script>alert('x')</script>"
TINY = {"width": 4, "depth": 1, "epochs": 2, "batch_size": 16}


def squares(count: int, *, side: int = 12, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Noise with a bright square: above in even rows, below in odd ones."""
    shape = (count, side, side, channels)
    found = np.random.default_rng(seed).integers(0, 120, shape).astype("uint8")
    half = side // 2
    found[0::2, :half, 2:half] += 120
    found[1::2, half:, 2:half] += 120
    return found


def train(images: np.ndarray, target: Any, output: Path | None = None, **given: Any) -> Run:
    model = given.pop("model", "cnn")
    columns = given.pop("columns", {})
    return kerasnn.train(
        {"photo": images, **columns, "y": target},
        target="y",
        model=model,
        set={**TINY, **given.pop("set", {})},
        output=output,
        **given,
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    labels = np.where(np.arange(120) % 2, HOSTILE, "above")
    folder = tmp_path_factory.mktemp("run") / "squares"
    return train(squares(120), labels, folder, set={"training.augment": "shift,flip"})


class Reader(HTMLParser):
    """The pictures and the words of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.labels: list[str] = []
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        assert not [name for name in found if name.startswith("on")]
        self.tags.append(tag)
        if tag == "img":
            self.sources.append(str(found["src"]))
            self.labels.append(str(found["alt"]))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def page(run: Run) -> Reader:
    assert run.folder is not None
    return Reader((run.folder / "report.html").read_text(encoding="utf-8"))


def told(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = run.bundle.report["images"]
    return found


def test_page_shows_images_in_every_section(run: Run) -> None:
    text = " ".join("".join(page(run).words).split())
    for title in [
        "Samples",
        "Augmented training images",
        "The most confident ones",
        "Important regions of the images",
        "First filters",
        "Activation maps",
    ]:
        assert title in text
    assert "12 × 12 pixels in colour" in text
    assert "Shift: moved by up to an eighth" in text
    assert "(Grad-CAM)" in text
    assert "The importance of the columns was not measured" not in text


def test_every_picture_of_the_page_can_be_opened(run: Run) -> None:
    reader = page(run)
    assert len(reader.sources) > 40
    assert all(reader.labels)
    for source in reader.sources:
        head, _, content = source.partition(",")
        assert head in ("data:image/png;base64", "data:image/jpeg;base64")
        Image.open(io.BytesIO(base64.b64decode(content, validate=True))).load()
    assert "script" not in reader.tags


def test_samples_are_training_images_of_their_class(run: Run) -> None:
    found = {sample["label"]: sample for sample in told(run)["samples"]}
    assert found.keys() == {"above", HOSTILE}
    frame = run.holdout("train") if "train" in run._held_back else None
    for label, sample in found.items():
        shown = [decoded(run, number) for number in sample["files"]]
        above = [each[:6].mean() > each[6:].mean() for each in shown]
        assert all(above) if label == "above" else not any(above)
        if frame is not None:
            assert sample["count"] == (frame["y"] == label).sum()


def decoded(run: Run, number: int) -> np.ndarray:
    content = base64.b64decode(told(run)["files"][number])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(float)


def test_augmented_page_is_what_the_augmenter_makes(run: Run) -> None:
    from kerasnn.training.augmentation import Augmenter, sample_page

    rows = told(run)["augmented"]["rows"]
    assert told(run)["augmented"]["changes"] == ["shift", "flip"]
    originals = np.stack([decoded(run, row["original"]) for row in rows]).astype("uint8")
    images = run.predictor.preprocessor.signature.image_inputs
    expected = sample_page(Augmenter(["shift", "flip"], images, seed=0), originals, draws=6)
    for row, draws in zip(rows, expected, strict=True):
        for number, draw in zip(row["draws"], draws, strict=True):
            np.testing.assert_array_equal(decoded(run, number), draw)


def test_cards_are_the_worst_and_the_surest_rows(run: Run) -> None:
    test = run.holdout("test")
    predictions = predict_labelled(run.predictor, test)
    truth = predictions.scores[np.arange(len(test)), predictions.truth]
    right = predictions.decision == predictions.truth
    most_confident = told(run)["most_confident"]
    assert most_confident[0]["probability"] == pytest.approx(truth[right].max(), abs=1e-5)
    assert all(card["truth"] == card["decided"] for card in most_confident)
    worst = told(run)["worst"]
    assert len(worst) == min(12, (~right).sum())
    shown = [card["probability_of_truth"] for card in worst]
    assert shown == pytest.approx(np.sort(truth[~right])[:12], abs=1e-5)


def test_story_is_plain_and_its_pictures_bounded(run: Run) -> None:
    report_data = run.bundle.report
    assert json.loads(json.dumps(report_data, allow_nan=False)) == report_data
    assert sum(map(len, told(run)["files"])) <= MOST_TEXT < 2**20


def test_summary_speaks_of_images(run: Run) -> None:
    assert "columns   1 image column, 12 × 12 colour\n" in run.summary()
    assert "training  images changed by shift, flip\n" in run.summary()
    columns = (
        Column("left", "image", layout="28x28x1"),
        Column("right", "image", layout="28x28x1"),
        Column("age", "number"),
    )
    text = summary.of_columns(Schema(columns, Target("y", "regression")))
    assert text.startswith("columns   1 number, 2 image columns, 28 × 28 grey\n")


def test_pairs_are_the_most_frequent_confusions(run: Run) -> None:
    test = run.holdout("test")
    given = predict_labelled(run.predictor, test)
    given.decision[:] = 1 - given.truth
    given.decision[given.truth == 1] = np.where(np.arange((given.truth == 1).sum()) < 2, 0, 1)
    found = image_section(run.predictor, test, test, given, look_inside=False)
    assert found is not None
    n_first = int((given.truth == 0).sum())
    assert [(pair["truth"], pair["count"]) for pair in found["pairs"]] == [
        (given.classes[0], n_first),
        (given.classes[1], 2),
    ]
    assert all(len(pair["cards"]) <= 4 for pair in found["pairs"])


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    generator = np.random.default_rng(0)
    size = generator.normal(size=90)
    columns = {"size": size, "kind": generator.choice(["a", "b"], 90)}
    folder = tmp_path_factory.mktemp("run") / "mixed"
    values = size + np.arange(90) % 2
    return train(squares(90, channels=1), values, folder, columns=columns)


def test_regression_on_a_mixed_table(mixed: Run) -> None:
    text = " ".join("".join(page(mixed).words).split())
    for title in ["The largest errors", "The smallest errors", "from the lowest to the highest"]:
        assert title in text
    assert "What speaks for a larger value is red" in text
    columns = {each["column"] for each in mixed.bundle.report["importance"]}
    assert columns == {"photo", "size", "kind"}
    assert mixed.scores is not None
    notes = {name: each.note for name, each in mixed.scores.baselines.items()}
    assert notes["boosting"] == "it saw no image"
    assert notes["linear"] == "on images of at most 16 × 16 pixels"
    errors = [abs(card["truth"] - card["decided"]) for card in told(mixed)["worst"]]
    assert errors == sorted(errors, reverse=True)
    assert "1 number, 1 category, 1 image column, 12 × 12 grey" in mixed.summary()


def test_network_without_convolutions_says_so(tmp_path: Path) -> None:
    labels = np.array(["x", "y", "z"])[np.arange(60) % 3]
    run = train(squares(60, channels=1), labels, tmp_path / "run", model="mlp")
    text = " ".join("".join(page(run).words).split())
    assert "so this is the gradient" in text
    assert "Activation maps" not in text
    assert told(run)["filters"]["height"] == 12


def test_run_in_memory_has_thumbnails_but_looks_not_inside() -> None:
    run = train(squares(60), np.arange(60) % 2, baselines=False)
    assert told(run)["samples"]
    assert "attention" not in told(run)


def test_several_labels(tmp_path: Path) -> None:
    cells = np.array(["top|red", "red", "top", "top|blue"])[np.arange(80) % 4]
    run = train(squares(80), cells, tmp_path / "run", task="multilabel")
    cards = told(run)["worst"] + told(run)["most_confident"]
    assert {card["truth"] for card in cards} <= {"red, top", "red", "top", "blue, top"}
    assert {sample["label"] for sample in told(run)["samples"]} == {"blue", "red", "top"}
    assert told(run)["pairs"] == []
    assert "What speaks for the decision is red" in "".join(page(run).words)


def test_images_in_two_parts_are_shown(tmp_path: Path) -> None:
    images = squares(100)
    images[50:60] = images[40:50]
    with pytest.warns(kerasnn.errors.KerasnnWarning, match="also in the"):
        run = train(images, np.arange(100) % 2, tmp_path / "run", baselines=False)
    shared = told(run)["shared"]
    assert shared["count"] == shared["exact"] > 0
    for pair in shared["pairs"]:
        assert pair["files"][0] == pair["files"][1]
        assert pair["parts"][0] != pair["parts"][1]
    assert "scores on such rows are too optimistic" in "".join(page(run).words)


def test_cards_name_the_files(tmp_path: Path) -> None:
    for row, image in enumerate(squares(80)):
        folder = tmp_path / "photos" / ("up" if row % 2 == 0 else "down")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).resize((20, 16)).save(folder / f"{row:02}.png")
    run = kerasnn.train(
        tmp_path / "photos",
        model="cnn",
        set={**TINY, "preprocessing.image_size": 12},
        output=tmp_path / "run",
        baselines=False,
    )
    cards = told(run)["worst"] + told(run)["most_confident"]
    assert all(re.fullmatch(r"(up|down)/\d\d\.png", card["name"]) for card in cards)
    assert all(card["name"].startswith(card["truth"]) for card in cards)
    found = told(run)["originals"]
    assert (found["smallest"], found["largest"]) == ([16, 20], [16, 20])
    assert "The files are 16 × 20." in "".join(page(run).words)


Change = Callable[[dict[str, Any]], Any]


@pytest.mark.parametrize(
    "text",
    [
        "javascript:alert(1)",
        'iVBORw0KGgo" onerror="alert(1)',
        "iVBORw0KGgo<svg onload=alert(1)>",
        "PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+",
        "iVBORw0KGgoAAA=A",
        "/9j/" + "A" * 100_000,
        "",
        7,
        ["iVBORw0KGgo"],
    ],
)
def test_file_of_a_stranger_that_is_no_picture_is_refused(run: Run, text: Any) -> None:
    report_data = copy.deepcopy(run.bundle.report)
    report_data["images"]["files"][report_data["images"]["most_confident"][0]["file"]] = text
    with pytest.raises(ModelRefusedError, match="picture"):
        render(report_data)


@pytest.mark.parametrize(
    "change",
    [
        lambda images: images.update(files={}),
        lambda images: images.update(samples=3),
        lambda images: images["most_confident"][0].update(file=10**6),
        lambda images: images["most_confident"][0].pop("name"),
        lambda images: images.update(size="wide"),
        lambda images: images["filters"].update(shown="many"),
        lambda images: images["augmented"].update(rows=[None]),
    ],
)
def test_damaged_pictures_are_refused_in_a_line(run: Run, change: Change) -> None:
    report_data = copy.deepcopy(run.bundle.report)
    change(report_data["images"])
    with pytest.raises(ModelRefusedError, match="damaged"):
        render(report_data)


def test_words_of_a_stranger_stay_words(run: Run) -> None:
    report_data = copy.deepcopy(run.bundle.report)
    images = report_data["images"]
    for card in [*images["most_confident"], *images["attention"]["right"]]:
        card.update(name=HOSTILE, truth=HOSTILE, decided=f'" onerror="{HOSTILE}')
    images["attention"]["layer"] = images["filters"]["layer"] = HOSTILE
    images["augmented"]["changes"] = [HOSTILE]
    reader = Reader(render(report_data))
    assert "script" not in reader.tags
    assert HOSTILE in "".join(reader.words)
    assert all(source.startswith("data:image/") for source in reader.sources)


def test_story_without_images_shows_none() -> None:
    assert not any(report_images.parts({"images": None}).values())
    assert not any(report_images.parts({}).values())


def pictured(pixels: np.ndarray, target: Any, task: Any) -> tuple[Preprocessor, pd.DataFrame]:
    layout = "x".join(map(str, pixels.shape[1:]))
    frame = pd.DataFrame({"photo": list(pixels), "y": target})
    classes = tuple(sorted(set(target))) if task != "regression" else ()
    schema = Schema((Column("photo", "image", layout=layout),), Target("y", task, classes))
    return Preprocessor.fit(frame, schema), frame


def test_baseline_sees_small_copies_alone() -> None:
    pixels = squares(200, side=40, channels=1)
    labels = np.where(np.arange(200) % 2, "below", "above")
    preprocessor, frame = pictured(pixels, labels, "binary")
    found = baselines(preprocessor, frame.iloc[:150], frame.iloc[150:].reset_index(drop=True))
    assert [each.name for each in found] == ["majority", "linear"]
    linear = found[1].predictions
    assert (linear.decision == linear.truth).mean() > 0.95
    assert found[1].note == "on images of at most 16 × 16 pixels"


def test_linear_baseline_is_scikit_learns_on_resized_pixels() -> None:
    from sklearn.linear_model import Ridge

    pixels = squares(60, side=8, channels=3)
    target = pixels[:, 0, 0, 0] / 10
    preprocessor, frame = pictured(pixels, target, "regression")
    found = baselines(preprocessor, frame, frame)[1]
    flat = pixels.reshape(60, -1).astype("float64")
    columns = (flat - flat.mean(axis=0)) * 0.1 / 255
    coded = preprocessor.target(frame).reshape(-1)
    expected = preprocessor.decode(Ridge().fit(columns, coded).predict(columns)).reshape(-1)
    np.testing.assert_allclose(found.predictions.scores, expected, rtol=1e-3)


def test_only_the_images_shown_are_read_from_disk() -> None:
    pixels = squares(400, side=96)
    labels = np.where(np.arange(400) % 2, "below", "above")
    stored = StoredPixels(pixels.shape)
    stored[0:400] = pixels
    pool = pictures.Pool(stored, np.zeros(400, "uint64"))
    preprocessor, _ = pictured(pixels[:40], labels[:40], "binary")
    cells = [pictures.ImageCell(pool, row) for row in range(400)]
    frame = pd.DataFrame({"photo": pd.Series(cells, dtype=object), "y": labels})
    from kerasnn import models
    from kerasnn.metrics.predictions import Predictions
    from kerasnn.prediction.predictor import Predictor

    network = models.build("cnn", preprocessor.signature, width=4)
    scores = np.random.default_rng(0).random((400, 1))
    given = Predictions.from_scores(
        "binary",
        ("above", "below"),
        truth=np.arange(400) % 2,
        scores=np.concatenate([scores, 1 - scores], axis=1),
    )
    read: list[int] = []
    original = StoredPixels.__getitem__

    def counted(self: Any, rows: Any) -> Any:
        found = original(self, rows)
        read.append(len(found))
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StoredPixels, "__getitem__", counted)
        found = image_section(
            Predictor(preprocessor, network), frame, frame, given, changes=["shift"]
        )
    assert found is not None
    assert sum(read) < 200
    assert sum(map(len, found["files"])) < 2**20
