"""Names that files can have on every system, as Windows has the most rules."""

from __future__ import annotations

import re

# Devices, whatever follows the first dot, in any case: a file NUL.tar swallows what is written.
_DEVICE = re.compile(r"(?i)^(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9¹²³])(?= *(?:\.|$))")
_END = re.compile(r"[. ]$")  # Windows drops it
_REFUSED = re.compile(r'[\x00-\x1f<>:"/\\|?*]')


def is_portable(name: str) -> bool:
    """Whether files can have this name on every system; it is one part of a path."""
    return not (_DEVICE.match(name) or _END.search(name) or _REFUSED.search(name))


def portable(name: str) -> str:
    """Return a name that files can have on every system: this one, if it is such a name."""
    plain = _END.sub("-", _REFUSED.sub("-", name))
    return _DEVICE.sub(lambda device: f"{device[0]}-", plain)
