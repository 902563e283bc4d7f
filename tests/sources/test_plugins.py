"""A distribution that brings a scheme, as pip would install it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from atdata import Dataset, URLSource
from atdata.errors import StorageError, UrlError
from atdata.sources import open_url
from atdata.sources.plugins import plugins
from atdata.testing.samples import things, write_things

SOURCE = """
from atdata import URLSource
asked = []
def open_hdfs(url, *, untrusted):
    asked.append((url, untrusted))
    return URLSource([f"{url.removeprefix('hdfs:/')}/{n}.tar" for n in (1, 0)])
"""


def install(folder: Path, name: str, entry: str, source: str) -> None:
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[atdata.sources]\n{entry}\n")
    (folder / f"{name}.py").write_text(source)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "site"
    install(folder, "hdfs_for_atdata", "HDFS = hdfs_for_atdata:open_hdfs", SOURCE)
    install(folder, "broken_for_atdata", "worse = broken_for_atdata:gone", "import no_such_module")
    monkeypatch.syspath_prepend(str(folder))
    plugins.cache_clear()
    yield folder
    plugins.cache_clear()
    for name in ("hdfs_for_atdata", "broken_for_atdata"):
        sys.modules.pop(name, None)


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    for number in (0, 1):
        ds = write_things(tmp_path / "in", 3, start=3 * number)
        Path(ds.list_shards()[0]).rename(tmp_path / f"{number}.tar")
    return tmp_path


@pytest.mark.usefixtures("site")
def test_a_url_may_stand_for_several_shards(shards: Path) -> None:
    source = URLSource([str(shards / "0.tar"), f"hdfs:/{shards}"])
    assert "hdfs_for_atdata" not in sys.modules
    assert source.list_shards() == [f"{shards}/{name}.tar" for name in (0, 1, 0)]
    assert source.local_path(f"{shards}/1.tar") == shards / "1.tar"
    read = list(Dataset[type(things(1)[0])](f"hdfs:/{shards}").ordered())  # type: ignore[misc]
    assert read == things(3, start=3) + things(3)


@pytest.mark.usefixtures("site")
def test_braces_are_expanded_before() -> None:
    source = URLSource("hdfs://{a,b}/{0..1}", untrusted=True)
    assert len(source.list_shards()) == 8
    assert sys.modules["hdfs_for_atdata"].asked == [
        (f"hdfs://{host}/{number}", True) for host in "ab" for number in (0, 1)
    ]


@pytest.mark.usefixtures("site")
def test_one_that_can_not_be_imported_is_named_and_harms_no_other(shards: Path) -> None:
    assert len(URLSource(f"hdfs:/{shards}").list_shards()) == 2
    with pytest.raises(StorageError, match=r"broken_for_atdata.*no_such_module"):
        URLSource("worse://x").list_shards()


@pytest.mark.usefixtures("site")
def test_they_are_among_the_known_schemes() -> None:
    with pytest.raises(UrlError, match=r"hdfs://.*worse://"):
        URLSource("gopher://x")


@pytest.mark.usefixtures("site")
def test_a_dataset_is_not_a_file() -> None:
    with pytest.raises(UrlError, match="names a dataset"):
        open_url("hdfs://a/b")
