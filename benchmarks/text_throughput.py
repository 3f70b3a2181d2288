"""Texts a second of kerasnn against ``keras.Model.fit`` with TextVectorization, in one run.

The same network (fasttext of the zoo), optimizer, batch size and texts for all. kerasnn cuts the
texts into tokens once, before the epochs, and that is timed with them; `fit` has its
TextVectorization layer in front of the network, or in the threads of a ``tf.data`` pipeline, as its
guides show both. Each way runs in a process of its own, and the ways take turns.

    python benchmarks/text_throughput.py [--rounds 3] [--texts 20000]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from statistics import median

WORDS, LENGTH, BATCH, EPOCHS = 8_000, 60, 256, 6
WAYS = ("kerasnn", "fit, layer in the model", "fit, tf.data pipeline")


def main() -> None:
    """Run every way in turn and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--way", choices=WAYS)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.way:
        print(json.dumps(measure(arguments.way, arguments.texts, arguments.seed)))
        return
    results: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for seed in range(arguments.rounds):
        for way in WAYS:
            command = [sys.executable, __file__, "--way", way, "--seed", str(seed)]
            command += ["--texts", str(arguments.texts)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            results[way].append(json.loads(done.stdout.splitlines()[-1]))
    report(results, arguments.texts)


def report(results: dict[str, list[dict[str, float]]], n_texts: int) -> None:
    """Medians, and ratios round by round."""
    print(f"{n_texts:,} texts of about {LENGTH // 2} words, fasttext, Adam, batch {BATCH}")
    print(f"{EPOCHS} epochs; the first, which compiles, is not timed; cutting into tokens is")
    print(f"{'':26}{'texts/s':>10}{'kerasnn is':>12}{'loss':>18}")
    for way in WAYS:
        speed = median(each["texts_per_s"] for each in results[way])
        pairs = zip(results["kerasnn"], results[way], strict=True)
        faster = median(ours["texts_per_s"] / other["texts_per_s"] for ours, other in pairs)
        losses = sorted(each["loss"] for each in results[way])
        print(f"{way:26}{speed:10,.0f}{faster:11.2f}x{losses[0]:>12.3f}-{losses[-1]:.3f}")


def measure(way: str, n_texts: int, seed: int) -> dict[str, float]:
    """Train for some epochs; the first, which compiles, is not timed."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras

    from kerasnn import models
    from kerasnn.options import PreprocessingOptions
    from kerasnn.preprocessing.texts import TextColumn
    from kerasnn.signature import Output, Signature

    texts, codes = made(n_texts)
    options = PreprocessingOptions(text_length=LENGTH, max_tokens=WORDS)
    column = TextColumn.fit("text", texts, options, unit="words")
    signature = Signature(Output("binary", 1), texts=(column.text,))
    keras.utils.set_random_seed(seed)
    network = models.fasttext(signature)
    if way == "kerasnn":
        speed, loss = train_compiled(network, column, texts, codes, seed=seed)
    else:
        speed, loss = train_fit(network, column, texts, codes, in_model="model" in way)
    return {"texts_per_s": speed, "loss": loss}


def made(n_texts: int):
    """Texts of words whose frequencies fall as in a language; some of them tell the class."""
    import numpy as np

    generator = np.random.default_rng(0)
    shares = 1 / np.arange(1, WORDS + 1)
    lengths = generator.integers(5, LENGTH - 5, n_texts)
    words = generator.choice(WORDS, lengths.sum(), p=shares / shares.sum())
    rows = np.split(words, np.cumsum(lengths)[:-1])
    codes = np.array([int((row % 7 == 3).mean() > 0.12) for row in rows], "int32")
    return [" ".join(f"word{word}" for word in row) for row in rows], codes


def train_fit(network, column, texts, codes, *, in_model: bool):
    """Plain Keras with its own layer for texts."""
    import keras
    import tensorflow as tf

    vectorize = keras.layers.TextVectorization(
        output_sequence_length=LENGTH, vocabulary=list(column.words)
    )
    given = tf.constant(texts), codes[:, None]
    rows = tf.data.Dataset.from_tensor_slices(given).shuffle(len(texts))
    rows = rows.batch(BATCH, drop_remainder=True)
    if in_model:
        inputs = keras.Input((), dtype="string")
        model = keras.Model(inputs, network({"text": tokens(vectorize, inputs)}))
    else:
        model = network
        rows = rows.map(
            lambda x, y: ({"text": tokens(vectorize, x)}, y), num_parallel_calls=tf.data.AUTOTUNE
        )
    rows = rows.prefetch(tf.data.AUTOTUNE)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.005), loss)
    model.fit(rows, epochs=1, verbose=0)
    began = time.perf_counter()
    history = model.fit(rows, epochs=EPOCHS - 1, verbose=0).history
    trained = len(texts) // BATCH * BATCH * (EPOCHS - 1)
    return trained / (time.perf_counter() - began), history["loss"][-1]


def tokens(vectorize, texts):
    """Codes as the network wants them."""
    from keras import ops

    return ops.cast(vectorize(texts), "int32")


def train_compiled(network, column, texts, codes, *, seed: int):
    """The compiled epochs, as `kerasnn train` runs them."""
    import numpy as np

    from kerasnn.options import TrainingOptions
    from kerasnn.signature import Output
    from kerasnn.training.determinism import deterministic
    from kerasnn.training.engine import Arrays, Engine
    from kerasnn.training.losses import loss_function

    training_options = TrainingOptions(
        batch_size=BATCH, optimizer="adam", weight_decay=0.0, clip_norm=0.0
    )
    began = time.perf_counter()
    inputs = {"text": column.encode(texts)}
    seconds = time.perf_counter() - began
    with deterministic():
        engine = Engine(
            network,
            Arrays(inputs, codes),
            training_options=training_options,
            row_loss=loss_function(training_options, Output("binary", 1)),
            seed=seed,
        )
        rates = np.full(engine.steps_per_epoch, 0.005, "float32")
        engine.run_epoch(0, rates)
        began = time.perf_counter()
        losses = [engine.run_epoch(epoch, rates)["loss"] for epoch in range(1, EPOCHS)]
    trained = engine.steps_per_epoch * BATCH * (EPOCHS - 1)
    return trained / (seconds + time.perf_counter() - began), losses[-1]


if __name__ == "__main__":
    main()
