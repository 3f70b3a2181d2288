"""Scripts that are written without spaces between words."""

from __future__ import annotations

import re

# Ranges of code points: Thai and Lao, Myanmar, Khmer, radicals, kana, Chinese characters.
SPACELESS = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x2E80, 0x2FDF),
    (0x3005, 0x3007),
    (0x3021, 0x3029),
    (0x3041, 0x30FF),
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xA9E0, 0xA9FF),
    (0xAA60, 0xAA7F),
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9F),
    (0x20000, 0x3FFFF),
)

_SPACELESS = re.compile("[" + "".join(f"{chr(low)}-{chr(high)}" for low, high in SPACELESS) + "]")


def count_words(text: str) -> int:
    """About how many words there are; two characters count as one where there are no spaces.

    >>> count_words("one two"), count_words("这件衣服很好看")
    (2, 3)
    """
    without = 0 if text.isascii() else len(_SPACELESS.findall(text)) // 2
    return text.count(" ") + max(1, without)
