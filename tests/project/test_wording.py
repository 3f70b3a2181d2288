"""What users read is plain English: sentences that readers stumbled over stay away."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from kerasnn.evaluation.coverage import Coverage

ROOT = Path(__file__).parents[2]
# Each was quoted by a reader who did not understand it.
ODD = (
    "The step size was",
    " all along",
    " say little",
    "efore the temperature of",
    "eld least often",
    "Least often: ",
    "exact ones would be",
    "mend ",
    "nearly also in",
    "classes on average",
    "% is meant",
    "are meant.",
    "with the surest of",
    "what came",
    "keep what they promise",
)


def shown_texts() -> Iterator[tuple[str, str]]:
    """Texts of the code that are no docstrings, and the templates of pages."""
    for folder in ("kerasnn", "cli"):
        for path in sorted((ROOT / folder).rglob("*.html")):
            yield str(path), path.read_text(encoding="utf-8")
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                body = getattr(node, "body", None)
                if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
                    body[0].value = ast.Constant(None)
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield f"{path}:{node.lineno}", node.value


def test_odd_sentences_stay_away() -> None:
    found = [(location, odd) for location, text in shown_texts() for odd in ODD if odd in text]
    assert found == []


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (
            "regression",
            "intervals contain the true value in 90.0 % {} of the rows; mean width 1.000.",
        ),
        ("multilabel", "sets contain the true labels in 90.0 % {} of the rows; mean number of "),
        ("binary", "sets contain the true class in 90.0 % {} of the rows; mean set size 1.00."),
    ],
)
def test_coverage_is_a_sentence(task: str, expected: str) -> None:
    coverage = Coverage(
        0.9, 0.9, interval=(0.8, 1.0), n_calibration_rows=50.0, mean_size=1.0, curve=()
    )
    [sentence] = coverage.sentences(task)
    interval = "(95 % interval 80.0 % to 100.0 %)"
    assert sentence.startswith(f"The 90 % prediction {expected.format(interval)}")
