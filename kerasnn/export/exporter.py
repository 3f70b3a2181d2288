"""Write a model for another runtime, verify it there, and describe it on a page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from kerasnn import export as exporting
from kerasnn.errors import ConfigError, ExportError, KerasnnError, StorageError
from kerasnn.export import formats, int8, texts
from kerasnn.export.page import page
from kerasnn.export.page_check import check_page
from kerasnn.export.quiet import quiet
from kerasnn.export.serving import serving_model
from kerasnn.export.verify import check, nasty_rows
from kerasnn.files.handles import kind_of, not_replaced
from kerasnn.files.storage import (
    check_output,
    check_writable,
    make_folder,
    move_into,
    part_name,
    write_atomically,
)

if TYPE_CHECKING:
    from kerasnn.prediction.predictor import Predictor


@dataclass(frozen=True)
class ExportResult:
    """A model that was written and verified.

    Args:
        path: Path of the file or folder.
        format: Name of a format, one of `kerasnn.export.names`.
        largest_difference: Largest difference from the original over all rows and outputs, relative
            to max(1, |value|); values of a regression and of forecasts count in standard deviations
            from the mean.
        n_rows: Rows that were compared.
        card: Path of the page that says how to call the model.
        tokens: Path of the file that says how to make codes of texts; None where the model takes
            no text, or takes them as they are.
        int8: Scores of a model in whole numbers of 8 bits; None for a model in float32.
    """

    path: Path
    format: str
    largest_difference: float
    n_rows: int
    card: Path
    int8: int8.Int8Scores | None = None
    tokens: Path | None = None

    def summary(self) -> str:
        """A line or two for a terminal."""
        if self.int8:
            return f"{self.path}\n{self.int8}; how to call it: {self.card}"
        return (
            f"{self.path}\nverified on {self.n_rows:,} rows, largest difference "
            f"{self.largest_difference:.1e}; how to call it: {self.card}"
            + (f"\ntakes codes of texts, made with {self.tokens}" if self.tokens else "")
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {
            "path": str(self.path),
            "format": self.format,
            "largest_difference": self.largest_difference,
            "n_rows": self.n_rows,
            "card": str(self.card),
            **({"int8": self.int8.to_dict()} if self.int8 else {}),
            **({"tokens": str(self.tokens)} if self.tokens else {}),
        }


def export(
    predictor: Predictor,
    path: str | os.PathLike[str],
    *,
    format: str,
    sample: pd.DataFrame | None = None,
    force: bool = False,
    held: int8.HeldBack | None = None,
) -> ExportResult:
    """Write the network with its preprocessing inside, and verify it in the format's own runtime.

    It is compared with the predictor on the sample's rows, and on copies of them with missing
    values, unseen categories, odd texts and images of many sizes, all together and one by one. What
    differs by more than 1e-5, relative to max(1, |value|) as `kerasnn.export.verify.distance`
    says, is not written.

    A SavedModel takes texts as they are. No other format has what cuts them: these take the codes
    of their tokens, and the vocabulary lies beside, in ``<name>.tokens.json``.

    In whole numbers of 8 bits (for LiteRT, of networks that take images alone) its accuracy is
    measured instead, and what loses more than 0.05 is not written.

    Args:
        predictor: The preprocessing, the network and the decision.
        path: Path of the file, ending as the format wants it, or of the folder for a SavedModel.
        format: Name of a format, one of `kerasnn.export.names`.
        sample: Raw rows that training did not see; made up if None.
        force: Replace what is there.
        held: Rows on which a model in whole numbers of 8 bits is calibrated and measured; None for
            one in float32.

    Raises:
        ConfigError: The path exists, or does not suit the format; the network can't be in 8 bits.
        MissingDependencyError: The format's extra is not installed.
        ExportError: The model can't be converted, or differs.
    """
    found = formats.get(format)
    if held:
        int8.check_possible(predictor, format)
    path = Path(path)
    card = card_of(path, format)
    check_path(path, format, force=force)
    check_writable(path.parent)
    with failing_as_export_error(found.TITLE), work_folder(path) as folder:
        part = folder / path.name
        if held:
            result, text = _write_int8(predictor, part, held)
        else:
            result, text = _write(predictor, part, format, sample)
        move(part, path, folder)
    write_atomically(card, text.encode())
    tokens = None
    if predictor.preprocessor.texts and not found.STRINGS:
        tokens = path.with_name(path.name + texts.SUFFIX)
        write_atomically(tokens, texts.dumps(predictor.preprocessor))
    return replace(result, path=path, card=card, tokens=tokens)


def _write(
    predictor: Predictor, path: Path, format: str, sample: pd.DataFrame | None
) -> tuple[ExportResult, str]:
    """Write and verify; what came out, and the page."""
    found = formats.get(format)
    frame = nasty_rows(predictor.preprocessor, sample)
    model = serving_model(predictor, strings=found.STRINGS)
    with quiet():
        found.write(model, path)
        difference = check(predictor, found.load(path), frame, strings=found.STRINGS)
        text = page(predictor, model, path.name, format)
        check_page(text, predictor, path)
    return ExportResult(path, format, difference, len(frame), path), text


def _write_int8(predictor: Predictor, path: Path, held: int8.HeldBack) -> tuple[ExportResult, str]:
    """Write and verify in whole numbers of 8 bits; what came out, and the page."""
    model = serving_model(predictor, own_size=True)
    with quiet():
        int8.write(model, path, predictor.preprocessor, held)
        loaded = formats.get("litert").load(path)
        scores, difference = int8.measure(predictor, loaded, held.test)
        text = page(predictor, model, path.name, "litert", int8=scores)
        check_page(text, predictor, path, is_rounded=True)
    return ExportResult(path, "litert", difference, len(held.test), path, scores), text


def card_of(path: Path, format: str) -> Path:
    """Where the page about an exported model goes."""
    return path.with_name(f"{path.name.removesuffix(exporting.suffix(format))}.{format}.md")


def check_path(path: Path, format: str, *, force: bool) -> None:
    """Raise if something is at the path that is not to be replaced, or its ending is wrong."""
    suffix = exporting.suffix(format)
    if suffix and path.suffix != suffix:
        raise ConfigError(f"a {format} file ends in '{suffix}'; got '{path.name}'")
    check_output(card_of(path, format), force=True)
    kind = kind_of(path)
    if kind is None:
        return
    if kind not in ("file", "folder"):
        raise not_replaced(path, kind)
    if not force:
        raise ConfigError("the file exists", location=str(path), hint="use `force` to replace it")
    if kind != ("file" if suffix else "folder") or not (
        suffix or kind_of(path / "saved_model.pb") == "file"
    ):
        raise ConfigError("something else is there", location=str(path), hint="choose another path")


@contextmanager
def work_folder(path: Path) -> Iterator[Path]:
    """A folder on the same disk, so that what is in it can be moved in one step."""
    folder = path.with_name(part_name(path.name))
    make_folder(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def failing_as_export_error(title: str) -> Iterator[None]:
    """A converter may raise anything; say in one line that it failed."""
    try:
        yield
    except KerasnnError:
        raise
    except OSError as error:
        raise StorageError(
            f"the export can't be written: {error}", hint="check the disk"
        ) from error
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = lines[0][:300] if lines else type(error).__name__
        raise ExportError(f"the network can't be converted to {title}: {reason}") from error


def move(part: Path, path: Path, folder: Path) -> None:
    """Put the new model in place; of a folder, the old one has to go first."""
    if kind_of(path) == "folder":
        move_into(path, folder / "replaced")
    move_into(part, path)
