"""Train on a folder of 60,000 images that does not fit in the memory it is given.

The images are made once. One process trains in memory, another with ``--memory``, a third with
another seed in memory: for each the peak memory, the time and the score. The two with one seed
should agree, and their difference be seen beside that of two seeds.

    python benchmarks/image_memory.py [--images 60000] [--side 64] [--memory 2]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

CLASSES = 10


def main() -> None:
    """Make the folder, train in three ways, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--memory", type=float, default=2.0, help="10^9 bytes")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--ways", default="0,memory;0,all;1,all", help="seed, memory; …")
    parser.add_argument("--folder", help="Made if it is not there.")
    parser.add_argument("--way")
    arguments = parser.parse_args()
    if arguments.way:
        print(json.dumps(train(arguments)))
        return
    with TemporaryDirectory() as temporary:
        folder = arguments.folder or temporary
        if not any(Path(folder).glob("*")):
            make(Path(folder), arguments.images, arguments.side)
        size = arguments.images * arguments.side**2 * 3 / 1e9
        print(f"{arguments.images:,} JPEGs, {size:.2f} GB decoded, --memory {arguments.memory:g}GB")
        print(f"{'seed, memory':16}{'peak GB':>9}{'seconds':>9}{'accuracy':>10}{'log loss':>12}")
        for way in arguments.ways.split(";"):
            command = [sys.executable, __file__, "--way", way, "--folder", folder]
            command += ["--memory", str(arguments.memory), "--epochs", str(arguments.epochs)]
            command += ["--side", str(arguments.side)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            result = json.loads(done.stdout.splitlines()[-1])
            print(
                f"{way:16}{result['peak_gb']:9.2f}{result['seconds']:9.0f}"
                f"{result['accuracy']:10.4f}{result['log_loss']:12.7f}",
                flush=True,
            )


def make(folder: Path, n_images: int, side: int) -> None:
    """Coloured noise around a pattern of the class, as JPEGs in a folder a class."""
    import numpy as np
    from PIL import Image

    generator = np.random.default_rng(0)
    coarse = generator.integers(60, 196, (CLASSES, 8, 8, 3)).astype("uint8")
    for code in range(CLASSES):
        (folder / f"class_{code}").mkdir(parents=True)
    for number in range(n_images):
        code = number % CLASSES
        noise = generator.integers(-100, 101, (8, 8, 3))
        small = np.clip(coarse[code] + noise, 0, 255).astype("uint8")
        image = Image.fromarray(small).resize((side, side), Image.Resampling.BILINEAR)
        image.save(folder / f"class_{code}" / f"{number:06}.jpg", quality=85)


def train(arguments: argparse.Namespace) -> dict[str, float]:
    """One epoch in this process, and its peak memory."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import kerasnn

    seed, memory = arguments.way.split(",")
    began = time.perf_counter()
    run = kerasnn.train(
        arguments.folder,
        seed=int(seed),
        set={
            "model": "airbench",
            **{"width": 16, "width_2": 32, "width_3": 64},
            "epochs": arguments.epochs,
            "image_size": arguments.side,
            "baselines": False,
            "memory_gb": arguments.memory if memory == "memory" else 1_000.0,
        },
        output=Path(TemporaryDirectory().name) / "run",
    )
    found = run.scores.values
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    return {
        "peak_gb": peak,
        "seconds": time.perf_counter() - began,
        "accuracy": found["accuracy"],
        "log_loss": found["log_loss"],
    }


if __name__ == "__main__":
    main()
