"""A linear model of a text's n-grams."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from kerasnn import layers
from kerasnn.layers import choices
from kerasnn.layers.choices import Weighting
from kerasnn.options import PreprocessingOptions, TrainingOptions

if TYPE_CHECKING:
    import keras

    from kerasnn.layers.texts import Pooling
    from kerasnn.signature import Signature

# A constant rate, so that the second training goes as the first one did.
TRAINING_OPTIONS = TrainingOptions(
    epochs=30,
    learning_rate=1e-2,
    schedule="constant",
    weight_decay=0.0,
    clip_norm=0.0,
    average=0.99,
    patience=4,
)
REFIT = True
# A bag has no weights for places, so only time and memory bound the length of a text.
PREPROCESSING = PreprocessingOptions(text_limit=8_192)


def bag_of_ngrams(
    signature: Signature,
    *,
    weighting: Weighting = "both",
    ngrams: int = 0,
    buckets: int = 262_144,
    head_width: int = 0,
    dropout: float = 0.2,
) -> keras.Model:
    """A linear model of weighted n-grams of words or characters, beside all other columns.

    How much an n-gram counts is known before training: by how differently classes use it (see
    `initialize`), and by how few texts have it (TF-IDF). Each text's weights are scaled to a vector
    of length 1. What is learned is one number an n-gram, weighting and output. The number of
    tokens, and what the other columns say, is added by a linear layer.

    Args:
        signature: The inputs and the output.
        weighting: ``ratio`` for log-count ratios of the classes, ``idf`` for inverse frequencies,
            or the sum of a model of each.
        ngrams: Most tokens of an n-gram; 0 for 2 words or 7 characters.
        buckets: Weights that n-grams share by their hash; words have their own.
        head_width: Units of a perceptron over learned vectors of the n-grams, whose scores are
            added; 0 for none.
        dropout: Share of the perceptron's units, and of what is beside the texts, dropped.

    Shape:
        text: (batch, length); returns raw scores, (batch, output.width)

    Raises:
        ConfigError: A value is out of its range, or the signature has no text.

    Reference:
        Wang and Manning, "Baselines and bigrams: simple, good sentiment and topic classification",
        2012. With support vectors: short movie reviews 79.4 %, IMDB 91.2 %.

    >>> from kerasnn.signature import Signature
    >>> bag_of_ngrams(Signature.text(20, 100, classes=2), buckets=1000).count_params()
    4402
    """
    choices.check(ngrams=ngrams, buckets=buckets, head_width=head_width, dropout=dropout)
    choices.check(weighting=weighting)
    inputs = layers.build_inputs(signature)
    bag = partial(layers.bag, ngrams=ngrams, buckets=buckets)
    width = signature.output.width
    layers.check_texts(signature)
    texts = signature.text_inputs.items()
    poolings: tuple[Pooling, ...] = ("ratio", "idf") if weighting == "both" else (weighting,)
    scores = [
        bag(inputs[name], text, width=width, pooling=each, zeros=True, name=name)
        for name, text in texts
        for each in poolings
    ]
    beside = [layers.token_counts(inputs, signature)]
    beside += layers.auxiliary_features(inputs, signature, done={"text"})
    if head_width:
        vectors = [
            bag(inputs[name], text, width=head_width, name=f"{name}_deep") for name, text in texts
        ]
        x = layers.drop(
            layers.concatenate_features(vectors, name="vectors"), dropout, name="drop_vectors"
        )
        beside.append(layers.dense_block(x, width=head_width, activation="relu", name="head"))
    x = layers.drop(
        layers.concatenate_features(beside, name="features"), dropout, name="drop_features"
    )
    scores.append(layers.output_layer(x, signature))
    return layers.network(inputs, layers.add(scores, name="scores"), name="bag_of_ngrams")


def initialize(network: keras.Model, inputs: Mapping[str, Any], target: Any, seed: int) -> None:
    """Weigh the n-grams by the training texts; once, before training.

    Args:
        network: Network from `bag_of_ngrams`.
        inputs: Training inputs by name.
        target: Target as the loss of the network takes it.
        seed: Seed of the sample of texts, used when there are very many.
    """
    layers.weigh_ngrams(network, inputs, target, seed=seed)
