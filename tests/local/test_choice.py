"""Which database an index is in."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
import redis

import atdata
from atdata.errors import StorageError
from atdata.local import Index, LocalIndex

from .samples import Reading


def test_by_default_it_is_a_file_in_the_data_folder(isolated_home: Path) -> None:
    with LocalIndex() as index:
        index.publish_schema(Reading)
    assert (isolated_home / "data" / "atdata" / "index.db").is_file()


def test_the_environment_names_a_server(
    redis_client: redis.Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATDATA_REDIS_URL", redis_url)
    with LocalIndex() as index:
        index.publish_schema(Reading)
    assert redis_client.keys("{atdata}:*")


def test_a_client_or_its_options(redis_client: redis.Redis) -> None:
    place = redis_client.get_connection_kwargs()
    ref = LocalIndex(redis=redis_client).publish_schema(Reading)
    options = {"decode_responses": True, "check_places": False}
    with Index(host=place["host"], port=place["port"], **options) as index:
        assert index.get_schema(ref).name == "Reading"
        entry = index.insert_dataset(atdata.Dataset[Reading]("s3://b/k.tar"), name="n")
        assert index.get_entry(entry.cid) == entry
        assert index.publish_schema(Reading) == ref


def test_a_path_beats_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATDATA_REDIS_URL", "redis://127.0.0.1:1/0")
    with LocalIndex(path=tmp_path / "own.db") as index:
        index.publish_schema(Reading)
    assert (tmp_path / "own.db").is_file()


@pytest.mark.parametrize(
    "options",
    [{"redis": "redis://x", "path": "p"}, {"host": "x", "path": "p"}],
)
def test_both_is_one_too_many(options: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        LocalIndex(**options)


def test_a_client_takes_no_options(redis_client: redis.Redis) -> None:
    with pytest.raises(TypeError, match="port"):
        LocalIndex(redis=redis_client, port=1)


def test_a_server_that_is_not_there() -> None:
    index = LocalIndex(redis="redis://:a-password@127.0.0.1:1/0")
    with pytest.raises(StorageError, match=r"127\.0\.0\.1:1") as caught:
        index.get_dataset("n")
    assert "a-password" not in str(caught.value) + repr(index)
    assert caught.value.hint


def test_a_text_that_is_not_a_url_is_refused() -> None:
    with pytest.raises(StorageError) as caught:
        LocalIndex(redis="http://:a-password@host")
    assert "a-password" not in str(caught.value)


def test_a_file_that_is_not_a_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    path.write_text("this is not a database, but it is long enough to look like one" * 20)
    with pytest.raises(StorageError, match="not a database") as caught:
        len(LocalIndex(path=path).list_datasets())
    assert caught.value.uri == str(path)


def test_a_folder_that_can_not_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        len(LocalIndex(path=tmp_path / "file" / "index.db").list_datasets())


def test_a_later_layout_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StorageError, match="another version"):
        len(LocalIndex(path=path).list_datasets())
