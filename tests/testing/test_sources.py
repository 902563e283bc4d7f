"""Our sources pass the suite, and sources that are broken in one way fail the test for it."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

import pytest

from atdata.atmosphere import AtmosphereClient, SchemaPublisher
from atdata.errors import DigestMismatch
from atdata.samples import PackableSample
from atdata.samples.lens import lens
from atdata.shards.info import ShardInfo, inspect_shard
from atdata.shards.writer import cut_shards
from atdata.sources import BlobSource, S3Source, URLSource, VerifiedSource
from atdata.sources.lens import LensSource
from atdata.sources.streams import ShardStreams
from atdata.stores import S3DataStore
from atdata.testing import (
    CachedSourceSuite,
    CountedSourceSuite,
    DataSourceSuite,
    LocalSourceSuite,
    RemoteSourceSuite,
    Thing,
    UrlsSourceSuite,
    shard_bytes,
    things,
)
from atdata_records import cid as cids
from servers.atproto_pds import Pds
from servers.gcs import GcsServer
from servers.ipfs import IpfsGateway
from servers.s3 import S3Server
from servers.web import Web, web_server

# The first is larger than what a connection holds before anybody reads.
CONTENTS = [shard_bytes(2_000), shard_bytes(2, start=2_000)]
INFOS = [inspect_shard(io.BytesIO(content), "shard") for content in CONTENTS]

Make = Callable[[Sequence[bytes | None]], Any]
"""Makes a source of these shards; one that is None is listed and not there."""


class OfContents(DataSourceSuite):
    """The sources that the suite asks for, of one fixture: ``make``."""

    @pytest.fixture
    def contents(self) -> list[bytes]:
        return CONTENTS

    @pytest.fixture
    def source(self, make: Make) -> Any:
        return make(CONTENTS)

    @pytest.fixture
    def gone(self, make: Make) -> Any:
        return make([None, CONTENTS[1]])

    @pytest.fixture
    def cut(self, make: Make) -> Any:
        return make([CONTENTS[0][:-1500], CONTENTS[1]])


@pytest.fixture
def paths(tmp_path: Path) -> Callable[[Sequence[bytes | None]], list[Path]]:
    def make(contents: Sequence[bytes | None]) -> list[Path]:
        made = [tmp_path / f"{n} ü.tar" for n in range(len(contents))]
        for path, data in zip(made, contents, strict=True):
            if data is not None:
                path.write_bytes(data)
        return made

    return make


class TestDisk(OfContents, LocalSourceSuite, RemoteSourceSuite, UrlsSourceSuite):
    @pytest.fixture
    def make(self, paths: Any) -> Make:
        return lambda contents: URLSource(paths(contents))


class TestFileUrls(OfContents):
    @pytest.fixture
    def make(self, paths: Any) -> Make:
        return lambda contents: URLSource([f"file://{quote(str(p))}" for p in paths(contents)])


class TestBraces(OfContents, LocalSourceSuite, UrlsSourceSuite):
    @pytest.fixture
    def make(self, paths: Any) -> Make:
        return lambda contents: URLSource(f"{paths(contents)[0].parent}/{{0..1}} ü.tar")


class TestVerified(OfContents, LocalSourceSuite, CountedSourceSuite, RemoteSourceSuite):
    @pytest.fixture
    def make(self, paths: Any) -> Make:
        return lambda contents: VerifiedSource(URLSource(paths(contents)), INFOS)


@dataclass
class Numbered(PackableSample):
    number: int


@lens
def thing_of(numbered: Numbered) -> Thing:
    return things(1, start=numbered.number)[0]


class TestLens(OfContents):
    """Its shards are made while they are read, of shards of another type."""

    @pytest.fixture
    def make(self, paths: Any, tmp_path: Path) -> Make:
        def make(contents: Sequence[bytes | None]) -> Any:
            seen = [self.numbered(tmp_path, content) for content in contents]
            return LensSource(URLSource(paths(seen)), thing_of)

        return make

    def numbered(self, folder: Path, content: bytes | None) -> bytes | None:
        """What the lens makes a shard of things of."""
        if content is None:
            return None
        first = CONTENTS[0].startswith(content)
        samples = map(Numbered, range(2_000) if first else range(2_000, 2_002))
        ((path, _),) = cut_shards(samples, folder)
        return path.read_bytes() if content in CONTENTS else path.read_bytes()[:-1500]


class OnWeb(OfContents):
    """Over http, from a server that knows ranges and tags, or does not."""

    options: ClassVar[dict[str, Any]] = {}
    query = "?sig=hunter2"

    @pytest.fixture
    def web(self) -> Iterator[Web]:
        with web_server() as web:
            yield web

    @pytest.fixture
    def make(self, web: Web) -> Make:
        return lambda contents: URLSource(self.served(web, contents))

    def served(self, web: Web, contents: Sequence[bytes | None]) -> list[str]:
        for n, data in enumerate(contents):
            if data is not None:
                web.serve(f"/{n}.tar{self.query}", data, **self.options)
        return [web.url(f"/{n}.tar{self.query}") for n in range(len(contents))]

    @pytest.fixture
    def secrets(self) -> list[str]:
        return ["hunter2"]


class TestHttpWithRanges(OnWeb, CachedSourceSuite, RemoteSourceSuite, UrlsSourceSuite):
    options: ClassVar = {"ranges": True, "headers": {"ETag": '"a"'}}


class TestHttpWithoutRanges(OnWeb): ...


class TestHttpCutOff(OnWeb):
    """The server promises more than it sends, every time."""

    @pytest.fixture
    def cut(self, web: Web, make: Make) -> Any:
        source = make(CONTENTS)
        web.serve("/0.tar?sig=hunter2", CONTENTS[0][:-1500], announced=len(CONTENTS[0]))
        return source


class OnS3(OfContents):
    @pytest.fixture
    def keys(
        self, s3_server: S3Server, s3_bucket: str
    ) -> Callable[[Sequence[bytes | None]], list[str]]:
        def make(contents: Sequence[bytes | None]) -> list[str]:
            for n, data in enumerate(contents):
                if data is not None:
                    s3_server.client().put_object(Bucket=s3_bucket, Key=f"p/{n}.tar", Body=data)
            return [f"p/{n}.tar" for n in range(len(contents))]

        return make

    @pytest.fixture
    def secrets(self, s3_credentials: dict[str, str]) -> list[str]:
        return [s3_credentials["AWS_SECRET_ACCESS_KEY"]]


class TestS3Source(OnS3, CachedSourceSuite, RemoteSourceSuite):
    @pytest.fixture
    def make(self, keys: Any, s3_bucket: str, s3_credentials: dict[str, str]) -> Make:
        return lambda contents: S3Source.from_credentials(s3_credentials, s3_bucket, keys(contents))


class TestS3Urls(OnS3, CachedSourceSuite):
    """Of a bucket that a store was made for, with no setting in the environment."""

    @pytest.fixture
    def make(self, keys: Any, s3_bucket: str, s3_credentials: dict[str, str]) -> Make:
        S3DataStore(s3_credentials, bucket=s3_bucket)
        return lambda contents: URLSource([f"s3://{s3_bucket}/{key}" for key in keys(contents)])


class TestGcs(OfContents, CachedSourceSuite):
    @pytest.fixture
    def make(self, gcs_server: GcsServer, gcs_bucket: str) -> Make:
        def make(contents: Sequence[bytes | None]) -> Any:
            for n, data in enumerate(contents):
                if data is not None:
                    gcs_server.put(gcs_bucket, f"p/{n}.tar", data)
            return URLSource([f"gs://{gcs_bucket}/p/{n}.tar" for n in range(len(contents))])

        return make


class TestIpfs(OfContents):
    @pytest.fixture
    def make(self, ipfs_env: IpfsGateway) -> Make:
        def make(contents: Sequence[bytes | None]) -> Any:
            found = [
                cids.of_bytes(b"this is not there") if data is None else ipfs_env.add(data)
                for data in contents
            ]
            return URLSource([f"ipfs://{cid}" for cid in found])

        return make


class TestIpfsFolders(OfContents):
    @pytest.fixture
    def make(self, ipfs_env: IpfsGateway) -> Make:
        def make(contents: Sequence[bytes | None]) -> Any:
            files = {f"x-{n}.tar": data for n, data in enumerate(contents) if data is not None}
            folder = ipfs_env.add_folder(files, chunker="size-100000")
            return URLSource(f"ipfs://{folder}/x-{{0..{len(contents) - 1}}}.tar")

        return make


@pytest.mark.xdist_group("pds")
class TestBlobs(OfContents, CachedSourceSuite, RemoteSourceSuite):
    @pytest.fixture
    def make(self, client: AtmosphereClient, pds: Pds) -> Make:
        def make(contents: Sequence[bytes | None]) -> Any:
            there = [data for data in contents if data is not None]
            blobs = [client.upload_blob(data, "application/x-tar") for data in there]
            # Blobs can be read once a record refers to them.
            client.put_record("com.example.thing", "a", {"blobs": blobs})
            found = [cids.of_bytes(b"gone" if data is None else data) for data in contents]
            refs = [{"did": client.did, "cid": cid} for cid in found]
            return BlobSource(refs, pds_endpoint=pds.url, untrusted=False)

        return make


@pytest.mark.xdist_group("pds")
class TestAtUrls(OnWeb):
    """A published dataset, by its URI; its record says where the shards are, and their digests."""

    query = ""

    @pytest.fixture
    def make(self, web: Web, client: AtmosphereClient, monkeypatch: pytest.MonkeyPatch) -> Make:
        monkeypatch.setenv("ATDATA_ALLOW_PRIVATE", "1")
        schema = SchemaPublisher(client).publish(Thing, version="1.0.0")

        def make(contents: Sequence[bytes | None]) -> Any:
            value = {
                "$type": "ac.foundation.dataset.record",
                "name": "things",
                "schemaRef": str(schema),
                "storage": {
                    "$type": "ac.foundation.dataset.record#urlStorage",
                    "urls": self.served(web, contents),
                },
                "shards": list(map(described, INFOS)),
                "createdAt": "2026-01-01T00:00:00Z",
            }
            client.put_record("ac.foundation.dataset.record", "things", value)
            return URLSource(f"at://{client.did}/ac.foundation.dataset.record/things")

        return make


def described(info: ShardInfo) -> dict[str, Any]:
    return {"cid": info.cid, "size": info.size, "samples": info.samples}


class Sound:
    """A source in memory, to be broken."""

    def __init__(self, contents: Sequence[bytes | None] = CONTENTS) -> None:
        self.data = dict(zip(["a", "b"], contents, strict=True))
        self.shards = ShardStreams(self)

    @property
    def shard_list(self) -> list[str]:
        return list(self.data)

    def list_shards(self) -> list[str]:
        return self.shard_list

    def open_shard(self, name: str) -> Any:
        data = self.data[name]
        if data is None:
            raise FileNotFoundError(name)
        return io.BytesIO(data)


class TestSound(OfContents):
    @pytest.fixture
    def make(self) -> Make:
        return Sound


class Twice(Sound):
    shard_list = property(lambda self: ["a", "a"])  # type: ignore[assignment]


class Backwards(Sound):
    def list_shards(self) -> list[str]:
        return self.shard_list[::-1]


class SameShard(Sound):
    def open_shard(self, name: str) -> Any:
        self.data[name]
        return io.BytesIO(CONTENTS[0])


class Forgiving(Sound):
    def open_shard(self, name: str) -> Any:
        return io.BytesIO(self.data.get(name, b""))


class CutOff(Sound):
    def open_shard(self, name: str) -> Any:
        return io.BytesIO(self.data[name][:600])


class Talkative(Sound):
    def __repr__(self) -> str:
        return "Talkative(secret='hunter2')"


class Once(Sound):
    shards = property(lambda self: self.remaining)  # type: ignore[assignment]

    def __init__(self) -> None:
        self.data = dict(zip(["a", "b"], CONTENTS, strict=True))
        pairs = ((name, self.open_shard(name)) for name in self.data)
        self.remaining = lambda: pairs


class Shared(Sound):
    """Gives all readers the same stream."""

    def __init__(self) -> None:
        super().__init__()
        self.streams = {name: io.BytesIO(data or b"") for name, data in self.data.items()}

    def open_shard(self, name: str) -> Any:
        self.streams[name].seek(0)
        return self.streams[name]


class Stuck(Sound):
    """Can't be sent to another process."""

    def __reduce__(self) -> Any:
        raise pickle.PicklingError("it has a connection")


class Leaky(Sound):
    kept: ClassVar[list[int]] = []

    def open_shard(self, name: str) -> Any:
        self.kept.append(os.open(os.devnull, os.O_RDONLY))
        return super().open_shard(name)


class Nameless(Sound):
    def open_shard(self, name: str) -> Any:
        if self.data[name] is None:
            raise OSError("something went wrong")
        return super().open_shard(name)


class Empty(Sound):
    def open_shard(self, name: str) -> Any:
        return io.BytesIO(self.data[name] or b"")


class Mending(Sound):
    """Ends a shard that has lost its end, so that readers do not see that samples are missing."""

    def open_shard(self, name: str) -> Any:
        return io.BytesIO(shard_bytes(3) if name == "a" else shard_bytes(2, start=3))


class Different:
    shards = ()


GONE = (None, CONTENTS[1])


@pytest.mark.parametrize(
    ("broken", "test", "arguments"),
    [
        (Different, "test_it_has_the_interface", ()),
        (Twice, "test_names_are_texts_each_once_and_stay", (CONTENTS,)),
        (Backwards, "test_shards_come_in_order_every_time", (CONTENTS,)),
        (Once, "test_shards_come_in_order_every_time", (CONTENTS,)),
        (SameShard, "test_shards_open_by_name_in_any_order", (CONTENTS,)),
        (CutOff, "test_streams_read_in_pieces", (CONTENTS,)),
        (Shared, "test_threads_read_side_by_side", (CONTENTS,)),
        (Stuck, "test_another_process_reads_it", (CONTENTS,)),
        (CutOff, "test_another_process_reads_it", (CONTENTS,)),
        (Leaky, "test_streams_closed_early_leave_nothing_open", ()),
        (Forgiving, "test_an_unknown_name_is_a_key_error", ()),
        (partial(Nameless, GONE), "test_a_shard_that_is_gone_is_named", (CONTENTS,)),
        (partial(Empty, GONE), "test_a_shard_that_is_gone_is_named", (CONTENTS,)),
        (Mending, "test_a_shard_that_is_cut_off_is_named", ()),
        (Backwards, "test_datasets_read_it", ()),
        (Talkative, "test_its_repr_contains_no_secret", (["hunter2"],)),
    ],
)
def test_the_suite_fails_what_is_broken(
    broken: Any, test: str, arguments: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atdata.testing.sources._PATIENCE", 0.0)
    failed = (AssertionError, pytest.fail.Exception, ValueError, pickle.PicklingError)
    with pytest.raises(failed):
        getattr(DataSourceSuite(), test)(broken(), *arguments)
    while Leaky.kept:
        os.close(Leaky.kept.pop())


class Offering(Sound):
    """A source that offers all that is optional, to be broken."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.paths = [folder / "a.tar", folder / "b.tar"]
        for path, data in zip(self.paths, CONTENTS, strict=True):
            path.write_bytes(data)
        self.urls: list[Any] = list(map(str, self.paths))
        self.is_remote: Any = True

    def local_path(self, name: str) -> Any:
        return dict(zip(self.shard_list, self.paths, strict=True)).get(name)

    def fetch(self, name: str, *, expected: Any = None, is_cancelled: Any = None) -> Any:
        found = self.local_path(name)
        if expected is not None and inspect_shard(found) != expected:
            raise DigestMismatch("other bytes", shard=name)
        return found

    def known_samples(self, name: str) -> Any:
        return inspect_shard(self.local_path(name)).samples


class TestOffering(
    OfContents,
    LocalSourceSuite,
    CachedSourceSuite,
    CountedSourceSuite,
    RemoteSourceSuite,
    UrlsSourceSuite,
):
    @pytest.fixture
    def make(self, tmp_path: Path) -> Make:
        return lambda contents: Offering(tmp_path) if contents == CONTENTS else Sound(contents)


class FirstOnly(Offering):
    def local_path(self, name: str) -> Any:
        return super().local_path("a")


class Pathless(Offering):
    def local_path(self, name: str) -> Any:
        return None


class Trusting(Offering):
    def fetch(self, name: str, *, expected: Any = None, is_cancelled: Any = None) -> Any:
        return self.local_path(name)


class Miscounting(Offering):
    def known_samples(self, name: str) -> Any:
        return 7


class Reversed(Offering):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.urls.reverse()
        self.is_remote = "perhaps"


@pytest.mark.parametrize(
    ("suite", "broken", "test", "arguments"),
    [
        (LocalSourceSuite, FirstOnly, "test_its_files_hold_the_shards", (CONTENTS,)),
        (LocalSourceSuite, Pathless, "test_its_files_hold_the_shards", (CONTENTS,)),
        (LocalSourceSuite, FirstOnly, "test_samples_are_found_by_number", (CONTENTS,)),
        (CachedSourceSuite, Pathless, "test_fetched_files_hold_the_shards", (CONTENTS,)),
        (CachedSourceSuite, FirstOnly, "test_shards_that_are_expected_are_fetched", (CONTENTS,)),
        (CachedSourceSuite, Trusting, "test_other_bytes_than_expected_are_refused", (CONTENTS,)),
        (CountedSourceSuite, Miscounting, "test_its_counts_are_those_of_the_shards", (CONTENTS,)),
        (CountedSourceSuite, Miscounting, "test_its_datasets_have_a_length", ()),
        (RemoteSourceSuite, Reversed, "test_it_reports_whether_it_is_remote", ()),
        (UrlsSourceSuite, Reversed, "test_its_urls_name_the_shards", (CONTENTS,)),
    ],
)
def test_the_optional_suites_fail_what_is_broken(
    suite: Any, broken: Any, test: str, arguments: Any, tmp_path: Path
) -> None:
    failed = (AssertionError, pytest.fail.Exception, ValueError)
    with pytest.raises(failed):
        getattr(suite(), test)(broken(tmp_path), *arguments)


def test_a_source_that_offers_nothing_has_none_of_the_interfaces() -> None:
    for suite in (LocalSourceSuite, CachedSourceSuite, CountedSourceSuite):
        (test,) = (name for name in vars(suite) if name.startswith("test_it_has_the_interface"))
        with pytest.raises(AssertionError):
            getattr(suite(), test)(Sound())
