"""Explanations of texts: where the rows come from, and the page that they are written into."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kerasnn.data.frames import with_origin
from kerasnn.data.readers import encodings, sources
from kerasnn.errors import ConfigError, DataError, StorageError, UnknownNameError, warn
from kerasnn.files.storage import check_output, make_folder, write_atomically
from kerasnn.prediction import rows as new_rows

if TYPE_CHECKING:
    from kerasnn.data.schema import Schema
    from kerasnn.explain.text import TextExplanation
    from kerasnn.preprocessing.preprocessor import Preprocessor

PAGE = "explained.html"

# Kinds of columns that may be missing in a row.
_OPTIONAL = ("number", "category", "boolean", "date", "text")
_DELIMITERS = re.compile(r"[,;|\t]")
_SHOWN = 60


def pieces(
    data: Any,
    preprocessor: Preprocessor,
    form: Mapping[str, Any],
    *,
    other_columns: Mapping[str, Any] | None = None,
) -> Iterator[pd.DataFrame]:
    """Raw rows to explain, few enough at once for the memory.

    Args:
        data: A text or a list of these, a file of one text, or what `new_rows.pieces` knows.
        preprocessor: Preprocessor of the training.
        form: Encoding and delimiter of text files.
        other_columns: Values of the other columns of texts; they are missing otherwise.

    Raises:
        ConfigError: A table has values of its own for its columns.
        UnknownNameError: There is no such column.
    """
    texts = _texts(data, preprocessor, form)
    if texts is not None:
        names = [str(data) if _is_path(data) else _shortened(text) for text in texts]
        yield _rows(texts, names, preprocessor, dict(other_columns or {}))
        return
    if other_columns:
        raise ConfigError("`other_columns` is for texts; a table has columns of its own")
    yield from new_rows.pieces(data, preprocessor.schema, form)


def _texts(data: Any, preprocessor: Preprocessor, form: Mapping[str, Any]) -> list[str] | None:
    """Texts that stand alone; None for a table."""
    if isinstance(data, str) and not sources.names_file(data):
        return [data]
    if isinstance(data, pd.Series | np.ndarray) and np.ndim(data) == 1:
        return [text if isinstance(text, str) else "" for text in data]
    if isinstance(data, list | tuple) and all(isinstance(each, str) for each in data):
        wrong = next((each for each in data if sources.names_file(each)), None)
        if wrong is not None and len(data) > 1:
            sources.check_source(wrong)
            raise DataError("a file among texts", location=wrong, hint="give it alone")
        return list(data) if wrong is None else _texts(data[0], preprocessor, form)
    if _is_path(data) and str(data).lower().endswith(".txt"):
        sources.check_source(data, encoding=form["encoding"])
        content = _content(Path(data), str(form["encoding"]))
        cells = [cell.strip(" \"'") for cell in _DELIMITERS.split(content.splitlines()[0])]
        # One that has the columns of the training is a table.
        known = {column.name for column in preprocessor.texts}
        return None if known & set(cells) else [content.strip()]
    return None


def _is_path(data: Any) -> bool:
    return isinstance(data, os.PathLike) or (isinstance(data, str) and sources.names_file(data))


def _content(path: Path, encoding: str) -> str:
    try:
        encoding = encodings.resolve(sources.Source(path, str(path), "delimited"), encoding)
        return path.read_text(encoding="utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeDecodeError:
        hint = "save it as UTF-8"
        raise DataError(
            f"the text is not {encoding.upper()}", location=str(path), hint=hint
        ) from None
    except OSError as error:
        hint = "check its permissions"
        raise StorageError(
            f"cannot read: {error.strerror}", location=str(path), hint=hint
        ) from None


def _rows(
    texts: Sequence[str],
    names: Sequence[str],
    preprocessor: Preprocessor,
    other_columns: Mapping[str, Any],
) -> pd.DataFrame:
    """A table of texts, the other columns as given or missing."""
    schema = preprocessor.schema
    known = {column.name: column.kind for column in schema.features}
    for name in other_columns:
        if name not in known:
            raise UnknownNameError("column", name, known)
    column = _main_column(preprocessor, other_columns)
    cells: dict[str, Any] = {column: pd.Series(list(texts), dtype="str")}
    for name, value in other_columns.items():
        cells[name] = pd.Series([value] * len(texts), dtype=object)
    missing = [name for name, kind in known.items() if name not in cells and kind in _OPTIONAL]
    for name in missing:
        cells[name] = pd.Series([None] * len(texts), dtype="str")
    if missing:
        listed = ", ".join(f"'{name}'" for name in missing)
        problem = f"the text is taken as '{column}', and what is not given is missing: {listed}"
        warn(problem, hint="pass `other_columns`, or give a table")
    return with_origin(pd.DataFrame(cells), "", first_row=0, names=names)


def _main_column(preprocessor: Preprocessor, other_columns: Mapping[str, Any]) -> str:
    """The text column that a text alone is of: the one of the longest texts, if not given."""
    free = [column for column in preprocessor.texts if column.name not in other_columns]
    if not free:
        raise ConfigError("`other_columns` has a value for each text column, so no place is left")
    return max(free, key=lambda column: column.length).name


def _shortened(text: str) -> str:
    text = " ".join(text.split()) or "(no text)"
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def page_path(output: str | os.PathLike[str], *, force: bool) -> Path:
    """Where the page of an output goes: a file with that ending, or one in a folder.

    Raises:
        ConfigError: It is there already.
    """
    path = Path(output)
    if path.suffix.lower() not in (".html", ".htm"):
        path = path / PAGE
    check_output(path, force=force)
    return path


def explain_into(
    path: Path, schema: Schema, explained: Iterator[TextExplanation]
) -> Iterator[TextExplanation]:
    """Pass explanations on, and write them as one page for a browser at the end.

    Raises:
        StorageError: The file can't be written.
    """
    from kerasnn.report.explained_texts import render

    make_folder(path.parent)
    done = []
    for each in explained:
        done.append(each)
        yield each
    write_atomically(path, render(schema.target, done).encode("utf-8", "replace"))
