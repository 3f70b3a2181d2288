"""How good a trained network is, and what there is to tell of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from kerasnn.bundle import Bundle
from kerasnn.data.columns.labels import is_missing
from kerasnn.datasets.tabular import Table
from kerasnn.evaluation.baselines import Baseline
from kerasnn.evaluation.baselines import baselines as fit_baselines
from kerasnn.evaluation.caveats import caveats
from kerasnn.evaluation.coverage import measure_coverage
from kerasnn.evaluation.scores import Scores, score
from kerasnn.explain import permuted_inputs
from kerasnn.explain.importance import (
    MAX_COLUMNS,
    Importance,
    Sampling,
    affordable_rows,
    importance,
)
from kerasnn.metrics.predictions import Predictions
from kerasnn.prediction.streaming import predict_labelled
from kerasnn.report.data import ReportInputs, build_report_data, decision_boundary
from kerasnn.report.sections.images.collect import ImageSection, image_section
from kerasnn.report.sections.series.collect import series_section
from kerasnn.report.sections.texts.collect import text_section
from kerasnn.runs.reference import reference
from kerasnn.runs.tabular import Run
from kerasnn.runtime.phases import Phases
from kerasnn.selection.target_transform import describe
from kerasnn.trainers.fit import TrainedModel
from kerasnn.training.divergence import FAILED, FAILED_NOTE
from kerasnn.training.probes import Probes


def evaluate(
    table: Table,
    trained_model: TrainedModel,
    probes: Probes | None,
    noted: list[str],
    *,
    phases: Phases,
) -> Run:
    """A run in memory: scores on the test rows, or else the validation rows, and its report data.

    Args:
        table: Training rows, and the rows that were held back.
        trained_model: Result of the training.
        probes: Probes that were recorded in training; without them, the report is shorter.
        noted: Warnings so far, which the report lists.
        phases: Phases of the run, of which training has ended.
    """
    config, predictor = trained_model.config, trained_model.predictor
    stopped = trained_model.fitted.progress.stopped
    part = "test" if len(table.splits.test) else "validation"
    predictions = predict_labelled(predictor, table.rows(part))
    omitted: list[str] = []
    left = phases.left(config.run.time_limit_s)
    compared = _baselines(table, trained_model, part, left, omitted.append)
    scores = _scores(table, trained_model, part, predictions, compared, omitted)
    report_data = _story(table, trained_model, predictions, scores)
    extra: dict[str, Any] = {
        "probes": probes.to_dict() if probes else None,
        "importance": _importance(table, trained_model, part, predictions) if probes else [],
        "images": _images(table, trained_model, part, predictions, look_inside=probes is not None),
        "series": series_section(predictor, table.rows("train"), table.rows(part), predictions),
        "texts": text_section(
            predictor,
            table.rows("train"),
            table.rows(part),
            predictions,
            look_inside=probes is not None and stopped != "interrupted",
        ),
    }
    phases.end("report")
    phases.move("report", "baselines", sum(each.seconds for each in compared))
    inputs = ReportInputs(**report_data, **extra, seconds=phases.elapsed, warnings=noted)
    report = build_report_data(inputs)
    report["phases"] = phases.to_dict()
    if trained_model.sweep:
        report["sweep"] = trained_model.sweep.to_dict()
    bundle = Bundle(
        model=trained_model.model.name,
        hyperparameters=dict(trained_model.model.hyperparameters),
        training_options=config.training,
        config=config.to_dict(),
        predictor=predictor,
        report=report,
    )
    holdout = {name: table.rows(name) for name in ("train", "validation", "test")}
    kept = reference(
        predictor.preprocessor,
        trained_model.validation,
        predictions,
        compared,
        parts=trained_model.parts,
        learned_from=table.rows(*trained_model.parts),
        scored=table.rows(part),
        omitted=omitted,
    )
    return Run(bundle, scores, None, stopped, holdout, kept)


def _baselines(
    table: Table,
    trained_model: TrainedModel,
    part: str,
    time_limit_s: float | None,
    on_omitted: Callable[[str], None],
) -> Sequence[Baseline]:
    """Baselines on the rows of a part; an interrupted run has none, because somebody waits."""
    options, interrupted = (
        trained_model.config.run,
        trained_model.fitted.progress.stopped == "interrupted",
    )
    if not options.baselines or interrupted:
        return ()
    train, rows = table.rows(*trained_model.parts), table.rows(part)
    known, seed = trained_model.predictor.preprocessor, options.seed
    return fit_baselines(
        known, train, rows, seed=seed, time_limit_s=time_limit_s, on_omitted=on_omitted
    )


def _scores(
    table: Table,
    trained_model: TrainedModel,
    part: str,
    predictions: Predictions,
    compared: Sequence[Baseline],
    omitted: Sequence[str],
) -> Scores:
    """Beside the baselines."""
    options = trained_model.config.run
    scores = score(predictions, compared, omitted=omitted, seed=options.seed)
    n_validation = len(table.splits.validation)
    cautious = caveats(predictions, n_validation=n_validation, threshold=options.threshold)
    scores = replace(scores, notes=(*scores.notes, *cautious))
    if trained_model.fitted.progress.stopped == FAILED:
        scores = replace(scores, notes=(*scores.notes, FAILED_NOTE))
    if "validation" in trained_model.parts:
        note = "after the best epoch was chosen, the network was trained on the validation rows too"
        note += ", and so were the baselines" if compared else ""
        scores = replace(scores, notes=(*scores.notes, note))
    if part == "test":
        return replace(scores, coverage=measure_coverage(trained_model.predictor, predictions))
    note = "there are no test rows: these are the validation rows, which chose the best epoch"
    note += " and the weights of the networks" if trained_model.ensemble else ""
    return replace(scores, notes=(*scores.notes, note))


def _story(
    table: Table, trained_model: TrainedModel, predictions: Predictions, scores: Scores
) -> dict[str, Any]:
    """What the report tells of the data, the training and the scores."""
    config, progress = trained_model.config, trained_model.fitted.progress
    frame, parts = table.source.frame, table.splits
    known = trained_model.predictor.preprocessor
    schema, told = known.schema, describe(known.coder, table.rows("train"), config.training)
    if told:
        schema = replace(schema, notes=(*schema.notes, told))
    return {
        "examples_origin": table.source.origin,
        "schema": schema,
        "n_rows": {name: len(getattr(parts, name)) for name in ("train", "validation", "test")},
        "split": config.split.kind,
        "config": config.to_dict(),
        "choice": config.choice.to_dict() if config.choice else None,
        "model_name": trained_model.title,
        "members": trained_model.ensemble.summary.to_dict() if trained_model.ensemble else None,
        "network": trained_model.predictor.network,
        "history": trained_model.fitted.history,
        "best_epoch": progress.best_epoch,
        "stopped": progress.stopped,
        "scores": scores,
        "predictions": predictions,
        "missing": {str(name): int(is_missing(frame[name]).sum()) for name in frame.columns},
        "boundary": decision_boundary(trained_model.predictor, table.rows("train")),
    }


def _importance(
    table: Table, trained_model: TrainedModel, part: str, predictions: Predictions
) -> list[Importance]:
    target, stopped = table.schema.target, trained_model.fitted.progress.stopped
    known = trained_model.predictor.preprocessor
    # A single column of images, texts, series or sounds matters as much as the score says.
    media = known.images or known.texts or known.series or known.sounds
    is_alone = len(table.schema.features) < 2 and media
    if stopped == "interrupted" or is_alone:
        return []
    frame, columns = table.rows(part), [column.name for column in table.schema.features]
    plain = permuted_inputs.is_plain(known)
    if plain and len(columns) > MAX_COLUMNS:
        columns = permuted_inputs.followed(
            trained_model.predictor, frame, columns, most=MAX_COLUMNS
        )
    return importance(
        trained_model.predictor.scores,
        frame,
        predictions.truth,
        task=target.task,
        classes=target.classes,
        columns=columns,
        prepare=partial(permuted_inputs.ShuffledInputs, trained_model.predictor) if plain else None,
        sampling=Sampling(
            max_rows=affordable_rows(trained_model.predictor.preprocessor.signature),
            seed=trained_model.config.run.seed,
        ),
    )


def _images(
    table: Table,
    trained_model: TrainedModel,
    part: str,
    predictions: Predictions,
    *,
    look_inside: bool,
) -> ImageSection | None:
    """Pictures for the report, where there are images; less of them while somebody waits."""
    config = trained_model.config
    augment = config.training.augment
    return image_section(
        trained_model.predictor,
        table.rows("train"),
        table.rows(part),
        predictions,
        changes=() if augment == "none" else augment.split(","),
        seed=config.run.seed,
        look_inside=look_inside and trained_model.fitted.progress.stopped != "interrupted",
        rows=table.source.frame,
        shared=table.shared,
    )
