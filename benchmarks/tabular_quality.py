"""Networks against boosted trees on the same rows: scores, seconds and ranks, table by table.

    pip install lightgbm xgboost catboost
    python benchmarks/tabular_quality.py score DATA [--tables adult,iris] [--models auto,lightgbm]
        [--seeds 3] [--set epochs=64] >> scores.txt
    python benchmarks/tabular_quality.py rank scores.txt > benchmarks/results/tabular_quality.txt

DATA holds a folder for each table, with train and test files as CSV or Parquet; tables that
scikit-learn brings along are cut in five, the first part of which is the test. Of the training rows
15 % validate: they stop every model, networks and trees alike. A seed is one of these cuts, and of
the model.

Trees have the settings that their makers recommend for early stopping: a small learning rate, as
many trees as gain on the validation rows, and categories as such. They see a date as its parts.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from typing import Any

TARGETS = {
    "penguins": "species",
    "titanic": "survived",
    "adult": "income",
    "california_housing": "MedHouseVal",
    "diamonds": "price",
    "flights": "late",
}
# Of scikit-learn.
BUNDLED = ("iris", "wine", "breast_cancer", "digits", "diabetes")
VALUES = ("california_housing", "diamonds", "diabetes")
TREES = ("lightgbm", "xgboost", "catboost")
SHOWN = {
    "binary": ("auc", "accuracy"),
    "multiclass": ("accuracy", "log_loss"),
    "regression": ("rmse",),
}
LOWER = ("rmse", "log_loss")
ROUNDS, PATIENCE, RATE = 10_000, 100, 0.05


def main() -> None:
    """Score models, or rank what was scored."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    scoring = verbs.add_parser("score")
    scoring.add_argument("data", type=Path)
    scoring.add_argument("--tables", default=",".join([*TARGETS, *BUNDLED]))
    scoring.add_argument("--models", default=",".join(["auto", *TREES]))
    scoring.add_argument("--seeds", default="3", help="how many, or which, as in 0,2")
    scoring.add_argument("--set", action="append", default=[], help="of the networks")
    verbs.add_parser("rank").add_argument("scores", type=Path)
    arguments = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    warnings.simplefilter("ignore")
    if arguments.verb == "rank":
        print(ranked(arguments.scores.read_text().splitlines()))
        return
    seeds = arguments.seeds.split(",") if "," in arguments.seeds else range(int(arguments.seeds))
    for table in arguments.tables.split(","):
        for seed in map(int, seeds):
            parts, target = cut(arguments.data, table, seed)
            for model in arguments.models.split(","):
                print(line(table, model, seed, parts, target, arguments.set), flush=True)


def cut(data: Path, table: str, seed: int) -> tuple[dict[str, Any], str]:
    """The rows that train, validate and test, and the name of the target."""
    import pandas as pd
    from sklearn import datasets
    from sklearn.model_selection import train_test_split

    if table in BUNDLED:
        whole = getattr(datasets, f"load_{table}")(as_frame=True)
        target, frame = "target", whole.frame
        if table not in VALUES:
            frame = frame.assign(target=[f"class {code}" for code in frame.target])
        rest, test = train_test_split(
            frame, test_size=0.2, random_state=0, stratify=None if table in VALUES else frame.target
        )
    else:
        target = TARGETS[table]
        files = [next((data / table).glob(f"{part}.*")) for part in ("train", "test")]
        rest, test = (
            pd.read_parquet(f) if f.suffix == ".parquet" else pd.read_csv(f) for f in files
        )
        rest = rest.dropna(subset=[target])
    train, validation = train_test_split(
        rest, test_size=0.15, random_state=seed, stratify=None if table in VALUES else rest[target]
    )
    parts = {"train": train, "validation": validation, "test": test}
    return {name: frame.reset_index(drop=True) for name, frame in parts.items()}, target


def line(
    table: str, model: str, seed: int, parts: dict[str, Any], target: str, chosen: list[str]
) -> str:
    """Train one model on one cut; its scores on the test rows."""
    began = time.perf_counter()
    if model in TREES:
        scores, note = trees(model, parts, target, seed, is_class=table not in VALUES)
    else:
        scores, note = network(model, parts, target, seed, chosen)
    seconds = time.perf_counter() - began
    values = " ".join(f"{name}={value:.5f}" for name, value in scores.items())
    named = "+".join([model, *chosen])
    return f"{table:20}{named:24}{seed:3}{seconds:9.1f}  {values}  {note}".rstrip()


def network(
    model: str, parts: dict[str, Any], target: str, seed: int, chosen: list[str]
) -> tuple[dict[str, float], str]:
    """A model of the zoo with its defaults."""
    import kerasnn

    run = kerasnn.train(
        parts["train"],
        validation=parts["validation"],
        test=parts["test"],
        target=target,
        model=model,
        seed=seed,
        baselines=False,
        set=dict(each.split("=", 1) for each in chosen),
    )
    chose = run.bundle.config["model"]["name"] if model == "auto" else ""
    return {name: run.scores.values[name] for name in SHOWN[run.scores.task]}, chose


def trees(
    model: str, parts: dict[str, Any], target: str, seed: int, *, is_class: bool
) -> tuple[dict[str, float], str]:
    """Boosted trees that stop on the validation rows."""
    from sklearn.metrics import accuracy_score, log_loss, roc_auc_score, root_mean_squared_error
    from sklearn.preprocessing import LabelEncoder

    columns = columns_of(parts, target)
    truth = {name: frame[target] for name, frame in parts.items()}
    task = "regression"
    if is_class:
        coder = LabelEncoder().fit(truth["train"])
        truth = {name: coder.transform(values) for name, values in truth.items()}
        task = "binary" if len(coder.classes_) == 2 else "multiclass"
    fitted = FITTERS[model](task, columns, truth, seed)
    if task == "regression":
        error = root_mean_squared_error(truth["test"], fitted.predict(columns["test"]))
        return {"rmse": error}, ""
    likely = fitted.predict_proba(columns["test"])
    accuracy = accuracy_score(truth["test"], likely.argmax(axis=1))
    if task == "binary":
        return {"auc": roc_auc_score(truth["test"], likely[:, 1]), "accuracy": accuracy}, ""
    return {"accuracy": accuracy, "log_loss": log_loss(truth["test"], likely)}, ""


def columns_of(parts: dict[str, Any], target: str) -> dict[str, Any]:
    """Numbers as they are, texts as categories that training knew, dates as their parts."""
    import pandas as pd

    columns = {name: frame.drop(columns=target) for name, frame in parts.items()}
    for column, values in columns["train"].items():
        if pd.api.types.is_numeric_dtype(values):
            continue
        if str(column).startswith("time"):
            for name, frame in columns.items():
                when = pd.to_datetime(frame[column], utc=True)
                parted = {
                    f"{column} {part}": getattr(when.dt, part)
                    for part in ("month", "day", "hour", "weekday", "dayofyear")
                }
                columns[name] = frame.drop(columns=column).assign(**parted)
            continue
        known = pd.CategoricalDtype(sorted(values.dropna().astype(str).unique()))
        for name, frame in columns.items():
            cells = frame[column].map(str, na_action="ignore").astype(known)
            columns[name] = frame.assign(**{column: cells})
    return columns


def lightgbm(task: str, columns: dict[str, Any], truth: dict[str, Any], seed: int) -> Any:
    """LightGBM."""
    from lightgbm import LGBMClassifier, LGBMRegressor, early_stopping

    kind = LGBMRegressor if task == "regression" else LGBMClassifier
    model = kind(n_estimators=ROUNDS, learning_rate=RATE, random_state=seed, verbose=-1)
    return model.fit(
        columns["train"],
        truth["train"],
        eval_set=[(columns["validation"], truth["validation"])],
        callbacks=[early_stopping(PATIENCE, verbose=False)],
    )


def xgboost(task: str, columns: dict[str, Any], truth: dict[str, Any], seed: int) -> Any:
    """XGBoost."""
    from xgboost import XGBClassifier, XGBRegressor

    kind = XGBRegressor if task == "regression" else XGBClassifier
    model = kind(
        n_estimators=ROUNDS,
        learning_rate=RATE,
        early_stopping_rounds=PATIENCE,
        tree_method="hist",
        enable_categorical=True,
        random_state=seed,
    )
    watched = [(columns["validation"], truth["validation"])]
    return model.fit(columns["train"], truth["train"], eval_set=watched, verbose=False)


def catboost(task: str, columns: dict[str, Any], truth: dict[str, Any], seed: int) -> Any:
    """CatBoost, which chooses its learning rate."""
    from catboost import CatBoostClassifier, CatBoostRegressor

    categories = list(columns["train"].select_dtypes("category"))
    named = {
        name: frame.assign(
            **{c: frame[c].astype(object).where(frame[c].notna(), "missing") for c in categories}
        )
        for name, frame in columns.items()
    }
    kind = CatBoostRegressor if task == "regression" else CatBoostClassifier
    model = kind(
        iterations=ROUNDS if len(truth["train"]) < 100_000 else 2_000,
        early_stopping_rounds=PATIENCE,
        cat_features=categories,
        random_seed=seed,
        verbose=False,
        allow_writing_files=False,
    )
    watched = (named["validation"], truth["validation"])
    model.fit(named["train"], truth["train"], eval_set=watched)
    columns["test"] = named["test"]
    return model


FITTERS: dict[str, Callable[..., Any]] = {
    "lightgbm": lightgbm,
    "xgboost": xgboost,
    "catboost": catboost,
}


def ranked(lines: list[str]) -> str:
    """Means over the seeds, ranks over the models that are scored on all tables, and the goals."""
    scores: dict[str, dict[str, list[tuple[float, float]]]] = defaultdict(lambda: defaultdict(list))
    metrics: dict[str, str] = {}
    for text in lines:
        table, model, _, seconds, first = text.split()[:5]
        metric, _, value = first.partition("=")
        metrics[table] = metric
        scores[table][model].append((float(value), float(seconds)))
    models = sorted({model for found in scores.values() for model in found})
    rows = [f"{'table':20}{'metric':>10}" + "".join(f"{model:>18}" for model in models)]
    ranks: dict[str, list[float]] = defaultdict(list)
    for table, found in scores.items():
        sign = 1 if metrics[table] in LOWER else -1
        means = {model: mean(value for value, _ in runs) for model, runs in found.items()}
        order = sorted(means.values(), key=lambda value: sign * value)
        for model, value in means.items():
            ties = [location for location, other in enumerate(order, 1) if other == value]
            ranks[model].append(mean(ties))
        cells = [
            f"{means[m]:.4f} {mean(s for _, s in found[m]):5.0f}s" if m in means else ""
            for m in models
        ]
        rows.append(f"{table:20}{metrics[table]:>10}" + "".join(f"{cell:>18}" for cell in cells))
    whole = [
        f"{mean(ranks[m]):.2f}" + ("" if len(ranks[m]) == len(scores) else "*") for m in models
    ]
    rows.append(f"{'mean rank':30}" + "".join(f"{cell:>18}" for cell in whole))
    rows += ["", "* not of all tables", *verdict(scores, metrics)]
    return "\n".join(rows)


def verdict(scores: Any, metrics: dict[str, str], model: str = "auto") -> list[str]:
    """How the default stands against each of the boosted trees."""
    told = []
    for table, found in scores.items():
        if model not in found:
            continue
        sign = 1 if metrics[table] in LOWER else -1
        ours = mean(value for value, _ in found[model])
        best = min(
            (mean(value for value, _ in found[tree]) for tree in TREES if tree in found),
            key=lambda value: sign * value,
            default=ours,
        )
        behind = sign * (ours - best) / abs(best)
        told.append(f"{table:20}{model} {ours:.4f}, best of trees {best:.4f}: {-behind:+.2%}")
    return told


if __name__ == "__main__":
    sys.exit(main())
