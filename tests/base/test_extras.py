from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path

import pytest

from atdata.base.extras import require
from atdata.errors import MissingExtra

ROOT = Path(__file__).parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SOURCES = ("src", "codegen", "generated", "lexicons")
TEXTS = (".py", ".md", ".html", ".jinja", ".json")


def test_what_is_there_is_imported() -> None:
    assert require("json", extra="s3") is json


def test_what_is_missing_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    monkeypatch.delitem(sys.modules, "boto3.session", raising=False)
    for module in ("boto3", "boto3.session"):
        with pytest.raises(MissingExtra, match="'boto3', which is not installed") as caught:
            require(module, extra="s3")
        assert caught.value.hint == "Run: pip install 'atdata-sdk[s3]'"
        assert isinstance(caught.value, ImportError)


def test_every_extra_that_is_named_is_one() -> None:
    named = {
        extra
        for path in (ROOT / "src").rglob("*.py")
        for extra in re.findall(r"\bextra=\"(\w+)\"", path.read_text())
    }
    assert len(named) > 5
    assert named <= set(PROJECT["optional-dependencies"])


def test_the_extras_that_the_readme_lists_are_those_of_the_project() -> None:
    extras = PROJECT["optional-dependencies"]
    (everything,) = extras["all"]
    listed = " ".join((ROOT / "README.md").read_text().split("`all` brings", 1)[1].split())
    brought, alone = listed.split(".", 1)[0].split("; by themselves there are")
    assert ",".join(re.findall(r"`(\w+)`", brought)) == everything.split("[")[1].rstrip("]")
    assert set(re.findall(r"`(\w+)`", brought + alone)) == set(extras) - {"all"}


def test_extras_are_in_alphabetical_order_and_all_is_the_last() -> None:
    *others, last = PROJECT["optional-dependencies"]
    assert (others, last) == (sorted(others), "all")


def test_every_page_of_the_documents_is_linked_from_the_readme_or_the_architecture() -> None:
    linked = {
        (page.parent / target).resolve()
        for page in (ROOT / "README.md", ROOT / "docs" / "architecture.md")
        for target in re.findall(r"\]\(([^)#:]+\.md)", page.read_text())
    }
    assert set((ROOT / "docs").rglob("*.md")) <= linked


def test_extras_that_need_others_name_this_distribution() -> None:
    for needed in PROJECT["optional-dependencies"].values():
        assert not [one for one in needed if one.startswith("atdata") and "atdata-sdk[" not in one]


def test_no_page_and_no_hint_installs_the_other_project() -> None:
    other = re.compile(r"(?<!Not `)pip install (-\S+ )*['\"`]?atdata(?!-sdk)\b")
    files = [
        *ROOT.glob("*.md"),
        *ROOT.glob(".*.yaml"),
        *(ROOT / ".github").rglob("*.yml"),
        *(path for top in SOURCES for path in (ROOT / top).rglob("*") if path.suffix in TEXTS),
    ]
    assert len(files) > 100
    assert not [str(path) for path in files if other.search(path.read_text("utf-8"))]
