"""Hostile members on every way to a sample: each costs little, and ends in a typed error."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable

import numpy as np
import pytest

from atdata.shards.tar import END, build_header

from .measure import MEBIBYTE, cost

MANY = 4_000_000
NULLS = b"\xf6" * 250_000


def npz_bomb() -> bytes:
    """An array of 400 MiB, in half a megabyte."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a.npy", "w", force_zip64=True) as entry,
    ):
        entry.write(npy_header((400 * MEBIBYTE,)))
        for _ in range(400):
            entry.write(bytes(MEBIBYTE))
    return file.getvalue()


def lying_npz() -> bytes:
    """The same, whose directory promises an array of 128 bytes."""
    data = bytearray(npz_bomb())
    at = data.rindex(b"PK\1\2")
    data[at + 24 : at + 28] = (128).to_bytes(4, "little")
    return bytes(data)


def npz_of_many() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(20_000):
            archive.writestr(f"{number}.npy", b"")
    return file.getvalue()


def npy_header(shape: tuple[int, ...]) -> bytes:
    file = io.BytesIO()
    description = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, description)
    return file.getvalue()


def pickled() -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([object()], dtype=object), allow_pickle=True)
    return file.getvalue()


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big")


def large(number: int) -> bytes:
    return number.to_bytes(8, "big")


ATTACKS: dict[str, tuple[str, str, Callable[[], bytes]]] = {
    "an npz that unfolds to much": ("npz", "dict[str, NDArray]", npz_bomb),
    "an npz that promises less": ("npz", "dict[str, NDArray]", lying_npz),
    "an npz of many arrays": ("npz", "dict[str, NDArray]", npz_of_many),
    "an npy that promises much": ("npy", "NDArray", lambda: npy_header((1 << 50,))),
    "an npy of many axes": ("npy", "NDArray", lambda: npy_header((1 << 20,) * 30)),
    "an npy of objects": ("npy", "NDArray", pickled),
    "deep JSON": ("json", "Any", lambda: b"[" * 100_000 + b"]" * 100_000),
    "wide JSON": ("json", "Any", lambda: b"[" + b"0," * MANY + b"0]"),
    "JSON with a long number": ("json", "Any", lambda: b"1" * 1_000_000),
    "JSON with a key twice": ("json", "dict", lambda: b'{"a":1,"a":2}'),
    "deep CBOR": ("cbor", "Any", lambda: b"\x81" * 100_000 + b"\0"),
    "wide CBOR": ("cbor", "Any", lambda: b"\x9a" + MANY.to_bytes(4, "big") + b"\xf6" * MANY),
    "CBOR that promises much": ("cbor", "Any", lambda: b"\x9b" + large(1 << 60)),
    "CBOR that promises text": ("cbor", "str", lambda: b"\x7b" + large(1 << 60)),
    "endless CBOR": ("cbor", "Any", lambda: b"\x9f" * 100_000),
    "tagged CBOR": ("cbor", "Any", lambda: b"\xc2\x5a" + MANY.to_bytes(4, "big") + bytes(MANY)),
    "deep msgpack": ("mp", "Any", lambda: b"\x91" * 100_000 + b"\xc0"),
    "wide msgpack": ("mp", "Any", lambda: b"\xdd" + MANY.to_bytes(4, "big") + b"\x80" * MANY),
    "a long number": ("cls", "int", lambda: b"1" * 1_000_000),
    "digits of another script": ("cls", "int", lambda: "١٢".encode()),
    "text that is not UTF-8": ("txt", "str", lambda: b"\xff" * MEBIBYTE),
}
"""Extension, annotation and payload: each is refused."""

SOUND: dict[str, tuple[str, str, Callable[[], bytes]]] = {
    "JSON at the bounds": ("json", "Any", lambda: b"[" * 90 + b"0," * 250_000 + b"0" + b"]" * 90),
    "CBOR at the bounds": ("cbor", "Any", lambda: b"\x9a" + (250_000).to_bytes(4, "big") + NULLS),
    "an image of many pixels": ("png", "atdata.Image", lambda: png(60_000, 60_000)),
    "compressed JSON that unfolds": ("json.gz", "bytes", lambda: gzip.compress(bytes(1 << 28), 1)),
    "a long sound": ("wav", "atdata.Audio", lambda: b"RIFF\xff\xff\xff\xffWAVEfmt " + bytes(64)),
}
"""The same, of what may be in samples: it is passed on, and nothing is decoded or unfolded."""

JPG = b"\xff\xd8\xff"
NAMES: dict[str, list[str]] = {
    "a path out of the folder": ["../a.jpg"],
    "an absolute path": ["/a.jpg"],
    "control characters": ["a\x1b[2J.jpg"],
    "one member in two cases": ["a.jpg", "a.JPG"],
    "one member twice": ["a.jpg", "a.jpg"],
    "a key that comes again": ["a.jpg", "b.jpg", "a.cls"],
    "a sample of many members": [f"a.{number}" for number in range(70_000)],
    "a packed sample among others": ["a.jpg", "b.msgpack"],
}
"""Names of the members of a shard: each is refused."""

_SETUP = """
import time
from pathlib import Path
from typing import Annotated, Any
from numpy.typing import NDArray
import datasets, pyarrow, torch
import atdata, atdata.export.features
from atdata.appview.web.preview import preview
from atdata.engines.local import LocalEngine
from atdata.errors import AtdataError
from atdata.lifecycle import verify
from atdata.local import LocalIndex
from atdata.shards.build import finish_root
from atdata.shards.info import inspect_shard
from atdata.shards.target import Label

def sample_type(extension, annotation):
    kind = Annotated[eval(annotation), atdata.Member(extension)]
    return atdata.packable(type("Evil", (), {"__annotations__": {"field": kind}}))

def verified(cls, path):
    finish_root(path.parent, cls, Label(name="evil"), [(path, inspect_shard(path))])
    report = verify(path.parent, deep=True, engine=LocalEngine(1))
    if report.findings:
        raise AtdataError(str(report.findings[0]))

def untyped(cls, path):
    for sample in atdata.Dataset(path):
        for name in sample:
            sample[name]

def inserted(cls, path):
    index = LocalIndex(path=path.parent.with_suffix(".db"))
    index.insert_dataset(atdata.Dataset[cls](path), name="evil")

def previewed(cls, path):
    with path.open("rb") as file:
        preview(file, None)

def streamed(cls, path):
    stream = atdata.Dataset[cls](path).to_hf(streaming=True).with_format("arrow")
    for _ in stream.iter(batch_size=8):
        pass

WAYS = {
    "ordered": lambda cls, path: list(atdata.Dataset[cls](path).ordered()),
    "batches": lambda cls, path: list(atdata.Dataset[cls](path).shuffled(batch_size=2)),
    "untyped": untyped,
    "insert": inserted,
    "verify": verified,
    "preview": previewed,
    "to_arrow": lambda cls, path: atdata.Dataset[cls](path).to_arrow(),
    "to_hf": lambda cls, path: atdata.Dataset[cls](path).to_hf(),
    "streaming": streamed,
}

def ended(way, cls, path):
    began = time.process_time()
    try:
        WAYS[way](cls, path)
        error = None
    except AtdataError as raised:
        error = str(raised)
    return error, time.process_time() - began
"""

_RUN = """
found = {}
for name, (extension, annotation, path) in arguments["attacks"].items():
    found[name] = ended(arguments["way"], sample_type(extension, annotation), Path(path))
result(found)
"""

WAYS = [
    *("ordered", "batches", "untyped", "insert", "verify", "preview"),
    *("to_arrow", "to_hf", "streaming"),
]
Attacks = dict[str, tuple[str, str, str]]


@pytest.fixture(scope="module")
def attacks(tmp_path_factory: pytest.TempPathFactory) -> Attacks:
    """For each attack the extension, the annotation, and the path of a shard."""
    made = {}
    for name, (extension, annotation, payload) in {**ATTACKS, **SOUND}.items():
        path = tmp_path_factory.mktemp("attack") / "000000.tar"
        path.write_bytes(shard([(f"a.{extension}", payload())]))
        made[name] = (extension, annotation, str(path))
    for name, names in NAMES.items():
        path = tmp_path_factory.mktemp("attack") / "000000.tar"
        path.write_bytes(shard([(one, JPG) for one in names]))
        made[name] = ("jpg", "bytes", str(path))
    return made


def shard(files: list[tuple[str, bytes]]) -> bytes:
    pieces = []
    for name, data in files:
        header = bytearray(build_header("a", len(data)))
        header[:100] = name.encode().ljust(100, b"\0")
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        pieces.append(bytes(header) + data + bytes(-len(data) % 512))
    return b"".join([*pieces, END])


@pytest.mark.parametrize("way", WAYS)
def test_a_hostile_member_costs_little_on_every_way(way: str, attacks: Attacks) -> None:
    taken = cost(_RUN, setup=_SETUP, arguments={"way": way, "attacks": attacks})
    assert taken.error is None, taken.answer
    taken.assert_bounded(cpu=2.0 * len(attacks))
    assert [name for name, (_, seconds) in taken.answer.items() if seconds > 2.0] == []
    passed = {name for name, (error, _) in taken.answer.items() if error is None}
    not_decoded = set(ATTACKS) if way == "insert" else set()
    assert passed == set(SOUND) | not_decoded
