"""The text of values in members, and what is refused there."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from numpy.typing import NDArray

from atdata.errors import SampleError, SchemaError
from atdata.samples.annotations import kind_of
from atdata.samples.contents import content_for


@pytest.mark.parametrize(
    ("annotation", "extension", "payload", "value"),
    [
        (int, "cls", b" +7\n", 7),
        (int, "txt", b"-9223372036854775808", -(2**63)),
        (int, "x", b"18446744073709551615", 2**64 - 1),
        (float, "txt", b" 1e3\n", 1000.0),
        (float, "cls", b"-inf", float("-inf")),
        (bool, "txt", b"True\n", True),
        (bool, "cls", b"0", False),
        (str, "id", b"n01440764", "n01440764"),
        (Any, "txt", b"a", "a"),
        (Any, "cls", b"3", 3),
        (Literal[1, 2], "cls", b"2", 2),
        (Literal["a", 1], "json", b'"a"', "a"),
        (bytes, "json", b"{", b"{"),
        (bytes | None, "npy", b"", b""),
    ],
)
def test_what_other_tools_write_is_read(
    annotation: Any, extension: str, payload: bytes, value: Any
) -> None:
    found = content_for(kind_of(annotation), extension).read(payload)
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    ("annotation", "extension", "payload"),
    [
        (int, "cls", b""),
        (int, "cls", b"1.0"),
        (int, "txt", b"18446744073709551616"),
        (int, "txt", b"9" * 10_000),
        (int, "txt", b"1_0"),
        (float, "txt", b"1_0"),
        (float, "txt", b"1" * 1_000),
        (float, "txt", b"one"),
        (bool, "cls", b"2"),
        (bool, "txt", b"yes"),
        (Literal[1, 2], "cls", b"3"),
        (Literal[1, 2], "cls", b"true"),
    ],
)
def test_other_texts_are_refused(annotation: Any, extension: str, payload: bytes) -> None:
    with pytest.raises(SampleError, match="expected"):
        content_for(kind_of(annotation), extension).read(payload)


@pytest.mark.parametrize(("extension", "value"), [("txt", 1), ("npz", [1]), ("cls", "a")])
def test_values_without_a_type_must_fit_the_extension(extension: str, value: Any) -> None:
    with pytest.raises(SampleError, match="expected"):
        content_for(kind_of(Any), extension).write(value)


@pytest.mark.parametrize(
    ("annotation", "extension", "hint"),
    [
        (Literal["a", 1], "txt", "name.json"),
        (list[str], "cls", "name.json"),
        (NDArray[Any], "txt", "name.json"),
        (list[bytes], "json", "name.msgpack"),
        (dict[str, list[bytes]], "x", "name.msgpack"),
    ],
)
def test_a_field_that_does_not_fit_is_refused_with_a_member_that_does(
    annotation: Any, extension: str, hint: str
) -> None:
    with pytest.raises(SchemaError, match=f"{extension!r} can't hold") as info:
        content_for(kind_of(annotation), extension)
    assert hint in str(info.value)
