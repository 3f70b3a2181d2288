"""What scikit-learn hands over, as a table with kinds, parts and weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from kerasnn.data.frames import as_cells, from_frame
from kerasnn.data.readers.inputs import as_frame, has_own_names
from kerasnn.data.readers.long_tables import SERIES
from kerasnn.data.schema import Schema, Target, describe
from kerasnn.errors import DataError, UnknownNameError, quantity
from kerasnn.signature import Kind

Weights = NDArray[np.float64]


def read_rows(estimator: Any, X: Any, *, names: Sequence[str] | None = None) -> pd.DataFrame:
    """Check rows and make a table of them; all but a DataFrame must be numbers.

    Args:
        estimator: Learns or checks the number and the names of the columns.
        X: A DataFrame, what can become one, or what NumPy takes for a matrix; or texts, images,
            (n, height, width, channels), or series, (n, time, channels), which are one column.
        names: Names of the columns in training; None in training itself.

    Raises:
        ValueError: It is no table, holds infinity, or is unlike the one of training.
    """
    in_training = names is None
    if are_series(X):
        return _read_series(estimator, X, names)
    X = _as_table(estimator, X)
    if isinstance(X, pd.DataFrame):
        validate_data(estimator, X, reset=in_training, skip_check_array=True)
        frame = from_frame(X) if in_training else X.reset_index(drop=True)
    else:
        matrix = validate_data(
            estimator,
            X,
            reset=in_training,
            ensure_all_finite="allow-nan",
            ensure_min_samples=2 if in_training else 1,
        )
        frame = pd.DataFrame(matrix, columns=[f"x{i}" for i in range(matrix.shape[1])])
    if names is not None:
        return frame.set_axis(list(names), axis=1)
    if len(frame) < 2 or not len(frame.columns):
        what = f"{quantity(len(frame), 'row')} of {quantity(len(frame.columns), 'column')}"
        raise DataError(f"{what}, too few to learn from")
    return frame


def _as_table(estimator: Any, X: Any) -> Any:
    """A table of pandas where scikit-learn would see no matrix of numbers; else as it is."""
    is_list = isinstance(X, list | tuple) and len(X)
    is_matrix = isinstance(X, np.ndarray) and X.ndim != 4 and (X.ndim != 1 or not _are_texts(X))
    if is_matrix or (is_list and not _are_texts(X) and not isinstance(X[0], Mapping)):
        return X
    from_library = hasattr(X, "to_pandas") or hasattr(X, "__arrow_c_stream__")
    if not (from_library or is_list or isinstance(X, pd.Series | np.ndarray)):
        return X
    table = as_frame(X)
    if table is None or has_own_names(table):
        return X if table is None else table
    names = getattr(estimator, "feature_names_in_", None)
    return table if names is None or len(names) != table.shape[1] else table.set_axis(names, axis=1)


def _are_texts(X: Any) -> bool:
    first = next((cell for cell in X if cell is not None), None)
    return isinstance(first, str)


def are_series(X: Any) -> bool:
    """Whether these are series, (n, time, channels), not rows of a table."""
    return isinstance(X, np.ndarray) and X.ndim == 3 and X.dtype.kind in "iufb"


def _read_series(estimator: Any, X: NDArray[Any], names: Sequence[str] | None) -> pd.DataFrame:
    """A table of one column of series."""
    if len(X) < (2 if names is None else 1):
        raise DataError(f"{len(X)} series, too few to learn from" if names is None else "no series")
    if names is None:
        estimator.n_features_in_ = 1
    elif len(names) != 1:
        raise DataError(f"series where training had {len(names)} columns", hint="give a table")
    values = X.astype("float32", copy=False)
    return pd.DataFrame({names[0] if names else SERIES: as_cells(values)})


def read_weights(sample_weight: Any, n_rows: int) -> Weights | None:
    """Weights of rows, float64 (n,), not all zero; None for equal ones.

    Raises:
        ValueError: There is not one for each row, or one is negative or not finite.
    """
    if sample_weight is None:
        return None
    weights: Weights = check_array(
        sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight"
    )
    if weights.shape != (n_rows,):
        raise DataError(f"`sample_weight` must be of shape ({n_rows},); got {weights.shape}")
    if weights.min() < 0:
        raise DataError(f"`sample_weight` must not be negative; got {weights.min():g}")
    if not weights.any():
        raise DataError("every sample weight is zero", hint="give some rows a weight")
    return weights


def make_schema(frame: pd.DataFrame, target: Target, *, kinds: Mapping[str, Kind]) -> Schema:
    """Describe the columns.

    A number in a table is a number, even where it counts the rows or never changes: the same
    matrix must always give the same features. Text is looked at, as `kerasnn.train` does.

    Args:
        frame: The features of the training rows.
        target: Name, task and classes of the labels.
        kinds: Given ones.

    Raises:
        DataError: A cell is not what its column is, or no column is left.
        UnknownNameError: A kind was given for a column that is not there.
    """
    names = [str(name) for name in frame.columns]
    for name in kinds:
        if name not in names:
            raise UnknownNameError("column", name, names)
    notes: list[str] = []
    known = {**_kinds_by_type(frame), **kinds}
    schema = Schema(describe(frame, known, notes=notes), target, ())
    if not schema.features:
        left_out = ", ".join(f"'{column.name}' ({column.reason})" for column in schema.columns)
        hint = "give a column a kind with `columns`"
        raise DataError(f"no column is left to learn from: {left_out}", hint=hint)
    return replace(schema, notes=tuple(notes))


def free_name(wanted: object, taken: Sequence[str]) -> str:
    """A name for the target that no column has.

    >>> free_name(None, ["target", "x"])
    'target_'
    """
    name = wanted if isinstance(wanted, str) and wanted else "target"
    while name in taken:
        name += "_"
    return name


def _kinds_by_type(frame: pd.DataFrame) -> dict[str, Kind]:
    """The kinds that the types of the columns say; text, objects and dates say none."""
    kinds: dict[str, Kind] = {}
    for name, dtype in frame.dtypes.items():
        if isinstance(dtype, pd.CategoricalDtype):
            kinds[str(name)] = "category"
        elif pd.api.types.is_bool_dtype(dtype):
            kinds[str(name)] = "boolean"
        elif pd.api.types.is_numeric_dtype(dtype):
            kinds[str(name)] = "number"
    return kinds
