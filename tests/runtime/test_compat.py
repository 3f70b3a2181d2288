"""Private names of Keras and TensorFlow: in one module, all there, and an error that names what is not."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import keras
import pytest

from kerasnn.errors import KerasnnError, UnsupportedVersionError
from kerasnn.runtime import compat

ROOT = Path(__file__).parents[2]
MODULE = ROOT / "kerasnn" / "runtime" / "compat.py"
TREES = {
    path: ast.parse(path.read_text())
    for top in ("kerasnn", "cli", "models")
    for path in sorted((ROOT / top).rglob("*.py"))
}
# Names with an underscore that are public: of Python and of named tuples.
PUBLIC = {"_getframe", "_asdict", "_replace", "_fields"}


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in PUBLIC


def own_names() -> set[str]:
    """Names that the modules of kerasnn themselves define."""
    names: set[str] = set()
    for path, tree in TREES.items():
        for node in ast.walk(tree) if path != MODULE else ():
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                names.add(node.name)
            elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
                names.add(node.id if isinstance(node, ast.Name) else node.attr)
    return names


def foreign_names(tree: ast.Module, own: set[str]) -> Iterator[str]:
    """Private names that a module uses and kerasnn does not define, and private modules."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr) and node.attr not in own:
            yield node.attr
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
            ("getattr", "hasattr", "setattr", "patch.object")
        ):
            texts = [a.value for a in node.args if isinstance(a, ast.Constant)]
            yield from (t for t in texts if isinstance(t, str) and is_private(t) and t not in own)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{name}" for name in names]
            for name in names:
                package, *parts = name.split(".")
                if package in ("keras", "tensorflow") and (
                    {"src", "python", "core"} & set(parts) or any(map(is_private, parts))
                ):
                    yield name


# Methods of Keras that a subclass must not override under their private names either.
OVERRIDDEN = {"_apply_weight_decay", "_should_use_adamw", "_get_variable_index"}


def test_private_names_are_used_in_one_module() -> None:
    own = own_names()
    assert not OVERRIDDEN & own
    found = {path: sorted(foreign_names(tree, own)) for path, tree in TREES.items()}
    assert found.pop(MODULE)
    assert {str(path.relative_to(ROOT)): names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "text",
    [
        "layer._inbound_nodes",
        "getattr(layer, '_call_has_training_arg', False)",
        "from tensorflow.python.ops import math_ops",
        "import keras.src.layers",
        "from keras._tf_keras import keras",
    ],
)
def test_others_are_found(text: str) -> None:
    assert list(foreign_names(ast.parse(text), set()))


def test_all_names_are_there() -> None:
    compat.check_private_names()


def test_a_name_that_is_missing_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(keras.layers.Layer, "_flatten_layers")
    compat.check_private_names.cache_clear()
    try:
        with pytest.raises(UnsupportedVersionError) as caught:
            compat.all_layers(keras.Sequential([]))
    finally:
        compat.check_private_names.cache_clear()
    version = metadata.version("keras")
    assert str(caught.value) == (
        f"keras {version} does not work with kerasnn: it has no 'Model._flatten_layers' – "
        "pip install 'keras<3.17,>=3.15.1'"
    )
    assert isinstance(caught.value, KerasnnError)
    assert isinstance(caught.value, ImportError)
    assert caught.value.exit_code == 2


def test_a_module_that_is_missing_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(compat._TENSORFLOW, "tensorflow.python.nowhere", ("anything",))
    compat.check_private_names.cache_clear()
    try:
        with pytest.raises(
            UnsupportedVersionError, match=r"it has no 'tensorflow\.python\.nowhere'"
        ):
            compat.source_operation(keras.Input((1,), name="x"))
    finally:
        compat.check_private_names.cache_clear()


def test_the_check_leaves_the_names_of_layers_as_they_are() -> None:
    keras.utils.clear_session()
    before = [keras.layers.Dense(1).name, keras.Input((1,)).name]
    keras.utils.clear_session()
    compat.check_private_names.__wrapped__()
    assert [keras.layers.Dense(1).name, keras.Input((1,)).name] == before
