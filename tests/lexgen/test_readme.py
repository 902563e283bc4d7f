"""The README's section on lexicons of one's own, run as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def test_bring_your_own_lexicons(tmp_path: Path) -> None:
    section = README.read_text("utf-8").split("## Bring your own lexicons", 1)[1]
    (script,) = re.findall(r"```bash\n(.*?)```", section.split("\n## ", 1)[0], re.DOTALL)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert '"text":"hello"' in done.stdout
    assert "bafyrei" in done.stdout
