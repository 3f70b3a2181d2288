"""What the classifier and the regressor share: parameters to configuration, rows to a bundle."""

from __future__ import annotations

import numbers
import os
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils.validation import check_is_fitted, column_or_1d

from kerasnn.bundle import Bundle
from kerasnn.config.config import AUTO, Config
from kerasnn.config.settings import Settings, collect
from kerasnn.data import SourceTable
from kerasnn.data.schema import Target
from kerasnn.data.splits import split
from kerasnn.datasets.tabular import Table, decoded
from kerasnn.errors import ConfigError, DataError, warn
from kerasnn.estimators.rows import (
    Weights,
    are_series,
    free_name,
    make_schema,
    read_rows,
    read_weights,
)
from kerasnn.estimators.saving import (
    from_bytes,
    note_estimator,
    read_names,
    read_parameters,
    to_bytes,
)
from kerasnn.prediction.calibrate import monitor_for
from kerasnn.selection.data_defaults import adapt
from kerasnn.selection.resolve import resolve
from kerasnn.signature import Kind
from kerasnn.trainers import ensemble as ensembles
from kerasnn.trainers import ensemble_plan
from kerasnn.trainers.fit import TrainedModel, TrainingSetup, fit_network, prepare
from kerasnn.training.progress import ProgressBar

# Keys of the configuration that have a parameter of their own, or say nothing here.
_NOT_SETTINGS = {
    "data": "pass `columns`, or prepare the table",
    "split": "pass `validation_fraction`, or split the table",
    "model.name": "pass `model`",
    "run.seed": "pass `random_state`",
    "run.time_limit_s": "pass `time_limit_s`",
    "run.output": "an estimator keeps no folder",
    "run.tensorboard": "an estimator keeps no folder",
    "run.baselines": "an estimator is compared by scikit-learn",
}


class Estimator(BaseEstimator):  # type: ignore[misc]
    """Trains by `kerasnn.trainers.fit`, on the rows of scikit-learn."""

    _is_for: ClassVar[str]

    def __init__(
        self,
        model: str = AUTO,
        *,
        hyperparameters: Mapping[str, Any] | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        patience: int | None = None,
        settings: Mapping[str, Any] | None = None,
        columns: Mapping[str, str] | None = None,
        validation_fraction: float = 0.15,
        time_limit_s: float | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.model = model
        self.hyperparameters = hyperparameters
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.patience = patience
        self.settings = settings
        self.columns = columns
        self.validation_fraction = validation_fraction
        self.time_limit_s = time_limit_s
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on all rows but a share that picks the best epoch.

        Args:
            X: A DataFrame of pandas, polars or Arrow with numbers, text, categories or dates, or a
                matrix of numbers; texts as a Series, an array or a list; images, (n, height,
                width, channels); or series, (n, time, channels), NaN behind the end of a shorter
                one. Missing cells are welcome.
            y: Labels or values, (n,).
            sample_weight: Weights of the rows, (n,), >= 0, which count in training and in picking
                the best epoch. A row of weight 0 is left out.

        Raises:
            DataError: The rows can't be learned from; a ValueError.
            ConfigError: A parameter is wrong; a ValueError.
        """
        if y is None:
            raise DataError("the estimator requires y to be passed, but the target y is None")
        frame = read_rows(self, X)
        check_consistent_length(frame, y)
        shape = np.asarray(y).shape
        if len(shape) == 2 and shape[1] > 1:
            problem = f"y must have one column; got {shape[1]}"
            hint = "for several labels a row, use kerasnn.train with a column of lists"
            raise DataError(problem, hint=hint)
        labels = column_or_1d(y, warn=True)
        weights = read_weights(sample_weight, len(frame))
        if weights is not None and not weights.all():
            counted = np.flatnonzero(weights)
            frame = frame.iloc[counted].reset_index(drop=True)
            labels, weights = labels[counted], weights[counted]
        name = free_name(getattr(y, "name", None), [str(column) for column in frame.columns])
        target, cells = self._read_target(name, labels)
        settings = self._settings()
        known: dict[str, Kind] = {str(frame.columns[0]): "series"} if are_series(X) else {}
        schema = make_schema(frame, target, kinds=known | dict(settings.data.columns))
        config = resolve(settings, schema, frame)
        frame[name] = cells
        source, schema = decoded(SourceTable(frame, "X"), schema, config)
        splits = split(source, schema, config.split, seed=config.run.seed)
        table = Table(source, schema, splits)
        config = adapt(config, table.rows("train"), table.rows("validation"), schema)
        return self._keep(self._fit(table, config, self._weigh(labels, weights)))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one file that holds data and no code; `kerasnn.load` reads it too.

        Raises:
            StorageError: It could not be written; an earlier file is intact.
        """
        check_is_fitted(self)
        self.bundle_.save(path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what `save`, or a run of `kerasnn.train`, has written.

        Raises:
            ConfigError: The model is for another task.
            ModelRefusedError: The file is damaged, hostile or too new.
        """
        bundle = Bundle.load(path)
        task = bundle.predictor.preprocessor.schema.target.task
        if task == "multilabel":
            hint = "use kerasnn.load"
            raise ConfigError(f"the model is for {task}", location=os.fspath(path), hint=hint)
        if (task == "regression") != (cls._is_for == "regression"):
            other = "Regressor" if task == "regression" else "Classifier"
            hint = f"use kerasnn.{other}.load"
            raise ConfigError(f"the model is for {task}", location=os.fspath(path), hint=hint)
        estimator = cls(**read_parameters(bundle, cls().get_params(deep=False)))
        names = read_names(bundle)
        estimator.n_features_in_ = len(bundle.predictor.preprocessor.schema.columns)
        if names is not None:
            estimator.feature_names_in_ = names
        return estimator._take(bundle)

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "bundle_" in state:
            state["bundle_"] = to_bytes(state["bundle_"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "bundle_" in state:
            state = {**state, "bundle_": from_bytes(state["bundle_"])}
        super().__setstate__(state)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "bundle_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.three_d_array = True
        return tags

    @abstractmethod
    def _read_target(self, name: str, labels: NDArray[Any]) -> tuple[Target, NDArray[Any]]:
        """What is to be predicted, and the cells of its column."""

    def _weigh(self, labels: NDArray[Any], weights: Weights | None) -> Weights | None:
        """The weights of the rows, (n,)."""
        return weights

    def _take(self, bundle: Bundle) -> Self:
        """Make a bundle, new or loaded, one's own."""
        self.bundle_ = bundle
        self.history_ = [dict(row) for row in bundle.report.get("history") or []]
        self.n_iter_ = len(self.history_)
        return self

    def _scores(self, X: Any) -> NDArray[np.float64]:
        check_is_fitted(self)
        predictor = self.bundle_.predictor
        names = [column.name for column in predictor.preprocessor.schema.columns]
        return predictor.scores(read_rows(self, X, names=names))

    def _settings(self) -> Settings:
        """What was chosen; parameters win over settings."""
        for name in ("hyperparameters", "settings", "columns"):
            if not isinstance(getattr(self, name), Mapping | None):
                raise ConfigError(f"`{name}` must be a mapping; got {getattr(self, name)!r}")
        share = self.validation_fraction
        if not isinstance(share, numbers.Real) or not 0 < share < 1:
            raise ConfigError(f"`validation_fraction` must be in (0, 1); got {share!r}")
        for key in collect(set=self.settings or {}).chosen:
            hint = _NOT_SETTINGS.get(key, _NOT_SETTINGS.get(key.split(".")[0]))
            if hint:
                raise ConfigError(f"`{key}` is not one of the `settings`", hint=hint)
        parameters = {
            "model.name": self.model,
            "training.epochs": self.epochs,
            "training.batch_size": self.batch_size,
            "training.learning_rate": self.learning_rate,
            "training.patience": self.patience,
            "split.validation": share,
            "split.test": 0.0,
            "run.seed": _seed(self.random_state),
            "run.time_limit_s": self.time_limit_s,
            "data.columns": {str(name): kind for name, kind in (self.columns or {}).items()},
        }
        chosen = dict(self.settings or {})
        chosen |= {key: value for key, value in parameters.items() if value is not None}
        chosen |= {f"model.{name}": value for name, value in (self.hyperparameters or {}).items()}
        settings = collect(set=chosen)
        ensemble_plan.check(settings)
        if settings.names_model:
            # What is wrong with them is said before the table is looked at.
            settings.resolve()
        return settings

    def _fit(self, table: Table, config: Config, weights: Weights | None) -> TrainedModel:
        target = table.schema.target
        config = config.with_inferred(
            {
                "data.target": target.name,
                "data.task": target.task,
                **{f"data.columns.{c.name}": c.kind for c in table.schema.columns},
            }
        )
        if ensemble_plan.is_several(config):
            watch = _bar_of if self.verbose else _nothing_of
            return ensembles.fit_ensemble(table, config, weights=weights, watch=watch).trained_model
        training_setup = prepare(table, config, weights=weights)
        if not self.verbose:
            return fit_network(training_setup, config)
        (bar,) = _bar_of(0, training_setup, config)
        try:
            return fit_network(training_setup, config, callbacks=(bar,))
        finally:
            bar.close()

    def _keep(self, trained_model: TrainedModel) -> Self:
        config, progress = trained_model.config, trained_model.fitted.progress
        if progress.stopped == "interrupted":
            warn("the training was interrupted", hint="the best weights so far are kept")
        report = {
            "history": trained_model.history,
            "best_epoch": progress.best_epoch,
            "stopped": progress.stopped,
            "choice": config.choice.to_dict() if config.choice else None,
            **note_estimator(self, config.run.seed),
        }
        bundle = Bundle(
            model=trained_model.model.name,
            hyperparameters=dict(trained_model.model.hyperparameters),
            training_options=config.training,
            predictor=trained_model.predictor,
            config=config.to_dict(),
            report=report,
        )
        return self._take(bundle)


def _bar_of(number: int, training_setup: TrainingSetup, config: Config) -> tuple[ProgressBar]:
    """The progress of a network; of several, they are counted from 1."""
    monitor = monitor_for(config.training, training_setup.preprocessor, training_setup.validation)
    title = f"network {number}" if number else "training"
    return (ProgressBar(epochs=config.training.epochs, monitor=monitor.name, title=title),)


def _nothing_of(
    number: int, training_setup: TrainingSetup, config: Config
) -> tuple[ProgressBar, ...]:
    return ()


def _seed(random_state: Any) -> int:
    """A number as it is, so that it does what the seed of `kerasnn.train` does; else a draw."""
    if isinstance(random_state, numbers.Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))
