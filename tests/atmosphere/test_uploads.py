"""What is remembered of uploads, and when it is not believed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from atdata.atmosphere.uploads import Uploads, forget_uploads, journal, reference
from atdata.errors import XrpcError
from atdata_records import cid as cids

A, B = cids.of_bytes(b"a"), cids.of_bytes(b"b")


class Account:
    """An account whose server lists some blobs."""

    did = "did:web:localhost%3A1"
    base_url = "https://pds.example.com"

    def __init__(self, *listed: str, error: XrpcError | None = None) -> None:
        self.listed, self.error, self.asked = listed, error, 0

    def list_blobs(self) -> Iterator[str]:
        self.asked += 1
        if self.error:
            raise self.error
        yield from self.listed


def blob(cid: str) -> dict[str, Any]:
    """A reference as a server gives it, with a media type of its own."""
    return {**reference(cid, 1), "mimeType": "application/octet-stream"}


def test_what_was_uploaded_is_known_to_the_next_run() -> None:
    first = Uploads(Account())
    assert first.find(A, 1) is None
    first.add(A, blob(A))
    assert first.find(A, 1) == blob(A)
    assert Uploads(Account()).find(A, 1) == blob(A)
    assert Uploads(Account()).find(B, 1) is None


def test_what_records_refer_to_is_known_from_the_server() -> None:
    account = Account(A)
    uploads = Uploads(account)
    assert uploads.find(A, 5) == reference(A, 5)
    assert uploads.find(B, 5) is None
    assert account.asked == 1


def test_a_server_that_lists_nothing() -> None:
    refusal = XrpcError.answer(501, "MethodNotImplemented", "", uri="https://pds.example.com")
    assert Uploads(Account(error=refusal)).find(A, 1) is None


def test_another_account_or_server() -> None:
    Uploads(Account()).add(A, blob(A))
    moved, other = Account(), Account()
    moved.base_url, other.did = "https://new.example.com", "did:plc:other"
    assert Uploads(moved).find(A, 1) is None
    assert Uploads(other).find(A, 1) is None


def test_what_is_older_than_a_day_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    Uploads(Account()).add(A, blob(A))
    later = time.time() + 23 * 3600
    monkeypatch.setattr(time, "time", lambda: later)
    Uploads(Account()).add(B, blob(B))
    assert Uploads(Account()).find(A, 1) == blob(A)
    monkeypatch.setattr(time, "time", lambda: later + 2 * 3600)
    assert Uploads(Account()).find(A, 1) is None
    assert Uploads(Account()).find(B, 1) == blob(B)
    assert len(journal(Account.did).read_text().splitlines()) == 1


def test_it_can_be_forgotten() -> None:
    forget_uploads(Account.did)  # nothing to forget yet
    Uploads(Account()).add(A, blob(A))
    forget_uploads(Account.did)
    assert Uploads(Account()).find(A, 1) is None


@pytest.mark.parametrize(
    "line", ["{", "[]", "null", '{"blob": {"ref": "x"}}', json.dumps({"blob": blob(B), "at": "x"})]
)
def test_a_line_that_was_written_in_part_is_passed_over(line: str) -> None:
    Uploads(Account()).add(A, blob(A))
    with journal(Account.did).open("a") as file:
        file.write(line + "\n")
    assert Uploads(Account()).find(A, 1) == blob(A)
    assert Uploads(Account()).find(B, 1) is None


def test_a_folder_that_can_not_be_written_is_no_reason_to_fail(isolated_home: Path) -> None:
    (isolated_home / "state").write_text("a file")
    uploads = Uploads(Account())
    uploads.add(A, blob(A))
    assert Uploads(Account()).find(A, 1) is None


def test_the_file_is_below_the_state_folder(isolated_home: Path) -> None:
    Uploads(Account()).add(A, blob(A))
    (file,) = (isolated_home / "state").rglob("*.jsonl")
    assert file.name == "did%3Aweb%3Alocalhost%253A1.jsonl"
