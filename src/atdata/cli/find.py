"""Choice of the index for a reference on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from atdata._protocols import AbstractIndex


def index_of(reference: str) -> AbstractIndex:
    """Return the atmosphere for ``@handle/…`` and ``at://…``, else the local index."""
    if reference.startswith(("@", "at://")):
        from atdata.atmosphere import AtmosphereClient, AtmosphereIndex

        return AtmosphereIndex(AtmosphereClient())
    from atdata.local import LocalIndex

    return LocalIndex()
