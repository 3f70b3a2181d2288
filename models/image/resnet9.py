"""ResNet-9."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerasnn import layers
from kerasnn.layers import choices
from kerasnn.options import PreprocessingOptions, TrainingOptions

if TYPE_CHECKING:
    import keras
    from keras import KerasTensor

    from kerasnn.signature import Signature

# The paper's 0.4 at batches of 512. Decoupled decay is 1 / (1 - momentum) times its 5e-4.
TRAINING_OPTIONS = TrainingOptions(
    epochs=24,
    batch_size=128,
    optimizer="nesterov",
    learning_rate=0.1,
    weight_decay=5e-3,
    schedule="one_cycle",
    clip_norm=0.0,
    patience=0,
)
PREPROCESSING = PreprocessingOptions()
# The rate of the paper is for classes; see `airbench`.
REGRESSION = {"training.learning_rate": 0.03, "training.clip_norm": 1.0}

LOGIT_SCALE = 0.125


def resnet9(signature: Signature, *, width: int = 64) -> keras.Model:
    """ResNet-9: four convolutions, the channels doubled by each, and two residual blocks.

    The second to fourth convolution are followed by a max-pooling, the second and the fourth by a
    residual block x + σ(norm(W₂ σ(norm(W₁ x)))). The maximum over the image goes to a linear layer
    without bias, times 0.125.

    Args:
        signature: The inputs and the output.
        width: Channels of the first convolution.

    Shape:
        image: (batch, height, width, channels); returns raw scores, (batch, output.width)

    Raises:
        ConfigError: A value is out of its range, or the signature has no image.

    Reference:
        Page, "How to train your ResNet", 2018 (cifar10-fast). CIFAR-10 94.08 % after 24 epochs,
        79 s on a V100.

    >>> from kerasnn.signature import Signature
    >>> resnet9(Signature.image(32, 32, classes=10), width=4).get_layer("features").output.shape
    (None, 32)
    """
    choices.check(width=width)

    def backbone(x: KerasTensor, name: str) -> KerasTensor:
        stride = layers.stem_stride(x)
        size = max(3, 2 * stride - 1)
        x = layers.conv_block(x, width=width, size=size, stride=stride, name=f"{name}_stem")
        for i, residual in enumerate((True, False, True), start=1):
            x = layers.conv_block(x, width=width * 2**i, name=f"{name}_block_{i}")
            x = layers.halve(x, name=f"{name}_block_{i}_pool")
            if residual:
                x = _residual(x, name=f"{name}_block_{i}_residual")
        return layers.global_pool(x, "max", name=f"{name}_pool")

    inputs = layers.build_inputs(signature)
    x = layers.image_features(inputs, signature, backbone)
    scores = layers.scaled_output(x, signature, scale=LOGIT_SCALE)
    return layers.network(inputs, scores, name="resnet9")


def _residual(x: KerasTensor, *, name: str) -> KerasTensor:
    inner = x
    for part in "ab":
        inner = layers.conv_block(inner, width=x.shape[-1], name=f"{name}_{part}")
    return layers.add([x, inner], name=name)
