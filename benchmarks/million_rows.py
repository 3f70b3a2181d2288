"""A million rows of 30 numbers: compiled epochs, ``keras.Model.fit`` and LightGBM, in one run.

    pip install lightgbm
    python benchmarks/million_rows.py [--rows 1000000] [--epochs 2]

The rows are made here. Each way runs in a process of its own, so that the peak memory is its own.
Speed is that of the epochs behind the first, which compiles; the score is the AUC on other rows.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time

FEATURES, TEST_ROWS, BATCH = 30, 50_000, 1024
NETWORKS = ("mlp", "tabm")
WAYS = [*(f"{name} {way}" for name in NETWORKS for way in ("kerasnn", "fit")), "lightgbm"]


def main() -> None:
    """Run every way and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--epochs", type=int, default=2, help="that are timed")
    parser.add_argument("--way", choices=WAYS)
    arguments = parser.parse_args()
    if arguments.way:
        print(json.dumps(measure(arguments.way, arguments.rows, arguments.epochs)))
        return
    print(f"{arguments.rows:,} x {FEATURES} numbers, batch {BATCH}, tabm of its small profile")
    print(f"{'':18}{'rows/s':>10}{'seconds':>10}{'peak MB':>10}{'AUC':>8}")
    for way in WAYS:
        sizes = ["--rows", str(arguments.rows), "--epochs", str(arguments.epochs)]
        command = [sys.executable, __file__, "--way", way, *sizes]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
        speed = f"{found['rows_per_s']:,.0f}" if "rows_per_s" in found else ""
        print(
            f"{way:18}{speed:>10}{found['seconds']:10.1f}{found['peak_mb']:10,.0f}"
            f"{found['auc']:8.4f}",
            flush=True,
        )


def rows(count: int):
    """Numbers and a class that depends on sums, products and steps of some of them."""
    import numpy as np

    draw = np.random.default_rng(0)
    x = draw.normal(size=(count + TEST_ROWS, FEATURES)).astype("float32")
    score = x[:, 0] + x[:, 1] * x[:, 2] + np.sin(3 * x[:, 3]) + (x[:, 4] > 0.5) * x[:, 5]
    score += 0.3 * (x[:, 6:16] @ draw.normal(size=10)) + draw.normal(size=len(x))
    return x, (score > 0).astype("int32")


def measure(way: str, count: int, epochs: int) -> dict[str, float]:
    """Seconds, rows a second, memory and score of one way."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    from sklearn.metrics import roc_auc_score

    x, y = rows(count)
    if way == "lightgbm":
        found, scores = boosted(x, y, count)
    else:
        found, scores = trained(way, x, y, count, epochs)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {**found, "peak_mb": peak, "auc": roc_auc_score(y[count:], scores)}


def boosted(x, y, count):
    """As many trees as gain on a twentieth of the rows."""
    from lightgbm import LGBMClassifier, early_stopping

    began, cut = time.perf_counter(), count - count // 20
    model = LGBMClassifier(n_estimators=5_000, learning_rate=0.05, verbose=-1).fit(
        x[:cut],
        y[:cut],
        eval_set=[(x[cut:count], y[cut:count])],
        callbacks=[early_stopping(100, verbose=False)],
    )
    seconds = time.perf_counter() - began
    return {"seconds": seconds}, model.predict_proba(x[count:])[:, 1]


def trained(way, x, y, count, epochs):
    """A network of the zoo, by compiled epochs or by Keras' own loop."""
    import keras

    from kerasnn import models
    from kerasnn.layers.members import member_model
    from kerasnn.signature import Signature

    name, _, how = way.partition(" ")
    entry = models.get(name)
    keras.utils.set_random_seed(0)
    sizes = {k: v for k, v in entry.profiles.get("small", {}).items() if "." not in k}
    network = models.build(name, Signature.table(numbers=FEATURES, classes=2), **sizes)
    run = compiled if how == "kerasnn" else fitted
    first, later = run(
        keras, network, member_model(network), entry.training_options, x[:count], y[:count], epochs
    )
    scores = network.predict({"numbers": x[count:]}, batch_size=8192, verbose=0)[:, 0]
    return {"seconds": first + later, "rows_per_s": count * epochs / later}, scores


def compiled(keras, network, inner, training_options, x, y, epochs):
    """Seconds of the first epoch and of the others."""
    from dataclasses import replace

    import numpy as np

    from kerasnn.signature import Output
    from kerasnn.training.engine import Arrays, Engine
    from kerasnn.training.losses import loss_function

    training_options = replace(training_options, batch_size=BATCH)
    loss = loss_function(training_options, Output("binary", 1))
    engine = Engine(
        network, Arrays({"numbers": x}, y), training_options=training_options, row_loss=loss, seed=0
    )
    rates = np.full(engine.steps_per_epoch, training_options.learning_rate, "float32")
    began = time.perf_counter()
    engine.run_epoch(0, rates)
    first = time.perf_counter()
    for epoch in range(1, epochs + 1):
        engine.run_epoch(epoch, rates)
    return first - began, time.perf_counter() - first


def fitted(keras, network, inner, training_options, x, y, epochs):
    """The same network, loss, optimizer and batch through Keras."""
    from kerasnn.options import TrainingOptions
    from kerasnn.signature import Output
    from kerasnn.training.losses import loss_function, over_members

    loss = loss_function(TrainingOptions(), Output("binary", 1))
    loss = loss if inner is network else over_members(loss)
    optimizer = keras.optimizers.AdamW(
        training_options.learning_rate,
        weight_decay=training_options.weight_decay,
        global_clipnorm=training_options.clip_norm or None,
    )
    inner.compile(optimizer, lambda truth, outputs: loss(keras.ops.reshape(truth, (-1,)), outputs))

    def fit(count):
        began = time.perf_counter()
        inner.fit({"numbers": x}, y, batch_size=BATCH, epochs=count, verbose=0)
        return time.perf_counter() - began

    return fit(1), fit(epochs)


if __name__ == "__main__":
    main()
