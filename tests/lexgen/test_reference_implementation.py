"""The TypeScript reference implementation, run on Node: our lexicons in it, and its verdicts."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings

import atdata_records
from atdata_records import mutations, strategies
from servers.node import node_path, npm_install

LEXICONS = Path(__file__).parents[2] / "lexicons"
RECORDS = ("ac.foundation.dataset.record", "ac.foundation.dataset.sampleSchema")

# Where the reference implementation accepts what the specification refuses: the code of our
# issue, and why. There is nothing that it refuses and we accept.
EXPLAINED: Final = {
    "unicode": "strings of JavaScript may hold half a surrogate pair; they have no CBOR encoding",
    "float": "fields that the lexicon does not name are not looked at",
    "integer-range": "numbers of JavaScript are floats: 64 bits are not distinguished from more",
    "max-size": "the size of a blob is not compared with maxSize",
    "accept": "the media type of a blob is not compared with accept",
    "blob": "the codec of a blob's reference is not looked at",
}


@pytest.fixture(scope="module")
def node_folder() -> Path:
    return npm_install(Path(__file__).parent / "node")


def test_our_lexicons_build_with_the_typescript_toolchain(
    node_folder: Path, tmp_path: Path
) -> None:
    command = [str(node_path()), str(node_folder / "node_modules" / ".bin" / "lex"), "build"]
    command += ["--lexicons", str(LEXICONS), "--out", str(tmp_path / "out"), "--no-pretty"]
    done = subprocess.run(command, cwd=node_folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    for path in LEXICONS.rglob("*.json"):
        built = tmp_path / "out" / path.relative_to(LEXICONS).with_suffix(".ts")
        assert built.is_file()


def records(nsid: str) -> list[dict[str, Any]]:
    """Valid records, and each of them with every mutation."""
    found: list[dict[str, Any]] = []

    @settings(
        max_examples=25,
        phases=[Phase.generate],
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategies.valid(nsid))
    def collect(record: dict[str, Any]) -> None:
        found.append(record)
        for mutation in mutations.mutations(record, nsid, typed=True):
            found.append(mutations.mutated(record, mutation))

    collect()
    return found


def test_verdicts_agree_with_the_reference_implementation(node_folder: Path) -> None:
    cases = [(nsid, record) for nsid in RECORDS for record in records(nsid)]
    assert len(cases) >= 2_000
    lines = (json.dumps({"collection": nsid, "record": record}) for nsid, record in cases)
    done = subprocess.run(
        [str(node_path()), str(node_folder / "validate.mjs"), str(LEXICONS)],
        input="\n".join(lines).encode(),
        capture_output=True,
        check=True,
        timeout=300,
    )
    verdicts = [json.loads(line)["error"] for line in done.stdout.splitlines()]
    assert len(verdicts) == len(cases)
    disagreements: Counter[str] = Counter()
    for (_, record), error in zip(cases, verdicts, strict=True):
        codes = {issue.code for issue in atdata_records.check(record)}
        if bool(codes) == bool(error):
            continue
        assert error is None, f"the reference implementation refuses {record}: {error}"
        assert len(codes) == 1
        disagreements.update(codes)
    assert set(disagreements) <= EXPLAINED.keys()
    for code, count in sorted(disagreements.items()):
        print(f"{count} records with {code}: {EXPLAINED[code]}")
