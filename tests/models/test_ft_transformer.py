"""FT-Transformer against the same formulas in NumPy."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from helpers import outputs_of
from numpy.typing import NDArray

from kerasnn import models
from kerasnn.errors import ConfigError
from kerasnn.signature import Signature
from kerasnn.training.optimizers import decays

Array = NDArray[Any]

WIDTH, HEADS, ROWS = 8, 2, 6
SIGNATURE = Signature.table(numbers=3, categories=(4, (5, 2)), classes=3)
SIZES = {"width": WIDTH, "heads": HEADS, "depth": 3}


def build(signature: Signature = SIGNATURE, **sizes: Any) -> keras.Model:
    """A small network whose weights are all far from zero."""
    keras.utils.set_random_seed(0)
    model = models.build("ft_transformer", signature, **{**SIZES, **sizes})
    random = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(random.normal(0, 1, weight.shape))
    return model


def rows() -> dict[str, Array]:
    random = np.random.default_rng(1)
    return {
        "numbers": random.normal(size=(ROWS, 3)).astype("float32"),
        "categories": random.integers(0, 4, (ROWS, 2)).astype("int32"),
    }


def norm(x: Array, scale: Array, shift: Array) -> Array:
    centered = x - x.mean(axis=-1, keepdims=True)
    return centered / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5) * scale + shift


def attend(query: Array, x: Array, w: dict[str, Array], name: str) -> Array:
    """Softmax(q kᵀ / √d) v of each head, side by side."""

    def projected(tokens: Array, part: str) -> Array:
        kernel, bias = w[f"{name}/{part}/kernel"], w[f"{name}/{part}/bias"]
        return np.einsum("bnd,dhk->bhnk", tokens, kernel) + bias[:, None]

    q, k, v = projected(query, "query"), projected(x, "key"), projected(x, "value")
    scores = q @ k.transpose(0, 1, 3, 2) / np.sqrt(WIDTH / HEADS)
    shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
    heads = shares / shares.sum(axis=-1, keepdims=True) @ v
    kernel, bias = w[f"{name}/attention_output/kernel"], w[f"{name}/attention_output/bias"]
    found: Array = np.einsum("bhnk,hkd->bnd", heads, kernel) + bias
    return found


def reference(w: dict[str, Array], inputs: dict[str, Array], depth: int) -> Array:
    """The whole network; every block for all vectors, of which the last block's first counts."""
    numbers = inputs["numbers"][..., None] * w["number_embedding/kernel"]
    codes = inputs["categories"] + np.array([0, 4])
    x = np.concatenate(
        [
            np.broadcast_to(w["cls/kernel"], (ROWS, 1, WIDTH)),
            numbers + w["number_embedding/bias"],
            w[f"embedding_{WIDTH}/embeddings"][codes],
        ],
        axis=1,
    )

    def normed(x: Array, name: str) -> Array:
        return norm(x, w[f"{name}/gamma"], w[f"{name}/beta"])

    for i in range(1, depth + 1):
        seen = x if i == 1 else normed(x, f"block_{i}_attention_norm")
        x = x + attend(seen, seen, w, f"block_{i}_attention")
        inner = normed(x, f"block_{i}_dense_norm")
        inner = inner @ w[f"block_{i}_dense_1/kernel"] + w[f"block_{i}_dense_1/bias"]
        half = inner.shape[-1] // 2
        inner = inner[..., :half] * np.maximum(inner[..., half:], 0)
        x = x + inner @ w[f"block_{i}_dense_2/kernel"] + w[f"block_{i}_dense_2/bias"]
    first = np.maximum(normed(x[:, 0], "norm"), 0)
    found: Array = first @ w["output/kernel"] + w["output/bias"]
    return found


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_formula(depth: int) -> None:
    model = build(depth=depth)
    w = {v.path: keras.ops.convert_to_numpy(v).astype("float64") for v in model.weights}
    expected = reference(w, rows(), depth)
    np.testing.assert_allclose(outputs_of(model, rows()), expected, atol=2e-5, rtol=1e-5)
    # The rows are told apart.
    assert np.ptp(expected, axis=0).min() > 5e-3


def test_sizes_of_the_paper() -> None:
    """Of a table of eight numbers: 192 = 8 · 24, gated layers of 256, no first norm."""
    model = models.build("ft_transformer", Signature.table(numbers=8))
    shapes = {v.path: tuple(v.shape) for v in model.weights}
    assert shapes["number_embedding/kernel"] == (8, 192)
    assert shapes["cls/kernel"] == (1, 192)
    assert shapes["block_1_attention/query/kernel"] == (192, 8, 24)
    assert shapes["block_3_dense_1/kernel"] == (192, 512)
    assert shapes["block_3_dense_2/kernel"] == (256, 192)
    assert "block_1_attention_norm/gamma" not in shapes
    assert "block_2_attention_norm/gamma" in shapes
    assert "block_4_dense_1/kernel" not in shapes
    attention, dense = 4 * (192 * 192 + 192), 192 * 512 + 512 + 256 * 192 + 192
    norm, tokens, output = 2 * 192, 8 * 2 * 192 + 192, 2 * 192 + 192 + 1
    # A norm before each part but the first.
    assert model.count_params() == 3 * (attention + dense + 2 * norm) - norm + tokens + output


def test_only_matrices_of_blocks_and_output_decay() -> None:
    model = build(Signature.table(numbers=3, texts=[(7, 12)], categories=(4,), classes=2))
    spared = {
        v.path for v in model.trainable_weights if not getattr(v, "weight_decay_factor", decays(v))
    }
    decayed = {v.path for v in model.trainable_weights} - spared
    assert {"cls/kernel", "token_1/kernel", "number_embedding/kernel"} <= spared
    assert all("bias" not in path and "norm" not in path for path in decayed)
    blocks = {path for path in decayed if path.startswith(("block_", "output"))}
    assert len(blocks) == 3 * 6 + 1
    # The encoder of a text has a matrix of its own or none.
    assert all(path.startswith("text_") for path in decayed - blocks)


@pytest.mark.parametrize("kind", ["linear", "piecewise_linear", "periodic", "pbld"])
def test_numbers_embedded_in_any_way(kind: Any) -> None:
    signature = Signature.table(numbers=3, number_embedding=kind, classes=3)
    model = build(signature)
    assert model.get_layer("tokens").output.shape == (None, 4, WIDTH)
    inputs = {"numbers": rows()["numbers"]}
    before = outputs_of(model, inputs)
    for column in range(3):
        changed = inputs["numbers"].copy()
        changed[:, column] = np.roll(changed[:, column], 1)
        assert np.abs(outputs_of(model, {"numbers": changed}) - before).max() > 1e-3


def test_one_column() -> None:
    model = build(Signature.table(categories=(4,), classes=2))
    codes = np.arange(4, dtype="int32")[:, None]
    assert np.ptp(outputs_of(model, {"categories": codes})) > 1e-3


def test_heads_that_do_not_divide_the_width() -> None:
    assert outputs_of(build(width=7, heads=3), rows()).shape == (ROWS, 3)


def test_dropout_is_for_training_alone() -> None:
    model = build(attention_dropout=0.5, dropout=0.5, residual_dropout=0.5)
    np.testing.assert_array_equal(outputs_of(model, rows()), outputs_of(model, rows()))
    trained = keras.ops.convert_to_numpy(model(rows(), training=True))
    assert np.abs(trained - outputs_of(model, rows())).max() > 1e-3


def test_too_many_columns() -> None:
    with pytest.raises(ConfigError) as caught:
        models.build("ft_transformer", Signature.table(numbers=200, categories=(4,) * 101))
    assert str(caught.value) == (
        "ft_transformer takes 300 columns at most; got 301 – "
        "choose another model, such as mlp, or drop columns"
    )


def test_profile_is_valid_and_smaller() -> None:
    entry = models.get("ft_transformer")
    small = {k: v for k, v in entry.profiles["small"].items() if "." not in k}
    signature = Signature.table(numbers=8)
    sizes = [models.build("ft_transformer", signature, **s).count_params() for s in (small, {})]
    assert sizes[0] * 8 < sizes[1]
