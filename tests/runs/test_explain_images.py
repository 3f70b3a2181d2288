"""`kerasnn explain` and `Run.explain` on a small run with images."""

from __future__ import annotations

import io
from functools import partial
from pathlib import Path
from typing import Any

import helpers
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import kerasnn
from kerasnn.errors import ConfigError, DataError, KerasnnWarning, UnknownNameError
from kerasnn.runs.tabular import Run

invoke = partial(helpers.invoke, "explain")
error_line = partial(helpers.error_line, "explain")
TINY = {"width": 4, "depth": 1, "epochs": 1, "batch_size": 16}
PENGUINS = str(Path(__file__).parents[2] / "examples" / "penguins.csv")
CLASSES = ("blue", "green", "red")


def coloured(count: int, side: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Images with noise in one channel, and its name."""
    generator = np.random.default_rng(0)
    images = np.zeros((count, side, side, 3), "uint8")
    codes = np.arange(count) % 3
    noise = generator.integers(0, 256, (count, side, side))
    images[np.arange(count), :, :, 2 - codes] = noise
    return images, np.array(CLASSES)[codes]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos in class folders."""
    top = tmp_path_factory.mktemp("explain")
    for row, (image, label) in enumerate(zip(*coloured(90), strict=True)):
        path = top / "photos" / label / f"{row}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return top


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    return kerasnn.train(
        folder / "photos", model="cnn", set=TINY, output=folder / "run", baselines=False
    )


def test_explanation_is_what_the_run_predicts(run: Run, folder: Path) -> None:
    paths = [folder / "photos" / name for name in ("blue/0.png", "green/1.png")]
    first, second = run.explain([str(path) for path in paths])
    predicted = run.predict([str(path) for path in paths])
    assert [first.prediction, second.prediction] == list(predicted["prediction"])
    for each, (_, row) in zip((first, second), predicted.iterrows(), strict=True):
        expected = {name: row[f"probability:{name}"] for name in CLASSES}
        assert each.probabilities == pytest.approx(expected)
        assert list(each.probabilities) == sorted(expected, key=lambda name: -expected[name])
        assert each.target_class == each.prediction == next(iter(each.probabilities))
    assert first.name == str(paths[0])
    np.testing.assert_array_equal(first.image, np.asarray(Image.open(paths[0])))


def test_heat_is_grad_cam_in_the_size_of_the_image(run: Run) -> None:
    from kerasnn.data.resize import resample
    from kerasnn.explain.saliency import grad_cam

    images = coloured(3)[0]
    found = run.explain(images, target_class="red", layer="image_block_1_a_activation")
    codes = np.full(3, CLASSES.index("red"))
    expected = grad_cam(
        run.predictor.network,
        {"image": images},
        codes,
        "multiclass",
        "image_block_1_a_activation",
    )
    heats = resample(expected, 12, 12).clip(0, 1)
    np.testing.assert_allclose([each.heat for each in found], heats, atol=1e-5)
    assert {(each.target_class, each.method) for each in found} == {("red", "grad_cam")}
    assert [each.name for each in found] == ["row 0", "row 1", "row 2"]
    assert all(each.maps is not None and each.maps.shape == (12, 12, 4) for each in found)


@pytest.mark.parametrize("kind", ["array", "list", "pillow", "frame", "folder"])
def test_images_may_be_anything(run: Run, folder: Path, kind: str) -> None:
    images = coloured(2)[0]
    source: Any = {
        "array": images,
        "list": list(images),
        "pillow": [Image.fromarray(image) for image in images],
        "frame": pd.DataFrame({"image": list(images)}),
        "folder": folder / "photos" / "red",
    }[kind]
    assert len(run.explain(source)) == (30 if kind == "folder" else 2)
    if kind == "array":
        assert len(run.explain(images[0])) == 1


def test_picture_shows_image_heat_and_classes(run: Run) -> None:
    [explained] = run.explain(coloured(1)[0])
    content = explained.picture()
    assert content == explained.picture()
    picture = Image.open(io.BytesIO(content))
    assert picture.format == "PNG"
    assert picture.width > 2.5 * picture.height
    assert explained.maps_picture() is None


def test_command_writes_a_picture_each_and_says_so(run: Run, folder: Path, tmp_path: Path) -> None:
    paths = [folder / "photos" / "blue" / "0.png", folder / "photos" / "green" / "1.png"]
    result = invoke(folder / "run", *paths, "--output", tmp_path / "new" / "out")
    lines = [line.split("\t") for line in result.stdout.splitlines()]
    predicted = run.predict([str(path) for path in paths])
    for line, path, (_, row) in zip(lines, paths, predicted.iterrows(), strict=True):
        likely = row[f"probability:{row['prediction']}"]
        file = tmp_path / "new" / "out" / f"{path.stem}-explained.png"
        assert line == [str(path), row["prediction"], f"{likely:.4f}", str(file)]
        Image.open(file).load()


def test_layer_makes_a_second_picture(run: Run, folder: Path, tmp_path: Path) -> None:
    path = folder / "photos" / "blue" / "0.png"
    result = invoke(
        *(folder / "run", path, "--layer", "image_block_1_b_activation", "--class", "green"),
        *("--output", tmp_path),
    )
    files = result.stdout.rstrip("\n").split("\t")[3:]
    assert [Path(file).name for file in files] == [
        "0-explained.png",
        "0-image_block_1_b_activation.png",
    ]
    # Four maps of 12 × 12, each pixel eight times, a line between them.
    with Image.open(files[1]) as maps:
        assert maps.size == (4 * 97 - 1, 96)


def test_pictures_of_one_name_do_not_overwrite_each_other(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    one = folder / "photos" / "blue" / "0.png"
    other = tmp_path / "0.png"
    Image.open(one).save(other)
    invoke(folder / "run", one, other, "--output", tmp_path / "out", "--quiet")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["0-2-explained.png", "0-explained.png"]


def test_picture_that_is_there_is_kept(run: Run, folder: Path, tmp_path: Path) -> None:
    paths = [folder / "photos" / "blue" / name for name in ("0.png", "3.png")]
    there = tmp_path / "3-explained.png"
    there.write_text("mine")
    message = error_line(folder / "run", *paths, "--output", tmp_path)
    assert message == f"'{there}' exists – choose another name, or replace it with --force"
    assert [path.name for path in tmp_path.iterdir()] == ["3-explained.png"]
    assert there.read_text() == "mine"
    invoke(folder / "run", *paths, "--output", tmp_path, "--force")
    Image.open(there).load()


def test_list_of_layers(run: Run, folder: Path) -> None:
    lines = invoke(folder / "run", "--list-layers").stdout.splitlines()
    assert lines[0] == "image_block_1_a_conv\t12 × 12 × 4"
    assert len(lines) == len(run.layers())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--class blu", "unknown class 'blu' – did you mean 'blue'?"),
        (
            "--layer image_block_1_a_con",
            "unknown layer 'image_block_1_a_con' – did you mean 'image_block_1_a_conv'?",
        ),
        ("--layre x", "unknown option '--layre' – did you mean '--layer'?"),
    ],
)
def test_unknown_names(run: Run, folder: Path, arguments: str, message: str) -> None:
    path = folder / "photos" / "blue" / "0.png"
    assert error_line(folder / "run", path, *arguments.split()) == message


def test_what_is_no_image(run: Run, folder: Path, tmp_path: Path) -> None:
    fake = tmp_path / "fake.png"
    fake.write_text("no image at all")
    message = error_line(folder / "run", fake, "--output", tmp_path / "out")
    assert str(fake) in message
    assert message.startswith("not an image")
    message = error_line(folder / "run", tmp_path / "none.png")
    assert message.startswith(f"no such file ({tmp_path / 'none.png'})")
    assert "name an image" in error_line(folder / "run")


def test_run_without_images(tmp_path: Path) -> None:
    run = kerasnn.train(
        PENGUINS, target="species", model="mlp", set=TINY, output=tmp_path / "run", baselines=False
    )
    with pytest.raises(DataError, match="the run has neither images nor texts"):
        run.explain(PENGUINS)
    message = error_line(tmp_path / "run", PENGUINS)
    assert message == (
        "the run has neither images nor texts, so there is nothing to explain – "
        "its report shows what it relies on"
    )
    assert error_line(tmp_path / "run", "--list-layers") == message


def test_mixed_table_of_a_number_is_explained_by_rows(tmp_path: Path) -> None:
    images, _ = coloured(60)
    size = np.random.default_rng(0).normal(size=60)
    columns: dict[str, Any] = {"photo": images, "size": size}
    run = kerasnn.train(
        {**columns, "y": 3 * size}, target="y", model="cnn", set=TINY, baselines=False
    )
    found = run.explain({"photo": images[:3], "size": size[:3]})
    predicted = run.predict({"photo": images[:3], "size": size[:3]})
    assert [each.prediction for each in found] == pytest.approx(predicted["prediction"].tolist())
    assert all(not each.probabilities and each.target_class is None for each in found)
    assert Image.open(io.BytesIO(found[0].picture())).format == "PNG"
    with pytest.raises(ConfigError, match="the target is a number"):
        run.explain({"photo": images[:1], "size": size[:1]}, target_class="red")
    with pytest.raises(DataError, match="a column is missing: 'size'"):
        run.explain(images)


def test_network_without_maps_has_no_layer_to_choose() -> None:
    images, labels = coloured(60)
    run = kerasnn.train(
        {"x": images, "y": labels}, target="y", model="mlp", set=TINY, baselines=False
    )
    [explained] = run.explain(images[0])
    assert (explained.method, explained.layer) == ("gradient", None)
    assert Image.open(io.BytesIO(explained.picture())).format == "PNG"
    assert run.layers() == {}
    with pytest.raises(ConfigError, match="no convolution"):
        run.explain(images[0], layer="hidden_1")
    with pytest.raises(UnknownNameError, match="unknown class 'pink'"):
        run.explain(images[0], target_class="pink")


def test_images_that_can_not_be_read_do_not_stop_the_others(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    fake, good = tmp_path / "a.png", folder / "photos" / "blue" / "0.png"
    fake.write_text("no image at all")
    result = invoke(folder / "run", fake, good, "--output", tmp_path / "out")
    assert result.stderr.startswith("warning: not an image")
    assert f"not explained ({fake})" in result.stderr
    assert result.stdout.startswith(f"{good}\t")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["0-explained.png"]
    said = pytest.warns(KerasnnWarning, match="2 images can't be read and are not explained")
    with said, pytest.raises(DataError, match="no image can be read"):
        run.explain([str(fake), str(fake)])


def test_files_alone_do_not_do_where_other_columns_were_learned(tmp_path: Path) -> None:
    images, _ = coloured(60)
    paths = [str(tmp_path / f"{row}.png") for row in range(60)]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    table = {"photo": paths, "size": np.arange(60.0), "y": np.arange(60.0)}
    run = kerasnn.train(table, target="y", model="cnn", set=TINY, baselines=False)
    message = (
        "the run also needs a column beside the file: 'size' (*) – give a table with a column of "
        "paths and all other columns of the training"
    )
    for use in (run.explain, run.predict):
        with pytest.raises(DataError) as error:
            use(paths[0])
        assert str(error.value) == message.replace("*", paths[0])
