"""The page beside an exported model: what goes in, what comes out, and how to call it."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasnn.export import formats, plain_tokens, sequences
from kerasnn.export.example import contents, example_row
from kerasnn.export.markdown import code, literal, plain
from kerasnn.export.plain_media import IMPORTS, read_image, read_sound
from kerasnn.export.serving import output_name
from kerasnn.export.texts import SUFFIX
from kerasnn.export.verify import agreement
from kerasnn.preprocessing.graph import input_names
from kerasnn.preprocessing.joint import JointPreprocessor

if TYPE_CHECKING:
    import keras

    from kerasnn.export.int8 import Int8Scores
    from kerasnn.prediction.predictor import Predictor
    from kerasnn.preprocessing import Preprocessor
    from kerasnn.preprocessing.images import ImageColumn

_TYPES = {
    "number": "float32",
    "boolean": "float32",
    "category": "text",
    "date": "int64",
    "image": "uint8",
    "text": "text",
    "series": "float32",
    "sound": "float32",
}
_MEANINGS = {
    "number": "number; NaN if missing",
    "boolean": "1 for true, 0 for false; NaN if missing",
    "category": 'text; "" if missing',
    "date": f"seconds since 1970 in UTC; {np.iinfo(np.int64).min} if missing",
    "text": 'text; "" if missing',
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
    predictor: Predictor,
    model: keras.Model,
    name: str,
    format: str,
    *,
    int8: Int8Scores | None = None,
) -> str:
    """The page about an exported model, in Markdown.

    Args:
        predictor: The original.
        model: Serving model that was exported.
        name: Name of the file or folder.
        format: Name of the export's format.
        int8: Scores of a model in whole numbers of 8 bits, which takes images in the network's own
            size; None for a model in float32.
    """
    preprocessor = predictor.preprocessor
    found = formats.get(format)
    modules = _own_modules(model) if format == "keras" else []
    example = _snippet(predictor, found, name, modules, own_size=int8 is not None)
    parts = [
        f"# `{name}`",
        f"{found.TITLE} model that predicts {code(preprocessor.schema.target.name)} from raw columns; "
        "the preprocessing is inside" + _outside(preprocessor, found),
        _needs(format, modules) + _rows(model, format),
        f"## Call it\n\n```python\n{example}```",
        f"## Inputs\n\n{_inputs(preprocessor, found, name, own_size=int8 is not None)}",
        f"## Output\n\n{_output(predictor)}"
        + ("" if int8 else f"\n\n{agreement(preprocessor.schema.target.task)}"),
        f"## The preprocessing inside\n\n{_preprocessing(predictor, own_size=int8 is not None)}",
        f"## What it holds of the data\n\n{contents(preprocessor)}",
        f"## In 8 bits\n\n{_in_8_bits(int8)}" if int8 else "",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _needs(format: str, modules: list[str]) -> str:
    if format != "keras":
        return "It opens without kerasnn."
    if not modules:
        return "It opens with Keras on TensorFlow, without kerasnn."
    return "It opens with Keras on TensorFlow and needs kerasnn, for layers that Keras lacks."


def _rows(model: keras.Model, format: str) -> str:
    """How many rows a call takes, where that is not any number."""
    if format != "litert":
        return ""
    from kerasnn.export.litert import takes_one_row

    return " It takes one row a call." if takes_one_row(model) else ""


def _outside(preprocessor: Preprocessor, found: formats.Format) -> str:
    """What of the preprocessing is not inside."""
    if not preprocessor.texts:
        return "."
    return "." if found.STRINGS else ", but for texts: it takes the codes of their tokens."


def _snippet(
    predictor: Predictor,
    found: formats.Format,
    name: str,
    modules: list[str],
    *,
    own_size: bool,
) -> str:
    preprocessor = predictor.preprocessor
    columns = {image.name: image for image in preprocessor.images}
    coded = () if found.STRINGS else {text.name for text in preprocessor.texts}
    names = input_names([column.name for column in preprocessor.schema.features])
    cells = example_row(preprocessor)
    whole = sequences.shapes(preprocessor)
    sounds = {sound.name: sound for sound in preprocessor.sounds}
    lines = []
    for column, key in names.items():
        if column in columns:
            cell = _image(columns[column], key, found, own_size=own_size)
        elif column in sounds:
            read = f'read_sound("{key}.wav", {sounds[column].rate}, {sounds[column].samples})[None]'
            cell = found.ARRAYS["readings"].format(cell=read)
        elif column in whole:
            cell = sequences.example(whole[column], found.ARRAYS["readings"])
        elif column in coded:
            text = literal(cells[column])
            cell = found.ARRAYS["codes"].format(cell=f'tokens["{key}"]({text})')
        else:
            cell = _cell(cells[column], found)
        lines.append(f'    "{key}": {cell},')
    row, output = "\n".join(lines), output_name(preprocessor)
    text = found.CALL.format(path=literal(name)[1:-1], row=row, output=output)
    if coded:
        text = _with_tokens(text, name, hashed=any(t.buckets for t in preprocessor.texts))
    readers = [
        reader for reader, is_needed in ((read_image, columns), (read_sound, sounds)) if is_needed
    ]
    return _with_imports(text, modules, readers, takes_arrays=bool(whole))


def _with_tokens(text: str, name: str, *, hashed: bool) -> str:
    """The example with what makes codes of texts."""
    head, body = text.split("\n\n", 1)
    _, _, _, imports, source = inspect.getsource(plain_tokens).split("\n\n", 4)
    if not hashed:
        source = source.split("\n\n\ndef siphash", 1)[0] + "\n"
    read = (
        f'with open({literal(name + SUFFIX)}, encoding="utf-8") as file:\n'
        "    tokens = {key: Tokens(**column) for key, column in json.load(file).items()}\n"
    )
    return f"{head}\nimport json\n{imports}\n\n{source}\n\n{read}\n{body}"


def _with_imports(
    text: str, modules: list[str], readers: Sequence[Callable[..., Any]], *, takes_arrays: bool
) -> str:
    """The example with what reads images and sounds, and with all that has to be imported."""
    head, body = text.split("\n\n", 1)
    lines = set(head.splitlines())
    for reader in readers:
        lines |= set(IMPORTS[reader])
        body = f"\n{inspect.getsource(reader)}\n\n{body}"
    if takes_arrays:
        lines |= {"import numpy as np"}
    own = [f"import {module}  # noqa: F401" for module in modules]
    ordered = sorted(lines, key=lambda line: (line.startswith("from"), line.lower()))
    return "\n".join([*own, *ordered]) + f"\n\n{body}"


def _image(column: ImageColumn, key: str, found: formats.Format, *, own_size: bool) -> str:
    """Python that makes the runtime's array of the image in a file, as kerasnn reads it."""
    size = f", size=({column.width}, {column.height})" if own_size else ""
    return found.ARRAYS["image"].format(cell=f'read_image("{key}.png", {column.channels}{size})')


def _cell(cell: Any, found: formats.Format) -> str:
    """One value as Python that makes the runtime's array of it."""
    if isinstance(cell, str):
        return found.ARRAYS["text"].format(cell=literal(str(cell)))
    if isinstance(cell, np.integer):
        return found.ARRAYS["int64"].format(cell=int(cell))
    number = 'float("nan")' if np.isnan(cell) else str(cell)
    return found.ARRAYS["float32"].format(cell=number)


def _inputs(preprocessor: Preprocessor, found: formats.Format, name: str, *, own_size: bool) -> str:
    columns = preprocessor.schema.features
    names = input_names([column.name for column in columns])
    sizes = {image.name: image for image in preprocessor.images}
    coded = {} if found.STRINGS else {text.name: text for text in preprocessor.texts}
    lines = ["| input | column | type | shape | value |", "| --- | --- | --- | --- | --- |"]
    for column in columns:
        shown = plain(column.name)
        shape, meaning = "(batch, 1)", _MEANINGS.get(column.kind, "")
        if column.name in sizes:
            shape, meaning = _image_meaning(sizes[column.name], own_size=own_size)
        if column.kind in ("series", "sound"):
            shape, meaning = sequences.meaning(preprocessor, column.name)
        type_ = _TYPES[column.kind]
        if column.name in coded:
            type_, shape = "int32", f"(batch, {coded[column.name].length})"
            meaning = f"codes of its {coded[column.name].unit}"
        lines.append(f"| `{names[column.name]}` | {shown} | {type_} | {shape} | {meaning} |")
    if coded:
        lines += ["", _CODE_RULE.format(path=f"{name}{SUFFIX}")]
    if preprocessor.vocabularies:
        lines += ["", _TEXT_RULE]
    if sizes:
        lines += ["", _IMAGE_RULE]
    return "\n".join(lines)


def _image_meaning(image: ImageColumn, *, own_size: bool) -> tuple[str, str]:
    """Shape and value."""
    colours = "grey" if image.channels == 1 else "red, green, blue"
    if own_size:
        shape = f"(batch, {image.height}, {image.width}, {image.channels})"
        return shape, f"{colours}, 0 to 255, in this size"
    shape = f"(batch, height, width, {image.channels})"
    return shape, f"{colours}, 0 to 255; any size, but one for the images of a batch"


_IMAGE_RULE = (
    "kerasnn reads images turned as their camera says, transparent ones on white, and 16 bits as 8; "
    "each runtime gets decoded pixels. `read_image` above does the same."
)
_CODE_RULE = (
    "Codes are 0 behind the end of a text, 1 for what training did not know, and the place in the "
    "vocabulary from 2 on; the vocabulary, and how a text is cut, is in `{path}`. `Tokens` above "
    "makes codes of a text exactly as kerasnn does; a missing text is an empty one."
)
_TEXT_RULE = (
    "A category is without blanks around it; a whole number in it has no decimal point, and true and "
    "false are in lower case, as kerasnn reads them from files."
)


def _output(predictor: Predictor) -> str:
    target = predictor.preprocessor.schema.target
    if target.task == "regression":
        return f"`prediction`, float32, (batch, 1): {code(target.name)} in its own unit."
    several = target.task == "multilabel"
    what = "labels, each on its own" if several else "classes"
    text = (
        f"`probabilities`, float32, (batch, {len(target.classes)}), in the order of the {what}:"
        f"\n\n```json\n{json.dumps(list(target.classes), ensure_ascii=False)}\n```"
    )
    share = f"{predictor.decision.threshold:.6g}"
    if several:
        text += f"\n\nkerasnn decides for each label from the probability {share} on."
    if target.task == "binary":
        no, yes = target.classes
        text += f"\n\nkerasnn decides for {code(yes)} from the probability {share} on, else for {code(no)}."
    return text


def _preprocessing(predictor: Predictor, *, own_size: bool) -> str:
    preprocessor = predictor.preprocessor
    options, lines = preprocessor.options, []
    if preprocessor.numbers:
        trained_model = f"the column's {options.missing.replace('_', ' ')} value"
        fill = f"{options.missing_value:g}" if options.missing == "constant" else trained_model
        lines.append(f"- Missing numbers become {fill}; numbers are {_SCALES[options.scale]}.")
        encodings = (
            preprocessor.encodings[1:] if isinstance(preprocessor, JointPreprocessor) else ()
        )
        lines += [
            f"- For some of its networks they are {_SCALES[w.options.scale]}." for w in encodings
        ]
    indicators = [column.indicator for column in preprocessor.numbers]
    if any([*indicators, *(column.indicator for column in preprocessor.dates)]):
        lines.append("- Columns that missed values in training get another one that says where.")
    if preprocessor.vocabularies:
        lines.append("- Categories become codes: 0 missing, 1 rare or never seen, 2 … the known.")
    if preprocessor.dates:
        lines.append("- Dates become elapsed time and positions in the year, month, week and day.")
    for text in preprocessor.texts:
        cut = f"- Texts of {code(text.name)} are cut into {text.unit}"
        if text.lower_case:
            cut += " in lower case"
        lines.append(f"{cut}, of which the first {text.length:,} are read.")
    for series in preprocessor.series:
        lines.append(
            f"- Readings of {code(series.name)} are scaled inside, the missing ones masked."
        )
    for sound in preprocessor.sounds:
        lines.append(f"- Of sounds of {code(sound.name)}, a mel spectrogram is made inside.")
    for image in preprocessor.images:
        if not own_size:
            size = f"{image.height} × {image.width}"
            lines.append(f"- Images of {code(image.name)} are resized to {size} pixels.")
        lines.append(f"- Pixels of {code(image.name)} are scaled inside.")
    if predictor.decision.flip_tta:
        lines.append("- Each output is the mean of those of the images and their mirror images.")
    return "\n".join(lines)


def _in_8_bits(scores: Int8Scores) -> str:
    return (
        "All inside is in whole numbers of 8 bits, as accelerators of small computers want it. It "
        "takes images in the network's own size: resize them first, with a filter that averages "
        "where an image shrinks, as the example does.\n\n"
        "| on test rows | |\n| --- | --- |\n"
        f"| rows | {scores.n_rows:,} |\n"
        f"| {scores.metric} in 8 bits | {scores.quantised:.4f} |\n"
        f"| {scores.metric} in float32 | {scores.original:.4f} |\n"
        f"| agreement of both | {scores.agreement:.4f} |"
    )


def _own_modules(model: keras.Model) -> list[str]:
    """Modules of kerasnn whose layers the model is made of."""
    return sorted(set(re.findall(r'"module": "(kerasnn[\w.]*)"', model.to_json())))
