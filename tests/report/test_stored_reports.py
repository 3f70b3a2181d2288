"""A report that a stranger stored is drawn, or refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

from fuzz import mutations, samples

import kerasnn
from kerasnn.bundle import read_members
from kerasnn.bundle.members import REPORT
from kerasnn.errors import ModelRefusedError

CASES = 15


def test_changed_reports(tmp_path: Path) -> None:
    settings = {"epochs": 1}
    run: Any = kerasnn.train(
        samples.table("binary"), target="target", model="linear", baselines=False, set=settings
    )
    run.save(tmp_path / "model.kerasnn")
    members = read_members(tmp_path / "model.kerasnn")
    report, path = json.loads(members[REPORT]), tmp_path / "changed.kerasnn"
    refusals = []
    for case in range(CASES):
        changed = mutations.edit(Random(f"report {case}"), report)
        content = members | {REPORT: json.dumps(changed).encode()}
        path.write_bytes(mutations.bytes_of(content))
        try:
            found: Any = kerasnn.load(path)
            found.summary()
            found.report(tmp_path / "report.html", force=True)
        except ModelRefusedError as error:
            refusals.append(str(error))
    assert 0 < len(refusals) < CASES
    assert all(map(str.isprintable, refusals))
