"""Plan of a publication: what it writes, known before anything is written."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from atdata.atmosphere.keys import AtUri
from atdata.atmosphere.placing import Placed
from atdata.storage.urls import redacted
from atdata.stores.advice import Advice, advise
from atdata_records.ac.foundation.dataset.record import BlobStorage, Record
from atdata_records.ac.foundation.dataset.sample_schema import SampleSchema


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The records that are to be written, and what is copied where.

    Its text is for people; ``to_dict`` contains the same for programs.

    Attributes:
        uri: AT URI of the dataset record.
        current: The record that is there; None when none is, or one that is not a dataset.
        record: The record that is to be there.
        placed: Where its shards are.
        schema_uri: AT URI of its schema.
        schema: The schema record that is to be written; None when it is published already.
        replaces: CID of what is at ``uri`` now; None when nothing is.
    """

    uri: AtUri
    current: Record | None
    record: Record
    placed: Placed
    schema_uri: AtUri
    schema: SampleSchema | None = None
    replaces: str | None = None

    @property
    def action(self) -> str:
        """``"create"``, ``"update"``, or ``"nothing"`` when the published record is the same."""
        if self.record == self.current:
            return "nothing"
        return "create" if self.current is None else "update"

    @property
    def storage(self) -> str:
        """``"blobs"`` or ``"urls"``."""
        return "blobs" if isinstance(self.record.storage, BlobStorage) else "urls"

    @property
    def advice(self) -> Advice | None:
        """Whether blobs or URLs are the place for a dataset of this size, if that is known."""
        return None if self.record.size is None else advise(self.record.size)

    def to_dict(self) -> dict[str, Any]:
        """Return the plan in JSON shape."""
        placed = self.placed
        infos = placed.shards if placed.shards and placed.copied else [None] * len(placed.copied)
        return {
            "uri": str(self.uri),
            "action": self.action,
            "record": self.record.to_dict(),
            "schema_uri": str(self.schema_uri),
            "schema": None if self.schema is None else self.schema.to_dict(),
            "storage": self.storage,
            "copies": [
                {
                    "url": redacted(url),
                    "cid": info and info.cid,
                    "size": info and info.size,
                }
                for url, info in zip(placed.copied, infos, strict=True)
            ],
            "cut": placed.cut_from is not None,
            "advice": self.advice and self.advice.text,
        }

    def __str__(self) -> str:
        plan = self.to_dict()
        lines = [f"{self.action}: {self.uri}", _json(plan["record"])]
        if self.schema is not None:
            lines += [f"create: {self.schema_uri}", _json(plan["schema"])]
        for copy in plan["copies"]:
            size = "" if copy["size"] is None else f" ({copy['size']:,} bytes)"
            lines.append(f"copy, unless it is there: {copy['url']}{size}")
        if plan["cut"]:
            lines.append(
                "Some shards are larger than the server takes as one blob and are cut anew: "
                "the content CID is another, and derivedFrom contains the entry's."
            )
        if plan["advice"]:
            lines.append(plan["advice"])
        return "\n".join([*lines, "Nothing was written."])


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
