"""The errors of the generator.

::

    LexgenError
    ├── CatalogError        (ValueError)    lexicons that nothing can be generated from
    ├── RevisionError       (ValueError)    a state of the lexicons that can't be read
    ├── PackageNameError    (ValueError)    a name that can't be imported
    └── MissingToolError    (RuntimeError)  generating needs a package that is not installed
"""

from __future__ import annotations

from collections.abc import Sequence

from lexgen.document import Finding


class LexgenError(Exception):
    """Base of the tree."""


class CatalogError(LexgenError, ValueError):
    """Lexicons that nothing can be generated from; ``findings`` lists the errors."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("\n".join(map(str, findings)))
        self.findings = tuple(findings)


class RevisionError(LexgenError, ValueError):
    """A state of the lexicons that does not exist or can't be read."""


class PackageNameError(LexgenError, ValueError):
    """A name of a package that can't be imported."""


class MissingToolError(LexgenError, RuntimeError):
    """Generating needs a package that is not installed."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not installed: pip install 'atdata-sdk[lexgen]'")
