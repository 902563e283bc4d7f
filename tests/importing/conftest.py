"""Tests of MDS run in an environment of their own: `nox -s tests-mds`.

Its library needs a NumPy that is older than that of the other libraries.
"""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore = [] if find_spec("streaming") else ["test_mds.py"]
