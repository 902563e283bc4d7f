"""Optional dependencies: imported when first used, and named when missing."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from atdata.errors import MissingExtra


def require(module: str, *, extra: str) -> ModuleType:
    """Import an optional dependency.

    Args:
        module: Dotted name of the module, such as ``"boto3"``.
        extra: The extra of ``atdata-sdk`` that installs it, such as ``"s3"``.

    Raises:
        MissingExtra: It is not installed; the hint is the command that installs it.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"this needs the package {module.partition('.')[0]!r}, which is not installed",
            hint=f"Run: pip install 'atdata-sdk[{extra}]'",
        ) from error
