"""Keys, types and ranges of the configuration."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from kerasnn.constraints import RANGES, SECTIONS, Range, check, fields_of, parse_scalar
from kerasnn.errors import ConfigError, UnknownNameError


def test_every_number_has_a_range() -> None:
    numbers = {
        f"{section}.{name}"
        for section in SECTIONS
        for name, annotation in fields_of(section).items()
        if annotation in (int, float, int | None, float | None)
    }
    assert numbers == set(RANGES)


@pytest.mark.parametrize("key", RANGES)
def test_default_is_in_range(key: str) -> None:
    section, name = key.split(".")
    default = getattr(SECTIONS[section](), name)
    assert default is None or default in RANGES[key]


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("[0, 1)", [0, 0.5], [-0.1, 1]),
        ("(0, 1]", [0.1, 1], [0, 1.1]),
        ("[1, inf)", [1, 1e300], [0, math.inf]),
    ],
)
def test_range(text: str, inside: list[float], outside: list[float]) -> None:
    assert all(value in Range(text) for value in inside)
    assert not any(value in Range(text) for value in outside)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("training.epochs", "5", 5),
        ("training.epochs", np.int64(5), 5),
        ("training.learning_rate", "1e-3", 0.001),
        ("training.learning_rate", 1, 1.0),
        ("training.optimizer", "lion", "lion"),
        ("preprocessing.indicator", "no", False),
        ("preprocessing.indicator", np.bool_(True), True),
        ("run.time_limit_s", None, None),
        ("data.target", "2", "2"),
        ("data.drop", "a, b", ("a", "b")),
        ("data.drop", ["a, b"], ("a, b",)),
        ("data.columns.a.b", "date", "date"),
    ],
)
def test_check_converts(key: str, value: object, expected: Any) -> None:
    result = check(key, value)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("training.epochs", -1, "`training.epochs` must be at least 0; got -1 (c:3)"),
        ("training.epochs", True, "`training.epochs` must be a whole number; got True (c:3)"),
        ("training.epochs", "1.5", "`training.epochs` must be a whole number; got '1.5' (c:3)"),
        ("training.epochs", None, "`training.epochs` must be a whole number; got None (c:3)"),
        ("training.l2", "nan", "`training.l2` must be a finite number; got 'nan' (c:3)"),
        ("training.huber_delta", 0, "`training.huber_delta` must be above 0; got 0 (c:3)"),
        ("split.validation", 1.5, "`split.validation` must be in (0, 1); got 1.5 (c:3)"),
        ("run.baselines", "1", "`run.baselines` must be true or false; got '1' (c:3)"),
        ("data.target", 3, "`data.target` must be text; got 3 (c:3)"),
        ("data.drop", [3], "`data.drop` must be a list of names; got [3] (c:3)"),
        ("data.drop", 3, "`data.drop` must be a list of names; got 3 (c:3)"),
    ],
)
def test_check_refuses(key: str, value: object, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        check(key, value, location="c:3")
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("training.optimizer", "adm", "unknown optimizer 'adm' – did you mean 'adam'?"),
        ("data.columns.age", "numbr", "unknown kind 'numbr' – did you mean 'number'?"),
        ("training.epoch", 3, "unknown key of training 'epoch' – did you mean 'epochs'?"),
    ],
)
def test_check_suggests(key: str, value: object, message: str) -> None:
    with pytest.raises(UnknownNameError) as raised:
        check(key, value)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("text", "expected"),
    [("3", 3), ("1e-3", 0.001), ("False", False), ("null", None), ("none", "none"), ("", "")],
)
def test_parse_scalar(text: str, expected: object) -> None:
    result = parse_scalar(text)
    assert result == expected
    assert type(result) is type(expected)
