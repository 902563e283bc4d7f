"""Photos in the members layout: shards as webdataset writes them, for tests of many rooms."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import webdataset as wds

import atdata
from atdata.shards.build import finish_root
from atdata.shards.info import inspect_shard
from atdata.shards.target import Label

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d494844520000000100000001080000000037"
    "6ef9240000000a49444154789c63600000000200015d"
    "b0a32a0000000049454e44ae426082"
)


@atdata.packable
class Photo:
    """A photo and what is known of it."""

    png: atdata.Image
    cls: int
    json: dict[str, Any]
    caption: Annotated[str, atdata.Member("txt")] = ""


def photo(number: int) -> Photo:
    return Photo(atdata.Image(PNG), number, {"number": number}, f"caption {number}")


def members(number: int) -> dict[str, bytes]:
    """A sample as webdataset's writer takes it, with a member that the class does not have."""
    return {
        "png": PNG,
        "cls": b"%d" % number,
        "json": json.dumps({"number": number}).encode(),
        "txt": f"caption {number}".encode(),
        "extra.bin": b"nothing of ours",
    }


def tarwriter_shard(samples: Mapping[str, Mapping[str, bytes]]) -> bytes:
    """A shard of these members by key, with a pax header before each."""
    stream = io.BytesIO()
    with wds.writer.TarWriter(stream) as writer:
        for key, parts in samples.items():
            writer.write({"__key__": key, **parts})
    return stream.getvalue()


def photo_shard(start: int, stop: int) -> bytes:
    return tarwriter_shard({f"train/{n:05d}": members(n) for n in range(start, stop)})


def root_of(folder: Path, shards: Iterable[bytes], sample_type: type[Any] = Photo) -> Path:
    """A build root around shards that another program wrote."""
    folder.mkdir(parents=True)
    infos = []
    for number, data in enumerate(shards):
        path = folder / f"{number:06d}.tar"
        path.write_bytes(data)
        infos.append((path, inspect_shard(path)))
    finish_root(folder, sample_type, Label("photos"), infos)
    return folder
