"""Search for hyper-parameters: from arguments to a run, in memory or in a folder.

>>> import kerasnn
>>> run = kerasnn.tune("adult.csv", target="income", time_limit_s=1800)  # doctest: +SKIP
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from kerasnn import models
from kerasnn.bundle import Bundle, open_bundle
from kerasnn.config.arguments import refuse_unknown
from kerasnn.config.config import Config
from kerasnn.config.settings import Settings, collect, of_rows, of_run
from kerasnn.config.train_settings import TuneSettings
from kerasnn.data.readers.inputs import as_sources
from kerasnn.datasets.tabular import Table, read_table
from kerasnn.errors import ConfigError, DataError, MissingDependencyError
from kerasnn.files import storage
from kerasnn.files.handles import kind_of
from kerasnn.prediction.calibrate import monitored
from kerasnn.prediction.predictor import Predictor
from kerasnn.runs.folder import BUNDLE, RunFolder
from kerasnn.runs.paths import open_folder
from kerasnn.runtime import backend
from kerasnn.runtime.phases import Phases
from kerasnn.trainers.train import check_run, noting_warnings
from kerasnn.training.progress import SearchBar
from kerasnn.training.resume import check_fingerprint
from kerasnn.tuning import spaces as texts
from kerasnn.tuning.default_spaces import default_spaces
from kerasnn.tuning.spaces import Space

if TYPE_CHECKING:
    from kerasnn.runs.tabular import Run
    from kerasnn.trainers.fit import TrainedModel
    from kerasnn.tuning.study import Study
    from kerasnn.tuning.trials import Search

FOLDER = "tuning"
JOURNAL, CONFIG, START = "journal.jsonl", "config.yaml", "defaults.kerasnn"
# Where neither the trials nor the time are bounded.
TRIALS = 30
# Of a time limit: what a whole training may take at most, so that there are several of them.
LONGEST = 0.25
# Who chose a value for good; one in a file of the configuration is where the search begins.
_FIXED = ("argument", "command line")


@refuse_unknown(TuneSettings)
def tune(
    data: Any = None,
    *,
    target: Any = None,
    validation: Any = None,
    test: Any = None,
    task: str | None = None,
    model: str | None = None,
    columns: Mapping[str, str] | None = None,
    set: Mapping[str, Any] | None = None,
    search: Mapping[str, Any] | None = None,
    trials: int | None = None,
    time_limit_s: float | None = None,
    output: str | os.PathLike[str] | None = None,
    seed: int | None = None,
    progress: bool = False,
    **settings: Unpack[TuneSettings],
) -> Run:
    """Search for the hyper-parameters of a network, then train it with the best and score it.

    The first trial has the defaults. Each trial is trained on the training rows and judged by the
    measure that picks the best epoch on the validation rows; one whose curve is clearly worse is
    pruned. The test rows are first seen when the best is trained once more and scored, beside the
    defaults. With the same seed and without a time limit, the trials are the same.

    Args:
        data: Rows, in any form that `kerasnn.train` takes.
        target: Column to be predicted, or its values, one a row of ``data``.
        validation: Table of rows that pick the best epoch, or a pair ``(X, y)``.
        test: Table of rows for the scores, or a pair ``(X, y)``.
        task: ``binary``, ``multiclass``, ``multilabel`` or ``regression``; inferred if None.
        model: A name of `kerasnn.models.names`; by the data if None.
        columns: Kinds of columns, by name, where the inferred one is wrong.
        set: Hyper-parameters and other keys that are the same in all trials.
        search: Search spaces, such as ``{"width": "{64, 128}", "learning_rate": "log [1e-4,
            1e-2]"}``, in place of or beside where the model says; see `kerasnn.tuning.spaces`.
        trials: Maximum number of trials; 30 if None, and any number within a time limit.
        time_limit_s: Seconds of all trials and the last training together, over all sessions.
        output: Folder of the run; see `kerasnn.train`.
        seed: Seed of everything random, 0 to 2³² − 1.
        progress: True to show a progress bar.
        **settings: Any of the arguments below.
        drop: Columns to leave out.
        split: ``random``, ``stratified``, or ``group:COLUMN``, ``time:COLUMN``, ``column:COLUMN``.
        config: A configuration to start from: of what is searched, the values of the first trial.
        force: True to replace a run that is in the folder.
        resume: Folder of a search that was stopped, or that is to have more trials or time.

    Raises:
        MissingDependencyError: Optuna is not installed.
        DataError: The table can't be learned from.
        ConfigError: An argument is wrong, or nothing is left to search.
        ModelRefusedError: The journal of the search to go on with is damaged.
        StorageError: The folder can't be written; this is found out before the first trial.
    """
    backend.check_backend()
    check_installed()
    resume, force = settings.get("resume"), settings.get("force", False)
    sources, target = as_sources({"data": data, "validation": validation, "test": test}, target)
    chosen_settings = collect(
        {
            **of_rows(data, validation, test, settings.get("split")),
            "data.target": target,
            "data.task": task,
            "data.columns": columns,
            "data.drop": settings.get("drop"),
            "model.name": model,
            "run.output": output,
            "run.seed": seed,
            "run.time_limit_s": time_limit_s,
        },
        set=set,
        config=settings.get("config"),
    )
    if trials is not None and trials < 1:
        raise ConfigError(f"`trials` must be at least 1; got {trials}")
    asked = {name: texts.parse(name, text) for name, text in (search or {}).items()}
    if resume is not None:
        chosen_settings = _resumed(resume, chosen_settings)
    chosen_settings = _checked(chosen_settings)
    if (
        chosen_settings.names_model
        and resume is None
        and not models.needs_keras(chosen_settings.model_name)
    ):
        # What is wrong with the search is said before anything is read.
        _spaces(chosen_settings, chosen_settings.resolve(), asked)
    with noting_warnings() as noted:
        table, chosen = _read(chosen_settings, sources)
        found = {} if resume is not None else _spaces(chosen_settings, chosen, asked)
        check_run(chosen, resume=resume, force=force)
        backend.start_keras()
        folder = open_folder(chosen, resume=resume, force=force)
        with folder.locked() if folder else ExitStack():
            session = _SearchSession(table, chosen, folder, progress=progress)
            searched, stopped = session.search(found, asked, trials)
            return session.finish(searched, stopped, noted)


def _read(settings: Settings, sources: Mapping[str, Any]) -> tuple[Table, Config]:
    """The table, and a model that a trial has time for if nobody named one."""
    key, limit = "run.time_limit_s", settings.chosen.get("run.time_limit_s")
    if limit is None or limit.value is None:
        return read_table(settings, sources)
    of_trial = replace(limit, value=LONGEST * limit.value)
    settings = replace(settings, chosen={**settings.chosen, key: of_trial})
    table, config = read_table(settings, sources)
    return table, replace(config, run=replace(config.run, time_limit_s=limit.value))


def check_installed() -> None:
    """Raise if there is no Optuna.

    Raises:
        MissingDependencyError: It is not installed.
    """
    try:
        import optuna  # noqa: F401
    except ImportError:
        raise MissingDependencyError("the search for hyper-parameters", extra="tune") from None


def _resumed(run: str | os.PathLike[str], now: Settings) -> Settings:
    """The settings that a search began with, with those on top that are given now."""
    path = Path(run) / FOLDER / CONFIG
    if kind_of(path, below=Path(run)) is None:
        raise ConfigError(f"no search in '{run}'", hint="give the folder of a search")
    before = of_run(path, below=Path(run))
    return Settings({**before.chosen, **now.chosen}, before.unqualified | now.unqualified)


def _checked(settings: Settings) -> Settings:
    """Settings of a single network of rows.

    Raises:
        ConfigError: They ask for a forecast or for several networks.
    """
    asks = settings.forecast.horizon or settings.data.task == "forecast"
    if asks or (settings.names_model and models.data_of(settings.model_name) == "forecast"):
        hint = "train, which tries several models of forecasts"
        raise ConfigError("forecasts can't be searched", hint=hint)
    if settings.run.ensemble > 1 or settings.run.members:
        hint = "search for one network, then train several with what was found"
        raise ConfigError("an average of several networks can't be searched", hint=hint)
    return settings.with_inferred({"run.ensemble": 1})


def _spaces(settings: Settings, config: Config, asked: Mapping[str, Space]) -> dict[str, Space]:
    """What is searched: where the model says, in place of or beside it where somebody asked."""
    entry = models.get(config.model.name)
    of_model = (
        texts.read(entry.name, entry.search) if entry.search else default_spaces(entry, config)
    )
    asked = texts.read(entry.name, asked)
    fixed = {key for key, setting in settings.chosen.items() if setting.origin in _FIXED}
    if both := [key for key in asked if key in fixed]:
        raise ConfigError(f"`{both[0]}` is both set and searched", hint="leave one out")
    found = {key: space for key, space in of_model.items() if key not in fixed} | asked
    if not found:
        hint = "name a hyper-parameter or key and where to look for it, or train"
        raise ConfigError(f"there is nothing to search of the model '{entry.name}'", hint=hint)
    return found


class _SearchSession:
    """A search on a table, as far as one process takes it.

    Args:
        table: All rows.
        config: Configuration with a time limit of all trials together.
        folder: Locked; None in memory.
        progress: True to show a progress bar.
    """

    def __init__(
        self, table: Table, config: Config, folder: RunFolder | None, *, progress: bool
    ) -> None:
        self.table, self.asked, self.folder = table, config, folder
        self.progress = progress
        # The limit of the search is none of a training.
        self.config = replace(config, run=replace(config.run, time_limit_s=None))
        self.start: Predictor | None = None

    def search(
        self, spaces: dict[str, Space], asked: Mapping[str, Space], trials: int | None
    ) -> tuple[Search, str]:
        """All trials that there is time for, and why there are no more."""
        from kerasnn.tuning.study import Study
        from kerasnn.tuning.trials import Clock, Search

        if self.folder and spaces:
            self.folder.begin(self.config, self.table)
            storage.make_folder(self._path, below=self.folder.path)
        metric = monitored(self.config.training, self.table.schema.target.task)
        journal = self._path / JOURNAL if self.folder else None
        seed = self.config.run.seed
        study = Study(journal, seed=seed, direction=metric.direction)
        spaces = self._begin(study, spaces) if spaces else self._go_on(study, asked)
        limit = self.asked.run.time_limit_s
        trials = self._bound(study, trials)
        clock = Clock(limit, sum(each.seconds for each in study.trials), longest=LONGEST)
        bar = SearchBar(trials=trials, seconds=limit) if self.progress else None
        search = Search(
            self.table,
            self.config,
            spaces,
            study,
            clock,
            f"validation_{metric.name}",
            keep=self._keep,
        )
        if epochs := study.notes.get("epochs"):
            search.with_epochs(epochs)
        try:
            if bar:
                search.show = lambda: bar.show(
                    study.best.score if study.best else None, len(study.trials), clock.used_s
                )
                search.show()
            return search, search.run(trials)
        finally:
            if bar:
                bar.close()

    def finish(self, search: Search, stopped: str, noted: list[str]) -> Run:
        """Train with the best values, score, and write everything down."""
        from kerasnn.trainers.tabular import train_on
        from kerasnn.tuning import report_data

        best = search.study.best
        assert best is not None
        told = report_data.tell(search, stopped=stopped)
        if self.folder:
            rows = report_data.table(search.study, search.monitor).to_csv(index=False)
            self.folder.write("tuning.csv", rows.encode())
            self._clear_checkpoints(search.study, best.number)
        start = self._trained_defaults() if best.number > 1 else None

        def tell(run: Run) -> dict[str, Any]:
            return {"tuning": {**told, "test": report_data.against(start, run)}}

        return train_on(
            self.table,
            search.config_of(best.values),
            self.folder,
            noted,
            progress=self.progress,
            phases=Phases(),
            tell=tell,
        )

    @property
    def _path(self) -> Path:
        """Path of a file that a search keeps beside the run."""
        assert self.folder
        return self.folder.path / FOLDER

    def _fingerprint(self) -> dict[str, Any]:
        """What must be equal for a search to go on."""
        assert self.folder
        kept = self.folder.fingerprint(self.config, self.table)
        return {**kept, "training.epochs": self.config.training.epochs}

    def _begin(self, study: Study, spaces: dict[str, Space]) -> dict[str, Space]:
        if self.folder:
            study.note("fingerprint", self._fingerprint())
            study.note("search", {key: str(space) for key, space in spaces.items()})
            # As the sign that a search can go on, this is written last.
            self.folder.write(f"{FOLDER}/{CONFIG}", self.asked.to_text().encode())
        return spaces

    def _go_on(self, study: Study, asked: Mapping[str, Space]) -> dict[str, Space]:
        """The spaces that the search began with, if it can go on."""
        notes = study.notes
        if "search" not in notes:
            raise ConfigError(f"no search in '{self._path}'", hint="tune from the start")
        check_fingerprint(notes["fingerprint"], self._fingerprint())
        model = self.config.model.name
        spaces = texts.read(model, notes["search"])
        now = {key: str(space) for key, space in texts.read(model, asked).items()}
        check_fingerprint({key: notes["search"].get(key) for key in now}, now)
        return spaces

    def _bound(self, study: Study, trials: int | None) -> int | None:
        """How many trials there are at most; as before, if nothing is said of them now."""
        if trials is None:
            trials = study.notes.get("trials")
        if trials is None and self.asked.run.time_limit_s is None:
            trials = TRIALS
        if trials is not None:
            study.note("trials", trials)
        return trials

    def _keep(self, trained_model: TrainedModel) -> None:
        """Keep what the defaults learned, to be scored in the end."""
        self.start = trained_model.predictor
        if self.folder:
            config = trained_model.config
            bundle = Bundle(
                model=config.model.name,
                hyperparameters=dict(config.model.hyperparameters),
                training_options=config.training,
                config=config.to_dict(),
                predictor=trained_model.predictor,
            )
            bundle.save(self._path / START)

    def _trained_defaults(self) -> Predictor | None:
        """What the defaults learned; None if its file is gone."""
        if self.start is None and self.folder:
            if kind_of(self._path / START, below=self.folder.path) != "file":
                return None
            try:
                self.start = open_bundle(self._path / START).predictor  # type: ignore[union-attr]
            except DataError:
                return None
        return self.start

    def _clear_checkpoints(self, study: Study, best: int) -> None:
        """A last training that was killed goes on; of other values or once done, it begins anew."""
        assert self.folder
        is_done = kind_of(self.folder.path / BUNDLE) is not None
        if is_done or study.notes.get("training") != best:
            self.folder.checkpoints.clear()
        storage.remove(self.folder.path / BUNDLE)
        study.note("training", best)
