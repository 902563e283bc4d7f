"""``python -m atdata_records validate``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from atdata_records.__main__ import main
from atdata_records.ac.foundation.dataset.record import Record, UrlStorage

RECORD = Record(
    name="digits",
    schema_ref="at://alice.test/ac.foundation.dataset.sampleSchema/A:1.0.0",
    storage=UrlStorage(urls=["s3://bucket/a.tar"]),
    created_at="2024-01-01T00:00:00Z",
)
BROKEN = json.dumps({**RECORD.to_dict(), "name": "", "we\nird": 0.5}).encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "good.json").write_bytes(json.dumps(RECORD.to_dict(), indent=2).encode())
    (tmp_path / "good.cbor").write_bytes(RECORD.to_cbor())
    (tmp_path / "bad.json").write_bytes(BROKEN)
    lines = [RECORD.to_json(), b"", BROKEN, b"{nope", b'"' + b"x" * 5_000_000 + b'"']
    (tmp_path / "many.ndjson").write_bytes(b"\n".join([*lines, RECORD.to_json()]))
    return tmp_path


def test_valid_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(folder / "good.json"), str(folder / "good.cbor")]) == 0
    assert capsys.readouterr() == ("", "2 records, 0 invalid\n")


def test_text(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(folder / "many.ndjson")
    assert main(["validate", file]) == 100
    out, err = capsys.readouterr()
    first, second, third, fourth = out.splitlines()
    assert first == f"{file}:3: $.name: 0 bytes are fewer than 1 [min-length]"
    assert second.startswith(f"{file}:3: $['we\\nird']: 0.5 is a float")
    assert third.startswith(f"{file}:4: $: not JSON")
    assert fourth.startswith(f"{file}:5: $: the JSON is longer than")
    assert err == "5 records, 3 invalid\n"


def test_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "--format", "json", str(folder / "bad.json")]) == 100
    report = json.loads(capsys.readouterr().out)
    assert (report["records"], report["invalid"]) == (1, 1)
    assert [issue["code"] for issue in report["issues"]] == ["min-length", "float"]


def test_github(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "--format", "github", str(folder / "bad.json")]) == 100
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("::error file=") and "line=1" in line for line in lines)


def test_a_given_type(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shard = folder / "shard.json"
    shard.write_text('{"cid": "x", "size": 1, "samples": 2}')
    type_id = "ac.foundation.dataset.defs#shard"
    assert main(["validate", "--type", type_id, str(shard)]) == 100
    assert "$.cid: 'x' is not a valid cid [format]" in capsys.readouterr().out
    with pytest.raises(SystemExit) as caught:
        main(["validate", "--type", "org.example.other", str(shard)])
    assert caught.value.code == 2


def test_files_that_are_not_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(folder / "none.json"), str(folder / "bad.json")]) == 1
    out, err = capsys.readouterr()
    assert "No such file" in err
    assert "[min-length]" in out


@pytest.mark.parametrize("name", ["good.json", "good.cbor", "many.ndjson"])
def test_standard_input(folder: Path, name: str) -> None:
    command = [sys.executable, "-m", "atdata_records", "validate", "-"]
    with (folder / name).open("rb") as stream:
        done = subprocess.run(command, stdin=stream, capture_output=True, text=True, check=False)
    assert done.returncode == (100 if name == "many.ndjson" else 0), done.stdout
