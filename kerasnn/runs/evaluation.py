"""Evaluate a run again: on its own rows or on others, and with another decision threshold."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from kerasnn.calibration.temperature import Costs
from kerasnn.calibration.threshold import choice
from kerasnn.errors import ConfigError, DataError, UnknownNameError, warn
from kerasnn.evaluation.baselines import Baseline, baselines
from kerasnn.evaluation.coverage import measure_coverage
from kerasnn.evaluation.scores import Scores, score
from kerasnn.evaluation.slices import slices
from kerasnn.metrics.predictions import Predictions
from kerasnn.prediction import rows as new_rows
from kerasnn.prediction.calibrate import with_threshold
from kerasnn.prediction.predictor import Predictor
from kerasnn.prediction.streaming import predict_labelled
from kerasnn.runs.folder import RunFolder
from kerasnn.runs.reference import Reference, hashes_of

if TYPE_CHECKING:
    from kerasnn.runs.tabular import Run

DECIDED_LATER = (
    "the decision threshold was set to {threshold:.4g} after the training, by {rule}: what the "
    "report shows of single rows was decided at {before:.4g}"
)


def evaluate(
    run: Run,
    data: Any,
    form: Mapping[str, Any],
    *,
    by: str | None = None,
    costs: Costs | None = None,
    threshold: str | float | None = None,
    save: bool = False,
) -> Scores:
    """Evaluate as `kerasnn.Run.evaluate`; ``form`` has encoding and delimiter of a text file."""
    rule = _rule(costs, threshold)
    if save:
        _check_can_save(run, rule)
    predictor = run.predictor
    if rule:
        predictor = with_threshold(predictor, rule, lambda: _validation(run))
    frame = run.holdout("test") if data is None else _labelled(run, data, form)
    if by is not None and by not in frame.columns:
        raise UnknownNameError("column", by, list(map(str, frame.columns)))
    known = run.scores if data is None and not rule else None
    if known and by is None:
        return known
    if data is not None:
        _warn_of_known_rows(run, data, frame)
    predictions = predict_labelled(predictor, frame)
    scored = known or _scored(run, predictor, predictions, frame, is_own=data is None)
    if rule:
        scored = _with_choice(run, scored, predictions, predictor, rule)
    if save and rule:
        _save(run, predictor, rule, scored if data is None else None)
    if by is None:
        return scored
    described = {column.name: column for column in predictor.preprocessor.schema.columns}
    return scored.with_slices(
        slices(predictions, frame[by], column=described.get(by), seed=_seed(run))
    )


def _rule(costs: Costs | None, threshold: str | float | None) -> str | None:
    if costs is not None and threshold is not None:
        raise ConfigError("costs and a threshold are two ways to decide", hint="give one of them")
    if costs is not None:
        return f"fp={costs.fp:g},fn={costs.fn:g}"
    return None if threshold is None else str(threshold)


def _check_can_save(run: Run, rule: str | None) -> None:
    if rule is None:
        hint = "choose one by `costs` or `threshold`"
        raise ConfigError("there is no threshold to save", hint=hint)
    if run.folder is None:
        hint = "give the folder of the run"
        raise ConfigError("a threshold is saved in the folder of a run", hint=hint)


def kept(run: Run) -> Reference | None:
    """What the run keeps for its evaluation, in memory or in its folder."""
    if run.reference is None and run.folder:
        target = run.predictor.preprocessor.schema.target
        run.reference = RunFolder(run.folder).read_reference(target)
    return run.reference


def _validation(run: Run) -> Predictions:
    """Predictions on rows that no network had learned from."""
    found = kept(run)
    if found is None or found.validation is None:
        problem = "there are no predictions on validation rows to choose a threshold by"
        raise DataError(problem, hint="give the folder of the run, or a number as the threshold")
    return found.validation


def _labelled(run: Run, data: Any, form: Mapping[str, Any]) -> pd.DataFrame:
    strict = bool(run.bundle.config["data"].get("strict"))
    return new_rows.labelled(data, run.predictor.preprocessor.schema, form, strict=strict)


def _scored(
    run: Run, predictor: Predictor, predictions: Predictions, frame: pd.DataFrame, *, is_own: bool
) -> Scores:
    """Beside the baselines: on its own rows those of the run, else fitted to the same rows again."""
    found = kept(run)
    compared = found.baselines if is_own and found else _baselines(run, frame, found)
    omitted = found.omitted if is_own and found else ()
    scored = replace(
        score(predictions, compared, omitted=omitted, seed=_seed(run)),
        coverage=measure_coverage(predictor, predictions),
    )
    earlier = run.scores.notes if is_own and run.scores else ()
    notes = [*scored.notes, *(note for note in earlier if note not in scored.notes)]
    return replace(scored, notes=tuple(notes))


def _baselines(run: Run, frame: pd.DataFrame, found: Reference | None) -> Sequence[Baseline]:
    """Fitted again to what the network learned from, if that can still be had."""
    if not run.bundle.config["run"]["baselines"]:
        return ()
    parts = found.parts if found else ("train",)
    train = run._held_back.get("train")
    if train is not None and "validation" in parts:
        train = pd.concat([train, run.holdout("validation")], ignore_index=True)
    if train is None and run.folder:
        train = RunFolder(run.folder).read_train(run.bundle.config, parts)
    if train is None:
        return ()
    return baselines(run.predictor.preprocessor, train, frame, seed=_seed(run))


def _with_choice(
    run: Run, scored: Scores, predictions: Predictions, predictor: Predictor, rule: str
) -> Scores:
    n_rows = len(_validation(run)) if rule == "f1" or "=" in rule else 0
    found = choice(predictions, rule, predictor.decision.threshold, n_rows)
    return replace(scored, threshold=found)


def _warn_of_known_rows(run: Run, data: Any, frame: pd.DataFrame) -> None:
    """Warn where rows to score are rows that the network learned from: it knows their answers."""
    is_path = isinstance(data, str | os.PathLike) and os.path.isfile(data)
    is_file = bool(
        is_path and run.folder and RunFolder(run.folder).has_trained_on(data, run.bundle.config)
    )
    if (found := kept(run)) is None:
        n_known = 0
    else:
        n_known = found.count_known(hashes_of(run.predictor.preprocessor, frame))
    hint = "evaluate without a table for the rows that were held back, or give new ones"
    if is_file:
        problem = f"the run was trained on this file: {n_known:,} of its {len(frame):,} rows"
        problem += " are ones that the network learned from, so the scores are too good"
        warn(problem, location=os.fspath(data), hint=hint)
    elif n_known:
        problem = (
            f"{n_known:,} of {len(frame):,} rows are equal to ones that the network learned from"
        )
        warn(f"{problem}: the scores are too good", hint=hint)


def _save(run: Run, predictor: Predictor, rule: str, scored: Scores | None) -> None:
    """Keep the threshold: in the bundle, and in what the folder tells of the run."""
    assert run.folder is not None
    before, now = run.predictor.decision.threshold, predictor.decision.threshold
    if scored is None and run.scores:
        frame = run.holdout("test")
        predictions = predict_labelled(predictor, frame)
        scored = _scored(run, predictor, predictions, frame, is_own=True)
        scored = _with_choice(run, scored, predictions, predictor, rule)
    config = {name: dict(values) for name, values in run.bundle.config.items()}
    config["run"]["threshold"] = rule
    report = dict(run.bundle.report)
    if scored:
        note = DECIDED_LATER.format(threshold=now, rule=rule, before=before)
        earlier = [each for each in scored.notes if not each.startswith(DECIDED_LATER[:35])]
        scored = replace(scored, notes=(*earlier, note))
        report["scores"] = scored.to_dict()
    run.bundle = replace(run.bundle, predictor=predictor, config=config, report=report)
    run.scores = scored
    with RunFolder(run.folder).locked():
        RunFolder(run.folder).replace_decision(run, rule)
        run.report()


def _seed(run: Run) -> int:
    return int(run.bundle.config["run"]["seed"])
