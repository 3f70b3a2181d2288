"""Folders of images and files of arrays as tables."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kerasnn.data import read, read_chunks
from kerasnn.data.frames import keep_rows, location
from kerasnn.data.readers import folders
from kerasnn.data.readers.sources import check_source
from kerasnn.data.schema import infer
from kerasnn.datasets.tabular import _warn_of_small_classes
from kerasnn.errors import DataError, KerasnnError, KerasnnWarning, StorageError


def make(folder: Path, *names: str) -> Path:
    """Images of one pixel."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (1, 1)).save(path, "PNG")
    return folder


def refusal(source: Any) -> str:
    with pytest.raises(KerasnnError) as caught:
        read(source)
    return str(caught.value)


def test_a_folder_a_class(tmp_path: Path) -> None:
    make(tmp_path, "dog/b.png", "dog/a.JPG", "cat/deep/er/z.png", "cat/a.webp", "cat/.hidden.png")
    for junk in ("cat/Thumbs.db", "dog/.DS_Store", "desktop.ini", "__MACOSX/cat/a.png"):
        make(tmp_path, junk)
    examples = read(tmp_path)
    names = ["cat/a.webp", "cat/deep/er/z.png", "dog/a.JPG", "dog/b.png"]
    assert examples.frame["image"].tolist() == [f"{tmp_path}/{name}" for name in names]
    assert examples.frame["label"].tolist() == ["cat", "cat", "dog", "dog"]
    assert examples.origin == str(tmp_path)
    assert location(examples.frame["label"], 2) == f"{tmp_path}/dog/a.JPG"
    kept = keep_rows(examples, np.array([1, 3])).frame
    assert location(kept["label"], 1) == f"{tmp_path}/dog/b.png"


def test_paths_are_as_the_user_names_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "photos", "cat/a.png", "dog/a.png")
    monkeypatch.chdir(tmp_path)
    assert read("photos").frame["image"].tolist() == ["photos/cat/a.png", "photos/dog/a.png"]
    assert read("photos/cat").frame["image"].tolist() == ["photos/cat/a.png"]


def test_images_alone_and_several_sources(tmp_path: Path) -> None:
    make(tmp_path, "flat/b.png", "flat/a.png", "one.png")
    assert list(read(tmp_path / "flat").frame.columns) == ["image"]
    one = str(tmp_path / "one.png")
    assert read(one).frame["image"].tolist() == [one]
    both = read([one, tmp_path / "flat"])
    assert [Path(path).name for path in both.frame["image"]] == ["one.png", "a.png", "b.png"]
    assert (list(both.frame.columns), both.origin) == (["image"], "the files")
    (tmp_path / "table.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    assert refusal([one, tmp_path / "table.csv"]) == (
        f"a table among several sources ({tmp_path}/table.csv) – give one table, or images, "
        "sounds and folders of these"
    )
    assert refusal([]) == "no images – name at least one"
    with pytest.raises(DataError, match=r"numbers of the shape \(2,\) are no table"):
        read([1, 2])


def test_pieces_are_the_same_as_the_whole(tmp_path: Path) -> None:
    make(tmp_path, *(f"{name}/{i}.png" for name in "ab" for i in range(5)))
    pieces = list(read_chunks(tmp_path, chunk_rows=4))
    assert [len(piece) for piece in pieces] == [4, 4, 2]
    together = [path for piece in pieces for path in piece["image"]]
    assert together == read(tmp_path).frame["image"].tolist()
    assert location(pieces[1]["image"], 0) == together[4]


def test_other_files_are_told_once(tmp_path: Path) -> None:
    make(tmp_path, "cat/a.png", "dog/a.png", "stray.png")
    (tmp_path / "cat" / "notes.txt").touch()
    with pytest.warns(KerasnnWarning) as caught:
        assert len(read(tmp_path).frame) == 2
    assert [str(warning.message) for warning in caught] == [
        f"a file that is no image by its name is ignored: 'notes.txt' ({tmp_path})",
        "an image beside the class folders has no class and is left out: 'stray.png' "
        f"({tmp_path}) – put each into the folder of its class",
    ]


def test_what_is_ignored_is_counted_with_examples(tmp_path: Path) -> None:
    make(tmp_path, "cat/a.png", "dog/a.png")
    for name in ("notes.txt", "a.mp4", "b.mp4", "c.mp4", ".hidden", "Thumbs.db"):
        (tmp_path / "dog" / name).touch()
    with pytest.warns(KerasnnWarning) as caught:
        read(tmp_path)
    assert [str(warning.message) for warning in caught] == [
        "4 files that are no images by their name are ignored: 'a.mp4', 'b.mp4', 'c.mp4', … "
        f"({tmp_path})"
    ]


def test_to_predict_images_beside_subfolders_are_taken_too(tmp_path: Path) -> None:
    make(tmp_path, "cat/a.png", "loose.png", "zoo/deep/b.png")
    [piece] = read_chunks(tmp_path, allow_empty=True)
    names = [os.path.relpath(path, tmp_path) for path in piece["image"]]
    assert names == ["cat/a.png", "loose.png", "zoo/deep/b.png"]
    assert list(piece.columns) == ["image"]
    make(tmp_path / "contest", "train/cat/a.png", "test/1.png", "2.png")
    [piece] = read_chunks(tmp_path / "contest", allow_empty=True)
    names = [os.path.relpath(path, tmp_path / "contest") for path in piece["image"]]
    assert names == ["2.png", "test/1.png", "train/cat/a.png"]


def test_images_in_no_part_are_named(tmp_path: Path) -> None:
    make(tmp_path, "train/cat/a.png", "test/1.png", "2.png")
    with pytest.warns(KerasnnWarning) as caught:
        folders.warn_of_unused(tmp_path)
    assert [str(warning.message) for warning in caught] == [
        f"2 images are not in 'train' and left out: '2.png', '1.png' ({tmp_path}) – a part needs "
        "one subfolder a class"
    ]


def test_a_folder_without_classes_says_what_is_expected(tmp_path: Path) -> None:
    make(tmp_path, "a.png", "b.png")
    with pytest.raises(DataError) as caught:
        folders.check_has_classes(tmp_path)
    assert str(caught.value) == (
        f"a folder of images without a subfolder for each class ({tmp_path}) – sort the images "
        "into one subfolder a class, or give a table of paths and labels"
    )
    folders.check_has_classes("table.csv")


def test_classes_of_a_few_images_are_named(tmp_path: Path) -> None:
    make(tmp_path, *(f"cat/{i}.png" for i in range(2)), *(f"dog/{i}.png" for i in range(9)))
    table = read(tmp_path)
    schema = infer(table, target="label", columns={"label": "category"})
    with pytest.warns(KerasnnWarning) as caught:
        _warn_of_small_classes(table, schema)
    assert str(caught[-1].message) == (
        f"a class has fewer than 5 images: 'cat' 2 ({tmp_path}) – add images, or leave the class "
        "out"
    )


def test_empty_folders(tmp_path: Path) -> None:
    make(tmp_path, "cat/a.png")
    (tmp_path / "dog").mkdir()
    assert refusal(tmp_path) == (
        f"a class folder without images ({tmp_path}/dog) – put images into it, or remove it"
    )
    # To predict, an empty one does no harm.
    assert sum(map(len, read_chunks(tmp_path, allow_empty=True))) == 1
    (tmp_path / "cat" / "a.png").unlink()
    none = f"a folder without images ({tmp_path}) – name a file, or a folder with one subfolder of "
    assert refusal(tmp_path) == none + "images or WAV files a class"


def test_links(tmp_path: Path) -> None:
    make(tmp_path / "elsewhere", "a.png")
    make(tmp_path / "photos", "cat/a.png")
    (tmp_path / "photos" / "dog").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "photos" / "cat" / "b.png").symlink_to(tmp_path / "elsewhere" / "a.png")
    assert read(tmp_path / "photos").frame["label"].tolist() == ["cat", "cat", "dog"]
    loop = tmp_path / "photos" / "cat" / "loop"
    loop.symlink_to(tmp_path / "photos")
    what = f"a link leads back to a folder above it ({loop})"
    assert refusal(tmp_path / "photos") == f"{what} – remove the link"
    loop.unlink()
    loop.symlink_to(loop)
    assert refusal(tmp_path / "photos") == (
        f"a link that leads to itself ({loop}) – remove the link"
    )


def test_folders_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "cat/a.png", "dog/a.png")
    really_scan = os.scandir

    def refuse(path: Any) -> Any:
        if str(path).endswith("dog"):
            raise PermissionError(13, "Permission denied", str(path))
        return really_scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(StorageError) as caught:
        read(tmp_path)
    what = f"cannot read: Permission denied ({tmp_path}/dog)"
    assert str(caught.value) == f"{what} – check its permissions"


def test_names_that_are_no_text(tmp_path: Path) -> None:
    folder = os.path.join(os.fsencode(tmp_path), b"\xe9t\xe9")
    os.mkdir(folder)
    name = os.fsdecode(os.path.join(folder, b"caf\xe9.png"))
    Image.new("L", (1, 1)).save(name)
    frame = read(tmp_path).frame
    assert frame["image"].tolist() == [name]
    assert frame["label"].tolist() == [r"\xe9t\xe9"]
    assert location(frame["image"], 0) == rf"{tmp_path}/\xe9t\xe9/caf\xe9.png"


def test_parts(tmp_path: Path) -> None:
    make(tmp_path / "all", "train/cat/a.png", "Val/cat/b.png", "test/cat/c.png")
    top = f"{tmp_path}/all"
    expected = {"data": f"{top}/train", "validation": f"{top}/Val", "test": f"{top}/test"}
    assert folders.parts_of(top) == expected
    assert read(top).frame["label"].tolist() == ["cat"] * 3
    # Classes may be called so, a part without classes can't be used, and a file is none.
    make(tmp_path / "vehicles", "train/a.png", "bus/a.png")
    assert folders.parts_of(tmp_path / "vehicles") is None
    assert read(tmp_path / "vehicles").frame["label"].tolist() == ["bus", "train"]
    make(tmp_path / "contest", "train/cat/a.png", "test/1.png")
    assert folders.parts_of(tmp_path / "contest") == {"data": f"{tmp_path}/contest/train"}
    assert folders.parts_of(f"{top}/train/cat/a.png") is None
    assert folders.parts_of({"a": [1]}) is None


def save(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


X = np.arange(5 * 4 * 3, dtype="uint8").reshape(5, 4, 3)


def test_default_targets(tmp_path: Path) -> None:
    make(tmp_path / "photos", "cat/a.png", "dog/b.png")
    assert folders.default_target(tmp_path / "photos") == "label"
    assert folders.default_target(tmp_path / "photos" / "cat") is None
    assert folders.default_target(save(tmp_path / "a.npz", x=X, y=range(5))) == "y"
    assert folders.default_target(save(tmp_path / "b.npz", x=X)) is None
    assert folders.default_target(tmp_path / "no.npz") is None
    assert folders.default_target("table.csv") is None
    assert folders.default_target({"y": [1]}) is None


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_arrays(write: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write(path, x=X, y=np.array([3, 1, 4, 1, 5]), place=np.array(list("abcde"), "S1"))
    frame = read(path).frame
    assert list(frame.columns) == ["x", "y", "place"]
    np.testing.assert_array_equal(np.stack(list(frame["x"])), X)
    assert frame["x"][0].base is not None
    assert frame["y"].tolist() == [3, 1, 4, 1, 5]
    assert frame["place"].tolist() == list("abcde")
    assert location(frame["y"], 2) == f"{path}:2,y"
    pieces = list(read_chunks(path, chunk_rows=2))
    assert [piece["y"].tolist() for piece in pieces] == [[3, 1], [4, 1], [5]]
    np.testing.assert_array_equal(pieces[1]["x"][1], X[3])


def test_forms_of_arrays(tmp_path: Path) -> None:
    colour = np.stack([X] * 3, axis=3)
    several = np.array([[0, 1], [1, 1], [0, 0], [1, 0], [0, 1]])
    frame = read(save(tmp_path / "a.npz", x=np.asfortranarray(colour), y=several)).frame
    np.testing.assert_array_equal(np.stack(list(frame["x"])), colour)
    np.testing.assert_array_equal(frame["y"][1], [1, 1])
    frame = read(save(tmp_path / "b.npz", x=X / 255, y=np.arange(5)[:, None])).frame
    np.testing.assert_array_equal(np.stack(list(frame["x"])), X)
    assert frame["y"].tolist() == [0, 1, 2, 3, 4]
    in_memory = read({"x": X, "y": range(5)}).frame
    np.testing.assert_array_equal(np.stack(list(in_memory["x"])), X)


def test_arrays_that_are_no_table(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    again = f"a damaged .npz file ({path}) – copy or save it again"
    assert refusal(save(path, images=X, y=range(5))) == (
        f"no array 'x' among the arrays: 'images', 'y' ({path}) – call the images or series 'x' "
        "and the labels 'y'"
    )
    assert refusal(save(path, x=X, y=range(4))) == (
        f"5 examples in 'x' but 4 labels in 'y' ({path}) – give one label an example"
    )
    assert refusal(save(path, x=X[0, 0])) == (
        f"'x' has the shape (3,) ({path},x) – give series as (n, time) or (n, time, channels), "
        "images as (n, height, width, channels)"
    )
    np.savez(path, x=X, y=np.array([{}] * 5, dtype=object), allow_pickle=True)
    assert refusal(path) == (
        f"an array of Python objects, which could run code and is not read ({path},y) – save "
        "numbers or text"
    )
    content = save(path, x=X, y=range(5)).read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert refusal(path) == again
    path.write_bytes(content.replace(X.tobytes(), bytes(X.nbytes)))
    assert refusal(path) == again
    path.write_bytes(content.replace(b"(5, 4, 3)", b"(5, 9, 3)"))
    assert refusal(path) == again
    flags = content.index(b"PK\1\2") + 8
    path.write_bytes(content[:flags] + b"\1" + content[flags + 1 :])  # encrypted
    assert refusal(path) == again
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", b"junk")
    assert refusal(path) == again
    path.write_bytes(b"junk")
    assert refusal(path) == (
        f"named .npz but not a file of NumPy arrays ({path}) – rename it after its content"
    )


def test_arrays_that_are_no_columns(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz", x=X, names=np.array(["cat", "dog"]))
    with pytest.warns(KerasnnWarning) as caught:
        assert list(read(path).frame.columns) == ["x"]
    what = "an array of the shape (2,) is no column of the table and ignored"
    assert str(caught[0].message) == f"{what} ({path},names)"


def test_checks_are_instant(tmp_path: Path) -> None:
    make(tmp_path, "photos/cat/a.png", "photos/dog/b.png")
    save(tmp_path / "a.npz", x=X)
    code = (
        "import sys; from kerasnn.data.readers.sources import check_source\n"
        "for path in sys.argv[1:]: check_source(path)\n"
        "assert not {'pandas', 'numpy', 'PIL', 'keras'} & set(sys.modules)"
    )
    paths = [tmp_path / name for name in ("photos", "photos/cat/a.png", "a.npz")]
    subprocess.run([sys.executable, "-c", code, *paths], check=True)
    with pytest.raises(DataError, match="no such file"):
        check_source(tmp_path / "photos" / "cat" / "b.png")


def test_reading_a_good_folder_says_nothing(tmp_path: Path) -> None:
    make(tmp_path, "cat/a.png", "dog/b.png", ".git/x.txt", "cat/.DS_Store")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(tmp_path)
