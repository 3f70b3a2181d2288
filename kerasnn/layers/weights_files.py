"""What can be known of a file of trained weights without Keras."""

from __future__ import annotations

import os

import h5py

from kerasnn.errors import ConfigError

# Where no file of the web's is at hand: on a machine with internet.
FIX = (
    "save one with keras.applications.MobileNetV2(include_top=False, weights='imagenet')"
    ".save_weights('mobilenet_v2.weights.h5')"
)


def check_weights_file(path: str | os.PathLike[str]) -> None:
    """Look whether a file is one of weights, without reading them.

    Two layouts are known: that of ``save_weights``, whose names end in ``.weights.h5``, and the
    older one of the files on the web. Neither can hold code.

    Raises:
        ConfigError: There is no such file, or it is of another kind.
    """
    location = os.fspath(path)
    if not os.path.isfile(path):
        what = "a folder" if os.path.isdir(path) else "no such file"
        raise ConfigError(f"`pretrained`: {what}", location=location, hint=FIX)
    try:
        with h5py.File(path, "r") as file:
            old = "layer_names" in file.attrs or "model_weights" in file
            known = old or "layers" in file
    except OSError:
        known = old = False
    if not known:
        raise ConfigError("`pretrained` is no file of Keras weights", location=location, hint=FIX)
    # Keras tells them apart by their names alone.
    ends = location.endswith(".h5") and location.endswith(".weights.h5") is not old
    if not ends:
        ending = "'.h5', but not in '.weights.h5'" if old else "'.weights.h5'"
        hint = f"give it a name that ends in {ending}"
        raise ConfigError("`pretrained` has a name of another layout", location=location, hint=hint)
