"""Lines about a long run where there is no terminal; nothing about a short one."""

from __future__ import annotations

import sys
from time import perf_counter
from typing import Any

import pytest

from kerasnn.training import progress


def epochs(bar: progress.ProgressBar) -> None:
    for epoch in (1, 2, 3):
        row: Any = {"epoch": epoch, "loss": 0.5 / epoch, "accuracy": 0.75}
        bar.on_epoch(row, engine=None)  # type: ignore[arg-type]
    bar.close()


def test_a_short_run_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    epochs(progress.ProgressBar(epochs=3, monitor="accuracy"))
    progress.announce_phase("scoring", started=perf_counter())
    assert capsys.readouterr().err == ""


def test_a_long_run_says_how_far_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SILENT_S", 0.0)
    epochs(progress.ProgressBar(epochs=3, monitor="accuracy", title="network 1"))
    progress.announce_phase("scoring", started=perf_counter())
    assert capsys.readouterr().err.splitlines() == [
        "network 1: epoch 1 of 3, loss 0.5, accuracy 0.75",
        "network 1: epoch 2 of 3, loss 0.25, accuracy 0.75",
        "network 1: epoch 3 of 3, loss 0.1667, accuracy 0.75",
        "scoring",
    ]


def test_a_terminal_has_a_bar_and_no_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SILENT_S", 0.0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    said: list[str] = []
    monkeypatch.setattr(progress, "announce", said.append)
    progress.announce_phase("scoring", started=perf_counter())
    assert said == []
