"""Passwords and signatures are in no error, repr or file that others can read."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

import atdata
from atdata.atmosphere import AppViewClient, AtmosphereClient
from atdata.base.redact import redacted, redacted_text
from atdata.errors import AtdataError, UrlError
from atdata.local import LocalIndex

SIGNED = "https://user:hunter2@127.0.0.1:1/a.tar?X-Amz-Signature=hunter2&sig=hunter2&token=hunter2"


def braces() -> object:
    return atdata.URLSource("https://user:hunter2@127.0.0.1:1/{0..99999999999}.tar?sig=hunter2")


def bad_braces() -> object:
    return atdata.URLSource("https://user:hunter2@127.0.0.1:1/{a,b.tar?sig=hunter2")


def reading() -> object:
    return list(atdata.Dataset(SIGNED).ordered())


def loading() -> object:
    return list(atdata.load_dataset(SIGNED, split="train").ordered())


def appview() -> object:
    return list(AppViewClient(SIGNED).search("x"))


def pds() -> object:
    return AtmosphereClient(base_url=SIGNED).login("a.test", "hunter2")


def shard() -> object:
    return atdata.URLSource("https://user:hunter2@h/a.tar").open_shard(SIGNED)


@pytest.mark.parametrize("act", [braces, bad_braces, reading, loading, appview, pds, shard])
def test_no_error_shows_a_secret(act: Callable[[], object]) -> None:
    with pytest.raises(AtdataError) as caught:
        act()
    error = caught.value
    shown = [str(error), repr(error), *map(str, vars(error).values())]
    shown += traceback.format_exception_only(error)
    assert not [text for text in shown if "hunter2" in text]


@pytest.mark.parametrize(
    "make",
    [
        lambda: atdata.URLSource(SIGNED),
        lambda: atdata.Dataset(SIGNED),
        lambda: AppViewClient(SIGNED),
        lambda: AtmosphereClient(base_url=SIGNED),
    ],
)
def test_no_repr_shows_a_secret(make: Callable[[], object]) -> None:
    assert "hunter2" not in repr(make())


def test_errors_keep_what_is_not_secret() -> None:
    error = UrlError("see https://h/a?x=1 and s3://b/k?y#z", uri="s3://b/k?y#z", hint="Ask a@b.")
    assert error.message == "see https://h/a?x=1 and s3://b/k?y#z"
    assert error.uri == "s3://b/k?y#z"
    assert error.hint == "Ask a@b."
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_redaction() -> None:
    assert redacted(SIGNED) == "https://127.0.0.1:1/a.tar?…"
    assert redacted("/local/a?b@c") == "/local/a?b@c"
    assert redacted_text(f"at {SIGNED}!") == (
        "at https://127.0.0.1:1/a.tar?X-Amz-Signature=…&sig=…&token=hunter2!"
    )


def test_an_index_that_may_hold_signed_urls_is_closed_to_other_users(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    index = LocalIndex(path=path)
    list(index.list_datasets())
    modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.glob("index.db*")}
    assert set(modes.values()) == {0o600}


def test_an_index_of_an_earlier_version_is_closed_when_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    path.touch(mode=0o664)
    path.chmod(0o664)
    list(LocalIndex(path=path).list_datasets())
    assert path.stat().st_mode & 0o777 == 0o660
