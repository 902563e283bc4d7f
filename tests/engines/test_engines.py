"""Both engines: the same results in the same order, whatever happens to workers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray

import readings
from atdata.engines import Engine, engine
from atdata.errors import SampleError
from atdata.lifecycle import verify

pytestmark = pytest.mark.xdist_group("ray")


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """A Ray cluster of two worker processes, which find this module where pytest does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        yield
        ray.shutdown()


@pytest.fixture(params=["local", "ray"])
def any_engine(request: pytest.FixtureRequest) -> Engine:
    return engine(request.param, processes=2)


def square(number: int) -> int:
    return number * number


def refuse(number: int) -> int:
    if number == 3:
        raise SampleError("not three", path="$.n", hint="Take another.")
    return number


def die_once(marker: Path) -> str:
    """The first worker that gets this dies of it."""
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return marker.name
    os._exit(1)


def test_results_come_in_order(any_engine: Engine) -> None:
    assert list(any_engine.map(square, range(50))) == [number**2 for number in range(50)]


def test_errors_arrive_whole(any_engine: Engine) -> None:
    with pytest.raises(SampleError, match="not three") as caught:
        list(any_engine.map(refuse, range(6)))
    assert caught.value.path == "$.n"
    assert caught.value.hint == "Take another."


def test_a_worker_that_dies_loses_and_doubles_nothing(any_engine: Engine, tmp_path: Path) -> None:
    markers = [tmp_path / f"{number}" for number in range(3)]
    markers[0].touch()
    markers[2].touch()
    assert list(any_engine.map(die_once, markers)) == ["0", "1", "2"]


def test_reports_do_not_depend_on_the_engine(tmp_path: Path) -> None:
    import atdata

    root = tmp_path / "root"
    atdata.write_shards(readings.readings(20), root, name="readings", version="1.0.0", maxcount=4)
    shard = root / "000002.tar"
    data = bytearray(shard.read_bytes())
    data[700] ^= 1
    shard.write_bytes(data)
    reports = [
        verify(root, deep=True, engine=engine(name, processes=2)).to_dict()
        for name in ("local", "ray")
    ]
    assert reports[0]["status"] == "fail"
    assert reports[0] == reports[1]


def test_an_unknown_engine_raises() -> None:
    with pytest.raises(ValueError, match="local, ray"):
        engine("abacus")
