"""The bounds are measured: code that breaks them is seen."""

from __future__ import annotations

import urllib.request

import pytest

from .measure import MEBIBYTE, cost
from .server import HostileServer, drip


def test_memory_and_cpu_are_those_of_the_code_alone() -> None:
    taken = cost("x = bytearray(80 << 20)\nresult(len(x))", setup="y = bytearray(300 << 20)")
    assert 75 * MEBIBYTE < taken.memory < 100 * MEBIBYTE
    assert taken.answer == 80 << 20
    taken.assert_bounded()


def test_more_than_the_bounds_fails() -> None:
    with pytest.raises(AssertionError, match="MiB"):
        cost("x = bytearray(300 << 20)").assert_bounded()
    with pytest.raises(AssertionError, match=" s"):
        cost("while time.process_time() - cpu < 0.3: pass").assert_bounded(cpu=0.2)
    with pytest.raises(AssertionError, match="ValueError"):
        cost("raise ValueError('foreign')").assert_bounded()
    cost("from atdata.errors import UrlError\nraise UrlError('ours')").assert_bounded()


def test_a_drip_arrives_whole_if_one_waits(hostile: HostileServer) -> None:
    hostile.serve({"/drip": drip(b"abc", pause=0.01)})
    with urllib.request.urlopen(hostile.url("/drip?x=1")) as answer:
        assert answer.read() == b"abc"
    assert hostile.seen == ["GET /drip?x=1"]
