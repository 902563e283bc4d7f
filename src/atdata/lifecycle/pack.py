"""``pack``: a dataset as one file, to be carried elsewhere.

A pack is a plain tar archive: ``dataset.json``, ``schema.json``, then the shards as they are, in
their order. Nothing in it varies: the same dataset always gives the same bytes, so its digest can
be sent to the recipient by another way.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from atdata.base.disk import link_file, sync_file
from atdata.base.scratch import scratch_folder, sweep
from atdata.engines import Engine
from atdata.errors import AtdataError, StorageError
from atdata.lifecycle.checks.shard import check_shard
from atdata.lifecycle.report import AFTER_MANIFEST, Report
from atdata.lifecycle.verify import RootExamination, examine
from atdata.progress import NullProgress, Progress
from atdata.shards.hashed import HashedStream
from atdata.shards.manifest import MANIFEST_NAME, SCHEMA_NAME
from atdata.shards.tar import BLOCK, END, PADS, file_header
from atdata.shards.window import CHUNK

# The largest size that the eleven octal digits of a tar header can hold.
MAX_SHARD = 8**11 - 1
_SCRATCH = ".atdata-pack-"
_OF_SHARDS = AFTER_MANIFEST - {"schema", "files"}


def pack(
    root: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    name: str | None = None,
    version: str | None = None,
    deep: bool = False,
    dry_run: bool = False,
    engine: Engine | None = None,
    progress: Progress | None = None,
) -> Report:
    """Verify a dataset, then write it as one file.

    Args:
        root: A build root, or a serving store.
        output: The file to write, which must not exist yet; by default
            ``{name}-{version}.tar`` in the current folder.
        name: As for :func:`~atdata.lifecycle.validate`.
        version: As for :func:`~atdata.lifecycle.validate`.
        deep: Decode every sample before packing.
        dry_run: Write nothing; return the digest that the pack would have.
        engine: Runs the checks; all cores when None.
        progress: Receives progress updates.

    Returns:
        What was found; ``outcome`` is ``"packed"``, ``"would_pack"``, or None when something was
        wrong and nothing was written. ``result["sha256"]`` is the digest of the pack.

    Raises:
        StorageError, NetworkError: Something can't be read or written.
        UrlError: A serving store needs a name and version, a folder of splits the name of one.
    """
    level = "deep" if deep else "verify"
    examination = examine(
        "dataset pack", level, root, name, version, engine=engine, progress=progress
    )
    if not examination.read_head():
        return examination.report()
    manifest = examination.manifest
    target = Path(output or f"{manifest.name}-{manifest.version}.tar").absolute()
    if not dry_run:
        sweep(target.parent, _SCRATCH)  # of a run that was killed after its last step, too
    if not _can_pack(examination, target):
        return examination.report(trust="unverified", skipped_checks=_OF_SHARDS)
    examination.run_shards(check_shard)
    result: dict[str, Any] = {}
    if not examination.findings.items:
        result = _write(examination, None if dry_run else target)
    sound = not examination.findings.items
    return examination.report(
        outcome=("would_pack" if dry_run else "packed") if sound else None,
        result={"pack": str(target), **result} if sound else {},
        extra_checks=("pack",),
    )


def _can_pack(examination: RootExamination, target: Path) -> bool:
    """Return whether a pack can be written there, as far as known before the shards are read."""
    before = len(examination.findings.items)
    examination.check_new_name()
    for index, info in enumerate(examination.manifest.shards):
        if info.size > MAX_SHARD:
            message = "write the dataset with smaller shards (maxsize=)"
            wrong = {"expected": MAX_SHARD, "actual": info.size}
            examination.add("PACK_TOO_LARGE", message, shard=index, **wrong)
    if os.path.lexists(target):  # also by a link that leads nowhere
        examination.add("PACK_EXISTS", "packs are never overwritten", path=str(target))
    return len(examination.findings.items) == before


def pack_header(name: str, size: int) -> bytes:
    """Return the header of a member of a pack."""
    return file_header(name.encode(), b"", size)


def _write(examination: RootExamination, target: Path | None) -> dict[str, Any]:
    """Write the pack, or only hash it; return its digest and length."""
    if target is None:
        return _copy(_pieces(examination), None)
    try:
        # Next to the target, so that one step gives the finished file its name.
        with scratch_folder(target.parent, _SCRATCH) as folder:
            unfinished = folder / "pack.tar"
            with unfinished.open("xb") as file:
                result = _copy(_pieces(examination), file)
            if not examination.findings.items:
                sync_file(unfinished)
                if not link_file(unfinished, target):
                    examination.add("PACK_EXISTS", "packs are never overwritten", path=str(target))
            return result
    except OSError as error:
        if isinstance(error, AtdataError):
            raise
        raise StorageError(
            f"can't write the pack: {error.strerror}",
            uri=str(target),
            hint="Make room, or name another file; no unfinished pack remains.",
        ) from error


def _copy(pieces: Iterator[bytes], file: IO[bytes] | None) -> dict[str, Any]:
    """Write pieces to a file, if there is one; return their digest and length."""
    sha256, size = hashlib.sha256(), 0
    for piece in pieces:
        sha256.update(piece)
        size += len(piece)
        if file is not None:
            file.write(piece)
    return {"sha256": sha256.hexdigest(), "bytes": size}


def _pieces(examination: RootExamination) -> Iterator[bytes]:
    """Yield the bytes of the pack; end early when a shard is not the one that was verified."""
    manifest, progress = examination.manifest, examination.progress or NullProgress()
    for name, data in ((MANIFEST_NAME, manifest.to_json()), (SCHEMA_NAME, examination.schema)):
        assert data is not None  # noqa: S101 - nothing was found to be wrong
        yield pack_header(name, len(data)) + data + PADS[-len(data) % BLOCK]
    progress.begin(manifest.size, len(manifest.shards))
    for index, (path, info) in enumerate(zip(manifest.paths, manifest.shards, strict=True)):
        yield pack_header(path, info.size)
        with examination.place.shard(manifest, index)() as stream:
            hashed = HashedStream(stream)
            while data := hashed.read(CHUNK):
                yield data
        if (actual := hashed.cid()) != info.cid:
            message = "the shard has changed since it was verified"
            examination.add("SHARD_DIGEST", message, shard=index, expected=info.cid, actual=actual)
            return
        yield PADS[-info.size % BLOCK]
        progress.advance(info.size, 1)
    yield END
