"""Checks of the paths that a command was given, before anything heavy is imported."""

from __future__ import annotations

import difflib
from pathlib import Path

from kerasnn.data.folders import is_media_source
from kerasnn.data.sources import check_source
from kerasnn.errors import DataError


def check_tables(paths: tuple[str, ...], *, encoding: str | None = None) -> None:
    """Raise if a file can be neither table nor image nor sound, or a table is one of several."""
    for path in paths:
        check_source(path, encoding=encoding)
        if len(paths) > 1 and not is_media_source(path):
            fix = "give one table, or images, sounds and folders of these"
            raise DataError("a table among several sources", place=path, fix=fix)


def check_table(path: str | None, *, encoding: str | None = None) -> None:
    """Raise if a file cannot be a table; its text is not looked at where the run knows it."""
    if path is not None:
        check_source(path, encoding=encoding)


def check_run(path: str, *, unfinished: bool = False) -> None:
    """Raise if there is neither the folder of a run nor a bundle.

    Args:
        path: Of the folder or the bundle.
        unfinished: Whether a run without a bundle will do.
    """
    run = Path(path)
    if not run.exists():
        names = [item.name for item in run.parent.glob("*") if item.is_dir()]
        close = difflib.get_close_matches(run.name, names, n=1)
        fix = f"did you mean '{run.parent / close[0]}'?" if close else "check the path"
        raise DataError("no such run", place=path, fix=fix)
    signs = ["config.yaml"] if unfinished else ["model.kerasnn", "manifest.json"]
    if run.is_dir() and not any((run / name).exists() for name in signs):
        raise DataError(
            f"not the folder of a run: there is no {signs[0]} in it",
            place=path,
            fix="name a folder that training made",
        )
