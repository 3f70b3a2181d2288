"""What the networks of an average are worth, alone and together, for a terminal and a report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from kerasnn.evaluation.scores import render_table
from kerasnn.metrics.registry import METRICS

MAX_SHOWN = 16


@dataclass(frozen=True)
class MemberSummary:
    """A network of an average.

    Args:
        title: Its model, and the profile if it has one.
        seed: Seed of its initial weights and of the order of its rows.
        weight: Its share of the average; 0 for one that was left out.
        value: Value of the metric for this member alone, on the validation rows.
        best_epoch: Epoch whose weights it has.
        n_epochs: Number of epochs that it was trained for.
        seconds: Seconds of its training, over all sessions.
        schedule: Shape of its learning rate over the run.
    """

    title: str
    seed: int
    weight: float
    value: float
    best_epoch: int
    n_epochs: int
    seconds: float
    schedule: str = ""


@dataclass(frozen=True)
class EnsembleSummary:
    """All networks that were trained for an average.

    Args:
        metric: Name of the metric that compares them.
        value: Value of the ensemble on the validation rows.
        members: Members in the order of their training.
    """

    metric: str
    value: float
    members: tuple[MemberSummary, ...]

    @property
    def title(self) -> str:
        """What is in the average, with how many there are.

        >>> two = (MemberSummary("mlp", 0, 0.5, 1.0, 1, 1, 1.0), MemberSummary("mlp", 7, 0.5, 1.0, 1, 1, 1.0))
        >>> EnsembleSummary("rmse", 0.9, two).title
        'mlp × 2'
        """
        counts: dict[str, int] = {}
        for each in self.members:
            counts[each.title] = counts.get(each.title, 0) + bool(each.weight)
        kept = {title: count for title, count in counts.items() if count}
        return " + ".join(f"{t} × {n}" if n > 1 else t for t, n in kept.items())

    @property
    def heaviest(self) -> int:
        """Number of the member that counts most, from 0; the first of equals."""
        weights = [each.weight for each in self.members]
        return weights.index(max(weights))

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON, with the number of the heaviest member from 1."""
        return {**asdict(self), "heaviest": self.heaviest + 1}


def cells(report_data: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Head and rows of a table; of very many members the heaviest are shown.

    Args:
        report_data: Summary of the ensemble, from `EnsembleSummary.to_dict`.
    """
    metric = METRICS[report_data["metric"]]
    arrow = "↑" if metric.direction == "higher" else "↓"
    head = ["network", "seed", "weight", f"{metric.title} {arrow}", "best epoch", "seconds"]
    members = list(enumerate(report_data["members"], start=1))
    shown = sorted(members, key=lambda pair: -pair[1]["weight"])[:MAX_SHOWN]
    rows = [
        [
            f"{number}  {each['title']}",
            str(each["seed"]),
            f"{each['weight']:.3g}",
            metric.format(each["value"]),
            f"{each['best_epoch']} of {each['n_epochs']}",
            f"{each['seconds']:.0f}",
        ]
        for number, each in sorted(shown, key=lambda pair: int(pair[0]))
    ]
    if len(members) > len(shown):
        rows.append([f"{len(members) - len(shown)} more", "", "", "", "", ""])
    total = sum(each["seconds"] for each in report_data["members"])
    rows.append(["average", "", "", metric.format(report_data["value"]), "", f"{total:.0f}"])
    return head, rows


def shown(report_data: Mapping[str, Any]) -> str:
    """Which network the curves are of, and why that one.

    Args:
        report_data: Summary of the ensemble, from `EnsembleSummary.to_dict`.
    """
    weights = [each["weight"] for each in report_data["members"]]
    equals = sum(weight == max(weights) for weight in weights)
    number, name = (
        report_data["heaviest"],
        report_data["members"][report_data["heaviest"] - 1]["title"],
    )
    if equals == 1:
        why = "which has the largest weight"
    elif equals == len(weights):
        why = "the first of them; all have the same weight"
    else:
        why = f"the first of {equals} with the largest weight"
    return f"What follows is network {number}, {name}, {why}."


def lines(report_data: Mapping[str, Any]) -> list[str]:
    """The table for a terminal, and what to think of it."""
    return ["", *render_table(*cells(report_data)).splitlines(), NOTE]


NOTE = "measured on the validation rows, by which the weights were chosen"
