"""Sample counts of local shards, from the offset index or manifest next to them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from atdata.errors import ShardError
from atdata.shards.info import ShardInfo
from atdata.shards.manifest import MANIFEST_NAME, MAX_BYTES, read_manifest
from atdata.shards.offsets import read_index


def sample_count(path: Path, shard: str) -> int | None:
    """Return the number of samples in a shard, from ``dataset.json`` or from its offset index.

    Args:
        path: Of the shard.
        shard: Its name, for errors.

    Returns:
        None if there is neither. A ``dataset.json`` that is not a sound manifest of atdata is
        ignored.

    Raises:
        ShardError: The index or manifest does not fit the shard.
    """
    listed = _listed(path.with_name(MANIFEST_NAME)).get(path.name)
    if listed is None or not path.is_file():
        offsets = read_index(path, shard)
        return None if offsets is None else len(offsets)
    if path.stat().st_size != listed.size:
        raise ShardError(
            f"the manifest next to the shard lists it with {listed.size} bytes",
            hint="Fetch the shard again, or remove dataset.json.",
            shard=shard,
        )
    return listed.samples


def _listed(manifest: Path) -> dict[str, ShardInfo]:
    try:
        state = manifest.stat()
    except OSError:
        return {}
    return _read(manifest, state.st_mtime_ns, state.st_size) if state.st_size <= MAX_BYTES else {}


@lru_cache(maxsize=8)
def _read(manifest: Path, _time: int, _size: int) -> dict[str, ShardInfo]:
    """Return the shards of a manifest by file name; cached, as each shard asks for it."""
    found, _ = read_manifest(manifest.read_bytes())
    return {} if found is None else dict(zip(found.paths, found.shards, strict=True))
