"""The walk of promotion: from an entry of a local index to a record on the reference PDS.

Run it from the folder ``tests``: ``python -m walks.promote``. Before promotion was made of a plan,
its placed shards and their publication, this measure gave 21 files and 58 returns (the review that
asked for fewer counted 25 and 50).
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path

import atdata
from atdata.atmosphere import AtmosphereClient
from atdata.local import LocalIndex
from atdata.promote import promote_to_atmosphere
from readings import Reading, write_readings
from servers.atproto_pds import pds_server

from .walk import Walk, walking

_URLS = ["https://example.com/0.tar", "https://example.com/1.tar", "https://example.com/2.tar"]


def walk_promotion(client: AtmosphereClient, folder: Path) -> Walk:
    """Promote an entry of three shards at URLs, with its schema; return the walk.

    Args:
        client: A client whose account has published nothing.
        folder: An empty folder.
    """
    index = LocalIndex(path=folder / "index.db")
    ds = atdata.Dataset[Reading](write_readings(folder / "made", 10))
    entry = replace(index.insert_dataset(ds, name="readings"), data_urls=_URLS)
    # What is made once for all, such as compiled codecs and imports, is not a part of the walk.
    for uri in (promote_to_atmosphere(entry, index, client), *schemas_of(client)):
        client.delete_record(uri)
    with walking() as walk:
        promote_to_atmosphere(entry, index, client)
    return walk


def schemas_of(client: AtmosphereClient) -> list[str]:
    return [str(found.uri) for found in client.records("ac.foundation.dataset.sampleSchema")]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, pds_server() as pds:
        os.environ |= {"ATDATA_PDS_URL": pds.url, "ATDATA_PLC_URL": pds.plc_url}
        account = pds.new_account()
        client = AtmosphereClient()
        client.login(account.handle, account.app_password)
        print(walk_promotion(client, Path(folder)))


if __name__ == "__main__":
    main()
