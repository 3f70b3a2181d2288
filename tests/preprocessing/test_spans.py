"""Places of tokens in texts, for texts of any script."""

from __future__ import annotations

import random

import pytest

from kerasnn.options import PreprocessingOptions
from kerasnn.preprocessing.spans import find_tokens, find_words
from kerasnn.preprocessing.texts import TextColumn

TEXTS = [
    "",
    " \n",
    "Don't  buy: bad fabric!!",
    "これは良い。 ok",
    "İstanbul'da İIi",
    "naïve cafe\u0301 so\u00adft",
    "\u200b\u0000a\tb \u202eevil",
    "half \ud83d of a pair 👍🏽",
    "ΟΔΟΣ ẞ ΑΣ.",
]


@pytest.mark.parametrize("lower_case", [True, False])
@pytest.mark.parametrize("text", TEXTS)
def test_tokens_are_found_where_they_stand(text: str, lower_case: bool) -> None:
    found = find_tokens(text, "words", lower_case=lower_case)
    end = 0
    for token in found:
        assert end <= token.start < token.stop
        end = token.stop
        written = text[token.start : token.stop].replace("\u00ad", "")
        written = written.encode("utf-8", "replace").decode()
        if not lower_case:
            assert written == token.text
        elif "Σ" not in written:
            assert written.lower() == token.text


def test_random_texts_have_as_many_tokens_as_codes() -> None:
    generator = random.Random(0)
    signs = "aB é\u0301İΣ件。!'’\u00ad\t\u200b👍ก็9_"
    for unit in ("words", "characters"):
        texts = ["".join(generator.choices(signs, k=30)) for _ in range(40)]
        column = TextColumn.fit("t", texts, PreprocessingOptions(text_length=100), unit=unit)
        codes = column.encode(texts)
        for text, row in zip(texts, codes, strict=True):
            found = find_tokens(text, unit, lower_case=True)
            assert len(found) == (row > 0).sum()
            assert [column.encode([token.text])[0, 0] for token in found if token.text != " "] == [
                code for code, token in zip(row, found, strict=False) if token.text != " "
            ]


def test_words_of_characters_are_their_codes() -> None:
    text = " It  fits,me"
    options = PreprocessingOptions(text_length=9)
    column = TextColumn.fit("t", [text], options, unit="characters")
    words, spaces = find_words(column, text)
    assert [(word.text, word.first, word.last) for word in words] == [
        ("it", 0, 2),
        ("fits", 3, 7),
        (",", 7, 8),
        ("me", 8, 9),
    ]
    # The last word is cut, as the text is.
    assert [text[word.start : word.stop] for word in words] == ["It", "fits", ",", "m"]
    assert spaces.tolist() == [False, False, True, *[False] * 6]
