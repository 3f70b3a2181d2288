"""Names that people know from elsewhere, completion, and what is said while Keras starts."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest
from click.testing import CliRunner

import kerasnn
from kerasnn import models
from kerasnn.cli.main import commands
from kerasnn.config.settings import collect
from kerasnn.constraints import SECTIONS, fields_of
from kerasnn.errors import KerasnnWarning, UnknownNameError, warn
from kerasnn.synonyms import _KEYS, key_of


def error_of(*arguments: str) -> str:
    result = CliRunner().invoke(commands, list(arguments))
    assert result.exit_code == 2
    return result.stderr.removeprefix("error: ").removesuffix("\n")


def run_python(code: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("TF_CPP_MIN_LOG_LEVEL",)}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**kept, **environment},
        text=True,
        capture_output=True,
        check=False,
    )


def complete(words: str, folder: Path) -> list[str]:
    code = "from kerasnn.cli.main import main; import atexit, sys\n"
    code += "atexit.register(lambda: print('keras' in sys.modules)); main()"
    environment = {"_KERASNN_COMPLETE": "bash_complete", "COMP_WORDS": words}
    done = run_python(code, folder, **environment, COMP_CWORD=str(words.count(" ")))
    assert done.stderr == ""
    *found, keras = done.stdout.splitlines()
    assert keras == "False"
    return found


@pytest.mark.parametrize(
    ("option", "meant"),
    [
        ("--lr", "--learning-rate"),
        ("--max-epochs", "--epochs"),
        ("--label", "--target"),
        ("--random-state", "--seed"),
        ("--prediction_length", "--horizon"),
        ("--history", "--lookback"),
        ("--known", "--future-covariates"),
        ("--optimizer", "--set training.optimizer=…"),
        ("--weight_decay", "--set training.weight_decay=…"),
        ("--lr-scheduler", "--set training.schedule=…"),
        ("--traget", "--target"),
    ],
)
def test_options_are_suggested_by_meaning(option: str, meant: str) -> None:
    message = error_of("train", "x.csv", option, "1")
    assert message == f"unknown option '{option}' – did you mean '{meant}'?"


def test_keys_are_suggested_by_meaning() -> None:
    meant = "did you mean 'training.learning_rate'?"
    assert error_of("train", "x", "--set", "lr=1") == f"unknown key 'lr' – {meant}"
    for key in ("training.lr", "training.learning_rat"):
        with pytest.raises(UnknownNameError, match=r"did you mean '(training\.)?learning_rate'"):
            collect(set={key: "1"})


def test_synonyms_stand_for_keys_and_hide_none() -> None:
    keys = {f"{section}.{name}" for section in SECTIONS for name in fields_of(section)}
    assert set(_KEYS.values()) <= keys | {"model.name"}
    names = {name for section in SECTIONS for name in fields_of(section)}
    assert not names & _KEYS.keys()
    assert not [
        name for model in models.names() for name in models.hyperparameters(model) if key_of(name)
    ]


def test_an_unknown_name_lists_the_nearest_of_many() -> None:
    error = UnknownNameError("key", "zzz", [f"name_{i}" for i in range(100)])
    assert error.hint is not None
    assert error.hint.count("name_") == 8
    assert error.hint.endswith(" … (100 names in all)")
    assert str(UnknownNameError("key", "zzz", ["a", "b"])) == "unknown key 'zzz' – choose from a, b"


def test_help_does_not_cut_the_summaries() -> None:
    text = CliRunner().invoke(commands, ["--help"]).stdout
    assert "..." not in text.partition("Commands:")[2]
    assert "seen before." in text


def test_completion_knows_models_runs_and_verbs(tmp_path: Path) -> None:
    (tmp_path / "runs" / "adult-1").mkdir(parents=True)
    (tmp_path / "runs" / "adult-1" / "config.yaml").touch()
    (tmp_path / "runs" / "other").mkdir()
    assert complete("kerasnn models real", tmp_path) == ["plain,realmlp"]
    assert complete("kerasnn train --model tabm_", tmp_path) == ["plain,tabm_mini"]
    assert complete("kerasnn eval", tmp_path) == ["plain,evaluate"]
    assert complete("kerasnn evaluate ", tmp_path) == ["plain,runs/adult-1"]
    assert complete("kerasnn predict runs/a", tmp_path) == ["plain,runs/adult-1"]
    assert complete("kerasnn train --resume ad", tmp_path) == ["plain,runs/adult-1"]


def test_cards_of_plain_models_need_no_keras(tmp_path: Path) -> None:
    plain = [name for name in models.names() if not models.needs_keras(name)]
    assert {"mlp", "tabm", "realmlp", "minirocket", "airbench", "bag_of_ngrams"} <= set(plain)
    code = "import sys; from kerasnn.models.card import describe\n"
    code += f"[describe(name) for name in {plain}]; print('keras' in sys.modules)"
    assert run_python(code, tmp_path).stdout == "False\n"


def test_another_backend_is_one_line(tmp_path: Path) -> None:
    code = "from kerasnn.cli.main import main; main()"
    (tmp_path / "t.csv").write_text("a,y\n" + "1,2\n3,4\n" * 20)
    code = f"import sys; sys.argv = ['kerasnn', 'train', 't.csv', '--target', 'y']; {code}"
    done = run_python(code, tmp_path, KERAS_BACKEND="jax")
    hint = "unset KERAS_BACKEND, or set it to tensorflow"
    what = "kerasnn needs Keras on TensorFlow; KERAS_BACKEND is 'jax'"
    assert (done.returncode, done.stderr) == (2, f"error: {what} – {hint}\n")


@pytest.mark.slow
def test_tensorflow_is_quiet_in_python(tmp_path: Path) -> None:
    code = "import kerasnn; from kerasnn import Signature; kerasnn.load\n"
    code += "kerasnn.models.mlp(Signature.table(numbers=1, classes=2), width=4)"
    assert run_python(code, tmp_path).stderr == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--target nope", "unknown target column 'nope' (t.csv) – choose from a, b, y"),
        ("--target y --drop c", "unknown column 'c' – choose from a, b, y"),
        ("--target y --split group:id", "unknown split column 'id' – choose from a, b, y"),
        ("--target y --series id", "unknown column 'id' (t.csv) – choose from a, b, y"),
        (
            "--target y --horizon 3 --future-covariates c",
            "unknown column 'c' – choose from a, b, y",
        ),
        ("--target y --model mlp --set widht=3", "unknown key 'widht' – did you mean 'width'?"),
    ],
)
def test_names_are_checked_before_keras(
    options: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(**named: object) -> None:
        raise AssertionError("Keras is started")

    monkeypatch.setattr("kerasnn.runtime.backend.start_keras", start)
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("a,b,y\n1,2,3\n4,5,6\n")
    assert error_of("train", "t.csv", *options.split()) == message


@pytest.mark.slow
def test_a_wrong_target_takes_at_most_a_second_and_a_half(tmp_path: Path) -> None:
    (tmp_path / "wrong.csv").write_text("a,b,y\n1,2,3\n4,5,6\n")
    code = "import sys; sys.argv = ['kerasnn', 'train', 'wrong.csv', '--target', 'nope']\n"
    code += "from kerasnn.cli.main import main; main()"
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        assert run_python(code, tmp_path).returncode == 2
        times.append(time.perf_counter() - begin)
    assert statistics.median(times) <= 1.5


def test_dir_has_public_names_alone() -> None:
    assert dir(kerasnn) == sorted(kerasnn.__all__)


def test_warnings_point_at_the_caller() -> None:
    def deep() -> None:
        namespace = {"__name__": "kerasnn.data.readers.reading", "warn": warn}
        code = "def outer():\n    inner()\ndef inner():\n    warn('odd')\nouter()"
        exec(code, namespace)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", KerasnnWarning)
        deep()
    assert [Path(each.filename).name for each in caught] == [Path(__file__).name]


def test_a_renamed_option_is_suggested() -> None:
    message = error_of("explain", "run", "a text", "--beside", "x")
    assert message == "unknown option '--beside' – did you mean '--other-column'?"
