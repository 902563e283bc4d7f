"""``atdata import``: data of other formats as datasets."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click

from atdata.base.disk import write_file
from atdata.base.display import counted
from atdata.cli.options import engine_options
from atdata.cli.output import echo, json_option, print_json
from atdata.cli.progress import terminal_progress
from atdata.engines import Engine
from atdata.errors import StorageError
from atdata.importing.readers import FORMATS
from atdata.importing.run import Imported, import_dataset
from atdata.importing.tasks import MAX_SIZE
from atdata.shards.layouts import Layout


@click.command("import")
@click.argument("source")
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder for the dataset; made if it is missing.",
)
@click.option(
    "--format", type=click.Choice(list(FORMATS)), help="Format of SOURCE, if not obvious."
)
@click.option(
    "--schema-out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Python file to write the class of the samples to.",
)
@click.option("--class-name", help="Name of the class; made from that of SOURCE by default.")
@click.option("--name", help="Name of the dataset; that of the folder by default.")
@click.option("--version", default="1.0.0", show_default=True, help="Version of the dataset.")
@click.option("--schema-version", default="1.0.0", show_default=True, help="Version of its schema.")
@click.option(
    "--maxcount",
    type=click.IntRange(min=1),
    default=10_000,
    show_default=True,
    help="Largest number of samples in a shard.",
)
@click.option(
    "--maxsize",
    type=click.IntRange(min=0),
    default=MAX_SIZE,
    show_default=True,
    help="Largest number of bytes in a shard; 0 for no limit.",
)
@click.option(
    "--layout",
    type=click.Choice(get_args(Layout)),
    default="packed",
    show_default=True,
    help="Hold a sample as one member of a shard, or as one member a field.",
)
@click.option("--repack", is_flag=True, help="Write WebDataset shards again, in --layout.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier dataset with other data.")
@engine_options
@json_option
def import_(
    source: str,
    output: Path,
    schema_out: Path | None,
    maxsize: int,
    engine: Engine,
    as_json: bool,
    **settings: Any,
) -> None:
    """Import SOURCE, a file or folder of another format, as a dataset.

    The class of the samples is guessed and printed as Python source, to keep and to edit. After a
    kill, the same command goes on where it was stopped.
    """
    with terminal_progress("importing", quiet=as_json) as progress:
        found = import_dataset(
            source,
            output,
            **settings,
            maxsize=maxsize or None,
            engine=engine,
            progress=progress,
        )
    if schema_out is not None:
        _write(schema_out, found.class_text or "")
    if as_json:
        print_json(_facts(found))
        return
    echo(f"{found.class_text}\n")
    for split, manifest in found.manifests.items():
        samples, shards = manifest.samples, len(manifest.paths)
        numbers = f"{counted(samples, 'sample')} in {counted(shards, 'shard')}"
        echo(f"{found.folder / split}: {numbers}")


def _write(path: Path, text: str) -> None:
    try:
        write_file(path, text.encode())
    except OSError as error:
        reason = f"can't write the class: {error.strerror}"
        hint = "Name another file with --schema-out; the dataset is complete."
        raise StorageError(reason, uri=str(path), hint=hint) from error


def _facts(found: Imported) -> dict[str, Any]:
    return {
        "folder": str(found.folder),
        "class": found.class_text,
        "splits": {
            split: {
                "name": manifest.name,
                "samples": manifest.samples,
                "shards": len(manifest.paths),
                "bytes": manifest.size,
                "content_cid": manifest.content_cid,
                "schema_cid": manifest.schema_cid,
            }
            for split, manifest in found.manifests.items()
        },
    }
