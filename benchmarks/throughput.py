"""Rows a second of the compiled epoch against ``keras.Model.fit``, in one run.

The same network, optimizer, rows and batch size for all, and the same first weights within a round,
which is a seed; each way in a process of its own, so that the peak memory is its own. The ways take
turns, so that a machine that slows down slows all of them down.

    python benchmarks/throughput.py [--rounds 3]
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

ROWS, FEATURES, WIDTH, BATCH, EPOCHS = 50_000, 10, 256, 256, 5
WAYS = ("kerasnn", "fit", "fit, 64 steps a call")


def main() -> None:
    """Run every way in turn and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--way", choices=WAYS)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.way:
        print(json.dumps(measure(arguments.way, arguments.seed)))
        return
    results: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for seed in range(arguments.rounds):
        for way in WAYS:
            command = [sys.executable, __file__, "--way", way, "--seed", str(seed)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            results[way].append(json.loads(done.stdout.splitlines()[-1]))
    report(results)


def report(results: dict[str, list[dict[str, float]]]) -> None:
    """Medians, and ratios round by round."""
    print(f"{ROWS:,} x {FEATURES} numbers, 2 x {WIDTH} hidden, AdamW, batch {BATCH}")
    print(f"{'':22}{'rows/s':>10}{'kerasnn is':>12}{'loss':>16}{'peak MB':>9}{'kerasnn is':>12}")
    for way in WAYS:
        speed = median(each["rows_per_s"] for each in results[way])
        pairs = list(zip(results["kerasnn"], results[way], strict=True))
        faster = median(ours["rows_per_s"] / other["rows_per_s"] for ours, other in pairs)
        larger = median(ours["peak_mb"] / other["peak_mb"] for ours, other in pairs)
        losses = sorted(each["loss"] for each in results[way])
        loss = f"{losses[0]:.4f}-{losses[-1]:.4f}"
        peak = median(each["peak_mb"] for each in results[way])
        print(f"{way:22}{speed:10,.0f}{faster:11.2f}x{loss:>16}{peak:9,.0f}{larger:11.2f}x")


def measure(way: str, seed: int) -> dict[str, float]:
    """Train for five epochs; the first, which compiles, is not timed."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras
    import numpy as np

    generator = np.random.default_rng(0)
    numbers = generator.normal(size=(ROWS, FEATURES)).astype("float32")
    target = np.sin(numbers @ generator.normal(size=FEATURES)).astype("float32")
    keras.utils.set_random_seed(seed)
    network = build(keras)
    if way == "kerasnn":
        speed, loss = train_compiled(network, numbers, target, seed=seed)
    else:
        speed, loss = train_fit(keras, network, numbers, target, steps=64 if "64" in way else 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"rows_per_s": speed, "loss": loss, "peak_mb": peak}


def build(keras):
    """The network that all ways train."""
    inputs = {"numbers": keras.Input((FEATURES,), name="numbers")}
    hidden = inputs["numbers"]
    for _ in range(2):
        hidden = keras.layers.Dense(WIDTH, activation="relu")(hidden)
    return keras.Model(inputs, keras.layers.Dense(1)(hidden))


def train_fit(keras, network, numbers, target, *, steps):
    """Plain Keras."""
    optimizer = keras.optimizers.AdamW(1e-3, weight_decay=1e-2)
    network.compile(optimizer, "mse", steps_per_execution=steps)

    def fit(epochs):
        return network.fit(
            {"numbers": numbers}, target[:, None], batch_size=BATCH, epochs=epochs, verbose=0
        )

    fit(1)
    began = time.perf_counter()
    history = fit(EPOCHS - 1).history
    return ROWS * (EPOCHS - 1) / (time.perf_counter() - began), history["loss"][-1]


def train_compiled(network, numbers, target, *, seed):
    """The compiled epochs with their default settings."""
    from kerasnn.options import TrainingOptions
    from kerasnn.signature import Output
    from kerasnn.training.engine import Arrays, Engine
    from kerasnn.training.losses import loss_function
    from kerasnn.training.schedules import learning_rates

    training_options = TrainingOptions(
        batch_size=BATCH, schedule="constant", warmup=0.0, clip_norm=0.0
    )
    loss = loss_function(training_options, Output("regression", 1))
    rows = Arrays({"numbers": numbers}, target)
    engine = Engine(network, rows, training_options=training_options, row_loss=loss, seed=seed)
    steps = engine.steps_per_epoch

    def epoch(number):
        rates = learning_rates(training_options, first=0, count=steps, total=steps)
        return engine.run_epoch(number, rates)["loss"]

    epoch(0)
    began = time.perf_counter()
    losses = [epoch(number) for number in range(1, EPOCHS)]
    trained = steps * BATCH * (EPOCHS - 1)
    return trained / (time.perf_counter() - began), losses[-1]


if __name__ == "__main__":
    main()
