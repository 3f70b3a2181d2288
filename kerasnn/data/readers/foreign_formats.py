"""Formats that are recognized by their first bytes but not read, each with a hint."""

from __future__ import annotations

import re

from kerasnn.errors import DataError

_PARQUET = "write the table as Parquet: pandas.{}(…).to_parquet('table.parquet')"
_UNPACK = "unpack it first: {}"
_SQL = "write the table as CSV: sqlite3 -header -csv FILE 'SELECT * FROM …' > table.csv"
_PICKLE = "opening one may run code; write the table as CSV or Parquet where it was made"
_SHEET = "save the sheet as CSV"

# From how a file begins to what it is and what to do; the first that fits counts.
_FORMATS: tuple[tuple[bytes, str, str], ...] = (
    (rb"SQLite format 3\0", "a SQLite database", _SQL),
    (rb"ARROW1\0\0|FEA1", "a Feather or Arrow file", _PARQUET.format("read_feather")),
    (rb"\xff\xff\xff\xff.{2}\0\0", "an Arrow stream", _PARQUET.format("DataFrame")),
    (rb"ORC[\0-\x1f]", "an ORC file", _PARQUET.format("read_orc")),
    (rb"\x89HDF\r\n\x1a\n", "an HDF5 file", _PARQUET.format("read_hdf")),
    (rb"<stata_dta>", "a Stata file", _PARQUET.format("read_stata")),
    (rb"\$FL[23]@", "an SPSS file", _PARQUET.format("read_spss")),
    (rb"\x93NUMPY", "one NumPy array", "save x and y together with numpy.savez, as .npz"),
    (rb"\x80[\x02-\x05][\x95c}\](K]", "a Python pickle", _PICKLE),
    (rb"BZh[1-9]1AY&SY", "a bzip2 archive", _UNPACK.format("bunzip2 FILE")),
    (rb"\xfd7zXZ\0", "an xz archive", _UNPACK.format("unxz FILE")),
    (rb"\x28\xb5\x2f\xfd", "a Zstandard archive", _UNPACK.format("unzstd FILE")),
    (rb"\x04\x22\x4d\x18", "an LZ4 archive", _UNPACK.format("unlz4 FILE")),
    (rb"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK.format("7z x FILE")),
    (rb"Rar!\x1a\x07", "a RAR archive", _UNPACK.format("unrar x FILE")),
    (rb".{257}ustar", "a tar archive", _UNPACK.format("tar -xf FILE")),
    (rb"PK\x03\x04.*(xl/|\[Content_Types\]\.xml.*xl)", "an Excel workbook", _SHEET),
    (rb"PK\x03\x04.*word/", "a Word document", "save its table as CSV"),
    (rb"PK\x03\x04.*opendocument\.spreadsheet", "an OpenDocument spreadsheet", _SHEET),
    # An Excel workbook may begin with parts that any Office file has.
    (rb"PK\x03\x04.{26}\[Content_Types\]", "an Office document", _SHEET),
    (rb"PK\x03\x04|PK\x05\x06", "a zip archive", _UNPACK.format("unzip FILE")),
    (rb"\xd0\xcf\x11\xe0", "an old Excel workbook or another Office document", _SHEET),
    (rb"%PDF-", "a PDF document", "save its table as CSV"),
    (rb"\s*<(!doctype html|html)\b", "a web page", "download the file that it links to"),
)
_PATTERNS = tuple(
    (re.compile(head, re.DOTALL | re.IGNORECASE if b"html" in head else re.DOTALL), what, hint)
    for head, what, hint in _FORMATS
)
_URL = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)


def check_content(head: bytes, origin: str) -> None:
    """Raise if a file begins like one of a format that is not read.

    Raises:
        DataError: It says which, and what to do.
    """
    for pattern, what, hint in _PATTERNS:
        if pattern.match(head):
            raise DataError(f"{what}, which is not read", location=origin, hint=hint)


def check_not_url(origin: str) -> None:
    """Raise if what should be a path is the address of a file elsewhere.

    Raises:
        DataError: It is one.
    """
    if found := _URL.match(origin):
        is_web = found[1].lower() in ("http", "https", "ftp")
        hint = (
            "download it first, as with: curl -LO URL"
            if is_web
            else "copy it to this machine first"
        )
        if found[1].lower() == "file":
            hint = "give the path alone"
        raise DataError("a URL where a path is meant", location=origin, hint=hint)
