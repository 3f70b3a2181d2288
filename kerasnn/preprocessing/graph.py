"""The preprocessing as a Keras graph, for models that take raw columns.

Only what every export format can carry: string lookup, comparison, arithmetic, and products of
matrices of unknown size. Nothing of kerasnn is in it, so that a saved model loads without kerasnn.
Texts are cut into tokens by operations that a SavedModel alone can carry; elsewhere codes go in.
"""

from __future__ import annotations

import keyword
import re
from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import ops

from kerasnn.data.columns.cells import MARKERS
from kerasnn.data.resize import resize_tensor
from kerasnn.preprocessing.categories import FIRST_CODE, MISSING_CODE, UNKNOWN_CODE

if TYPE_CHECKING:
    from kerasnn.preprocessing.arithmetic import Tensor
    from kerasnn.preprocessing.categories import Vocabulary
    from kerasnn.preprocessing.preprocessor import Preprocessor
    from kerasnn.preprocessing.tokens import Coder

# What Keras calls the operations here and in the models that take raw columns, on its own.
_OPERATION = re.compile(
    r"(absolute|add|cast|clip|concatenate|cos|cumsum|divide|embedding|equal|flip|floor"
    r"|floor_divide|functional|get_item|greater_equal|input_layer|isnan|logical_not|matmul|max"
    r"|maximum|mod|multiply|negative|ones_like|reshape|rescaling|round|sigmoid|sin|softmax|sqrt"
    r"|string_lookup|subtract|sum|take|token_codes|transpose|true_divide|where|zeros_like)(_\d+)?"
)
_DTYPES = {
    "number": "float32",
    "boolean": "float32",
    "category": "string",
    "date": "int64",
    "text": "string",
}


def input_names(columns: list[str]) -> dict[str, str]:
    """The name of each column's input: letters, digits and ``_``, as SavedModel asks for.

    >>> input_names(["age", "hours per week", "hours-per-week"])
    {'age': 'age', 'hours per week': 'hours_per_week', 'hours-per-week': 'hours_per_week_2'}
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for column in columns:
        plain = re.sub(r"[^A-Za-z0-9_]", "_", column)
        # All names in a model are different, those of its operations too. TensorFlow makes names of
        # arguments of them, in small letters.
        reserved = _OPERATION.fullmatch(plain) or {plain, plain.lower()} & {*keyword.kwlist}
        if not re.match("[A-Za-z]", plain) or reserved:
            plain = f"column_{plain}"
        name, count = plain, 1
        while name.lower() in taken:
            count += 1
            name = f"{plain}_{count}"
        taken.add(name.lower())
        names[column] = name
    return names


def build_inputs(preprocessor: Preprocessor, *, strings: bool = False) -> dict[str, Tensor]:
    """A ``keras.Input`` for each feature column, by the column's name.

    Args:
        preprocessor: Knows the columns.
        strings: True if texts go in as strings, in place of the codes of their tokens.

    Shape:
        (batch, 1); of images (batch, any height, any width, channels), uint8; of codes
        (batch, length), int32; of series (batch, length, channels) and of sounds (batch, samples),
        float32
    """
    columns = preprocessor.schema.features
    names = input_names([column.name for column in columns])
    channels = {image.name: image.channels for image in preprocessor.images}
    lengths = {} if strings else {text.name: text.length for text in preprocessor.texts}
    whole: dict[str, tuple[int, ...]] = {c.name: (c.samples,) for c in preprocessor.sounds}
    whole |= {column.name: (column.length, column.channels) for column in preprocessor.series}
    inputs = {}
    for column in columns:
        if column.name in lengths:
            shape = (lengths[column.name],)
            tensor = keras.Input(shape, dtype="int32", name=names[column.name])
        elif column.name in whole:
            tensor = keras.Input(whole[column.name], dtype="float32", name=names[column.name])
        elif column.name in channels:
            sizes = (None, None, channels[column.name])
            tensor = keras.Input(sizes, dtype="uint8", name=names[column.name])
        else:
            tensor = keras.Input((1,), dtype=_DTYPES[column.kind], name=names[column.name])
        inputs[column.name] = tensor
    return inputs


def apply(preprocessor: Preprocessor, raw: dict[str, Tensor]) -> dict[str, Tensor]:
    """The inputs of the network from raw tensors, by the name of their column."""
    inputs = {}
    if preprocessor.number_names:
        inputs["numbers"] = preprocessor.pool_numbers(ops, raw)
    if preprocessor.vocabularies:
        codes = [look_up(raw[v.name], v) for v in preprocessor.vocabularies]
        inputs["categories"] = ops.concatenate(codes, axis=1)
    for name, image in preprocessor.signature.image_inputs.items():
        inputs[name] = resize_tensor(raw[image.name], image.height, image.width)
    # The network itself scales and masks what is in these.
    signature = preprocessor.signature
    for name, series in signature.series_inputs.items():
        inputs[name] = raw[series.name]
    for name, sound in signature.sound_inputs.items():
        inputs[name] = raw[sound.name]
    for name, text in zip(signature.text_inputs, preprocessor.texts, strict=True):
        cells = raw[text.name]
        inputs[name] = TokenCodes(text.coder)(cells) if cells.dtype == "string" else cells
    return inputs


class TokenCodes(keras.layers.Layer):  # type: ignore[misc]
    """Codes of texts.

    Args:
        coder: Tokenizer of the column.

    Shape:
        texts: (batch, 1), strings; returns (batch, length), int32.
    """

    def __init__(self, coder: Coder) -> None:
        super().__init__()
        self.coder = coder
        # So that a SavedModel takes the vocabulary along.
        self.table = coder.table

    def call(self, texts: Tensor) -> Tensor:
        """Cut and look up."""
        return self.coder.serve(texts[:, 0])

    def compute_output_spec(self, texts: Tensor) -> Tensor:
        """Nothing is run to find the shape."""
        return keras.KerasTensor((texts.shape[0], self.coder.length), dtype="int32")


def look_up(words: Tensor, vocabulary: Vocabulary) -> Tensor:
    """Codes of text: 0 for a missing value, 1 for the unknown, the vocabulary from 2.

    Shape:
        words: (batch, 1), text; returns (batch, 1), int32.
    """
    # StringLookup's own mask token compares strings, which ONNX can't before opset 19: what
    # stands for a missing value is looked up as a word, and a table puts the codes right.
    words_and_markers = [*MARKERS, *vocabulary.words]
    lookup = keras.layers.StringLookup(vocabulary=words_and_markers, mask_token=None)
    codes = [
        UNKNOWN_CODE,
        *[MISSING_CODE] * len(MARKERS),
        *range(FIRST_CODE, vocabulary.cardinality),
    ]
    # Without the reshape LiteRT fails at batch 1.
    positions = ops.reshape(ops.cast(lookup(words), "int32"), (-1, 1))
    return ops.take(np.array(codes, dtype="int32"), positions)
