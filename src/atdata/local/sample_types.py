"""The sample types that an index has loaded, by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class SampleTypes:
    """The sample types that an index has loaded, as attributes: ``index.types.ImageSample``."""

    def __init__(self) -> None:
        self._types: dict[str, type[Any]] = {}

    def add(self, name: str, sample_type: type[Any]) -> None:
        """Register a type, in place of an earlier one with the same name."""
        self._types[name] = sample_type

    def __getattr__(self, name: str) -> type[Any]:
        try:
            return self._types[name]
        except KeyError:
            known = ", ".join(sorted(self._types)) or "none"
            raise AttributeError(
                f"the sample type {name!r} is not loaded (loaded are: {known}); "
                "call index.load_schema(ref) first"
            ) from None

    def __dir__(self) -> list[str]:
        return sorted(self._types)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._types))

    def __contains__(self, name: object) -> bool:
        return name in self._types

    def __len__(self) -> int:
        return len(self._types)

    def __repr__(self) -> str:
        return f"SampleTypes({', '.join(self)})"
