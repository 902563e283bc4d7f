"""How buckets are reached, told to other processes.

A store that is made here lets this process read its bucket. The workers of a data loader are
other processes where they are spawned, so what is sent to them brings along what they need.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from atdata.sources.schemes import scheme_of

_MODULES = {"gs": "atdata.sources.gs", "s3": "atdata.sources.s3_access"}

Bucket = tuple[str, str, Any]
"""Scheme, name, and how it is reached."""


def known_buckets(urls: Iterable[str]) -> list[Bucket]:
    """What is remembered in this process of the buckets that URLs name."""
    named = {(scheme_of(url), url.partition("://")[2].partition("/")[0]) for url in urls}
    accesses = [
        (scheme, name, import_module(_MODULES[scheme]).remembered(name))
        for scheme, name in sorted(named)
        if scheme in _MODULES
    ]
    return [bucket for bucket in accesses if bucket[2] is not None]


def remember_buckets(buckets: Iterable[Bucket]) -> None:
    """Remember in this process what another one knows."""
    for scheme, name, access in buckets:
        import_module(_MODULES[scheme]).remember_bucket(name, access)
