"""``lexgen.build`` and the rest return what the commands of these names print."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import lexgen
from lexgen.cli import main

LEXICON = """{
  "lexicon": 1,
  "id": "org.example.note",
  "defs": {
    "main": {
      "type": "record",
      "key": "tid",
      "record": {
        "type": "object",
        "required": ["text"],
        "properties": {"text": {"type": "string", "maxLength": 20}}
      }
    }
  }
}
"""


def command(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def write(folder: Path, text: str = LEXICON) -> Path:
    path = folder / "org" / "example" / "note.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def lexicons(tmp_path: Path) -> Path:
    folder = tmp_path / "lexicons"
    write(folder)
    return folder


def test_build_writes_what_the_command_writes(lexicons: Path, tmp_path: Path) -> None:
    built = lexgen.build(lexicons, tmp_path / "api", package="notes")
    arguments = ("--lexicons", lexicons, "--output", tmp_path / "cli", "--package", "notes")
    result = command("build", *arguments)
    count = len(built.changed)
    assert f"1 lexicons, {count} files changed in {tmp_path / 'cli'}" in result.output
    assert built.lexicons == ("org.example.note",)
    assert (len(built.findings), built.findings.ok) == (0, True)
    files = [
        {p.relative_to(top): p.read_bytes() for p in top.rglob("*") if p.is_file()}
        for top in (tmp_path / "api", tmp_path / "cli")
    ]
    assert files[0] == files[1]
    assert {path.relative_to(tmp_path / "api") for path in built.changed} <= files[0].keys()
    assert lexgen.build(lexicons, tmp_path / "api", package="notes").changed == ()


def test_build_reports_the_files_that_it_removed(lexicons: Path, tmp_path: Path) -> None:
    lexgen.build(lexicons, tmp_path / "out", parts=["reference"])
    path = lexicons / "org" / "example" / "note.json"
    path.unlink()
    path.with_name("other.json").write_text(LEXICON.replace("example.note", "example.other"))
    built = lexgen.build(lexicons, tmp_path / "out", parts=["reference"])
    assert built.changed == (
        tmp_path / "out" / "reference" / "org.example.note.md",
        tmp_path / "out" / "reference" / "org.example.other.md",
    )


def test_check_finds_the_drift_that_the_command_prints(lexicons: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    lexgen.build(lexicons, output, parts=["reference"])
    assert lexgen.check(lexicons, output, parts=["reference"]).ok
    (output / "reference" / "org.example.note.md").write_text("by hand\n")
    found = lexgen.check(lexicons, output, parts=["reference"])
    assert not found.ok
    assert "-by hand\n" in str(found)
    result = command("check", "--lexicons", lexicons, "--output", output, "--part", "reference")
    assert result.exit_code == 1
    assert result.stdout == str(found)


@pytest.mark.parametrize("text", [LEXICON, LEXICON.replace("maxLength", "maxlength"), "{"])
def test_lint_finds_what_the_command_prints(text: str, tmp_path: Path) -> None:
    write(tmp_path, text)
    found = lexgen.lint(tmp_path)
    assert found.ok == (text == LEXICON)
    assert [*found] == [*found.errors, *found.warnings]
    result = command("lint", "--lexicons", tmp_path, "--format", "json")
    assert json.loads(result.stdout)["findings"] == [asdict(finding) for finding in found]
    assert command("lint", "--lexicons", tmp_path).stdout == str(found)


def test_other_peoples_lexicons_are_warned_of(tmp_path: Path) -> None:
    write(tmp_path, LEXICON.replace("maxLength", "maxlength"))
    found = lexgen.lint(tmp_path, third_party=True)
    assert (found.ok, [warning.rule for warning in found.warnings]) == (True, ["keyword"])
    built = lexgen.build(tmp_path, tmp_path / "out", parts=["reference"], third_party=True)
    assert built.findings == found


def test_breaking_and_diff_find_what_the_commands_print(lexicons: Path, tmp_path: Path) -> None:
    write(tmp_path / "old")
    write(
        lexicons,
        LEXICON.replace("20", "10").replace('"main": {', '"more": {"type": "token"},\n"main": {'),
    )
    broken = lexgen.breaking(lexicons, against=tmp_path / "old")
    changed = lexgen.diff(lexicons, against=tmp_path / "old")
    assert [(f.rule, f.direction) for f in broken] == [("limit-tightened", "backward")]
    assert {finding.rule for finding in changed} == {"limit-tightened", "definition-added"}
    for name, found in (("breaking", broken), ("diff", changed)):
        result = command(name, "--lexicons", lexicons, "--against", tmp_path / "old")
        assert result.stdout == str(found)


def test_errors_are_one_tree(lexicons: Path, tmp_path: Path) -> None:
    with pytest.raises(lexgen.PackageNameError, match="'not a name' is not a name"):
        lexgen.build(lexicons, tmp_path / "out", package="not a name")
    with pytest.raises(lexgen.RevisionError):
        lexgen.breaking(lexicons, against="no-such-branch")
    write(lexicons, LEXICON.replace("maxLength", "maxlength"))
    with pytest.raises(lexgen.CatalogError, match=r"\[keyword\]") as caught:
        lexgen.build(lexicons, tmp_path / "out")
    assert [finding.rule for finding in caught.value.findings] == ["keyword"]
    assert not (tmp_path / "out").exists()
    for kind in (lexgen.PackageNameError, lexgen.RevisionError, lexgen.CatalogError):
        assert issubclass(kind, lexgen.LexgenError)
        assert issubclass(kind, ValueError)
