"""``atdata appview``: run and manage an AppView."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from atdata.base.extras import require
from atdata.base.folders import data_folder
from atdata.cli.output import json_option, print_list, print_result

if TYPE_CHECKING:
    from atdata.appview.database.protocol import Database


def _option(name: str, **settings: Any) -> Callable[[Any], Any]:
    """Return an option that an environment variable can set, too."""
    variable = f"ATDATA_APPVIEW_{name.upper().replace('-', '_')}"
    settings |= {"envvar": variable, "show_envvar": True, "show_default": "default" in settings}
    option: Callable[[Any], Any] = click.option(f"--{name}", **settings)
    return option


_data = _option(
    "data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the database and the cache; by default `appview` in atdata's data folder.",
)
_database = _option(
    "database", metavar="URL", help="postgresql:// URL of a database, in place of the embedded one."
)


def _with_database(command: Callable[..., None]) -> Any:
    """Add the options that select a database; the command gets it opened."""

    @_data
    @_database
    @wraps(command)
    def opened(*, data: Path | None, database: str | None, **settings: Any) -> None:
        from atdata.appview.database.opening import open_database

        where = database or (data or data_folder() / "appview") / "appview.db"
        with closing(open_database(where)) as found:
            command(**settings, database=found)

    return opened


@click.group()
def appview() -> None:
    """Run and manage an AppView.

    It collects the datasets of the servers that it follows, answers searches, and serves their
    shards at plain URLs.
    """


@appview.command()
@_option("host", default="127.0.0.1", help="Address to listen on.")
@_option("port", default=8650, type=int, help="Port to listen on.")
@_data
@_database
@_option(
    "pds", multiple=True, metavar="URL", help="Personal data server to follow; repeat for more."
)
@_option("relay", multiple=True, metavar="URL", help="Relay to follow; repeat for more.")
@_option("jetstream", multiple=True, metavar="URL", help="Jetstream to follow; repeat for more.")
@_option("base-url", metavar="URL", help="URL of the service, such as https://data.example.")
@_option("cache-gb", default=10.0, help="Disk space for verified shards, in GiB.")
@_option("largest-shard-mb", default=2048, help="Size of the largest shard served, in MiB.")
@_option("rate", default=600, help="Requests per minute and client; 0 for no limit.")
@_option(
    "s3-bucket",
    multiple=True,
    metavar="BUCKET",
    help="S3 bucket whose objects all clients may read; repeat for more.",
)
@_option(
    "trust-proxy",
    metavar="ADDRESS",
    help="Address of the reverse proxy, whose X-Forwarded-For is trusted.",
)
@json_option
def serve(
    host: str,
    port: int,
    data: Path | None,
    database: str | None,
    pds: tuple[str, ...],
    relay: tuple[str, ...],
    jetstream: tuple[str, ...],
    base_url: str | None,
    cache_gb: float,
    largest_shard_mb: int,
    rate: int,
    s3_bucket: tuple[str, ...],
    trust_proxy: str | None,
    as_json: bool,
) -> None:
    """Follow the network and serve HTTP, until interrupted.

    Without --pds, --relay or --jetstream it serves what its database already contains. A PDS at a
    private address is followed if it is the first --pds, or with ATDATA_ALLOW_PRIVATE=1.
    """
    for module in ("starlette", "uvicorn", "websockets", "jinja2", "libipld", "prometheus_client"):
        require(module, extra="appview")
    from atdata.appview.ingest.sources import Source
    from atdata.appview.logs import set_up_logging
    from atdata.appview.service import Settings, create_app
    from atdata.appview.web.connections import allow_files, uvicorn_settings

    if pds:
        os.environ.setdefault("ATDATA_PDS_URL", pds[0])
    set_up_logging()
    folder = data or data_folder() / "appview"
    app = create_app(
        Settings(
            data=folder,
            database=database,
            sources=(
                *(Source("pds", url) for url in pds),
                *(Source("relay", url) for url in relay),
                *(Source("jetstream", url) for url in jetstream),
            ),
            base_url=base_url,
            cache_bytes=int(cache_gb * 2**30),
            largest_shard=largest_shard_mb * 2**20,
            rate=rate,
            buckets=frozenset(s3_bucket),
        )
    )
    url = base_url or f"http://{host}:{port}"
    print_result({"url": url, "data": str(folder)}, f"serving {url}", as_json=as_json)
    allow_files()
    require("uvicorn", extra="appview").run(
        app,
        **uvicorn_settings(trust_proxy),
        host=host,
        port=port,
        log_config=None,  # its messages go to the same log as ours
        log_level="warning",
        server_header=False,
        proxy_headers=trust_proxy is not None,
        forwarded_allow_ips=trust_proxy,
        timeout_graceful_shutdown=5,
    )


@appview.command()
@click.argument("subject")
@click.option("--reason", required=True, help="The reason; stored with the takedown.")
@click.option(
    "--ahead", is_flag=True, help="Accept a subject that is not known yet: hide it once it is."
)
@_with_database
@json_option
def takedown(subject: str, reason: str, ahead: bool, database: Database, as_json: bool) -> None:
    """Hide a repository or a record.

    SUBJECT is a DID, a handle, or the at:// URI of a record.
    """
    from atdata.appview.database.takedowns import find_subject
    from atdata.appview.database.writing import take_down

    found = find_subject(database, subject, ahead=ahead)
    with database.write() as tx:
        take_down(tx, found, reason)
    print_result({"subject": found, "shown": False}, f"{found} is hidden", as_json=as_json)


@appview.command()
@click.argument("subject")
@_with_database
@json_option
def restore(subject: str, database: Database, as_json: bool) -> None:
    """Undo the takedown of SUBJECT."""
    from atdata.appview.database import writing
    from atdata.appview.database.takedowns import find_takedown

    found = find_takedown(database, subject)
    with database.write() as tx:
        writing.restore(tx, found)
    print_result({"subject": found, "shown": True}, f"{found} is shown again", as_json=as_json)


@appview.command()
@_with_database
@json_option
def unreadable(database: Database, as_json: bool) -> None:
    """List messages that could not be read, newest first.

    Followed servers sent them; they were skipped. With --json, `message` is the beginning of each
    in hexadecimal.
    """
    rows = [dict(row) for row in database.read("SELECT * FROM unreadable ORDER BY id DESC")]
    print_list(
        rows,
        lambda row: (
            row["heard_at"],
            row["source"],
            str(row["position"]),
            f"{row['size']:,}",
            row["reason"],
        ),
        item=lambda row: {name: row[name] for name in row if name != "id"},
        as_json=as_json,
        empty="no unreadable messages",
    )
