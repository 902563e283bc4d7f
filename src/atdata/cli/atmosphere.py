"""``atdata login`` and ``atdata promote``."""

from __future__ import annotations

import sys
import warnings

import click

from atdata.atmosphere import AtmosphereClient
from atdata.atmosphere.publication import Details, Draft
from atdata.cli.output import echo, json_option, print_fields, print_json
from atdata.cli.progress import terminal_progress
from atdata.local import LocalIndex
from atdata.promote import Promotion
from atdata.stores.advice import SizeWarning


@click.command()
@click.argument("handle")
@click.option("--pds", metavar="URL", help="The account's PDS; found from the handle if left out.")
@click.option("--password-stdin", is_flag=True, help="Read the app password from stdin.")
@json_option
def login(handle: str, pds: str | None, password_stdin: bool, as_json: bool) -> None:
    """Log in with an app password and save the session.

    The password itself is not kept. The session file can be read by you only.
    """
    password = (
        sys.stdin.readline().rstrip("\n")
        if password_stdin
        else click.prompt("App password", hide_input=True, err=True)
    )
    client = AtmosphereClient(base_url=pds)
    client.login(handle, password)
    path = client.save_session()
    if as_json:
        print_json({"handle": client.handle, "did": client.did, "session": str(path)})
    else:
        echo(f"logged in as {client.handle} ({client.did})")


@click.command()
@click.argument("name")
@click.option("--as", "new_name", metavar="NAME", help="Publish under another name.")
@click.option("--description", help="What the dataset holds, for people.")
@click.option("--tag", "tags", multiple=True, help="A word to find it by; may be repeated.")
@click.option("--license", "license_", metavar="SPDX", help="License of the data, or its URL.")
@click.option(
    "--replace", is_flag=True, help="Let the name stand for this data, whatever it stood for."
)
@click.option(
    "--dry-run", is_flag=True, help="Print the records that would be written; write nothing."
)
@click.option("--verify", is_flag=True, help="Read back every byte of what was published.")
@json_option
def promote(
    name: str,
    new_name: str | None,
    description: str | None,
    tags: tuple[str, ...],
    license_: str | None,
    replace: bool,
    dry_run: bool,
    verify: bool,
    as_json: bool,
) -> None:
    """Publish a dataset of the local index, by NAME, to your repository.

    URLs that others can reach stay where they are. Shards that are files of this machine
    become blobs of your PDS; those that are larger than it takes are cut. Description, tags and
    license that are not given stay as they are published.
    """
    if dry_run and verify:
        raise click.UsageError("--dry-run publishes nothing that --verify could read back")
    index = LocalIndex()
    entry = index.get_dataset(name)
    client = AtmosphereClient()
    details = Details(
        description=description,
        tags=list(tags) or None,
        license=license_,
        metadata=entry.metadata,
    )
    with terminal_progress("publishing", quiet=as_json) as progress, warnings.catch_warnings():
        warnings.simplefilter("ignore", SizeWarning)  # the advice is printed below
        promotion = Promotion(
            entry,
            index,
            client,
            name=new_name,
            details=details,
            replace=replace,
            progress=progress,
        )
        if dry_run:
            plan = promotion.plan()
        else:
            draft = promotion.publish()
    if dry_run and as_json:
        print_json(plan.to_dict())
        return
    if dry_run:
        echo(str(plan))
        return
    if verify:
        with terminal_progress("reading back", quiet=as_json) as progress:
            promotion.verify(draft, progress)
    _print_published(draft, f"@{client.handle}/{new_name or name}", verify, as_json)


def _print_published(draft: Draft, address: str, verified: bool, as_json: bool) -> None:
    record, advice = draft.record, draft.advice
    if as_json:
        print_json(
            {
                "uri": str(draft.uri),
                "address": address,
                "storage": draft.storage,
                "size": record.size,
                "content_cid": record.content_cid,
                "derived_from": record.derived_from and record.derived_from.content_cid,
                "advice": advice and advice.text,
                "verified": verified,
            }
        )
        return
    print_fields(
        [
            ("published", str(draft.uri)),
            ("stored", f"as {draft.storage}" + (f": {advice.text}" if advice else "")),
            ("cut from", record.derived_from and record.derived_from.content_cid),
            ("verified", "every byte was read back" if verified else None),
            ("load it", f'atdata.load_dataset("{address}")'),
        ]
    )
