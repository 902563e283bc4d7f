"""Reading and writing samples, all contenders side by side in one run, on warm files.

    nox -s bench -- samples
    nox -s bench -- samples --cpu ragged captions

Workloads: small (128 float32 and an int), images (224 by 224 by 3 uint8), text (1 KB), ragged (10
to 500 int32 and an int), captions (a text and 8 to 30 KB of an encoded image); and members (JPEG of
8 to 30 KB, class and JSON, a member each, as webdataset has them).
Numbers are samples/s unless a unit is given; each is the best of three passes. With ``--cpu``
they are samples per second of processor time, for machines that others use too. Floors: "msgpack
only" unpacks bytes that are ready, "at offsets" those at known places of a mapped file, which is
what any reader has to do; that of write_shards hashes and writes the bytes of a shard. webdataset
reads captions as members, and decodes nothing.

Files are warm because they were read, whoever wrote them: pages that are left in memory from
writing small pieces take five times as long to map.
"""

from __future__ import annotations

import hashlib
import io
import json
import mmap
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import msgpack
import numpy as np
from numpy.typing import NDArray

import atdata
from atdata.shards import cut_shards
from atdata.shards.offsets import index_path, offset_index
from atdata.shards.reader import read_file
from atdata.shards.tar import BLOCK

os.environ["HF_HUB_OFFLINE"] = "1"
BATCH = 32
Table = dict[str, dict[str, float]]


@atdata.packable
class Photo:
    jpg: atdata.Image
    cls: int
    json: dict[str, Any]


@atdata.packable
class Small:
    features: NDArray[np.float32]
    label: int


@atdata.packable
class Image:
    image: NDArray[np.uint8]
    label: int


@atdata.packable
class Text:
    text: str
    label: int


@atdata.packable
class Tokens:
    tokens: NDArray[np.int32]
    label: int


@atdata.packable
class Captioned:
    caption: str
    jpg: bytes


def small(count: int) -> list[Small]:
    numbers = np.random.default_rng(0).standard_normal((count, 128)).astype(np.float32)
    return [Small(features=row, label=i % 100) for i, row in enumerate(numbers)]


def images(count: int) -> list[Image]:
    noise = np.random.default_rng(0).integers(0, 256, (count, 224, 224, 3), np.uint8)
    return [Image(image=one, label=i % 100) for i, one in enumerate(noise)]


def text(count: int) -> list[Text]:
    random = Random(0)
    letters = "abcdefghijklmnopqrstuvwxyz      "
    return [
        Text(text="".join(random.choices(letters, k=1024)), label=i % 100) for i in range(count)
    ]


def ragged(count: int) -> list[Tokens]:
    random = np.random.default_rng(0)
    lengths = random.integers(10, 501, count)
    return [
        Tokens(tokens=random.integers(0, 50_000, length, np.int32), label=i % 100)
        for i, length in enumerate(lengths)
    ]


def captions(count: int) -> list[Captioned]:
    random = np.random.default_rng(0)
    made = []
    for _ in range(count):
        words, size = int(random.integers(5, 40)), int(random.integers(8_000, 30_000))
        made.append(Captioned(caption="word " * words, jpg=random.bytes(size)))
    return made


WORKLOADS: dict[str, tuple[Callable[[int], list[Any]], int]] = {
    "small": (small, 20_000),
    "images": (images, 1_000),
    "text": (text, 20_000),
    "ragged": (ragged, 20_000),
    "captions": (captions, 2_000),
}
# What is compared: a row, of which contender, with which other.
RATIOS = {
    "small": [
        ("ordered", "of TarWriter", "webdataset"),
        ("ordered", "of TarWriter", "atdata"),
        ("batched", "of TarWriter", "atdata"),
    ],
    "captions": [("ordered", "atdata", name) for name in ("webdataset", "litdata", "mosaicml")],
    "text": [("pack", "atdata", name) for name in ("mosaicml", "datasets")],
    "ragged": [
        ("batched", "atdata", "floor"),
        *(("pack", "atdata", name) for name in ("mosaicml", "datasets")),
    ],
}
clock = time.perf_counter


def exhaust(items: Iterable[Any]) -> int:
    number = 0
    for number, _ in enumerate(items, 1):  # noqa: B007
        pass
    return number


def best(run: Callable[[], Any], passes: int = 3) -> float:
    seconds = []
    for _ in range(passes):
        start = clock()
        run()
        seconds.append(clock() - start)
    return min(seconds)


def settle(folder: Path) -> None:
    """Write the files of a folder to the disk, and read them from there."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb", buffering=0) as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                while file.read(1 << 20):
                    pass


def fields(sample: Any) -> dict[str, Any]:
    return dict(vars(sample))


def ours(samples: list[Any], folder: Path) -> dict[str, float]:
    paths: list[Path] = []

    def pack() -> None:
        paths[:] = [path for path, _ in cut_shards(samples, folder, maxcount=1_000_000)]

    rows = {"pack": len(samples) / best(pack)}
    whole = folder / "whole"
    write = partial(atdata.write_shards, samples, whole, overwrite=True)
    rows["write_shards"] = len(samples) / best(write)
    shutil.rmtree(whole)
    return rows | reading(samples, paths)


def tarwriter(samples: list[Any], folder: Path) -> dict[str, float]:
    """The same samples, written by webdataset's TarWriter with random keys and read by atdata."""
    import webdataset as wds

    path = folder / "data.tar"
    with wds.writer.TarWriter(str(path)) as sink:
        for sample in samples:
            sink.write(sample.as_wds)
    return reading(samples, [path])


def reading(samples: list[Any], paths: list[Path]) -> dict[str, float]:
    count, rows = len(samples), {}
    settle(paths[0].parent)
    for path in paths:
        path.with_name(index_path(path.name)).write_bytes(offset_index(path))
    dataset: Any = atdata.Dataset[type(samples[0])]([str(path) for path in paths])  # type: ignore[misc]
    names = list(fields(samples[0]))

    def batches() -> None:
        for batch in dataset.ordered(batch_size=BATCH):
            for name in names:
                batch.column(name)

    order = [Random(1).randrange(count) for _ in range(2_000)]
    rows["ordered"] = count / best(lambda: exhaust(dataset.ordered()))
    rows["batched"] = count / best(batches)
    rows["shuffled"] = count / best(lambda: exhaust(dataset.shuffled(seed=1)))
    rows["random"] = len(order) / best(lambda: [dataset[i] for i in order])
    rows["first batch, ms"] = 1e3 * best(lambda: next(iter(dataset.ordered(batch_size=BATCH))))
    return rows


def webdataset_loop(samples: list[Any], folder: Path) -> dict[str, float]:
    import webdataset as wds

    path, count = folder / "data.tar", len(samples)
    arrays = {n for n, v in fields(samples[0]).items() if isinstance(v, np.ndarray)}

    def npy(value: Any) -> bytes:
        buffer = io.BytesIO()
        np.save(buffer, value)
        return buffer.getvalue()

    def pack() -> None:
        with wds.writer.TarWriter(str(path)) as sink:
            for i, sample in enumerate(samples):
                sink.write({"__key__": f"{i:09d}"} | members(sample))

    def members(sample: Any) -> dict[str, bytes]:
        if isinstance(sample, Captioned):
            return {"txt": sample.caption.encode(), "jpg": sample.jpg}
        plain = {n: npy(v) if n in arrays else v for n, v in fields(sample).items()}
        return {"msgpack": msgpack.packb(plain)}

    def decode(sample: dict[str, Any]) -> dict[str, Any]:
        if "msgpack" not in sample:
            return sample
        plain = msgpack.unpackb(sample["msgpack"])
        return {n: np.load(io.BytesIO(v)) if n in arrays else v for n, v in plain.items()}

    def collate(many: list[dict[str, Any]]) -> dict[str, Any]:
        if isinstance(samples[0], Tokens):
            return {n: [s[n] for s in many] for n in arrays}
        return {n: np.stack([s[n] for s in many]) for n in arrays}

    rows = {"pack": count / best(pack, 1)}
    settle(folder)
    pipe = wds.WebDataset(str(path), shardshuffle=False).map(decode)
    batched = wds.WebDataset(str(path), shardshuffle=False).map(decode).batched(BATCH, collate)
    mixed = wds.WebDataset(str(path), shardshuffle=False).shuffle(10_000).map(decode)
    rows["ordered"] = count / best(lambda: exhaust(pipe), 2)
    rows["batched"] = count / best(lambda: exhaust(batched), 1)
    rows["shuffled"] = count / best(lambda: exhaust(mixed), 1)
    rows["first batch, ms"] = 1e3 * best(lambda: next(iter(batched)), 1)
    return rows


def _without_vision() -> None:
    """Let ``streaming`` be imported without its ready-made image datasets, which need torchvision.

    The torchvision of PyPI refuses to be loaded beside a torch that was built for CPUs alone.
    """
    sys.modules["streaming.vision"] = ModuleType("streaming.vision")


def mosaicml(samples: list[Any], folder: Path) -> dict[str, float]:
    _without_vision()
    from streaming import MDSWriter, StreamingDataset

    kinds = {np.ndarray: "ndarray", int: "int", str: "str", bytes: "bytes"}
    columns = {}
    for name, value in fields(samples[0]).items():
        kind = kinds[type(value)]
        columns[name] = f"ndarray:{value.dtype}" if kind == "ndarray" else kind
    count, times = len(samples), iter(range(10))

    def pack() -> None:
        with MDSWriter(out=str(folder / f"{next(times)}"), columns=columns) as out:
            for sample in samples:
                out.write(fields(sample))

    rows = {"pack": count / best(pack, 2)}
    settle(folder)

    def dataset(shuffle: bool) -> Any:
        return StreamingDataset(local=str(folder / "0"), shuffle=shuffle, batch_size=BATCH)

    straight, mixed = dataset(False), dataset(True)
    rows["ordered"] = count / best(lambda: exhaust(straight), 2)
    rows["shuffled"] = count / best(lambda: exhaust(mixed), 1)
    order = [Random(1).randrange(count) for _ in range(2_000)]
    rows["random"] = len(order) / best(lambda: [straight[i] for i in order])
    return rows


def lightning(samples: list[Any], folder: Path) -> dict[str, float]:
    from litdata import StreamingDataset
    from litdata.streaming.writer import BinaryWriter

    times, count = iter(range(10)), len(samples)

    def pack() -> None:
        writer = BinaryWriter(str(folder / f"{next(times)}"), chunk_bytes="64MB")
        for i, sample in enumerate(samples):
            writer[i] = fields(sample)
        writer.done()
        writer.merge()

    rows = {"pack": count / best(pack, 2)}
    settle(folder)
    straight = StreamingDataset(str(folder / "0"), shuffle=False)
    mixed = StreamingDataset(str(folder / "0"), shuffle=True)
    rows["ordered"] = count / best(lambda: exhaust(straight), 2)
    rows["shuffled"] = count / best(lambda: exhaust(mixed), 1)
    return rows


def hugging_face(samples: list[Any], folder: Path) -> dict[str, float]:
    import datasets

    datasets.disable_progress_bars()
    count = len(samples)
    first = fields(samples[0])
    kinds: dict[str, Any] = {}
    for name, value in first.items():
        if isinstance(value, np.ndarray) and value.ndim == 1:
            length = -1 if isinstance(samples[0], Tokens) else len(value)
            kinds[name] = datasets.Sequence(datasets.Value(str(value.dtype)), length=length)
        elif isinstance(value, np.ndarray):
            kinds[name] = datasets.Array3D(value.shape, str(value.dtype))
        else:
            plain = {str: "string", bytes: "binary", int: "int64"}
            kinds[name] = datasets.Value(plain[type(value)])
    path = str(folder / "hf")

    def pack() -> None:
        columns = {name: [getattr(s, name) for s in samples] for name in first}
        features = datasets.Features(kinds)
        datasets.Dataset.from_dict(columns, features=features).save_to_disk(path)

    rows = {"pack": count / best(pack, 1)}
    settle(folder)
    data = datasets.load_from_disk(path).with_format("numpy")
    rows["ordered"] = count / best(lambda: exhaust(data), 1)
    rows["batched"] = count / best(lambda: exhaust(data.iter(batch_size=BATCH)), 2)
    order = [Random(1).randrange(count) for _ in range(1_000)]
    rows["random"] = len(order) / best(lambda: [data[i] for i in order], 1)
    return rows


def places_of(samples: list[Any], folder: Path) -> tuple[memoryview, list[tuple[int, int]]]:
    """A mapped shard of the samples, and where their payloads lie in it."""
    ((path, _),) = cut_shards(samples, folder, maxcount=len(samples))
    settle(folder)
    with path.open("rb") as file:
        view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    packed = read_file(path, path.name)
    return view, [(at + BLOCK, at + BLOCK + len(payload)) for _, _, at, payload in packed]


def unpack_at(view: memoryview, places: list[tuple[int, int]]) -> None:
    for start, stop in places:
        msgpack.unpackb(view[start:stop])


def floors(samples: list[Any], folder: Path) -> dict[str, float]:
    payloads = [sample.packed for sample in samples]
    path, count, data = folder / "plain", len(samples), b"".join(payloads)

    def write() -> None:
        with path.open("wb") as file:
            digest = hashlib.sha256()
            for payload in payloads:
                digest.update(payload)
                file.write(payload)
            file.flush()
            os.fsync(file.fileno())

    def read() -> None:
        with path.open("rb", buffering=0) as file:
            while file.read(1 << 20):
                pass

    def write_shard() -> None:
        with path.open("wb", buffering=0) as file:
            digest = hashlib.sha256()
            for start in range(0, len(view), 1 << 20):
                digest.update(view[start : start + (1 << 20)])
                file.write(view[start : start + (1 << 20)])
            os.fsync(file.fileno())

    rows = {"pack": count / best(write)}
    rows["read file"] = count / best(read)
    rows["msgpack only"] = count / best(lambda: exhaust(map(msgpack.unpackb, payloads)))
    view, places = places_of(samples, folder)
    rows["at offsets"] = count / best(lambda: unpack_at(view, places))
    rows["write_shards"] = count / best(write_shard)
    rows["sha256 only"] = count / best(lambda: hashlib.sha256(data))
    return rows


CONTENDERS = {
    "atdata": ours,
    "of TarWriter": tarwriter,
    "webdataset": webdataset_loop,
    "mosaicml": mosaicml,
    "litdata": lightning,
    "datasets": hugging_face,
    "floor": floors,
}


def memory() -> dict[int, float]:
    """Peak memory of a full pass in MB, by the number of shards: all of it, mapped files too."""
    code = (
        "import sys, atdata, pathlib\n"
        "ds = atdata.Dataset(sorted(map(str, pathlib.Path(sys.argv[1]).glob('*.tar'))))\n"
        "sum(1 for b in ds.ordered(batch_size=32) if b.features is not None)\n"
        "status = pathlib.Path('/proc/self/status').read_text()\n"
        "print([l.split()[1] for l in status.splitlines() if l.startswith('VmHWM')][0])\n"
    )
    peaks = {}
    samples = small(8_000)
    for shards in (4, 40):
        with tempfile.TemporaryDirectory() as folder:
            many = (sample for _ in range(shards) for sample in samples)
            exhaust(cut_shards(many, folder, maxcount=8_000))
            command = [sys.executable, "-c", code, folder]
            answer = subprocess.run(command, capture_output=True, text=True, check=True)
            peaks[shards] = int(answer.stdout) / 1024
    return peaks


def show(workload: str, table: Table, size: int) -> None:
    names = list(dict.fromkeys(row for rows in table.values() for row in rows))
    print(f"\n{workload} ({size} bytes a sample)")
    print(f"{'':16}" + "".join(f"{name:>12}" for name in table))
    for row in names:
        cells = (table[name].get(row) for name in table)
        shown = ("-" if cell is None else f"{cell:,.{1 if 'ms' in row else 0}f}" for cell in cells)
        print(f"{row:16}" + "".join(f"{cell:>12}" for cell in shown))
    for row, name, other in RATIOS.get(workload, ()):
        beside = "at offsets" if other == "floor" else row
        ratio = table[name][row] / table[other][beside]
        print(f"{row}, {name} beside {other}: {ratio:.2f} x")


def members_layout(count: int = 20_000) -> dict[str, float]:
    """Samples/s of JPEG, class and JSON, a member each; JSON is decoded, images are not."""
    import webdataset as wds

    chance = Random(0)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "photos.tar")
        with wds.writer.TarWriter(path) as sink:
            for n in range(count):
                jpg = b"\xff\xd8\xff" + chance.randbytes(chance.randrange(8_000, 30_000))
                about = {"caption": "a photo", "width": 640, "height": 480, "number": n}
                sink.write({"__key__": f"{n:09d}", "jpg": jpg, "cls": n % 100, "json": about})
        settle(Path(folder))
        typed, untyped = atdata.Dataset[Photo](path), atdata.Dataset(path)

        def pipeline() -> Any:
            return wds.WebDataset(path, shardshuffle=False, empty_check=False)

        rows: dict[str, Callable[[], Any]] = {
            "atdata, ordered": lambda: exhaust(typed.ordered()),
            "atdata, batched": lambda: exhaust(typed.ordered(batch_size=BATCH)),
            "atdata, shuffled": lambda: exhaust(typed.shuffled(seed=1)),
            "atdata, without a type": lambda: exhaust(untyped.ordered()),
            "webdataset": lambda: exhaust(pipeline()),
            "webdataset, decode()": lambda: exhaust(pipeline().decode()),
        }
        return {name: count / best(run) for name, run in rows.items()}


def main() -> None:
    global clock
    chosen = sys.argv[1:]
    if "--cpu" in chosen:
        chosen.remove("--cpu")
        clock = time.process_time
    chosen = chosen or [*WORKLOADS, "members"]
    if "members" in chosen:
        chosen.remove("members")
        print("members, samples/s: " + json.dumps(members_layout()))
    for workload in chosen:
        make, count = WORKLOADS[workload]
        samples = make(count)
        table: Table = {}
        for name, contender in CONTENDERS.items():
            with tempfile.TemporaryDirectory() as folder:
                table[name] = contender(samples, Path(folder))
        show(workload, table, len(samples[0].packed))
    peaks = memory()
    print("\npeak memory of a full pass, MB, by shards of 12 MB: " + json.dumps(peaks))


if __name__ == "__main__":
    main()
