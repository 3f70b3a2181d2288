"""Wide residual networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerasnn import layers
from kerasnn.errors import ConfigError
from kerasnn.layers import choices
from kerasnn.options import PreprocessingOptions, TrainingOptions

if TYPE_CHECKING:
    import keras
    from keras import KerasTensor

    from kerasnn.signature import Signature

# Decoupled decay is 1 / (1 - momentum) times the paper's 5e-4.
TRAINING_OPTIONS = TrainingOptions(
    epochs=60,
    batch_size=128,
    optimizer="nesterov",
    learning_rate=0.1,
    weight_decay=5e-3,
    schedule="cosine",
    clip_norm=0.0,
    patience=0,
)
PREPROCESSING = PreprocessingOptions()
# The rate of the paper is for classes; see `airbench`.
REGRESSION = {"training.learning_rate": 0.03, "training.clip_norm": 1.0}

FIRST_WIDTH = 16


def wide_resnet(
    signature: Signature, *, depth: int = 16, width: int = 2, dropout: float = 0.0
) -> keras.Model:
    """Wide residual network WRN-depth-width: norm → ReLU → conv twice a block, beside a shortcut.

    Three groups of (depth - 4) / 6 blocks have 16, 32 and 64 times ``width`` channels; the second
    and the third group halve the image.

    Args:
        signature: The inputs and the output.
        depth: Number of convolutions: 4 and a multiple of 6, such as 10, 16, 22, 28 or 40.
        width: Channels over those of the first residual networks.
        dropout: Share of values dropped between the convolutions of a block, in [0, 1).

    Shape:
        image: (batch, height, width, channels); returns raw scores, (batch, output.width)

    Raises:
        ConfigError: A value is out of its range, or the signature has no image.

    Reference:
        Zagoruyko and Komodakis, "Wide residual networks", 2016, arXiv 1605.07146. CIFAR-10: error
        4.00 % of WRN-28-10. Fashion-MNIST by its own table: WRN-28-10 .959, .963 with random
        erasing, WRN-40-4 .967.

    >>> from kerasnn.signature import Signature
    >>> wide_resnet(Signature.image(8, 8, 1, classes=2), depth=10, width=1).count_params()
    77457
    """
    choices.check(depth=depth, width=width, dropout=dropout)
    if depth < 10 or (depth - 4) % 6:
        raise ConfigError(
            f"`depth` must be 4 plus a multiple of 6; got {depth}", hint="take 10, 16, 22 or 28"
        )

    def backbone(x: KerasTensor, name: str) -> KerasTensor:
        stride = layers.stem_stride(x)
        size = max(3, 2 * stride - 1)
        x = layers.convolution(x, width=FIRST_WIDTH, size=size, stride=stride, name=f"{name}_stem")
        for i in range(3):
            for j in range((depth - 4) // 6):
                x = _block(
                    x,
                    width=FIRST_WIDTH * width * 2**i,
                    stride=layers.stage_stride(x) if i and not j else 1,
                    dropout=dropout,
                    name=f"{name}_group_{i + 1}_block_{j + 1}",
                )
        x = _active(x, name=f"{name}_last")
        return layers.global_pool(x, "mean", name=f"{name}_pool")

    inputs = layers.build_inputs(signature)
    x = layers.image_features(inputs, signature, backbone)
    return layers.network(inputs, layers.output_layer(x, signature), name="wide_resnet")


def _block(x: KerasTensor, *, width: int, stride: int, dropout: float, name: str) -> KerasTensor:
    """(batch, height, width, any) → (batch, ⌈height / stride⌉, ⌈width / stride⌉, width)."""
    active = _active(x, name=f"{name}_a")
    inner = layers.convolution(active, width=width, stride=stride, name=f"{name}_a_conv")
    inner = layers.drop(_active(inner, name=f"{name}_b"), dropout, name=f"{name}_dropout")
    inner = layers.convolution(inner, width=width, name=f"{name}_b_conv")
    if stride > 1 or x.shape[-1] != width:
        x = layers.convolution(active, width=width, size=1, stride=stride, name=f"{name}_shortcut")
    return layers.add([x, inner], name=name)


def _active(x: KerasTensor, *, name: str) -> KerasTensor:
    x = layers.normalize(x, "batch", name=f"{name}_norm")
    return layers.activate(x, "relu", name=f"{name}_activation")
