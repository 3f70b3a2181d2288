"""What a shell completes an argument with; Keras is not imported for it."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import CompletionItem

# A folder in which one of these lies is that of a run.
_SIGNS = ("config.yaml", "model.kerasnn")


def complete_models(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Names of models of the zoo."""
    from kerasnn import models

    lines = models.summaries()
    return [CompletionItem(name, help=lines[name]) for name in lines if name.startswith(incomplete)]


def complete_runs(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Folders of runs below what is typed, those of ``runs`` where nothing is, and bundles."""
    folder, start = os.path.split(incomplete)
    places = [folder] if folder or start else ["runs", ""]
    found = [path for location in places for path in _runs_in(location, start)]
    if not found and not folder:
        found = _runs_in("runs", start)
    # Where there is no run, the shell completes files and folders, in which one may lie.
    return [CompletionItem(path) for path in found] or [CompletionItem(incomplete, type="file")]


def _runs_in(folder: str, start: str) -> list[str]:
    try:
        names = sorted(os.listdir(folder or "."))
    except OSError:
        return []
    paths = [os.path.join(folder, name) for name in names if name.startswith(start)]
    return [path for path in paths if _is_run(Path(path))]


def _is_run(path: Path) -> bool:
    if path.is_dir():
        return any((path / sign).is_file() for sign in _SIGNS)
    return path.suffix == ".kerasnn"
