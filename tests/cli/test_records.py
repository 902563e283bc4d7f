from __future__ import annotations

import json
from pathlib import Path

from .conftest import Command


def test_valid_and_invalid_records(command: Command, tmp_path: Path) -> None:
    valid, invalid = tmp_path / "valid.json", tmp_path / "invalid.json"
    record = {
        "$type": "ac.foundation.dataset.record",
        "name": "x",
        "schemaRef": "at://did:plc:abc/ac.foundation.dataset.sampleSchema/A:1.0.0",
        "storage": {"$type": "ac.foundation.dataset.record#urlStorage", "urls": ["s3://b/a.tar"]},
        "createdAt": "2026-01-01T00:00:00Z",
    }
    valid.write_text(json.dumps(record))
    invalid.write_text(json.dumps({**record, "name": ""}))
    assert command("records", "validate", str(valid)).exit_code == 0
    result = command("records", "validate", str(valid), str(invalid), "--json")
    assert result.exit_code == 100
    (issue,) = json.loads(result.stdout)["issues"]
    assert issue["path"] == "$.name"


def test_a_missing_file(command: Command) -> None:
    assert command("records", "validate", "no-such.json").exit_code == 1
