"""The page beside an exported model: what goes in, what comes out, and how to call it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kerasnn.exporting import formats
from kerasnn.exporting.serving import output_name, raw_inputs
from kerasnn.preprocessing.graph import input_names

if TYPE_CHECKING:
    import keras

    from kerasnn.predictor import Predictor
    from kerasnn.preprocessing import Preprocessor

_TYPES = {"number": "float32", "boolean": "float32", "category": "text", "date": "int64"}
_MEANINGS = {
    "number": "number; NaN if missing",
    "boolean": "1 for true, 0 for false; NaN if missing",
    "category": 'text; "" if missing',
    "date": f"seconds since 1970 in UTC; {np.iinfo(np.int64).min} if missing",
}
_SCALES = {
    "standard": "scaled to mean 0 and standard deviation 1",
    "minmax": "scaled so that training values are in [0, 1]",
    "robust": "scaled by median and quartiles",
    "robust_smooth_clip": "scaled by median and quartiles, and smoothly kept within ±3",
    "quantile": "mapped to a normal distribution by their quantiles",
    "none": "left as they are",
}


def page(
    predictor: Predictor, model: keras.Model, name: str, format: str, frame: pd.DataFrame
) -> str:
    """Markdown.

    Args:
        predictor: The original.
        model: What was exported.
        name: Of the file or folder.
        format: Of the export.
        frame: Raw rows; the first one is the example.
    """
    preprocessor = predictor.preprocessor
    found = formats.get(format)
    modules = _own_modules(model) if format == "keras" else []
    parts = [
        f"# `{name}`",
        f"{found.TITLE} model that predicts `{preprocessor.schema.target.name}` from raw columns; "
        "the preprocessing is inside.",
        _needs(format, modules),
        f"## Call it\n\n```python\n{_snippet(predictor, found, name, modules, frame)}```",
        f"## Inputs\n\n{_inputs(preprocessor)}",
        f"## Output\n\n{_output(predictor)}",
        f"## The preprocessing inside\n\n{_preprocessing(preprocessor)}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _needs(format: str, modules: list[str]) -> str:
    if format != "keras":
        return "It opens without kerasnn."
    if not modules:
        return "It opens with Keras on TensorFlow, without kerasnn."
    return "It opens with Keras on TensorFlow and needs kerasnn, for layers that Keras lacks."


def _snippet(
    predictor: Predictor, found: formats.Format, name: str, modules: list[str], frame: pd.DataFrame
) -> str:
    raw = raw_inputs(predictor.preprocessor, frame.iloc[:1])
    lines = [f'    "{key}": {_cell(cells[0, 0], found)},' for key, cells in raw.items()]
    imports = "".join(f"import {module}  # noqa: F401\n" for module in modules)
    text = found.CALL.format(
        path=name, row="\n".join(lines), output=output_name(predictor.preprocessor), imports=imports
    )
    return text


def _cell(cell: Any, found: formats.Format) -> str:
    """One value as Python that makes the runtime's array of it."""
    if isinstance(cell, str):
        return found.ARRAYS["text"].format(cell=json.dumps(str(cell), ensure_ascii=False))
    if isinstance(cell, np.integer):
        return found.ARRAYS["int64"].format(cell=int(cell))
    number = 'float("nan")' if np.isnan(cell) else str(cell)
    return found.ARRAYS["float32"].format(cell=number)


def _inputs(preprocessor: Preprocessor) -> str:
    columns = preprocessor.schema.features
    names = input_names([column.name for column in columns])
    lines = ["| input | column | type | shape | value |", "| --- | --- | --- | --- | --- |"]
    for column in columns:
        shown = column.name.replace("|", "\\|").replace("\n", " ")
        lines.append(
            f"| `{names[column.name]}` | {shown} | {_TYPES[column.kind]} | (batch, 1) "
            f"| {_MEANINGS[column.kind]} |"
        )
    if preprocessor.vocabularies:
        lines += ["", _TEXT_RULE]
    return "\n".join(lines)


_TEXT_RULE = (
    "Text is without blanks around it; a whole number in it has no decimal point, and true and "
    "false are in lower case, as kerasnn reads them from files."
)


def _output(predictor: Predictor) -> str:
    target = predictor.preprocessor.schema.target
    if target.task == "regression":
        return f"`prediction`, float32, (batch, 1): `{target.name}` in its own unit."
    text = (
        f"`probabilities`, float32, (batch, {len(target.classes)}), in the order of the classes:"
        f"\n\n```json\n{json.dumps(list(target.classes), ensure_ascii=False)}\n```"
    )
    if target.task == "binary":
        no, yes = target.classes
        share = f"{predictor.decision.threshold:.6g}"
        text += f"\n\nkerasnn decides for `{yes}` from the probability {share} on, else for `{no}`."
    return text


def _preprocessing(preprocessor: Preprocessor) -> str:
    options, lines = preprocessor.options, []
    if preprocessor.numbers:
        learned = f"the column's {options.missing.replace('_', ' ')} value"
        fill = f"{options.missing_value:g}" if options.missing == "constant" else learned
        lines.append(f"- Missing numbers become {fill}; numbers are {_SCALES[options.scale]}.")
    indicators = [column.indicator for column in preprocessor.numbers]
    if any([*indicators, *(column.indicator for column in preprocessor.dates)]):
        lines.append("- Columns that missed values in training get another one that says where.")
    if preprocessor.vocabularies:
        lines.append("- Categories become codes: 0 missing, 1 rare or never seen, 2 … the known.")
    if preprocessor.dates:
        lines.append("- Dates become elapsed time and positions in the year, month, week and day.")
    return "\n".join(lines)


def _own_modules(model: keras.Model) -> list[str]:
    """Modules of kerasnn whose layers the model is made of."""
    return sorted(set(re.findall(r'"module": "(kerasnn[\w.]*)"', model.to_json())))
