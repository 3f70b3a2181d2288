"""The network as a picture: boxes for layers, lines for what flows between them.

Layers with their activation, normalisation and dropout make one box. Boxes are laid out in levels
by their distance from the inputs; lines that pass a level get a place in it.

Reference: Sugiyama, Tagawa and Toda, Methods for Visual Understanding of Hierarchical System
Structures, 1981.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any

from markupsafe import Markup
from scipy.optimize import isotonic_regression

from kerasnn.report.drawing import percent, shorten
from kerasnn.report.sections.network.collect import LayerEntry

ReportData = dict[str, Any]

MAX_BOXES = 60
BOX_HEIGHT, LEVEL_GAP, BOX_GAP, PASS_WIDTH = 44, 28, 18, 16
CHARACTER = 6.4
SWEEPS = 4

# What only moves numbers about, and is not worth a word beside what it moves them for.
_PLUMBING = {
    "Take",
    "GetItem",
    "Cast",
    "Reshape",
    "Add",
    "Equal",
    "Squeeze",
    "ExpandDims",
    "Identity",
}
_WORDS = {
    "InputLayer": "input",
    "BatchNormalization": "batch norm",
    "LayerNormalization": "layer norm",
    "Concatenate": "side by side",
    "Rescaling": "scale",
    "Conv2D": "conv",
    "DepthwiseConv2D": "depthwise conv",
    "MaxPooling2D": "max pool",
    "AveragePooling2D": "mean pool",
    "GlobalMaxPooling2D": "maximum",
    "GlobalAveragePooling2D": "mean",
    "MultiHeadAttention": "attention",
}


@dataclass
class Box:
    """A layer and what belongs to it.

    Args:
        name: Name of its first operation.
        words: Types of its operations, in order.
        shape: Shape of its output.
        parameters: Number of parameters of all its operations.
        sources: Names of the boxes before it.
    """

    name: str
    words: list[str]
    shape: list[int | None]
    parameters: int
    sources: list[str] = field(default_factory=list)
    is_plumbing: bool = False

    @property
    def title(self) -> str:
        """In one line."""
        return shorten(" · ".join(self.words), 40)

    @property
    def subtitle(self) -> str:
        """Shape and parameters."""
        shape = " × ".join("?" if size is None else f"{size:,}" for size in self.shape)
        return f"{shape}  ·  {self.parameters:,} parameters" if self.parameters else shape

    @property
    def width(self) -> float:
        """In pixels, after the text."""
        return max(96.0, 22 + CHARACTER * max(len(self.title), len(self.subtitle)))


def sentence(report_data: ReportData) -> str:
    """Size of the network, and where its parameters are."""
    network = report_data["network"]
    weighty = [layer for layer in network["layers"] if layer["parameters"]]
    total = network["parameters"]
    text = f"{total:,} parameters in {len(weighty)} layer{'' if len(weighty) == 1 else 's'}"
    if len(weighty) > 1 and total:
        largest = max(weighty, key=lambda layer: int(layer["parameters"]))
        share = percent(largest["parameters"] / total)
        text += f", {share} of them in ‘{shorten(largest['name'], 40)}’"
    return f"{text}. It reads from top to bottom."


def picture(report_data: ReportData) -> Markup | None:
    """The SVG; None for a network with too many layers to be seen at a glance."""
    boxes = boxes_of(report_data["network"]["layers"])
    if not 0 < len(boxes) <= MAX_BOXES:
        return None
    return _svg(boxes, label=f"The network. {sentence(report_data)}")


def boxes_of(layers: list[LayerEntry]) -> list[Box]:
    """Operations joined to boxes: a chain goes together where one of two has no weights."""
    consumers: dict[str, int] = {}
    for layer in layers:
        for source in layer["inputs"]:
            consumers[source] = consumers.get(source, 0) + 1
    boxes: dict[str, Box] = {}
    owner: dict[str, str] = {}
    for layer in layers:
        sources = list(dict.fromkeys(owner[each] for each in layer["inputs"] if each in owner))
        before = boxes.get(sources[0]) if len(sources) == 1 else None
        if before and consumers.get(layer["inputs"][0]) == 1 and _belongs(layer, before):
            _join(before, layer)
            owner[layer["name"]] = before.name
            continue
        plumbing = layer["type"] in _PLUMBING and len(layer["inputs"]) == 1
        boxes[layer["name"]] = Box(
            layer["name"], [_word(layer)], layer["shape"], layer["parameters"], sources, plumbing
        )
        owner[layer["name"]] = layer["name"]
    return list(boxes.values())


def _belongs(layer: LayerEntry, before: Box) -> bool:
    if before.words[0].startswith("input"):
        return False
    normalization = "Normalization" in layer["type"]
    return before.is_plumbing or not layer["parameters"] or normalization


def _join(box: Box, layer: LayerEntry) -> None:
    plumbing = layer["type"] in _PLUMBING
    if box.is_plumbing and not plumbing:
        box.words, box.is_plumbing = [_word(layer)], False
    elif box.is_plumbing:
        # A comparison with every code, as 0 or 1.
        if layer["type"] == "Equal" or box.words == ["one-hot"]:
            box.words = ["one-hot"]
    elif not plumbing:
        box.words.append(_word(layer))
    box.shape = layer["shape"]
    box.parameters += layer["parameters"]


def _word(layer: LayerEntry) -> str:
    kind = _WORDS.get(layer["type"], layer["type"].lower())
    if layer["type"] == "InputLayer":
        return f"input ‘{shorten(layer['name'])}’"
    if layer["type"] == "Activation":
        return str(layer["detail"] or kind)
    return f"{kind} {layer['detail']}".strip()


@dataclass
class _Node:
    """A place in a level: a box, or a line that passes."""

    box: Box | None
    above: list[_Node] = field(default_factory=list)
    below: list[_Node] = field(default_factory=list)
    x: float = 0.0
    y: float = 0.0

    @property
    def width(self) -> float:
        return self.box.width if self.box else PASS_WIDTH


def _levels(boxes: list[Box]) -> list[list[_Node]]:
    """Nodes by their distance from the inputs, those of passing lines among them."""
    depth: dict[str, int] = {}
    for box in boxes:
        depth[box.name] = max((depth[source] + 1 for source in box.sources), default=0)
    # An input stands right above what first takes it.
    for box in reversed(boxes):
        users = [depth[each.name] for each in boxes if box.name in each.sources]
        if not box.sources and users:
            depth[box.name] = min(users) - 1
    levels: list[list[_Node]] = [[] for _ in range(max(depth.values()) + 1)]
    nodes = {box.name: _Node(box) for box in boxes}
    for box in boxes:
        levels[depth[box.name]].append(nodes[box.name])
    for box in boxes:
        for source in box.sources:
            _connect(nodes[source], nodes[box.name], levels[depth[source] + 1 : depth[box.name]])
    return levels


def _connect(source: _Node, target: _Node, between: list[list[_Node]]) -> None:
    for level in between:
        passing = _Node(None, [source])
        source.below.append(passing)
        level.append(passing)
        source = passing
    source.below.append(target)
    target.above.append(source)


def _place(levels: list[list[_Node]]) -> float:
    """Give each node its x and y, near those that it is joined with; returns the width."""
    for sweep in range(SWEEPS):
        for level in levels if sweep % 2 == 0 else reversed(levels):
            order = {id(node): index for index, node in enumerate(level)}
            level.sort(key=lambda node: (_pull(node, down=sweep % 2 == 0), order[id(node)]))
            _spread_out(level)
    for sweep in range(2 * SWEEPS):
        for level in levels if sweep % 2 == 0 else reversed(levels):
            _settle(level, [_pull(node, down=sweep % 2 == 0) for node in level])
    left = min(node.x - node.width / 2 for level in levels for node in level)
    for row, level in enumerate(levels):
        for node in level:
            node.x += 2 - left
            node.y = row * (BOX_HEIGHT + LEVEL_GAP) + 2
    return 2 + max(node.x + node.width / 2 for level in levels for node in level)


def _pull(node: _Node, *, down: bool) -> float:
    near = node.above if down else node.below
    return sum(each.x for each in near) / len(near) if near else node.x


def _offsets(level: list[_Node]) -> list[float]:
    """Where the nodes stand when they are as close as they may be, the first at 0."""
    steps = [(a.width + b.width) / 2 + BOX_GAP for a, b in pairwise(level)]
    return [0.0, *accumulate(steps)]


def _spread_out(level: list[_Node]) -> None:
    """Side by side in their order, centred on 0."""
    offsets = _offsets(level)
    for node, offset in zip(level, offsets, strict=True):
        node.x = offset - offsets[-1] / 2


def _settle(level: list[_Node], wanted: list[float]) -> None:
    """Place each as near as possible to its preferred position, in order and without overlap.

    Less its offset, a place must not fall from one node to the next: an isotonic regression.
    """
    offsets = _offsets(level)
    # Lines that pass matter more, so that they are straight.
    weights = [1.0 if node.box else 4.0 for node in level]
    free = [x - offset for x, offset in zip(wanted, offsets, strict=True)]
    for node, x, offset in zip(
        level, isotonic_regression(free, weights=weights).x, offsets, strict=True
    ):
        node.x = float(x) + offset


def _svg(boxes: list[Box], *, label: str) -> Markup:
    levels = _levels(boxes)
    width = _place(levels)
    height = len(levels) * (BOX_HEIGHT + LEVEL_GAP) - LEVEL_GAP + 4
    most = max(box.parameters for box in boxes)
    nodes = [node for level in levels for node in level]
    lines = Markup("").join(_line(node, to) for node in nodes for to in node.below)
    shown = Markup("").join(_box(node, node.box, most) for node in nodes if node.box)
    return Markup(
        '<svg class="network" viewBox="0 0 {0:.0f} {1:.0f}" style="max-width:{0:.0f}px" role="img" '
        'aria-label="{2}"><g class="lines">{3}</g>{4}</svg>'
    ).format(width, height, label, lines, shown)


def _line(start: _Node, end: _Node) -> Markup:
    top, bottom = start.y + BOX_HEIGHT, end.y
    middle = (top + bottom) / 2
    curve = f"M{start.x:.1f} {top:.1f}C{start.x:.1f} {middle:.1f} {end.x:.1f} {middle:.1f} {end.x:.1f} {bottom:.1f}"
    if end.box is None:
        curve += f"V{end.y + BOX_HEIGHT:.1f}"
    return Markup('<path d="{}"/>').format(curve)


def _box(node: _Node, box: Box, most: int) -> Markup:
    kind = "input" if not box.sources else "weighty" if box.parameters else "plain"
    bar = (node.width - 16) * box.parameters / most if most else 0
    return Markup(
        '<g class="box {kind}"><title>{name}</title>'
        '<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height}" rx="7"/>'
        '<text class="title" x="{middle:.1f}" y="{first:.1f}">{title}</text>'
        '<text class="subtitle" x="{middle:.1f}" y="{second:.1f}">{subtitle}</text>'
        '<rect class="share" x="{start:.1f}" y="{base:.1f}" width="{bar:.1f}" height="2.5" rx="1"/></g>'
    ).format(
        kind=kind,
        name=box.name,
        x=node.x - node.width / 2,
        y=node.y,
        width=node.width,
        height=BOX_HEIGHT,
        middle=node.x,
        first=node.y + 18,
        second=node.y + 33,
        title=box.title,
        subtitle=box.subtitle,
        start=node.x - node.width / 2 + 8,
        base=node.y + BOX_HEIGHT - 5,
        bar=bar,
    )
