"""Names at the top of ``atdata`` that users of the earlier implementation have in their code.

Each is another way to a name that has its home elsewhere; ``docs/coming-from.md`` lists them, and
what has another name here.
"""

from __future__ import annotations

ALIASES = {
    "Index": "atdata.local",
    "LocalDiskStore": "atdata.stores",
    "write_samples": "atdata.writing",
}
"""The module that each one comes from."""
