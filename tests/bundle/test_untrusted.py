"""Bundles that are damaged, or that somebody made to harm: none is opened, and nothing runs."""

from __future__ import annotations

import copy
import io
import json
import os
import pickle
import random
import struct
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy

from kerasnn import models
from kerasnn.bundle import Bundle, members, read_members, summary
from kerasnn.bundle.archive import pack
from kerasnn.data import read
from kerasnn.data.schema import infer
from kerasnn.errors import ModelRefusedError
from kerasnn.options import TrainingOptions
from kerasnn.prediction.predictor import Predictor
from kerasnn.preprocessing import Preprocessor

Members = dict[str, bytes]
TINY: Members = {
    members.TRAINING_OPTIONS: b'{"a":1}',
    members.PREPROCESSING: b'{"b":[2,3]}',
    members.WEIGHTS: bytes(range(64)),
    members.REPORT: b"{}",
}
CALL = "__import__('os').system('touch pwned')"


class Exploit:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch pwned",)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": generator.normal(size=20),
            "colour": generator.choice(["red", "green"], 20),
            "day": pd.date_range("2026-01-01", periods=20),
            "target": np.resize(["no", "yes"], 20),
        }
    )
    preprocessor = Preprocessor.fit(frame, infer(read(frame), target="target"))
    network = models.build("mlp", preprocessor.signature, width=2, depth=1)
    predictor = Predictor(preprocessor, network)
    return Bundle(
        "mlp", {"width": 2, "depth": 1}, TrainingOptions(), predictor, {"run": {"seed": 0}}
    )


@pytest.fixture(scope="module")
def good(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Members:
    path = tmp_path_factory.mktemp("good") / "model.kerasnn"
    bundle.save(path)
    return read_members(path)


@pytest.fixture(autouse=True)
def _nothing_was_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    yield
    assert not (tmp_path / "pwned").exists()


def forge(path: Path, content: Members) -> Path:
    """A bundle whose container and checksums are in order, whatever is in it."""
    path.write_bytes(b"".join(pack({members.MANIFEST: members.make_manifest(content), **content})))
    return path


def unpack(path: Path, content: Members) -> Path:
    """The same as a folder."""
    path.mkdir()
    for name, data in {members.MANIFEST: members.make_manifest(content), **content}.items():
        (path / name).write_bytes(data)
    return path


def refusal(path: Path, load: Callable[[Path], Any] = Bundle.load) -> str:
    """Why a bundle is refused; that it is, with exit code 3 and on one line."""
    with pytest.raises(ModelRefusedError) as caught:
        load(path)
    text = str(caught.value)
    assert caught.value.exit_code == 3
    assert text.isprintable()
    assert text.startswith("the model is refused: ")
    assert len(text) < 400 + len(str(path))
    return text.removeprefix("the model is refused: ").split(f" ({path})")[0]


def count_silent_loads(bundle: Path, file: Path) -> tuple[int, int]:
    """Flip each bit of a file, then cut it at each length: how many cases, how many of them load."""
    n_cases = n_loaded = 0
    with file.open("r+b", buffering=0) as stream:
        content = stream.read()
        for position, byte in enumerate(content):
            for bit in range(8):
                os.pwrite(stream.fileno(), bytes([byte ^ 1 << bit]), position)
                n_cases, n_loaded = n_cases + 1, n_loaded + loads_silently(bundle)
            os.pwrite(stream.fileno(), bytes([byte]), position)
        for size in reversed(range(len(content))):
            stream.truncate(size)
            n_cases, n_loaded = n_cases + 1, n_loaded + loads_silently(bundle)
    file.write_bytes(content)
    return n_cases, n_loaded


def loads_silently(bundle: Path) -> bool:
    try:
        read_members(bundle)
    except ModelRefusedError:
        return False
    return True


class TestDamage:
    """Of each bit and at each length; none of it loads."""

    def test_flips_and_truncations_of_the_file(self, tmp_path: Path) -> None:
        path = forge(tmp_path / "model.kerasnn", TINY)
        n_cases, n_loaded = count_silent_loads(path, path)
        assert n_cases > 10_000
        assert n_loaded == 0
        assert read_members(path) == TINY

    def test_flips_and_truncations_of_a_folder(self, tmp_path: Path) -> None:
        path = unpack(tmp_path / "model", TINY)
        for name in [members.MANIFEST, *members.LIMITS]:
            n_cases, n_loaded = count_silent_loads(path, path / name)
            assert n_cases >= 18
            assert n_loaded == 0
        assert read_members(path) == TINY

    @pytest.mark.parametrize(
        "change",
        [
            lambda content: content + b"\0",
            lambda content: content + content,
            lambda content: b"\0" + content,
            lambda content: content[::-1],
        ],
    )
    def test_more_than_the_file(self, tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
        path = forge(tmp_path / "model.kerasnn", TINY)
        path.write_bytes(change(path.read_bytes()))
        refusal(path)

    def test_bytes_exchanged_or_overwritten(self, tmp_path: Path) -> None:
        path = forge(tmp_path / "model.kerasnn", TINY)
        content, generator = path.read_bytes(), random.Random(0)
        for _ in range(1000):
            changed = bytearray(content)
            length = generator.randint(1, 40)
            start = generator.randrange(len(content) - length)
            for position in range(start, start + length):
                changed[position] ^= generator.randint(1, 255)
            path.write_bytes(changed)
            with pytest.raises(ModelRefusedError):
                read_members(path)

    def test_whole_load(self, tmp_path: Path, good: Members) -> None:
        path = forge(tmp_path / "model.kerasnn", good)
        assert Bundle.load(path).model == "mlp"
        content, generator = path.read_bytes(), random.Random(0)
        for _ in range(300):
            flipped = bytearray(content)
            flipped[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
            path.write_bytes(flipped)
            for load in (Bundle.load, summary):
                refusal(path, load)
            path.write_bytes(content[: generator.randrange(len(content))])
            refusal(path)

    def test_words_for_it(self, tmp_path: Path, good: Members) -> None:
        path = forge(tmp_path / "model.kerasnn", good)
        content = path.read_bytes()
        path.write_bytes(content[:-100])
        with pytest.raises(ModelRefusedError) as caught:
            Bundle.load(path)
        assert str(caught.value) == (
            f"the model is refused: its directory does not fit its members ({path}) – "
            "get it again from where it was made"
        )
        path.write_bytes(content[: len(content) // 2])
        assert refusal(path) == "it is cut off"
        path.write_bytes(b"")
        assert refusal(path) == "it is not a file of kerasnn, or its start is damaged"
        at = content.index(good[members.WEIGHTS]) + len(good[members.WEIGHTS]) - 1
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        expected = "weights.safetensors is damaged, or not stored as kerasnn stores it"
        assert refusal(path) == expected


def zipped(path: Path, entries: list[tuple[Any, bytes]], **options: Any) -> Path:
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path


def entries_of(content: Members) -> list[tuple[Any, bytes]]:
    return list({members.MANIFEST: members.make_manifest(content), **content}.items())


def special(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return info


def keras_archive() -> bytes:
    """A ``.keras`` file as of CVE-2025-1550: a config that names a function to be called."""
    config = {
        "module": "keras",
        "class_name": "Functional",
        "config": {"layers": [{"module": "os", "class_name": "function", "config": "system"}]},
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("metadata.json", '{"keras_version":"3.15.1"}')
        archive.writestr("model.weights.h5", b"\x89HDF\r\n\x1a\n")
    return buffer.getvalue()


def tar_with_traversal() -> bytes:
    """As of CVE-2025-12060: an archive that is extracted outside its folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("../pwned")
        info.size = 1
        archive.addfile(info, io.BytesIO(b"x"))
    return buffer.getvalue()


def patched_zip(change: Callable[[bytearray], None]) -> bytes:
    """A good file with some bytes of its headers changed."""
    content = bytearray(b"".join(pack({members.MANIFEST: members.make_manifest(TINY), **TINY})))
    change(content)
    return bytes(content)


def encrypt(content: bytearray) -> None:
    content[6] |= 1  # the flag in the local header
    content[content.index(b"PK\1\2") + 8] |= 1


def traverse(content: bytearray) -> None:
    at = content.rindex(b"report.json")
    content[at : at + 11] = b"../pwned.js"


def link(content: bytearray) -> None:
    at = content.rindex(b"PK\1\2")
    content[at + 38 : at + 42] = struct.pack("<I", 0o120777 << 16)


def comment(content: bytearray) -> None:
    content[-2:] = struct.pack("<H", 5)
    content += b"pwned"


def zip64_sizes(content: bytearray) -> None:
    content[18:26] = b"\xff" * 8


def many_entries(content: bytearray) -> None:
    content[-14:-10] = struct.pack("<HH", 65535, 65535)


RAW: dict[str, bytes] = {
    "keras archive": keras_archive(),
    "legacy HDF5": b"\x89HDF\r\n\x1a\n" + bytes(2000),
    "pickle": pickle.dumps(Exploit()),
    "npz with objects": b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, }",
    "tar": tar_with_traversal(),
    "zip without members": b"PK\5\6" + bytes(18),
    "text": CALL.encode() * 100,
    "zeros": bytes(5000),
    "encrypted": patched_zip(encrypt),
    "path above the folder": patched_zip(traverse),
    "link": patched_zip(link),
    "comment": patched_zip(comment),
    "64 bit sizes": patched_zip(zip64_sizes),
    "65535 members": patched_zip(many_entries),
    "program before the zip": b"#!/bin/sh\ntouch pwned\n" + patched_zip(lambda content: None),
    "hidden bytes before the directory": patched_zip(
        lambda content: content.__setitem__(slice(-22, -22), b"pwned")
    ),
}
ZIPS: dict[str, list[tuple[Any, bytes]]] = {
    "zipped again": entries_of(TINY),
    "member more": [*entries_of(TINY), ("code.py", CALL.encode())],
    "member less": entries_of(TINY)[:-1],
    "name above the folder": [*entries_of(TINY), ("../pwned", b"x")],
    "absolute name": [*entries_of(TINY), ("/tmp/pwned", b"x")],
    "name of a drive": [*entries_of(TINY), ("C:\\pwned", b"x")],
    "linked member": [(special(members.MANIFEST, 0o120777), b"/etc/passwd")],
    "device": [(special(members.MANIFEST, 0o020666), b"")],
    "folder of that name": [("manifest.json/", b"")],
    "17 members": [(f"{i}.json", b"{}") for i in range(17)],
    "order": entries_of(TINY)[::-1],
}


class TestContainer:
    """Whatever differs from the one layout by a bit is refused unread."""

    @pytest.mark.parametrize("name", RAW)
    def test_other_file(self, tmp_path: Path, name: str) -> None:
        path = tmp_path / "model.kerasnn"
        path.write_bytes(RAW[name])
        for load in (Bundle.load, summary):
            refusal(path, load)

    @pytest.mark.parametrize("name", ZIPS)
    def test_other_zip(self, tmp_path: Path, name: str) -> None:
        refusal(zipped(tmp_path / "model.kerasnn", ZIPS[name]))

    @pytest.mark.filterwarnings("ignore:Duplicate name")
    @pytest.mark.parametrize("name", [members.MANIFEST, members.TRAINING_OPTIONS])
    def test_name_twice(self, tmp_path: Path, name: str) -> None:
        twice = [*entries_of(TINY), (name, b"{}")]
        refusal(zipped(tmp_path / "model.kerasnn", twice))

    def test_compressed(self, tmp_path: Path) -> None:
        path = tmp_path / "model.kerasnn"
        refusal(zipped(path, entries_of(TINY), compression=zipfile.ZIP_DEFLATED))

    def test_bomb(self, tmp_path: Path) -> None:
        content = TINY | {members.WEIGHTS: bytes(50_000_000)}
        path = zipped(
            tmp_path / "model.kerasnn", entries_of(content), compression=zipfile.ZIP_DEFLATED
        )
        assert path.stat().st_size < 100_000
        refusal(path)

    def test_sizes_are_not_believed(self, tmp_path: Path) -> None:
        """Memory is taken for what is there, not for what the manifest says."""
        manifest = json.loads(members.make_manifest(TINY))
        for size in (2 * 2**30, 2**40, -1, True, 1.5, "1"):
            manifest["members"][members.WEIGHTS]["size"] = size
            path = tmp_path / "model.kerasnn"
            path.write_bytes(b"".join(pack({members.MANIFEST: seal(manifest), **TINY})))
            assert refusal(path) in (
                "it is cut off",
                "weights.safetensors is larger than 3072 MiB",
                "manifest.json is malformed",
            )

    def test_sparse_giant(self, tmp_path: Path) -> None:
        path = forge(tmp_path / "model.kerasnn", TINY)
        with path.open("r+b") as file:
            file.truncate(2**40)
        refusal(path)

    def test_large_manifest(self, tmp_path: Path) -> None:
        path = tmp_path / "model.kerasnn"
        path.write_bytes(b"".join(pack({members.MANIFEST: b" " * 100_000, **TINY})))
        assert refusal(path) == "manifest.json is larger than 64 KiB"

    def test_pipe_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "model.kerasnn")
        assert refusal(tmp_path / "model.kerasnn") == "model.kerasnn is not a file"
        path = unpack(tmp_path / "model", TINY)
        (path / members.TRAINING_OPTIONS).unlink()
        os.mkfifo(path / members.TRAINING_OPTIONS)
        assert refusal(path) == "recipe.json is not a file"

    def test_device(self) -> None:
        assert refusal(Path("/dev/zero")) == "zero is not a file"

    @pytest.mark.parametrize("name", [members.MANIFEST, members.TRAINING_OPTIONS, members.WEIGHTS])
    def test_member_of_a_folder_that_is_a_link(self, tmp_path: Path, name: str) -> None:
        path = unpack(tmp_path / "model", TINY)
        (path / name).rename(tmp_path / "elsewhere")
        (path / name).symlink_to(tmp_path / "elsewhere")
        assert refusal(path) == f"{name} is a link"

    def test_member_of_a_folder_that_is_a_folder(self, tmp_path: Path) -> None:
        path = unpack(tmp_path / "model", TINY)
        (path / members.REPORT).unlink()
        (path / members.REPORT).mkdir()
        assert refusal(path) == "report.json is not a file"

    @pytest.mark.parametrize("name", ["code.py", "recipe.json.pkl", "a\x1b[2J\n", ".hidden"])
    def test_folder_with_more(self, tmp_path: Path, name: str) -> None:
        path = unpack(tmp_path / "model", TINY)
        (path / name).write_bytes(b"")
        assert refusal(path).endswith("has no place in a bundle")

    def test_folder_with_less(self, tmp_path: Path) -> None:
        path = unpack(tmp_path / "model", TINY)
        (path / members.WEIGHTS).unlink()
        assert refusal(path) == "weights.safetensors is missing"


def seal(manifest: Mapping[str, Any]) -> bytes:
    """A manifest whose own digest fits."""
    return members._sealed({name: value for name, value in manifest.items() if name != "digest"})


@pytest.mark.parametrize(
    "change",
    [
        {"format": "another"},
        {"schema": 0},
        {"schema": True},
        {"schema": "1"},
        {"schema": None},
        {"more": 1},
        {"members": []},
        {"members": {}},
        {"members": {"../recipe.json": {}}},
        {"members": {name: [] for name in members.LIMITS}},
        {"members": {name: {"size": 1} for name in members.LIMITS}},
    ],
    ids=str,
)
def test_manifest(tmp_path: Path, change: dict[str, Any]) -> None:
    manifest = json.loads(members.make_manifest(TINY)) | change
    path = tmp_path / "model.kerasnn"
    path.write_bytes(b"".join(pack({members.MANIFEST: seal(manifest), **TINY})))
    assert refusal(path).startswith("manifest.json ")


def at(*keys: Any, value: Any) -> Callable[[Any], Any]:
    """Set one value in plain data, on a copy."""

    def change(data: Any) -> Any:
        data = copy.deepcopy(data)
        location = data
        for key in keys[:-1]:
            location = location[key]
        location[keys[-1]] = value
        return data

    return change


def conformal_calibration(**changes: Any) -> Callable[[Any], Any]:
    """ConformalCalibration of two rows with something else in them."""
    plain = {"n_rows": 2.0, "ranks": [1.0, 2.0], "scores": [0.1, 0.2]}
    return at("decision", "conformal_calibration", value=plain | changes)


LAMBDA = {
    "module": "keras.layers",
    "class_name": "Lambda",
    "config": {"function": {"class_name": "__lambda__", "config": {"code": "4wAAAA=="}}},
}
RECIPES: dict[str, tuple[Callable[[Any], Any], str]] = {
    # A layer whose bytecode runs on load: CVE-2024-3660, 2025-9905, 2025-9906.
    "lambda layer": (lambda data: LAMBDA, "the recipe has an unknown key 'module'"),
    "lambda as a key": (at("registered_name", value="os>system"), "unknown key 'registered_name'"),
    # A config that names any function: CVE-2025-1550, 2025-8747.
    "model is a config": (at("model", value=LAMBDA), "the recipe.model can't be"),
    "model is a path": (at("model", value="../../tmp/pwned"), "not one of the zoo"),
    "model is a module": (at("model", value="os"), "not one of the zoo"),
    "model is an attribute": (at("model", value="importlib"), "not one of the zoo"),
    "model is dunder": (at("model", value="__builtins__"), "not one of the zoo"),
    "model is code": (at("model", value=CALL), "not one of the zoo"),
    "hyper-parameter is a config": (
        at("hyperparameters", "activation", value=LAMBDA),
        "'activation' can't be",
    ),
    "hyper-parameter is code": (
        at("hyperparameters", "activation", value=CALL),
        "unknown activation",
    ),
    "steering in a choice": (
        at("hyperparameters", "activation", value="\x1b[2J\n"),
        "unknown activation '\\x1b[2J\\n'",
    ),
    "another activation of Keras": (
        at("hyperparameters", "activation", value="keras.activations.relu"),
        "unknown activation",
    ),
    "hyper-parameter is a list": (at("hyperparameters", "width", value=[1]), "'width' can't be"),
    "unknown hyper-parameter": (
        at("hyperparameters", "signature", value=1),
        "no hyper-parameter 'signature'",
    ),
    "many hyper-parameters": (
        at("hyperparameters", value={str(i): 1 for i in range(1000)}),
        "too many hyper-parameters",
    ),
    "long text": (at("hyperparameters", "activation", value="relu" * 99), "can't be"),
    # A network that takes all memory: CVE-2026-0897, 1462.
    "giant width": (at("hyperparameters", "width", value=10**9), "`width` must be in"),
    "infinite width": (at("hyperparameters", "width", value=10**30), "a number is too large"),
    "largest width": (at("hyperparameters", "width", value=65_536), "must be float32"),
    "giant depth": (at("hyperparameters", "depth", value=10**6), "`depth` must be in"),
    "negative width": (at("hyperparameters", "width", value=-1), "`width` must be in"),
    "another width": (at("hyperparameters", "width", value=3), "must be float32"),
    "deeper": (at("hyperparameters", "depth", value=2), "is missing"),
    "giant outputs": (
        at("signature", "output", value={"task": "multiclass", "width": 10**12}),
        "outputs",
    ),
    "other outputs": (
        at("signature", "output", value={"task": "multiclass", "width": 3}),
        "does not fit the network",
    ),
    "giant vocabulary": (
        at("signature", "categories", "cardinalities", value=[2**24]),
        "does not fit the network",
    ),
    "endless vocabulary": (
        at("signature", "categories", "cardinalities", value=[2**62]),
        "cardinalities",
    ),
    "wide embedding": (
        at("signature", "categories", "widths", value=[2**24]),
        "does not fit the network",
    ),
    "endless embedding": (at("signature", "categories", "widths", value=[-1]), "widths"),
    "lengths disagree": (at("signature", "categories", "widths", value=[]), "disagree"),
    "no inputs": (
        lambda data: data | {"signature": {"output": data["signature"]["output"]}},
        "without inputs",
    ),
    "signature is a list": (at("signature", value=[]), "the recipe.signature can't be []"),
    "temperature 0": (at("decision", "temperature", value=0.0), "temperature"),
    "threshold 2": (at("decision", "threshold", value=2), "threshold"),
    "temperature is code": (at("decision", "temperature", value=CALL), "can't be"),
    "temperature is true": (at("decision", "temperature", value=True), "can't be True"),
    "margins are code": (
        at("decision", "conformal_calibration", value=CALL),
        "decision.conformal_calibration can't be",
    ),
    "margins without scores": (conformal_calibration(scores=[], ranks=[]), "margins"),
    "margins in disorder": (conformal_calibration(scores=[1.0, 0.5]), "margins"),
    "margins repeat": (conformal_calibration(ranks=[2.0, 2.0]), "margins"),
    "margins of other lengths": (conformal_calibration(scores=[0.1, 0.2, 0.3]), "margins"),
    "margins are negative": (conformal_calibration(scores=[-1.0, 0.5]), "margins"),
    "margins of no row": (conformal_calibration(n_rows=0.0), "margins"),
    "margins of fewer rows": (conformal_calibration(n_rows=1.0), "margins"),
    "margins of endless rows": (conformal_calibration(n_rows=1e300, ranks=[1.0, 1e300]), "margins"),
    "endless margins": (
        conformal_calibration(n_rows=9e3, ranks=list(range(1, 9001)), scores=list(range(9000))),
        "margins",
    ),
    "margins of a regression": (conformal_calibration(predictions=[0.0], errors=[1.0]), "margins"),
    "margins are text": (
        conformal_calibration(scores=["0", "1"]),
        "conformal_calibration.scores can't be",
    ),
    "margins with more": (conformal_calibration(function=CALL), "unknown key 'function'"),
    "optimizer of a stranger": (at("training", "optimizer", value="os.system"), "can't be"),
    "negative epochs": (at("training", "epochs", value=-1), "training.epochs is -1"),
    "epochs is a number": (at("training", "epochs", value=1.5), "can't be 1.5"),
    "no model": (
        lambda data: {name: value for name, value in data.items() if name != "model"},
        "no key 'model'",
    ),
    "list": (lambda data: [data], "the recipe can't be"),
    "null": (lambda data: None, "the recipe can't be None"),
    "steering the terminal": (at("model\x1b[2J\n", value=1), "unknown key 'model\\x1b[2J\\n'"),
}
TEXTS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "pickle": (lambda data: pickle.dumps(Exploit()), "it is not JSON"),
    "python": (lambda data: CALL.encode(), "it is not JSON"),
    "not a number": (lambda data: b"[NaN]", "it holds NaN"),
    "infinity": (lambda data: b"[Infinity]", "it holds Infinity"),
    "overflow": (lambda data: b"[1e999]", "a number is too large"),
    "long number": (lambda data: b"[" + b"9" * 100_000 + b"]", "a number is too large"),
    "deep": (lambda data: b"[" * 100_000 + b"]" * 100_000, "nested deeper than 32"),
    "deep and open": (lambda data: b'{"a":' * 100_000, "nested deeper than 32"),
    "key twice": (lambda data: b'{"a":1,"a":2}', "a key is there twice"),
    "empty": (lambda data: b"", "it is not JSON"),
    # Each quote could start a text that never ends.
    "quadratic": (lambda data: b'"' + b'\\"' * 1_000_000, "it is not JSON"),
    "half a character": (lambda data: b'["\\', "it is not JSON"),
    "another encoding": (lambda data: data.decode().encode("utf-16"), "can't be read"),
    "more behind it": (lambda data: data + b"{}", "it is not JSON"),
}


class TestRecipe:
    """A recipe is bounded data, and nothing in it names anything but a model of the zoo."""

    @pytest.mark.parametrize("name", RECIPES)
    def test_data(self, tmp_path: Path, good: Members, name: str) -> None:
        change, expected = RECIPES[name]
        changed = json.dumps(change(json.loads(good[members.TRAINING_OPTIONS]))).encode()
        path = forge(tmp_path / "model.kerasnn", good | {members.TRAINING_OPTIONS: changed})
        assert expected in refusal(path)

    @pytest.mark.parametrize(
        "member", [members.TRAINING_OPTIONS, members.PREPROCESSING, members.REPORT]
    )
    @pytest.mark.parametrize("name", TEXTS)
    def test_text(self, tmp_path: Path, good: Members, name: str, member: str) -> None:
        change, expected = TEXTS[name]
        changed = good | {member: change(good[member])}
        for path in (
            forge(tmp_path / "model.kerasnn", changed),
            unpack(tmp_path / "model", changed),
        ):
            text = refusal(path)
            assert text.startswith(member)
            assert expected in text

    def test_report_is_an_object(self, tmp_path: Path, good: Members) -> None:
        path = forge(tmp_path / "model.kerasnn", good | {members.REPORT: b"[]"})
        assert refusal(path) == "report.json is malformed"


PREPROCESSINGS: dict[str, Callable[[Any], Any]] = {
    "config": lambda data: LAMBDA,
    "list": lambda data: [data],
    "null": lambda data: None,
    "empty": lambda data: {},
    "schema is a list": at("schema", value=[]),
    "columns are text": at("schema", "columns", value="abc"),
    "column is a number": at("schema", "columns", 0, value=1),
    "kind of a stranger": at("schema", "columns", 0, "kind", value="lambda"),
    "kind is a config": at("schema", "columns", 0, "kind", value=LAMBDA),
    "name is a list": at("schema", "columns", 0, "name", value=["size"]),
    "another name": at("schema", "columns", 0, "name", value="weight"),
    "unknown key": at("schema", "columns", 0, "function", value=CALL),
    "classes are missing": at("schema", "target", "classes", value=[]),
    "classes are objects": at("schema", "target", "classes", value=[{}, {}]),
    "label type": at("schema", "target", "label_type", value="object"),
    "task": at("schema", "target", "task", value="regression"),
    "words are numbers": at("vocabularies", 0, "words", value=[1, 2]),
    "words are repeated": at("vocabularies", 0, "words", value=["a", "a"]),
    "fewer words": at("vocabularies", 0, "words", value=["red"]),
    "width of a vocabulary": at("vocabularies", 0, "width", value=10**9),
    "width is negative": at("vocabularies", 0, "width", value=-1),
    "number is text": at("numbers", 0, "center", value=CALL),
    "number is missing": at("numbers", 0, "center", value=None),
    "number is huge": at("numbers", 0, "factor", value=1e300),
    "indicator": at("numbers", 0, "indicator", value=True),
    "knots without a scale": at("numbers", 0, "knots", value=[0.0, 1.0]),
    "day of a date": at("dates", 0, "centre_day", value=10**18),
    "day is text": at("dates", 0, "centre_day", value="today"),
    "options": at("options", "scale", value="eval"),
    "option is a config": at("options", "scale", value=LAMBDA),
    "options are unknown": at("options", "function", value=CALL),
    "no numbers": at("numbers", value=[]),
    "deviation": at("coder", "deviation", value=0.0),
    "two targets": at("coder", "target", "name", value="other"),
}


@pytest.mark.parametrize("name", PREPROCESSINGS)
def test_preprocessing(tmp_path: Path, good: Members, name: str) -> None:
    changed = json.dumps(PREPROCESSINGS[name](json.loads(good[members.PREPROCESSING]))).encode()
    path = forge(tmp_path / "model.kerasnn", good | {members.PREPROCESSING: changed})
    assert "preprocessing" in refusal(path)


def arrays_of(content: Members) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = safetensors.numpy.load(content[members.WEIGHTS])
    return found


def tensor_file(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def one(**entry: Any) -> dict[str, Any]:
    return {"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} | entry}


WEIGHTS: dict[str, bytes] = {
    "empty": b"",
    "pickle": pickle.dumps(Exploit()),
    # HDF5 with links to other files: CVE-2026-1669.
    "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(100),
    "array of objects": b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'shape': (1,)}" + bytes(50),
    "endless header": struct.pack("<Q", 2**63) + b"{}",
    "long header": struct.pack("<Q", 1000) + b"{}",
    "header is a list": tensor_file([]),
    "header is no JSON": tensor_file(CALL.encode()),
    "giant shape": tensor_file(one(shape=[10**12, 10**12], data_offsets=[0, 4]), bytes(4)),
    "overflowing shape": tensor_file(one(shape=[2**32, 2**32]), bytes(4)),
    "shape of nothing": tensor_file(one(shape=[0, 10**15], data_offsets=[0, 0])),
    "negative shape": tensor_file(one(shape=[-1]), bytes(4)),
    "offsets beyond the end": tensor_file(one(data_offsets=[0, 4000]), bytes(4)),
    "offsets backwards": tensor_file(one(data_offsets=[4, 0]), bytes(4)),
    "overlap": tensor_file(one() | {"y": one()["x"]}, bytes(4)),
    "bytes left over": tensor_file(one(), bytes(400)),
    "type of a stranger": tensor_file(one(dtype="object"), bytes(4)),
    "half precision of another kind": tensor_file(one(dtype="BF16", data_offsets=[0, 2]), bytes(2)),
    "another network": safetensors.numpy.save({"x": np.zeros(1, "float32")}),
}


class TestWeights:
    @pytest.mark.parametrize("name", WEIGHTS)
    def test_file(self, tmp_path: Path, good: Members, name: str) -> None:
        changed = good | {members.WEIGHTS: WEIGHTS[name]}
        assert "weight" in refusal(forge(tmp_path / "model.kerasnn", changed))

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            (lambda array: array[:, :-1], "must be float32"),
            (lambda array: array.T, "must be float32"),
            (lambda array: array[None], "must be float32"),
            (lambda array: array.astype("float64"), "is float64"),
            (lambda array: array.astype("int32"), "is int32"),
            (lambda array: array * np.nan, "not finite"),
            (lambda array: array + np.inf, "not finite"),
        ],
    )
    def test_kernel(
        self,
        tmp_path: Path,
        good: Members,
        change: Callable[[np.ndarray], np.ndarray],
        expected: str,
    ) -> None:
        arrays = arrays_of(good)
        (name, *_) = (name for name, array in arrays.items() if array.ndim == 2)
        with np.errstate(invalid="ignore"):
            arrays[name] = np.ascontiguousarray(change(arrays[name]))
        content = good | {members.WEIGHTS: safetensors.numpy.save(arrays)}
        text = refusal(forge(tmp_path / "model.kerasnn", content))
        assert f"the weight '{name}' is " in text
        assert expected in text

    def test_one_less_and_one_more(self, tmp_path: Path, good: Members) -> None:
        arrays = arrays_of(good)
        name = max(arrays)
        less = {each: array for each, array in arrays.items() if each != name}
        content = good | {members.WEIGHTS: safetensors.numpy.save(less)}
        expected = f"the weight '{name}' is missing"
        assert refusal(forge(tmp_path / "model.kerasnn", content)) == expected
        more = arrays | {"\x1b]0;pwned": arrays[name]}
        content = good | {members.WEIGHTS: safetensors.numpy.save(more)}
        expected = "the weight '\\x1b]0;pwned' is not of this network"
        assert refusal(forge(tmp_path / "model.kerasnn", content)) == expected


def test_members_of_two_models_do_not_mix(tmp_path: Path, good: Members, bundle: Bundle) -> None:
    frame = pd.DataFrame({"a": np.arange(20.0), "target": np.resize(["no", "yes"], 20)})
    preprocessor = Preprocessor.fit(frame, infer(read(frame), target="target"))
    network = models.build("linear", preprocessor.signature)
    Bundle("linear", {}, TrainingOptions(), Predictor(preprocessor, network)).save(
        tmp_path / "other"
    )
    other = read_members(tmp_path / "other")
    for name in (members.TRAINING_OPTIONS, members.PREPROCESSING, members.WEIGHTS):
        refusal(forge(tmp_path / "model.kerasnn", good | {name: other[name]}))


AUDITED = """
import sys
from kerasnn.bundle import Bundle, summary
from kerasnn.files.json_values import _hints
from kerasnn.errors import ModelRefusedError
from kerasnn.calibration.conformal import ConformalCalibration

good, *hostile = sys.argv[1:]
Bundle.load(good), summary(good)  # what is imported late is imported, annotations are evaluated
_hints(ConformalCalibration)  # which the good one has none of
FORBIDDEN = ("exec", "compile", "import", "marshal", "pickle", "socket", "subprocess", "os.", "ctypes",
             "urllib", "http", "shutil", "tempfile", "glob", "webbrowser", "code.", "sqlite3", "fcntl")
allowed, events, watching = set(), [], False

def hook(event, arguments):
    if watching:
        if event.startswith(FORBIDDEN):
            events.append((event, str(arguments)[:200]))
        if event == "open" and arguments[0] not in allowed and not isinstance(arguments[0], int):
            events.append((event, str(arguments[0])))

sys.addaudithook(hook)
for path in [good, *hostile]:
    allowed = {path}
    watching = True
    for load in (Bundle.load, summary):
        try:
            load(path)
        except ModelRefusedError:
            assert path != good
    watching = False
watching = True
exec("1")
open("/dev/null").close()
watching = False
print(len(events), *events, sep="\\n")
"""


def test_nothing_is_run_or_opened_by_a_load(tmp_path: Path, good: Members) -> None:
    """Python's audit events of loading a good bundle and hostile ones."""
    paths = [forge(tmp_path / "good.kerasnn", good)]
    training_options = json.loads(good[members.TRAINING_OPTIONS])
    for i, (change, _) in enumerate(RECIPES.values()):
        content = good | {members.TRAINING_OPTIONS: json.dumps(change(training_options)).encode()}
        paths.append(forge(tmp_path / f"recipe{i}.kerasnn", content))
    preprocessing = json.loads(good[members.PREPROCESSING])
    for i, modify in enumerate(PREPROCESSINGS.values()):
        content = good | {members.PREPROCESSING: json.dumps(modify(preprocessing)).encode()}
        paths.append(forge(tmp_path / f"preprocessing{i}.kerasnn", content))
    for i, weights in enumerate(WEIGHTS.values()):
        paths.append(forge(tmp_path / f"weights{i}.kerasnn", good | {members.WEIGHTS: weights}))
    for i, raw in enumerate(RAW.values()):
        paths.append(tmp_path / f"raw{i}.kerasnn")
        paths[-1].write_bytes(raw)
    run = subprocess.run(
        [sys.executable, "-c", AUDITED, *map(str, paths)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    # The last ones are our own: they prove that the hook was listening.
    count, *events = run.stdout.splitlines()
    assert [event.split("'")[1] for event in events] == ["compile", "exec", "open"], events
    assert count == "3"
