"""``atdata dataset validate | verify | publish | pack | verify-pack``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from atdata import lifecycle
from atdata.cli.options import (
    deep_option,
    dry_run_option,
    engine_options,
    policy_option,
    release_options,
    root_option,
)
from atdata.cli.output import json_option
from atdata.cli.progress import terminal_progress
from atdata.cli.reports import finish
from atdata.lifecycle.report import Report


def finish_with_progress(
    label: str, operation: Callable[..., Report], *, as_json: bool, **settings: Any
) -> None:
    """Run an operation under a progress bar, print its report, and exit."""
    with terminal_progress(label, quiet=as_json) as progress:
        report = operation(**settings, progress=progress)
    sys.exit(finish(report, as_json=as_json))


@click.command()
@root_option
@release_options
@engine_options
@json_option
def validate(**settings: Any) -> None:
    """Check a dataset's structure, without its bytes.

    This covers the manifest, the schema, sizes of files, tar headers and sample counts.
    """
    finish_with_progress("validating", lifecycle.validate, **settings)


@click.command()
@root_option
@release_options
@deep_option
@policy_option
@engine_options
@json_option
def verify(**settings: Any) -> None:
    """Check a dataset's structure and the digests of its shards."""
    finish_with_progress("verifying", lifecycle.verify, **settings)


@click.command()
@click.option("--source-root", required=True, metavar="FOLDER", help="The build root.")
@click.option(
    "--store-root",
    required=True,
    metavar="LOCATION",
    help="The serving store: an s3:// or gs:// URL, or a folder, which is made if it is missing.",
)
@release_options
@policy_option
@dry_run_option
@engine_options
@json_option
def publish(**settings: Any) -> None:
    """Verify a build root and publish it to a serving store.

    Every sample is decoded first. Readers see the whole release or nothing of it. Publishing the
    same content again is not an error.
    """
    finish_with_progress("publishing", lifecycle.publish, **settings)


@click.command()
@root_option
@release_options
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; NAME-VERSION.tar by default. It is never overwritten.",
)
@deep_option
@dry_run_option
@engine_options
@json_option
def pack(**settings: Any) -> None:
    """Verify a dataset and write it to one file.

    The same dataset always gives the same bytes.
    """
    finish_with_progress("packing", lifecycle.pack, **settings)


@click.command("verify-pack")
@click.argument("pack", metavar="PACK")
@release_options
@deep_option
@policy_option
@click.option(
    "--expect-digest",
    metavar="DIGEST",
    help="Anchor: the sha256 that `dataset pack` printed, the sha256 of dataset.json, or the "
    "content CID, which covers only samples and schema.",
)
@click.option(
    "--at-uri", metavar="URI", help="Anchor: the dataset's record, at:// or @handle/name."
)
@click.option(
    "--require-anchor",
    is_flag=True,
    help="Fail unless anchors cover everything: name, version and source too.",
)
@click.option(
    "--require-content-anchor",
    is_flag=True,
    help="Fail unless anchors cover samples and schema.",
)
@click.option(
    "--max-sample-size",
    "max_sample",
    type=click.IntRange(min=1),
    default=64 << 20,
    show_default=True,
    metavar="BYTES",
    help="Size of the largest sample that --deep decodes.",
)
@json_option
def verify_pack(*, require_anchor: bool, require_content_anchor: bool, **settings: Any) -> None:
    """Check a pack without extracting it.

    Without an anchor, a valid pack is only self-consistent: its author may have forged all of it.
    """
    settings["require_anchor"] = require_anchor or ("content" if require_content_anchor else False)
    finish_with_progress("verifying", lifecycle.verify_pack, **settings)


COMMANDS: tuple[click.Command, ...] = (validate, verify, publish, pack, verify_pack)
