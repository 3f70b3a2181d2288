"""What came out of a run, as text for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import shorten
from typing import Any

from kerasnn.data.columns import series_cells
from kerasnn.data.columns.number_parsing import DURATION
from kerasnn.data.media import sound_cells
from kerasnn.data.media.images import describe_layout
from kerasnn.data.schema import Schema, Target
from kerasnn.errors import one_line
from kerasnn.evaluation import ensemble_summary
from kerasnn.report.sections.training.stages import sentence
from kerasnn.report.sections.tuning.summary import course, outcome, shown
from kerasnn.training.divergence import TENTH


def of_run(report_data: Mapping[str, Any], schema: Schema, parameters: int) -> list[str]:
    """The lines of a run, up to its scores.

    Args:
        report_data: Data of the report, from `kerasnn.report.data.build_report_data`.
        schema: Schema of the table.
        parameters: Number of parameters that the network learned.
    """
    lines = [
        *of_choice(report_data),
        *of_augmentation(report_data),
        of_training(report_data, parameters),
        *of_failures(report_data),
        *of_stages(report_data),
        *of_members(report_data),
        *of_tuning(report_data),
    ]
    return [one_line(of_data(report_data)), of_columns(schema), *map(one_line, lines)]


def representation(run: Any) -> str:
    """A run in one line: what it is, where it is kept, and its main score.

    Args:
        run: A `kerasnn.Run` or `kerasnn.ForecastRun`.
    """
    where = f"'{run.folder}'" if run.folder else "in memory"
    target = run.bundle.config.get("data", {}).get("target")
    parts = [f"model {run.bundle.model}"] + [f"target {shorten(str(target), 40)}"] * bool(target)
    if run.scores and (value := run.scores.values.get(run.scores.main)) is not None:
        parts.append(f"{run.scores.main} {value:.4g}")
    return one_line(f"<{type(run).__name__} {where}: {', '.join(parts)}>")


def of_end(folder: Path | None, *, interrupted: bool) -> list[str]:
    """Where the run is kept, and whether it was cut short."""
    lines = ["", f"Saved in {folder}; look at {folder / 'report.html'}"] if folder else []
    if interrupted:
        lines.append("The training was interrupted; this is its best epoch so far.")
    return lines


def of_members(report_data: Mapping[str, Any]) -> list[str]:
    """The networks of an average."""
    return ensemble_summary.lines(report_data["members"]) if report_data.get("members") else []


def of_data(report_data: Mapping[str, Any]) -> str:
    """How many rows there were, and in which part."""
    counts = report_data["data"]["n_rows"]
    parts = ", ".join(f"{n_rows:,} {name}" for name, n_rows in counts.items() if n_rows)
    return f"rows      {sum(counts.values()):,} of {report_data['data']['origin']}: {parts}"


def of_columns(schema: Schema) -> str:
    """How many columns of each kind are used, and which are not."""
    plural = {
        "number": "numbers",
        "category": "categories",
        "boolean": "booleans",
        "date": "dates",
        "text": "texts",
    }
    counts = {kind: sum(c.kind == kind for c in schema.features) for kind in plural}
    named = [
        f"{count} {plural[kind] if count > 1 else kind}" for kind, count in counts.items() if count
    ]
    used = ", ".join([*named, *_images(schema), *_series(schema)])
    left_out = [f"{c.name} ({c.kind})" for c in schema.columns if not c.used]
    target = f"{schema.target.name}, {schema.target.task}"
    if schema.target.classes:
        of = "labels" if schema.target.task == "multilabel" else "classes"
        target += f" of {len(schema.target.classes)} {of}"
    target += _doubt(schema.target)
    unused = f"; left out: {', '.join(left_out)}" if left_out else ""
    return "\n".join(map(one_line, (f"columns   {used}{unused}", f"target    {target}")))


def _doubt(target: Target) -> str:
    """How to have the other task, where the target is numbers that may be either."""
    if target.task == "multiclass" and target.label_type == "int":
        return (
            f" ({target.classes[0]} … {target.classes[-1]}; use --task regression for quantities)"
        )
    return " (in seconds)" if target.layout == DURATION else ""


def _images(schema: Schema) -> list[str]:
    """How many image columns there are, and how large their images are used."""
    layouts = [column.layout for column in schema.features if column.kind == "image"]
    if not layouts:
        return []
    sizes = " and ".join(dict.fromkeys(describe_layout(layout) for layout in layouts))
    return [f"{len(layouts)} image column{'s' if len(layouts) > 1 else ''}, {sizes}"]


def _series(schema: Schema) -> list[str]:
    """How many columns of series and of sounds there are, and how long these are."""
    found = []
    for kind, describe in (
        ("series", series_cells.describe_layout),
        ("sound", sound_cells.describe_layout),
    ):
        layouts = [column.layout for column in schema.features if column.kind == kind]
        if layouts:
            sizes = " and ".join(dict.fromkeys(map(describe, layouts)))
            found.append(f"{len(layouts)} {kind} column{'s' if len(layouts) > 1 else ''}, {sizes}")
    return found


def of_choice(report_data: Mapping[str, Any]) -> list[str]:
    """Why the model was chosen, where nobody named it."""
    return [f"chosen    {report_data['choice']['reason']}"] if report_data.get("choice") else []


def of_augmentation(report_data: Mapping[str, Any]) -> list[str]:
    """How training images were changed, where they were."""
    augment = report_data["config"]["training"].get("augment", "none")
    if not report_data.get("images") or augment == "none":
        return []
    return [f"training  images changed by {augment.replace(',', ', ')}"]


def of_failures(report_data: Mapping[str, Any]) -> list[str]:
    """What made a training begin again at a lower learning rate, or fail."""
    return [f"training  {each}" for each in report_data.get("warnings", ()) if TENTH in each]


def of_stages(report_data: Mapping[str, Any]) -> list[str]:
    """What each stage reached, where the training began with the weights of a file."""
    told = sentence(report_data["training"])
    return [f"stages    {told}"] if told else []


def of_tuning(report_data: Mapping[str, Any]) -> list[str]:
    """What a search for hyper-parameters found, beside the defaults."""
    tuning = report_data.get("tuning")
    if not tuning:
        return []
    found = [f"{key.split('.', 1)[1]} {shown(value)}" for key, value in tuning["found"].items()]
    return [
        f"search    {course(tuning)}, {tuning['seconds']:.0f} s",
        f"found     {', '.join(found)}",
        *(f"{'':10}{line}" for line in outcome(tuning)),
    ]


def of_time(report_data: Mapping[str, Any]) -> str:
    """How many seconds passed, and in which phases those that count."""
    phases = report_data.get("phases") or {}
    shown = ", ".join(
        f"{name} {seconds:.0f} s" for name, seconds in phases.items() if seconds >= 0.5
    )
    return f"{report_data['seconds']:.0f} s in all" + (f" ({shown})" if shown else "")


def of_training(report_data: Mapping[str, Any], parameters: int) -> str:
    """Which network was trained, for how long, and why it ended."""
    training, seconds = report_data["training"], of_time(report_data)
    if report_data.get("members"):
        cut = (
            f" ({report_data['stopped']})"
            if report_data["stopped"] in ("interrupted", "time limit")
            else ""
        )
        return (
            f"network   {report_data['model']} averaged, {parameters:,} parameters{cut}, {seconds}"
        )
    return (
        f"network   {report_data['model']}, {parameters:,} parameters; best epoch "
        f"{training['best_epoch']} of {training['n_epochs']} ({report_data['stopped']}), {seconds}"
    )
