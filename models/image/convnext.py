"""ConvNeXt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerasnn import layers
from kerasnn.layers import choices
from kerasnn.options import PreprocessingOptions, TrainingOptions

if TYPE_CHECKING:
    import keras
    from keras import KerasTensor

    from kerasnn.signature import Signature

TRAINING_OPTIONS = TrainingOptions(
    epochs=60,
    batch_size=128,
    learning_rate=2e-3,
    weight_decay=0.05,
    warmup=0.1,
    label_smoothing=0.1,
    patience=0,
)
PREPROCESSING = PreprocessingOptions()

STAGES = 3


def convnext(
    signature: Signature,
    *,
    width: int = 48,
    depth: int = 2,
    expansion: float = 4.0,
    patch: int = 0,
    drop_path: float = 0.1,
) -> keras.Model:
    """ConvNeXt: blocks x + γ ∘ W₂ GELU(W₁ norm(7 × 7 depthwise conv(x))), in three stages.

    The image is first cut into patches, one vector each; the second and the third stage halve it
    and double the channels. γ starts at 0.1.

    Args:
        signature: The inputs and the output.
        width: Channels of the first stage.
        depth: Blocks of each stage.
        expansion: Hidden channels of a block over those that come in.
        patch: Side of the patches in pixels; 0 takes 1, 2 or 4 by the size of the image.
        drop_path: Share of rows that skip the last block in training, in [0, 1); less in the
            blocks before.

    Shape:
        image: (batch, height, width, channels); returns raw scores, (batch, output.width)

    Raises:
        ConfigError: A value is out of its range, or the signature has no image.

    Reference:
        Liu et al., "A ConvNet for the 2020s", 2022, arXiv 2201.03545. ImageNet top-1 82.1 % of
        the tiny one, of four stages and 29 million parameters.

    >>> from kerasnn.signature import Signature
    >>> convnext(Signature.image(32, 32, classes=10), width=4).get_layer("features").output.shape
    (None, 16)
    """
    choices.check(width=width, depth=depth, expansion=expansion, patch=patch, drop_path=drop_path)
    shares = [drop_path * i / max(1, STAGES * depth - 1) for i in range(STAGES * depth)]

    def backbone(x: KerasTensor, name: str) -> KerasTensor:
        side = patch or layers.power_of_two(x, 1 / 12, largest=4)
        x = layers.convolution(
            x, width=width, size=side, stride=side, use_bias=True, name=f"{name}_stem"
        )
        x = layers.normalize(x, "layer", name=f"{name}_stem_norm")
        for i, share in enumerate(shares):
            stage, block = divmod(i, depth)
            if stage and not block:
                x = _halve(x, width=width * 2**stage, name=f"{name}_stage_{stage + 1}")
            x = _block(
                x,
                expansion=expansion,
                drop_path=share,
                name=f"{name}_stage_{stage + 1}_block_{block + 1}",
            )
        x = layers.global_pool(x, "mean", name=f"{name}_pool")
        return layers.normalize(x, "layer", name=f"{name}_norm")

    inputs = layers.build_inputs(signature)
    x = layers.image_features(inputs, signature, backbone)
    return layers.network(inputs, layers.output_layer(x, signature), name="convnext")


def _halve(x: KerasTensor, *, width: int, name: str) -> KerasTensor:
    """(batch, height, width, any) → (batch, ⌈height / 2⌉, ⌈width / 2⌉, width)."""
    stride = layers.stage_stride(x)
    x = layers.normalize(x, "layer", name=f"{name}_norm")
    return layers.convolution(
        x, width=width, size=stride, stride=stride, use_bias=True, name=f"{name}_conv"
    )


def _block(x: KerasTensor, *, expansion: float, drop_path: float, name: str) -> KerasTensor:
    inner = layers.depthwise(x, size=7, name=f"{name}_depthwise")
    inner = layers.normalize(inner, "layer", name=f"{name}_norm")
    inner = layers.feed_forward(inner, expansion=expansion, name=f"{name}_dense")
    inner = layers.layer_scale(inner, 0.1, name=f"{name}_scale")
    inner = layers.drop_path(inner, drop_path, name=f"{name}_drop_path")
    return layers.add([x, inner], name=name)
