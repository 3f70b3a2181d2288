"""Checks of the paths that a command was given, before anything heavy is imported."""

from __future__ import annotations

import difflib
from pathlib import Path

from kerasnn.data.sources import check_source
from kerasnn.errors import DataError


def check_table(path: str | None) -> None:
    """Raise if a file cannot be a table."""
    if path is not None:
        check_source(path)


def check_run(path: str) -> None:
    """Raise if there is neither the folder of a run nor a bundle."""
    run = Path(path)
    if not run.exists():
        names = [item.name for item in run.parent.glob("*") if item.is_dir()]
        close = difflib.get_close_matches(run.name, names, n=1)
        fix = f"did you mean '{run.parent / close[0]}'?" if close else "check the path"
        raise DataError("no such run", place=path, fix=fix)
    if (
        run.is_dir()
        and not (run / "model.kerasnn").exists()
        and not (run / "manifest.json").exists()
    ):
        raise DataError(
            "not the folder of a run: there is no model.kerasnn in it",
            place=path,
            fix="name a folder that training made",
        )
