"""What becomes of each kind of value in Hugging Face's datasets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Literal

import datasets
import numpy as np
import pyarrow as pa
import pytest
from datasets import Array2D, Array3D, ClassLabel, Features, Json, List, Value
from hypothesis import given, settings
from numpy.typing import NDArray

import atdata
from atdata.errors import SampleError
from atdata.export.features import feature_column
from atdata.samples.annotations import kind_of
from atdata.samples.codec import codec_of
from atdata.samples.plain import same
from media.files import image_file, sound_file
from samples.strategies import Case, cases

from .test_arrow import Color, Level, Mixed, Tree

NOON = datetime(2026, 1, 2, 12, 30)
ZEROS = np.zeros((2, 3), np.float32)
PNG, WAV = image_file("png"), sound_file("WAV")

ROWS: list[tuple[Any, list[Any], Any, list[Any]]] = [
    (int, [1, 2], Value("int64"), [1, 2]),
    (str | None, ["a", None], Value("string"), ["a", None]),
    (bytes, [b"\0"], Value("binary"), [b"\0"]),
    (date, [date(2026, 1, 2)], Value("date32"), [date(2026, 1, 2)]),
    (datetime, [NOON], Value("timestamp[us]"), [NOON]),
    (datetime | None, [None, NOON.replace(tzinfo=UTC)], Value("timestamp[us, tz=UTC]"), ...),
    (datetime | None, [None], Value("string"), [None]),
    (Color, [Color.BLUE, Color.RED], ClassLabel(names=["red", "blue"]), [1, 0]),
    (Literal["a", "b"] | None, ["b", None], ClassLabel(names=["a", "b"]), [1, None]),
    (Level, [Level.HIGH], Value("int64"), [2]),
    (Mixed, [Mixed.A, Mixed.B], Json(), ["1", 1]),
    (list[int], [[1, 2], []], List(Value("int64")), [[1, 2], []]),
    (list[Literal["a", "b"]], [["b"]], List(ClassLabel(names=["a", "b"])), [[1]]),
    (tuple[int, str], [(1, "a")], {"field_0": Value("int64"), "field_1": Value("string")}, ...),
    (
        dict[str, float],
        [{"a": 1.0}],
        List({"key": Value("string"), "value": Value("float64")}),
        [[{"key": "a", "value": 1.0}]],
    ),
    (dict, [{"a": [1, None, {"b": "c"}]}], Json(), [{"a": [1, None, {"b": "c"}]}]),
    (list[dict], [[{"a": 1}, {}]], List(Json()), [[{"a": 1}, {}]]),
    (Any, [1, "text", None], Json(), [1, "text", None]),
    (Tree, [Tree(1, [Tree(2, [])])], {"value": Value("int64"), "children": List(Json())}, ...),
    (NDArray[np.float32], [np.ones(2, ">f4"), np.ones(1, "f4")], List(Value("float32")), ...),
    (NDArray[np.float32], [ZEROS, ZEROS], Array2D((2, 3), "float32"), [ZEROS.tolist()] * 2),
    (NDArray, [np.ones((2, 1, 2), bool)], Array3D((2, 1, 2), "bool"), [[[[True] * 2]] * 2]),
    (NDArray[np.float32], [ZEROS, ZEROS.T], List(List(Value("float32"))), ...),
    (NDArray[np.float32] | None, [ZEROS, None], List(List(Value("float32"))), ...),
    (NDArray[np.int8], [np.zeros((0, 2), "i1")], List(List(Value("int8"))), [[]]),
    (np.ndarray[tuple[Literal[2]], np.dtype[np.uint8]], [np.ones(2, "u1")], ..., [[1, 1]]),
    (
        np.ndarray[tuple[int, Literal[3]], np.dtype[np.float32]],
        [ZEROS, np.zeros((1, 3), "f4")],
        Array2D((None, 3), "float32"),
        ...,
    ),
    (list[NDArray[np.int16]], [[np.ones(2, "i2")], []], List(List(Value("int16"))), [[[1, 1]], []]),
    (atdata.Image, [atdata.Image(PNG)], datasets.Image(), ...),
    (list[atdata.Audio], [[], [atdata.Audio(WAV)]], List(datasets.Audio()), ...),
    (atdata.Video | None, [None], datasets.Video(), [None]),
    (None, [1, None, 2], Value("int64"), [1, None, 2]),
    (None, [[1.5], []], List(Value("float64")), [[1.5], []]),
    (None, [1, "a"], Json(), [1, "a"]),
    (None, [{"a": 1}], Json(), [{"a": 1}]),
    (None, [ZEROS], Array2D((2, 3), "float32"), ...),
    (None, [atdata.Image(PNG), None], datasets.Image(), ...),
]


@pytest.mark.parametrize(("annotation", "values", "feature", "rows"), ROWS)
def test_each_kind_has_its_feature(
    annotation: Any, values: list[Any], feature: Any, rows: list[Any]
) -> None:
    kind = None if annotation is None else kind_of(annotation)
    features, found = through_datasets(kind, values)
    assert features["x"] == (List(Value("uint8"), length=2) if feature is ... else feature)
    if rows is not ...:
        assert found == rows
    assert all(map(matches, [features["x"]] * len(values), found, values))


def test_arrays_without_axes_or_of_other_dtypes_are_npy_bytes() -> None:
    for array in (np.float32(1.5), np.ones(2, "c8"), np.array(["a"]), np.zeros(1, "M8[s]")):
        features, (found,) = through_datasets(kind_of(NDArray), [np.asarray(array)])
        assert features["x"] == Value("binary")
        assert found.startswith(b"\x93NUMPY")


@pytest.mark.parametrize(
    ("annotation", "first", "late"),
    [
        (NDArray[np.float32], ZEROS, ZEROS.T),
        (NDArray, ZEROS, ZEROS.astype("f8")),
        (datetime, NOON, NOON.replace(tzinfo=UTC)),
        (int, 1, 2**63),
        (Any, {}, {"a": float("nan")}),
        (Any, {}, {"a": b"bytes"}),
        (None, 1, "text"),
    ],
)
def test_a_late_value_that_does_not_fit_names_the_column(
    annotation: Any, first: Any, late: Any
) -> None:
    kind = None if annotation is None else kind_of(annotation)
    column = feature_column(pa, "x", kind, [first])
    with pytest.raises(SampleError, match="column 'x'") as caught:
        column.array([{"x": first}, {"x": late}])
    assert caught.value.path == "x"


@settings(max_examples=60)
@given(cases())
def test_any_class_gives_equal_values_or_a_typed_error(case: Case) -> None:
    for field in codec_of(case.sample_type).fields:
        values = [getattr(sample, field.name) for sample in case.samples]
        try:
            features, found = through_datasets(field.kind, values, field.name)
        except SampleError as error:
            assert error.path == field.name  # noqa: PT017 - integers of 64 bits unsigned, say
            continue
        feature = features[field.name]
        assert all(map(matches, [feature] * len(values), found, values)), (feature, found, values)


def through_datasets(kind: Any, values: list[Any], name: str = "x") -> tuple[Features, list[Any]]:
    """The feature of these values, and what ``datasets`` reads; media not decoded."""
    column = feature_column(pa, name, kind, values)
    array = column.array([{name: value} for value in values])
    assert array.type == column.field.type
    features = Features.from_dict({name: column.feature})
    assert features.arrow_schema.field(name).type == array.type
    table = pa.table([array], schema=features.arrow_schema)
    return features, [decoded(features[name], one) for one in table.column(0).to_pylist()]


def decoded(feature: Any, value: Any) -> Any:
    """As ``datasets`` decodes values, media left out."""
    if value is None or isinstance(feature, datasets.Image | datasets.Audio | datasets.Video):
        return value
    if isinstance(feature, Json):
        return feature.decode_example(value)
    if isinstance(feature, dict):
        return {name: decoded(part, value[name]) for name, part in feature.items()}
    if isinstance(feature, List):
        return [decoded(feature.feature, item) for item in value]
    return value


def matches(feature: Any, found: Any, value: Any) -> bool:
    """Whether a value of ``datasets`` is the value of the sample."""
    if value is None or found is None:
        return value is found
    if isinstance(value, datetime) and isinstance(found, str):
        return found == value.isoformat()
    if isinstance(feature, ClassLabel):
        return bool(feature.int2str(found) == getattr(value, "value", value))
    if isinstance(value, np.ndarray):
        if isinstance(found, bytes):
            return found.startswith(b"\x93NUMPY")
        return same(np.asarray(found, value.dtype).ravel(), value.ravel()) or has_nan(value)
    if isinstance(value, atdata.Image | atdata.Audio | atdata.Video):
        return bool(found == {"bytes": value.bytes, "path": None})
    if isinstance(feature, Json):
        return True  # its decoder rounds floats
    if isinstance(value, Mapping):
        pairs = {pair["key"]: pair["value"] for pair in found}
        part = feature.feature["value"]
        return pairs.keys() == value.keys() and all(
            matches(part, pairs[key], value[key]) for key in value
        )
    if isinstance(feature, dict):
        parts = value if isinstance(value, tuple) else vars(value).values()
        return all(map(matches, feature.values(), found.values(), parts))
    if isinstance(value, list | tuple):
        items = [feature.feature] * len(value)
        return len(found) == len(value) and all(map(matches, items, found, value))
    value = getattr(value, "value", value)
    return bool(found == value or (value != value and found != found))


def has_nan(array: Any) -> bool:
    return array.dtype.kind == "f" and bool(np.isnan(array).any())
