"""The registry of the zoo."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args, get_type_hints

import keras
import pytest

from kerasnn import models
from kerasnn.errors import ConfigError, UnknownNameError
from kerasnn.layers import choices
from kerasnn.options import PreprocessingOptions, TrainingOptions
from kerasnn.signature import Signature

ROOT = Path(__file__).parents[2]
PAIRS = [(name, key) for name in models.names() for key in models.hyperparameters(name)]


def test_names_are_the_files() -> None:
    for folder, data in models._DATA.items():
        files = {path.stem for path in (ROOT / "models" / folder).glob("*.py")}
        names = [name for name in models.names() if models.data_of(name) == data]
        assert names == sorted(files - {"__init__"})


def test_public_names_are_true_and_sorted() -> None:
    assert models.__all__ == sorted(models.__all__)
    assert set(models.names()) < set(models.__all__)
    assert all(callable(getattr(models, name)) for name in models.__all__)
    with pytest.raises(AttributeError, match="no attribute 'mpl'"):
        _ = models.mpl


@pytest.mark.parametrize("name", models.names())
def test_entry(name: str) -> None:
    entry = models.get(name)
    assert entry.name == name
    assert entry.factory is getattr(models, name)
    assert isinstance(entry.training_options, TrainingOptions)
    assert isinstance(entry.preprocessing, PreprocessingOptions)
    assert entry.summary == models.summaries()[name]
    assert 10 < len(entry.summary) < 70
    assert re.search(r"\b(19|20)\d\d\b", entry.reference)
    assert entry.data == models.data_of(name)
    initialized = ("airbench", "bag_of_ngrams", "forecast_ensemble", "realmlp")
    assert entry.closed_form or (entry.initialize is not None) == (name in initialized)
    assert entry.reference.endswith(".")


@pytest.mark.parametrize("name", models.names())
def test_docstring_tells_each_hyperparameter(name: str) -> None:
    text = inspect.getdoc(models.get(name).factory) or ""
    arguments = text.partition("Args:\n")[2].partition("\n\n")[0].splitlines()
    described = [line.strip().split(":")[0] for line in arguments if line[4:5] != " "]
    assert described == ["signature", *models.hyperparameters(name)]


def test_hyperparameters_are_those_of_the_factory() -> None:
    assert models.hyperparameters("linear") == {}
    assert list(models.hyperparameters("mlp")) == [
        "width",
        "depth",
        "activation",
        "normalization",
        "dropout",
        "initializer",
    ]


@pytest.mark.parametrize(("name", "key"), PAIRS)
def test_each_hyperparameter_has_a_range_or_choices(name: str, key: str) -> None:
    annotation = get_type_hints(models.get(name).factory, localns=models._LATER)[key]
    if key in choices.CHOICES:
        assert get_args(annotation) == choices.CHOICES[key]
    elif key in choices.SWITCHES | choices.TEXTS:
        assert annotation is (bool if key in choices.SWITCHES else str)
    else:
        assert annotation is (int if key in choices.WHOLE else float)
        assert key in choices.RANGES
    default = models.hyperparameters(name)[key]
    assert models.check_hyperparameters(name, {key: str(default)}) == {key: default}


@pytest.mark.parametrize(("name", "key"), PAIRS)
def test_factory_refuses_what_is_out_of_range(name: str, key: str) -> None:
    """Called directly, without the registry's check."""
    with pytest.raises(ConfigError, match=f"`{key}`|unknown {key}"):
        models.get(name).factory(Signature.image(8, 8), **{key: -1})


def test_text_is_converted() -> None:
    texts = {"width": "128", "dropout": "0", "activation": "relu", "normalization": "none"}
    checked = models.check_hyperparameters("mlp", texts)
    assert checked == {"width": 128, "dropout": 0.0, "activation": "relu", "normalization": "none"}
    assert [type(value) for value in checked.values()] == [int, float, str, str]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"widht": 3}, "unknown hyper-parameter of mlp 'widht' – did you mean 'width'?"),
        ({"width": "wide"}, "`width` must be a whole number; got 'wide'"),
        ({"width": 0}, "`width` must be in [1, 65536]; got 0"),
        ({"dropout": "1.5"}, "`dropout` must be in [0, 1); got 1.5"),
        ({"dropout": True}, "`dropout` must be a finite number; got True"),
        ({"activation": "swilu"}, "unknown activation 'swilu' – did you mean 'silu'?"),
    ],
)
def test_wrong_hyperparameter(values: dict[str, Any], message: str) -> None:
    for call in (
        lambda: models.check_hyperparameters("mlp", values),
        lambda: models.build("mlp", Signature.table(numbers=2), **values),
    ):
        with pytest.raises(ConfigError) as raised:
            call()
        assert str(raised.value) == message


@pytest.mark.parametrize("function", [models.get, models.hyperparameters])
def test_unknown_model(function: Any) -> None:
    with pytest.raises(UnknownNameError) as raised:
        function("resent")
    assert str(raised.value) == "unknown model 'resent' – did you mean 'resnet'?"


def test_hyperparameters_reach_the_network() -> None:
    network = models.build(
        "mlp", Signature.table(numbers=3, classes=4), width=5, depth=2, normalization="batch"
    )
    kernels = [layer.kernel.shape for layer in network.layers if hasattr(layer, "kernel")]
    assert [tuple(shape) for shape in kernels] == [(3, 5), (5, 5), (5, 4)]
    kinds = [type(layer) for layer in network.layers]
    assert kinds.count(keras.layers.BatchNormalization) == 2


@pytest.mark.parametrize("structure", ["parallel", "stacked"])
def test_structure_of_dcnv2(structure: str) -> None:
    signature = Signature.table(numbers=3, classes=2)
    network = models.build("dcnv2", signature, width=5, structure=structure, cross_rank=2)
    width = 5 + 3 if structure == "parallel" else 5
    assert network.get_layer("output").kernel.shape == (width, 1)
    assert network.get_layer("cross_1_down").kernel.shape == (3, 2)


def test_description() -> None:
    signature = Signature.table(numbers=3, classes=4)
    description = models.describe("mlp", signature, width=5, depth=1, normalization="batch")
    # Kernel, scale and shift, kernel and bias.
    assert description.parameters == 3 * 5 + 2 * 5 + 5 * 4 + 4
    assert description.text() == (
        "layer                kind                output  parameters\n"
        "numbers              InputLayer               3           0\n"
        "hidden_1             Dense                    5          15\n"
        "hidden_1_norm        BatchNormalization       5          10\n"
        "hidden_1_activation  Activation               5           0\n"
        "hidden_1_dropout     Dropout                  5           0\n"
        "output               Dense                    4          24\n"
        "                                          total          49"
    )


def test_nothing_heavy_is_imported_before_a_network_is_built() -> None:
    script = (
        "import sys\n"
        "from kerasnn import models\n"
        "models.summaries()\n"
        "models.check_hyperparameters('mlp', {'width': '3'})\n"
        "shared = ('table', 'image', 'text')\n"
        "names = [name for name in models.names() if models.data_of(name) in shared]\n"
        "for name in [*names, 'gru', 'textcnn']: models.get(name)\n"
        "print({'keras', 'tensorflow', 'pandas', 'numpy'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", script]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


@pytest.mark.parametrize("name", models.names())
def test_docstring_has_all_sections(name: str) -> None:
    text = inspect.getdoc(models.get(name).factory) or ""
    sections = [line[:-1] for line in text.splitlines() if line in ("Args:", "Shape:", "Raises:")]
    assert sections == ["Args", "Shape", "Raises"]
    assert "\nReference:\n" in text
    assert "\n>>> " in text
