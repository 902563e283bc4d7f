"""``atdata demo``: samples, shards, index, atmosphere, and back, on real data."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from numpy.typing import NDArray

from atdata.base.display import counted
from atdata.base.extras import require
from atdata.base.scratch import temporary_folder
from atdata.cli.output import echo, json_option, print_json
from atdata.dataset import Dataset
from atdata.errors import DigestMismatch
from atdata.load import load_dataset
from atdata.local import LocalDiskStore, LocalIndex
from atdata.samples import PackableSample, packable
from atdata.writing import write_shards

if TYPE_CHECKING:
    from atdata.local import LocalDatasetEntry

NAME = "handwritten-digits"
DESCRIPTION = "1,797 handwritten digits, 8 by 8 pixels, from 43 writers."
METADATA = {
    "source": "UCI Optical Recognition of Handwritten Digits, as bundled with scikit-learn",
    "levels": 17,
}
TAGS = ["digits", "images", "classification"]
LICENSE = "CC-BY-4.0"


@packable
class Digit(PackableSample):
    """A handwritten digit.

    Attributes:
        image: Grey levels 0 (paper) to 16 (ink), shape (8, 8).
        label: The digit that the writer was asked for, 0 to 9.
    """

    image: NDArray[np.uint8]
    label: int


@click.command()
@click.option("--no-pds", is_flag=True, help="Publish nothing: only the local steps.")
@click.option(
    "--picture",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("atdata-demo.png"),
    show_default=True,
    help="Where to write a contact sheet of the samples.",
)
@json_option
def demo(no_pds: bool, picture: Path, as_json: bool) -> None:
    """Pack, index, publish and load a small dataset.

    Everything but the picture is written to a temporary folder, which is removed at the end.
    Publishing needs a session: `atdata login HANDLE`.
    """
    steps = _Steps(quiet=as_json)
    steps.say(f"{DESCRIPTION} From typed samples to a federated dataset:\n")
    with temporary_folder() as folder:
        digits = _digits()
        entry, index = _local_half(steps, digits, folder)
        if not no_pds:
            _federated_half(steps, digits, entry, index)
    _contact_sheet(digits).save(picture)
    steps.say(f"\n  a look at the samples: {picture}")
    steps.facts["picture"] = str(picture)
    if as_json:
        print_json(steps.facts)


def _local_half(
    steps: _Steps, digits: list[Digit], folder: Path
) -> tuple[LocalDatasetEntry, LocalIndex]:
    with steps.step("pack") as report:
        packed = write_shards(digits, folder / "packed", maxcount=1000)
        size = sum(Path(path).stat().st_size for path in packed.list_shards())
        samples, shards = (
            counted(len(digits), "sample"),
            counted(len(packed.list_shards()), "shard"),
        )
        report(f"{samples} of Digit in {shards}, {size:,} B")
    with steps.step("index") as report:
        store = LocalDiskStore(folder / "store")
        index = LocalIndex(path=folder / "index.db", data_store=store)
        entry = index.insert_dataset(packed, name=NAME, metadata=METADATA)
        report(f"{entry.name} as {entry.schema_ref}")
    with steps.step("check") as report:
        _compare(digits, load_dataset(NAME, split="train", index=index))
        report(f"every sample reads back equal; content {entry.content_cid}")
    steps.facts.update(
        samples=len(digits),
        shards=len(entry.data_urls),
        bytes=size,
        schema_cid=entry.schema_cid,
        content_cid=entry.content_cid,
    )
    return entry, index


def _federated_half(
    steps: _Steps, digits: list[Digit], entry: LocalDatasetEntry, index: LocalIndex
) -> None:
    from atdata.atmosphere import AtmosphereClient
    from atdata.promote import promote_to_atmosphere

    client = AtmosphereClient()
    with steps.step("promote") as report:
        uri = promote_to_atmosphere(
            entry, index, client, description=DESCRIPTION, tags=TAGS, license=LICENSE
        )
        report(uri)
    address = f"@{client.handle}/{NAME}"
    with steps.step("load") as report:
        # Local state is not used: identity, schema and shards come from the network.
        loaded = load_dataset(address, split="train")
        _compare(digits, loaded)
        report(f"{address}: {len(digits):,} of {len(digits):,} samples equal, digests verified")
    steps.facts.update(uri=uri, address=address)


def _digits() -> list[Digit]:
    """Return the dataset bundled with scikit-learn; nothing is downloaded."""
    bunch = require("sklearn.datasets", extra="demo").load_digits()
    images = bunch.images.astype(np.uint8)
    return [Digit(image, int(label)) for image, label in zip(images, bunch.target, strict=True)]


def _compare(expected: list[Digit], dataset: Dataset[Any]) -> None:
    count = 0
    for count, (ours, theirs) in enumerate(zip(expected, dataset.ordered(), strict=False), 1):
        same = np.array_equal(ours.image, theirs.image) and ours.label == theirs.label
        if not same or theirs.image.dtype != np.uint8:
            raise DigestMismatch(f"sample {count - 1} came back different: {theirs!r}")
    if count != len(expected):
        raise DigestMismatch(f"{count} of {len(expected)} samples came back")


def _contact_sheet(digits: list[Digit], *, rows: int = 12, columns: int = 24) -> Any:
    """Return the first samples in a grid, dark on white, as a Pillow image."""
    ink = np.stack([digit.image for digit in digits[: rows * columns]])
    margins = ((0, 0), (2, 2), (2, 2))
    tiles = np.pad(255 - ink * np.uint8(15), margins, constant_values=255)
    grid = tiles.reshape(rows, columns, 12, 12).swapaxes(1, 2).reshape(rows * 12, columns * 12)
    image = require("PIL.Image", extra="demo").fromarray(grid)
    return image.resize((image.width * 4, image.height * 4), resample=0)


class _Steps:
    """Steps of the demo: lines for readers, and the same facts as JSON."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.facts: dict[str, Any] = {"seconds": {}}

    def say(self, line: str) -> None:
        if not self.quiet:
            echo(line)

    @contextmanager
    def step(self, name: str) -> Iterator[Any]:
        reported: list[str] = []
        start = time.perf_counter()
        yield reported.append
        seconds = time.perf_counter() - start
        self.facts["seconds"][name] = round(seconds, 3)
        self.say(f"  {name:<8} {reported[0]}  ({seconds:.2f} s)")
