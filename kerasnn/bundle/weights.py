"""The numbers of a network: under names that last, and checked before a network is built."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from kerasnn.bundle.budget import Budget
from kerasnn.bundle.header import read_totals
from kerasnn.errors import ModelRefusedError
from kerasnn.files.json_values import shown

Build = Callable[[], keras.Model]


def stable_names(network: keras.Model) -> list[str]:
    """A name for each weight, in their order, that does not depend on what was built before.

    Keras numbers the layers of a process; here they are numbered within the network. States of
    random generators are no weights and have no name.
    """
    known: dict[tuple[str, ...], str] = {(): ""}
    taken: set[str] = set()
    return [_stable_name(weight.path.split("/"), known, taken) for weight in network.weights]


def _stable_name(path: list[str], known: dict[tuple[str, ...], str], taken: set[str]) -> str:
    parent = ""
    for depth in range(1, len(path)):
        layer = tuple(path[:depth])
        if layer not in known:
            known[layer] = _unique(parent + re.sub(r"_\d+$", "", path[depth - 1]), taken) + "/"
        parent = known[layer]
    return _unique(parent + path[-1], taken)


def _unique(name: str, taken: set[str]) -> str:
    candidate, count = name, 1
    while candidate in taken:
        count += 1
        candidate = f"{name}_{count}"
    taken.add(candidate)
    return candidate


def save_weights(network: keras.Model) -> bytes:
    """The weights as a safetensors file."""
    arrays = {
        name: np.asarray(weight, order="C")
        for name, weight in zip(stable_names(network), network.weights, strict=True)
    }
    content: bytes = safetensors.numpy.save(arrays)
    return content


def load_network(build: Build, content: bytes) -> keras.Model:
    """Build a network and give it weights.

    A first, symbolic network tells names, shapes and types without taking any memory for them.
    They must be exactly those of the file, so that no file makes a network larger than itself; and
    it is built within a `Budget`, so that no file keeps the machine busy.

    Args:
        build: Makes the network; called twice.
        content: Content of the safetensors file.

    Raises:
        ModelRefusedError: The weights are not exactly those of such a network, or not finite.
    """
    budget = Budget.for_weights(read_totals(content))
    arrays = _read(content)
    # Keras lists, for each thread, variables to be allocated later; this list ends with its thread.
    with ThreadPoolExecutor(max_workers=1) as threads:
        expected = threads.submit(_describe, build, budget).result()
    _compare(expected, arrays)
    with _float32():
        network = build()
    for name, weight in zip(stable_names(network), network.weights, strict=True):
        weight.assign(arrays[name])
    return network


def _read(content: bytes) -> dict[str, NDArray[Any]]:
    try:
        arrays: dict[str, NDArray[Any]] = safetensors.numpy.load(content)
    except (safetensors.SafetensorError, KeyError, ValueError, TypeError) as error:
        problem = f"the weights can't be read: {shown(error)}"
        raise ModelRefusedError(problem) from None
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ModelRefusedError(f"the weight '{shown(name)}' is not finite")
    return arrays


def _describe(build: Build, budget: Budget) -> dict[str, tuple[tuple[int, ...], str]]:
    """Shape and type of each weight of a network whose variables have no memory."""
    scope = keras.StatelessScope(initialize_variables=False)
    with _float32(), scope, budget.limit():
        network = build()
    return {
        name: (tuple(weight.shape), str(weight.dtype))
        for name, weight in zip(stable_names(network), network.weights, strict=True)
    }


def _compare(
    expected: Mapping[str, tuple[tuple[int, ...], str]], arrays: Mapping[str, NDArray[Any]]
) -> None:
    for name in sorted(expected.keys() ^ arrays.keys()):
        state = "missing" if name in expected else "not of this network"
        raise ModelRefusedError(f"the weight '{shown(name)}' is {state}")
    for name, form in expected.items():
        found = (arrays[name].shape, str(arrays[name].dtype))
        if found != form:
            what = f"the weight '{name}' is {found[1]} {list(found[0])}"
            raise ModelRefusedError(f"{what}, and must be {form[1]} {list(form[0])}")


@contextmanager
def _float32() -> Iterator[None]:
    """A bundle computes the same whatever precision the process has chosen for other networks."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
