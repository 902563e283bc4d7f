"""``atdata login`` and ``atdata promote``."""

from __future__ import annotations

import sys
import warnings

import click

from atdata.atmosphere import AtmosphereClient
from atdata.cli.options import dry_run_option
from atdata.cli.output import echo, json_option, print_fields, print_json, print_result
from atdata.cli.progress import terminal_progress
from atdata.local import LocalIndex
from atdata.promote import Plan, Promotion
from atdata.stores.advice import SizeWarning


@click.command()
@click.argument("handle")
@click.option("--pds", metavar="URL", help="The account's PDS; by default found from the handle.")
@click.option("--password-stdin", is_flag=True, help="Read the app password from stdin.")
@json_option
def login(handle: str, pds: str | None, password_stdin: bool, as_json: bool) -> None:
    """Log in with an app password and save the session.

    The password is not stored, and only you can read the session file.
    """
    password = (
        sys.stdin.readline().rstrip("\n")
        if password_stdin
        else click.prompt("App password", hide_input=True, err=True)
    )
    client = AtmosphereClient(base_url=pds)
    client.login(handle, password)
    path = client.save_session()
    print_result(
        {"handle": client.handle, "did": client.did, "session": str(path)},
        f"logged in as {client.handle} ({client.did})",
        as_json=as_json,
    )


@click.command()
@click.argument("name")
@click.option("--as", "new_name", metavar="NAME", help="Publish under another name.")
@click.option("--description", help="Description of the dataset.")
@click.option("--tag", "tags", multiple=True, help="Tag to find it by; repeat for more.")
@click.option(
    "--license", "license_", metavar="SPDX", help="License of the data: its SPDX identifier or URL."
)
@click.option(
    "--replace", is_flag=True, help="Replace another dataset that was published under the name."
)
@dry_run_option
@click.option("--verify", is_flag=True, help="Read back every published byte.")
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
    """Publish dataset NAME of the local index.

    A record is written to your repository. Shards at public URLs stay where they are; local
    shards become blobs of your PDS, and are cut if they are too large for it. A description, tags
    and a license that were published earlier stay unless you give others.
    """
    if dry_run and verify:
        raise click.UsageError("--verify needs what --dry-run does not write")
    index = LocalIndex()
    entry = index.get_dataset(name)
    client = AtmosphereClient()
    with terminal_progress("publishing", quiet=as_json) as progress, warnings.catch_warnings():
        warnings.simplefilter("ignore", SizeWarning)  # the advice is printed below
        promotion = Promotion(
            entry,
            index,
            client,
            name=new_name,
            replace=replace,
            progress=progress,
            description=description,
            tags=list(tags) or None,
            license=license_,
        )
        plan = promotion.plan() if dry_run else promotion.publish()
    if dry_run and as_json:
        print_json(plan.to_dict())
        return
    if dry_run:
        echo(str(plan))
        return
    if verify:
        with terminal_progress("reading back", quiet=as_json) as progress:
            promotion.verify(plan, progress)
    _print_published(plan, f"@{client.handle}/{new_name or name}", verify, as_json)


def _print_published(plan: Plan, address: str, verified: bool, as_json: bool) -> None:
    record, advice = plan.record, plan.advice
    if as_json:
        print_json(
            {
                "uri": str(plan.uri),
                "address": address,
                "storage": plan.storage,
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
            ("published", str(plan.uri)),
            ("stored", f"as {plan.storage}" + (f": {advice.text}" if advice else "")),
            ("cut from", record.derived_from and record.derived_from.content_cid),
            ("verified", "every byte was read back" if verified else None),
            ("load it", f'atdata.load_dataset("{address}")'),
        ]
    )
