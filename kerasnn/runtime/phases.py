"""The wall-clock seconds of a run, phase by phase, and what a time limit leaves for training."""

from __future__ import annotations

from time import perf_counter

# Of what is left of a time limit when a training begins, this share is kept for the baselines and
# the report, but no more than so many seconds.
RESERVED_SHARE, MOST_RESERVED_S = 0.3, 60.0

_process: list[float] = []


def mark_start() -> None:
    """The command that runs begins now: what it imports counts too."""
    _process[:] = [perf_counter()]


class Phases:
    """Seconds by the name of a phase, in their order; together all that have passed.

    Args:
        started: Start of the first phase, by `time.perf_counter`; now if None.
    """

    def __init__(self, started: float | None = None) -> None:
        self.started = self._last = perf_counter() if started is None else started
        self.seconds: dict[str, float] = {}

    @classmethod
    def begin(cls) -> Phases:
        """Those of a run that begins now, after the start of the command, if it is one."""
        if not _process:
            return cls()
        phases = cls(_process.pop())
        phases.end("start")
        return phases

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return perf_counter() - self.started

    def end(self, name: str) -> None:
        """What has passed since the last phase was one of this name."""
        now = perf_counter()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self._last
        self._last = now

    def move(self, source: str, name: str, seconds: float) -> None:
        """Some of the seconds of a phase were those of another one, which comes before it."""
        moved = min(seconds, self.seconds[source])
        rest = self.seconds.pop(source) - moved
        self.seconds |= {name: moved, source: rest}

    def training_budget(self, limit: float | None) -> float | None:
        """Seconds that a training may take so that all phases together keep a time limit."""
        if limit is None:
            return None
        left = max(limit - self.elapsed, 0.0)
        return max(left - min(RESERVED_SHARE * left, MOST_RESERVED_S), 1.0)

    def left(self, limit: float | None) -> float | None:
        """Seconds until a time limit, 0 behind it; None without one."""
        return None if limit is None else max(limit - self.elapsed, 0.0)

    def to_dict(self) -> dict[str, float]:
        """Plain data, for JSON."""
        return {name: round(seconds, 3) for name, seconds in self.seconds.items()}
