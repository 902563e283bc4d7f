from __future__ import annotations

import json
from pathlib import Path

import pytest

import atdata
from atdata.local import LocalDatasetEntry
from cli.conftest import Command


@pytest.mark.parametrize("option", ["--limit", "--head"])
def test_first_samples_of_files(command: Command, spectra: LocalDatasetEntry, option: str) -> None:
    result = command("load", spectra.data_urls[0], option, "2", "--json")
    samples = json.loads(result.stdout)["samples"]
    assert [sample["label"] for sample in samples] == [0, 1]


def test_a_missing_file(command: Command) -> None:
    result = command("load", "no-such.tar")
    assert result.exit_code == 4
    assert "no-such.tar" in result.stderr


def test_media_are_shown_by_type_and_size(command: Command, tmp_path: Path) -> None:
    @atdata.packable
    class Photo:
        image: atdata.Image

    atdata.write_shards([Photo(atdata.Image(b"GIF89a"))], tmp_path / "photos")
    shown = {"bytes": 6, "media_type": "image/gif"}
    result = command("load", str(tmp_path / "photos"), "--json")
    assert json.loads(result.stdout)["samples"] == [{"image": shown}]
    assert str(shown) in command("load", str(tmp_path / "photos")).stdout
