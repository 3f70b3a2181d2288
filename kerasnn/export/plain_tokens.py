"""Texts to codes in plain Python, as `kerasnn.preprocessing.tokens` does with TensorFlow.

The pages beside exported models show this file from here on: it stands alone.
"""

from __future__ import annotations

import re
import unicodedata

# Scripts without spaces, whose characters are tokens of their own, with the marks that follow.
SPACELESS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3041-\u30ff"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua9e0-\ua9ff\uaa60-\uaa7f\uf900-\ufaff\uff66-\uff9f"
    "\U00020000-\U0003ffff]"
)
# A letter for each kind of character: c and d (a mark) of such scripts, w of words, m marks,
# a apostrophes, s other signs.
TOKEN = re.compile("[cd][dm]*|w[wm]*(?:aw[wm]*)*|[as]m*|m+")
KINDS = {"L": "w", "N": "w", "M": "m", "P": "s", "S": "s"}


class Tokens:
    """Turns a text into codes: 0 behind its end, 1 unknown, those of the vocabulary from 2.

    Args:
        unit: ``"words"`` or ``"characters"``.
        words: The vocabulary.
        length: Number of codes.
        lower_case: True to read capitals as small letters.
        buckets: Codes of unknown tokens behind the vocabulary; 0 for the code 1.
    """

    def __init__(
        self, unit: str, words: list[str], length: int, lower_case: bool, buckets: int
    ) -> None:
        self.unit, self.length, self.lower_case, self.buckets = unit, length, lower_case, buckets
        self.codes = {word: code for code, word in enumerate(words, 2)}

    def __call__(self, text: str) -> list[int]:
        """The codes of a text."""
        codes = [self.code(token) for token in self.cut(text)[: self.length]]
        return codes + [0] * (self.length - len(codes))

    def cut(self, text: str) -> list[str]:
        """The tokens of a text."""
        text = text[:100_000].encode("utf-8", "replace").decode()
        text = re.sub("[\u00ad\u200c\u200d\u2060\ufeff]", "", text)
        text = "".join(letter if self.kind(letter) != " " else " " for letter in text)
        text = text.lower() if self.lower_case else text
        if self.unit == "characters":
            return list(re.sub(" +", " ", text).strip(" "))
        kinds = "".join(map(self.kind, text))
        return [text[found.start() : found.end()] for found in TOKEN.finditer(kinds)]

    def kind(self, character: str) -> str:
        """One letter for what a character is, a space for what is not read."""
        kind = KINDS.get(unicodedata.category(character)[0], " ")
        if kind != " " and SPACELESS.match(character):
            return "d" if kind == "m" else "c"
        return "a" if character in "'\u2019" else kind

    def code(self, token: str) -> int:
        """The code of a token."""
        if token in self.codes or not self.buckets:
            return self.codes.get(token, 1)
        hashed = ord(token) if self.unit == "characters" else siphash(token.encode())
        return 2 + len(self.codes) + hashed % self.buckets


def siphash(data: bytes) -> int:
    """SipHash-2-4 with a key of zeros (Aumasson and Bernstein, 2012)."""
    v0, v1, v2, v3 = 0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573
    padded = data + bytes(7 - len(data) % 8) + bytes([len(data) % 256])
    words = [int.from_bytes(padded[i : i + 8], "little") for i in range(0, len(padded), 8)]
    for word, rounds in [*((word, 2) for word in words), (None, 4)]:
        v3 ^= word or 0
        v2 ^= 0xFF if word is None else 0
        for _ in range(rounds):
            v0, v2 = (v0 + v1) % 2**64, (v2 + v3) % 2**64
            v1, v3 = turn(v1, 13) ^ v0, turn(v3, 16) ^ v2
            v0, v2 = (turn(v0, 32) + v3) % 2**64, (v2 + v1) % 2**64
            v1, v3 = turn(v1, 17) ^ v2, turn(v3, 21) ^ v0
            v2 = turn(v2, 32)
        v0 ^= word or 0
    return v0 ^ v1 ^ v2 ^ v3


def turn(x: int, bits: int) -> int:
    """64 bits, turned to the left."""
    return (x << bits | x >> 64 - bits) % 2**64
