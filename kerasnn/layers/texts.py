"""From the codes of a text's tokens to vectors: each on its own, or all n-grams in a bag.

An n-gram is a few tokens in a row. Its code is made here, by whole-number arithmetic on the codes
of its tokens, so that preprocessing only cuts texts into tokens and every format of export has the
operations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import keras
from keras import ops

from kerasnn.layers import choices
from kerasnn.layers.required_inputs import missing_input

if TYPE_CHECKING:
    from keras import KerasTensor

    from kerasnn.signature import Signature, Text

# Two primes of which the product, and that of each with its base and more than any vocabulary has,
# are below 2³¹: no step of a hash overflows.
PRIMES = (46337, 46327)
BASES = (40507, 31337)
# Most tokens of an n-gram where none is told.
NGRAMS = {"words": 2, "characters": 7}

Pooling = Literal["mean", "idf", "ratio"]


def embed(
    codes: KerasTensor, text: Text, *, width: int, name: str
) -> tuple[KerasTensor, KerasTensor]:
    """A learned vector for each token, and where there are tokens; zeros where there are none.

    Args:
        codes: Token codes, 0 after the end of a text.
        text: Description of the text column.
        width: Length of the vectors.
        name: Prefix of the layers' names.

    Shape:
        codes: (batch, length); returns (batch, length, width) and float32 (batch, length)

    Raises:
        ConfigError: The width is out of its range.
    """
    choices.check(width=width)
    vectors = _table(text.cardinality, width, name=f"{name}_embedding")(codes)
    mask = ops.cast(ops.greater(codes, 0), "float32")
    return vectors * ops.cast(ops.expand_dims(mask, -1), vectors.dtype), mask


def bag(
    codes: KerasTensor,
    text: Text,
    *,
    width: int,
    ngrams: int,
    buckets: int,
    pooling: Pooling = "mean",
    zeros: bool = False,
    name: str,
) -> KerasTensor:
    """The mean or the weighted sum of a learned vector for each n-gram of a text.

    The weights of ``idf`` and ``ratio`` are those of the layer ``…_idf`` or ``…_ratio``, divided by
    the root of their squares' sum over the text. That layer is not trained, starts at 1 everywhere,
    and is for `kerasnn.layers.weigh_ngrams` to fill. A text without tokens is a vector of zeros.

    Args:
        codes: Token codes, 0 after the end of a text.
        text: Description of the text column.
        width: Length of the vectors.
        ngrams: Most tokens of an n-gram; 0 for 2 words or 7 characters.
        buckets: Vectors that n-grams share.
        pooling: Pooling of the vectors.
        zeros: True to initialize the vectors with zeros, false for random numbers.
        name: Prefix of the layers' names.

    Shape:
        codes: (batch, length); returns (batch, width)

    Raises:
        ConfigError: A value is out of its range.

    Reference:
        Joulin et al., "Bag of tricks for efficient text classification", 2016, arXiv 1607.01759.
    """
    choices.check(width=width)
    grams = ngram_codes(codes, text, ngrams=ngrams, buckets=buckets)
    count = ngram_count(text, ngrams=ngrams, buckets=buckets)
    weights = ops.cast(ops.greater(grams, 0), "float32")
    trained_model = f"{name}_embedding" if pooling == "mean" else f"{name}_{pooling}_embedding"
    if pooling == "mean":
        total = ops.sum(weights, axis=1, keepdims=True)
    else:
        fixed = keras.layers.Embedding(
            count, 1, "ones", trainable=False, dtype="float32", name=f"{name}_{pooling}"
        )
        weights *= ops.squeeze(fixed(grams), -1)
        total = ops.sqrt(ops.sum(ops.square(weights), axis=1, keepdims=True))
    # Of an empty text, 0 / 1.
    weights /= ops.maximum(total, 1e-6)
    vectors = _table(count, width, zeros=zeros, name=trained_model)(grams)
    return ops.sum(vectors * ops.cast(ops.expand_dims(weights, -1), vectors.dtype), axis=1)


def check_texts(signature: Signature) -> None:
    """Hold a signature to have a text.

    Raises:
        ConfigError: It has none.
    """
    if not signature.texts:
        raise missing_input("text")


def token_counts(inputs: dict[str, KerasTensor], signature: Signature) -> KerasTensor:
    """The logarithm of 1 + the number of tokens of each text.

    Shape:
        returns (batch, texts)
    """
    codes = [ops.cast(ops.greater(inputs[name], 0), "float32") for name in signature.text_inputs]
    counts = [ops.log(ops.sum(each, axis=1, keepdims=True) + 1.0) for each in codes]
    return ops.concatenate(counts, axis=1) if len(counts) > 1 else counts[0]


def max_over_time(
    x: KerasTensor, mask: KerasTensor, *, width: int, size: int, name: str
) -> KerasTensor:
    """Max-over-time pooling: the highest value of each filter within the mask, after a ReLU.

    Args:
        x: Vectors in order, 0 where the mask is.
        mask: 1 where there are any, else 0.
        width: Filters.
        size: Places that a filter sees.
        name: Name of the convolution.

    Shape:
        x: (batch, time, any); mask: (batch, time); returns (batch, width)
    """
    layer = keras.layers.Conv1D(width, size, padding="same", activation="relu", name=name)
    found = layer(x)
    return ops.max(found * ops.cast(ops.expand_dims(mask, -1), found.dtype), axis=1)


def ngram_codes(codes: KerasTensor, text: Text, *, ngrams: int, buckets: int) -> KerasTensor:
    """Codes of all n-grams of 1 to a number of tokens; 0 where one would reach behind the end.

    A single token has its own code, if the vocabulary is not larger than the buckets. Longer
    n-grams, and tokens of larger vocabularies, have polynomial rolling hashes modulo two primes p
    and q, of which (a mod p) · q + (b mod q), modulo the buckets, is the code.

    Args:
        codes: Token codes, 0 after the end of a text.
        text: Description of the text column.
        ngrams: Most tokens of an n-gram; 0 for 2 words or 7 characters.
        buckets: Number of hash buckets.

    Shape:
        codes: (batch, length), int32; returns int32 (batch, length + (length - 1) + …), all single
        tokens first.

    Raises:
        ConfigError: A value is out of its range.

    Reference:
        Karp and Rabin, "Efficient randomized pattern-matching algorithms", 1987.
    """
    choices.check(ngrams=ngrams, buckets=buckets)
    first = _first_hashed(text, buckets)
    # Of the tokens of the n-gram that begins at each place, one modulo each prime.
    hashes = [ops.mod(codes, prime) for prime in PRIMES]
    parts = [codes if first > 1 else _bucket(hashes, codes, first, buckets)]
    for size in range(2, _longest(text, ngrams) + 1):
        last = codes[:, size - 1 :]
        hashes = [
            ops.mod(value[:, :-1] * base + last, prime)
            for value, base, prime in zip(hashes, BASES, PRIMES, strict=True)
        ]
        parts.append(_bucket(hashes, last, first, buckets))
    return ops.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]


def ngram_count(text: Text, *, ngrams: int, buckets: int) -> int:
    """How many codes `ngram_codes` has, 0 counted."""
    first = _first_hashed(text, buckets)
    return first if first > 1 and _longest(text, ngrams) == 1 else first + buckets


def _longest(text: Text, ngrams: int) -> int:
    """Tokens of the longest n-gram that a text can have."""
    return min(ngrams or NGRAMS[text.unit], text.length)


def _first_hashed(text: Text, buckets: int) -> int:
    """The code of the first bucket: behind those of the tokens, if these have their own."""
    return text.cardinality if text.cardinality <= buckets else 1


def _bucket(hashes: list[KerasTensor], last: KerasTensor, first: int, buckets: int) -> KerasTensor:
    """The codes of n-grams by their two hashes; 0 where the last token is behind the end."""
    left, right = hashes
    bucket = first + ops.mod(left * PRIMES[1] + right, buckets)
    return ops.where(ops.greater(last, 0), bucket, 0)


def _table(count: int, width: int, *, zeros: bool = False, name: str) -> keras.layers.Embedding:
    start = "zeros" if zeros else keras.initializers.RandomNormal(stddev=0.1)
    return keras.layers.Embedding(count, width, embeddings_initializer=start, name=name)
