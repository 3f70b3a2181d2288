"""Threads and forked processes: the same bits as alone, and a clear error where nothing can work."""

from __future__ import annotations

import multiprocessing
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fuzz import samples

import kerasnn
from kerasnn.bundle import open_bundle
from kerasnn.bundle.members import write_members
from kerasnn.errors import ConfigError
from kerasnn.runtime import fork_check
from kerasnn.training.determinism import ADD_N, deterministic, gen_math_ops

FORKED = (
    "TensorFlow can't be used in a process that was forked from one that uses it (process {}) – "
    "start processes with the method 'spawn'"
)


def _first_line(action: Any, answers: Any) -> None:
    try:
        action()
        answers.put("it went on")
    except ConfigError as error:
        answers.put(str(error))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_is_told_at_once(tmp_path: Path) -> None:
    sample = samples.make("binary")
    write_members(tmp_path / "model.kerasnn", sample.members)
    bundle: Any = open_bundle(tmp_path / "model.kerasnn")
    expected = bundle.predictor.predict(sample.rows)
    fork = multiprocessing.get_context("fork")
    actions = (
        lambda: open_bundle(tmp_path / "model.kerasnn"),
        lambda: bundle.predictor.predict(sample.rows),
        lambda: kerasnn.train(samples.table("binary"), target="target", model="linear"),
    )
    for action in actions:
        answers = fork.Queue()
        child = fork.Process(target=_first_line, args=(action, answers))
        child.start()
        assert answers.get(timeout=20) == FORKED.format(fork_check._started[0])
        child.join(timeout=20)
        assert child.exitcode == 0
    pd.testing.assert_frame_equal(bundle.predictor.predict(sample.rows), expected)


def _weights(seed: int) -> list[np.ndarray]:
    frame = samples.table("binary")
    settings = {"epochs": 3, "dropout": 0.4, "batch_size": 8}
    run: Any = kerasnn.train(
        frame, target="target", model="mlp", seed=seed, baselines=False, set=settings
    )
    return [np.asarray(weight) for weight in run.predictor.network.weights]


def test_fits_in_threads_are_those_of_one_after_the_other() -> None:
    alone = [_weights(seed) for seed in (1, 2)]
    found: dict[int, list[np.ndarray]] = {}
    start = threading.Barrier(2)

    def fit(seed: int) -> None:
        start.wait()
        found[seed] = _weights(seed)

    with warnings.catch_warnings():
        threads = [threading.Thread(target=fit, args=(seed,)) for seed in (1, 2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for seed, expected in zip((1, 2), alone, strict=True):
        for here, there in zip(found[seed], expected, strict=True):
            np.testing.assert_array_equal(here, there)


def test_the_switches_of_determinism_are_set_back_by_the_last() -> None:
    first, second = deterministic(), deterministic()
    with first:
        second.__enter__()
    assert gen_math_ops.add_n is not ADD_N
    second.__exit__(None, None, None)
    assert gen_math_ops.add_n is ADD_N
