from __future__ import annotations

import subprocess
import sys

_SCRIPT = """
import gc, os
from atdata.base.forks import forget_after_fork

class Holder:
    forgotten = 0
    def forget(self):
        self.forgotten += 1

kept, gone = Holder(), Holder()
forget_after_fork(kept)
forget_after_fork(gone)
del gone
gc.collect()
pid = os.fork()
if pid == 0:
    os._exit(kept.forgotten)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1
assert kept.forgotten == 0
"""


def test_a_holder_forgets_in_the_child_and_not_in_the_parent() -> None:
    subprocess.run([sys.executable, "-c", _SCRIPT], check=True, timeout=60)


def test_without_fork_nothing_is_registered() -> None:
    script = "import os; del os.register_at_fork; import atdata.base.forks"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
