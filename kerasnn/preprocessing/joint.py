"""One table in several encodings, for an ensemble whose networks encode columns differently.

All encodings share the columns, the target and the vocabularies; they differ in the inputs that
numbers, dates and categories become. The first encoding has the usual inputs, the k-th one has its
numbers in ``"numbers_k"``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import pandas as pd
from numpy.typing import NDArray

from kerasnn.data.schema import Schema
from kerasnn.errors import ConfigError, ModelRefusedError
from kerasnn.options import PreprocessingOptions
from kerasnn.preprocessing.preprocessor import Preprocessor
from kerasnn.signature import MAX_ENCODINGS, Signature

if TYPE_CHECKING:
    from kerasnn.preprocessing.arithmetic import Tensor

# Options that may differ between encodings; none decides what a category is.
OWN_OPTIONS = (
    "missing",
    "missing_value",
    "indicator",
    "scale",
    "encode",
    "max_one_hot",
    "embedding_width",
    "number_embedding",
    "number_width",
    "number_bins",
    "frequencies",
    "frequency_scale",
)
TABLE_KINDS = ("number", "boolean", "category", "date")
# What is learned of the columns of a table; the rest is that of the first encoding.
_OWN = ("options", "numbers", "dates", "vocabularies", "bins")
_OTHERS = "others"


@dataclass(frozen=True)
class JointPreprocessor(Preprocessor):
    """Several encodings of the same columns; it is itself the first one.

    Args:
        others: The second encoding, the third ….
    """

    others: tuple[Preprocessor, ...] = ()

    @property
    def encodings(self) -> tuple[Preprocessor, ...]:
        """All of them."""
        plain = {each.name: getattr(self, each.name) for each in fields(Preprocessor)}
        return (Preprocessor(**plain), *self.others)

    @property
    def signature(self) -> Signature:
        """The inputs of the first encoding, and those that the others have in their place."""
        members = tuple(
            Signature(found.output, found.numbers, found.categories)
            for found in (each.signature for each in self.others)
        )
        return replace(super().signature, members=members)

    def apply(self, raw: dict[str, Tensor]) -> dict[str, Tensor]:
        """The inputs of the network from raw Keras tensors: `transform` as a graph."""
        from keras import ops

        inputs = super().apply(raw)
        if self.number_names:
            inputs |= {name: each.pool_numbers(ops, raw) for name, each in self._named()}
        return inputs

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON; of the other encodings what differs from the first."""
        first, *others = (each.to_dict() for each in self.encodings)
        different = [
            {name: each[name] for name in _OWN if each[name] != first[name]} for each in others
        ]
        return {**first, _OTHERS: different}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> JointPreprocessor:
        """Rebuild from `to_dict`'s data, also after a trip through JSON.

        Raises:
            ModelRefusedError: The data are not what fitting could have made.
        """
        first = {key: value for key, value in data.items() if key != _OTHERS}
        others = data[_OTHERS]
        if not isinstance(others, list) or not 1 <= len(others) < MAX_ENCODINGS:
            raise _malformed("the ways")
        for each in others:
            if not isinstance(each, dict) or not each.keys() <= set(_OWN):
                raise _malformed("a way")
        encodings = [Preprocessor.from_dict({**first, **each}) for each in ({}, *others)]
        words = [[vocabulary.words for vocabulary in each.vocabularies] for each in encodings]
        if any(each != words[0] for each in words):
            raise _malformed("the vocabularies of the ways differ")
        return _joined(encodings)

    def _inputs(self, parsed: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        inputs = super()._inputs(parsed)
        if self.number_names:
            inputs |= {name: each._numbers(parsed) for name, each in self._named()}
        return inputs

    def _named(self) -> list[tuple[str, Preprocessor]]:
        """The other encodings, by the names of their numbers."""
        return [(f"numbers_{i}", each) for i, each in enumerate(self.others, start=2)]


def fit_encodings(
    frame: pd.DataFrame, schema: Schema, options: Sequence[PreprocessingOptions]
) -> Preprocessor:
    """Fit each of several encodings on training rows.

    Args:
        frame: Training rows.
        schema: Schema of their columns.
        options: Options of each encoding; except for `OWN_OPTIONS`, all equal the first.

    Returns:
        A plain preprocessor for a single encoding.

    Raises:
        DataError: A column is missing or does not hold what the schema says.
        ConfigError: There are too many encodings.
    """
    if len(options) > MAX_ENCODINGS:
        problem = (
            f"networks need {len(options)} encodings of the columns; the maximum is {MAX_ENCODINGS}"
        )
        raise ConfigError(problem, hint="average models of fewer kinds")
    first = Preprocessor.fit(frame, schema, options[0])
    table = tuple(c for c in first.schema.columns if c.kind in TABLE_KINDS)
    narrow = replace(schema, columns=table)
    encodings = [first]
    for each in options[1:]:
        fitted = Preprocessor.fit(frame, narrow, each)
        encodings.append(replace(first, **{name: getattr(fitted, name) for name in _OWN}))
    return _joined(encodings) if len(encodings) > 1 else first


def can_differ(schema: Schema) -> bool:
    """Whether there is a column that could be encoded differently."""
    return any(column.kind in TABLE_KINDS for column in schema.features)


def inputs_of_encoding(
    inputs: Mapping[str, Any], signature: Signature, encoding: int
) -> dict[str, Any]:
    """The inputs of one encoding, by its own names.

    Args:
        inputs: Inputs of all encodings.
        signature: Signature of all encodings.
        encoding: Number of the encoding, counted from 1.
    """
    return {name: inputs[whole] for name, whole in signature.encoding_inputs(encoding).items()}


def select_encodings(preprocessor: Preprocessor, kept: Sequence[int]) -> Preprocessor:
    """Some of the encodings, counted from 1, in this order."""
    if not isinstance(preprocessor, JointPreprocessor):
        return preprocessor
    encodings = [preprocessor.encodings[encoding - 1] for encoding in kept]
    return _joined(encodings) if len(encodings) > 1 else encodings[0]


def _joined(encodings: Sequence[Preprocessor]) -> JointPreprocessor:
    first, *others = encodings
    plain = {each.name: getattr(first, each.name) for each in fields(Preprocessor)}
    return JointPreprocessor(**plain, others=tuple(others))


def _malformed(what: str) -> ModelRefusedError:
    return ModelRefusedError(f"the preprocessing is malformed: {what}")
