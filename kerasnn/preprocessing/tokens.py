"""Texts cut into tokens, by operations of TensorFlow: the same in training and in a SavedModel.

`kerasnn.export.plain_tokens` does the same in plain Python, for runtimes without strings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kerasnn.data.columns.scripts import SPACELESS
from kerasnn.data.columns.values import LONGEST_TEXT
from kerasnn.runtime.backend import import_tensorflow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kerasnn.signature import Unit

Texts = Sequence[str] | NDArray[Any]

# Soft hyphen, joiners and byte-order mark: within a word, and not seen.
UNSEEN = (0x00AD, 0x200C, 0x200D, 0x2060, 0xFEFF)
APOSTROPHES = "'’"
# Characters that are tokenised at once.
BATCH_CHARACTERS = 4_000_000
BATCH_ROWS = 8_192

# SipHash-2-4 with this key tells unknown tokens apart.
HASH_KEY = (0, 0)

# ICU reads these as Turkish or Lithuanian does, where the machine is set to one of them.
_LOCAL = "IİJĮÌÍĨ"
_SEEN = r"\p{L}\p{M}\p{N}\p{P}\p{S}"
_WORD = r"[\p{L}\p{N}][\p{L}\p{M}\p{N}]*"


def _class(ranges: Sequence[tuple[int, int]]) -> str:
    return "[" + "".join(rf"\x{{{low:X}}}-\x{{{high:X}}}" for low, high in ranges) + "]"


_IN_SPACELESS = rf"{_class(SPACELESS)}\p{{M}}*"
_WORD_OR_SIGN = rf"{_WORD}(?:[{APOSTROPHES}]{_WORD})*|[\p{{P}}\p{{S}}]\p{{M}}*"
_IS_UNSEEN = _class([(code, code) for code in UNSEEN])


def batches(texts: Texts) -> Iterator[slice]:
    """Rows that are few and short enough for one call."""
    start = n_characters = 0
    for row, text in enumerate(texts):
        n_characters += len(text)
        if n_characters >= BATCH_CHARACTERS or row + 1 - start >= BATCH_ROWS:
            yield slice(start, row + 1)
            start, n_characters = row + 1, 0
    if start < len(texts):
        yield slice(start, len(texts))


def tensor(texts: Texts) -> Any:
    """Python's texts as a tensor of strings; half of a surrogate pair is no character."""
    tf = import_tensorflow()

    with tf.device("CPU:0"):
        return tf.constant([text.encode("utf-8", "replace") for text in texts], tf.string)


def cut(texts: Any, unit: Unit, *, lower_case: bool) -> Any:
    """Tokens of texts.

    Words are runs of letters, digits and the marks on them, with apostrophes inside; each sign,
    and each character of a script without spaces, is a token of its own. Characters are code
    points, and what lies between others, however wide, is one space.

    Args:
        texts: (n,), strings in UTF-8.
        unit: ``"words"`` or ``"characters"``.
        lower_case: True to convert texts to lower case.

    Shape:
        returns a ragged tensor (n, any): strings, or the int32 code points of characters.
    """
    tf = import_tensorflow()

    replace = tf.strings.regex_replace
    texts = replace(texts, _IS_UNSEEN, "")
    if unit == "characters":
        texts = tf.strings.strip(replace(texts, f"[^{_SEEN}]+", " "))
    else:
        texts = replace(texts, rf"[^{_SEEN}\s]+", " ")
    if lower_case:
        for capital in _LOCAL:
            texts = replace(texts, capital, capital.lower())
        texts = tf.strings.lower(texts, encoding="utf-8")
    if unit == "characters":
        return tf.strings.unicode_decode(texts, "UTF-8")
    texts = replace(texts, _IN_SPACELESS, r" \0 ")
    return tf.strings.split(replace(texts, _WORD_OR_SIGN, r" \0 "))


class Coder:
    """Codes of tokens by a vocabulary.

    Args:
        words: The vocabulary; single characters where that is the unit.
        unit: ``"words"`` or ``"characters"``.
        length: Most tokens of a text.
        lower_case: True to convert texts to lower case.
        buckets: Codes of unknown tokens behind the vocabulary; 0 for one code in front of it.
    """

    def __init__(
        self, words: Sequence[str], unit: Unit, *, length: int, lower_case: bool, buckets: int
    ) -> None:
        tf = import_tensorflow()

        self.unit, self.length, self.lower_case, self.buckets = unit, length, lower_case, buckets
        self._end = len(words) + 2
        with tf.init_scope(), tf.device("CPU:0"):
            # A table may not be empty: what no token is stands in front, for the unknown.
            if unit == "characters":
                keys = tf.constant([-1, *map(ord, words)], tf.int64)
            else:
                keys = tensor(["", *words])
            codes = tf.range(1, self._end, dtype=tf.int64)
            initializer = tf.lookup.KeyValueTensorInitializer(keys, codes)
            self.table = tf.lookup.StaticHashTable(initializer, default_value=1)

    def __call__(self, texts: Any) -> Any:
        """Codes of texts, (n,) strings in UTF-8, as an int32 tensor (n, length)."""
        tokens = cut(texts, self.unit, lower_case=self.lower_case)[:, : self.length]
        codes = tokens.with_flat_values(self._codes(tokens.flat_values))
        return codes.to_tensor(0, shape=(None, self.length))

    def serve(self, texts: Any) -> Any:
        """Tokenize as a call does, from strings that may be long or no UTF-8."""
        tf = import_tensorflow()

        texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
        return self(tf.strings.substr(texts, 0, LONGEST_TEXT, unit="UTF8_CHAR"))

    def encode(self, texts: Texts) -> NDArray[np.int32]:
        """Codes of Python's texts, int32 (n, length)."""
        tf = import_tensorflow()

        codes = np.zeros((len(texts), self.length), "int32")
        with tf.device("CPU:0"):
            for rows in batches(texts):
                codes[rows] = self(tensor(texts[rows])).numpy()
        return codes

    def _codes(self, tokens: Any) -> Any:
        tf = import_tensorflow()

        keys = tf.cast(tokens, tf.int64) if self.unit == "characters" else tokens
        codes = self.table.lookup(keys)
        if self.buckets:
            hashed = (
                keys % self.buckets
                if self.unit == "characters"
                else tf.strings.to_hash_bucket_strong(keys, self.buckets, HASH_KEY)
            )
            codes = tf.where(codes == 1, self._end + hashed, codes)
        return tf.cast(codes, tf.int32)
