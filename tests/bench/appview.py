"""How fast the AppView takes in records, searches them and passes on shards.

    python tests/bench/appview.py [records]        100,000 by default

Everything runs on this machine: the service is a process of its own, so are its clients, and
nginx, where it is installed, serves the same file beside it.
"""

from __future__ import annotations

import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from appview.content import dataset, rev, with_blobs
from appview.ingest.test_frames import car, commit
from appview.running import as_process
from atdata.appview.database.opening import open_database
from atdata.appview.database.protocol import Database
from atdata.appview.database.reading import Reading, Search
from atdata.appview.events import Event
from atdata.appview.ingest.frames import read_frame
from atdata.appview.ingest.ledger import Ledger
from atdata.appview.ingest.sources import Source
from atdata_records import Link, cid
from atdata_records.ac.foundation.dataset.record import Record
from servers.process import free_ports, running

REPOSITORIES = 200
WRITES = 10  # of one commit
RELAY = Source("relay", "https://relay.example")
WORDS = ["".join(random.Random(seed).choices("aeiou", k=2)) + f"word{seed}" for seed in range(5000)]
FILE = 100 * 2**20


def frames(count: int) -> list[bytes]:
    """Commits as a firehose sends them, of records as people publish them."""
    chance, made = random.Random(1), []
    for number in range(count // WRITES):
        did = f"did:plc:{number % REPOSITORIES:024d}"
        blocks, ops = [], []
        for place in range(WRITES):
            value = dataset(
                " ".join(chance.choices(WORDS, k=4)),
                did=did,
                description=" ".join(["data", *chance.choices(WORDS, k=20)]),
                tags=chance.choices(WORDS[:100], k=3),
                license="CC0-1.0",
            )
            data = Record.from_dict(value).to_cbor()
            name = cid.of_cbor(data)
            blocks.append((name, data))
            path = f"{Record.NSID}/r{number}-{place}"
            ops.append({"action": "create", "path": path, "cid": Link(name)})
        made.append(commit(ops, car(*blocks), repo=did, rev=rev(number + 1), seq=number + 1))
    return made


def take_in(database: Database, stream: list[bytes]) -> None:
    """Decode, validate and write, in transactions as the service does."""
    with database.write() as tx:
        for number in range(REPOSITORIES):
            tx.run(
                "INSERT INTO repos (did, needs_history, needs_identity) VALUES (?, 0, 0)",
                (f"did:plc:{number:024d}",),
            )
    ledger = Ledger(database)
    began, cpu = time.perf_counter(), time.process_time()
    batch: list[Event] = []
    for frame in stream:
        event = read_frame(frame)
        assert event is not None
        batch.append(event)
        if len(batch) == 100:
            ledger.hear(RELAY, batch)
            batch = []
    ledger.hear(RELAY, batch)
    seconds, busy = time.perf_counter() - began, time.process_time() - cpu
    total = len(stream) * WRITES
    print(
        f"ingest               {total / seconds:10,.0f} records/s, {total / busy:,.0f} for each"
        " second of one core"
    )
    assert Reading(database).counts()["datasets"] == total


def spread(what: str, ask: Callable[[], Any], times: int = 300) -> None:
    """Print the median and the 95th percentile, in milliseconds."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        ask()
        taken.append((time.perf_counter() - began) * 1000)
    p95 = statistics.quantiles(taken, n=20)[-1]
    print(f"{what:20} {statistics.median(taken):8.2f} ms median, {p95:8.2f} ms p95")


def ask(database: Database) -> None:
    """Searches and lists, and what late pages cost."""
    reading, chance = Reading(database), random.Random(2)
    spread("list", lambda: reading.datasets(Search(), 50))
    cursor = None
    for _ in range(500):
        cursor = reading.datasets(Search(), 100, cursor).cursor or cursor
    spread("list, page 1000", lambda: reading.datasets(Search(), 50, cursor))
    spread("search, one word", lambda: reading.datasets(Search(words=chance.choice(WORDS)), 50))
    both = lambda: reading.datasets(Search(words=" ".join(chance.choices(WORDS, k=2))), 50)  # noqa: E731
    spread("search, two words", both)
    spread("search, a tag", lambda: reading.datasets(Search(tags=[chance.choice(WORDS[:100])]), 50))
    everywhere = Search(words="data")
    spread("search, in all", lambda: reading.datasets(everywhere, 50), 10)


def pass_on(folder: Path) -> None:
    """A shard from the cache, beside nginx; and memory with 50 clients at once."""
    data = os.urandom(FILE)
    cache = folder / "appview" / "shards"
    cache.mkdir(parents=True)
    (cache / cid.of_bytes(data)).write_bytes(data)
    did = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"
    with as_process(folder / "appview") as appview:
        appview.follow(did, "https://pds.example")
        appview.put(did, "large", with_blobs("large", [data]))
        url = f"{appview.url}/wds/{did}/large/000000.tar"
        ours = max(throughput(url) for _ in range(5))
        print(f"proxy                {ours:10,.0f} MB/s from its cache")
        process: subprocess.Popen[bytes] = appview.process  # type: ignore[attr-defined]
        before = resident(process.pid)
        clients = [subprocess.Popen(["curl", "-sf", "-o", "/dev/null", url]) for _ in range(50)]
        most = before
        while any(client.poll() is None for client in clients):
            most = max(most, resident(process.pid))
            time.sleep(0.02)
        assert all(client.wait() == 0 for client in clients)
        print(f"50 streams of 100 MB {most:10,.0f} MB resident at most, {before:,.0f} before")
    if nginx := shutil.which("nginx"):
        theirs = max(throughput(url) for url in served_by_nginx(nginx, folder, data))
        print(f"nginx, sendfile      {theirs:10,.0f} MB/s; the proxy has {ours / theirs:.2f} of it")
    else:
        print("nginx is not installed: apt-get install nginx-light")


def served_by_nginx(nginx: str, folder: Path, data: bytes) -> Any:
    """The URL of a file at nginx, five times while it runs."""
    root = folder / "nginx"
    root.mkdir()
    folder.chmod(0o755)
    (root / "file").write_bytes(data)
    (port,) = free_ports(1)
    (root / "nginx.conf").write_text(
        f"daemon off; user root; pid {root}/pid; error_log {root}/errors; events {{}}\n"
        f"http {{ access_log off; sendfile on; server {{ listen 127.0.0.1:{port};"
        f" root {root}; }} }}\n"
    )
    url = f"http://127.0.0.1:{port}/file"
    command = [nginx, "-c", str(root / "nginx.conf"), "-p", str(root)]
    reached = lambda: subprocess.run(["curl", "-sf", "-o", "/dev/null", url]).returncode == 0  # noqa: E731
    with running(command, log=root / "log", ready=reached):
        yield from [url] * 5


def throughput(url: str) -> float:
    """Megabytes a second, as curl has it."""
    command = ["curl", "-sf", "-o", "/dev/null", "-w", "%{speed_download}", url]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(answer.stdout) / 1e6


def resident(pid: int) -> float:
    """Megabytes of memory that a process holds."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) / 1024


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    folder = Path(tempfile.mkdtemp(prefix="atdata-bench-"))
    try:
        database = open_database(folder / "appview.db")
        take_in(database, frames(count))
        ask(database)
        database.close()
        pass_on(folder)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
