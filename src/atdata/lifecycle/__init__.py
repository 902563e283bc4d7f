"""The lifecycle of a dataset: validate, verify, publish, pack, verify-pack, and the catalog.

A **build root** is what a producer has just written; a **serving store** is what readers trust.
Every function returns a :class:`Report` of what was found and done.

Here, to *publish* is to copy a build root into a serving store, and to *promote* is to make a
release the current one of its store. On the network, publishing writes a record, and promoting
takes an entry of a local index there: see :mod:`atdata.promote`.
"""

from atdata.lifecycle.catalog import Catalog
from atdata.lifecycle.checks.policy import Policy
from atdata.lifecycle.collect import collect_garbage
from atdata.lifecycle.pack import pack
from atdata.lifecycle.publish import publish
from atdata.lifecycle.report import Finding, Report
from atdata.lifecycle.verify import validate, verify
from atdata.lifecycle.verify_pack import verify_pack

__all__ = [
    "Catalog",
    "Finding",
    "Policy",
    "Report",
    "collect_garbage",
    "pack",
    "publish",
    "validate",
    "verify",
    "verify_pack",
]
