"""Fitting and transforming columns, against scikit-learn, the calendar and plain counting."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import (
    MinMaxScaler,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from kerasnn.data.columns.dates import MISSING_DATE
from kerasnn.data.schema import Column, Schema, Target
from kerasnn.data.splits import SplitOptions, split
from kerasnn.errors import DataError, ModelRefusedError
from kerasnn.options import PreprocessingOptions
from kerasnn.preprocessing import Preprocessor
from kerasnn.preprocessing.categories import embedding_width
from kerasnn.preprocessing.dates import DateColumn, calendar, date_features, split_days

SCALES = ["standard", "minmax", "robust", "robust_smooth_clip", "quantile", "none"]
LABEL = Target("label", "binary", ("no", "yes"))


def schema_of(*, target: Target = LABEL, **kinds: str) -> Schema:
    return Schema(tuple(Column(name, kind) for name, kind in kinds.items()), target)


def fit(frame: pd.DataFrame, schema: Schema, **options: object) -> Preprocessor:
    labelled = frame.assign(label=["no", "yes"] * (len(frame) // 2) + ["no"] * (len(frame) % 2))
    return Preprocessor.fit(labelled, schema, PreprocessingOptions(**options))


def numbers_of(frame: pd.DataFrame, kind: str = "number", **options: object) -> np.ndarray:
    fitted = fit(frame, schema_of(**dict.fromkeys(frame.columns, kind)), **options)
    return fitted.transform(frame).inputs["numbers"]


def mixed(n: int = 60) -> pd.DataFrame:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": random.normal(40, 12, n),
            "member": random.choice([True, False], n),
            "city": random.choice(["Köln", "Oslo", "x,y"], n),
            "seen": pd.to_datetime(random.integers(0, 2**31, n), unit="s"),
        }
    )
    frame.loc[::7, "age"] = np.nan
    frame.loc[::9, "city"] = None
    frame.loc[::11, "seen"] = pd.NaT
    return frame.assign(label=random.choice(["no", "yes"], n))


MIXED = schema_of(age="number", member="boolean", city="category", seen="date")


@pytest.mark.parametrize(
    ("scale", "oracle"),
    [("standard", StandardScaler()), ("minmax", MinMaxScaler()), ("robust", RobustScaler())],
)
def test_linear_scales_are_those_of_scikit_learn(scale, oracle):
    frame = pd.DataFrame(np.random.default_rng(1).lognormal(2, 1, (200, 3)), columns=[*"abc"])
    frame.loc[::5, "b"] = np.nan
    found = numbers_of(frame, scale=scale, indicator=False)
    expected = oracle.fit_transform(frame)
    known = frame.notna().to_numpy()
    np.testing.assert_allclose(found[known], expected[known], rtol=2e-6, atol=2e-6)


def test_quantile_scale_is_that_of_scikit_learn_at_its_knots():
    x = np.random.default_rng(2).exponential(3, 3000).astype("float32").astype("float64")
    oracle = QuantileTransformer(n_quantiles=100, output_distribution="normal", subsample=None)
    expected = oracle.fit_transform(x[:, None])[:, 0]
    frame = pd.DataFrame({"x": x})
    fitted = fit(frame, schema_of(x="number"), scale="quantile")
    at_knots = pd.DataFrame({"x": oracle.quantiles_[:, 0]})
    np.testing.assert_allclose(
        fitted.transform(at_knots).inputs["numbers"],
        oracle.transform(at_knots.to_numpy()),
        rtol=1e-5,
        atol=1e-5,
    )
    # Between knots we draw the line in normal scores, scikit-learn in ranks.
    found = fitted.transform(frame).inputs["numbers"][:, 0]
    inner = np.abs(expected) < 2
    assert np.abs(found - expected)[inner].max() < 0.02
    assert np.abs(found).max() <= 5.2


def test_quantile_scale_puts_repeated_values_in_their_middle():
    sparse = pd.DataFrame({"gain": [0.0] * 900 + list(np.arange(1.0, 101.0))})
    found = numbers_of(sparse, scale="quantile")
    assert -0.2 < found[0, 0] < 0
    assert (np.diff(found[900:, 0]) > 0).all()


def test_robust_scale_without_a_quartile_range_uses_the_whole_range():
    frame = pd.DataFrame({"x": [0.0] * 9 + [4.0]})
    np.testing.assert_allclose(numbers_of(frame, scale="robust")[:, 0], [0.0] * 9 + [2.0])


def test_smooth_clip_formula():
    x = np.linspace(-50, 50, 101)
    frame = pd.DataFrame({"x": x})
    z = RobustScaler().fit_transform(frame)[:, 0]
    found = numbers_of(pd.DataFrame({"x": x}), scale="robust_smooth_clip")[:, 0]
    np.testing.assert_allclose(found, z / np.sqrt(1 + (z / 3) ** 2), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("scale", [s for s in SCALES if s != "none"])
@pytest.mark.parametrize("value", [0.0, 0.1, 1e9])
def test_constant_column_becomes_zero(scale, value):
    frame = pd.DataFrame({"x": [value] * 5})
    assert (numbers_of(frame, scale=scale) == 0).all()


@pytest.mark.parametrize(
    ("missing", "expected"),
    [("mean", 3.75), ("median", 3.0), ("most_frequent", 3.0), ("constant", -7.0)],
)
def test_missing_numbers_are_filled(missing, expected):
    frame = pd.DataFrame({"x": [3.0, np.nan, 8.0, 3.0, 1.0]})
    found = numbers_of(frame, missing=missing, missing_value=-7.0, scale="none")
    assert found[1].tolist() == [expected, 1.0]
    assert found[:, 1].tolist() == [0, 1, 0, 0, 0]


def test_indicator_only_where_training_rows_miss_values():
    frame = pd.DataFrame({"x": [1.0, np.nan, 3.0], "y": [1.0, 2.0, 3.0]})
    fitted = fit(frame, schema_of(x="number", y="number"))
    assert fitted.number_names == ("x", "y", "x: missing")
    later = pd.DataFrame({"x": [None, 2.0], "y": [None, 2.0]})
    prepared = fitted.transform(later)
    assert prepared.imputed == {"y": 1}
    assert prepared.inputs["numbers"][0].tolist() == [0.0, 0.0, 1.0]
    assert fit(frame, schema_of(x="number"), indicator=False).number_names == ("x",)


def test_column_empty_in_training_becomes_zero():
    frame = pd.DataFrame({"x": [np.nan] * 3, "when": [None] * 3, "what": [None] * 3})
    fitted = fit(frame, schema_of(x="number", when="date", what="category"))
    later = pd.DataFrame({"x": [5.0], "when": ["2020-01-01"], "what": ["new"]})
    prepared = fitted.transform(later)
    assert np.isfinite(prepared.inputs["numbers"]).all()
    assert prepared.inputs["numbers"][0, 0] == 0
    assert prepared.unseen == {"what": 1}


def test_booleans_are_numbers():
    frame = pd.DataFrame({"x": ["yes", "no", "TRUE", "f"]})
    assert numbers_of(frame, "boolean", scale="none")[:, 0].tolist() == [1, 0, 1, 0]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(allow_infinity=False) | st.none(), min_size=1, max_size=12),
    st.lists(st.floats(allow_infinity=False) | st.none(), max_size=12),
    st.sampled_from(SCALES),
    st.sampled_from(["mean", "median", "most_frequent", "constant"]),
)
def test_numbers_are_always_finite(train, later, scale, missing):
    frame = pd.DataFrame({"x": np.array(train, dtype="float64")})
    fitted = fit(frame, schema_of(x="number"), scale=scale, missing=missing)
    frames = [frame, pd.DataFrame({"x": np.array(later, dtype="float64")})]
    for rows in frames:
        found = fitted.transform(rows).inputs["numbers"]
        assert found.dtype == np.float32
        assert found.shape == (len(rows), len(fitted.number_names))
        assert np.isfinite(found).all()
    assert Preprocessor.from_dict(json.loads(json.dumps(fitted.to_dict(), allow_nan=False))) == (
        fitted
    )


def test_categories_are_coded_by_frequency_then_text():
    frame = pd.DataFrame({"x": ["b", "c", "a", "b", "c", "a", "a", "once", None, " b "]})
    fitted = fit(frame, schema_of(x="category"))
    assert fitted.vocabularies[0].words == ("a", "b", "c")
    prepared = fitted.transform(pd.DataFrame({"x": ["a", "b", "c", "once", None, "new", "?"]}))
    assert prepared.inputs["categories"][:, 0].tolist() == [2, 3, 4, 1, 0, 1, 0]
    assert prepared.inputs["categories"].dtype == np.int32
    assert prepared.unseen == {"x": 2}


def test_rare_categories_train_the_code_of_the_unknown():
    frame = pd.DataFrame({"x": ["a", "a", "b", "b", "c"]})
    codes = fit(frame, schema_of(x="category")).transform(frame).inputs["categories"]
    assert codes[:, 0].tolist() == [2, 2, 3, 3, 1]
    few = fit(frame, schema_of(x="category"), min_count=1, max_categories=1)
    assert few.vocabularies[0].words == ("a",)


def test_categories_are_the_same_whatever_type_they_come_in():
    frame = pd.DataFrame({"x": ["3", "3", "4", "4"]})
    fitted = fit(frame, schema_of(x="category"))
    for column in ([3, 4], [3.0, 4.0], ["3.0", " 4"], pd.Categorical([3, 4])):
        codes = fitted.transform(pd.DataFrame({"x": column})).inputs["categories"]
        assert codes[:, 0].tolist() == [2, 3]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"max_one_hot": 4}, 0),
        ({"max_one_hot": 3}, 3),
        ({"max_one_hot": 3, "embedding_width": 8}, 8),
        ({"encode": "one_hot", "max_one_hot": 0}, 0),
        ({"encode": "embedding"}, 3),
    ],
)
def test_width_of_an_embedding(options, expected):
    frame = pd.DataFrame({"x": ["a", "b"] * 2})
    fitted = fit(frame, schema_of(x="category"), **options)
    assert fitted.signature.categories.widths == (expected,)
    assert fitted.signature.categories.cardinalities == (4,)


def test_rule_of_the_embedding_width():
    assert [embedding_width(n) for n in (4, 100, 10**6)] == [3, 21, 600]


@settings(max_examples=60, deadline=None)
@given(st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31)))
def test_calendar_is_that_of_python(moment):
    days = np.array([[(moment - datetime(1970, 1, 1)) // timedelta(days=1) + 719_468]], "int32")
    month, day, weekday = (int(part[0, 0]) for part in calendar(np, days))
    assert (month + 1, day + 1, weekday) == (moment.month, moment.day, moment.weekday())


def test_every_day_until_the_year_10000_is_split_exactly():
    expected = np.arange(0, 719_468 + 2_932_897)
    for second in (0, 1, 86_399):
        days, rest = split_days(np, expected * 86_400 + second)
        np.testing.assert_array_equal(days, expected)
        assert (rest == second).all()


def test_date_features():
    moments = [datetime(2024, 2, 29, 6), datetime(1969, 12, 31, 18), datetime(2000, 1, 1)]
    seconds = np.array([int(m.replace(tzinfo=UTC).timestamp()) for m in moments])
    column = DateColumn.fit("t", np.append(seconds, MISSING_DATE), indicator=True)
    assert column.features[0] == "t: elapsed"
    assert column.features[-3:] == ("t: hour sin", "t: hour cos", "t: missing")
    found = date_features(np, np.append(seconds, MISSING_DATE)[:, None], column)
    assert found.dtype == np.float32
    elapsed = StandardScaler().fit_transform(seconds[:, None] / 86_400.0)
    np.testing.assert_allclose(found[:3, :1], elapsed, atol=1e-6)
    turn = 2 * np.pi * np.array([m.month - 1 for m in moments]) / 12
    np.testing.assert_allclose(found[:3, 1], np.sin(turn), atol=1e-6)
    hours = 2 * np.pi * np.array([6, 18, 0]) / 24
    np.testing.assert_allclose(found[:3, -2], np.cos(hours), atol=1e-6)
    assert found[3].tolist() == [0] * (len(column.features) - 1) + [1]


def test_dates_without_time_have_no_hour():
    frame = pd.DataFrame({"t": ["2020-01-01", "2021-05-06"]})
    fitted = fit(frame, schema_of(t="date"))
    assert "t: hour sin" not in fitted.number_names
    assert len(fitted.number_names) == 7


def test_dates_moments_apart_keep_their_order():
    start = datetime(2024, 5, 1, 12)
    times = [start + timedelta(seconds=i) for i in range(20)]
    found = numbers_of(pd.DataFrame({"t": pd.to_datetime(times)}), "date")
    assert (np.diff(found[:, 0]) > 0).all()


@pytest.mark.parametrize(
    ("labels", "label_type", "cells", "expected"),
    [
        (("no", "yes"), "str", ["yes", " no"], ["yes", "no"]),
        (("1", "2"), "int", [2, 1.0], [2, 1]),
        (("0.5", "1.5"), "float", [1.5, 0.5], [1.5, 0.5]),
        (("false", "true"), "bool", [True, False], [True, False]),
    ],
)
def test_labels_become_codes_and_come_back(labels, label_type, cells, expected):
    target = Target("y", "binary", labels, label_type)
    schema = schema_of(x="number", target=target)
    frame = pd.DataFrame({"x": [1.0, 2.0], "y": cells})
    fitted = Preprocessor.fit(frame, schema)
    codes = fitted.target(frame)
    assert codes.dtype == np.int32
    assert fitted.coder.labels()[codes].tolist() == expected
    assert type(fitted.coder.labels()[codes].tolist()[0]) is type(expected[0])


def test_regression_target_is_standardised_and_comes_back():
    y = np.random.default_rng(0).normal(1e6, 3, 50)
    frame = pd.DataFrame({"x": y, "y": y})
    schema = schema_of(x="number", target=Target("y", "regression"))
    fitted = Preprocessor.fit(frame, schema)
    target = fitted.target(frame)
    assert target.dtype == np.float32
    np.testing.assert_allclose(target, (y - y.mean()) / y.std(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(fitted.decode(target), y, rtol=0, atol=1e-5)
    plain = Preprocessor.fit(frame, schema, PreprocessingOptions(scale_target=False))
    np.testing.assert_array_equal(plain.target(frame), y.astype("float32"))


def test_unknown_label_is_named():
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0], "label": ["no", "maybe", None]})
    fitted = fit(pd.DataFrame({"x": [1.0, 2.0]}), schema_of(x="number"))
    with pytest.raises(DataError) as caught:
        fitted.target(frame)
    assert str(caught.value).startswith(
        "2 target cells are missing or not among the classes: maybe, nan (row 1, column 'label')"
    )
    assert str(caught.value).endswith("use the labels no, yes")


def test_missing_regression_target_is_named():
    frame = pd.DataFrame({"x": [1.0, 2.0], "y": [1.0, np.nan]})
    with pytest.raises(
        DataError, match=r"^a target cell is missing or infinite \(row 1, column .y.\)"
    ):
        Preprocessor.fit(frame, schema_of(x="number", target=Target("y", "regression")))


def test_missing_columns_are_all_named():
    fitted = Preprocessor.fit(mixed(), MIXED)
    with pytest.raises(DataError) as caught:
        fitted.transform(mixed()[["member", "city"]])
    assert str(caught.value) == (
        "columns are missing: 'age', 'seen' – add them, or name them as in the training data"
    )


def test_number_column_holding_text_is_named():
    fitted = Preprocessor.fit(mixed(), MIXED)
    with pytest.raises(DataError) as caught:
        fitted.transform(mixed().assign(age="old"))
    assert "not a number: 'old' (row 0, column 'age')" in str(caught.value)


def test_infinite_number_is_named():
    fitted = Preprocessor.fit(mixed(), MIXED)
    frame = mixed()
    frame.loc[3, "age"] = np.inf
    with pytest.raises(DataError) as caught:
        fitted.transform(frame)
    assert str(caught.value) == (
        "an infinite number (row 3, column 'age') – give a finite number, or leave the cell empty"
    )


def test_rows_out_of_order_extra_columns_and_no_rows():
    fitted = Preprocessor.fit(mixed(), MIXED)
    whole = fitted.transform(mixed()).inputs
    turned = fitted.transform(mixed()[["city", "seen", "member", "age"]].assign(more=1)).inputs
    np.testing.assert_array_equal(whole["numbers"], turned["numbers"])
    empty = fitted.transform(mixed().iloc[:0]).inputs
    assert empty["numbers"].shape == (0, len(fitted.number_names))
    assert empty["categories"].shape == (0, 1)


def test_text_cells_are_read_as_in_training():
    schema = Schema((Column("price", "number", layout=","),), LABEL)
    frame = pd.DataFrame({"price": ["1,500", "2,5", "1,25"]})
    fitted = fit(frame, schema, scale="none")
    found = fitted.transform(pd.DataFrame({"price": ["1,500"]})).inputs["numbers"]
    assert found[0, 0] == 1.5


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000), scale=st.sampled_from(SCALES))
def test_fitted_state_knows_only_the_training_rows(seed, scale):
    from kerasnn.data import SourceTable

    frame = mixed()
    examples = SourceTable(frame, "")
    parts = split(examples, MIXED, SplitOptions(), seed=seed)
    options = PreprocessingOptions(scale=scale)
    before = Preprocessor.fit(frame.iloc[parts.train], MIXED, options)
    holdout = np.concatenate([parts.validation, parts.test])
    changed = frame.copy()
    changed.loc[holdout, "age"] = 1e6
    changed.loc[holdout, "city"] = "elsewhere"
    changed.loc[holdout, "seen"] = pd.Timestamp("1999-09-09 09:09")
    changed.loc[holdout, "member"] = True
    after = Preprocessor.fit(changed.iloc[parts.train], MIXED, options)
    assert json.dumps(before.to_dict()) == json.dumps(after.to_dict())


@pytest.mark.parametrize("scale", SCALES)
def test_state_survives_json_exactly(scale):
    fitted = Preprocessor.fit(mixed(), MIXED, PreprocessingOptions(scale=scale))
    again = Preprocessor.from_dict(json.loads(json.dumps(fitted.to_dict(), allow_nan=False)))
    assert again == fitted
    inputs = again.transform(mixed()).inputs
    for name, expected in fitted.transform(mixed()).inputs.items():
        np.testing.assert_array_equal(inputs[name], expected)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda d: d.pop("numbers"), "'numbers'"),
        (lambda d: d["numbers"][0].update(fill=float("nan")), "numbers"),
        (lambda d: d["numbers"][0].update(center="1"), "numbers"),
        (lambda d: d["numbers"][0].update(knots=[1.0]), "numbers"),
        (lambda d: d["numbers"].pop(), "the columns of kind number"),
        (lambda d: d["dates"][0].update(centre_day=10**9), "dates"),
        (lambda d: d["vocabularies"][0].update(words=["a", "a"]), "vocabularies"),
        (lambda d: d["vocabularies"][0].update(words=["a", 7]), "vocabularies"),
        (lambda d: d["vocabularies"][0].update(width=10**6), "vocabularies"),
        (lambda d: d["options"].update(scale="eval"), "the options"),
        (lambda d: d["options"].update(max_one_hot=True), "the options"),
        (lambda d: d["schema"]["columns"][0].update(kind="picture"), "column 'age'"),
        (lambda d: d["schema"]["target"].update(classes=["only"]), "the target"),
        (lambda d: d["coder"].update(deviation=0.0), "the target's scale"),
        (lambda d: d["coder"]["target"].update(name="other"), "two targets"),
    ],
)
def test_malformed_state_is_refused(change, what):
    data = json.loads(json.dumps(Preprocessor.fit(mixed(), MIXED).to_dict()))
    change(data)
    with pytest.raises(ModelRefusedError) as caught:
        Preprocessor.from_dict(data)
    assert str(caught.value) == f"the preprocessing is malformed: {what}"


def test_signature_describes_the_arrays():
    fitted = Preprocessor.fit(mixed(), MIXED)
    inputs, signature = fitted.transform(mixed()).inputs, fitted.signature
    assert inputs["numbers"].shape[1] == len(signature.numbers.names)
    assert inputs["categories"].shape[1] == len(signature.categories.names)
    assert signature.output.width == 1
    three = replace(MIXED, target=Target("label", "multiclass", ("no", "yes", "?!")))
    assert Preprocessor.fit(mixed(), three).signature.output.width == 3
