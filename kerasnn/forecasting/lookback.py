"""How far a forecast looks back, and whether the series are long enough for its windows.

Nothing here imports Keras, so that what is wrong with the series is said at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kerasnn import models
from kerasnn.errors import ConfigError, DataError, warn
from kerasnn.forecasting import seasonality
from kerasnn.forecasting.panel import Panel
from kerasnn.forecasting.preprocessor import check_positive, is_flat
from kerasnn.forecasting.splits import Splits
from kerasnn.forecasting.windows import Origins, origins
from kerasnn.options import ForecastOptions

# A lookback of so many time steps, in whole seasons, is what most models of the zoo were made with.
USUAL_LOOKBACK, FEWEST_SEASONS, MOST_SEASONS = 336, 2, 14
# Windows that pick the best epoch: more would say the same and take long.
MOST_VALIDATION = 20_000


def decide_options(
    options: ForecastOptions, panel: Panel, splits: Splits, *, quiet: bool = False
) -> dict[str, Any]:
    """The season and the lookback that the training part suggests, where they are left open.

    Raises:
        ConfigError: What was chosen leaves no window to train on.
    """
    decided: dict[str, Any] = {}
    train = [t.target[:stop] for t, stop in zip(panel.tracks, splits.validation, strict=True)]
    season = options.season
    if not season:
        decided["forecast.season"] = season = seasonality.infer(panel.frequency, train)
    longest = max(map(len, train))
    if not options.lookback:
        decided["forecast.lookback"] = lookback_for(season, options.horizon, longest)
    elif options.lookback + options.horizon > longest:
        what = f"a window of {options.lookback:,} + {options.horizon:,} points is longer than the "
        raise ConfigError(
            f"{what}{longest:,} points of the training part",
            location="forecast.lookback",
            hint="give a shorter lookback or horizon",
        )
    lookback = options.lookback or decided["forecast.lookback"]
    if not quiet:
        _warn_of_constant(panel, splits)
        _warn_of_short(panel, splits, lookback + options.horizon)
    return decided


def lookback_for(season: int, horizon: int, longest: int) -> int:
    """Points to look back: whole seasons, as far as half of the training part allows.

    >>> lookback_for(24, 336, 8000), lookback_for(12, 24, 96), lookback_for(1, 8, 50)
    (336, 36, 16)
    """
    seasons_back = int(np.clip(USUAL_LOOKBACK // season, FEWEST_SEASONS, MOST_SEASONS))
    wanted = max(seasons_back * season, min(2 * horizon, USUAL_LOOKBACK), horizon)
    most = max((longest - horizon) // 2, 1)
    if wanted <= most:
        return wanted
    return most // season * season if most >= season else most


def check(panel: Panel, splits: Splits, options: ForecastOptions) -> None:
    """Raise if `kerasnn.forecasting.fit.prepare` would, before anything is written or takes long.

    Raises:
        DataError: No series is as long as a window, or a target has no logarithm.
    """
    if options.transform == "log":
        check_positive(
            [t.target[:stop] for t, stop in zip(panel.tracks, splits.validation, strict=True)]
        )
    window_origins(panel, splits, options)


def check_model(name: str) -> None:
    """Raise if a model does not forecast."""
    able = [each for each in models.names() if models.data_of(each) in ("forecast", "sequence")]
    if name not in able:
        raise ConfigError(f"the model '{name}' does not forecast", hint=f"choose {', '.join(able)}")


def window_origins(
    panel: Panel, splits: Splits, options: ForecastOptions
) -> tuple[Origins, Origins]:
    """Origins of the windows to train on, and of those that choose the best epoch."""
    sizes = {"lookback": options.lookback, "horizon": options.horizon}
    train = origins(panel, splits, "train", **sizes, most=options.windows)
    validation = origins(panel, splits, "validation", **sizes, most=MOST_VALIDATION)
    for found, what in ((train, "training"), (validation, "validation")):
        if not len(found):
            raise DataError(
                f"no window of {options.lookback:,} + {options.horizon:,} points lies in the "
                f"{what} part",
                hint="give a shorter lookback or horizon, or more data",
            )
    return train, validation


def _warn_of_constant(panel: Panel, splits: Splits) -> None:
    """Series with a target that never changes in training."""
    names = []
    for track, stop in zip(panel.tracks, splits.validation, strict=True):
        known = track.target[:stop]
        if stop > 1 and np.isfinite(known).any(axis=0).all():
            flat = is_flat(np.nanmean(known, axis=0), np.nanstd(known, axis=0))
            names += [track.name] if flat.any() else []
    if names == [""]:
        warn("a target never changes in training", hint="its forecast will be that value")
    elif names:
        listed = ", ".join(f"'{name}'" for name in names[:3])
        more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
        warn(f"series whose target never changes in training: {listed}{more}")


def _warn_of_short(panel: Panel, splits: Splits, length: int) -> None:
    """Series that have no window to train on."""
    short = [
        track.name
        for track, stop in zip(panel.tracks, splits.validation, strict=True)
        if stop < length
    ]
    if not short or len(panel) == 1:
        return
    listed = ", ".join(f"'{name}'" for name in short[:3])
    more = f" and {len(short) - 3:,} more" if len(short) > 3 else ""
    problem = f"series shorter than a window of {length:,} points: {listed}{more}"
    warn(problem, hint="they are forecast, but not learned from")
