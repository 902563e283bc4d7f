"""File names that are valid on every system; the rules of Windows are the strictest."""

from __future__ import annotations

import re

# Devices, whatever follows the first dot, in any case: bytes written to NUL.tar are lost.
_DEVICE = re.compile(r"(?i)^(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9¹²³])(?= *(?:\.|$))")
_END = re.compile(r"[. ]$")  # Windows drops these
_REFUSED = re.compile(r'[\x00-\x1f<>:"/\\|?*]')


def is_portable(name: str) -> bool:
    """Return whether files can have this name on every system; it is one part of a path."""
    return not (_DEVICE.match(name) or _END.search(name) or _REFUSED.search(name))


def portable(name: str) -> str:
    """Return a name that files can have on every system: this one, if it is such a name."""
    plain = _END.sub("-", _REFUSED.sub("-", name))
    return _DEVICE.sub(lambda device: f"{device[0]}-", plain)
