"""Sequences a second of the compiled epoch against ``keras.Model.fit``, in one run.

The same network of the zoo, optimizer, batch size and series for both; each way runs in a process
of its own, and the ways take turns, so that a machine that slows down slows both down.

    python benchmarks/sequence_throughput.py [--rounds 3] [--models gru,fcn]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from statistics import median

SERIES, LENGTH, CHANNELS, CLASSES, BATCH, EPOCHS = 1024, 100, 8, 5, 64, 4
MODELS = "lstm,gru,bilstm,fcn,lite_time,tcn"
WAYS = ("kerasnn", "fit")


def main() -> None:
    """Run every way in turn and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--models", default=MODELS)
    parser.add_argument("--way", choices=WAYS)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    names = arguments.models.split(",")
    if arguments.way:
        print(json.dumps(measure(names[0], arguments.way, arguments.seed)))
        return
    print(f"{SERIES:,} series of {LENGTH} x {CHANNELS}, AdamW, batch {BATCH}")
    print(f"{'':16}{'kerasnn /s':>12}{'fit /s':>10}{'kerasnn is':>12}{'losses':>20}")
    for name in names:
        report(name, arguments.rounds)


def report(name: str, rounds: int) -> None:
    """One line: medians, and the median of the ratios round by round."""
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for seed in range(rounds):
        for way in WAYS:
            command = [sys.executable, __file__, "--way", way, "--seed", str(seed)]
            command += ["--models", name]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found[way].append(json.loads(done.stdout.splitlines()[-1]))
    speeds = [median(each["series_per_s"] for each in found[way]) for way in WAYS]
    pairs = zip(*found.values(), strict=True)
    faster = median(ours["series_per_s"] / other["series_per_s"] for ours, other in pairs)
    losses = " / ".join(f"{median(each['loss'] for each in found[way]):.3f}" for way in WAYS)
    print(f"{name:16}{speeds[0]:12,.0f}{speeds[1]:10,.0f}{faster:11.2f}x{losses:>20}", flush=True)


def measure(name: str, way: str, seed: int) -> dict[str, float]:
    """Train for some epochs; the first, which compiles, is not timed."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras
    import numpy as np

    from kerasnn import models
    from kerasnn.signature import Signature

    generator = np.random.default_rng(0)
    codes = generator.integers(0, CLASSES, SERIES).astype("int32")
    waves = np.sin(np.arange(LENGTH)[:, None] * generator.uniform(0.1, 1, (CLASSES, 1, CHANNELS)))
    noise = generator.normal(size=(SERIES, LENGTH, CHANNELS))
    series = (waves[codes] + noise).astype("float32")
    # Of different lengths.
    lengths = generator.integers(LENGTH // 2, LENGTH + 1, SERIES)
    series[np.arange(LENGTH) >= lengths[:, None]] = np.nan
    keras.utils.set_random_seed(seed)
    signature = Signature.time_series(LENGTH, CHANNELS, classes=CLASSES)
    network = models.build(name, signature)
    train = train_compiled if way == "kerasnn" else train_fit
    speed, loss = train(network, signature, series, codes, seed)
    return {"series_per_s": speed, "loss": loss}


def train_fit(network, signature, series, codes, seed):
    """Plain Keras."""
    import keras

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.AdamW(1e-3, weight_decay=1e-2), loss)

    def fit(epochs):
        return network.fit({"series": series}, codes, batch_size=BATCH, epochs=epochs, verbose=0)

    fit(1)
    began = time.perf_counter()
    history = fit(EPOCHS - 1).history
    return SERIES * (EPOCHS - 1) / (time.perf_counter() - began), history["loss"][-1]


def train_compiled(network, signature, series, codes, seed):
    """The compiled epochs, as `kerasnn train` runs them."""
    import numpy as np

    from kerasnn.options import TrainingOptions
    from kerasnn.training.determinism import deterministic
    from kerasnn.training.engine import Arrays, Engine
    from kerasnn.training.losses import loss_function

    training_options = TrainingOptions(batch_size=BATCH, clip_norm=0.0)
    with deterministic():
        engine = Engine(
            network,
            Arrays({"series": series}, codes),
            training_options=training_options,
            row_loss=loss_function(training_options, signature.output),
            seed=seed,
        )
        rates = np.full(engine.steps_per_epoch, 1e-3, "float32")
        engine.run_epoch(0, rates)
        began = time.perf_counter()
        losses = [engine.run_epoch(epoch, rates)["loss"] for epoch in range(1, EPOCHS)]
    trained = engine.steps_per_epoch * BATCH * (EPOCHS - 1)
    return trained / (time.perf_counter() - began), losses[-1]


if __name__ == "__main__":
    main()
