"""The inputs and the output of a network: the contract between preprocessing and models.

Preprocessing makes arrays that fit a `Signature`; a factory of the zoo builds a network for one.
Neither knows the other.
"""

from kerasnn.signature.inputs import (
    EMBEDDING_SIZES,
    Categories,
    Image,
    Kind,
    NumberEmbedding,
    Numbers,
    Series,
    Sound,
    Text,
    Unit,
    Window,
)
from kerasnn.signature.signature import MAX_ENCODINGS, Output, Signature, Task

__all__ = [
    "EMBEDDING_SIZES",
    "MAX_ENCODINGS",
    "Categories",
    "Image",
    "Kind",
    "NumberEmbedding",
    "Numbers",
    "Output",
    "Series",
    "Signature",
    "Sound",
    "Task",
    "Text",
    "Unit",
    "Window",
]
