"""The Keras loss and metrics that fit the raw scores of a network, for a ``compile`` of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras
from keras import ops

if TYPE_CHECKING:
    from kerasnn.signature import Signature

Tensor = Any


@keras.saving.register_keras_serializable("kerasnn")
class QuantileLoss(keras.losses.Loss):  # type: ignore[misc]
    """Quantile (pinball) loss: max(q e, (q − 1) e) of the error e = target − forecast.

    Args:
        quantiles: Levels in (0, 1), ascending.
        reduction: Reduction of the losses of a batch, as in Keras.
        name: Name of the loss.

    Shape:
        target: (batch, horizon · targets); forecast: (batch, horizon · targets · quantiles)

    Reference:
        Koenker and Bassett, "Regression quantiles", 1978.
    """

    def __init__(
        self,
        quantiles: Sequence[float],
        *,
        reduction: str = "sum_over_batch_size",
        name: str = "quantile_loss",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.quantiles = tuple(quantiles)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The loss of each row, (batch,)."""
        levels = len(self.quantiles)
        shape = (-1, y_pred.shape[-1] // levels, levels)
        error = ops.expand_dims(ops.cast(y_true, y_pred.dtype), -1) - ops.reshape(y_pred, shape)
        q = ops.convert_to_tensor(self.quantiles, dtype=y_pred.dtype)
        return ops.mean(ops.maximum(q * error, (q - 1.0) * error), axis=(1, 2))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "quantiles": self.quantiles}


def loss_of(signature: Signature) -> keras.losses.Loss:
    """See `kerasnn.models.loss`."""
    if signature.window and signature.window.quantiles:
        return QuantileLoss(signature.window.quantiles)
    if signature.output.task == "multiclass":
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    if signature.output.task in ("binary", "multilabel"):
        return keras.losses.BinaryCrossentropy(from_logits=True)
    return keras.losses.MeanSquaredError()


def metrics_of(signature: Signature) -> list[keras.metrics.Metric]:
    """See `kerasnn.models.metrics`."""
    if signature.window and signature.window.quantiles:
        return []
    if signature.output.task == "multiclass":
        return [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]
    if signature.output.task in ("binary", "multilabel"):
        # A probability above 0.5 is a logit above 0.
        return [keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)]
    return [keras.metrics.RootMeanSquaredError(name="rmse")]
