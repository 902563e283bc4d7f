"""From a publisher to another user's tools: every part a process of its own."""

from __future__ import annotations

import subprocess
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

import atdata
from atdata.atmosphere import AppViewClient, AtmosphereClient, AtmosphereIndex
from atdata.cli import main
from atdata.errors import EntryNotFound
from atdata.local import S3DataStore
from atdata.shards.writer import cut_shards
from servers.atproto_pds import Pds
from servers.s3 import S3Server

from .running import AppView, as_process, wait_until


@atdata.packable
class Picture:
    """A picture with its label."""

    image: NDArray[np.uint8]
    label: int


@dataclass
class Published:
    """A dataset in two places, and what it holds."""

    appview: AppView
    handle: str
    labels: list[int]


@pytest.fixture(scope="module")
def pictures() -> list[Any]:
    random = np.random.default_rng(7)
    images = random.integers(0, 255, (40, 12, 12, 3), dtype=np.uint8)
    return [Picture(image=image, label=n) for n, image in enumerate(images)]


def found(appview: AppView, **query: str) -> Any:
    return appview.query("searchDatasets", **query).json()["datasets"]


@pytest.fixture
def published(
    pds_env: Pds,
    pictures: list[Any],
    s3_server: S3Server,
    s3_bucket: str,
    s3_credentials: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Published]:
    """A running AppView, and one dataset published as blobs and as urls after it started."""
    for name, value in s3_credentials.items():
        monkeypatch.setenv(name, value)
    folder = tmp_path / "shards"
    folder.mkdir()
    files = [str(path) for path, _ in cut_shards(iter(pictures), folder, maxcount=10)]
    account = pds_env.new_account("publisher")
    client = AtmosphereClient(pds_env.url)
    client.login(account.handle, account.app_password)
    options = ("--pds", pds_env.url, "--s3-bucket", s3_bucket)
    with as_process(tmp_path / "appview", *options) as appview:
        wait_until(lambda: appview.query("describeService").json()["repositories"])
        ds = atdata.Dataset[Picture](files)
        store = S3DataStore(s3_credentials, bucket=s3_bucket)
        for name, index in (
            ("in-blobs", AtmosphereIndex(client)),
            ("at-urls", AtmosphereIndex(client, data_store=store)),
        ):
            index.insert_dataset(
                ds, name=name, description=f"Pictures of {account.handle}", tags=[name], maxcount=10
            )
            assert wait_until(partial(found, appview, q=name, author=account.handle), 10) < 2
        yield Published(appview, account.handle, [picture.label for picture in pictures])


def test_published_datasets_are_read_with_nothing_of_ours(published: Published) -> None:
    import webdataset

    kinds = set()
    for view in AppViewClient(published.appview.url).search(author=published.handle):
        kinds.add(view.storage)
        assert view.wds
        assert view.wds.endswith("/{000000..000003}.tar")
        samples = list(webdataset.WebDataset(view.wds, shardshuffle=False))
        assert [
            Picture.from_bytes(sample["msgpack"]).label for sample in samples
        ] == published.labels
        first = view.wds.replace("{000000..000003}", "000000")
        whole = subprocess.run(["curl", "-sSf", first], capture_output=True, check=True).stdout
        part = ["curl", "-sSf", "-r", "100-299", first]
        assert subprocess.run(part, capture_output=True, check=True).stdout == whole[100:300]
        labels = [sample.label for sample in atdata.Dataset[Picture](view.wds).ordered()]
        assert labels == published.labels
    assert kinds == {"blobs", "urls"}


def test_loading_through_the_appview_and_without_it(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATDATA_APPVIEW_URL", published.appview.url)
    for name in ("in-blobs", "at-urls"):
        ds = atdata.load_dataset(f"@{published.handle}/{name}", split="train")
        assert [sample.label for sample in ds.ordered()] == published.labels
        assert all(shard.startswith(published.appview.url) for shard in ds.list_shards())
    monkeypatch.setenv("ATDATA_APPVIEW_URL", "http://127.0.0.1:1")
    with pytest.warns(UserWarning, match="asking the repository itself"):
        ds = atdata.load_dataset(f"@{published.handle}/in-blobs", split="train")
    assert [sample.label for sample in ds.ordered()] == published.labels
    monkeypatch.setenv("ATDATA_APPVIEW_URL", published.appview.url)
    with warnings.catch_warnings(), pytest.raises(EntryNotFound):
        atdata.load_dataset(f"@{published.handle}/no such", split="train")


def test_search_on_the_command_line(published: Published) -> None:
    run = CliRunner().invoke
    asked = ["search", "pictures", "--author", published.handle, "--appview", published.appview.url]
    answer = run(main, [*asked, "--tag", "at-urls"])
    assert answer.exit_code == 0, answer.output
    assert f"@{published.handle}/at-urls" in answer.output
    assert "40 samples" in answer.output
    assert "in-blobs" not in answer.output
    assert '"storage": "blobs"' in run(main, [*asked, "--json"]).output
    assert "no datasets found" in run(main, [*asked, "--license", "none"]).output
