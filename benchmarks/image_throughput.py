"""Images a second of the compiled epoch against ``keras.Model.fit``, in one run.

The same network (airbench of the zoo), optimizer, batch size, images and kind of augmentation for
all: shifted by up to an eighth, mirrored, a square cut out. `fit` does it with Keras' own layers,
in the model (as its guides show it) or in the threads of a ``tf.data`` pipeline; each way runs in a
process of its own, and the ways take turns.

    python benchmarks/image_throughput.py [--rounds 3] [--images 10240]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from statistics import median

SIDE, CHANNELS, CLASSES, BATCH, EPOCHS = 32, 3, 10, 256, 3
WAYS = ("kerasnn", "fit, layers in the model", "fit, tf.data pipeline")


def main() -> None:
    """Run every way in turn and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=10_240)
    parser.add_argument("--way", choices=WAYS)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.way:
        print(json.dumps(measure(arguments.way, arguments.images, arguments.seed)))
        return
    results: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for seed in range(arguments.rounds):
        for way in WAYS:
            command = [sys.executable, __file__, "--way", way, "--seed", str(seed)]
            command += ["--images", str(arguments.images)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            results[way].append(json.loads(done.stdout.splitlines()[-1]))
    report(results, arguments.images)


def report(results: dict[str, list[dict[str, float]]], n_images: int) -> None:
    """Medians, and ratios round by round."""
    print(f"{n_images:,} images {SIDE}x{SIDE}x{CHANNELS}, airbench, Nesterov, batch {BATCH}")
    print(f"{'':26}{'images/s':>10}{'kerasnn is':>12}{'loss':>18}{'peak MB':>9}")
    for way in WAYS:
        speed = median(each["images_per_s"] for each in results[way])
        pairs = zip(results["kerasnn"], results[way], strict=True)
        faster = median(ours["images_per_s"] / other["images_per_s"] for ours, other in pairs)
        losses = sorted(each["loss"] for each in results[way])
        loss = f"{losses[0]:.3f}-{losses[-1]:.3f}"
        peak = median(each["peak_mb"] for each in results[way])
        print(f"{way:26}{speed:10,.0f}{faster:11.2f}x{loss:>18}{peak:9,.0f}")


def measure(way: str, n_images: int, seed: int) -> dict[str, float]:
    """Train for some epochs; the first, which compiles, is not timed."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras

    from kerasnn import models
    from kerasnn.signature import Signature

    pixels, codes = images(n_images)
    keras.utils.set_random_seed(seed)
    signature = Signature.image(SIDE, SIDE, CHANNELS, classes=CLASSES)
    network = models.airbench(signature)
    models.get("airbench").initialize(network, {"image": pixels}, None, seed)
    if way == "kerasnn":
        speed, loss = train_compiled(network, signature, pixels, codes, seed=seed)
    else:
        speed, loss = train_fit(keras, network, pixels, codes, in_model="model" in way)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"images_per_s": speed, "loss": loss, "peak_mb": peak}


def images(n_images: int):
    """Noise with a faint pattern for each class, so that there is something to learn."""
    import numpy as np

    generator = np.random.default_rng(0)
    codes = generator.integers(0, CLASSES, n_images).astype("int32")
    patterns = generator.integers(0, 256, (CLASSES, SIDE, SIDE, CHANNELS))
    noise = generator.integers(0, 256, (n_images, SIDE, SIDE, CHANNELS))
    return ((noise * 2 + patterns[codes]) // 3).astype("uint8"), codes


def train_fit(keras, network, pixels, codes, *, in_model: bool):
    """Plain Keras with its own augmentation."""
    import tensorflow as tf

    layers = keras.layers
    change = keras.Sequential(
        [
            layers.RandomTranslation(0.125, 0.125, fill_mode="reflect"),
            layers.RandomFlip("horizontal"),
            layers.RandomErasing((1.0, 1.0), (0.0625, 0.0625), value_range=(0, 255)),
        ]
    )
    rows = tf.data.Dataset.from_tensor_slices((pixels, codes)).shuffle(len(pixels))
    rows = rows.batch(BATCH, drop_remainder=True)
    if in_model:
        inputs = keras.Input((SIDE, SIDE, CHANNELS))
        model = keras.Model(inputs, network({"image": change(inputs)}))
    else:
        model = network
        rows = rows.map(
            lambda x, y: ({"image": change(tf.cast(x, "float32"), training=True)}, y),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
    rows = rows.prefetch(tf.data.AUTOTUNE)
    optimizer = keras.optimizers.SGD(0.01, momentum=0.85, nesterov=True)
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(rows, epochs=1, verbose=0)
    began = time.perf_counter()
    history = model.fit(rows, epochs=EPOCHS - 1, verbose=0).history
    trained = len(pixels) // BATCH * BATCH * (EPOCHS - 1)
    return trained / (time.perf_counter() - began), history["loss"][-1]


def train_compiled(network, signature, pixels, codes, *, seed: int):
    """The compiled epochs, as `kerasnn train` runs them."""
    import numpy as np

    from kerasnn.options import TrainingOptions
    from kerasnn.training.augmentation import Augmenter
    from kerasnn.training.determinism import deterministic
    from kerasnn.training.engine import Arrays, Engine
    from kerasnn.training.losses import loss_function

    training_options = TrainingOptions(
        batch_size=BATCH, optimizer="nesterov", momentum=0.85, weight_decay=0.0, clip_norm=0.0
    )
    augmenter = Augmenter(("shift", "flip", "cutout"), signature.image_inputs, seed=seed)
    with deterministic():
        engine = Engine(
            network,
            Arrays({"image": pixels}, codes),
            training_options=training_options,
            row_loss=loss_function(training_options, signature.output),
            seed=seed,
            augmenter=augmenter,
        )
        rates = np.full(engine.steps_per_epoch, 0.01, "float32")
        engine.run_epoch(0, rates)
        began = time.perf_counter()
        losses = [engine.run_epoch(epoch, rates)["loss"] for epoch in range(1, EPOCHS)]
    trained = engine.steps_per_epoch * BATCH * (EPOCHS - 1)
    return trained / (time.perf_counter() - began), losses[-1]


if __name__ == "__main__":
    main()
