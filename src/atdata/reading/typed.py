"""``Dataset[T]`` as a value: a type to write in annotations, and to call."""

from __future__ import annotations

from types import GenericAlias
from typing import Any

from atdata.errors import SchemaError
from atdata.samples.aliases import expanded


class TypedDataset(GenericAlias):
    """A dataset class with its sample type, which is checked and set before ``__init__`` runs."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Make a dataset of samples of this type.

        Raises:
            SchemaError: It is not a sample type.
        """
        origin: Any = self.__origin__
        dataset = origin.__new__(origin)
        dataset._sample_type = checked_type(self.__args__[0])
        dataset.__init__(*args, **kwargs)
        return dataset


def checked_type(sample_type: Any) -> type[Any]:
    """Return a sample type, with type aliases expanded.

    Raises:
        SchemaError: It is not a sample type.
    """
    sample_type = expanded(sample_type)
    # from_bytes would not be enough: int has one.
    if not (isinstance(sample_type, type) and hasattr(sample_type, "packed")):
        shown = getattr(sample_type, "__name__", repr(sample_type))
        raise SchemaError(
            f"{shown} is not a sample type",
            hint="Decorate its class with @atdata.packable, or use Dataset without a type.",
        )
    return sample_type
