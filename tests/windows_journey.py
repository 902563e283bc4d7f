"""Run by test_platforms as a program of its own: the core journey, in the current folder."""

from __future__ import annotations

import like_windows  # noqa: F401 - before all else

# isort: split

from pathlib import Path

import numpy as np

import atdata
from atdata.atmosphere import AtmosphereClient
from atdata.engines.local import LocalEngine
from atdata.lifecycle import Catalog, pack, publish, verify, verify_pack
from atdata.local import LocalDiskStore, LocalIndex
from rows import Row

HERE = Path.cwd()
ROOT, STORE = HERE / "rows", HERE / "releases"


def rows(start: int = 0) -> list[Row]:
    return [Row(np.full(3, n, np.float32), n) for n in range(start, start + 40)]


def labels(samples: object) -> list[int]:
    return [row.label for row in samples]


def write_and_read() -> atdata.Dataset[Row]:
    atdata.write_shards(rows(1000), ROOT, maxcount=10)
    dataset = atdata.write_shards(rows(), ROOT, maxcount=10, overwrite=True)
    assert labels(dataset.ordered()) == list(range(40))
    assert labels(dataset.shuffled(seed=1)) != list(range(40))
    assert sorted(labels(dataset.shuffled(seed=1))) == list(range(40))
    assert [dataset[n].label for n in (39, 0, 17)] == [39, 0, 17]
    assert len(dataset) == 40
    (batch, *_) = dataset.ordered(batch_size=16)
    assert batch.features.shape == (16, 3)
    return dataset


def release() -> None:
    engine = LocalEngine(max(2, LocalEngine().processes))
    verify(ROOT, deep=True, engine=engine).raise_for_findings()
    for _ in range(2):
        publish(ROOT, STORE, engine=engine).raise_for_findings()
    found = Catalog(STORE).open_dataset("rows", "1.0.0")
    assert labels(found.ordered()) == list(range(40))
    packed = pack(ROOT, HERE / "rows.pack.tar", engine=engine)
    packed.raise_for_findings()
    verify_pack(HERE / "rows.pack.tar", deep=True).raise_for_findings()


def index_and_promote(dataset: atdata.Dataset[Row]) -> None:
    client = AtmosphereClient()
    with LocalIndex(data_store=LocalDiskStore(HERE / "store")) as index:
        entry = index.insert_dataset(dataset, name="rows")
        assert labels(index.open_dataset("rows").ordered()) == list(range(40))
        atdata.promote_to_atmosphere(entry, index, client, verify=True)
    address = f"@{client.handle}/rows"
    back = atdata.load_dataset(address, Row, split="train")
    assert labels(back.ordered()) == list(range(40))
    print(f"{address}: {len(back)} samples")


if __name__ == "__main__":
    made = write_and_read()
    release()
    index_and_promote(made)
