"""RealMLP and TabM here and in their authors' PyTorch packages: same splits, same hyper-parameters.

    pip install torch==2.13.0 pytabkit tabm rtdl_num_embeddings
    python benchmarks/against_authors.py DATA [--tables california_housing,adult] [--seeds 3]
        [--models realmlp,tabm] [--epochs 256]

DATA as for tabular_quality.py, whose cuts and columns are used. RealMLP runs with the paper's
recipe on both sides (without smoothed labels), TabM with 16 members of 192 units. Each training runs in a
process of its own, one after the other, and is timed without the imports.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path
from statistics import mean, stdev

from tabular_quality import VALUES, columns_of, cut

TABM = {"n_members": 16, "width": 192, "depth": 2}


def main() -> None:
    """Run each model of each side on each cut, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--tables", default="california_housing,adult")
    parser.add_argument("--models", default="realmlp,tabm")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=256)
    parser.add_argument("--one", help="side:model:table:seed, for the process of a training")
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(one(arguments)))
        return
    for table in arguments.tables.split(","):
        for model in arguments.models.split(","):
            told: dict[str, list[dict[str, float]]] = {"kerasnn": [], "authors": []}
            for seed in range(arguments.seeds):
                for side, found in told.items():
                    found.append(apart(arguments, f"{side}:{model}:{table}:{seed}"))
                    print(f"  {table} {model} seed {seed} {side}: {found[-1]}", flush=True)
            report(table, model, told)


def apart(arguments: argparse.Namespace, which: str) -> dict[str, float]:
    """A training in a process of its own."""
    command = [sys.executable, __file__, str(arguments.data), "--one", which]
    command += ["--epochs", str(arguments.epochs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    return json.loads(done.stdout.splitlines()[-1])


def report(table: str, model: str, told: dict[str, list[dict[str, float]]]) -> None:
    """Means, spreads, and the ratio of the times."""
    for metric in [name for name in told["kerasnn"][0] if name != "seconds"]:
        cells = []
        for side, found in told.items():
            values = [each[metric] for each in found]
            spread = f" ± {stdev(values):.4f}" if len(values) > 1 else ""
            cells.append(f"{side} {mean(values):.4f}{spread}")
        print(f"{table:20}{model:10}{metric:10}" + ", ".join(cells))
    seconds = {side: mean(each["seconds"] for each in found) for side, found in told.items()}
    ratio = seconds["kerasnn"] / seconds["authors"]
    print(
        f"{table:20}{model:10}seconds   kerasnn {seconds['kerasnn']:.0f}, "
        f"authors {seconds['authors']:.0f}: {ratio:.2f}x",
        flush=True,
    )


def one(arguments: argparse.Namespace) -> dict[str, float]:
    """Train one model and score it on the test rows."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    warnings.simplefilter("ignore")
    side, model, table, seed = arguments.one.split(":")
    parts, target = cut(arguments.data, table, int(seed))
    is_class = table not in VALUES
    run = {"kerasnn": ours, "authors": theirs}[side]
    return run(model, parts, target, int(seed), arguments.epochs, is_class)


def scored(truth, outputs, is_class: bool) -> dict[str, float]:
    """Of probabilities (n, 2), or of values (n,)."""
    from sklearn.metrics import accuracy_score, roc_auc_score, root_mean_squared_error

    if not is_class:
        return {"rmse": root_mean_squared_error(truth, outputs)}
    return {
        "auc": roc_auc_score(truth, outputs[:, 1]),
        "accuracy": accuracy_score(truth, outputs.argmax(axis=1)),
    }


def ours(model, parts, target, seed, epochs, is_class):
    """By kerasnn."""
    import numpy as np

    import kerasnn
    from kerasnn.trainers import fit as learning

    paper = {"model.profile": "paper", "epochs": epochs}
    chosen = paper if model == "realmlp" else {"epochs": 1000, **TABM}
    learning.prepare  # noqa: B018  (imports Keras, as the other side imports torch)
    began = time.perf_counter()
    run = kerasnn.train(
        parts["train"],
        validation=parts["validation"],
        test=parts["test"],
        target=target,
        model=model,
        seed=seed,
        baselines=False,
        set=chosen,
    )
    seconds = time.perf_counter() - began
    table = run.predict(parts["test"].drop(columns=target))
    if not is_class:
        return {**scored(parts["test"][target], table["prediction"], False), "seconds": seconds}
    likely = table.filter(like="probability:")
    classes = [name.removeprefix("probability:") for name in likely]
    codes = parts["test"][target].astype(str).map(classes.index)
    return {**scored(np.asarray(codes), likely.to_numpy(), True), "seconds": seconds}


def theirs(model, parts, target, seed, epochs, is_class):
    """By the authors' packages."""
    import pandas as pd
    from sklearn.preprocessing import LabelEncoder

    columns = columns_of(parts, target)
    truth = {name: frame[target].to_numpy() for name, frame in parts.items()}
    if is_class:
        coder = LabelEncoder().fit(truth["train"])
        truth = {name: coder.transform(values) for name, values in truth.items()}
    if model == "tabm":
        return their_tabm(columns, truth, seed, is_class)
    from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor

    kind = RealMLP_TD_Classifier if is_class else RealMLP_TD_Regressor
    smoothing = {"use_ls": False} if is_class else {}
    network = kind(
        device="cpu",
        random_state=seed,
        n_epochs=epochs,
        n_cv=1,
        n_refit=0,
        verbosity=0,
        **smoothing,
    )
    known = len(columns["train"])
    both = pd.concat([columns["train"], columns["validation"]], ignore_index=True)
    labels = [*truth["train"], *truth["validation"]]
    # Their preprocessing takes no missing numbers.
    numbers = both.select_dtypes("number").columns
    means = both[numbers].iloc[:known].mean()
    both[numbers] = both[numbers].fillna(means)
    test = columns["test"].copy()
    test[numbers] = test[numbers].fillna(means)
    began = time.perf_counter()
    network.fit(both, labels, val_idxs=list(range(known, len(both))))
    seconds = time.perf_counter() - began
    outputs = network.predict_proba(test) if is_class else network.predict(test)
    return {**scored(truth["test"], outputs, is_class), "seconds": seconds}


def their_tabm(columns, truth, seed, is_class):
    """The package `tabm` in the loop of its example."""
    import numpy as np
    import torch
    from rtdl_num_embeddings import PiecewiseLinearEmbeddings, compute_bins
    from sklearn.preprocessing import QuantileTransformer
    from tabm import TabM

    torch.manual_seed(seed)
    began = time.perf_counter()
    categories = list(columns["train"].select_dtypes("category"))
    numbers = [name for name in columns["train"] if name not in categories]
    raw = {name: frame[numbers].to_numpy("float64") for name, frame in columns.items()}
    noise = np.random.default_rng(seed).normal(0, 1e-5, raw["train"].shape)
    count = max(min(len(raw["train"]) // 30, 1000), 10)
    scale = QuantileTransformer(
        n_quantiles=count, output_distribution="normal", subsample=10**9, random_state=seed
    ).fit(raw["train"] + noise)
    x = {
        k: torch.tensor(np.nan_to_num(scale.transform(v)), dtype=torch.float32)
        for k, v in raw.items()
    }
    # A code behind the last stands for what is missing or unknown.
    sizes = [columns["train"][name].cat.categories.size + 1 for name in categories]
    codes = {
        k: torch.tensor(
            np.stack(
                [
                    frame[c].cat.codes.to_numpy().copy() % n
                    for c, n in zip(categories, sizes, strict=True)
                ]
                or [np.zeros(len(frame), int)],
                axis=1,
            ).astype("int64")
        )
        for k, frame in columns.items()
    }
    mean_y, std_y = (0.0, 1.0) if is_class else (truth["train"].mean(), truth["train"].std())
    kind = torch.int64 if is_class else torch.float32
    y = {
        k: torch.tensor((v - mean_y) / std_y if not is_class else v, dtype=kind)
        for k, v in truth.items()
    }
    network = TabM.make(
        n_num_features=len(numbers),
        cat_cardinalities=sizes or None,
        d_out=2 if is_class else 1,
        num_embeddings=PiecewiseLinearEmbeddings(
            compute_bins(x["train"], n_bins=48), 16, activation=False, version="B"
        ),
        k=TABM["n_members"],
        d_block=TABM["width"],
        n_blocks=TABM["depth"],
    )
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=3e-4)

    def call(part, rows):
        return network(x[part][rows], codes[part][rows] if categories else None)

    def loss(outputs, labels):
        flat, labels = outputs.flatten(0, 1), labels.repeat_interleave(outputs.shape[1])
        if is_class:
            return torch.nn.functional.cross_entropy(flat, labels)
        return torch.nn.functional.mse_loss(flat.squeeze(-1), labels)

    @torch.inference_mode()
    def outputs_of(part):
        network.eval()
        found = torch.cat([call(part, rows) for rows in torch.arange(len(y[part])).split(2048)])
        likely = torch.softmax(found, -1).mean(1) if is_class else found.squeeze(-1).mean(1)
        return likely.numpy()

    best, kept, wait, size = np.inf, None, 0, batch_size(len(y["train"]))
    while wait < 16:
        network.train()
        for rows in torch.randperm(len(y["train"])).split(size):
            optimizer.zero_grad()
            loss(call("train", rows), y["train"][rows]).backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
        found, labels = outputs_of("validation"), y["validation"].numpy()
        error = (
            -np.log(np.maximum(found[np.arange(len(labels)), labels], 1e-12)).mean()
            if is_class
            else ((found - labels) ** 2).mean()
        )
        wait += 1
        if error < best:
            best, wait = error, 0
            kept = {k: v.clone() for k, v in network.state_dict().items()}
    network.load_state_dict(kept)
    seconds = time.perf_counter() - began
    outputs = outputs_of("test")
    outputs = outputs if is_class else outputs * std_y + mean_y
    return {**scored(truth["test"], outputs, is_class), "seconds": seconds}


def batch_size(rows: int) -> int:
    """As kerasnn chooses it."""
    from kerasnn.training.engine import batch_size_for

    return batch_size_for(rows)


if __name__ == "__main__":
    main()
