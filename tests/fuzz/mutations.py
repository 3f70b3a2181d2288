"""Changes of bundles and of the files of a run: of their bytes, and of what these mean."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import yaml
from fuzz.samples import Members

from kerasnn.bundle import members
from kerasnn.bundle.archive import pack
from kerasnn.errors import KerasnnError
from kerasnn.preprocessing import Preprocessor
from kerasnn.preprocessing.joint import JointPreprocessor
from kerasnn.training.checkpoints import MAGIC

MOST_EDITS = 3
# Values where another one is meant.
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 7, 64, 65_537, 2**24, 2**31, 2**53 + 1, 10**18, -(2**63)),
    *(0.5, -0.5, 1e-320, 1e30, -1e30, 1e308, 3.0, "", "a", "0", "nan", "inf", "-1", "None"),
    *("\x00", "\ud800", "\x1b[2J", "a\nb", "ü" * 300, "%d%d", "%Y-%m-%d", "ISO8601", "numbers"),
    *("=1+1", "../../etc/passwd", "mlp", "ensemble", "number", "category", "date", "image", "text"),
    *("1" * 5_000, "9" * 30, "x" * 5_000, ";", "|", "[[", "{}", "lambda: 0"),
    *([], {}, [[]], [{}], [0], [None], ["a"], ["a", "a"], [1.5, 1.5], {"a": 1}, [[[[]]]]),
    *([0] * 100, ["a"] * 100, {str(i): i for i in range(100)}),
)


def bytes_of(content: Members) -> bytes:
    """The one file of a bundle, with the checksums that its members have."""
    return b"".join(pack({members.MANIFEST: members.make_manifest(content), **content}))


def raw(random: Random, content: bytes, other: bytes) -> bytes:
    """Bits flipped, bytes overwritten, cut, put in, taken out, or taken from another file."""
    found = bytearray(content)
    for _ in range(random.randint(1, MOST_EDITS)):
        at, size = random.randrange(max(1, len(found))), random.choice((1, 1, 4, 40))
        kind = random.randrange(6)
        if kind == 0 and found:
            found[at] ^= 1 << random.randrange(8)
        elif kind == 1:
            found[at : at + size] = random.randbytes(size)
        elif kind == 2:
            del found[at:]
        elif kind == 3:
            del found[at : at + size]
        elif kind == 4:
            found[at:at] = random.randbytes(size)
        else:
            start = random.randrange(max(1, len(other)))
            found[at : at + 10 * size] = other[start : start + 10 * size]
    return bytes(found)


def structured(random: Random, content: Members, other: Members) -> tuple[Members, str]:
    """One member changed, so that all checksums are right again; and which."""
    name, change = random.choice(_CHANGES)
    if random.random() < 0.05:
        return content | {name: other[name]}, f"{name} of another bundle"
    found = content | {name: change(random, content[name])}
    if name == members.PREPROCESSING and random.random() < 0.6:
        return _consistent(found), "preprocessing and signature"
    return found, name


def edit(random: Random, data: Any) -> Any:
    """Plain data with some values replaced, taken out, repeated, exchanged or shifted."""
    data = json.loads(json.dumps(data))
    for _ in range(random.randint(1, MOST_EDITS)):
        places = list(_places(data))
        if not places:
            return _odd(random)
        container, key = random.choice(places)
        _EDITS[random.randrange(len(_EDITS))](random, container, key, places)
    return data


def _odd(random: Random) -> Any:
    return copy.deepcopy(random.choice(ODD))


def _places(data: Any) -> Any:
    """Each container with each of its keys."""
    if isinstance(data, dict | list):
        keys = list(data) if isinstance(data, dict) else range(len(data))
        for key in keys:
            yield data, key
            yield from _places(data[key])


def _replace(random: Random, container: Any, key: Any, _: Any) -> None:
    container[key] = _odd(random)


def _near(random: Random, container: Any, key: Any, _: Any) -> None:
    """Another value of the same type."""
    value = container[key]
    if isinstance(value, bool):
        container[key] = not value
    elif isinstance(value, int):
        container[key] = random.choice((value + 1, value - 1, -value, value * 2, value * 1000, 0))
    elif isinstance(value, float):
        container[key] = random.choice((-value, value * 1e6, value * 1e-9, 0.0, int(value), 1e38))
    elif isinstance(value, str):
        at = random.randrange(len(value) + 1)
        container[key] = value[:at] + random.choice(("", ":", "*", "x", "9", " ", "=")) + value[at:]
    elif isinstance(value, list):
        container[key] = random.choice((value[:-1], value + value, value[::-1], [*value, 0]))
    elif isinstance(value, dict):
        container[key] = value | {random.choice(("a", "", *value)): _odd(random)}
    else:
        container[key] = _odd(random)


def _remove(_: Random, container: Any, key: Any, __: Any) -> None:
    # A place may be gone with another one.
    if isinstance(container, dict):
        container.pop(key, None)
    elif key < len(container):
        del container[key]


def _copy(random: Random, container: Any, key: Any, places: Any) -> None:
    other, its = random.choice(places)
    if (isinstance(other, dict) and its in other) or (isinstance(other, list) and its < len(other)):
        container[key] = json.loads(json.dumps(other[its]))


_Edit = Callable[[Random, Any, Any, Any], None]
_EDITS: tuple[_Edit, ...] = (_replace, _near, _near, _near, _remove, _copy)


def _json(random: Random, content: bytes) -> bytes:
    if random.random() < 0.05:
        return raw(random, content, content)
    return json.dumps(edit(random, json.loads(content))).encode()


def _weights(random: Random, content: bytes) -> bytes:
    """The header edited, or numbers overwritten."""
    length = int.from_bytes(content[:8], "little")
    header, numbers = content[8 : 8 + length], bytearray(content[8 + length :])
    if random.random() < 0.6:
        header = json.dumps(edit(random, json.loads(header))).encode()
        return struct.pack("<Q", len(header)) + header + numbers
    for _ in range(random.choice((1, 3, len(numbers) // 4))):
        value = random.choice((np.nan, np.inf, 3e38, -3e38, 1e20, 1e-40, 0.0))
        at = 4 * random.randrange(max(1, len(numbers) // 4))
        numbers[at : at + 4] = np.float32(value).tobytes()
    return content[: 8 + length] + bytes(numbers)


def _consistent(content: Members) -> Members:
    """With the signature of its preprocessing in the recipe, if it has one."""
    try:
        data = json.loads(content[members.PREPROCESSING])
        several = isinstance(data, dict) and "others" in data
        signature = (JointPreprocessor if several else Preprocessor).from_dict(data).signature
        training_options = json.loads(content[members.TRAINING_OPTIONS]) | {
            "signature": signature.to_dict()
        }
    except (KerasnnError, LookupError, TypeError, ValueError, AttributeError):
        return content
    return content | {members.TRAINING_OPTIONS: json.dumps(training_options).encode()}


_CHANGES: tuple[tuple[str, Callable[[Random, bytes], bytes]], ...] = (
    (members.TRAINING_OPTIONS, _json),
    (members.TRAINING_OPTIONS, _json),
    (members.PREPROCESSING, _json),
    (members.PREPROCESSING, _json),
    (members.PREPROCESSING, _json),
    (members.REPORT, _json),
    (members.WEIGHTS, _weights),
)


def manifest(random: Random, content: Members) -> bytes:
    """The file of a bundle with another manifest, with or without its own checksum."""
    data = edit(random, json.loads(members.make_manifest(content)))
    if isinstance(data, dict) and random.random() < 0.7:
        data.pop("digest", None)
        data["digest"] = hashlib.sha256(
            json.dumps(data, separators=(",", ":")).encode()
        ).hexdigest()
    text = json.dumps(data, separators=(",", ":")).encode()
    return b"".join(pack({members.MANIFEST: text, **content}))


def node(random: Random, path: Path, outside: Path) -> str:
    """Put something else in the place of a file of a run; says what.

    Args:
        random: Source of chance.
        path: Path of the file.
        outside: Empty folder beside the run, in which links end.
    """
    kind = random.choice(
        ("a link", "a link to itself", "a pipe", "a folder", "nothing", "/dev/zero")
    )
    content = path.read_bytes()
    path.unlink()
    if kind == "a link":
        (outside / "file").write_bytes(content)
        path.symlink_to(outside / "file")
    elif kind == "a link to itself":
        path.symlink_to(path.name)
    elif kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a folder":
        path.mkdir()
        (path / "file").write_bytes(content)
    elif kind == "/dev/zero":
        path.symlink_to(kind)
    return kind


def of_run(random: Random, name: str, content: bytes) -> bytes:
    """A file of a run's folder changed, by its meaning where it has one here."""
    if random.random() < 0.3:
        return raw(random, content, content[::-1])
    if name.endswith(".json"):
        return _json(random, content)
    if name.endswith(".yaml"):
        return yaml.safe_dump(edit(random, yaml.safe_load(content)), allow_unicode=True).encode(
            errors="surrogatepass"
        )
    if name.endswith(".checkpoint"):
        return _checkpoint(random, content)
    return raw(random, content, content[::-1])


def _checkpoint(random: Random, content: bytes) -> bytes:
    body = content[len(MAGIC) + 65 :]
    length = int.from_bytes(body[:8], "little")
    header = json.loads(body[8 : 8 + length])
    if random.random() < 0.8:
        state = edit(random, json.loads(header["__metadata__"]["state"]))
        header["__metadata__"]["state"] = json.dumps(state)
    else:
        header = edit(random, header)
    text = json.dumps(header).encode()
    body = struct.pack("<Q", len(text)) + text + body[8 + length :]
    return MAGIC + hashlib.sha256(body).hexdigest().encode() + b"\n" + body
