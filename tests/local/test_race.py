"""Several processes that want the same name at once."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from typing import Any

import atdata
from atdata.errors import EntryConflict, SchemaConflict

from .conftest import open_index
from .samples import Other, Reading

PROCESSES = 4
ROUNDS = 15


def run(work: Callable[..., list[str]], place: str) -> list[list[str]]:
    """Let processes do the same work at once; what each of them says, by round."""
    context = multiprocessing.get_context("spawn")
    barrier, queue = context.Barrier(PROCESSES), context.Queue()
    processes = [
        context.Process(target=_run, args=(work, place, number, barrier, queue))
        for number in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    said = [queue.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    return [list(one) for one in zip(*said, strict=True)]


def _run(work: Callable[..., list[str]], place: str, number: int, barrier: Any, queue: Any) -> None:
    with open_index(place) as index:
        barrier.wait(60)
        queue.put(work(index, number, barrier))


def insert(index: Any, number: int, barrier: Any) -> list[str]:
    said = []
    for turn in range(ROUNDS):
        ds = atdata.Dataset[Reading](f"s3://bucket/{number}.tar")
        barrier.wait(60)
        try:
            said.append(index.insert_dataset(ds, name=f"name-{turn}").wds_url)
        except EntryConflict:
            said.append("conflict")
    return said


def publish(index: Any, number: int, barrier: Any) -> list[str]:
    said = []
    for turn in range(ROUNDS):
        sample_type = (Reading, Other)[number % 2]
        same_name = type("Same", (sample_type,), {"__annotations__": {}})
        barrier.wait(60)
        try:
            index.publish_schema(atdata.packable(same_name), version=f"1.0.{turn}")
            said.append(sample_type.__name__)
        except SchemaConflict:
            said.append("conflict")
    return said


def publish_next(index: Any, number: int, barrier: Any) -> list[str]:
    return [index.publish_schema(Reading, tags=[f"{number} {n}"]) for n in range(ROUNDS)]


def test_a_name_is_won_by_exactly_one(place: str) -> None:
    rounds = run(insert, place)
    with open_index(place) as index:
        for turn, said in enumerate(rounds):
            assert said.count("conflict") == PROCESSES - 1
            assert index.get_dataset(f"name-{turn}").wds_url in said
        assert len(index.list_datasets()) == ROUNDS
        assert len(index.list_schemas()) == 1


def test_a_version_is_won_by_one_document(place: str) -> None:
    rounds = run(publish, place)
    with open_index(place) as index:
        for turn, said in enumerate(rounds):
            (winner,) = set(said) - {"conflict"}
            assert said.count(winner) == PROCESSES // 2
            field = {"Reading": "sensor", "Other": "number"}[winner]
            ref = f"atdata://local/sampleSchema/Same@1.0.{turn}"
            assert field in index.get_schema(ref).document_text


def test_every_process_gets_a_version_of_its_own(place: str) -> None:
    rounds = run(publish_next, place)
    versions = {int(ref.rpartition(".")[2]) for said in rounds for ref in said}
    assert versions == set(range(PROCESSES * ROUNDS))
