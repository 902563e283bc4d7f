"""The ``lexgen`` command, used with lexicons of one's own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from lexgen.cli import main

ROOT = Path(__file__).parents[2]

LEXICON = {
    "lexicon": 1,
    "id": "org.example.note",
    "defs": {
        "main": {
            "type": "record",
            "key": "tid",
            "record": {
                "type": "object",
                "required": ["text"],
                "properties": {"text": {"type": "string", "maxLength": 20}},
            },
        }
    },
}


def lexgen(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def write(folder: Path, max_length: int = 20) -> Path:
    path = folder / "org" / "example" / "note.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(LEXICON, indent=2).replace("20", str(max_length))
    path.write_text(text)
    return path


@pytest.fixture
def lexicons(tmp_path: Path) -> Path:
    folder = tmp_path / "lexicons"
    write(folder)
    return folder


def test_bring_your_own_lexicons(lexicons: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    arguments = ("--lexicons", lexicons, "--output", output, "--package", "my_records")
    assert lexgen("build", *arguments).exit_code == 0
    assert lexgen("check", *arguments).exit_code == 0
    program = (
        "from my_records.org.example.note import Note\n"
        "note = Note(text='hello')\n"
        "note.validate()\n"
        "assert Note.from_json(note.to_json()) == note\n"
        "print(note.cid())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=output, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("bafyrei")
    record = tmp_path / "note.json"
    record.write_text('{"$type": "org.example.note", "text": "much too long to be a note"}')
    command = [sys.executable, "-m", "my_records", "validate", str(record)]
    done = subprocess.run(command, cwd=output, capture_output=True, text=True, check=False)
    assert done.returncode == 100
    assert f"{record}:1: $.text: 26 bytes are more than 20 [max-length]" in done.stdout


def test_check_finds_hand_edits_and_drift(lexicons: Path, tmp_path: Path) -> None:
    arguments = ("--lexicons", lexicons, "--output", tmp_path / "out")
    lexgen("build", *arguments)
    module = tmp_path / "out" / "atdata_records" / "org" / "example" / "note.py"
    module.write_text(module.read_text().replace("<= 20", "<= 2000"))
    (module.parent / "more.py").write_text("x = 1\n")
    result = lexgen("check", *arguments)
    assert result.exit_code == 1
    assert "--- " in result.output
    assert "not generated: " in result.output
    (changed,) = (
        line for line in result.output.splitlines() if line.startswith("+ ") and "20" in line
    )
    assert "<= 20" in changed
    module.unlink()
    assert f"missing: {module.as_posix()}" in lexgen("check", *arguments).output


def test_build_removes_what_it_wrote_and_nothing_else(lexicons: Path, tmp_path: Path) -> None:
    arguments = ("--lexicons", lexicons, "--output", tmp_path / "out")
    lexgen("build", *arguments)
    package = tmp_path / "out" / "atdata_records"
    (package / "mine.py").write_text("x = 1\n")
    path = lexicons / "org" / "example" / "note.json"
    other = path.with_name("other.json")
    other.write_text(path.read_text().replace("example.note", "example.other"))
    path.unlink()
    assert lexgen("build", *arguments).exit_code == 0
    assert not (package / "org" / "example" / "note.py").exists()
    assert (package / "org" / "example" / "other.py").exists()
    assert (package / "mine.py").exists()


def test_wrong_usage_and_broken_lexicons(lexicons: Path, tmp_path: Path) -> None:
    assert lexgen("build", "--package", "not a name").exit_code == 2
    assert lexgen("lint", "--lexicons", tmp_path / "nowhere").exit_code == 2
    path = write(lexicons)
    path.write_text(path.read_text().replace("maxLength", "maxlength"))
    result = lexgen("build", "--lexicons", lexicons, "--output", tmp_path / "out")
    assert result.exit_code == 1
    assert "note.json:16:13: error" in result.output
    assert not (tmp_path / "out").exists()


def test_lint_formats(lexicons: Path) -> None:
    assert lexgen("lint", "--lexicons", lexicons).exit_code == 0
    path = write(lexicons)
    path.write_text(path.read_text().replace("maxLength", "max\\u000aLength"))
    results = {
        style: lexgen("lint", "--lexicons", lexicons, "--format", style)
        for style in ("text", "json", "github", "junit")
    }
    assert {result.exit_code for result in results.values()} == {100}
    assert "[keyword]" in results["text"].output
    (finding,) = json.loads(results["json"].output)["findings"]
    assert (finding["rule"], finding["line"], finding["column"]) == ("keyword", 16, 13)
    assert results["github"].output.startswith("::error file=")
    assert results["github"].output.count("\n") == 1
    suite = ElementTree.fromstring(results["junit"].output)
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")


def test_breaking_against_folder_lock_and_git(lexicons: Path, tmp_path: Path) -> None:
    assert lexgen("lock", "--lexicons", lexicons, "--check").exit_code == 1
    assert lexgen("lock", "--lexicons", lexicons).exit_code == 0
    assert lexgen("lock", "--lexicons", lexicons, "--check").exit_code == 0
    lock = lexicons / "lexicons.lock"
    entry = json.loads(lock.read_text())["lexicons"]["org.example.note"]
    assert entry["cid"].startswith("bafyrei")
    write(tmp_path / "old")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-C", str(tmp_path)]
    for command in (["init", "-q"], ["add", "lexicons"], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *command], check=True)
    write(lexicons, 10)
    for state in (tmp_path / "old", lock, "HEAD"):
        result = lexgen("breaking", "--lexicons", lexicons, "--against", state)
        assert result.exit_code == 100, result.output
        assert "note.json:16:" in result.output
        assert "maxLength of text was 20, is 10 (backward) [limit-tightened]" in result.output
    nowhere = lexgen("breaking", "--lexicons", lexicons, "--against", "--output=x")
    assert nowhere.exit_code in (1, 2)
    assert lexgen("breaking", "--lexicons", lexicons, "--against", "no-branch").exit_code == 1
    write(lexicons, 30)
    summary = lexgen("diff", "--lexicons", lexicons, "--against", "HEAD")
    assert summary.exit_code == 0
    assert "(forward) [limit-loosened]" in summary.output


def test_describe(lexicons: Path) -> None:
    result = lexgen("describe", "org.example.note", "--lexicons", lexicons)
    assert "| text | `text` | string | yes | at most 20 bytes |" in result.output
    assert "atdata_records" not in result.output
    assert "Python:" not in result.output
    named = lexgen(
        "describe", "org.example.note", "--lexicons", lexicons, "--package", "example.records"
    )
    assert "Python: `example.records.org.example.note` · sha256" in named.output
    missing = lexgen("describe", "org.example.other", "--lexicons", lexicons)
    assert missing.exit_code == 1
    assert "org.example.note" in missing.output


def test_the_committed_output_is_what_is_built() -> None:
    arguments = ("--lexicons", ROOT / "lexicons", "--output", ROOT / "generated")
    result = lexgen("check", *arguments)
    assert result.exit_code == 0, result.output
    assert lexgen("lock", "--lexicons", ROOT / "lexicons", "--check").exit_code == 0


def test_the_committed_output_is_formatted() -> None:
    command = [sys.executable, "-m", "ruff", "format", "--check", "--no-cache", "generated"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("tool", ["jinja2", "ruff"])
def test_missing_tools_are_named(tool: str, lexicons: Path, tmp_path: Path) -> None:
    program = (
        "import sys, importlib.util as u\n"
        f"class Hide:\n    def find_spec(self, name, *more):\n        if name == {tool!r}:\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Hide())\n"
        "found = u.find_spec\n"
        f"u.find_spec = lambda name: None if name == {tool!r} else found(name)\n"
        "from lexgen.cli import main\nmain()\n"
    )
    command = [sys.executable, "-c", program, "build", "--lexicons", str(lexicons)]
    done = subprocess.run(
        [*command, "--output", str(tmp_path / "out")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == f"lexgen: {tool} is not installed: pip install 'atdata-sdk[lexgen]'\n"
