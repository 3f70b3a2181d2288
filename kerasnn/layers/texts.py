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

if TYPE_CHECKING:
    from keras import KerasTensor

    from kerasnn.signature import Text

# Two primes whose squares and whose product are below 2³¹, so that no step of a hash overflows.
PRIMES = (46337, 46327)
BASES = (40507, 31337)

Pooling = Literal["mean", "idf"]


def embed(
    codes: KerasTensor, text: Text, *, width: int, name: str
) -> tuple[KerasTensor, KerasTensor]:
    """A learned vector for each token, and where there are tokens; zeros where there are none.

    Args:
        codes: Of tokens, 0 behind the end.
        text: What they stand for.
        width: Of the vectors.
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

    The weights of ``idf`` are those of the layer ``…_idf``, which is not trained and starts at 1
    everywhere, divided by the root of their squares' sum over the text. A text without tokens is a
    vector of zeros.

    Args:
        codes: Of tokens, 0 behind the end.
        text: What they stand for.
        width: Of the vectors.
        ngrams: Most tokens of an n-gram.
        buckets: Vectors that n-grams share.
        pooling: How vectors become one.
        zeros: Whether the vectors start as zeros, and not at random.
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
    if pooling == "idf":
        idf = keras.layers.Embedding(
            count, 1, "ones", trainable=False, dtype="float32", name=f"{name}_idf"
        )
        weights *= ops.squeeze(idf(grams), -1)
        total = ops.sqrt(ops.sum(ops.square(weights), axis=1, keepdims=True))
    else:
        total = ops.sum(weights, axis=1, keepdims=True)
    # Of an empty text, 0 / 1.
    weights /= ops.maximum(total, 1e-6)
    vectors = _table(count, width, zeros=zeros, name=f"{name}_embedding")(grams)
    return ops.sum(vectors * ops.cast(ops.expand_dims(weights, -1), vectors.dtype), axis=1)


def ngram_codes(codes: KerasTensor, text: Text, *, ngrams: int, buckets: int) -> KerasTensor:
    """Codes of all n-grams of 1 to a number of tokens; 0 where one would reach behind the end.

    A single token has its own code, if the vocabulary is not larger than the buckets. Longer
    n-grams, and tokens of larger vocabularies, have polynomial rolling hashes modulo two primes p
    and q, of which (a mod p) · q + (b mod q), modulo the buckets, is the code.

    Args:
        codes: Of tokens, 0 behind the end.
        text: What they stand for.
        ngrams: Most tokens of an n-gram; no more than the text has matter.
        buckets: Of the hashes.

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
    parts = []
    for size in range(1, min(ngrams, text.length) + 1):
        windows = [codes[:, i : text.length - size + 1 + i] for i in range(size)]
        if size == 1 and first > 1:
            parts.append(codes)
            continue
        left, right = (_rolled(windows, p, base) for p, base in zip(PRIMES, BASES, strict=True))
        hashed = first + ops.mod(left * PRIMES[1] + right, buckets)
        parts.append(ops.where(ops.greater(windows[-1], 0), hashed, 0))
    return ops.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]


def ngram_count(text: Text, *, ngrams: int, buckets: int) -> int:
    """How many codes `ngram_codes` has, 0 counted."""
    first = _first_hashed(text, buckets)
    return first if first > 1 and min(ngrams, text.length) == 1 else first + buckets


def _first_hashed(text: Text, buckets: int) -> int:
    """The code of the first bucket: behind those of the tokens, if these have their own."""
    return text.cardinality if text.cardinality <= buckets else 1


def _rolled(windows: list[KerasTensor], prime: int, base: int) -> KerasTensor:
    """The hash (…(c₁ · base + c₂) · base + …) modulo a prime."""
    value = ops.mod(windows[0], prime)
    for codes in windows[1:]:
        value = ops.mod(ops.mod(value * base, prime) + ops.mod(codes, prime), prime)
    return value


def _table(count: int, width: int, *, zeros: bool = False, name: str) -> keras.layers.Embedding:
    start = "zeros" if zeros else keras.initializers.RandomNormal(stddev=0.1)
    return keras.layers.Embedding(count, width, embeddings_initializer=start, name=name)
