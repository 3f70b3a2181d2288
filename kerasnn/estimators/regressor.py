"""Regression behind the interface of scikit-learn."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils import check_array

from kerasnn.data.schema import Target
from kerasnn.estimators.base import Estimator


class Regressor(RegressorMixin, Estimator):  # type: ignore[misc]
    """Predicts numbers, in the unit of the target.

    Learns ``bundle_`` (what `kerasnn.load` works with), ``history_`` (a row for each epoch),
    ``n_iter_``, ``n_features_in_`` and, of a DataFrame, ``feature_names_in_``.

    Args:
        model: A name of `kerasnn.models.names`, or ``auto``, which goes by the rows.
        hyperparameters: Hyper-parameters of the model, by name; the others are at their defaults.
        epochs: Passes over the training rows, at most. None is what the model recommends, as
            for the next three.
        batch_size: Rows a step; 0 chooses by the number of rows.
        learning_rate: Peak rate; 0 runs the learning-rate finder.
        patience: Epochs without gain on the validation rows before training stops; 0 never does.
        settings: Any other key of the configuration, such as ``{"loss": "huber"}``.
        columns: Kinds of columns by name: number, category, boolean or date; any other kind
            leaves the column out. The columns of an array are called x0, x1, ….
        validation_fraction: Share of the rows that pick the best epoch, in (0, 1).
        time_limit_s: Seconds of training at most.
        random_state: Seed of the split, the first weights, the order of the rows and dropout.
        verbose: 1 shows a progress bar.

    >>> import kerasnn
    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> regressor = kerasnn.Regressor("linear", epochs=20, random_state=0).fit(X, y)
    >>> regressor.predict(X[:3]).shape
    (3,)
    """

    _is_for: ClassVar[str] = "regression"

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Values in the unit of the target, (n,).

        Raises:
            ValueError: The rows are unlike those of training.
        """
        return self._scores(X)

    def predict_interval(self, X: Any, *, coverage: float = 0.9) -> NDArray[np.float64]:
        """Lower and upper ends around `predict`'s values, (n, 2), in the unit of the target.

        A row's true value lies between with a probability of at least `coverage`.

        Args:
            X: Rows, in any form that `fit` takes.
            coverage: Coverage of the intervals, in (0, 1).

        Raises:
            ValueError: The rows are unlike those of training, or there were too few validation
                rows for the coverage.
        """
        scores = self._scores(X)
        return self.bundle_.predictor.intervals(scores, coverage)

    def _read_target(self, name: str, labels: NDArray[Any]) -> tuple[Target, NDArray[Any]]:
        values = check_array(labels, ensure_2d=False, dtype=np.float64, input_name="y")
        return Target(name, "regression"), values
