"""Why a network says what it says of an image: where it looks, as arrays and as pictures."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kerasnn.data.frames import origin_of
from kerasnn.data.media import image_columns
from kerasnn.data.readers.folders import printable
from kerasnn.data.resize import resample
from kerasnn.errors import ConfigError, DataError, UnknownNameError
from kerasnn.explain.thumbnails import enlarged, maps_png, overlay

if TYPE_CHECKING:
    from kerasnn.data.schema import Schema
    from kerasnn.explain.saliency import Method
    from kerasnn.prediction.predictor import Predictor

MAX_BARS, MAX_MAPS = 5, 64
SIDE = 224
INK, BAR, MUTED = "#22262c", "#2f6db5", "#c9ccd1"


@dataclass(frozen=True, eq=False)
class Explanation:
    """What a network says of one image, and where in it it sees that.

    Args:
        name: Path of the image, or its row.
        image: Input of the network, uint8 (height, width, channels).
        prediction: A label, several of them as text, or a value.
        probabilities: Probabilities by class, the most probable first; empty for regression.
        target_class: The class or label that is explained; None for a value.
        method: ``grad_cam``, or ``gradient`` for a network without maps.
        layer: Layer whose feature maps Grad-CAM weighed.
        heat: Evidence of each pixel for the class, float32 (height, width) in [0, 1].
        maps: Feature maps of the requested layer, float32 (h, w, channels); None if none
            was asked for.
    """

    name: str
    image: NDArray[np.uint8]
    prediction: Any
    probabilities: dict[str, float]
    target_class: str | None
    method: Method
    layer: str | None
    heat: NDArray[np.float32]
    maps: NDArray[np.float32] | None = None

    @property
    def probability_of_prediction(self) -> float | None:
        """Probability of the predicted class, or of the most probable label."""
        most_probable = next(iter(self.probabilities.values()), None)
        return self.probabilities.get(str(self.prediction), most_probable)

    def picture(self) -> bytes:
        """The image, where it speaks for the class, and the most probable classes, as a PNG file."""
        from matplotlib.figure import Figure

        with warnings.catch_warnings():
            # What the font lacks is a box, and no reason to warn.
            warnings.filterwarnings("ignore", message=".*[Gg]lyph")
            figure = Figure(figsize=(8.6, 3.1), dpi=110, layout="constrained", facecolor="white")
            plain, seen, said = figure.subplots(1, 3, width_ratios=(1, 1, 1.15))
            large = enlarged(self.image, SIDE)
            heat = resample(self.heat[None], *large.shape[:2])[0]
            plain.imshow(np.broadcast_to(large, (*large.shape[:2], 3)))
            seen.imshow(overlay(large, heat.clip(0, 1)))
            _title(plain, _end(self.name))
            _title(seen, self._sentence())
            for axes in (plain, seen):
                axes.set_axis_off()
            self._bars(said)
            file = io.BytesIO()
            figure.savefig(file, format="png", metadata={"Software": None})
        return file.getvalue()

    def maps_picture(self) -> bytes | None:
        """The maps that vary most side by side, each from its lowest to its highest, as PNG."""
        if self.maps is None:
            return None
        channels = self.maps.transpose(2, 0, 1)
        livest = np.sort(np.argsort(-channels.std(axis=(1, 2)), kind="stable")[:MAX_MAPS])
        return maps_png(channels[livest], columns=8, side=96)

    def _sentence(self) -> str:
        what = (
            f"speaks for ‘{_cut(self.target_class)}’"
            if self.target_class
            else "speaks for a larger value"
        )
        how = f"Grad-CAM, {_cut(str(self.layer), 30)}" if self.layer else "gradient of the pixels"
        return f"{what}\n{how}"

    def _bars(self, axes: Any) -> None:
        shown = list(self.probabilities.items())[:MAX_BARS]
        if self.target_class in self.probabilities and self.target_class not in dict(shown):
            shown[-1] = (str(self.target_class), self.probabilities[str(self.target_class)])
        if not shown:
            axes.set_axis_off()
            value = f"{self.prediction:.4g}"
            axes.text(0.5, 0.5, value, ha="center", va="center", fontsize=22, color=INK)
            return
        places = range(len(shown))
        colours = [BAR if name == self.target_class else MUTED for name, _ in shown]
        axes.barh(places, [share for _, share in shown], color=colours, height=0.66)
        for location, (_, share) in zip(places, shown, strict=True):
            axes.text(min(share, 0.8) + 0.02, location, f"{share:.3f}", va="center", color=INK)
        axes.set_yticks(places, [_cut(name, 16) for name, _ in shown], parse_math=False)
        axes.set(xlim=(0, 1), ylim=(MAX_BARS - 0.5, -0.5), xticks=(0, 0.5, 1))
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
        _title(axes, "probability")


def explain(
    predictor: Predictor,
    pieces: Iterable[pd.DataFrame],
    *,
    target_class: str | None = None,
    layer: str | None = None,
) -> Iterator[Explanation]:
    """Explain each row by its first image.

    Args:
        predictor: Predictor with an image column.
        pieces: Raw rows, few enough at once for the memory.
        target_class: Class or label to explain in place of the most probable one.
        layer: Layer whose feature maps are weighed and returned, one of `layers_of`.

    Raises:
        DataError: There is no image column, or no image can be read.
        UnknownNameError: There is no such class or layer.
        ConfigError: There is nothing that could be chosen.
    """
    check(predictor, target_class=target_class, layer=layer)
    return (
        each
        for piece in pieces
        for each in explain_rows(
            predictor, *readable(predictor, piece), target_class=target_class, layer=layer
        )
    )


def readable(predictor: Predictor, rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The rows whose images can be read, decoded, and their names; warns of the others.

    Raises:
        DataError: No image can be read.
    """
    names = names_of(predictor, rows)
    features = predictor.preprocessor.schema.features
    layouts = {c.name: c.layout for c in features if c.kind == "image" and c.name in rows}
    how: dict[str, Any] = {"strict": len(rows) == 1, "outcome": "not explained"}
    decoded, kept = image_columns.readable(rows, layouts, **how)
    if len(rows) and not len(kept):
        raise DataError("no image can be read", hint="check the files")
    return decoded, [names[row] for row in kept]


def layers_of(predictor: Predictor) -> dict[str, tuple[int, ...]]:
    """Layers with maps after the first image column: height, width and channels by name.

    Raises:
        DataError: There is no image column.
    """
    from kerasnn.explain.saliency import feature_maps

    if not predictor.preprocessor.images:
        check_explains(predictor.preprocessor.schema)
        problem = "the run has no image column, so there is no picture to explain"
        raise DataError(problem, hint="its report shows what it relies on")
    return feature_maps(predictor.network)


def check(predictor: Predictor, *, target_class: str | None, layer: str | None) -> None:
    """Raise as `explain` does for what is no matter of the rows."""
    layers = layers_of(predictor)
    check_target_class(predictor.preprocessor.schema, target_class)
    if layer is not None and not layers:
        raise ConfigError("there is no layer to choose, as the network has no convolution")
    if layer is not None and layer not in layers:
        raise UnknownNameError("layer", layer, layers)


def check_target_class(schema: Schema, target_class: str | None) -> None:
    """Raise if a class to explain is none of the target."""
    if target_class is not None and not schema.target.classes:
        raise ConfigError("there is no class to choose, as the target is a number")
    if target_class is not None and target_class not in schema.target.classes:
        raise UnknownNameError("class", target_class, schema.target.classes)


def check_explains(schema: Schema) -> None:
    """Raise if there are neither images nor texts to explain."""
    if not {"image", "text"} & {column.kind for column in schema.features}:
        problem = "the run has neither images nor texts, so there is nothing to explain"
        raise DataError(problem, hint="its report shows what it relies on")


def names_of(predictor: Predictor, rows: pd.DataFrame) -> list[str]:
    """Path or row of the image of each row."""
    cells = rows[predictor.preprocessor.images[0].name]
    origin = origin_of(rows)
    return [
        os.fspath(cell) if isinstance(cell, str | os.PathLike) else numbered(*origin.locate(row))
        for row, cell in enumerate(cells)
    ]


def numbered(name: str, row: int | None) -> str:
    """A row as the user knows it, by its file and its number there."""
    if row is None:
        return name
    return f"{name}:{row}" if name else f"row {row}"


def explain_rows(
    predictor: Predictor,
    rows: pd.DataFrame,
    names: list[str],
    *,
    target_class: str | None,
    layer: str | None,
) -> Iterator[Explanation]:
    """Explain rows from `readable`.

    Args:
        predictor: Predictor with an image column.
        rows: Raw rows with decoded images.
        names: Name of each row.
        target_class: Class or label to explain in place of the most probable one.
        layer: Layer whose feature maps are weighed and returned.
    """
    from kerasnn.explain.saliency import activations, saliency

    if not len(rows):
        return
    preprocessor = predictor.preprocessor
    target = preprocessor.schema.target
    inputs = {key: values[:] for key, values in preprocessor.transform(rows).inputs.items()}
    scores = predictor.calibrated(predictor.outputs(inputs))
    codes = np.zeros(len(rows), int)
    if target.classes:
        codes = (
            scores.argmax(axis=1)
            if target_class is None
            else codes + target.classes.index(target_class)
        )
    found = saliency(predictor.network, inputs, codes, task=target.task, layer=layer)
    heats = resample(found.maps, *inputs["image"].shape[1:3]).clip(0, 1)
    maps = activations(predictor.network, inputs, layer) if layer else [None] * len(rows)
    said = predictor.predict(rows)["prediction"]
    for row, name in enumerate(names):
        likely = most_probable_first(target.classes, scores[row]) if target.classes else {}
        yield Explanation(
            name=name,
            image=inputs["image"][row],
            prediction=said.iloc[row],
            probabilities=likely,
            target_class=target.classes[codes[row]] if target.classes else None,
            method=found.method,
            layer=found.layer,
            heat=heats[row],
            maps=maps[row],
        )


def most_probable_first(classes: tuple[str, ...], scores: NDArray[np.float64]) -> dict[str, float]:
    """Probabilities by class."""
    order = np.argsort(-scores, kind="stable")
    return {classes[code]: float(scores[code]) for code in order}


def _title(axes: Any, text: str) -> None:
    axes.set_title(text, fontsize=9, color=INK, parse_math=False)


def _cut(text: str | None, length: int = 24) -> str:
    text = " ".join(str(text).split())
    return text if len(text) <= length else text[: length - 1] + "…"


def _end(path: str) -> str:
    """The end of a path, which tells more than its beginning."""
    path = printable(path)
    return path if len(path) <= 34 else "…" + path[-33:]
