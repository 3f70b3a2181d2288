"""A folder of JPEGs into an array: our reader against Keras' ``image_dataset_from_directory``.

Both list the class folders, decode every image, make them one size and give one array and the
labels; ours also looks for the size and for colours in the headers first. Both take turns, after a
round that is not timed.

    python benchmarks/image_reading.py photos/train [--rounds 5] [--side 32]
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

Read = tuple[NDArray[Any], list[str]]


def main() -> None:
    """Run both in turn and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--side", type=int, default=32)
    arguments = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    ways = {"kerasnn": ours, "image_dataset_from_directory": keras_utility}
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    read: dict[str, Read] = {}
    for number in range(arguments.rounds + 1):
        for name, way in ways.items():
            read[name], taken = timed(way, arguments.folder, arguments.side)
            if number:
                seconds[name].append(taken)
    check(*read.values())
    n_images = len(read["kerasnn"][0])
    print(f"{n_images:,} images as {arguments.side}x{arguments.side}x3")
    print(f"{'':30}{'seconds':>9}{'of a core':>11}{'images/s':>10}{'kerasnn is':>12}")
    for name, each in seconds.items():
        elapsed, worked = (median(column) for column in zip(*each, strict=True))
        rounds = zip(seconds["kerasnn"], each, strict=True)
        faster = median(theirs[0] / our[0] for our, theirs in rounds)
        print(f"{name:30}{elapsed:9.2f}{worked:11.2f}{n_images / elapsed:10,.0f}{faster:11.2f}x")


def timed(
    way: Callable[[str, int], Read], folder: str, side: int
) -> tuple[Read, tuple[float, float]]:
    """What a way reads, and its seconds by the clock and of the processors."""
    began, worked = time.perf_counter(), time.process_time()
    result = way(folder, side)
    return result, (time.perf_counter() - began, time.process_time() - worked)


def ours(folder: str, side: int) -> Read:
    """As `kerasnn.train` reads a folder."""
    from kerasnn import data
    from kerasnn.data.media import image_columns, layouts

    frame = data.read(folder).frame
    layout = layouts.layout_of(frame["image"], size=side, channels=0)
    [frame] = image_columns.load([frame], "image", layout, strict=True)
    return image_columns.pixels_of(frame["image"], layout)[:], frame["label"].tolist()


def keras_utility(folder: str, side: int) -> Read:
    """Keras' own."""
    import keras

    found = keras.utils.image_dataset_from_directory(
        folder, image_size=(side, side), batch_size=256, shuffle=False, verbose=False
    )
    batches = [(images.numpy(), codes.numpy()) for images, codes in found]
    codes = np.concatenate([codes for _, codes in batches])
    labels = [found.class_names[code] for code in codes]
    return np.concatenate([images for images, _ in batches]), labels


def check(one: Read, other: Read) -> None:
    """Both must have read the same images; decoders differ in a pixel's last bits."""
    assert one[1] == other[1]
    assert np.abs(one[0].astype("float32") - other[0]).mean() < 2


if __name__ == "__main__":
    main()
