"""Other people's text reaches no terminal and no JSON with its power: every command, every edge."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import atdata
from atdata.base.text import safe_text
from atdata.cli import main
from atdata.cli.output import print_fields, print_json, print_table
from atdata.errors import AtdataError
from atdata.local import LocalDiskStore, LocalIndex

CLI = Path(atdata.__file__).parent / "cli"
EVIL = "\x1b]52;c;cm0gLXJm\x07\x9b2J\u202e\rerror: nothing is wrong\u2028"


@atdata.packable
class Note:
    """A sample that holds text."""

    text: str


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture
def indexed(tmp_path: Path) -> LocalIndex:
    """A dataset whose text is hostile wherever text may stand."""
    dataset = atdata.write_shards([Note(EVIL)], tmp_path / "notes")
    index = LocalIndex(data_store=LocalDiskStore(tmp_path / "store"))
    index.insert_dataset(dataset, name="notes", metadata={EVIL: EVIL, "list": [EVIL]})
    return index


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A build root with a file of a hostile name, and a hostile name in its manifest."""
    root = tmp_path / "damaged"
    atdata.write_shards([Note("x")], root)
    (root / f"{EVIL.replace('/', '')}.tar").write_bytes(b"")
    manifest = json.loads((root / "dataset.json").read_text())
    manifest[EVIL] = EVIL
    (root / "dataset.json").write_text(json.dumps(manifest))
    return root


COMMANDS = [
    ("dataset", "list"),
    ("dataset", "show", "notes"),
    ("dataset", "show", EVIL),
    ("dataset", "validate", "--root", "{damaged}"),
    ("dataset", "verify", "--root", "{damaged}", "--deep"),
    ("dataset", "publish", "--source-root", "{damaged}", "--store-root", "{damaged}/../s"),
    ("dataset", "pack", "--root", "{damaged}", "--output", "{damaged}/../p.tar"),
    ("dataset", "verify-pack", "{damaged}/000000.tar"),
    ("catalog", "list", "--store-root", "{damaged}"),
    ("schema", "list"),
    ("schema", "show", f"atdata://local/sampleSchema/{EVIL}@1.0.0"),
    ("load", "{store}"),
    ("load", f"{{damaged}}/{EVIL}.tar"),
    ("load", f"http://user:hunter2@{EVIL}/x.tar"),
    ("promote", EVIL),
    ("search", EVIL, "--appview", "http://127.0.0.1:1"),
    ("cache", "list"),
]


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda parts: " ".join(parts[:2]))
def test_no_command_prints_control_characters(
    arguments: tuple[str, ...], as_json: bool, damaged: Path, indexed: LocalIndex, tmp_path: Path
) -> None:
    places = {"damaged": str(damaged), "store": str(tmp_path / "notes")}
    named = [argument.format(**places) for argument in arguments]
    result = run(*named, *(["--json"] if as_json else []))
    for printed in (result.stdout, result.stderr):
        assert safe_text(printed) == printed
    assert "hunter2" not in result.output


def test_text_of_any_script_is_printed_as_it_is(tmp_path: Path) -> None:
    atdata.write_shards([Note("数据 שלום Zoë")], tmp_path / "notes")
    assert "数据 שלום Zoë" in run("load", str(tmp_path / "notes")).stdout


def test_json_keeps_the_value(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({EVIL: [EVIL]})
    printed = capsys.readouterr().out
    assert json.loads(printed) == {EVIL: [EVIL]}
    assert safe_text(printed) == printed


def test_a_cell_or_field_stays_on_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([("a\nerror: x", "b")], empty="")
    print_fields([("name", "a\nerror: x")])
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_everything_printed_comes_through_one_function() -> None:
    for path in CLI.glob("*.py"):
        if path.name == "output.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            assert name not in ("click.echo", "click.secho", "print"), f"{path}:{node.lineno}"


def test_an_uncaught_error_is_safe_too() -> None:
    shown = str(AtdataError(f"bad {EVIL}\nerror: forged", uri=EVIL, hint="Look."))
    assert safe_text(shown) == shown
    assert all(line.startswith("  ") for line in shown.splitlines()[1:])


def test_samples_keep_what_they_hold(indexed: LocalIndex) -> None:
    (sample,) = atdata.load_dataset("notes", index=indexed, split="train").ordered()
    assert sample.text == EVIL
    assert np.all(np.asarray([sample.text]) == EVIL)
