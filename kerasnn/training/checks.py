"""Whether options of the training fit the task: said before Keras is imported."""

from __future__ import annotations

from kerasnn.errors import ConfigError
from kerasnn.options import TrainingOptions
from kerasnn.signature import Task

CLASS_LOSSES = ("crossentropy", "focal")


def check_loss(training_options: TrainingOptions, task: Task) -> None:
    """Raise if a loss is not one of the task of a table.

    Raises:
        ConfigError: The loss is for forecasts, or for classes and the target is a number.
    """
    name = training_options.loss
    if name == "quantile":
        raise ConfigError(
            f"loss 'quantile' is for forecasts and the task is {task}",
            hint="choose another loss, or set `forecast.horizon`",
        )
    if task == "regression" and name in CLASS_LOSSES:
        raise ConfigError(
            f"loss '{name}' is for classes and the task is regression",
            hint="choose mse, mae or huber",
        )


def check_class_weight(training_options: TrainingOptions, task: Task) -> None:
    """Raise if classes are to be weighted where a row has any number of labels.

    Raises:
        ConfigError: The task is ``multilabel``.
    """
    if training_options.class_weight != "none" and task == "multilabel":
        hint = "leave it out, or try the loss 'focal'"
        raise ConfigError("`class_weight` needs a target with one class a row", hint=hint)


def check_forecast_loss(training_options: TrainingOptions) -> None:
    """Raise if a loss is one for classes.

    Raises:
        ConfigError: It is.
    """
    if training_options.loss in CLASS_LOSSES:
        raise ConfigError(
            f"loss '{training_options.loss}' is for classes and the task is forecast",
            hint="choose mse, mae, huber or quantile",
        )


def forecast_measure(training_options: TrainingOptions, *, has_quantiles: bool) -> str:
    """Name of the measure that picks the best epoch of a forecast.

    Args:
        training_options: Names the loss and the monitor.
        has_quantiles: True if the network forecasts quantiles.

    Raises:
        ConfigError: There is no such measure.
    """
    loss = {"auto": "mse", "huber": "mae"}.get(training_options.loss, training_options.loss)
    if has_quantiles:
        loss = "quantile_loss"
    name = (
        loss if training_options.monitor in ("auto", "loss", "main") else training_options.monitor
    )
    allowed = ("quantile_loss",) if has_quantiles else ("mse", "mae", "rmse")
    if name not in allowed:
        hint = f"choose {' or '.join(allowed)}"
        raise ConfigError(
            f"a forecast can't be monitored by '{name}'", location="training.monitor", hint=hint
        )
    return name
