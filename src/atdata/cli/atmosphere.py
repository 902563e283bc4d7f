"""``atdata login`` and ``atdata promote``."""

from __future__ import annotations

import sys

import click

from atdata.atmosphere import AtmosphereClient
from atdata.cli.output import json_option, print_fields, print_json
from atdata.cli.session import save_session, saved_client
from atdata.local import LocalIndex
from atdata.promote import promote_to_atmosphere


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
    path = save_session(client)
    if as_json:
        print_json({"handle": client.handle, "did": client.did, "session": str(path)})
    else:
        click.echo(f"logged in as {client.handle} ({client.did})")


@click.command()
@click.argument("name")
@click.option("--as", "new_name", metavar="NAME", help="Publish under another name.")
@click.option("--description", help="What the dataset holds, for people.")
@click.option("--tag", "tags", multiple=True, help="A word to find it by; may be repeated.")
@click.option("--license", "license_", metavar="SPDX", help="License of the data.")
@json_option
def promote(
    name: str,
    new_name: str | None,
    description: str | None,
    tags: tuple[str, ...],
    license_: str | None,
    as_json: bool,
) -> None:
    """Publish a dataset of the local index, by NAME, to your repository.

    URLs that others can reach stay where they are. Shards that are files of this machine
    become blobs of your PDS.
    """
    index = LocalIndex()
    uri = promote_to_atmosphere(
        index.get_dataset(name),
        index,
        client := saved_client(),
        name=new_name,
        description=description,
        tags=list(tags) or None,
        license=license_,
    )
    address = f"@{client.handle}/{new_name or name}"
    if as_json:
        print_json({"uri": uri, "address": address})
    else:
        print_fields([("published", uri), ("load it", f'atdata.load_dataset("{address}")')])
