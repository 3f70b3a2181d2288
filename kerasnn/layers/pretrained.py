"""Files of trained weights, as ``keras.applications`` offers them, for encoders of one's own."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING

import h5py
import keras

from kerasnn.errors import ConfigError
from kerasnn.layers import choices
from kerasnn.layers.backbones import application
from kerasnn.layers.weights_files import check_weights_file

if TYPE_CHECKING:
    from kerasnn.layers.choices import Backbone


def load_pretrained(
    network: keras.Model, path: str | os.PathLike[str], *, backbone: Backbone
) -> None:
    """Give each image's encoder the weights that ``keras.applications`` offers for it.

    Args:
        network: Network with encoders made by `backbone_features`.
        path: The file of weights, with or without the top (its classes of ImageNet), such as
            ``mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5``.
        backbone: Name of the architecture in ``keras.applications``.

    Raises:
        ConfigError: The file is not of this architecture, or can't be read.
    """
    choices.check(backbone=backbone)
    check_weights_file(path)
    source = _read(path, backbone)
    targets = {layer.name: layer for layer in network.layers}
    for name in (tensor.name for tensor in network.inputs):
        for layer in source.layers:
            if layer.weights and (target := targets.get(f"{name}_{layer.name}")):
                target.set_weights(layer.get_weights())


def _read(path: str | os.PathLike[str], backbone: Backbone) -> keras.Model:
    """The architecture with the weights of the file."""
    for with_top in (False, True):
        source = application(backbone, input_shape=(224, 224, 3), include_top=with_top)
        try:
            with warnings.catch_warnings():
                # Keras warns of what it does not look for, such as a top that is not wanted.
                warnings.simplefilter("ignore")
                source.load_weights(path)
        except (OSError, ValueError, KeyError, TypeError, RuntimeError):
            continue
        return source
    raise ConfigError(
        f"`pretrained` holds no weights of {backbone}: {_difference(path, backbone)}",
        location=os.fspath(path),
        hint="choose the `backbone` whose weights they are, or another file",
    )


def _difference(path: str | os.PathLike[str], backbone: Backbone) -> str:
    sizes: list[int] = []

    def count(_: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            sizes.append(item.size or 0)

    with h5py.File(path, "r") as file:
        file.visititems(count)
    source = application(backbone, input_shape=(224, 224, 3), include_top=False)
    wanted = [weight.size for weight in source.get_weights()]
    return (
        f"the file has {sum(sizes):,} numbers in {len(sizes)} arrays, "
        f"the architecture without its top {sum(wanted):,} in {len(wanted)}"
    )
