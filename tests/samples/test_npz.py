"""Archives of arrays from anywhere: nothing is unpickled, and what they unfold to is bounded."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np
import pytest

from atdata.errors import SampleError
from atdata.samples import npz
from atdata.samples.arrays import to_npy
from atdata.samples.npz import npz_bytes, parse_npz

NPY = to_npy(np.zeros(1000))


def archive(*files: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as made:
        for name, data in files:
            made.writestr(name, data)
    return buffer.getvalue()


def refused(payload: bytes, reason: str) -> None:
    with pytest.raises(SampleError, match=reason):
        parse_npz(payload)


def test_an_array_of_objects_is_refused() -> None:
    buffer = io.BytesIO()
    np.savez(buffer, np.array([{}], dtype=object))
    refused(buffer.getvalue(), "objects")


def test_a_pickle_in_place_of_an_array_is_refused() -> None:
    refused(archive(("a.npy", b"\x80\x04.")), "expected .npy bytes")


def test_other_files_are_refused() -> None:
    refused(archive(("a.npy", NPY), ("b.txt", b"x")), "other files")


def test_an_array_twice_is_refused() -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        payload = archive(("a.npy", NPY), ("a.npy", NPY))
    refused(payload, "an array twice")


def test_arrays_much_larger_than_their_archive_are_refused_before_they_are_unfolded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    payload = archive(("a.npy", NPY), ("b.npy", NPY))
    assert list(parse_npz(payload)) == ["a", "b"]
    monkeypatch.setattr(npz, "MAX_UNFOLDED", 2 * len(NPY) - len(payload) - 1)
    monkeypatch.setattr(zipfile.ZipFile, "open", None)  # nothing is opened
    refused(payload, "more than .* bytes")


@pytest.mark.parametrize("claimed", [0, 1, len(NPY) - 1, len(NPY) + 1, 2**27])
def test_an_array_of_another_size_than_is_promised_is_refused(claimed: int) -> None:
    payload = archive(("a.npy", NPY))
    true, false = (size.to_bytes(4, "little") for size in (len(NPY), claimed))
    assert payload.count(true) == 2  # before the array, and in the directory
    refused(payload.replace(true, false), "npz archive|array's header|expected .npy")


def test_a_directory_of_very_many_files_is_refused_before_it_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    payload = archive(*((f"{number:0>60}.npy", b"") for number in range(10_000)))
    monkeypatch.setattr(zipfile, "ZipFile", None)
    refused(payload, "too many arrays")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compression_is_refused(method: int) -> None:
    refused(archive(("a.npy", NPY), method=method), "another method")


def test_every_cut_and_changed_archive_is_refused_or_read() -> None:
    payload = archive(("a.npy", to_npy(np.arange(3))))
    for position in range(len(payload)):
        refused(payload[:position], "npz")
        changed = bytearray(payload)
        changed[position] ^= 0xFF
        try:
            parse_npz(bytes(changed))
        except SampleError:
            continue


@pytest.mark.parametrize("payload", [b"", b"PK", b"\x80\x04.", b"\x93NUMPY", NPY])
def test_what_is_not_an_archive_is_refused(payload: bytes) -> None:
    refused(payload, "not an npz archive")


@pytest.mark.parametrize("named", [{"a": b"x"}, {"a": [1]}, {"a\x00": NPY}, {"a\\b": NPY}])
def test_what_an_archive_can_not_hold_is_not_written(named: Any) -> None:
    with pytest.raises(SampleError):
        npz_bytes(named)


def test_an_archive_of_nothing_is_kept() -> None:
    assert parse_npz(npz_bytes({})) == {}
