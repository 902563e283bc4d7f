from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path

import pytest

from atdata._extras import require
from atdata.errors import MissingExtra

ROOT = Path(__file__).parent.parent


def test_what_is_there_is_imported() -> None:
    assert require("json", extra="s3") is json


def test_what_is_missing_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    monkeypatch.delitem(sys.modules, "boto3.session", raising=False)
    for module in ("boto3", "boto3.session"):
        with pytest.raises(MissingExtra, match="'boto3', which is not installed") as caught:
            require(module, extra="s3")
        assert caught.value.hint == "pip install 'atdata[s3]'"
        assert isinstance(caught.value, ImportError)


def test_every_extra_that_is_named_is_one() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {
        extra
        for path in (ROOT / "src").rglob("*.py")
        for extra in re.findall(r"\bextra=\"(\w+)\"", path.read_text())
    }
    assert len(named) > 5
    assert named <= set(extras["optional-dependencies"])
