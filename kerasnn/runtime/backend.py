"""The one import of Keras: on TensorFlow, and without messages of native code on stderr."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from kerasnn.errors import ConfigError

_VARIABLE = "KERAS_BACKEND"
BACKEND = "tensorflow"
# Where Linux shows the devices that TensorFlow can compute on: of NVIDIA, of AMD, and of Windows'
# subsystem for Linux.
_DEVICES = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/kfd", "/dev/dxg")
_quiet = [True]


def check_backend() -> None:
    """Raise if Keras is told to compute with anything but TensorFlow, before it is imported.

    Raises:
        ConfigError: The environment names another backend.
    """
    wanted = os.environ.get(_VARIABLE, BACKEND)
    if wanted and wanted != BACKEND:
        hint = f"unset {_VARIABLE}, or set it to {BACKEND}"
        raise ConfigError(
            f"kerasnn needs Keras on TensorFlow; {_VARIABLE} is '{wanted}'", hint=hint
        )


def show_native_messages() -> None:
    """Let what native code writes while Keras is imported reach stderr: it has no other switch.

    TensorFlow logs before any of its settings are read.
    """
    _quiet[:] = [False]


def start_keras() -> bool:
    """Import Keras and find the devices; nothing happens the second time.

    Returns:
        Whether it was imported only now.

    Raises:
        ConfigError: Keras computes with anything but TensorFlow.
    """
    check_backend()
    is_new = "keras" not in sys.modules
    if is_new:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        with _without_stderr() if _quiet[0] else contextlib.nullcontext():
            import keras
            import tensorflow as tf

            tf.config.list_physical_devices()
    import keras

    found = keras.backend.backend()
    if found != BACKEND:
        hint = f"set {_VARIABLE} to {BACKEND} before Keras is imported"
        raise ConfigError(f"kerasnn needs Keras on TensorFlow; it runs on '{found}'", hint=hint)
    return is_new


def import_tensorflow() -> Any:
    """TensorFlow, imported as `start_keras` does it where that has not happened yet.

    Raises:
        ConfigError: Keras computes with anything but TensorFlow.
    """
    start_keras()
    return import_module("tensorflow")


def has_gpu() -> bool:
    """Whether TensorFlow has a GPU; it is imported only where the system shows one."""
    if "tensorflow" not in sys.modules:
        if sys.platform == "linux" and not any(map(os.path.exists, _DEVICES)):
            return False
        start_keras()
    return bool(import_module("tensorflow").config.list_physical_devices("GPU"))


@contextlib.contextmanager
def _without_stderr() -> Iterator[None]:
    """Let what is written to file descriptor 2 vanish."""
    try:
        sys.stderr.flush()
        kept = os.dup(2)
    except (AttributeError, OSError, ValueError):  # There is none.
        yield
        return
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(sink)
