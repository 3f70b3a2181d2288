"""Exports hold no cell that only one row has, and a bundle holds such in its report alone."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import kerasnn
from kerasnn import export
from kerasnn.data.schema import Column, Schema, Target
from kerasnn.export.example import example_row, typical_number
from kerasnn.options import PreprocessingOptions
from kerasnn.preprocessing import Preprocessor
from kerasnn.preprocessing.numbers import NumberColumn

FORMATS = sorted(export.FORMATS)
# Each is in one row alone: of the training rows, and of the rows that exports are compared on.
SECRETS = (
    "zkowalska@example.org",
    "01567229417",
    "Zzyzxstraße",
    "qfoobarov",
    "7349.1875",
)
COMMON = ["it fits and I love it", "do not buy this bad fabric", "good", "bad zip and bad seams"]


def rows(n: int, first_secret: int) -> pd.DataFrame:
    random = np.random.default_rng(first_secret)
    texts = [COMMON[i % 4] for i in range(n)]
    cities = random.choice(["Berlin", "Paris", "Oslo"], n).astype(object)
    sizes = random.normal(40, 5, n).round(1)
    # At the front, the middle and the end, and twice in one text.
    for location, offset in ((0, 0), (n // 2, 1), (n - 1, 2)):
        mark = f"{first_secret + offset}"
        texts[location] = f"write to {SECRETS[0]}{mark} {SECRETS[0]}{mark}, call {SECRETS[1]}{mark}"
        cities[location] = f"{SECRETS[2]}{mark} {SECRETS[3]}{mark}"
    sizes[0] = float(SECRETS[4])
    frame = pd.DataFrame({"note": texts, "city": cities, "size": sizes})
    frame["y"] = ["yes" if "good" in t or "love" in t else "no" for t in texts]
    return frame


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> kerasnn.Run:
    return kerasnn.train(
        rows(80, 0),
        target="y",
        validation=rows(40, 3),
        test=rows(40, 6),
        model="fasttext",
        columns={"note": "text", "city": "category"},
        set={"width": 4, "tokens": "words", "epochs": 1},
        output=tmp_path_factory.mktemp("runs") / "private",
        baselines=False,
    )


def leaks(folder: Path) -> list[str]:
    found = []
    for path in sorted(folder.rglob("*")):
        content = path.read_bytes() if path.is_file() else b""
        for secret in SECRETS:
            for form in (secret, secret.encode().decode("latin-1"), secret.upper()):
                if form.lower().encode() in content.lower():
                    found.append(f"{path.name}: {secret}")
    return found


@pytest.mark.parametrize("format", FORMATS)
def test_no_export_holds_a_cell_of_one_row(run: kerasnn.Run, format: str, tmp_path: Path) -> None:
    run.export(format, tmp_path / f"model{export.suffix(format)}")
    assert leaks(tmp_path) == []
    page = (tmp_path / f"model.{format}.md").read_text()
    assert "The example above is made up. No row of the training data" in page
    assert "- of `city`: 3 categories that occurred in at least 2 training rows" in page
    assert "tokens that occurred in at least 2 training rows" in page


def test_a_bundle_holds_rows_in_its_report_alone(run: kerasnn.Run, tmp_path: Path) -> None:
    run.save(tmp_path / "model.kerasnn")
    with zipfile.ZipFile(tmp_path / "model.kerasnn") as archive:
        names = [name for name in archive.namelist() if name != "report.json"]
        for name in names:
            (tmp_path / "members").mkdir(exist_ok=True)
            (tmp_path / "members" / name).write_bytes(archive.read(name))
    assert "preprocessing.json" in names
    assert leaks(tmp_path / "members") == []


def test_the_example_is_typical_and_rounded() -> None:
    schema = Schema(
        (
            Column("age", "number"),
            Column("member", "boolean"),
            Column("city", "category"),
            Column("seen", "date"),
            Column("note", "text"),
        ),
        Target("y", "binary", ("no", "yes")),
    )
    frame = pd.DataFrame(
        {
            "age": np.linspace(17.13, 63.91, 40),
            "member": [True, False] * 20,
            "city": ["Köln"] * 30 + ["東京"] * 10,
            "seen": pd.date_range("2021-03-05 10:17", periods=40),
            "note": ["secret"] * 40,
            "y": ["no", "yes"] * 20,
        }
    )
    for scale in ("standard", "robust", "quantile", "none"):
        fitted = Preprocessor.fit(frame, schema, PreprocessingOptions(scale=scale))
        row = example_row(fitted)
        assert row["age"] in (40.0, 40.5, 41.0, 43.0), scale
    assert list(row) == ["age", "member", "seen", "city", "note"]
    assert (row["member"], row["city"], row["note"]) == (1.0, "Köln", "An example of a text.")
    assert row["seen"] == pd.Timestamp("2021-01-01").timestamp()


def test_a_number_that_never_varied_is_its_own_example() -> None:
    assert typical_number(NumberColumn("x", 3.0, 3.0, 0.0, False)) == 3.0
    assert typical_number(NumberColumn("x", 0.0, 0.0, 0.0, False)) == 0.0
