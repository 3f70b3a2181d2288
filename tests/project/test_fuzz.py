"""Changed bundles and runs are refused, or predict finite numbers; `make fuzz` tries many more."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest
from fuzz import mutations
from fuzz.cases import Cases

from kerasnn.errors import DataError

CASES = 200


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Cases:
    return Cases(seed=11, folder=tmp_path_factory.mktemp("fuzz"))


def test_nothing_unexpected_comes_of_changes(cases: Cases) -> None:
    outcomes = [cases.run(case) for case in range(CASES)]
    assert [each for each in outcomes if each.kind not in ("refused", "loaded")] == []
    # A tenth or so is a run's folder, some with links and pipes in it.
    runs = [each.what for each in outcomes if each.what.startswith("run, ")]
    assert len(runs) >= CASES / 14
    assert any(" becomes " in each for each in runs)
    counts = Counter(each.kind for each in outcomes)
    # Changes that are only refused would try little of what a load does.
    assert counts["refused"] > CASES / 3
    assert counts["loaded"] > CASES / 20


def test_a_case_is_equal_each_time(cases: Cases) -> None:
    assert cases.run(7) == cases.run(7)
    data = {"a": [1, 2.5, "x", None], "b": {"c": True}}
    edited = [mutations.edit(Random(number), data) for number in range(50)]
    assert edited == [mutations.edit(Random(number), data) for number in range(50)]
    assert sum(each != data for each in edited) > 40


def test_other_things_take_the_place_of_files(tmp_path: Path) -> None:
    found = set()
    for number in range(40):
        folder = tmp_path / str(number)
        folder.mkdir()
        path, outside = folder / "scores.json", folder / "outside"
        outside.mkdir()
        path.write_text("{}")
        found.add(mutations.node(Random(number), path, outside))
        assert not path.is_file() or path.is_symlink()
    links = {"a link", "a link to itself", "/dev/zero"}
    assert found == {*links, "a pipe", "a folder", "nothing"}


def test_names_in_data_do_not_break_the_line_of_an_error() -> None:
    error = DataError("no column 'a\nb\x1b[2J\u202e'", location="c\rd", hint="add 'e\tf'")
    assert str(error) == "no column 'a\\nb\\x1b[2J\\u202e' (c\\rd) – add 'e\\tf'"
