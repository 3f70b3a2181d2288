"""Bad tables: the contents of the rows in tables.yaml."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from pathlib import Path

from bad_inputs.rows import read_rows
from click.testing import Result
from helpers import invoke

TINY = ["--model", "mlp", "--set", "width=4", "--set", "depth=1", "--epochs", "1"]
TINY += ["--no-baselines"]
ARGUMENTS = ("--target", "bought", *TINY)
HEADER = ("age", "size", "colour", "bought")
Cells = tuple[tuple[str, ...], ...]
ROWS: Cells = tuple(
    (
        str(20 + i % 37),
        f"{i * 7 % 23 / 3 + 0.5:.2f}",
        ("red", "green", "blue")[i % 3],
        "yes" if i % 37 + i * 7 % 23 > 30 else "no",
    )
    for i in range(60)
)


def text(
    rows: Sequence[Sequence[str]] = ROWS, header: Sequence[str] = HEADER, separator: str = ","
) -> str:
    return "".join(separator.join(cells) + "\n" for cells in (header, *rows))


def with_column(name: str, cell: Callable[[int, str], str]) -> Cells:
    """The rows with other cells in a column, made of the row's number and the cell."""
    at = HEADER.index(name)
    return tuple((*r[:at], cell(i, r[at]), *r[at + 1 :]) for i, r in enumerate(ROWS))


def with_cells(name: str, cells: dict[int, str]) -> Cells:
    """The rows with a few other cells in a column; row 0 is on line 2."""
    return with_column(name, cells.get)


def with_dates(day: Callable[[int], str]) -> str:
    return text([(day(i), *r) for i, r in enumerate(ROWS)], ("seen", *HEADER))


FEATURES = HEADER[:3]


def features(rows: Cells) -> str:
    return text([cells[:3] for cells in rows], FEATURES)


LATIN = text(with_cells("colour", {10: "grün"})).encode("latin-1")
REFUSED = {
    "empty": "",
    "blank lines": "\n\n",
    "header only": text([]),
    "UTF-16 without a mark": text().encode("utf-16-be"),
    "Cyrillic": text(with_cells("colour", {10: "красный"})).encode("cp1251"),
    "binary": bytes(range(256)) * 40,
    "a cell too many": text((*ROWS[:7], (*ROWS[7], "more"), *ROWS[8:])),
    "a cell too few": text((*ROWS[:7], ROWS[7][:3], *ROWS[8:])),
    "unclosed quote": text(with_cells("colour", {7: '"green'})),
    "repeated column": text(header=("age", "age", "colour", "bought")),
    "gzip named csv": gzip.compress(text().encode(), mtime=0),
    "workbook named csv": b"PK\x03\x04" + bytes(26) + b"xl/workbook.xml" + bytes(100),
    "csv named gz": text(),
    "no such target": text(header=(*HEADER[:3], "bougth")),
    "target only": text([r[3:] for r in ROWS], HEADER[3:]),
    "most targets missing": text(with_column("bought", lambda i, cell: "" if i < 31 else cell)),
    "one class": text(with_column("bought", lambda i, cell: "yes")),
    "one row": text(ROWS[:1]),
    "fewer rows than parts": text([(*ROWS[0][:3], "1.5"), (*ROWS[1][:3], "2.5")]),
    "infinite cells": text(with_cells("age", {5: "inf", 9: "-inf"})),
    "dates in two layouts": with_dates(
        lambda i: "31.01.2026" if i == 5 else f"2026-01-{i % 28 + 1:02d}"
    ),
    "text of its own in each row as target": text(
        with_column("bought", lambda i, cell: f"{i * 31} of them")
    ),
    "numbers taken for classes": text([(*r[:3], str(i * 31)) for i, r in enumerate(ROWS)]),
    "all columns dropped": text(),
    "a column to drop that is not there": text(),
    "a kind for a column that is not there": text(),
    "no row with a target": text(with_column("bought", lambda i, cell: "?")),
    "all columns constant": text([("1", cells[3]) for cells in ROWS], ("age", "bought")),
}
TRAINED = {
    "class of one row": text(with_cells("bought", {5: "maybe"})),
    "Windows-1252": LATIN,
    "NUL byte": text().replace("green", "gre\0n", 1),
    "semicolons": text(separator=";"),
    "no header": text(ROWS[1:], ROWS[0]),
    "byte order mark": "\ufeff" + text(),
    "UTF-16": text().encode("utf-16"),
    "UTF-16, mended": text().encode("utf-16"),
    "Latin-1, mended": LATIN,
    "tabs, mended": text(separator="\t"),
    "blank name": text(header=("age", "", "colour", "bought")),
    "CRLF": text().replace("\n", "\r\n"),
    "CR": text().replace("\n", "\r"),
    "decimal comma": text(with_column("size", lambda i, cell: f'"{cell.replace(".", ",")}"')),
    "separated thousands": text(with_column("age", lambda i, cell: f'"1,{i * 13:03d}"')),
    "some targets missing": text(with_cells("bought", {3: "", 4: "", 5: ""})),
    "constant column": text(with_column("age", lambda i, cell: "7")),
    "column without values": text(with_column("age", lambda i, cell: "")),
    "numbers and text": text(with_cells("age", {5: "old"})),
    "missing-value markers": text(with_cells("age", {5: "NA", 6: "?", 7: "-"})),
    "identifiers": text(with_column("colour", lambda i, cell: f"k{i * 7919 % 10007:05d}")),
    "many categories": text(with_column("colour", lambda i, cell: f"k{i * 7919 % 40}")),
    "dates": with_dates(lambda i: f"2026-01-{i % 28 + 1:02d}"),
    "1e30": text(with_cells("age", {5: "1e30"})),
    "integers above 2^53": text(with_column("age", lambda i, cell: str(2**60 + i * 2**50))),
    "units": text(with_column("size", lambda i, cell: f"{cell} kg")),
    "repeated rows": text(ROWS + ROWS[:3]),
    "conflicting labels": text((*ROWS, (*ROWS[0][:3], "yes"))),
    "long text": text(with_cells("colour", {5: "x" * 100_000})),
}
REFUSED_PREDICTIONS = {
    "missing columns": text([cells[1:2] for cells in ROWS], ("size",)),
    "text where numbers were": features(with_cells("age", {3: "old", 4: "older"})),
    "no header": "",
}
PREDICTED = {
    "extra columns": text([(*cells[:3], "x", "y") for cells in ROWS], (*FEATURES, "shop", "note")),
    "reordered": text([cells[2::-1] for cells in ROWS], FEATURES[::-1]),
    "unseen categories": features(with_cells("colour", {58: "pink", 59: "violet"})),
    "missing for the first time": features(with_cells("age", {59: ""})),
    "target present": text(),
    "as many rows as there are": features(ROWS),
}
REFUSED_ROWS = read_rows("tables", "refused", REFUSED, name="table.csv")
TRAINED_ROWS = read_rows("tables", "trained", TRAINED, name="table.csv")
UNPREDICTED_ROWS = read_rows("tables", "refused_predictions", REFUSED_PREDICTIONS, name="table.csv")
PREDICTED_ROWS = read_rows("tables", "predicted", PREDICTED, name="table.csv")


def train(path: str | Path, *arguments: object, code: int = 0) -> Result:
    return invoke("train", path, *ARGUMENTS, *arguments, code=code)
