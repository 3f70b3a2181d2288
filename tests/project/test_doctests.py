"""The examples in the docstrings of kerasnn do as they say."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = (ROOT / "kerasnn", ROOT / "cli", ROOT / "models")


def _modules() -> list[str]:
    names = []
    for source in SOURCES:
        for path in sorted(source.rglob("*.py")):
            if ">>> " not in path.read_text(encoding="utf-8"):
                continue
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts if parts[0] == "kerasnn" else ("kerasnn", *parts))
            names.append(name.removesuffix(".__init__"))
    return names


@pytest.mark.parametrize("name", _modules())
def test_examples(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0
