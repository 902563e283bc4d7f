"""Early checks of arguments that are easily mistaken for others; hints name the right ones."""

from __future__ import annotations

from typing import Any

from atdata.errors import AuthError, EntryError, SchemaError, StorageError


def check_index(index: Any, *methods: str) -> None:
    """Refuse what is not an index with these methods.

    Raises:
        EntryError: It is something else, such as its name.
    """
    if not _has(index, *methods):
        raise EntryError(
            f"{_shown(index)} is not an index",
            hint="Give one: LocalIndex(), LocalIndex(path=...), or AtmosphereIndex(client).",
        )


def check_entry(entry: Any) -> None:
    """Refuse what is not an entry of an index.

    Raises:
        EntryError: It is something else, such as a dataset or a name.
    """
    if not _has(entry, "name", "schema_ref", "data_urls"):
        hint = "Insert the dataset first: entry = index.insert_dataset(dataset, name=...)."
        if isinstance(entry, str):
            hint = f"Look it up: entry = index.get_dataset({entry!r:.80})."
        raise EntryError(f"{_shown(entry)} is not an entry of an index", hint=hint)


def check_dataset(ds: Any) -> None:
    """Refuse what is not a dataset.

    Raises:
        EntryError: It is something else, such as samples or a path.
    """
    if not _has(ds, "source", "sample_type", "list_shards"):
        raise EntryError(
            f"{_shown(ds)} is not a dataset",
            hint="Write samples with atdata.write_shards(samples, folder), or open shards with "
            "atdata.Dataset[SampleType](paths); of several splits, choose one.",
        )


def check_client(client: Any) -> None:
    """Refuse what is not a client of the network.

    Raises:
        AuthError: It is something else, such as a handle.
    """
    if not _has(client, "find_record", "put_record"):
        raise AuthError(
            f"{_shown(client)} is not a client",
            hint="Run `atdata login HANDLE`, and give AtmosphereClient().",
        )


def check_store(store: Any) -> None:
    """Refuse what is not a data store.

    Raises:
        StorageError: It is something else, such as a path or URL.
    """
    if not _has(store, "write_shards"):
        raise StorageError(
            f"{_shown(store)} is not a data store",
            hint="Give one, such as LocalDiskStore(folder) or S3DataStore(bucket=...).",
        )


def check_class(sample_type: Any) -> None:
    """Refuse what is not a class.

    Raises:
        SchemaError: It is something else, such as a sample.
    """
    if not isinstance(sample_type, type):
        raise SchemaError(
            f"{_shown(sample_type)} is not a class",
            hint="Give the class itself, decorated with @atdata.packable.",
        )


def _has(value: Any, *names: str) -> bool:
    return not isinstance(value, type) and all(hasattr(value, name) for name in names)


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return f"the text {value!r:.80}"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return f"an object of type {type(value).__name__}"
