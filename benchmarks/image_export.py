"""How far exported networks for images are from the original, in each format and in 8 bits.

Takes a run that takes images and nothing else, exports it to every format, and compares the
probabilities (or values) on test images: as they are, and enlarged, shrunk and stretched before the
runtime gets them. Then LiteRT in 8 bits: accuracy on all test images against float32. Speed is the
median time of one image in the network's own size.

    kerasnn train photos/train --test photos/test --output runs/photos
    python benchmarks/image_export.py runs/photos
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd

import kerasnn
from kerasnn import export
from kerasnn.data.resize import resize
from kerasnn.export import formats, images, int8, quiet, verify
from kerasnn.preprocessing.images import ImageColumn

ROWS = 50
CALLS = 50


def main() -> None:
    """Export, compare, print tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", help="folder of a run")
    run = kerasnn.load(parser.parse_args().run)
    with tempfile.TemporaryDirectory() as folder:
        report(run, Path(folder))


def report(run: kerasnn.Run, folder: Path) -> None:
    """A row for each format, and what 8 bits cost."""
    preprocessor = run.predictor.preprocessor
    (column,) = preprocessor.images
    test = run.holdout("test")
    own = images.spread(test, ROWS)
    network = run.predictor.network
    print(
        f"{network.name}, {network.count_params():,} parameters, images of {column.height} x "
        f"{column.width}, mirrored: {run.predictor.decision.flip_tta}; {len(own)} test images; "
        "largest difference"
    )
    kinds = {f"{h}x{w}": (h, w) for h, w in images.sizes(column)}
    print(f"{'':14}{'decoded':>9}" + "".join(f"{k:>9}" for k in kinds) + f"{'kB':>8}{'ms':>8}")
    tables = [own, *(resized(own, column, *size) for size in kinds.values())]
    for name in export.names():
        path = folder / export.default_name(name)
        export.export(run.predictor, path, format=name, sample=own)
        with quiet.quiet():
            loaded = formats.get(name).load(path)
            found = [verify.compare(run.predictor, loaded, table) for table in tables]
            ms = milliseconds(loaded, int8.own_size(preprocessor, own.head(1)))
        row(name, found, path, ms)
    whole(run, folder, own)


def whole(run: kerasnn.Run, folder: Path, own: pd.DataFrame) -> None:
    """LiteRT in whole numbers of 8 bits."""
    path = folder / export.default_name("litert", int8=True)
    result = run.export("litert", path, int8=True)
    with quiet.quiet():
        loaded = formats.get("litert").load(path)
        ms = milliseconds(loaded, int8.own_size(run.predictor.preprocessor, own.head(1)))
    row("litert, 8 bits", [result.largest_difference], path, ms, columns=5)
    print(result.int8)


def row(name: str, found: list[float], path: Path, ms: float, *, columns: int = 0) -> None:
    """Of a table."""
    cells = "".join(f"{difference:9.1e}" for difference in found).ljust(9 * columns)
    print(f"{name:14}{cells}{size(path) / 1024:8,.0f}{ms:8.2f}")


def resized(frame: pd.DataFrame, column: ImageColumn, height: int, width: int) -> pd.DataFrame:
    """Copies with the images in another size."""
    cells = images.pictures(frame[column.name], column.channels)
    for i, pixels in enumerate(cells):
        cells[i] = resize(pixels, height, width)
    return frame.assign(**{column.name: pd.Series(cells, index=frame.index, dtype=object)})


def milliseconds(run: Callable[..., Any], raw: Mapping[str, np.ndarray]) -> float:
    """Median of some calls after a first one."""
    run(raw)
    times = []
    for _ in range(CALLS):
        start = time.perf_counter()
        run(raw)
        times.append(time.perf_counter() - start)
    return 1000 * median(times)


def size(path: Path) -> int:
    """Bytes of a file, or of all in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


if __name__ == "__main__":
    main()
