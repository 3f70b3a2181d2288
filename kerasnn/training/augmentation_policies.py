"""Which changes training images may go through at random: their names, and the choice by rule.

Nothing heavy is imported, so that a wrong name is found at once. The changes themselves are in
`kerasnn.training.augmentation`.
"""

from __future__ import annotations

from collections.abc import Callable

from kerasnn.errors import ConfigError, UnknownNameError
from kerasnn.signature import Signature

PRESETS = ("none", "light", "strong", "auto")

CHANGES = {
    "shift": "moved by up to an eighth of its sides, the border reflected",
    "flip": "mirrored left to right, in every other epoch",
    "flip_vertical": "mirrored top to bottom, in every other epoch",
    "rotate": "turned by up to 15 degrees",
    "zoom": "enlarged or reduced by up to a quarter",
    "color": "brightness, contrast and saturation changed by up to 40 %",
    "randaugment": "two changes out of twelve, moderate ones",
    "cutout": "a square of a quarter of the side blanked",
    "mixup": "blended with another image, and the targets too",
    "cutmix": "a box of another image pasted in, and the targets mixed by area",
}
MIXES = ("mixup", "cutmix")

# Few rows are gone through many times, and it is then that cutout pays; in few epochs it costs
# (a small network on 6,000 photos, 10 epochs: 0.619 with it, 0.633 without).
SMALL = 20_000


def check(augment: str) -> None:
    """See that an ``augment`` option can be understood, whatever the data.

    Raises:
        UnknownNameError: A name is neither a preset nor a change.
        ConfigError: A preset stands beside other names, or a name is there twice.
    """
    names = _names(augment)
    for name in names:
        if name not in PRESETS and name not in CHANGES:
            raise UnknownNameError("augmentation", name, [*PRESETS, *CHANGES], location="augment")
    preset = next((name for name in names if name in PRESETS), None)
    if preset and len(names) > 1:
        raise ConfigError(
            f"'{preset}' can't stand beside other augmentations",
            location="augment",
            hint="give it alone, or name each change",
        )
    if len(set(names)) < len(names):
        raise ConfigError(f"augment '{augment}' names a change twice", hint="name it once")


def resolve(
    augment: str, signature: Signature, *, n_rows: int, mirrors: Callable[[], bool]
) -> tuple[str, ...]:
    """Names of the changes that an ``augment`` option stands for with the data at hand.

    ``light`` is shift and, if the data allow, flip. ``strong`` adds colour (in colour images),
    RandAugment, cutout and, for classes, CutMix, which needs some 50 epochs to pay. ``auto`` is
    ``light``, and cutout where the training rows are few.

    Args:
        augment: The option.
        signature: Signature of the network.
        n_rows: Number of training rows.
        mirrors: Tells whether a mirrored image still means the same, such as
            `kerasnn.selection.flip_invariance.mirrors`; asked only if needed.

    Returns:
        In the order in which they are done; empty for none.

    Raises:
        UnknownNameError: See `check`.
        ConfigError: Also if the network takes no images, or if images were to be mixed that have
            other columns beside them.
    """
    check(augment)
    if augment == "none" or (augment == "auto" and not signature.images):
        return ()
    if not signature.images:
        raise ConfigError(
            f"augment '{augment}' is for images, and there are none", hint="leave it out"
        )
    chosen = set(_names(augment))
    if augment in PRESETS:
        chosen = _preset(augment, signature, n_rows)
        if mirrors():
            chosen.add("flip")
    _check_mixes(chosen, signature)
    return tuple(name for name in CHANGES if name in chosen)


def _names(augment: str) -> list[str]:
    return [name.strip() for name in augment.split(",")]


def _preset(augment: str, signature: Signature, n_rows: int) -> set[str]:
    """Without the flip, which is up to the data."""
    chosen = {"shift"}
    if augment == "auto" and n_rows <= SMALL:
        chosen.add("cutout")
    if augment == "strong":
        chosen |= {"cutout", "randaugment"}
        if any(image.channels == 3 for image in signature.images):
            chosen.add("color")
        # Half of each of two numbers is not what their images' halves show; half of two classes is
        # what the papers train on.
        if _only_images(signature) and signature.output.task != "regression":
            chosen.add("cutmix")
    return chosen


def _only_images(signature: Signature) -> bool:
    return signature.numbers is None and signature.categories is None


def _check_mixes(chosen: set[str], signature: Signature) -> None:
    mixes = [name for name in MIXES if name in chosen]
    if mixes and not _only_images(signature):
        raise ConfigError(
            f"augmentation '{mixes[0]}' mixes images, but other columns can't be mixed",
            location="augment",
            hint=f"leave out '{mixes[0]}', or drop the other columns",
        )
