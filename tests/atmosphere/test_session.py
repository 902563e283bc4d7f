"""Sessions: what keeps them, renews them, and never shows them."""

from __future__ import annotations

import base64
import json
import stat
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from atdata.atmosphere import AtmosphereClient
from atdata.atmosphere.saved_session import SavedSession
from atdata.errors import (
    AuthError,
    MissingExtra,
    NetworkError,
    StorageError,
    UrlError,
)
from servers.atproto_pds import Account, Pds

pytestmark = pytest.mark.xdist_group("pds")

THING = "com.example.thing"


def test_a_wrong_password(account: Account) -> None:
    client, password = AtmosphereClient(), account.app_password[::-1]
    with pytest.raises(AuthError, match="refused the credentials") as caught:
        client.login(account.handle, password)
    assert password not in "".join(traceback.format_exception(caught.value))
    assert not client.is_authenticated


def test_a_session_is_reused(client: AtmosphereClient, account: Account) -> None:
    again = AtmosphereClient()
    again.login_with_session(client.export_session())
    assert (again.did, again.handle) == (account.did, account.handle)
    assert again.put_record(THING, "a", {"a": 1}).rkey == "a"


def test_a_session_that_is_renewed(client: AtmosphereClient, account: Account) -> None:
    handle, did, _, refresh, pds = client.export_session().split(":::")
    body = base64.urlsafe_b64encode(json.dumps({"exp": int(time.time()) - 1}).encode()).decode()
    ended = ".".join(["e30", body.rstrip("="), "AAAA"])
    stale, changes = AtmosphereClient(), list[str]()
    stale.login_with_session(":::".join([handle, did, ended, refresh, pds]))
    stale.on_session_change(changes.append)
    assert stale.put_record(THING, "a", {}).authority == account.did
    assert changes == [stale.export_session()]
    again = AtmosphereClient()
    again.login_with_session(changes[0])
    assert again.put_record(THING, "b", {}).authority == account.did


def test_a_session_that_is_none() -> None:
    secret = ":::".join(["handle.test", "did:plc:x", "token"])
    with pytest.raises(AuthError, match="not an exported session") as caught:
        AtmosphereClient().login_with_session(secret)
    assert secret not in "".join(traceback.format_exception(caught.value))


def test_a_session_that_has_ended(client: AtmosphereClient) -> None:
    handle, did, access, refresh, pds = client.export_session().split(":::")
    forged = access[:-4] + ("AAAA" if access[-4:] != "AAAA" else "BBBB")
    stale = AtmosphereClient()
    stale.login_with_session(":::".join([handle, did, forged, refresh, pds]))
    with pytest.raises(AuthError, match="refused the credentials") as caught:
        stale.put_record(THING, "a", {})
    assert forged not in "".join(traceback.format_exception(caught.value))


def test_a_session_of_damaged_tokens(client: AtmosphereClient) -> None:
    damaged = AtmosphereClient()
    damaged.login_with_session(f"a.test:::did:plc:a:::damaged:::token:::{client.base_url}")
    with pytest.raises(AuthError, match="can't be used") as caught:
        damaged.put_record(THING, "a", {})
    assert ":::" not in "".join(traceback.format_exception(caught.value))


def test_no_secret_in_a_repr(client: AtmosphereClient, account: Account) -> None:
    shown = repr(client) + str(client) + repr(vars(client))
    _, _, access, refresh, _ = client.export_session().split(":::")
    for secret in (access, refresh, account.app_password):
        assert secret not in shown


def test_a_server_that_is_not_there(account: Account) -> None:
    with pytest.raises(NetworkError):
        AtmosphereClient("http://localhost:1").login(account.handle, account.app_password)


def test_the_sdk_is_not_installed(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "atproto_client", None)
    with pytest.raises(MissingExtra, match=r"pip install 'atdata-sdk\[atmosphere\]'"):
        AtmosphereClient().login(account.handle, account.app_password)


# -- the saved session


@pytest.fixture
def saved(client: AtmosphereClient) -> Path:
    """The file of a session that was saved."""
    return client.save_session()


def ended(session: str) -> str:
    """The session with an access token that has ended."""
    handle, did, _, refresh, pds = session.split(":::")
    body = base64.urlsafe_b64encode(json.dumps({"exp": int(time.time()) - 1}).encode()).decode()
    return ":::".join([handle, did, ".".join(["e30", body.rstrip("="), "AAAA"]), refresh, pds])


def make_stale(saved: Path) -> None:
    content = json.loads(saved.read_text())
    saved.write_text(json.dumps({**content, "session": ended(content["session"])}))


def test_a_client_uses_the_saved_session(saved: Path, account: Account) -> None:
    client = AtmosphereClient()
    assert client.is_authenticated
    assert AtmosphereClient().resolve().did == account.did
    assert AtmosphereClient().put_record(THING, "a", {}).authority == account.did


def test_a_login_comes_before_the_saved_session(saved: Path, pds_env: Pds) -> None:
    other, client = pds_env.new_account(), AtmosphereClient()
    client.login(other.handle, other.app_password)
    assert client.did == other.did
    refused = AtmosphereClient()
    with pytest.raises(AuthError, match="refused the credentials"):
        refused.login(other.handle, "wrong")
    assert not refused.is_authenticated


def test_a_saved_session_of_another_server_is_not_used(saved: Path) -> None:
    client = AtmosphereClient("https://pds.example")
    assert not client.is_authenticated
    with pytest.raises(AuthError, match=r"not of https://pds\.example\n.*--pds"):
        client.put_record(THING, "a", {})


def test_without_a_session_the_hint_names_the_ways_to_log_in(pds_env: Pds) -> None:
    for use in (AtmosphereClient().resolve, lambda: AtmosphereClient().did):
        with pytest.raises(AuthError, match=r"atdata login HANDLE.*client\.login"):
            use()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"did": "a", "pds": "b", "session": "c"}'])
def test_a_damaged_session_file_is_an_error_that_shows_nothing_of_it(
    saved: Path, content: str
) -> None:
    saved.write_text(content)
    assert not AtmosphereClient().is_authenticated
    with pytest.raises(AuthError, match=r"[Ll]og ?in"):
        AtmosphereClient().did  # noqa: B018


def test_the_session_file_has_a_mode_of_its_own_and_follows_no_link(
    saved: Path, client: AtmosphereClient, tmp_path: Path
) -> None:
    saved.chmod(0o644)
    client.save_session()
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("not ours")
    # The name that earlier versions wrote first, and the file itself.
    for name in (saved.with_suffix(".new"), saved):
        name.unlink(missing_ok=True)
        name.symlink_to(elsewhere)
    client.save_session()
    assert elsewhere.read_text() == "not ours"
    assert not saved.is_symlink()
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600


def test_a_session_file_that_can_not_be_written_is_named(
    client: AtmosphereClient, isolated_home: Path
) -> None:
    (isolated_home / "config").write_text("a file where the folder should be")
    with pytest.raises(StorageError, match=r"session\.json"):
        client.save_session()


_COMMAND = """
import sys
from atdata.atmosphere import AtmosphereClient
client = AtmosphereClient()
print("ready", flush=True)
sys.stdin.readline()
print(client.put_record("com.example.thing", sys.argv[1], {}))
"""


def test_commands_that_renew_one_session_at_once_do_not_lose_it(
    saved: Path, account: Account
) -> None:
    make_stale(saved)
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", _COMMAND, f"run-{n}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(4)
    ]
    for run in runs:
        assert run.stdout is not None
        assert run.stdout.readline() == "ready\n"
    uris = {run.communicate("go\n", timeout=120)[0].strip() for run in runs}
    assert uris == {f"at://{account.did}/{THING}/run-{n}" for n in range(4)}
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    assert AtmosphereClient().put_record(THING, "after", {}).authority == account.did


class OneUseServer(BaseHTTPRequestHandler):
    """A server that takes each refresh token once: the reference PDS forgives for hours."""

    refresh, renewals = "first", 0
    lock = threading.Lock()

    def do_POST(self) -> None:
        kind, said = type(self), self.headers["Authorization"].removeprefix("Bearer ")
        if not self.path.endswith("refreshSession"):
            return self.answer(200 if said == token(kind.renewals, 3600) else 401, {"uri": URI})
        with kind.lock:
            if said != kind.refresh:
                return self.answer(401, {"error": "ExpiredToken"})
            kind.renewals += 1
            kind.refresh = token(-kind.renewals, 86400)
            names = {"did": DID, "handle": "lab.test"}
            tokens = {"accessJwt": token(kind.renewals, 3600), "refreshJwt": kind.refresh}
            return self.answer(200, {**names, **tokens})

    def do_GET(self) -> None:
        self.answer(200, {"did": DID, "handle": "lab.test"})

    def answer(self, status: int, value: dict[str, str]) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


DID = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"
URI = f"at://{DID}/{THING}/a"
START = int(time.time())


def token(number: int, seconds: int) -> str:
    claims = json.dumps({"exp": START + seconds, "iat": number}).encode()
    return ".".join(["e30", base64.urlsafe_b64encode(claims).decode().rstrip("="), "AAAA"])


@pytest.fixture
def one_use(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[OneUseServer]]:
    """The server, and a saved session on it whose access token has ended."""
    handler = type("Handler", (OneUseServer,), {"refresh": token(0, 86400)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    session = ":::".join(["lab.test", DID, token(0, -1), token(0, 86400), url])
    SavedSession(DID, url, session).save()
    yield handler
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_refresh_token_is_used_once_by_all_who_share_the_saved_session(
    one_use: type[OneUseServer],
) -> None:
    clients = [AtmosphereClient() for _ in range(3)]
    assert {client.did for client in clients} == {DID}  # all have read the file
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda client: client.put_record(THING, "a", {}), clients * 4))
    assert [str(uri) for uri in made] == [URI] * 12
    assert one_use.renewals == 1
    assert AtmosphereClient().put_record(THING, "a", {}).rkey == "a"


def test_a_renewal_does_not_bring_back_a_session_that_was_replaced(
    one_use: type[OneUseServer],
) -> None:
    client = AtmosphereClient()
    assert client.did == DID
    other = SavedSession("did:plc:other", "https://pds.example", "secret")
    path = other.save()
    assert client.put_record(THING, "a", {}).rkey == "a"
    assert SavedSession.find() == other
    path.unlink()
    assert client.put_record(THING, "a", {}).rkey == "a"
    assert SavedSession.find() is None


# -- threads and forks


def test_one_client_in_many_threads_gets_its_own_answers(client: AtmosphereClient) -> None:
    def write(n: int) -> bool:
        uri = client.put_record(THING, f"key-{n}", {"n": n})
        return uri.rkey == f"key-{n}" and client.get_record(uri)["n"] == n

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(write, range(64)))
    assert len(client.list_records(THING)[0]) == 64


_FORKING = """
import os, sys, threading
from atdata.atmosphere import AtmosphereClient

client = AtmosphereClient()
client.login_with_session(sys.argv[1])

def write(side, count=12):
    for n in range(count):
        uri = client.put_record("com.example.thing", f"{side}-{n}", {"n": n})
        assert uri.rkey == f"{side}-{n}", uri
        assert client.get_record(uri)["n"] == n

write("before", 2)  # connections are open now
children = []
for side in ("one", "two", "three"):
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            write(side)
            status = 0
        finally:
            os._exit(status)
    children.append(pid)
write("parent")
failed = [pid for pid in children if os.waitpid(pid, 0)[1]]
sys.exit(len(failed))
"""


def test_a_client_on_both_sides_of_a_fork_gets_its_own_answers(client: AtmosphereClient) -> None:
    subprocess.run(
        [sys.executable, "-c", _FORKING, client.export_session()], check=True, timeout=300
    )
    assert len(client.list_records(THING)[0]) == 2 + 4 * 12


def test_a_child_does_not_wait_for_a_lock_that_a_thread_of_its_parent_held(
    client: AtmosphereClient,
) -> None:
    holding = "threading.Thread(target=client._active._lock.acquire).start()\nchildren = []"
    script = _FORKING.replace("children = []", holding).replace('write("parent")', "")
    subprocess.run([sys.executable, "-c", script, client.export_session()], check=True, timeout=300)
    assert len(client.list_records(THING)[0]) == 2 + 3 * 12


# -- words for a login that can't work


@pytest.mark.parametrize("password", ["", "wrong"])
def test_a_bad_app_password_is_an_error_with_the_next_step(account: Account, password: str) -> None:
    with pytest.raises(AuthError, match="app password"):
        AtmosphereClient().login(account.handle, password)


def test_what_is_not_a_handle_gets_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UrlError, match="neither a handle nor a DID"):
        AtmosphereClient().login("lab example", "app-password")
