"""The fuzz campaign: only AtdataError may leave, and no input costs much.

``ATDATA_FUZZ`` is the number of inputs of all boundaries together, ``ATDATA_FUZZ_SEED`` the seed.
"""

from __future__ import annotations

import itertools
import os
import resource
import time
import warnings
from contextlib import suppress
from pathlib import Path

import pytest

from atdata.errors import AtdataError

from .boundaries import BOUNDARIES

TOTAL = int(os.environ.get("ATDATA_FUZZ", "20000"))
SEED = int(os.environ.get("ATDATA_FUZZ_SEED", "1"))
CPU = 2.0  # seconds for one input of at most 200 KB
MEMORY = 200 << 10  # KiB that one boundary may add to the peak


def share(name: str) -> int:
    """How many inputs a boundary gets: fewer, the more each costs."""
    weight = sum(1 / one.cost for one in BOUNDARIES.values())
    return max(40, round(TOTAL / BOUNDARIES[name].cost / weight))


def test_the_campaign_is_as_long_as_asked_for() -> None:
    assert sum(share(name) for name in BOUNDARIES) >= TOTAL - len(BOUNDARIES)


@pytest.mark.parametrize("name", BOUNDARIES)
def test_a_sound_input_is_read(name: str, tmp_path: Path) -> None:
    read = 0
    with BOUNDARIES[name].attempt(tmp_path) as attempt:
        for data in BOUNDARIES[name].seeds(tmp_path):
            with suppress(AtdataError):
                attempt(data)
                read += 1
    assert read


@pytest.mark.parametrize("name", BOUNDARIES)
def test_only_our_errors_leave_within_bounded_time_and_memory(name: str, tmp_path: Path) -> None:
    boundary = BOUNDARIES[name]
    allowed = (AtdataError, *boundary.allowed)
    monitored = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with boundary.attempt(tmp_path) as attempt, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for data in itertools.islice(boundary.inputs(tmp_path, SEED), share(name)):
            before = time.process_time()
            try:
                attempt(data)
            except allowed:
                pass
            except Exception as error:
                pytest.fail(f"{type(error).__name__}: {error}, of {repr(data)[:3000]}")
            assert time.process_time() - before < CPU, repr(data)[:3000]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - monitored < MEMORY
