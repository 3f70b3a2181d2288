"""From raw columns to the arrays of a network: fitted once, the same everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kerasnn.data.columns.values import MISSING_DATE
from kerasnn.data.frames import origin_of
from kerasnn.data.schema import Schema
from kerasnn.errors import DataError, ModelRefusedError
from kerasnn.options import PreprocessingOptions
from kerasnn.preprocessing.categories import UNKNOWN_CODE, Vocabulary
from kerasnn.preprocessing.checks import check_state
from kerasnn.preprocessing.columns import count_longer, read_column, with_layouts
from kerasnn.preprocessing.dates import DateColumn, date_features
from kerasnn.preprocessing.embeddings import Edges, embedded, fit_edges, resolved, some_rows
from kerasnn.preprocessing.images import ImageColumn
from kerasnn.preprocessing.numbers import NumberColumn, scale_numbers
from kerasnn.preprocessing.series import SeriesColumn
from kerasnn.preprocessing.sounds import SoundColumn
from kerasnn.preprocessing.target import TargetCoder
from kerasnn.preprocessing.texts import TextColumn
from kerasnn.signature import Categories, Output, Signature

if TYPE_CHECKING:
    from kerasnn.preprocessing.arithmetic import Tensor


@dataclass(frozen=True)
class Prepared:
    """Rows as a network takes them.

    Args:
        inputs: ``"numbers"``, float32 (n, width), ``"categories"``, int32 (n, columns), and
            ``"image"`` (``"image_2"`` …), uint8 (n, height, width, channels), which are read
            from disk row by row where they don't fit in memory, and ``"text"`` (``"text_2"`` …),
            int32 (n, length), and ``"series"`` (``"series_2"`` …), float32 (n, length, channels),
            and ``"sound"`` (``"sound_2"`` …), float32 (n, samples).
        unseen: Number of cells with an unknown or rare category, for each column with any.
        imputed: Number of missing cells, for each column that had none in training.
        cut: Number of series or sounds that are longer than in training, for each column.
    """

    inputs: dict[str, NDArray[Any]]
    unseen: dict[str, int]
    imputed: dict[str, int]
    cut: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Preprocessor:
    """What the training rows taught about every column, as plain data.

    Args:
        schema: The columns and the target.
        options: Options of their encoding.
        numbers: One for each number and boolean column, in the order of the data.
        dates: One for each date column.
        vocabularies: One for each category column.
        coder: Coder of the target.
        images: One for each image column.
        texts: One for each text column.
        series: One for each column of series.
        sounds: One for each column of sounds.
        bins: Edges of each column of the input ``"numbers"``, where these are embedded by bins.
    """

    schema: Schema
    options: PreprocessingOptions
    numbers: tuple[NumberColumn, ...]
    dates: tuple[DateColumn, ...]
    vocabularies: tuple[Vocabulary, ...]
    coder: TargetCoder
    images: tuple[ImageColumn, ...] = ()
    texts: tuple[TextColumn, ...] = ()
    series: tuple[SeriesColumn, ...] = ()
    sounds: tuple[SoundColumn, ...] = ()
    bins: Edges = ()

    @classmethod
    def fit(
        cls, frame: pd.DataFrame, schema: Schema, options: PreprocessingOptions | None = None
    ) -> Preprocessor:
        """Learn from training rows alone.

        Raises:
            DataError: A column is missing or does not hold what the schema says.
            ConfigError: An embedding of that many numbers would be too large.
        """
        options = options or PreprocessingOptions()
        check_columns(frame, [column.name for column in schema.features])
        numbers, dates, vocabularies, images, texts, series, sounds = [], [], [], [], [], [], []
        schema = with_layouts(schema, frame, options)
        raw = {}
        for column in schema.features:
            values = read_column(frame[column.name], column)
            if column.kind in ("number", "boolean", "date"):
                raw[column.name] = _as_column(values)
            if column.kind == "category":
                vocabularies.append(Vocabulary.fit(column.name, values, options))
            elif column.kind == "date":
                dates.append(DateColumn.fit(column.name, values, indicator=options.indicator))
            elif column.kind == "image":
                images.append(ImageColumn.fit(column.name, values, column.layout))
            elif column.kind == "series":
                series.append(SeriesColumn.fit(column.name, values, column.layout))
            elif column.kind == "sound":
                sounds.append(SoundColumn.fit(column.name, values, column.layout))
            elif column.kind == "text":
                unit: Any = column.layout
                texts.append(TextColumn.fit(column.name, values, options, unit=unit))
            else:
                numbers.append(NumberColumn.fit(column.name, values, options))
        target = schema.target
        coder = TargetCoder.fit(
            target,
            frame[target.name],
            scale=options.scale_target,
            transform=options.target_transform,
        )
        fitted = cls(
            schema,
            options,
            tuple(numbers),
            tuple(dates),
            tuple(vocabularies),
            coder,
            images=tuple(images),
            texts=tuple(texts),
            series=tuple(series),
            sounds=tuple(sounds),
        )
        return fitted._with_embedding(raw)

    @property
    def signature(self) -> Signature:
        """What goes into a network for this table, and what comes out."""
        target, words = self.schema.target, self.vocabularies
        several = target.task in ("multiclass", "multilabel")
        width = len(target.classes) if several else 1
        categories = Categories(
            tuple(v.name for v in words),
            tuple(v.cardinality for v in words),
            tuple(v.width for v in words),
        )
        names = self.number_names
        return Signature(
            Output(target.task, width),
            embedded(names, self.options, self.bins) if names else None,
            categories if words else None,
            images=tuple(column.image for column in self.images),
            texts=tuple(column.text for column in self.texts),
            series=tuple(column.series for column in self.series),
            sounds=tuple(column.sound for column in self.sounds),
        )

    @property
    def number_names(self) -> tuple[str, ...]:
        """Columns of the input ``"numbers"``: numbers, missing indicators, calendar features."""
        return (
            *(column.name for column in self.numbers),
            *(f"{column.name}: missing" for column in self.numbers if column.indicator),
            *(name for column in self.dates for name in column.features),
        )

    @property
    def number_sources(self) -> tuple[str, ...]:
        """The column of the table that each of `number_names` comes from."""
        return (
            *(column.name for column in self.numbers),
            *(column.name for column in self.numbers if column.indicator),
            *(column.name for column in self.dates for _ in column.features),
        )

    def raw(self, frame: pd.DataFrame) -> dict[str, NDArray[Any]]:
        """The columns parsed and no more: what an exported model takes.

        Returns:
            By the name of the column, each (n, 1): float32 with NaN where a number or boolean is
            missing; text, empty where a category or a text is; int64 seconds since 1970 for
            dates, the least int64 where one is missing; for images (n, height, width, channels),
            uint8, as large as the network takes them; for series (n, length, channels), NaN where
            a reading is missing; for sounds (n, samples), NaN behind the end.

        Raises:
            DataError: Columns are missing, or a column does not hold what it held in training.
        """
        check_columns(frame, [column.name for column in self.schema.features])
        parsed = {c.name: read_column(frame[c.name], c) for c in self.schema.features}
        for vocabulary in self.vocabularies:
            words = parsed[vocabulary.name]
            parsed[vocabulary.name] = np.array([word or "" for word in words], dtype=str)
        return {name: _as_column(values) for name, values in parsed.items()}

    def transform(self, frame: pd.DataFrame) -> Prepared:
        """Whole columns to the inputs of the network.

        Raises:
            DataError: Columns are missing, or a column does not hold what it held in training.
        """
        check_columns(frame, [column.name for column in self.schema.features])
        parsed = {c.name: read_column(frame[c.name], c) for c in self.schema.features}
        inputs = self._inputs(parsed)
        cut = count_longer(frame, self.schema)
        return Prepared(inputs, self._unseen(inputs), self._imputed(parsed), cut)

    def _inputs(self, parsed: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Those of the network, from parsed columns."""
        inputs: dict[str, NDArray[Any]] = {}
        if self.number_names:
            inputs["numbers"] = self._numbers(parsed)
        if self.vocabularies:
            codes = [v.encode(parsed[v.name]) for v in self.vocabularies]
            inputs["categories"] = np.stack(codes, axis=1)
        for name, image in self.signature.image_inputs.items():
            inputs[name] = parsed[image.name]
        for name, column in zip(self.signature.text_inputs, self.texts, strict=True):
            inputs[name] = column.encode(parsed[column.name])
        for name, series in self.signature.series_inputs.items():
            inputs[name] = parsed[series.name]
        for name, sound in self.signature.sound_inputs.items():
            inputs[name] = parsed[sound.name]
        return inputs

    def _numbers(self, parsed: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
        numbers: NDArray[np.float32] = self.pool_numbers(
            np, {name: _as_column(values) for name, values in parsed.items()}
        )
        assert np.isfinite(numbers).all(), "numbers are finite by construction"
        return numbers

    def pool_numbers(self, xp: Any, raw: dict[str, Tensor]) -> Tensor:
        """The input ``"numbers"`` from parsed columns, by NumPy or by ``keras.ops``.

        Args:
            xp: The namespace.
            raw: Raw columns that `raw` returned.
        """
        parts = []
        if self.numbers:
            together = xp.concatenate([raw[column.name] for column in self.numbers], axis=1)
            parts.append(scale_numbers(xp, together, self.numbers, self.options.scale))
        parts += [date_features(xp, raw[column.name], column) for column in self.dates]
        return xp.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]

    def target(self, frame: pd.DataFrame) -> NDArray[Any]:
        """int32 codes of the labels, or the standardised float32 target.

        Raises:
            DataError: The column is not there, or a label is missing or unknown.
        """
        check_columns(frame, [self.schema.target.name])
        return self.coder.encode(frame[self.schema.target.name])

    def decode(self, outputs: NDArray[Any]) -> NDArray[np.float64]:
        """A regression network's outputs in the unit of the target."""
        return self.coder.decode(outputs)

    def truth(self, encoded: NDArray[Any]) -> NDArray[np.float64]:
        """An encoded regression target, (n,), in its unit; `decode` has the bounds of outputs."""
        return self.coder.truth(encoded).reshape(-1)

    def build_inputs(self, *, strings: bool = False) -> dict[str, Tensor]:
        """A ``keras.Input`` for each feature column, by the column's name.

        Args:
            strings: True if texts go in as strings, in place of the codes of their tokens.
        """
        from kerasnn.preprocessing import graph

        return graph.build_inputs(self, strings=strings)

    def apply(self, raw: dict[str, Tensor]) -> dict[str, Tensor]:
        """The inputs of the network from raw Keras tensors: `transform` as a graph."""
        from kerasnn.preprocessing import graph

        return graph.apply(self, raw)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Preprocessor:
        """Rebuild from `to_dict`'s data, also after a trip through JSON.

        Raises:
            ModelRefusedError: The data are not what a fitted preprocessor writes.
        """
        try:
            found = cls._from_plain(data)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ModelRefusedError(f"the preprocessing is malformed: {error}") from error
        check_state(found)
        return found

    @classmethod
    def _from_plain(cls, data: dict[str, Any]) -> Preprocessor:
        return cls(
            Schema.from_dict(data["schema"]),
            PreprocessingOptions(**data["options"]),
            tuple(NumberColumn.from_dict(column) for column in data["numbers"]),
            tuple(DateColumn.from_dict(column) for column in data["dates"]),
            tuple(Vocabulary.from_dict(column) for column in data["vocabularies"]),
            TargetCoder.from_dict(data["coder"]),
            tuple(ImageColumn.from_dict(column) for column in data.get("images", ())),
            tuple(TextColumn.from_dict(column) for column in data.get("texts", ())),
            tuple(SeriesColumn.from_dict(column) for column in data.get("series", ())),
            tuple(SoundColumn.from_dict(column) for column in data.get("sounds", ())),
            tuple(tuple(edges) for edges in data.get("bins", ())),
        )

    def _with_embedding(self, raw: dict[str, NDArray[Any]]) -> Preprocessor:
        """Decide how numbers are embedded, from the parsed columns of the training rows."""
        options = resolved(self.options, len(self.number_names))
        if options.number_embedding != "piecewise_linear" or not self.number_names:
            return replace(self, options=options)
        bins = fit_edges(self.pool_numbers(np, some_rows(raw)), options.number_bins)
        return replace(self, options=options, bins=bins)

    def _unseen(self, inputs: dict[str, NDArray[Any]]) -> dict[str, int]:
        if not self.vocabularies:
            return {}
        counts = (inputs["categories"] == UNKNOWN_CODE).sum(axis=0).tolist()
        pairs = zip(self.vocabularies, counts, strict=True)
        return {vocabulary.name: count for vocabulary, count in pairs if count}

    def _imputed(self, parsed: dict[str, NDArray[Any]]) -> dict[str, int]:
        """A column without an indicator is one that had no missing value to learn from."""
        if not self.options.indicator:
            return {}
        missing = {c.name: np.isnan(parsed[c.name]) for c in self.numbers if not c.indicator}
        missing |= {c.name: parsed[c.name] == MISSING_DATE for c in self.dates if not c.indicator}
        return {name: int(where.sum()) for name, where in missing.items() if where.any()}


def check_columns(frame: pd.DataFrame, names: Sequence[str]) -> None:
    """Raise a DataError that lists every column that is not there."""
    absent = [name for name in names if name not in frame.columns]
    if absent:
        listed = ", ".join(f"'{name}'" for name in absent)
        many = len(absent) > 1
        what = "columns are missing" if many else "a column is missing"
        them = "them" if many else "it"
        hint = f"add {them}, or name {them} as in the training data"
        raise DataError(f"{what}: {listed}", location=origin_of(frame) or None, hint=hint)


def _as_column(values: NDArray[Any]) -> NDArray[Any]:
    """(n, 1), but images as they are."""
    return values.reshape(-1, 1) if len(values.shape) == 1 else values
