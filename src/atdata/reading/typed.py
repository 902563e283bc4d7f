"""``Dataset[T]`` as a value: a type to write in annotations, and to call."""

from __future__ import annotations

from types import GenericAlias
from typing import Any

from atdata.errors import SchemaError
from atdata.samples.aliases import expanded


class TypedDataset(GenericAlias):
    """A dataset class with its sample type, which is set before ``__init__`` runs, and checked."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """A dataset of samples of this type.

        Raises:
            SchemaError: It is not a sample type.
        """
        origin: Any = self.__origin__
        dataset = origin.__new__(origin)
        dataset._sample_type = checked_type(self.__args__[0])
        dataset.__init__(*args, **kwargs)
        return dataset


def checked_type(sample_type: Any) -> type[Any]:
    """The same type, if it is a sample type.

    Raises:
        SchemaError: It is not.
    """
    sample_type = expanded(sample_type)
    # Not from_bytes alone: int has one.
    if not (isinstance(sample_type, type) and hasattr(sample_type, "packed")):
        shown = getattr(sample_type, "__name__", repr(sample_type))
        raise SchemaError(
            f"{shown} is not a sample type",
            hint="decorate its class with @atdata.packable, or use Dataset without a type",
        )
    return sample_type
