"""Text columns of exported models: what makes codes of them, and texts to compare on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kerasnn.data.columns.values import as_texts
from kerasnn.export.plain_tokens import Tokens
from kerasnn.preprocessing.graph import input_names

if TYPE_CHECKING:
    from kerasnn.preprocessing import Preprocessor
    from kerasnn.preprocessing.texts import TextColumn

SUFFIX = ".tokens.json"
# Empty, blank, long, of many scripts, with signs, marks, emoji, and what is not seen.
NASTY = (
    "",
    " \t\n ",
    "never seen before",
    "WORD word WoRd " * 400,
    "x" * 3_000,
    "Don’t “stop”… it's 100% good!!! :-)",
    "这件衣服很好看。とても良い! ดีมาก",
    "mixed中文and日本語words",
    "ΣΑΣ İstanbul Straße ÉTÉ e\u0301te\u0301",
    "👍🏽👨\u200d👩\u200d👧 ❤️ 1️⃣",
    "co\u00adoperate\ufeff zero\u200bwidth \x00\x07",
    "\u0301 alone",
)


def settings(preprocessor: Preprocessor) -> dict[str, dict[str, Any]]:
    """Arguments of `Tokens` by the name of the input."""
    names = input_names([column.name for column in preprocessor.schema.features])
    return {
        names[column.name]: {
            "unit": column.unit,
            "words": list(column.words),
            "length": column.length,
            "lower_case": column.lower_case,
            "buckets": column.buckets,
        }
        for column in preprocessor.texts
    }


def dumps(preprocessor: Preprocessor) -> bytes:
    """The file beside a model that takes codes."""
    return json.dumps(settings(preprocessor), indent=1).encode()


def codes(preprocessor: Preprocessor, frame: pd.DataFrame) -> dict[str, NDArray[np.int32]]:
    """Codes (n, length) by the name of the input, as plain Python makes them."""
    found = {}
    for column, (name, how) in zip(preprocessor.texts, settings(preprocessor).items(), strict=True):
        tokens = Tokens(**how)
        rows = [tokens(text) for text in as_texts(frame[column.name])]
        found[name] = np.array(rows, "int32").reshape(len(frame), column.length)
    return found


def made_up(column: TextColumn, n_rows: int, random: np.random.Generator) -> NDArray[Any]:
    """Texts of the vocabulary's tokens, object (n,)."""
    between = "" if column.unit == "characters" else " "
    words = np.array([*column.words[:1_000], "unknown"], dtype=object)
    most = min(column.length, 50) + 2
    drawn = [between.join(random.choice(words, random.integers(most))) for _ in range(n_rows)]
    return np.array(drawn, dtype=object)
