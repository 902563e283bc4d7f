"""Run `atdata demo` against a reference PDS of its own: ``python -m servers.demo [options]``."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from .atproto_pds import pds_server


def main() -> None:
    print("starting a PDS on this machine (the first time installs it, about two minutes)")
    with tempfile.TemporaryDirectory() as home, pds_server() as pds:
        account = pds.new_account()
        environment = {
            **os.environ,
            "ATDATA_PDS_URL": pds.url,
            "ATDATA_PLC_URL": pds.plc_url,
            "XDG_CONFIG_HOME": str(Path(home, "config")),
            "XDG_DATA_HOME": str(Path(home, "data")),
        }
        atdata = [sys.executable, "-m", "atdata"]
        subprocess.run(
            [*atdata, "login", account.handle, "--password-stdin"],
            input=account.app_password.encode(),
            env=environment,
            check=True,
        )
        done = subprocess.run([*atdata, "demo", *sys.argv[1:]], env=environment)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
