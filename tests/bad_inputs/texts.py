"""Bad texts: the contents of the rows in texts.yaml."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
from bad_inputs.rows import read_rows

ARGUMENTS = ("--target", "said", "--set", "buckets=64", "--epochs", "1", "--no-baselines")
GOOD = ("It fits me well, I love it", "The fabric is bad and it tore", "Not for me, but okay")


def good(i: int) -> str:
    return f"{GOOD[i % 3]} {i}"


def table(cell: Callable[[int], str] = good, n: int = 60) -> pd.DataFrame:
    return pd.DataFrame(
        {"review": [cell(i) for i in range(n)], "said": [("no", "yes")[i % 2] for i in range(n)]}
    )


def content(cells: Callable[[int], str] | bytes) -> str | bytes:
    return cells if isinstance(cells, bytes) else table(cells).to_csv(index=False)


REFUSED = {
    "empty texts only": lambda i: "",
    "empty texts only, forced": lambda i: " ",
    "one text": lambda i: "It fits me well",
    "one-word texts, all different": lambda i: f"word{i}",
    "bytes that are no UTF-8": "review,said\nc'est été,no\n".encode("latin-1"),
    "unit that is none": good,
    "length below zero": good,
    "target of texts": good,
}
TRAINED = {
    "one-word texts": lambda i: f"word{i}",
    "numbers as texts": str,
    "100,000 characters and more": lambda i: good(i) + "x" * 100_000 if i == 3 else good(i),
    "missing texts": lambda i: ("", " ", "NA", "?", good(i), f"{good(i)} x")[i % 6],
    "numbers more often than texts": lambda i: f"{i}.5" if i % 3 else good(i),
    "numbers among texts": lambda i: "3.5" if i == 7 else good(i),
    "languages without spaces": lambda i: f"这件衣服很好看{chr(0x4E00 + i)}とても良いดีมาก",
    "mixed scripts and emoji": lambda i: (
        f"שלום مرحبا नमस्ते привет 👍🏽👨\u200d👩 {i} e\u0301te\u0301"
    ),
    "marks and what is not seen": lambda i: f"\u0301 \u00ad\u200b\ufeff \ue000 {i} \u202e end",
    "characters": good,
    "hashed": good,
}
REFUSED_ROWS = read_rows("texts", "refused", REFUSED, name="reviews.csv", make=content)
TRAINED_ROWS = read_rows("texts", "trained", TRAINED, name="reviews.csv", make=content)
