"""The log for TensorBoard, read back."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from kerasnn.errors import MissingDependencyError, ModelRefusedError
from kerasnn.training.tensorboard import TensorBoardLog


def test_every_column_is_logged_by_epoch(tmp_path: Path) -> None:
    from tensorflow import make_ndarray
    from tensorflow.compat.v1.train import summary_iterator

    log = TensorBoardLog(tmp_path, "first")
    log.on_steps(0, 1, 2)
    log.on_epoch({"epoch": 1, "loss": 0.5, "learning_rate": 0.25}, engine=None)
    log.on_epoch({"epoch": 2, "loss": 0.125, "learning_rate": 0.25}, engine=None)
    log.close()
    (file,) = (tmp_path / "tensorboard" / "first").iterdir()
    found = {
        (value.tag, event.step): float(make_ndarray(value.tensor))
        for event in summary_iterator(str(file))
        for value in event.summary.value
    }
    assert found == {
        ("loss", 1): 0.5,
        ("learning_rate", 1): 0.25,
        ("loss", 2): 0.125,
        ("learning_rate", 2): 0.25,
    }


def test_without_tensorboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(MissingDependencyError) as caught:
        TensorBoardLog(tmp_path)
    assert str(caught.value) == (
        "TensorBoard's log needs an extra – pip install 'kerasnn[tensorboard]'"
    )


@pytest.mark.parametrize("where", ["tensorboard", "tensorboard/first", "tensorboard/first/events"])
def test_no_link_is_followed(tmp_path: Path, where: str) -> None:
    run, outside = tmp_path / "run", tmp_path / "outside"
    (run / where).parent.mkdir(parents=True)
    outside.mkdir()
    (run / where).symlink_to(outside)
    with pytest.raises(ModelRefusedError) as caught:
        TensorBoardLog(run, "first")
    name = Path(where).name
    assert str(caught.value) == (
        f"{name} is a link among the logs of the run ({run / where}) – remove it"
    )
    assert list(outside.iterdir()) == []
