"""Whether images may be mirrored left to right, measured on training rows alone.

A mirrored dog is a dog, a mirrored 2 is nothing. A quick linear model, which has never seen a
mirrored image, tells them apart: where the sides have a meaning it loses what it knows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# Images are reduced to this side at most; what a class depends on is coarse.
SIDE = 16
# Share of the model's skill that must be left with mirrored images. Photos keep all of it
# (0.95-1.2 in samples of 300 to 4,000), pictures of clothes two thirds (0.65-0.70), which are as a
# rule mirrored too, handwritten digits a third (0.22-0.46).
KEPT = 0.55
# A skill this many standard errors above nothing is one.
CERTAIN = 3.0
# Share of right answers to "which of the two is mirrored?" from which on images have sides:
# photos 0.49-0.51, digits and clothes 0.75-0.97.
ONE_SIDED = 0.6
FEWEST = 100

Model = Callable[[np.ndarray], np.ndarray]


def mirrors(images: np.ndarray, targets: np.ndarray, *, seed: int) -> bool:
    """Tell whether mirrored images mean the same.

    One half of the rows fits a ridge regression to the targets, the other is predicted as it is
    and mirrored, and the other way about. Mirroring is allowed if most of the gain over the best
    constant is left. Where there is no gain to speak of, it is allowed if the images have no sides
    that another ridge regression could tell.

    Args:
        images: Images of a sample of training rows, (n, height, width, channels) uint8.
        targets: Class codes, (n,) whole numbers; or numbers or 0/1 labels, (n,) or (n, k) float.
        seed: Seed of the division into halves.
    """
    if len(images) < FEWEST:
        return False
    order = np.random.default_rng(seed).permutation(len(images))
    halves = order[::2], order[1::2]
    features, mirrored = _features(images), _features(images[:, :, ::-1])
    gains = _gains(features, mirrored, targets, halves)
    plain, kept = gains.mean(axis=0)
    error = gains[:, 0].std() / np.sqrt(len(gains))
    if plain > CERTAIN * error:
        return bool(kept >= KEPT * plain)
    return _recognized(features, mirrored, halves) < ONE_SIDED


def _features(images: np.ndarray) -> np.ndarray:
    """Means over the cells of a grid, (n, features) float32; a part at a time, to save memory."""
    parts = [_reduced(images[i : i + 256]) for i in range(0, len(images), 256)]
    return np.concatenate(parts).reshape(len(images), -1)


def _reduced(images: np.ndarray) -> np.ndarray:
    result = images.astype("float32")
    for axis in (1, 2):
        length = images.shape[axis]
        if length > SIDE:
            starts = np.arange(SIDE) * length // SIDE
            sizes = np.diff(starts, append=length).astype("float32")
            sums = np.add.reduceat(result, starts, axis=axis)
            result = sums / np.expand_dims(sizes, tuple({0, 1, 2, 3} - {axis}))
    return result


def _gains(
    features: np.ndarray,
    mirrored: np.ndarray,
    targets: np.ndarray,
    halves: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """What the model is better than a constant at each row, as it is and mirrored, (n, 2).

    For classes a right answer counts 1, for numbers the squared error is what shrinks.
    """
    classes = np.unique(targets) if targets.dtype.kind in "iu" else None
    wanted = targets.reshape(len(targets), -1).astype("float64")
    if classes is not None:
        wanted = (wanted == classes).astype("float64")
    gains = []
    for fitted, predicted_rows in (halves, halves[::-1]):
        truth, constant = wanted[predicted_rows], wanted[fitted].mean(axis=0, keepdims=True)
        model = _ridge(features[fitted], wanted[fitted])
        score = _hits if classes is not None else _closeness
        base = score(np.broadcast_to(constant, truth.shape), truth)
        gains.append(
            np.stack(
                [score(model(x[predicted_rows]), truth) - base for x in (features, mirrored)],
                axis=1,
            )
        )
    return np.concatenate(gains)


def _hits(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return np.asarray(predicted.argmax(axis=1) == truth.argmax(axis=1), "float64")


def _closeness(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Minus the squared error, each column in units of its variance."""
    spread = truth.var(axis=0)
    errors = np.square(predicted - truth) / np.where(spread > 0, spread, 1.0)
    return -np.asarray(errors.sum(axis=1))


def _recognized(
    features: np.ndarray, mirrored: np.ndarray, halves: tuple[np.ndarray, np.ndarray]
) -> float:
    """How often a linear model says rightly whether an image is mirrored."""
    right = []
    for fitted, predicted_rows in (halves, halves[::-1]):
        signs = np.repeat([1.0, -1.0], len(fitted))[:, np.newaxis]
        model = _ridge(np.concatenate([features[fitted], mirrored[fitted]]), signs)
        right += [model(features[predicted_rows]) > 0, model(mirrored[predicted_rows]) < 0]
    return float(np.concatenate(right).mean())


def _ridge(features: np.ndarray, wanted: np.ndarray) -> Model:
    """In closed form; as strong a penalty as the mean variance of a feature."""
    centre, mean = features.mean(axis=0, dtype="float64"), wanted.mean(axis=0)
    centred = features - centre
    products = centred.T @ centred
    products += np.eye(len(products)) * max(np.trace(products) / len(products), 1e-6)
    slopes = np.linalg.solve(products, centred.T @ (wanted - mean))
    return lambda x: (x - centre) @ slopes + mean
