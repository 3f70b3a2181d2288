"""The gallery is what the code says."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import ModuleType

import pytest
from helpers import load_script

from kerasnn import models

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def gallery() -> ModuleType:
    return load_script(DOCS / "build_gallery.py")


def test_page_is_up_to_date(gallery: ModuleType) -> None:
    page = (DOCS / "models.md").read_text(encoding="utf-8")
    assert page == gallery.build(), "run: python docs/build_gallery.py"


@pytest.mark.parametrize("name", models.names())
def test_section_tells_defaults_and_source(gallery: ModuleType, name: str) -> None:
    text = gallery.section(name)
    assert text.endswith(models.get(name).reference)
    for key, value in models.hyperparameters(name).items():
        assert f"| `{key}` | {gallery.shown(value)} | " in text


def test_pictures_are_up_to_date(gallery: ModuleType) -> None:
    files = {path.stem: path.read_text(encoding="utf-8") for path in gallery.PICTURES.iterdir()}
    assert sorted(files) == models.names()
    for name, picture in files.items():
        assert picture == gallery.picture(name), "run: python docs/build_gallery.py"
        ElementTree.fromstring(picture)


def test_picture_shows_each_stage(gallery: ModuleType) -> None:
    picture = gallery.picture("cnn")
    for line in ("32 × 32 × 3", "32 × 32 × 32", "16 × 16 × 64", "8 × 8 × 128", "1 × Dense"):
        assert f">{line}</text>" in picture
