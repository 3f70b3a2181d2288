"""Whole epochs of gradient steps in one compiled function.

`keras.Model.fit` enters Python once a step; here Python is entered once an epoch (or a few times,
for a long one). The rows lie on the device, a permuted index picks each batch, and the learning
rates of the epoch come as a vector. What is random is the order, a function of seed and epoch, and
the states of the network's seed generators: both survive a checkpoint, so a killed run ends with
the bits of one that was not. Rows that don't fit in memory come block by block, in the same order
through the same step, and end with the same bits too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from kerasnn.layers.members import member_model
from kerasnn.options import TrainingOptions
from kerasnn.runtime import compat
from kerasnn.training.losses import RowLoss, over_members
from kerasnn.training.noise import hashed_uniform
from kerasnn.training.optimizers import build_optimizer, is_kernel
from kerasnn.training.regularization import regularized

if TYPE_CHECKING:
    from kerasnn.data.media.stored import Rows
    from kerasnn.training.augmentation import Augmenter, Mix

# Steps in one call of the compiled function last about this long, so that Ctrl-C, a time limit and
# the progress bar do not wait for the end of a long epoch.
CALL_SECONDS = 0.5
FIRST_CALL_STEPS = 64
# XLA takes seconds to compile; below this many steps in all it costs more than it gains.
XLA_STEPS = 1500
# Of the rows on disk, so much is in memory at once; the next block is read meanwhile.
BLOCK_BYTES = 64_000_000


@dataclass(frozen=True)
class Arrays:
    """Rows as a network is trained on them.

    Args:
        inputs: Inputs by name, (n, …) each; in memory, or on disk and read by rows.
        target: (n,) int32 codes or float32 values.
        weights: (n,) float32 with mean 1, or None.
    """

    inputs: Mapping[str, Rows]
    target: np.ndarray
    weights: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.target)

    @property
    def on_disk(self) -> bool:
        """Whether some input is not in memory."""
        return not all(isinstance(values, np.ndarray) for values in self.inputs.values())

    def take(self, rows: slice | np.ndarray) -> dict[str, Any]:
        """Some rows as tensors: the inputs, the target, and the weights if there are any."""
        tensors = {"inputs": {name: tf.constant(v[rows]) for name, v in self.inputs.items()}}
        tensors["target"] = tf.constant(self.target[rows])
        if self.weights is not None:
            tensors["weights"] = tf.constant(self.weights[rows])
        return tensors


@dataclass(frozen=True)
class _Block:
    """Steps one after the other, with the rows that they need.

    Args:
        data: Tensors that `Arrays.take` returned.
        rows: Number of each row in the training part, int32 (steps, batch).
        places: Its place in the data, likewise.
        first: Number of the first step, within the epoch.
    """

    data: Mapping[str, Any]
    rows: np.ndarray
    places: np.ndarray
    first: int = 0


def batch_size_for(n_rows: int) -> int:
    """Rows a step by the number of training rows (Holzmüller et al., 2024, arXiv 2407.04491)."""
    for limit, size in ((1024, 64), (8192, 128), (30_000, 256), (100_000, 512)):
        if n_rows <= limit:
            return size
    return 1024


def wanted_batch(training_options: TrainingOptions, n_rows: int) -> int:
    """Rows a step that a recipe asks for, of which there are no more than rows."""
    return min(training_options.batch_size or batch_size_for(n_rows), n_rows)


def gains_from_xla(network: keras.Model) -> bool:
    """Whether XLA speeds a network up on a CPU: dense ones yes, convolutions and loops no."""
    slow = (keras.layers.RNN, keras.layers.Bidirectional)
    layers = list(compat.all_layers(network))
    return not any(isinstance(x, slow) or "Conv" in type(x).__name__ for x in layers)


class Engine:
    """Trains a network.

    Args:
        network: Inputs by name, raw outputs.
        rows: The training rows.
        training_options: Its learning rate must be set.
        row_loss: Loss of each row, from `kerasnn.training.losses.loss_function`.
        seed: Seed of the order of the rows.
        augmenter: Changes the images of a step at random.
    """

    def __init__(
        self,
        network: keras.Model,
        rows: Arrays,
        *,
        training_options: TrainingOptions,
        row_loss: RowLoss,
        seed: int,
        augmenter: Augmenter | None = None,
    ) -> None:
        self.network, self.training_options, self.seed = network, training_options, seed
        self.augmenter = augmenter
        self.n_rows = len(rows)
        self.batch_size = wanted_batch(training_options, self.n_rows)
        # The rows that do not fill a batch are others in each epoch.
        self.steps_per_epoch = self.n_rows // self.batch_size
        self.optimizer = build_optimizer(training_options, network.trainable_variables)
        self.averages = [tf.Variable(v.value) for v in self._averaged]
        self._row_loss = row_loss
        # Members of a network each have their own loss; validation sees their mean.
        self._member_model = member_model(network)
        self._step_loss = row_loss if self._member_model is network else over_members(row_loss)
        self._rows = rows
        self._data = None if rows.on_disk else rows.take(slice(None))
        self._call_steps = FIRST_CALL_STEPS
        # TensorFlow warns when one function is traced often, and takes those of all engines for
        # one; a partial is one of its own.
        self._compiled = tf.function(
            partial(self._run), jit_compile=self._uses_xla(), autograph=False
        )

    @property
    def _averaged(self) -> list[Any]:
        return self.network.trainable_variables if self.training_options.average else []

    def _uses_xla(self) -> bool:
        if self.training_options.compile != "auto":
            return self.training_options.compile == "xla"
        # By rule, not by a stopwatch: the same seed must give the same bits twice.
        enough = self.steps_per_epoch * self.training_options.epochs >= XLA_STEPS
        return enough and gains_from_xla(self.network)

    def order(self, epoch: int) -> np.ndarray:
        """Row numbers of each step of an epoch, int32, (steps_per_epoch, batch_size)."""
        generator = np.random.default_rng([self.seed, epoch])
        used = self.steps_per_epoch * self.batch_size
        rows = generator.permutation(self.n_rows)[:used].astype(np.int32)
        return rows.reshape(self.steps_per_epoch, self.batch_size)

    def run_epoch(
        self,
        epoch: int,
        rates: np.ndarray,
        shares: np.ndarray | None = None,
        *,
        on_call: Callable[[int], bool] | None = None,
    ) -> dict[str, float]:
        """Train for one epoch.

        Args:
            epoch: Number of the epoch, from 0; with the seed it decides the order of the rows.
            rates: Learning rate of each step, float32 (steps_per_epoch,).
            shares: Factors of weight decay and dropout in each step, float32 (steps_per_epoch,),
                where the recipe lets them change; ones if None.
            on_call: Told how many steps are done after each call of the compiled function. The
                epoch ends if it returns true; what it raises ends it too.

        Returns:
            Means over the steps that were done: ``loss`` and ``gradient_norm``.
        """
        n_steps = self.steps_per_epoch
        totals = tf.zeros(2, "float32")
        # As tensors: a Python number would mean a new trace for each value.
        when = tf.constant(epoch)
        shares = np.ones_like(rates) if shares is None else shares
        paces = np.stack([rates, shares], axis=1)
        for block in self._blocks(self.order(epoch)):
            first, count = block.first, len(block.rows)
            given = self._given(block, paces[first : first + count], when)
            for start, stop in self._calls(count):
                # The sums are passed on, because their bits must not depend on how a clock divided
                # the epoch into calls.
                totals = self._compiled(*given, tf.constant(start), tf.constant(stop), totals)
                if on_call and on_call(first + stop):
                    n_steps = first + stop
                    break
            else:
                continue
            break
        loss, norm = (totals / n_steps).numpy().tolist()
        return {"loss": loss, "gradient_norm": norm}

    def _blocks(self, order: np.ndarray) -> Iterator[_Block]:
        """The whole epoch where the rows are in memory, else some steps at a time."""
        if self._data is not None:
            yield _Block(self._data, order, order)
            return
        size = sum(values[:1].nbytes for values in self._rows.inputs.values())
        count = max(1, BLOCK_BYTES // (size * self.batch_size))
        starts = range(0, len(order), count)
        with ThreadPoolExecutor(1) as reader:
            coming = [reader.submit(self._read_block, order, start, count) for start in starts[:1]]
            for start in starts:
                block = coming.pop().result()
                if start + count < len(order):
                    coming.append(reader.submit(self._read_block, order, start + count, count))
                yield block

    def _read_block(self, order: np.ndarray, start: int, count: int) -> _Block:
        rows = order[start : start + count]
        places = np.arange(rows.size, dtype=np.int32).reshape(rows.shape)
        return _Block(self._rows.take(rows.reshape(-1)), rows, places, start)

    def _given(self, block: _Block, paces: np.ndarray, epoch: tf.Tensor) -> tuple[Any, ...]:
        """What the compiled function takes of a block."""
        rows, places = tf.constant(block.rows), tf.constant(block.places)
        return block.data, rows, places, tf.constant(paces), epoch, tf.constant(block.first)

    def _calls(self, count: int) -> Iterator[tuple[int, int]]:
        """First and last step of each call; calls grow until they last `CALL_SECONDS`."""
        start = 0
        while start < count:
            stop = min(start + self._call_steps, count)
            began = time.perf_counter()
            yield start, stop
            if time.perf_counter() - began < CALL_SECONDS / 2:
                self._call_steps *= 2
            start = stop

    def step_loss(self, rows: np.ndarray, rate: float) -> float:
        """One gradient step on the given rows, (batch_size,); its loss."""
        order = rows.astype(np.int32)[None]
        if self._data is None:
            block = self._read_block(order, 0, 1)
        else:
            # Of an epoch's shape: another one would be traced anew.
            order = np.repeat(order, self.steps_per_epoch, axis=0)
            block = _Block(self._data, order, order)
        paces = np.tile(np.array([[rate, 1.0]], "float32"), (len(block.rows), 1))
        ends = tf.constant(0), tf.constant(1), tf.zeros(2, "float32")
        return float(self._compiled(*self._given(block, paces, tf.constant(0)), *ends)[0])

    def _run(
        self,
        data: Mapping[str, Any],
        rows: tf.Tensor,
        places: tf.Tensor,
        paces: tf.Tensor,
        epoch: tf.Tensor,
        first: tf.Tensor,
        start: tf.Tensor,
        stop: tf.Tensor,
        totals: tf.Tensor,
    ) -> Any:
        """Steps ``start`` to ``stop - 1`` of a block; adds up losses and gradient norms."""

        def advance(step: tf.Tensor, totals: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            rate, share = tf.unstack(tf.gather(paces, step))
            self.optimizer.learning_rate.assign(rate)
            batch = _gather(data, tf.gather(places, step))
            inputs, mix = batch["inputs"], None
            if self.augmenter:
                inputs, mix = self.augmenter(
                    inputs, rows=tf.gather(rows, step), epoch=epoch, step=first + step
                )
            return step + 1, totals + self._regularized(batch | {"inputs": inputs}, mix, share)

        # For XLA the ends of a `tf.range` are constants: it would compile anew for each pair.
        return tf.while_loop(lambda step, _: step < stop, advance, (start, totals))[1]

    def _regularized(
        self, batch: Mapping[str, Any], mix: Mix | None, share: tf.Tensor
    ) -> tf.Tensor:
        """A step, with a share of the dropout and the decay where the recipe lets them change.

        Many members drop so many units that the random numbers would take most of the time.
        """
        is_constant = self.training_options.regularization == "constant"
        if is_constant and self._member_model is self.network:
            return self._step(batch, mix)
        draw = hashed_uniform if self._uses_xla() else keras.random.uniform
        share = 1.0 if is_constant else share
        with regularized(self.network, self.optimizer, share, draw=draw):
            return self._step(batch, mix)

    def _step(self, batch: Mapping[str, Any], mix: Mix | None) -> tf.Tensor:
        variables = self.network.trainable_variables
        with tf.GradientTape() as tape:
            outputs = self._member_model(batch["inputs"], training=True)
            losses = self._losses(batch["target"], outputs, mix)
            if "weights" in batch:
                losses *= batch["weights"]
            loss = ops.mean(losses)
            penalized = loss + self._penalty()
        gradients = tape.gradient(penalized, [v.value for v in variables])
        # Embeddings have sparse gradients, in which a row that occurs twice is two entries: their
        # norm and their squares would be wrong.
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        norm = tf.linalg.global_norm(gradients)
        self.optimizer.apply(gradients, variables)
        self._average()
        return tf.stack([loss, norm])

    def _losses(self, target: tf.Tensor, outputs: Any, mix: Mix | None) -> Any:
        """One a row; of an image mixed of two, the mean of the losses by their shares."""
        losses = self._step_loss(target, outputs)
        if mix is None:
            return losses
        others = self._step_loss(tf.gather(target, mix.partner), outputs)
        return mix.share * losses + (1 - mix.share) * others

    def _penalty(self) -> Any:
        """L1 and L2 penalties of the kernels, and the losses that layers add."""
        penalty = sum(self.network.losses, start=tf.zeros(()))
        kernels = [v.value for v in self.network.trainable_variables if is_kernel(v)]
        if self.training_options.l1:
            penalty += self.training_options.l1 * sum(
                ops.sum(ops.abs(kernel)) for kernel in kernels
            )
        if self.training_options.l2:
            penalty += self.training_options.l2 * sum(
                ops.sum(ops.square(kernel)) for kernel in kernels
            )
        return penalty

    def _average(self) -> None:
        """Move the averages towards the weights; faster at first, when little is behind them.

        After step t they keep min(average, t / (t + 10)) of what they were.
        """
        if not self.averages:
            return
        done = ops.cast(self.optimizer.iterations, "float32")
        keep = ops.minimum(self.training_options.average, done / (done + 10))
        for average, variable in zip(self.averages, self._averaged, strict=True):
            average.assign(keep * average + (1 - keep) * variable.value)

    def evaluation_weights(self) -> list[np.ndarray]:
        """What validation looks at, in the order of ``network.variables``: averages, if any."""
        averages = {id(v): a for v, a in zip(self._averaged, self.averages, strict=True)}
        return [averages.get(id(v), v).numpy() for v in self.network.variables]

    @property
    def state(self) -> list[Any]:
        """All variables that the next step depends on, always in the same order."""
        return [*self.network.variables, *self.optimizer.variables, *self.averages]

    def read_state(self) -> list[np.ndarray]:
        """A copy of the state."""
        return [variable.numpy() for variable in self.state]

    def write_state(self, values: list[np.ndarray]) -> None:
        """Put back what `read_state` gave."""
        for variable, value in zip(self.state, values, strict=True):
            variable.assign(value)


def _gather(data: Mapping[str, Any], places: tf.Tensor) -> dict[str, Any]:
    """Some rows of tensors, which may be nested by name."""
    return {
        name: _gather(values, places) if isinstance(values, Mapping) else tf.gather(values, places)
        for name, values in data.items()
    }
