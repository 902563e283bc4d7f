"""Labels of the earlier implementation: names that point to records. They are never written.

Several labels may have one name, each with a version; the one that was created last is meant when
no version is given. A label may point into another repository.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

from atdata.atmosphere.keys import AtUri
from atdata.atmosphere.repositories import Repositories, listing_patience
from atdata.errors import RecordError, UrlError

COLLECTIONS = ("science.alt.dataset.label", "ac.foundation.dataset.label")


def find_labelled(repositories: Repositories, repo: str, name: str) -> AtUri | None:
    """Return the address of the dataset that a label points to; None when there is no such label.

    A label that is not valid is passed over, with a warning.

    Args:
        repositories: Reads them.
        repo: Handle or DID of the repository.
        name: Its name, or ``name@version``.

    Raises:
        NetworkError: A server could not be reached.
    """
    bare, _, version = name.rpartition("@")
    found = []
    for label in _labels(repositories, repo):
        labelled = label.get("name")
        if labelled == name or (bare and (labelled, label.get("version")) == (bare, version)):
            found.append(label)
    return max(found, key=_created)["datasetUri"] if found else None


def _labels(repositories: Repositories, repo: str) -> Iterator[dict[str, Any]]:
    patience = listing_patience()
    for collection in COLLECTIONS:
        for found in repositories.records(collection, repo, patience=patience):
            try:
                uri = AtUri.parse(_text(found.value.get("datasetUri")))
                _text(found.value.get("name"))
            except (RecordError, UrlError) as error:
                warnings.warn(f"a label is passed over: {error} ({found.uri})", stacklevel=4)
                continue
            yield {**found.value, "datasetUri": uri}


def _created(label: dict[str, Any]) -> str:
    return str(label.get("createdAt"))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise RecordError(f"expected a text, not {value!r:.40}")
    return value
