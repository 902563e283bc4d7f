"""The script of the README, as it is written, on a real server."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from atdata.atmosphere import AtmosphereClient

pytestmark = pytest.mark.xdist_group("pds")

README = Path(__file__).parent.parent / "README.md"


def test_the_script_can_be_run_twice(client: AtmosphereClient, tmp_path: Path) -> None:
    journey = README.read_text().split("## The journey", 1)[1]
    found = re.search(r"```python\n(.*?)```", journey, re.DOTALL)
    assert found is not None
    script = found[1].replace("@lab.example.org/", f"@{client.handle}/")
    script += "\nprint(entry.content_cid, spectra[0].values.shape)\n"
    (tmp_path / "journey.py").write_text(script)
    client.save_session()
    said = [
        subprocess.run(
            [sys.executable, "-W", "error", "journey.py"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=300,
        ).stdout
        for _ in range(2)
    ]
    assert said[0] == said[1]
    assert "(128,)" in said[0]
    assert len(client.list_datasets()) == 1
