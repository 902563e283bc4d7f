from __future__ import annotations

import pytest

from atdata import Dataset
from atdata.errors import NetworkError, UrlError
from atdata.sources.registry import open_url
from atdata.storage.hugging_face import resolved
from atdata.testing.samples import Thing, shard_bytes
from servers.web import Web


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("hf://datasets/lab/spectra/train/0.tar", "datasets/lab/spectra/resolve/main/train/0.tar"),
        ("hf://datasets/lab/spectra@v1.0/0.tar", "datasets/lab/spectra/resolve/v1.0/0.tar"),
        ("hf://datasets/l/a@refs%2Fpr%2F1/b c.tar", "datasets/l/a/resolve/refs%2Fpr%2F1/b%20c.tar"),
        ("hf://spaces/lab/a/0.tar", "spaces/lab/a/resolve/main/0.tar"),
        ("hf://lab/model/0.tar", "lab/model/resolve/main/0.tar"),
    ],
)  # fmt: skip
def test_urls_lead_to_the_hub(url: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    assert resolved(url) == f"https://huggingface.co/{path}"


@pytest.mark.parametrize(
    "url", ["hf://", "hf://datasets/lab", "hf://datasets/lab/a", "hf://a/b@/c", "hf://a/b//c"]
)
def test_urls_without_a_file_are_refused(url: str) -> None:
    with pytest.raises(UrlError, match="Hugging Face Hub"):
        open_url(url)


def test_shards_are_read_through_the_redirect_of_the_hub(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", web.url("/"))
    for number in range(2):
        web.serve(f"/store/{number}", shard_bytes(3), ranges=True)
        place = f"/datasets/lab/spectra/resolve/v2/{number}.tar"
        web.serve(place, status=302, headers={"Location": f"/store/{number}"})
    dataset = Dataset[Thing]("hf://datasets/lab/spectra@v2/{0..1}.tar")
    assert [thing.number for thing in dataset.ordered()] == [0, 1, 2] * 2
    with pytest.raises(NetworkError, match="404"):
        open_url("hf://datasets/lab/spectra/0.tar").read()
