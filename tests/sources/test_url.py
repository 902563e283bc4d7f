from __future__ import annotations

from pathlib import Path

import pytest

from atdata._protocols import DataSource
from atdata.errors import AddressRefused, ShardNotFound, UrlError
from atdata.sources import URLSource
from servers.web import Web


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for i in range(3):
        (tmp_path / f"d-{i}.tar").write_bytes(b"%d" % i)
    return tmp_path


def test_it_is_a_data_source(folder: Path) -> None:
    assert isinstance(URLSource(f"{folder}/d-0.tar"), DataSource)


def test_a_pattern_names_its_shards(folder: Path) -> None:
    source = URLSource(f"{folder}/d-{{0..2}}.tar")
    assert source.list_shards() == source.shard_list == [f"{folder}/d-{i}.tar" for i in range(3)]
    assert source.url == f"{folder}/d-{{0..2}}.tar"


def test_lists_and_paths(folder: Path) -> None:
    one, two = folder / "d-2.tar", f"{folder}/d-{{0..1}}.tar"
    source = URLSource([one, two])
    assert source.urls == [str(one), two]
    assert [Path(name).stem for name in source.shard_list] == ["d-2", "d-0", "d-1"]
    assert URLSource(one).shard_list == [str(one)]
    assert len(URLSource([one, one]).shard_list) == 2


def test_shards_are_iterated_over_and_called(folder: Path) -> None:
    source = URLSource(f"{folder}/d-{{0..2}}.tar")
    for pairs in (source.shards, source.shards()):
        contents = []
        for name, stream in pairs:
            with stream:
                contents.append((Path(name).name, stream.read()))
        assert contents == [("d-0.tar", b"0"), ("d-1.tar", b"1"), ("d-2.tar", b"2")]


def test_only_shards_of_the_source_are_opened(folder: Path) -> None:
    source = URLSource(f"{folder}/d-0.tar")
    with source.open_shard(f"{folder}/d-0.tar") as stream:
        assert stream.read() == b"0"
    for call in (source.open_shard, source.local_path):
        with pytest.raises(KeyError) as caught:
            call(f"{folder}/d-1.tar")
        assert isinstance(caught.value, ShardNotFound)


def test_local_files_have_a_path(folder: Path, web: Web) -> None:
    url = web.serve("/a.tar")
    source = URLSource([f"{folder}/d-0.tar", f"file://{folder}/d-1.tar", url])
    paths = [source.local_path(name) for name in source.shard_list]
    assert paths == [folder / "d-0.tar", folder / "d-1.tar", None]


@pytest.mark.parametrize("url", [[], "gopher://x", "pipe:cat x", ["a.tar", "az://b/k"], "{a"])
def test_what_can_not_be_read_is_refused_at_once(url: str | list[str]) -> None:
    with pytest.raises(UrlError):
        URLSource(url)


@pytest.mark.parametrize("url", ["a.tar", "/etc/passwd", "file:///etc/passwd"])
def test_untrusted_local_paths_are_refused_at_once(url: str) -> None:
    with pytest.raises(AddressRefused):
        URLSource(["https://example.org/a.tar", url], untrusted=True)


def test_untrusted_reaches_the_guard(web: Web) -> None:
    url = web.serve("/a.tar", b"x")
    with pytest.raises(AddressRefused):
        URLSource(url, untrusted=True).open_shard(url)
    with URLSource(url).open_shard(url) as stream:
        assert stream.read() == b"x"


def test_no_secret_is_shown() -> None:
    urls = [f"https://user:pw@host/{i}.tar?X-Amz-Signature=sig" for i in range(5)]
    for source in (URLSource(urls), URLSource(urls[0])):
        text = repr(source)
        assert "host/0.tar" in text
        assert "pw" not in text
        assert "sig" not in text
    with pytest.raises(ShardNotFound) as caught:
        URLSource(urls[0]).open_shard(urls[1])
    assert "sig" not in str(caught.value)
