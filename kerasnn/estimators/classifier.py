"""Classification behind the interface of scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils import assert_all_finite
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets

from kerasnn.bundle import Bundle
from kerasnn.config.config import AUTO
from kerasnn.data.columns.values import as_categories
from kerasnn.data.schema import Target
from kerasnn.errors import DataError, quantity
from kerasnn.estimators.base import Estimator
from kerasnn.estimators.rows import Weights
from kerasnn.estimators.saving import read_labels

_LABEL_TYPES: dict[str, Literal["str", "int", "float", "bool"]] = {
    "b": "bool",
    "f": "float",
    "i": "int",
    "u": "int",
}


class Classifier(ClassifierMixin, Estimator):  # type: ignore[misc]
    """Predicts classes, and probabilities calibrated on the validation rows.

    Learns ``classes_`` in ascending order, ``bundle_`` (what `kerasnn.load` works with),
    ``history_`` (a row for each epoch), ``n_iter_``, ``n_features_in_`` and, of a DataFrame,
    ``feature_names_in_``.

    Args:
        model: A name of `kerasnn.models.names`, or ``auto``, which goes by the rows.
        hyperparameters: Hyper-parameters of the model, by name; the others are at their defaults.
        epochs: Passes over the training rows, at most. None is what the model recommends, as
            for the next three.
        batch_size: Rows a step; 0 chooses by the number of rows.
        learning_rate: Peak rate; 0 runs the learning-rate finder.
        patience: Epochs without gain on the validation rows before training stops; 0 never does.
        settings: Any other key of the configuration, such as ``{"optimizer": "lion"}``.
        columns: Kinds of columns by name: number, category, boolean or date; any other kind
            leaves the column out. The columns of an array are called x0, x1, ….
        class_weight: Weights of the classes: a mapping, or ``balanced`` for classes of equal
            weight.
        validation_fraction: Share of the rows that pick the best epoch, in (0, 1).
        time_limit_s: Seconds of training at most.
        random_state: Seed of the split, the first weights, the order of the rows and dropout.
        verbose: 1 shows a progress bar.

    >>> import kerasnn
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> classifier = kerasnn.Classifier(epochs=20, random_state=0).fit(X, y)
    >>> classifier.predict_proba(X).shape, bool(classifier.score(X, y) > 0.9)
    ((150, 3), True)
    """

    _is_for: ClassVar[str] = "classification"

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
        class_weight: Mapping[Any, float] | str | None = None,
        validation_fraction: float = 0.15,
        time_limit_s: float | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            model,
            hyperparameters=hyperparameters,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            patience=patience,
            settings=settings,
            columns=columns,
            validation_fraction=validation_fraction,
            time_limit_s=time_limit_s,
            random_state=random_state,
            verbose=verbose,
        )
        self.class_weight = class_weight

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable class of each row, (n,); of two classes by the decision threshold.

        Raises:
            ValueError: The rows are unlike those of training.
        """
        scores = self._scores(X)
        labels: NDArray[Any] = self.classes_[self.bundle_.predictor.decide(scores)]
        return labels

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities, (n, classes), in the order of ``classes_``.

        Raises:
            ValueError: The rows are unlike those of training.
        """
        return self._scores(X)

    def predict_set(self, X: Any, *, coverage: float = 0.9) -> NDArray[np.bool_]:
        """Which classes are in the set of each row, (n, classes), in the order of ``classes_``.

        A row's true class is in its set with a probability of at least `coverage`; the most probable
        class always is.

        Args:
            X: Rows, in any form that `fit` takes.
            coverage: Coverage of the sets, in (0, 1).

        Raises:
            ValueError: The rows are unlike those of training, or there were too few validation
                rows for the coverage.
        """
        scores = self._scores(X)
        return self.bundle_.predictor.sets(scores, coverage)

    def _read_target(self, name: str, labels: NDArray[Any]) -> tuple[Target, NDArray[Any]]:
        if pd.isna(labels).any():
            n_missing = int(pd.isna(labels).sum())
            raise DataError(
                f"y has {quantity(n_missing, 'missing label')}", hint="leave these rows out"
            )
        if labels.dtype.kind == "f":
            assert_all_finite(labels, input_name="y")
        check_classification_targets(labels)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            problem = f"y has one class only: '{self.classes_[0]}'"
            raise DataError(problem, hint="add rows of another class")
        texts = _texts(self.classes_)
        label_type = _LABEL_TYPES.get(self.classes_.dtype.kind, "str")
        task: Literal["binary", "multiclass"] = "binary" if len(texts) == 2 else "multiclass"
        return Target(name, task, tuple(texts), label_type), texts[codes]

    def _weigh(self, labels: NDArray[Any], weights: Weights | None) -> Weights | None:
        if self.class_weight is None:
            return weights
        by_class: Weights = compute_sample_weight(self.class_weight, labels)
        return by_class if weights is None else by_class * weights

    def _take(self, bundle: Bundle) -> Self:
        if not hasattr(self, "classes_"):
            self.classes_ = read_labels(bundle)
        return super()._take(bundle)


def _texts(classes: NDArray[Any]) -> NDArray[Any]:
    """The classes as a table holds them, each another text."""
    texts = as_categories(pd.Series(classes))
    for text, label in zip(texts, classes, strict=True):
        if text is None:
            problem = f"the label '{label}' stands for a missing value"
            raise DataError(problem, hint="give the class another name")
    distinct, counts = np.unique(texts.astype(str), return_counts=True)
    if len(distinct) < len(texts):
        same = ", ".join(f"'{label}'" for label in classes[texts == distinct[counts.argmax()]])
        raise DataError(f"the labels {same} can't be told apart", hint="rename them")
    return texts
