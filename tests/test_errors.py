"""Messages of errors are one short line, whatever a file or a user has put into them."""

from __future__ import annotations

import pytest

from kerasnn.errors import ConfigError, DataError


@pytest.mark.parametrize("text", ["x" * 100_000, "\n" * 5_000, "\x1b[2J" * 5_000, "\u202e" * 5_000])
@pytest.mark.parametrize("error", [ConfigError, DataError])
def test_long_and_unprintable_texts_make_one_short_line(
    error: type[ConfigError], text: str
) -> None:
    line = str(error(f"got {text}", location=text, hint=text))
    assert line.isprintable()
    assert len(line) < 2_000
    assert line.startswith("got ")
