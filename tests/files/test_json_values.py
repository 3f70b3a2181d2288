"""JSON of a stranger: bounded in depth and in the number of its values."""

from __future__ import annotations

import time
from typing import Any

import pytest

from kerasnn.errors import ModelRefusedError
from kerasnn.files.json_values import loads


@pytest.mark.parametrize(
    ("content", "values"),
    [(b"[]", 1), (b"[1,2,3]", 3), (b'{"a":[true]}', 3), (b'["a,b,c:{[","d"]', 2)],
)
def test_values_are_counted_before_they_are_made(content: bytes, values: int) -> None:
    found: Any = loads(content, location="it", most_values=values)
    assert found is not None
    with pytest.raises(ModelRefusedError) as caught:
        loads(content, location="it", most_values=values - 1)
    assert str(caught.value) == f"it holds more than {values - 1} values"


def test_many_small_values_are_refused_at_once() -> None:
    content = b"[" + b"{}," * 20_000_000 + b"{}]"
    began = time.process_time()
    with pytest.raises(ModelRefusedError, match="it holds more than 4,000,000 values"):
        loads(content, location="it")
    assert time.process_time() - began < 2


def test_numbers_that_are_not_finite_are_for_those_who_ask() -> None:
    assert loads(b'{"a": [Infinity]}', location="it", finite=False) == {"a": [float("inf")]}
    with pytest.raises(ModelRefusedError, match="it holds Infinity"):
        loads(b'{"a": [Infinity]}', location="it")
