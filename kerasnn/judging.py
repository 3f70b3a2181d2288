"""How good a trained network is, and what there is to tell of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from kerasnn.bundle import Bundle
from kerasnn.data.labels import is_missing
from kerasnn.evaluation import shuffling
from kerasnn.evaluation import story as stories
from kerasnn.evaluation.baselines import Baseline
from kerasnn.evaluation.baselines import baselines as fit_baselines
from kerasnn.evaluation.cautions import cautions
from kerasnn.evaluation.gallery import gallery
from kerasnn.evaluation.importance import (
    MAX_COLUMNS,
    Importance,
    affordable_rows,
    importance,
)
from kerasnn.evaluation.predictions import Predictions
from kerasnn.evaluation.readings import readings
from kerasnn.evaluation.reference import reference
from kerasnn.evaluation.scores import Scores, score
from kerasnn.evaluation.traces import traces
from kerasnn.evaluation.trust import trust
from kerasnn.learning import Learned
from kerasnn.phases import Phases
from kerasnn.predicting import predict_labelled
from kerasnn.run import Run
from kerasnn.table import Table
from kerasnn.target_choice import describe
from kerasnn.training.divergence import FAILED, FAILED_NOTE
from kerasnn.training.probes import Probes


def judge(
    table: Table, learned: Learned, probes: Probes | None, noted: list[str], *, phases: Phases
) -> Run:
    """A run in memory: scores on the test rows, or else the validation rows, and its story.

    Args:
        table: What was learned from, and the rows that were held back.
        learned: What came of the training.
        probes: What was seen in the network meanwhile; without them, less is looked into.
        noted: Warnings so far, which the report lists.
        phases: Phases of the run, of which training has ended.
    """
    config, predictor = learned.config, learned.predictor
    stopped = learned.fitted.progress.stopped
    part = "test" if len(table.parts.test) else "validation"
    predictions = predict_labelled(predictor, table.rows(part))
    omitted: list[str] = []
    left = phases.left(config.run.time_limit_s)
    compared = _baselines(table, learned, part, left, omitted.append)
    scores = _scores(table, learned, part, predictions, compared, omitted)
    story = _story(table, learned, predictions, scores)
    extra: dict[str, Any] = {
        "probes": probes.to_dict() if probes else None,
        "importance": _importance(table, learned, part, predictions) if probes else [],
        "images": _images(table, learned, part, predictions, look_inside=probes is not None),
        "traces": traces(predictor, table.rows("train"), table.rows(part), predictions),
        "texts": readings(
            predictor,
            table.rows("train"),
            table.rows(part),
            predictions,
            look_inside=probes is not None and stopped != "interrupted",
        ),
    }
    phases.end("report")
    phases.move("report", "baselines", sum(each.seconds for each in compared))
    report = stories.tell(**story, **extra, seconds=phases.elapsed, warnings=noted)
    report["phases"] = phases.to_dict()
    if learned.sweep:
        report["sweep"] = learned.sweep.to_dict()
    bundle = Bundle(
        model=learned.model.name,
        hyperparameters=dict(learned.model.hyperparameters),
        recipe=config.training,
        config=config.to_dict(),
        predictor=predictor,
        report=report,
    )
    held_back = {name: table.rows(name) for name in ("train", "validation", "test")}
    kept = reference(
        predictor.preprocessor,
        learned.validation,
        predictions,
        compared,
        parts=learned.parts,
        learned_from=table.rows(*learned.parts),
        scored=table.rows(part),
        omitted=omitted,
    )
    return Run(bundle, scores, None, stopped, held_back, kept)


def _baselines(
    table: Table,
    learned: Learned,
    part: str,
    time_limit_s: float | None,
    on_omitted: Callable[[str], None],
) -> Sequence[Baseline]:
    """On the rows of a part; an interrupted run has none, because somebody waits."""
    options, interrupted = learned.config.run, learned.fitted.progress.stopped == "interrupted"
    if not options.baselines or interrupted:
        return ()
    train, rows = table.rows(*learned.parts), table.rows(part)
    known, seed = learned.predictor.preprocessor, options.seed
    return fit_baselines(
        known, train, rows, seed=seed, time_limit_s=time_limit_s, on_omitted=on_omitted
    )


def _scores(
    table: Table,
    learned: Learned,
    part: str,
    predictions: Predictions,
    compared: Sequence[Baseline],
    omitted: Sequence[str],
) -> Scores:
    """Beside the baselines."""
    options = learned.config.run
    scores = score(predictions, compared, omitted=omitted, seed=options.seed)
    n_validation = len(table.parts.validation)
    cautious = cautions(predictions, n_validation=n_validation, threshold=options.threshold)
    scores = replace(scores, notes=(*scores.notes, *cautious))
    if learned.fitted.progress.stopped == FAILED:
        scores = replace(scores, notes=(*scores.notes, FAILED_NOTE))
    if "validation" in learned.parts:
        note = "after the best epoch was chosen, the network was trained on the validation rows too"
        note += ", and so were the baselines" if compared else ""
        scores = replace(scores, notes=(*scores.notes, note))
    if part == "test":
        return replace(scores, trust=trust(learned.predictor, predictions))
    note = "there are no test rows: these are the validation rows, which chose the best epoch"
    note += " and the weights of the networks" if learned.average else ""
    return replace(scores, notes=(*scores.notes, note))


def _story(
    table: Table, learned: Learned, predictions: Predictions, scores: Scores
) -> dict[str, Any]:
    """What the report tells of the data, the training and the scores."""
    config, progress = learned.config, learned.fitted.progress
    frame, parts = table.examples.frame, table.parts
    known = learned.predictor.preprocessor
    schema, told = known.schema, describe(known.coder, table.rows("train"), config.training)
    if told:
        schema = replace(schema, notes=(*schema.notes, told))
    return {
        "examples_origin": table.examples.origin,
        "schema": schema,
        "n_rows": {name: len(getattr(parts, name)) for name in ("train", "validation", "test")},
        "split": config.split.kind,
        "config": config.to_dict(),
        "choice": config.choice.to_dict() if config.choice else None,
        "model_name": learned.title,
        "members": learned.average.membership.to_dict() if learned.average else None,
        "network": learned.predictor.network,
        "history": learned.fitted.history,
        "best_epoch": progress.best_epoch,
        "stopped": progress.stopped,
        "scores": scores,
        "predictions": predictions,
        "missing": {str(name): int(is_missing(frame[name]).sum()) for name in frame.columns},
        "boundary": stories.decision_boundary(learned.predictor, table.rows("train")),
    }


def _importance(
    table: Table, learned: Learned, part: str, predictions: Predictions
) -> list[Importance]:
    target, stopped = table.schema.target, learned.fitted.progress.stopped
    known = learned.predictor.preprocessor
    # A single column of images, texts, series or sounds matters as much as the score says.
    media = known.images or known.texts or known.series or known.sounds
    is_alone = len(table.schema.features) < 2 and media
    if stopped == "interrupted" or is_alone:
        return []
    frame, columns = table.rows(part), [column.name for column in table.schema.features]
    plain = shuffling.is_plain(known)
    if plain and len(columns) > MAX_COLUMNS:
        columns = shuffling.followed(learned.predictor, frame, columns, most=MAX_COLUMNS)
    return importance(
        learned.predictor.scores,
        frame,
        predictions.truth,
        task=target.task,
        classes=target.classes,
        columns=columns,
        prepare=partial(shuffling.ShuffledInputs, learned.predictor) if plain else None,
        max_rows=affordable_rows(learned.predictor.preprocessor.signature),
        seed=learned.config.run.seed,
    )


def _images(
    table: Table, learned: Learned, part: str, predictions: Predictions, *, look_inside: bool
) -> dict[str, Any] | None:
    """Pictures for the report, where there are images; less of them while somebody waits."""
    config = learned.config
    augment = config.training.augment
    return gallery(
        learned.predictor,
        table.rows("train"),
        table.rows(part),
        predictions,
        changes=() if augment == "none" else augment.split(","),
        seed=config.run.seed,
        look_inside=look_inside and learned.fitted.progress.stopped != "interrupted",
        rows=table.examples.frame,
        shared=table.shared,
    )
