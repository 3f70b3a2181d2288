"""The fast network for small images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kerasnn import layers
from kerasnn.layers import choices
from kerasnn.options import PreprocessingOptions, TrainingOptions

if TYPE_CHECKING:
    import keras
    from keras import KerasTensor

    from kerasnn.signature import Signature

TRAINING_OPTIONS = TrainingOptions(
    epochs=0,
    batch_size=256,
    optimizer="nesterov",
    learning_rate=0.5,
    momentum=0.85,
    weight_decay=0.01,
    schedule="one_cycle",
    label_smoothing=0.2,
    clip_norm=0.0,
    patience=0,
)
PREPROCESSING = PreprocessingOptions()
# The rate of the paper is for classes: without clipping, a number diverges. On images of discs with
# their radius as the target, 0.5, 0.1, 0.03 and 0.01 have a validation RMSE of 1.38, 0.75, 0.97 and
# 1.74, where the targets deviate by 2.9.
REGRESSION = {"training.learning_rate": 0.1, "training.clip_norm": 1.0}

# Makes up for the norms' missing scale, and for the small logits.
BIAS_RATE = 64.0
LOGIT_SCALE = 1 / 9


def airbench(
    signature: Signature,
    *,
    width: int = 32,
    width_2: int = 64,
    width_3: int = 128,
    depth: int = 2,
) -> keras.Model:
    """The network of airbench: whitened patches, then three groups of convolutions, in few epochs.

    The first convolution is not trained: it makes the training images' 2 × 2 patches uncorrelated
    (see `initialize`). A group is conv → max-pool → norm → GELU, then conv → norm → GELU; its
    convolutions start by repeating their input, its norms have a shift but no scale. Large images
    are whitened in steps of 2 or 4 pixels, small ones are halved less often.

    Args:
        signature: The inputs and the output.
        width: Channels of the first group; the paper has 64, 256 and 256 for 94 % on CIFAR-10,
            and 128, 384 and 512 for 96 %.
        width_2: Channels of the second group.
        width_3: Channels of the third group.
        depth: Convolutions of a group; from 3 on, all but the first have a shortcut around them,
            as in the network for 96 %.

    Shape:
        image: (batch, height, width, channels); returns raw scores, (batch, output.width)

    Raises:
        ConfigError: A value is out of its range, or the signature has no image.

    Reference:
        Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", 2024, arXiv 2404.00498.
        CIFAR-10 on an A100: 94.01 % in 3.8 s, 95.01 % in 10.4 s, 96.03 % in 34.7 s.

    >>> from kerasnn.signature import Signature
    >>> airbench(Signature.image(32, 32, classes=10)).get_layer("image_whitening").filters
    24
    """
    widths = {"width": width, "width_2": width_2, "width_3": width_3}
    choices.check(**widths, depth=depth)

    def backbone(x: KerasTensor, name: str) -> KerasTensor:
        stride = layers.stem_stride(x)
        x = layers.whitening_layer(x, size=max(2, stride), stride=stride, name=f"{name}_whitening")
        x = layers.activate(x, "gelu", name=f"{name}_whitening_activation")
        for i, channels in enumerate(widths.values()):
            x = _group(x, width=channels, depth=depth, name=f"{name}_group_{i + 1}")
        return layers.global_pool(x, "max", name=f"{name}_pool")

    inputs = layers.build_inputs(signature)
    x = layers.image_features(inputs, signature, backbone)
    scores = layers.scaled_output(x, signature, scale=LOGIT_SCALE)
    return layers.network(inputs, scores, name="airbench")


def initialize(network: keras.Model, inputs: Mapping[str, Any], target: Any, seed: int) -> None:
    """Whiten the patches of the training images; once, before training.

    Args:
        network: Network from `airbench`.
        inputs: Training inputs by name.
        target: Theirs, which does not matter here.
        seed: Seed of the sample of images.
    """
    layers.whiten(network, inputs, seed=seed)


def _group(x: KerasTensor, *, width: int, depth: int, name: str) -> KerasTensor:
    """(batch, height, width, any) → (batch, height // 2, width // 2, width)."""
    x = layers.dirac_convolution(x, width=width, name=f"{name}_conv_1")
    x = _norm(layers.halve(x, name=f"{name}_pool"), name=f"{name}_norm_1")
    x = first = layers.activate(x, "gelu", name=f"{name}_activation_1")
    for i in range(2, depth + 1):
        x = layers.dirac_convolution(x, width=width, name=f"{name}_conv_{i}")
        x = _norm(x, name=f"{name}_norm_{i}")
        if i == depth >= 3:
            x = layers.add([first, x], name=f"{name}_sum")
        x = layers.activate(x, "gelu", name=f"{name}_activation_{i}")
    return x


def _norm(x: KerasTensor, *, name: str) -> KerasTensor:
    return layers.shift_norm(x, momentum=0.6, bias_rate=BIAS_RATE, name=name)
