"""The known holes of an earlier implementation, one after the other: each stays closed.

These go the way of a user, from one end to the other; the rooms' own tests look into the corners.
"""

from __future__ import annotations

import ast
import io
import pickle
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import msgpack
import numpy as np
import pytest
import redis
from numpy.typing import NDArray

import atdata
from atdata import Dataset, SampleBatch, load_dataset
from atdata.atmosphere import AtmosphereClient, DatasetPublisher, SchemaPublisher
from atdata.atmosphere.keys import record_key
from atdata.errors import (
    AddressRefused,
    DigestMismatch,
    EntryError,
    SampleError,
    SchemaError,
    ShardError,
    UrlError,
)
from atdata.local import LocalIndex
from atdata.samples.schema import schema_document, type_from_document
from atdata.shards.info import inspect_shard
from atdata.shards.writer import ShardWriter, cut_shards
from atdata.sources import S3Source, URLSource, braces
from atdata.sources.s3 import S3Access
from atdata.stores import GCSDataStore, IPFSStore, LocalDiskStore, S3DataStore
from readings import Reading, labels, readings, write_readings
from servers.web import Web, web_server

RECORD = "ac.foundation.dataset.record"


@pytest.fixture
def web() -> Iterator[Web]:
    with web_server() as server:
        yield server


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


# Pickle in any array.


def test_a_pickle_in_an_array_is_never_loaded(tmp_path: Path) -> None:
    file = io.BytesIO()
    np.save(file, np.array([Trap(tmp_path / "sprung")], dtype=object), allow_pickle=True)
    payload = msgpack.packb({"values": file.getvalue(), "label": 1, "note": None})
    with ShardWriter(tmp_path / "a.tar") as writer:
        writer.write("a", payload)
    for kind in (Reading, atdata.DictSample):
        with pytest.raises(SampleError):
            list(Dataset[kind](str(tmp_path / "a.tar")).ordered())[0].values  # noqa: B018, RUF015
    assert not (tmp_path / "sprung").exists()
    with pytest.raises(SampleError):
        Reading(np.array([object()]), 1).packed  # noqa: B018


def test_a_pickle_beside_a_sample_is_never_loaded(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in (
            ("a.msgpack", readings(1)[0].packed),
            ("a.pkl", pickle.dumps(Trap(tmp_path / "sprung"))),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    with pytest.raises(ShardError, match="pickle"):
        list(Dataset[Reading](str(tmp_path / "a.tar")).ordered())
    assert not (tmp_path / "sprung").exists()


# What a remote record may name.


@pytest.fixture
def publish(client: AtmosphereClient, tmp_path: Path) -> Callable[..., str]:
    """Puts a record of readings that says what it likes; its URI."""
    schema = SchemaPublisher(client).publish(Reading, version="1.0.0")

    def put(*urls: str, **fields: Any) -> str:
        value = {
            "$type": RECORD,
            "name": "readings",
            "schemaRef": str(schema),
            "storage": {"$type": f"{RECORD}#urlStorage", "urls": list(urls)},
            "createdAt": "2026-01-01T00:00:00Z",
            **fields,
        }
        return str(client.put_record(RECORD, "readings", value))

    return put


@pytest.mark.xdist_group("pds")
def test_a_command_in_a_remote_record_never_reaches_a_shell(
    publish: Callable[..., str], tmp_path: Path
) -> None:
    sprung = tmp_path / "sprung"
    for url in (f"pipe:touch%20{sprung}", f"pipe:touch${{IFS}}{sprung}"):
        with pytest.raises(UrlError):
            labels(load_dataset(publish(url), split="train"))
    for url in (f"pipe:touch {sprung}", f"https://example.com/a.tar | touch {sprung}"):
        with pytest.raises((UrlError, OSError)):
            labels(Dataset[Reading](url))
    assert not sprung.exists()


@pytest.mark.xdist_group("pds")
def test_a_remote_record_never_reads_a_local_file(
    publish: Callable[..., str], tmp_path: Path
) -> None:
    (path,) = write_readings(tmp_path / "private", 4)
    for url in (f"file://{path}", f"file://localhost{path}", f"FILE://{path}"):
        with pytest.raises((AddressRefused, UrlError)):
            labels(load_dataset(publish(url), split="train"))


@pytest.mark.xdist_group("pds")
def test_bytes_must_match_the_published_digests(
    client: AtmosphereClient, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATDATA_ALLOW_PRIVATE", "1")
    (path,) = write_readings(tmp_path, 4)
    (other,) = write_readings(tmp_path / "other", 4, start=4)
    url = web.serve("/a.tar", Path(path).read_bytes())
    schema = SchemaPublisher(client).publish(Reading)
    uri = DatasetPublisher(client).publish_with_urls(
        [url], schema, name="r", shards=[inspect_shard(Path(path))]
    )
    assert labels(load_dataset(str(uri), Reading, split="train")) == [0, 1, 2, 3]
    web.serve("/a.tar", Path(other).read_bytes())
    monkeypatch.setenv("ATDATA_CACHE", "off")
    with pytest.raises(DigestMismatch, match="not those expected"):
        labels(load_dataset(str(uri), Reading, split="train"))


# Code made from what a schema says.

CODE = 'x"""\n\nopen(\'sprung\', \'w\')\n"""'


@pytest.mark.parametrize(
    "change",
    [
        {"title": CODE},
        {"title": "A(__import__('os').abort())"},
        {"properties": {CODE: {"type": "integer"}}},
        {"properties": {"a: __import__('os').abort()": {"type": "integer"}}},
        {"properties": {"__class__": {"type": "integer"}}},
    ],
)
def test_a_name_in_a_schema_is_never_code(
    change: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SchemaError):
        type_from_document({**schema_document(Reading), "required": [], **change})
    assert not list(tmp_path.glob("sprung"))


def test_a_description_in_a_schema_is_never_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    document = schema_document(Reading) | {"description": CODE}
    document["properties"]["label"] |= {"description": CODE, "title": CODE}
    kind = type_from_document(document)
    with LocalIndex(path=tmp_path / "i.db", auto_stubs=True, stub_dir=tmp_path / "stubs") as index:
        index.decode_schema(index.publish_schema(kind, version="1.0.0"))
        with pytest.raises(SchemaError):
            index.publish_schema(kind, version=f"1.0.0{CODE}")
    (stub,) = (tmp_path / "stubs").rglob("*.pyi")
    assert not [
        node for node in ast.walk(ast.parse(stub.read_text())) if isinstance(node, ast.Call)
    ]
    assert not list(tmp_path.rglob("sprung"))


# Names and prefixes that lead elsewhere.


def insert(name: str, folder: Path) -> list[Path]:
    """Insert a dataset into an index with a store below a folder; the files that are then new."""
    ds = Dataset[Reading](write_readings(folder / "in", 4))
    before = set(folder.rglob("*.tar"))
    with LocalIndex(path=folder / "i.db", data_store=LocalDiskStore(folder / "a/b/c")) as index:
        index.insert_dataset(ds, name=name)
    assert before <= set(folder.rglob("*.tar"))
    return [path for path in folder.rglob("*.tar") if path not in before]


@pytest.mark.parametrize(
    "name",
    [
        *("../../out", "/etc/out", "a/../../out", "..", "a\0b"),
        *("~/out", "$HOME", "a;b", "team/.hidden", "{0..9}"),
    ],
)
def test_no_name_leads_elsewhere(name: str, tmp_path: Path) -> None:
    with pytest.raises(EntryError, match="can't name a dataset"):
        insert(name, tmp_path)
    assert {path.parent.name for path in tmp_path.rglob("*.tar")} == {"in"}
    assert "/" not in record_key(name)
    assert record_key(name) not in (".", "..")


@pytest.mark.parametrize("name", ["a b", "Größe", "v1.x"])
def test_odd_names_stay_in_the_store(name: str, tmp_path: Path) -> None:
    (stored,) = insert(name, tmp_path)
    assert tmp_path / "a/b/c" in stored.parents


@pytest.mark.parametrize("prefix", ["../out", "/out", "a/../../out", "a\\..\\out", "a\0b", ""])
def test_no_prefix_leads_out_of_the_store(prefix: str, tmp_path: Path) -> None:
    ds = Dataset[Reading](write_readings(tmp_path / "in", 4))
    with pytest.raises(UrlError):
        LocalDiskStore(tmp_path / "store").write_shards(ds, prefix=prefix)
    assert not [path for path in tmp_path.rglob("*.tar") if path.parent != tmp_path / "in"]


# Secrets in repr.

SECRET = "hunter2-hunter2"
KEYS = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": SECRET}


@pytest.mark.parametrize(
    "make",
    [
        lambda: S3DataStore(KEYS, bucket="b"),
        lambda: S3Source.from_credentials(KEYS, "b", ["k.tar"]),
        lambda: S3Source("b", ["k.tar"], access_key="id", secret_key=SECRET),
        lambda: S3Access(secret_key=SECRET, endpoint=f"https://me:{SECRET}@s3.example"),
        lambda: GCSDataStore({"type": "service_account", "private_key": SECRET}, bucket="b"),
        lambda: IPFSStore(f"http://me:{SECRET}@127.0.0.1:5001"),
        lambda: URLSource(f"https://me:{SECRET}@example.com/a.tar?X-Amz-Signature={SECRET}"),
        lambda: Dataset(f"https://example.com/a.tar?X-Amz-Signature={SECRET}"),
        lambda: LocalIndex(redis.Redis(password=SECRET)),
    ],
)
def test_no_repr_contains_a_secret(make: Callable[[], object]) -> None:
    shown = repr(made := make())
    assert type(made).__name__ in shown
    assert SECRET not in shown


@pytest.mark.xdist_group("pds")
def test_the_client_shows_no_password(client: AtmosphereClient, account: Any) -> None:
    session = client.export_session()
    for secret in (account.password, account.app_password, session):
        assert secret not in repr(client)


# Sample types and their schemas.


@pytest.mark.parametrize(
    "annotation",
    [
        NDArray,
        NDArray[np.float32],
        NDArray[Any],
        np.ndarray,
        np.ndarray[Any, np.dtype[np.float32]],
        NDArray[np.float32] | None,
        Annotated[NDArray[np.float32], "volts"],
        "NDArray[np.float32]",
    ],
)
def test_every_form_of_an_array_is_recognised(annotation: Any) -> None:
    kind = atdata.packable(
        type("Form", (), {"__annotations__": {"x": annotation}, "__module__": __name__})
    )
    again = kind.from_bytes(kind(x=np.ones((2, 3), np.float32)).packed)
    assert again.x.dtype == np.float32
    assert again.x.shape == (2, 3)
    assert '"array"' in str(schema_document(kind)).replace("'", '"')


@pytest.mark.parametrize(
    "name",
    "bool int8 uint8 int16 uint16 int32 uint32 int64 uint64 float16 float32 float64".split(),  # noqa: SIM905
)
def test_every_dtype_is_recorded_as_itself(name: str) -> None:
    scalar = np.dtype(name).type
    kind = atdata.packable(type("Typed", (), {"__annotations__": {"x": NDArray[scalar]}}))
    document = schema_document(kind)
    assert document["properties"]["x"]["x-atdata-dtype"] == name
    again = type_from_document(document)
    assert again.from_bytes(kind(np.ones(2, name)).packed).x.dtype == name
    with pytest.raises(SampleError):
        again(np.ones(2, "complex64")).packed  # noqa: B018


def test_two_schemas_of_one_name_are_two_classes() -> None:
    one = {"title": "A", "type": "object", "$schema": schema_document(Reading)["$schema"]}
    number = type_from_document(one | {"properties": {"x": {"type": "integer"}}, "required": ["x"]})
    text = type_from_document(one | {"properties": {"x": {"type": "string"}}, "required": ["x"]})
    assert number is not text
    assert (number.__name__, text.__name__) == ("A", "A")
    assert number.from_data({"x": 1}).x == 1
    assert text.from_data({"x": "1"}).x == "1"
    with pytest.raises(SampleError):
        number.from_bytes(text("1").packed)


def test_an_optional_field_may_come_before_a_required_one(tmp_path: Path) -> None:
    @atdata.packable(kw_only=True)
    class Noted:
        note: str | None = None
        label: int

    with LocalIndex(path=tmp_path / "index.db") as index:
        decoded = index.decode_schema(index.publish_schema(Noted, version="1.0.0"))
    again = decoded.from_bytes(Noted(label=1).packed)
    assert (again.label, again.note) == (1, None)
    with pytest.raises(SampleError, match="label"):
        decoded.from_data({"note": "x"})

    def in_order() -> None:
        @atdata.packable
        class Wrong:
            note: str | None = None
            label: int

    with pytest.raises(SchemaError, match="kw_only"):
        in_order()


def test_an_extra_field_in_the_data_is_no_error(tmp_path: Path) -> None:
    data = msgpack.unpackb(readings(1)[0].packed) | {"added later": 1}
    with ShardWriter(tmp_path / "a.tar") as writer:
        writer.write("a", msgpack.packb(data))
    assert labels(Dataset[Reading](str(tmp_path / "a.tar"))) == [0]


# Datasets and shards.


def test_batches_are_full_whatever_is_left_out(tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "a.tar") as writer:
        for number, sample in enumerate(readings(20)):
            writer.write(f"{number:09d}", b"\xc1" if number % 3 == 0 else sample.packed)
    ds = Dataset[Reading](str(tmp_path / "a.tar"))
    kept = [number for number in range(20) if number % 3]
    batches = list(ds.ordered(batch_size=5, on_error="skip"))
    assert [len(batch) for batch in batches] == [5, 5, 3]
    assert [label for batch in batches for label in batch.label] == kept

    even = ds.ordered(on_error="skip").filter(lambda sample: sample.label % 2 == 0)
    first = SampleBatch[Reading](list(islice(even, 5)))
    assert list(first.label) == [2, 4, 8, 10, 14]
    assert first.values.shape == (5, 4)


def test_keys_of_many_processes_never_collide() -> None:
    child = "import readings; print(*(r.as_wds['__key__'] for r in readings.readings(500)))"
    running = [
        subprocess.Popen(
            [sys.executable, "-c", child], stdout=subprocess.PIPE, cwd=Path(__file__).parent
        )
        for _ in range(4)
    ]
    keys = b" ".join(process.communicate(timeout=60)[0] for process in running).split()
    assert len(set(keys)) == len(keys) == 2000


def test_the_same_samples_are_the_same_bytes(tmp_path: Path) -> None:
    """In another process, at another time, in another folder, under another umask."""
    child = (
        "import os, readings, pathlib, sys; os.umask(0o077);"
        "print(*readings.write_readings(pathlib.Path(sys.argv[1]), 10), sep='\\n')"
    )
    answer = subprocess.run(
        [sys.executable, "-c", child, str(tmp_path / "there")],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    here = write_readings(tmp_path / "here", 10)
    there = answer.stdout.split()
    assert len(here) == len(there) == 3
    assert [Path(p).read_bytes() for p in here] == [Path(p).read_bytes() for p in there]


def test_braces_are_expanded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expanded: list[str] = []
    real = braces._parse
    monkeypatch.setattr(braces, "_parse", lambda url: expanded.append(url) or real(url))
    for path, _ in cut_shards(readings(60), tmp_path, maxcount=1):
        path.rename(tmp_path / f"x-{int(path.stem.split('-')[-1]):03}.tar")
    ds = Dataset[Reading](f"{tmp_path}/x-{{000..059}}.tar")
    assert labels(ds) == labels(ds) == list(range(60))
    assert expanded == ds.source.urls


# The team's index.


def test_a_look_up_in_redis_scans_nothing(redis_client: redis.Redis, tmp_path: Path) -> None:
    paths = write_readings(tmp_path, 4)
    with LocalIndex(redis_client, check_places=False) as index:
        ref = index.publish_schema(Reading, version="1.0.0")

        def calls() -> dict[str, int]:
            redis_client.config_resetstat()
            entry = index.get_dataset("7")
            assert index.get_entry(entry.cid).cid == entry.cid
            assert index.get_schema(ref)["name"] == "Reading"
            stats: Any = redis_client.info("commandstats")
            return {name.removeprefix("cmdstat_"): stat["calls"] for name, stat in stats.items()}

        few, many = 10, 60
        for number in range(few):
            index.insert_dataset(Dataset[Reading](paths), name=str(number), schema_ref=ref)
        before = calls()
        for number in range(few, many):
            index.insert_dataset(Dataset[Reading](paths), name=str(number), schema_ref=ref)
        after = calls()
    assert after == before
    assert not {"keys", "scan", "hscan", "sscan", "zscan", "hgetall", "smembers"} & set(after)
