"""What the README's script does on this machine, before it publishes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def test_the_local_half_of_the_script_runs_twice_and_gives_the_same(tmp_path: Path) -> None:
    script = README.read_text("utf-8").split("## The journey", 1)[1].split("```python\n", 1)[1]
    local = script.split("# index → atmosphere", 1)[0]
    assert "insert_dataset" in local
    said = "\nprint(entry.content_cid, len(dataset), next(iter(dataset)).values.dtype)\n"
    (tmp_path / "journey.py").write_text(local + said, "utf-8")
    command = [sys.executable, "-W", "error", "journey.py"]
    one, other = (
        subprocess.run(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, check=True).stdout
        for _ in range(2)
    )
    assert one == other
    assert one.endswith(" 10000 float32\n")
