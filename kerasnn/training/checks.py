"""Whether options of the training fit the task: said before Keras is imported."""

from __future__ import annotations

from kerasnn.errors import ConfigError
from kerasnn.recipes import Recipe
from kerasnn.signature import Task

CLASS_LOSSES = ("crossentropy", "focal")


def check_loss(recipe: Recipe, task: Task) -> None:
    """Raise if a loss is not one of the task of a table.

    Raises:
        ConfigError: The loss is for forecasts, or for classes and the target is a number.
    """
    name = recipe.loss
    if name == "quantile":
        raise ConfigError(
            f"loss 'quantile' is for forecasts and the task is {task}",
            fix="choose another loss, or set `forecast.horizon`",
        )
    if task == "regression" and name in CLASS_LOSSES:
        raise ConfigError(
            f"loss '{name}' is for classes and the task is regression",
            fix="choose mse, mae or huber",
        )


def check_class_weight(recipe: Recipe, task: Task) -> None:
    """Raise if classes are to be weighted where a row has any number of labels.

    Raises:
        ConfigError: The task is ``multilabel``.
    """
    if recipe.class_weight != "none" and task == "multilabel":
        fix = "leave it out, or try the loss 'focal'"
        raise ConfigError("`class_weight` needs a target with one class a row", fix=fix)


def check_forecast_loss(recipe: Recipe) -> None:
    """Raise if a loss is one for classes.

    Raises:
        ConfigError: It is.
    """
    if recipe.loss in CLASS_LOSSES:
        raise ConfigError(
            f"loss '{recipe.loss}' is for classes and the task is forecast",
            fix="choose mse, mae, huber or quantile",
        )


def forecast_measure(recipe: Recipe, *, has_quantiles: bool) -> str:
    """Name of the measure that picks the best epoch of a forecast.

    Args:
        recipe: Names the loss and the monitor.
        has_quantiles: Whether the network forecasts quantiles.

    Raises:
        ConfigError: There is no such measure.
    """
    loss = {"auto": "mse", "huber": "mae"}.get(recipe.loss, recipe.loss)
    if has_quantiles:
        loss = "quantile_loss"
    name = loss if recipe.monitor in ("auto", "loss", "main") else recipe.monitor
    allowed = ("quantile_loss",) if has_quantiles else ("mse", "mae", "rmse")
    if name not in allowed:
        fix = f"choose {' or '.join(allowed)}"
        raise ConfigError(
            f"a forecast can't be monitored by '{name}'", place="training.monitor", fix=fix
        )
    return name
