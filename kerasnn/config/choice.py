"""What ``model="auto"`` chose: the networks to train, and the reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple


class EnsembleMember(NamedTuple):
    """One of the networks of a choice: a model of the zoo and its profile."""

    model: str
    profile: str = "default"

    @classmethod
    def read(cls, text: str) -> EnsembleMember:
        """What `str` wrote.

        >>> EnsembleMember.read("tabm:small"), str(EnsembleMember.read("mlp"))
        (EnsembleMember(model='tabm', profile='small'), 'mlp')
        """
        model, _, profile = text.partition(":")
        return cls(model, profile) if profile else cls(model)

    def __str__(self) -> str:
        return self.model if self.profile == "default" else f"{self.model}:{self.profile}"


@dataclass(frozen=True)
class Choice:
    """What is trained, and why.

    Args:
        members: Networks whose predictions are averaged, or a single network.
        reason: One sentence that gives the reason.
        epochs: Number of epochs, fewer than usual for want of time; else 0.
        by_cost: True if the number of rows and the machine decided too, so that the choice is worth
            telling at once.
    """

    members: tuple[EnsembleMember, ...]
    reason: str
    epochs: int = 0
    by_cost: bool = False

    @property
    def model(self) -> str:
        """That of the first member."""
        return self.members[0].model

    @property
    def profile(self) -> str:
        """Profile of the first member."""
        return self.members[0].profile

    @property
    def ensemble(self) -> int:
        """How many networks are trained."""
        return len(self.members)

    @property
    def settings(self) -> dict[str, Any]:
        """Keys of the configuration that it decides, unless somebody chose them."""
        values: dict[str, Any] = {
            "model.name": self.model,
            "model.profile": self.profile,
            "run.ensemble": self.ensemble,
        }
        if len(set(self.members)) > 1:
            values["run.members"] = tuple(map(str, self.members))
        if self.epochs:
            values["training.epochs"] = self.epochs
        return values

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {"members": list(map(str, self.members)), "reason": self.reason}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Choice:
        """Rebuild what was chosen and why from plain data."""
        return cls(tuple(map(EnsembleMember.read, data["members"])), data["reason"])
