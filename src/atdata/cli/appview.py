"""``atdata appview``: run a service that finds datasets and serves their shards."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from atdata.base.extras import require
from atdata.base.folders import data_folder
from atdata.cli.output import echo, json_option, print_json, print_table


def _option(name: str, **settings: Any) -> Callable[[Any], Any]:
    """Return an option that an environment variable can set, too."""
    variable = f"ATDATA_APPVIEW_{name.upper().replace('-', '_')}"
    settings |= {"envvar": variable, "show_envvar": True, "show_default": "default" in settings}
    option: Callable[[Any], Any] = click.option(f"--{name}", **settings)
    return option


_data = _option(
    "data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of database and cache; by default appview in atdata's data folder.",
)
_database = _option("database", help="postgresql:// URL, in place of the embedded database.")


@click.group()
def appview() -> None:
    """Run an AppView: search over published datasets, their shards at plain URLs."""


@appview.command()
@_option("host", default="127.0.0.1", help="Address to listen on.")
@_option("port", default=8650, type=int, help="Port to listen on.")
@_data
@_database
@_option("pds", multiple=True, help="URL of a personal data server to follow; repeat for more.")
@_option("relay", multiple=True, help="URL of a relay to follow; repeat for more.")
@_option("jetstream", multiple=True, help="URL of a Jetstream to follow; repeat for more.")
@_option("base-url", help="How clients reach the service, such as https://data.example.")
@_option("cache-gb", default=10.0, help="Disk that verified shards may take.")
@_option("largest-shard-mb", default=2048, help="Largest shard that is passed on.")
@_option("rate", default=600, help="Requests a minute of one client; 0 for no limit.")
@_option("s3-bucket", multiple=True, help="S3 bucket that anybody may read through the service.")
@_option("trust-proxy", help="Address of a reverse proxy whose X-Forwarded-For is believed.")
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
    """Follow the network and answer over HTTP, until interrupted.

    With no --pds, --relay or --jetstream it serves what is in its database already. A PDS on a
    private address is reached if it is the first --pds, or with ATDATA_ALLOW_PRIVATE=1.
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
    _say({"url": url, "data": str(folder)}, f"serving {url}", as_json=as_json)
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
@click.option("--reason", required=True, help="Why; kept with it.")
@click.option("--ahead", is_flag=True, help="Also what is not known here: hide it when it appears.")
@_data
@_database
@json_option
def takedown(
    subject: str,
    reason: str,
    ahead: bool,
    data: Path | None,
    database: str | None,
    as_json: bool,
) -> None:
    """Stop showing SUBJECT: a DID or handle, or the at:// URI of a record."""
    from atdata.appview.database.takedowns import find_subject
    from atdata.appview.database.writing import take_down

    opened = _opened(data, database)
    found = find_subject(opened, subject, ahead=ahead)
    with opened.write() as tx:
        take_down(tx, found, reason)
    _say({"subject": found, "shown": False}, f"{found} is not shown", as_json=as_json)


@appview.command()
@click.argument("subject")
@_data
@_database
@json_option
def restore(subject: str, data: Path | None, database: str | None, as_json: bool) -> None:
    """Show SUBJECT again, which was taken down."""
    from atdata.appview.database import writing
    from atdata.appview.database.takedowns import find_takedown

    opened = _opened(data, database)
    found = find_takedown(opened, subject)
    with opened.write() as tx:
        writing.restore(tx, found)
    _say({"subject": found, "shown": True}, f"{found} is shown again", as_json=as_json)


@appview.command()
@_data
@_database
@json_option
def unreadable(data: Path | None, database: str | None, as_json: bool) -> None:
    """List messages of followed servers that could not be read, the newest first.

    They were stepped over. With --json also the beginning of each, as hexadecimal digits.
    """
    rows = _opened(data, database).read("SELECT * FROM unreadable ORDER BY id DESC")
    if as_json:
        print_json([{name: row[name] for name in row.keys() if name != "id"} for row in rows])  # noqa: SIM118 - sqlite3.Row
        return
    print_table(
        (
            (
                row["heard_at"],
                row["source"],
                str(row["position"]),
                f"{row['size']:,}",
                row["reason"],
            )
            for row in rows
        ),
        empty="every message could be read",
    )


def _say(facts: dict[str, Any], sentence: str, *, as_json: bool) -> None:
    if as_json:
        print_json(facts)
    else:
        echo(sentence)


def _opened(data: Path | None, database: str | None) -> Any:
    from atdata.appview.database.opening import open_database

    return open_database(database or (data or data_folder() / "appview") / "appview.db")
