"""The gallery is what the code says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from kerasnn import models

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture(scope="module")
def gallery() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_gallery", DOCS / "build_gallery.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_page_is_up_to_date(gallery: ModuleType) -> None:
    page = (DOCS / "models.md").read_text(encoding="utf-8")
    assert page == gallery.build(), "run: python docs/build_gallery.py"


@pytest.mark.parametrize("name", models.names())
def test_section_tells_defaults_and_source(gallery: ModuleType, name: str) -> None:
    text = gallery.section(name)
    assert text.endswith(models.get(name).reference)
    for key, value in models.hyperparameters(name).items():
        assert f"| `{key}` | {gallery.shown(value)} | " in text
