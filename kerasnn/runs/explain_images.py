"""Explanations of images, written as pictures into a folder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kerasnn.data.readers import folders
from kerasnn.explain.image import Explanation, check, explain_rows, readable
from kerasnn.files.storage import check_output, make_folder, write_atomically
from kerasnn.prediction import rows as new_rows

if TYPE_CHECKING:
    from kerasnn.data.schema import Schema
    from kerasnn.prediction.predictor import Predictor


@dataclass(frozen=True, eq=False)
class Drawn:
    """An explanation and its files.

    Args:
        explanation: Explanation of an image.
        files: The picture, and that of the maps if a layer was asked for.
    """

    explanation: Explanation
    files: list[Path]

    def cells(self) -> list[str]:
        """Path of the image, prediction, its probability, and the files, as text."""
        explained = self.explanation
        likely = explained.probability_of_prediction
        said = explained.prediction if explained.probabilities else f"{explained.prediction:.6g}"
        return [
            folders.printable(explained.name),
            str(said),
            "-" if likely is None else f"{likely:.4f}",
            *map(str, self.files),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        explained = self.explanation
        said = explained.prediction
        return {
            "name": folders.printable(explained.name),
            "prediction": said.item() if isinstance(said, np.generic) else said,
            "probabilities": explained.probabilities,
            "target_class": explained.target_class,
            "method": explained.method,
            "layer": explained.layer,
            "files": [str(path) for path in self.files],
        }


def explain_files(
    predictor: Predictor,
    pieces: Iterable[pd.DataFrame],
    folder: str | os.PathLike[str],
    *,
    target_class: str | None = None,
    layer: str | None = None,
    force: bool = False,
) -> Iterator[Drawn]:
    """Draw each image of some rows into a folder, which is made if need be.

    Args:
        predictor: Predictor of a run with an image column.
        pieces: Raw rows, few enough at once for the memory.
        folder: Folder for the pictures.
        target_class: Class or label to explain in place of the most probable one.
        layer: Layer whose maps are weighed, and drawn into a second file.
        force: Replace pictures that are there.

    Raises:
        ConfigError: A picture is there already; none of its piece was drawn.
        StorageError: The folder can't be written.
    """
    check(predictor, target_class=target_class, layer=layer)
    taken: set[str] = set()
    for piece in pieces:
        rows, names = readable(predictor, piece)
        stems = [_stem(name, taken) for name in names]
        targets = [_targets(Path(folder), stem, layer) for stem in stems]
        for path in (path for some in targets for path in some):
            check_output(path, force=force)
        make_folder(folder)
        for each, paths in zip(
            explain_rows(predictor, rows, names, target_class=target_class, layer=layer),
            targets,
            strict=True,
        ):
            for path, content in zip(paths, (each.picture(), each.maps_picture()), strict=False):
                assert content is not None, "maps are there where a layer was asked for"
                write_atomically(path, content)
            yield Drawn(each, paths)


def pieces(images: Any, schema: Schema, form: Mapping[str, Any]) -> Iterator[pd.DataFrame]:
    """Raw rows of images, named as in the training, few enough at once for the memory.

    Args:
        images: An array of one or more images, a list of arrays or of images of Pillow, or a
            source that `kerasnn.data.read_chunks` knows.
        schema: Schema of the training data.
        form: Encoding and delimiter of text files.
    """
    return new_rows.pieces(images, schema, form)


def _stem(name: str, taken: set[str]) -> str:
    """Name of the picture of an image, which is no other's."""
    stem = Path(folders.printable(name)).stem.replace(" ", "-") or "image"
    number, chosen = 1, stem
    while chosen in taken:
        number += 1
        chosen = f"{stem}-{number}"
    taken.add(chosen)
    return chosen


def _targets(folder: Path, stem: str, layer: str | None) -> list[Path]:
    names = [f"{stem}-explained.png"]
    if layer:
        names.append(f"{stem}-{layer.replace(os.sep, '-')}.png")
    return [folder / name for name in names]
