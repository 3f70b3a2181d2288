"""Which network is trained where none was named, and why: a rule that data and machine decide.

Of texts, images and series, the first kind that a column has tells. Of tables, `PLANS` says what
is best; the first of them that can be afforded is taken. Nothing is tried out and no clock is
asked: same data, same machine, same choice.

>>> choose(TableStats(n_rows=2_000, n_numbers=8), Machine(cores=2)).reason
'realmlp, tabm, tabpack (small) and linear, averaged: 2,000 rows and 8 columns; about 50 s on 2 cores'
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import cycle, islice

from kerasnn.config.choice import Choice, EnsembleMember
from kerasnn.errors import quantity
from kerasnn.selection.cost_model import COSTS, START_S, Cost, Machine, show_duration
from kerasnn.signature import Kind

# The first kind that a column has tells.
DEFAULTS: dict[Kind, str] = {"text": "bag_of_ngrams", "image": "airbench"}
PLAIN_KINDS: tuple[Kind, ...] = ("number", "boolean", "category", "date")
# Of fewer series than that, fixed convolutions with a solved layer say more than trained ones.
FEW_SERIES = 1_000

# What takes the place of a model that does not fit into memory.
LIGHTER = {
    "airbench": "cnn",
    "bag_of_ngrams": "fasttext",
    "minirocket": "lite_time",
    "mlp": "linear",
    "realmlp": "mlp",
    "tabm": "realmlp",
}

# What a training may take where nobody limits its time, and the share of a limit that it is
# planned to fill: an estimate is none to rely on.
BUDGET_S = 300.0
SHARE_OF_LIMIT = 0.7
# A table of more numbers gets no embedding of each: their weights would outgrow its rows.
WIDE = 500
# Of fewer rows, more are held back to pick the best epochs and to weigh the networks.
FEW_ROWS, VALIDATION_OF_FEW = 300, 0.25
# Values that the codes of a column become: one each, and an embedding where they are many.
MOST_VALUES = 10


@dataclass(frozen=True)
class TableStats:
    """What a choice for a table goes by.

    Args:
        n_rows: Number of training rows.
        n_numbers: Number of columns of numbers, dates and the like.
        category_sizes: Number of different cells, for each column of categories.
        n_outputs: Number of classes or labels; 1 for a number.
        time_limit_s: Time limit of the training in seconds; None has no limit.
        epochs: Chosen number of epochs; 0 leaves it to the model.
        n_texts: Number of columns of texts.
        n_words: Mean number of words of all texts of a row.
    """

    n_rows: int
    n_numbers: int = 0
    category_sizes: tuple[int, ...] = ()
    n_outputs: int = 1
    time_limit_s: float | None = None
    epochs: int = 0
    n_texts: int = 0
    n_words: float = 0.0

    @property
    def n_inputs(self) -> int:
        """Numbers, and values that categories become."""
        return self.n_numbers + sum(min(size, MOST_VALUES) for size in self.category_sizes)

    @property
    def budget_s(self) -> float:
        """Seconds that may be planned for."""
        if self.time_limit_s is None:
            return BUDGET_S
        return self.time_limit_s * SHARE_OF_LIMIT


@dataclass(frozen=True)
class Plan:
    """Networks to train and to average, or one.

    Args:
        members: Models with their profiles.
        least: Share of the usual epochs with which it is still better than the next plan.
        most_rows: Number of rows above which the next plan is better; 0 where there is no such
            limit.
    """

    members: tuple[EnsembleMember, ...]
    least: float = 1.0
    most_rows: int = 0


# Of fewer rows, networks of different kinds make up for each other's mistakes; more rows can tell
# which of them is best, and what counts is how good that one is.
SMALL_TABLE = 2_500
# For tables, the best first.
PLANS = (
    Plan(
        (
            EnsembleMember("realmlp"),
            EnsembleMember("tabm"),
            EnsembleMember("tabpack", "small"),
            EnsembleMember("linear"),
        ),
        most_rows=SMALL_TABLE,
    ),
    Plan(
        (
            EnsembleMember("realmlp"),
            EnsembleMember("tabm"),
            EnsembleMember("realmlp"),
            EnsembleMember("tabm"),
        )
    ),
    Plan((EnsembleMember("realmlp"), EnsembleMember("tabm"))),
    Plan(
        (
            EnsembleMember("realmlp"),
            EnsembleMember("tabm", "small"),
            EnsembleMember("tabpack", "small"),
        )
    ),
    Plan((EnsembleMember("realmlp"), EnsembleMember("tabm", "small"))),
    Plan((EnsembleMember("realmlp"),), least=0.25),
    Plan((EnsembleMember("realmlp", "small"),), least=0.25),
    Plan((EnsembleMember("mlp"),), least=0.0),
)
# For tables with texts. N-grams say most of what long texts say and little else, networks for tables
# the other way round: of reviews with five columns, the average is better than each.
_BAG = EnsembleMember("bag_of_ngrams")
TEXT_PLANS = (
    Plan((_BAG, EnsembleMember("realmlp"), EnsembleMember("tabm", "small"))),
    Plan((_BAG, EnsembleMember("tabm", "small"))),
    Plan((_BAG,), least=0.0),
)
WIDE_TEXT_PLANS = (Plan((_BAG, EnsembleMember("mlp"))), Plan((_BAG,), least=0.0))
WIDE_PLANS = (Plan((EnsembleMember("mlp"),), least=0.0),)


def choose_by_kinds(kinds: Iterable[Kind], n_rows: int) -> Choice | None:
    """A network for texts or images where there are some, else for series and sounds.

    Args:
        kinds: Kinds of the columns that are used.
        n_rows: Number of rows of the table; few series are better told apart by another model than
            many.

    Returns:
        None for a table of plain columns, with texts or without, which is for `choose`.
    """
    found = set(kinds)
    if found > {"text"} and found <= {"text", *PLAIN_KINDS}:
        return None
    for kind, model in DEFAULTS.items():
        if kind in found:
            return Choice((EnsembleMember(model),), f"{model}: there are {kind}s")
    if not found & {"series", "sound"}:
        return None
    what = "series" if "series" in found else "sounds"
    few = n_rows < FEW_SERIES
    model = "minirocket" if few else "lite_time"
    told = f"{n_rows:,} {what}, {'fewer than' if few else 'no fewer than'} {FEW_SERIES:,}"
    return Choice((EnsembleMember(model),), f"{model}: {told}")


def choose(
    table_stats: TableStats,
    machine: Machine,
    *,
    ensemble: int = 0,
    profile: str | None = None,
    fits: Callable[[str], bool] = lambda model: True,
) -> Choice:
    """The first plan for a table that can be afforded; else the last one, with fewer epochs.

    Args:
        table_stats: Statistics of the table.
        machine: Machine on which the training runs.
        ensemble: Chosen number of networks; 0 leaves it to the plan.
        profile: Chosen profile, used for every network; None leaves it to the plan.
        fits: Function that returns True for a model that has the chosen hyper-parameters and
            profile.
    """
    usual = _plans(table_stats)
    plans = [each for each in usual if all(fits(model) for model, _ in each.members)]
    for plan in plans or usual[-1:]:
        members = _members(plan, ensemble, profile)
        share = _affordable_share(members, table_stats, machine)
        if share >= plan.least:
            break
    epochs = 0
    # A bag of n-grams commonly ends early, whatever was planned.
    if share < 1 and not table_stats.epochs and not table_stats.n_texts:
        epochs = max(1, int(_cost(members[0]).epochs * share))
    reason = f"{_named(members, epochs)}: {_told(members, epochs, table_stats, machine)}"
    return Choice(members, reason, epochs, by_cost=True)


def _plans(table_stats: TableStats) -> tuple[Plan, ...]:
    if table_stats.n_texts:
        return WIDE_TEXT_PLANS if table_stats.n_inputs > WIDE else TEXT_PLANS
    if table_stats.n_inputs > WIDE:
        return WIDE_PLANS
    return tuple(each for each in PLANS if not 0 < each.most_rows < table_stats.n_rows)


def _members(plan: Plan, ensemble: int, profile: str | None) -> tuple[EnsembleMember, ...]:
    """Members of a plan, in the number and size that the user chose."""
    found = islice(cycle(plan.members), ensemble or len(plan.members))
    return tuple(EnsembleMember(each.model, profile or each.profile) for each in found)


def _cost(member: EnsembleMember) -> Cost:
    return COSTS.get(member, COSTS[member.model, "default"])


def _seconds(
    members: tuple[EnsembleMember, ...], table_stats: TableStats, machine: Machine, epochs: int = 0
) -> float:
    return sum(
        _cost(member).seconds(
            table_stats.n_rows,
            table_stats.n_inputs,
            table_stats.n_outputs,
            machine,
            epochs or table_stats.epochs,
            table_stats.n_words,
        )
        for member in members
    )


def _affordable_share(
    members: tuple[EnsembleMember, ...], table_stats: TableStats, machine: Machine
) -> float:
    """Share of the usual epochs that fits the budget; 1 where there is time for all."""
    needed, fixed = _seconds(members, table_stats, machine), START_S * len(members)
    if needed <= max(table_stats.budget_s, fixed):
        return 1.0
    return max(0.0, table_stats.budget_s - fixed) / (needed - fixed)


def _named(members: tuple[EnsembleMember, ...], epochs: int) -> str:
    """The networks, what is done with them, and for how long if that is less than usual."""
    kinds = list(dict.fromkeys(members))
    *first, last = (
        each.model + f" ({each.profile})" * (each.profile != "default") for each in kinds
    )
    names = f"{', '.join(first)} and {last}" if first else last
    if len(members) > 1:
        count = f"{len(members)} networks " if len(members) > len(kinds) else ""
        names += f", {count}averaged"
    return f"{names} for {quantity(epochs, 'epoch')}" if epochs else names


def _told(
    members: tuple[EnsembleMember, ...], epochs: int, table_stats: TableStats, machine: Machine
) -> str:
    """What the choice goes by."""
    columns = table_stats.n_numbers + len(table_stats.category_sizes)
    told = f"{_count(table_stats.n_rows, 'row')} and {_count(columns, 'column')}"
    if table_stats.n_texts:
        told += f" beside {_count(table_stats.n_texts, 'column')} of text"
    if table_stats.n_inputs > WIDE:
        told += ", too many to embed each number"
    told += f"; about {show_duration(_seconds(members, table_stats, machine, epochs))} on {machine}"
    if table_stats.time_limit_s is None:
        return told
    return f"{told}, within the limit of {show_duration(table_stats.time_limit_s)}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
