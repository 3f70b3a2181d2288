"""Bundles of a few kilobytes that describe endless work are refused at once, in little memory."""

from __future__ import annotations

import json
import re
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from fuzz import samples

from kerasnn import models
from kerasnn.bundle import open_bundle, summary
from kerasnn.bundle.budget import Budget
from kerasnn.bundle.header import read_totals
from kerasnn.bundle.members import PREPROCESSING, TRAINING_OPTIONS, WEIGHTS, write_members
from kerasnn.bundle.weights import load_network, save_weights
from kerasnn.errors import ModelRefusedError
from kerasnn.signature import Signature

Members = dict[str, bytes]


@pytest.fixture(scope="module")
def table() -> Members:
    return samples.make("binary").members


@pytest.fixture(scope="module")
def forecast() -> Members:
    return samples.make("forecast").members


def changed(members: Members, name: str, *path: Any, value: Any) -> Members:
    """The members with another value at a place in one of them."""
    data = json.loads(members[name])
    inner = data
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return members | {name: json.dumps(data).encode()}


def with_model(bundle: Members, model: str, **values: Any) -> Members:
    known = models.hyperparameters(model) | values
    found = changed(bundle, TRAINING_OPTIONS, "model", value=model)
    return changed(found, TRAINING_OPTIONS, "hyperparameters", value=known)


def with_window(members: Members, *, lookback: int, horizon: int) -> Members:
    found = changed(members, PREPROCESSING, "intervals", value=None)
    for name, size in (("lookback", lookback), ("horizon", horizon)):
        found = changed(found, PREPROCESSING, name, value=size)
        found = changed(found, TRAINING_OPTIONS, "signature", "window", name, value=size)
    return changed(found, TRAINING_OPTIONS, "signature", "output", "width", value=horizon)


def with_header(members: Members, shape: Any) -> Members:
    header = json.dumps({"x": {"dtype": "F32", "shape": shape, "data_offsets": [0, 4]}}).encode()
    return members | {WEIGHTS: struct.pack("<Q", len(header)) + header + bytes(4)}


def refusal(path: Path, load: Callable[[Path], Any] = open_bundle) -> str:
    """Why it is refused: within 2 seconds, and with less than 1 GB more of memory."""
    before, began = _memory(), time.monotonic()
    with pytest.raises(ModelRefusedError) as caught:
        load(path)
    seconds, memory = time.monotonic() - began, _memory(peak=True) - before
    assert seconds < 2
    assert memory < 1e9
    return str(caught.value).split(f" ({path})")[0].removeprefix("the model is refused: ")


def _memory(*, peak: bool = False) -> float:
    """Bytes in memory; the peak since the last call without it. 0 where the system can't say."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    if not peak:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    name = "VmHWM" if peak else "VmRSS"
    found = re.search(rf"{name}:\s+(\d+) kB", status.read_text(encoding="ascii"))
    return float(found[1]) * 1024 if found else 0.0


SIZE, LAYERS = "its network needs more weights than the file holds", "more weights than the file"
TABLES: dict[str, tuple[Callable[[Members], Members], str]] = {
    "tabm": (lambda m: with_model(m, "tabm", n_members=1024, width=65536), SIZE),
    "ensemble": (lambda m: with_model(m, "ensemble", members="64*ft_transformer:depth=30"), LAYERS),
}
FORECASTS: dict[str, tuple[Callable[[Members], Members], str]] = {
    "nhits": (
        lambda m: with_model(with_window(m, lookback=12, horizon=60_000), "nhits"),
        SIZE,
    ),
    "forecast_ensemble": (
        lambda m: with_model(m, "forecast_ensemble", members="nbeats:blocks=1000:depth=1000"),
        LAYERS,
    ),
    "seasonal_naive": (
        lambda m: with_model(with_window(m, lookback=2**24, horizon=3), "seasonal_naive"),
        "the recipe is malformed: the lookback of the window",
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_network_is_no_larger_than_its_weights(tmp_path: Path, table: Members, name: str) -> None:
    change, expected = TABLES[name]
    write_members(tmp_path / "model.kerasnn", change(table))
    assert expected in refusal(tmp_path / "model.kerasnn")


@pytest.mark.parametrize("name", FORECASTS)
def test_nor_is_one_of_a_forecast(tmp_path: Path, forecast: Members, name: str) -> None:
    change, expected = FORECASTS[name]
    write_members(tmp_path / "model.kerasnn", change(forecast))
    assert expected in refusal(tmp_path / "model.kerasnn")


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ([3_000_000_000, "aaaa"], "the shape of the weight 'x' is malformed"),
        ([True], "the shape of the weight 'x' is malformed"),
        ([-1], "the shape of the weight 'x' is malformed"),
        ([2**32 + 1], "the shape of the weight 'x' is malformed"),
        ([2**31, 2**31], "the weight 'x' is larger than a bundle"),
        ([1] * 9, "the weight 'x' has no shape of 8 axes or fewer"),
        ([10**19] * 300_000, "the weight 'x' has no shape of 8 axes or fewer"),
        ("12", "the weight 'x' has no shape of 8 axes or fewer"),
    ],
)
@pytest.mark.parametrize("load", [summary, open_bundle])
def test_shapes_are_looked_at_before_they_are_used(
    tmp_path: Path, table: Members, load: Callable[[Path], Any], shape: Any, expected: str
) -> None:
    write_members(tmp_path / "model.kerasnn", with_header(table, shape))
    assert refusal(tmp_path / "model.kerasnn", load) == expected


@pytest.mark.parametrize("load", [summary, open_bundle])
def test_millions_of_empty_objects(
    tmp_path: Path, table: Members, load: Callable[[Path], Any]
) -> None:
    content = b"[" + b"{}," * 20_000_000 + b"{}]"
    write_members(tmp_path / "model.kerasnn", table | {PREPROCESSING: content})
    expected = "preprocessing.json holds more than 11,000,000 values"
    assert refusal(tmp_path / "model.kerasnn", load) == expected


@pytest.mark.parametrize("name", ["horizon", "lookback", "season"])
def test_windows_have_the_ranges_of_the_options(
    tmp_path: Path, forecast: Members, name: str
) -> None:
    found = changed(forecast, TRAINING_OPTIONS, "signature", "window", name, value=100_001)
    write_members(tmp_path / "model.kerasnn", found)
    expected = f"the recipe is malformed: the {name} of the window"
    assert refusal(tmp_path / "model.kerasnn", summary) == expected
    found = changed(forecast, PREPROCESSING, name, value=100_001)
    write_members(tmp_path / "model.kerasnn", found)
    expected = f"the preprocessing is malformed: the {name}"
    assert refusal(tmp_path / "model.kerasnn", summary) == expected


def chain(depth: int, width: int = 2) -> keras.Model:
    x = inputs = keras.Input((2,))
    for _ in range(depth):
        x = keras.layers.Dense(width)(x)
    return keras.Model(inputs, x)


class TestBudget:
    def test_weights_are_counted(self) -> None:
        content = save_weights(chain(1))
        assert read_totals(content) == (2, 6)
        assert load_network(lambda: chain(1), content).count_params() == 6
        with pytest.raises(ModelRefusedError, match="more weights than the file holds"):
            load_network(lambda: chain(35), content)

    def test_layers_and_operations_are_counted(self) -> None:
        def endless() -> keras.Model:
            x = keras.Input((2,))
            while True:
                x = keras.ops.add(x, 1.0)

        with pytest.raises(ModelRefusedError, match="more layers than its weights are enough for"):
            load_network(endless, save_weights(chain(1)))

    def test_rows_are_bounded(self) -> None:
        def wide() -> keras.Model:
            return keras.Model(x := keras.Input((1,)), keras.ops.repeat(x, 2**29, axis=1))

        with pytest.raises(ModelRefusedError, match="more memory for a row than 1 GiB"):
            load_network(wide, save_weights(chain(1)))

    def test_time_is_bounded(self) -> None:
        def slow() -> keras.Model:
            time.sleep(0.02)
            return chain(1)

        budget = Budget(10, 10, 10, seconds=0.01)
        with pytest.raises(ModelRefusedError, match="more time to be built"), budget.limit():
            slow()

    def test_what_others_build_is_not_counted(self) -> None:
        with pytest.raises(ModelRefusedError), Budget(0, 0, 0, seconds=9).limit():
            chain(1)
        assert chain(3).count_params() == 18


@pytest.mark.parametrize("name", models.names())
def test_each_model_is_within_its_budget(name: str) -> None:
    """Its weights and the states of random generators, and a fraction of the tensors."""
    forecast = Signature.forecast(
        48, 12, targets=2, past_covariates=1, future_covariates=1, quantiles=(0.1, 0.5, 0.9)
    )
    whole = Signature.table(numbers=2, categories=[4, (30, 3)], texts=[(5, 9)], series=[(20, 2)])
    image = Signature.table(numbers=2, images=[(32, 32, 3)], classes=3)
    signature = {"forecast": forecast, "image": image}.get(models.data_of(name), whole)
    count = 10**12
    spent = Budget(count, count, count, seconds=600)
    with spent.limit():
        network = models.build(name, signature)
    totals = read_totals(save_weights(network))
    assert totals == (len(network.weights), sum(int(np.prod(w.shape)) for w in network.weights))
    allowed = Budget.for_weights(totals)
    variables = count - spent.variables
    assert totals.tensors <= variables <= allowed.variables
    # Each state of a random generator has two elements.
    assert count - spent.elements == totals.elements + 2 * (variables - totals.tensors)
    assert count - spent.tensors < allowed.tensors / 2
