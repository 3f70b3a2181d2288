"""The vision transformer."""

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
    epochs=100,
    batch_size=128,
    learning_rate=1e-3,
    weight_decay=0.05,
    warmup=0.1,
    label_smoothing=0.1,
    patience=0,
)
PREPROCESSING = PreprocessingOptions()


def vit(
    signature: Signature,
    *,
    width: int = 96,
    depth: int = 6,
    heads: int = 3,
    expansion: float = 4.0,
    patch: int = 0,
    dropout: float = 0.0,
    drop_path: float = 0.1,
) -> keras.Model:
    """Vision transformer: the image as a row of patches, among which attention moves information.

    Each patch becomes a vector, to which a learned vector of its position is added. A block is
    x + attention(norm(x)), then x + W₂ GELU(W₁ norm(x)). The mean over the patches goes to the
    output, in place of the paper's class token. It needs more data, or longer training with strong
    augmentation, than convolutions do.

    Args:
        signature: The inputs and the output.
        width: Width of the vector of a patch.
        depth: Number of blocks.
        heads: Attentions side by side in a block, of width / heads values each.
        expansion: Hidden width of a block over ``width``.
        patch: Side of the patches in pixels; 0 takes a power of two, up to 16, by the size of the
            image: about 64 patches of a small one.
        dropout: Share of hidden units and of attention dropped in training, in [0, 1).
        drop_path: Share of rows that skip the last block in training, in [0, 1); less in the
            blocks before.

    Shape:
        image: (batch, height, width, channels); returns raw scores, (batch, output.width)

    Raises:
        ConfigError: A value is out of its range, or the signature has no image.

    Reference:
        Dosovitskiy et al., "An image is worth 16x16 words", 2020, arXiv 2010.11929; the mean over
        patches as in Beyer et al., "Better plain ViT baselines for ImageNet-1k", 2022,
        arXiv 2205.01580: ImageNet top-1 76.5 % of ViT-S/16 after 90 epochs.

    >>> from kerasnn.signature import Signature
    >>> vit(Signature.image(32, 32, classes=10)).get_layer("image_positions").output.shape
    (None, 64, 96)
    """
    choices.check(
        width=width,
        depth=depth,
        heads=heads,
        expansion=expansion,
        patch=patch,
        dropout=dropout,
        drop_path=drop_path,
    )

    def backbone(x: KerasTensor, name: str) -> KerasTensor:
        side = patch or layers.power_of_two(x, 1 / 8, largest=16, nearest=True)
        x = layers.patches(x, side=side, name=f"{name}_patches")
        x = layers.positions(x, width=width, name=f"{name}_positions")
        for i in range(depth):
            x = layers.transformer_block(
                x,
                heads=heads,
                expansion=expansion,
                dropout=dropout,
                drop_path=drop_path * i / max(1, depth - 1),
                name=f"{name}_block_{i + 1}",
            )
        x = layers.normalize(x, "layer", name=f"{name}_norm")
        return layers.mean_vector(x, name=f"{name}_pool")

    inputs = layers.build_inputs(signature)
    x = layers.image_features(inputs, signature, backbone)
    return layers.network(inputs, layers.output_layer(x, signature), name="vit")
