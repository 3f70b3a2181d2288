"""Write a model for another runtime, verify it there, and describe it on a page."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pandas as pd

from kerasnn import exporting
from kerasnn.errors import ConfigError, ExportError, KerasnnError, StorageError
from kerasnn.exporting import formats
from kerasnn.exporting.page import page
from kerasnn.exporting.quiet import quiet
from kerasnn.exporting.serving import serving_model
from kerasnn.exporting.verify import check, nasty_rows
from kerasnn.storage import check_writable, write_atomically

if TYPE_CHECKING:
    from kerasnn.predictor import Predictor


@dataclass(frozen=True)
class ExportResult:
    """A model that was written and verified.

    Args:
        path: Of the file or folder.
        format: One of `kerasnn.exporting.names`.
        largest_difference: From the original, over all rows and outputs: of probabilities, or in
            standard deviations of a regression target.
        n_rows: Rows that were compared.
        card: Path of the page that says how to call the model.
    """

    path: Path
    format: str
    largest_difference: float
    n_rows: int
    card: Path

    def summary(self) -> str:
        """A line or two for a terminal."""
        return (
            f"{self.path}\nverified on {self.n_rows:,} rows, largest difference "
            f"{self.largest_difference:.1e}; how to call it: {self.card}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {
            "path": str(self.path),
            "format": self.format,
            "largest_difference": self.largest_difference,
            "n_rows": self.n_rows,
            "card": str(self.card),
        }


def export(
    predictor: Predictor,
    path: str | os.PathLike[str],
    *,
    format: str,
    sample: pd.DataFrame | None = None,
    force: bool = False,
) -> ExportResult:
    """Write the network with its preprocessing inside, and verify it in the format's own runtime.

    It is compared with the predictor on the sample's rows, and on copies of them with missing
    values and unseen categories, all together and one by one. What differs by more than 1e-5 is
    not written.

    Args:
        predictor: The preprocessing, the network and the decision.
        path: Of the file, ending as the format wants it; of the folder for a SavedModel.
        format: One of `kerasnn.exporting.names`.
        sample: Raw rows that training did not see; made up if None.
        force: Replace what is there.

    Raises:
        ConfigError: The path exists, or does not suit the format.
        MissingDependencyError: The format's extra is not installed.
        ExportError: The model can't be converted, or differs.
    """
    found = formats.get(format)
    path = Path(path)
    card = path.with_name(f"{path.name.removesuffix(exporting.suffix(format))}.{format}.md")
    _check_path(path, format, force=force)
    check_writable(path.parent)
    frame = nasty_rows(predictor.preprocessor, sample)
    with _failing_as_export_error(found.TITLE), _work_folder(path) as folder:
        part = folder / path.name
        model = serving_model(predictor)
        with quiet():
            found.write(model, part)
            difference = check(predictor, found.load(part), frame)
        text = page(predictor, model, path.name, format, frame)
        _move(part, path, folder)
    write_atomically(card, text.encode())
    return ExportResult(path, format, difference, len(frame), card)


def _check_path(path: Path, format: str, *, force: bool) -> None:
    suffix = exporting.suffix(format)
    if suffix and path.suffix != suffix:
        raise ConfigError(f"a {format} file ends in '{suffix}'; got '{path.name}'")
    if not path.exists():
        return
    if not force:
        raise ConfigError("the file exists", place=str(path), fix="use `force` to replace it")
    is_right = (path / "saved_model.pb").is_file() if not suffix else path.is_file()
    if not is_right:
        raise ConfigError("something else is there", place=str(path), fix="choose another path")


@contextmanager
def _work_folder(path: Path) -> Iterator[Path]:
    """A folder on the same disk, so that what is in it can be moved in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        yield Path(folder)


@contextmanager
def _failing_as_export_error(title: str) -> Iterator[None]:
    """A converter may raise anything; say in one line that it failed."""
    try:
        yield
    except KerasnnError:
        raise
    except OSError as error:
        raise StorageError(f"the export can't be written: {error}", fix="check the disk") from error
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = lines[0][:300] if lines else type(error).__name__
        raise ExportError(f"the network can't be converted to {title}: {reason}") from error


def _move(part: Path, path: Path, folder: Path) -> None:
    """Put the new model in place; of a folder, the old one has to go first."""
    if path.is_dir():
        os.rename(path, folder / "replaced")
    os.replace(part, path)
