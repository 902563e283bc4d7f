"""A build root: the folder that a producer writes, with shards, indexes, schema and manifest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from atdata._version import __version__
from atdata.base.disk import write_file
from atdata.base.exchange import restore
from atdata.base.scratch import scratch_folder
from atdata.errors import SampleError
from atdata.samples.schema import canonical_text, schema_cid, schema_document
from atdata.shards.info import ShardInfo
from atdata.shards.layouts import Layout
from atdata.shards.manifest import MANIFEST_NAME, SCHEMA_NAME, Manifest, schema_ref
from atdata.shards.target import ASIDE, ROOT, Label, Target
from atdata.shards.writer import cut_shards

_TOOL = f"atdata {__version__}"
_SCRATCH = ".atdata-write-"
_UNNAMED = Label()


def build_root(
    samples: Iterable[Any],
    folder: Path | str,
    label: Label = _UNNAMED,
    *,
    maxcount: int = 10_000,
    maxsize: int | None = None,
    overwrite: bool = False,
    layout: Layout = "packed",
) -> tuple[type[Any], list[Path]]:
    """Write samples as a build root; see :func:`atdata.writing.write_shards`.

    Args:
        samples: Samples of one type, at least one.
        folder: The folder to write.
        label: What the manifest contains beside the shards.
        maxcount: Largest number of samples in a shard.
        maxsize: Largest number of bytes in a shard; None for no limit.
        overwrite: Replace an earlier dataset with other data.
        layout: ``"packed"``, or ``"members"`` for one member a field.

    Returns:
        The sample type, and the paths of the shards in order.
    """
    target = Target(Path(folder), overwrite)
    label = target.named(label)
    sample_type, samples = typed_samples(samples)
    schema_document(sample_type)  # what has no schema is refused before a shard is written
    try:
        target.make_parent()
        with _workspace(target.path) as work:
            shards = cut_shards(
                samples, work, maxcount=maxcount, maxsize=maxsize, indexed=True, layout=layout
            )
            manifest = finish_root(work, sample_type, label, target.compared(shards))
            target.put(work, {ROOT: manifest})
    except OSError as error:
        raise target.failed(error) from error
    return sample_type, [target.path / path for path in manifest.paths]


def finish_root(
    folder: Path,
    sample_type: type[Any],
    label: Label,
    shards: Iterable[tuple[Path, ShardInfo]],
) -> Manifest:
    """Write the schema and the manifest beside the shards of a folder.

    Args:
        folder: The folder that holds the shards and their indexes.
        sample_type: The type of their samples.
        label: What the manifest contains beside the shards; with a name.
        shards: Path and info of each, in order; at least one.

    Returns:
        The manifest.

    Raises:
        SchemaError: The type has no schema.
        OSError: The disk refuses.
    """
    document, class_name = schema_document(sample_type), sample_type.__name__
    paths, infos = zip(*shards, strict=True)
    write_file(folder / SCHEMA_NAME, canonical_text(document).encode())
    manifest = Manifest(
        name=label.name or "",
        version=label.version,
        schema_ref=schema_ref(class_name, label.schema_version),
        schema_cid=schema_cid(class_name, label.schema_version, document),
        paths=tuple(path.name for path in paths),
        shards=infos,
        source=label.source,
        tool=_TOOL,
    )
    write_file(folder / MANIFEST_NAME, manifest.to_json())
    return manifest


def typed_samples(samples: Iterable[Any]) -> tuple[type[Any], Iterator[Any]]:
    """Return the type of the first sample, and all samples; those of other types raise.

    Raises:
        SampleError: There are no samples; from iterating, they are of several types.
    """
    if not isinstance(samples, Iterable):
        raise SampleError(
            f"expected samples, got one {type(samples).__name__}",
            hint="Give a list or a generator of samples, such as [sample].",
        )
    rest = iter(samples)
    first = next(rest, None)
    if first is None:
        raise SampleError(
            "there are no samples", hint="Give at least one; its class is the dataset's type."
        )
    sample_type = type(first)
    return sample_type, _of_type(sample_type, chain([first], rest))


def _of_type(sample_type: type[Any], samples: Iterable[Any]) -> Iterator[Any]:
    for number, sample in enumerate(samples):
        if type(sample) is not sample_type:
            raise SampleError(
                f"sample {number} is a {type(sample).__name__}, the first is a "
                f"{sample_type.__name__}",
                hint="Write samples of other types as another dataset.",
            )
        yield sample


@contextmanager
def _workspace(target: Path) -> Iterator[Path]:
    """Yield a folder beside the target, on the same file system; remove what is left at the end."""

    def salvage(dead: Path) -> None:
        restore(dead / ASIDE, target.parent)

    with scratch_folder(target.parent, _SCRATCH, salvage=salvage) as scratch:
        work = scratch / "new"
        work.mkdir()
        yield work
