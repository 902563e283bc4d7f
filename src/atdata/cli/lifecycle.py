"""``atdata dataset validate | verify | publish | pack | verify-pack``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from atdata import lifecycle
from atdata.cli.output import json_option
from atdata.cli.progress import terminal_progress
from atdata.cli.reports import finish
from atdata.engines import ENGINES, Engine, engine

Decorator = Callable[[Any], Any]


def options(*decorators: Decorator) -> Decorator:
    """Combine several options into one decorator."""

    def decorate(command: Any) -> Any:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


ROOT = click.option(
    "--root",
    required=True,
    metavar="PLACE",
    help="A build root, or a serving store: a folder or s3://bucket/prefix.",
)
SUBJECT = options(
    click.option("--name", help="Name of the dataset; a serving store holds several."),
    click.option("--version", help="Version of the dataset."),
)
ENGINE = options(
    click.option(
        "--engine",
        "engine_name",
        type=click.Choice(ENGINES),
        default="local",
        show_default=True,
        help="What runs the work: this machine, or a Ray cluster.",
    ),
    click.option(
        "--processes", type=click.IntRange(min=1), help="Local processes; one a core by default."
    ),
    click.option("--ray-address", metavar="ADDRESS", help="The Ray cluster."),
)
POLICY = click.option(
    "--policy",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file of gates that the dataset has to pass.",
)
DRY_RUN = click.option("--dry-run", is_flag=True, help="Say what would be written; write nothing.")


def chosen_engine(name: str, processes: int | None, ray_address: str | None) -> Engine:
    """Return the engine that the options select."""
    return engine(name, processes=processes, ray_address=ray_address)


def read_policy(path: Path | None) -> lifecycle.Policy | None:
    """Return the policy in a file; None if no file is given."""
    return None if path is None else lifecycle.Policy.from_file(path)


@click.command()
@ROOT
@SUBJECT
@ENGINE
@json_option
def validate(
    root: str,
    name: str | None,
    version: str | None,
    engine_name: str,
    processes: int | None,
    ray_address: str | None,
    as_json: bool,
) -> None:
    """Check the form: manifest, schema, files, sizes, tar headers, counts."""
    with terminal_progress("validating", quiet=as_json) as progress:
        report = lifecycle.validate(
            root,
            name=name,
            version=version,
            engine=chosen_engine(engine_name, processes, ray_address),
            progress=progress,
        )
    sys.exit(finish(report, as_json=as_json))


@click.command()
@ROOT
@SUBJECT
@click.option("--deep", is_flag=True, help="Decode every sample and hold it to the schema.")
@POLICY
@ENGINE
@json_option
def verify(
    root: str,
    name: str | None,
    version: str | None,
    deep: bool,
    policy: Path | None,
    engine_name: str,
    processes: int | None,
    ray_address: str | None,
    as_json: bool,
) -> None:
    """Check every byte against its digest; with --deep every sample too."""
    with terminal_progress("verifying", quiet=as_json) as progress:
        report = lifecycle.verify(
            root,
            name=name,
            version=version,
            deep=deep,
            policy=read_policy(policy),
            engine=chosen_engine(engine_name, processes, ray_address),
            progress=progress,
        )
    sys.exit(finish(report, as_json=as_json))


@click.command()
@click.option("--source-root", required=True, metavar="FOLDER", help="The build root.")
@click.option(
    "--store-root",
    required=True,
    metavar="PLACE",
    help="The serving store: a folder, made when it is missing, or s3://bucket/prefix.",
)
@SUBJECT
@POLICY
@DRY_RUN
@ENGINE
@json_option
def publish(
    source_root: str,
    store_root: str,
    name: str | None,
    version: str | None,
    policy: Path | None,
    dry_run: bool,
    engine_name: str,
    processes: int | None,
    ray_address: str | None,
    as_json: bool,
) -> None:
    """Verify a build root in full depth and publish it into a serving store.

    Readers see the release whole or not at all. The same content again is not an error.
    """
    with terminal_progress("publishing", quiet=as_json) as progress:
        report = lifecycle.publish(
            source_root,
            store_root,
            name=name,
            version=version,
            policy=read_policy(policy),
            dry_run=dry_run,
            engine=chosen_engine(engine_name, processes, ray_address),
            progress=progress,
        )
    sys.exit(finish(report, as_json=as_json))


@click.command()
@ROOT
@SUBJECT
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; NAME-VERSION.tar by default. It is never overwritten.",
)
@click.option("--deep", is_flag=True, help="Decode every sample before packing.")
@DRY_RUN
@ENGINE
@json_option
def pack(
    root: str,
    name: str | None,
    version: str | None,
    output: Path | None,
    deep: bool,
    dry_run: bool,
    engine_name: str,
    processes: int | None,
    ray_address: str | None,
    as_json: bool,
) -> None:
    """Verify a dataset and write it as one file, always with the same bytes."""
    with terminal_progress("packing", quiet=as_json) as progress:
        report = lifecycle.pack(
            root,
            output,
            name=name,
            version=version,
            deep=deep,
            dry_run=dry_run,
            engine=chosen_engine(engine_name, processes, ray_address),
            progress=progress,
        )
    sys.exit(finish(report, as_json=as_json))


@click.command("verify-pack")
@click.argument("pack_file", metavar="PACK")
@SUBJECT
@click.option("--deep", is_flag=True, help="Decode every sample and hold it to the schema.")
@POLICY
@click.option(
    "--expect-digest",
    metavar="DIGEST",
    help="Anchor: the sha256 that pack printed, or that of dataset.json; or the content CID, "
    "which covers samples and schema only.",
)
@click.option(
    "--at-uri", metavar="URI", help="Anchor: the dataset's record, at:// or @handle/name."
)
@click.option(
    "--require-anchor",
    is_flag=True,
    help="Fail unless anchors cover all, name, version and source too.",
)
@click.option(
    "--require-content-anchor",
    is_flag=True,
    help="Fail unless anchors cover samples and schema.",
)
@click.option(
    "--max-sample-size",
    type=click.IntRange(min=1),
    default=64 << 20,
    show_default=True,
    metavar="BYTES",
    help="Longest sample that --deep decodes.",
)
@json_option
def verify_pack(
    pack_file: str,
    name: str | None,
    version: str | None,
    deep: bool,
    policy: Path | None,
    expect_digest: str | None,
    at_uri: str | None,
    require_anchor: bool,
    require_content_anchor: bool,
    max_sample_size: int,
    as_json: bool,
) -> None:
    """Check a pack as a stream; nothing is extracted.

    Without an anchor, a sound pack is only self-consistent: its author may have forged all
    of it.
    """
    with terminal_progress("verifying", quiet=as_json) as progress:
        report = lifecycle.verify_pack(
            pack_file,
            name=name,
            version=version,
            deep=deep,
            policy=read_policy(policy),
            expect_digest=expect_digest,
            at_uri=at_uri,
            require_anchor=require_anchor or ("content" if require_content_anchor else False),
            max_sample=max_sample_size,
            progress=progress,
        )
    sys.exit(finish(report, as_json=as_json))


COMMANDS: tuple[click.Command, ...] = (validate, verify, publish, pack, verify_pack)
