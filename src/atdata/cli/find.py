"""Which index a reference on the command line belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from atdata._protocols import AbstractIndex


def index_of(reference: str) -> AbstractIndex:
    """The atmosphere for ``@handle/…`` and ``at://…``, the local index for anything else."""
    if reference.startswith(("@", "at://")):
        from atdata.atmosphere import AtmosphereClient, AtmosphereIndex

        return AtmosphereIndex(AtmosphereClient())
    from atdata.local import LocalIndex

    return LocalIndex()
