"""The one module that uses private names of Keras and TensorFlow, for what has no public name.

All of them are looked up on first use, so that a version that lacks one is named at once and not in
the middle of a training. Elsewhere in kerasnn such names are not used; a test sees to that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module, metadata
from typing import Any

from kerasnn.errors import UnsupportedVersionError

_TENSORFLOW = {
    "tensorflow.python.framework.config": ("disable_op_determinism", "is_op_determinism_enabled"),
    "tensorflow.python.framework.ops": ("gradient_registry",),
    "tensorflow.python.ops.gen_math_ops": ("add_n",),
    "tensorflow.python.ops.math_ops": ("pow",),
}


@cache
def check_private_names() -> None:
    """Look up every private name that kerasnn uses; nothing happens the second time.

    Raises:
        UnsupportedVersionError: The installed Keras or TensorFlow lacks one of the names.
    """
    import keras

    # With a name of its own, the input does not change the names of the layers built afterwards.
    tensor = keras.Input((1,), name="compat")
    operation = _found("keras", tensor, "_keras_history", "operation")
    _found("keras", operation, "_call_has_training_arg")
    (node,) = _found("keras", operation, "_inbound_nodes")
    for name in ("arguments", "input_tensors", "operation", "output_tensors"):
        _found("keras", node, name)
    _found("keras", keras.Model, "_flatten_layers")
    for name in ("_apply_weight_decay", "_get_variable_index", "_use_weight_decay"):
        _found("keras", keras.optimizers.Optimizer, name)
    _found("keras", keras.optimizers.Muon, "_should_use_adamw")
    for module, names in _TENSORFLOW.items():
        for name in names:
            _found("tensorflow", _module(module), name)
    _found(
        "tensorflow", _module("tensorflow.python.framework.ops"), "gradient_registry", "_registry"
    )


def source_node(tensor: Any) -> Any:
    """The node of the graph that makes a symbolic tensor."""
    check_private_names()
    operation, index, _ = tensor._keras_history
    return operation._inbound_nodes[index]


def source_operation(tensor: Any) -> Any:
    """The operation or layer that makes a symbolic tensor."""
    check_private_names()
    return tensor._keras_history.operation


def inbound_nodes(operation: Any) -> list[Any]:
    """The nodes of the graph in which an operation is called, one for each call."""
    check_private_names()
    nodes: list[Any] = operation._inbound_nodes
    return nodes


def takes_training(operation: Any) -> bool:
    """Whether an operation is a layer that is called with the argument ``training``."""
    check_private_names()
    return bool(getattr(operation, "_call_has_training_arg", False))


def all_layers(network: Any) -> Iterator[Any]:
    """A network and all layers in it, also those inside of other layers."""
    check_private_names()
    layers: Iterator[Any] = network._flatten_layers()
    return layers


class OptimizerHooks:
    """Public names for what a Keras optimizer lets a subclass use; to be named before the optimizer."""

    def variable_index(self, variable: Any) -> int:
        """Position of a variable among those that the optimizer was built for."""
        return int(self._get_variable_index(variable))  # type: ignore[attr-defined]

    def is_decayed(self, variable: Any) -> bool:
        """Whether weight decay acts on a variable."""
        return bool(self._use_weight_decay(variable))  # type: ignore[attr-defined]

    def decay_weights(self, variables: Sequence[Any]) -> None:
        """Apply weight decay before a step; as Keras does, unless a subclass does otherwise."""
        super()._apply_weight_decay(variables)  # type: ignore[misc]

    def _apply_weight_decay(self, variables: Sequence[Any]) -> None:
        self.decay_weights(variables)


class MuonHooks:
    """A public name for the choice of Keras' Muon; to be named before it."""

    def uses_adamw(self, variable: Any) -> bool:
        """Whether AdamW moves a variable in place of Muon; as Keras chooses, unless overridden."""
        return bool(super()._should_use_adamw(variable))  # type: ignore[misc]

    def _should_use_adamw(self, variable: Any) -> bool:
        return self.uses_adamw(variable)


def is_op_determinism_enabled() -> bool:
    """Whether TensorFlow computes deterministically in this process."""
    check_private_names()
    return bool(_module("tensorflow.python.framework.config").is_op_determinism_enabled())


def disable_op_determinism() -> None:
    """Undo `tf.config.experimental.enable_op_determinism`, which has no public counterpart."""
    check_private_names()
    _module("tensorflow.python.framework.config").disable_op_determinism()


def math_modules() -> tuple[Any, Any]:
    """The modules whose ``add_n`` and ``pow`` eager tapes, loops and functions all call."""
    check_private_names()
    return _module("tensorflow.python.ops.gen_math_ops"), _module("tensorflow.python.ops.math_ops")


def custom_gradients() -> dict[str, Any]:
    """TensorFlow's own table of the custom gradients that were traced, by name; may be changed."""
    check_private_names()
    table: dict[str, Any] = _module("tensorflow.python.framework.ops").gradient_registry._registry
    return table


def _module(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise _unsupported("tensorflow", name) from None


def _found(package: str, owner: Any, *names: str) -> Any:
    """The attribute of an attribute … of an object."""
    for name in names:
        if not hasattr(owner, name):
            of = getattr(owner, "__name__", type(owner).__name__)
            raise _unsupported(package, f"{of}.{name}")
        owner = getattr(owner, name)
    return owner


def _unsupported(package: str, name: str) -> UnsupportedVersionError:
    requirement = next(
        text.partition(";")[0].strip()
        for text in metadata.requires("kerasnn") or [package]
        if text.startswith(package)
    )
    return UnsupportedVersionError(package, metadata.version(package), name, requirement)
