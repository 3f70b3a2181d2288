"""Where a run is written: a new folder, a free one, or that of an earlier run."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerasnn.config.config import Config
from kerasnn.config.settings import Settings, collect, of_run
from kerasnn.data.readers.folders import PART_NAMES
from kerasnn.errors import ConfigError
from kerasnn.files import locks, storage
from kerasnn.files.handles import kind_of
from kerasnn.runs.folder import BUNDLE, CONFIG, EARLY, FILES, RunFolder, is_ours
from kerasnn.training.checkpoints import Checkpoints


def open_folder(
    config: Config,
    *,
    resume: str | os.PathLike[str] | None,
    force: bool,
) -> RunFolder | None:
    """The folder to write to, made if need be; None for a run in memory.

    Raises:
        StorageError: It can't be written.
        ConfigError: There is a run in it already.
    """
    if resume is not None:
        return RunFolder(_folder_of(resume))
    if config.run.output is None and config.data.source is None:
        return None
    path = Path(config.run.output) if config.run.output else _new_path(config)
    storage.check_writable(path)
    if not is_free(path):
        _make_way(path, force=force)
    storage.make_folder(path)
    return RunFolder(path)


def check_output(config: Config, *, force: bool) -> None:
    """Raise what `open_folder` will raise, before anything that takes long.

    Raises:
        StorageError: The folder can't be written.
        ConfigError: There is a run in it already.
    """
    if config.run.output is None and config.data.source is None:
        return
    path = Path(config.run.output) if config.run.output else _new_path(config)
    storage.check_writable(path)
    if not is_free(path):
        _check_way(path, force=force)


def resumed_settings(
    run: str | os.PathLike[str],
    config: str | os.PathLike[str] | Mapping[str, Any] | Settings | None,
) -> Settings:
    """The settings of a run, with those on top that are given now."""
    before = of_run(_folder_of(run) / CONFIG)
    if config is None:
        return before
    now = config if isinstance(config, Settings) else collect(config=config)
    return Settings({**before.chosen, **now.chosen}, before.unqualified | now.unqualified)


def _folder_of(run: str | os.PathLike[str]) -> Path:
    path = Path(run)
    path = path.parent if path.name == BUNDLE else path
    if kind_of(path / CONFIG) is None:
        raise ConfigError(f"no run in '{path}'", hint="give the folder of a run")
    return path


def _new_path(config: Config) -> Path:
    """``runs/adult-mlp-1``, with the first number that is free."""
    source = config.data.source or "table"
    path = Path(source)
    if path.name.lower() in PART_NAMES and path.is_dir():
        path = path.resolve().parent
    stem = "stdin" if source == "-" else path.name.split(".")[0]
    stem = re.sub(r"[^\w-]+", "-", stem).strip("-") or "table"
    number = 1
    while (path := Path("runs") / f"{stem}-{config.model.name}-{number}").exists():
        number += 1
    return path


def is_free(path: Path) -> bool:
    """Whether there is nothing in a folder but what a run writes before it has begun."""
    return all(
        name in EARLY or storage.is_leftover(name, is_ours) for name in storage.list_folder(path)
    )


def _check_way(path: Path, *, force: bool) -> None:
    if not force:
        raise ConfigError(
            f"'{path}' is not empty", hint="choose another folder, or force its replacement"
        )
    if kind_of(path / CONFIG) != "file":
        raise ConfigError(f"'{path}' holds something else than a run", hint="choose another folder")


def _make_way(path: Path, *, force: bool) -> None:
    """Remove an earlier run's files, and nothing else.

    Its configuration stays until that of the new run takes its place: without one, a folder in
    which there is more, such as an export, could be neither replaced nor resumed.
    """
    _check_way(path, force=force)
    with locks.lock_folder(path, is_ours=is_ours):
        _clear(RunFolder(path).checkpoints)
        for name in FILES:
            if name != CONFIG:
                storage.remove(path / name, below=path)


def _clear(checkpoints: Checkpoints) -> None:
    """Forget all checkpoints, those of the members of an average too."""
    for each in (checkpoints, *checkpoints.members()):
        each.clear()
