"""Plan of a publication: what it would write, reported before anything is written."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from atdata.atmosphere.publication import Draft
from atdata.storage.urls import redacted
from atdata_records.ac.foundation.dataset.sample_schema import SampleSchema


@dataclass(frozen=True, slots=True)
class Plan:
    """The records that would be written, and what would be copied where.

    Its text is for people; ``to_dict`` contains the same for programs.

    Attributes:
        draft: The dataset record.
        schema_uri: AT URI of its schema.
        schema: The schema record that would be written; None when it is published already.
    """

    draft: Draft
    schema_uri: str
    schema: SampleSchema | None

    @property
    def uri(self) -> str:
        """AT URI of the dataset record."""
        return str(self.draft.uri)

    @property
    def action(self) -> str:
        """``"create"``, ``"update"``, or ``"nothing"`` when the published record is the same."""
        if not self.draft.changes:
            return "nothing"
        return "create" if self.draft.current is None else "update"

    def to_dict(self) -> dict[str, Any]:
        """Return the plan in JSON shape."""
        placed = self.draft.placed
        infos = placed.shards if placed.shards and placed.copied else [None] * len(placed.copied)
        return {
            "uri": self.uri,
            "action": self.action,
            "record": self.draft.record.to_dict(),
            "schema_uri": self.schema_uri,
            "schema": None if self.schema is None else self.schema.to_dict(),
            "storage": self.draft.storage,
            "copies": [
                {
                    "url": redacted(url),
                    "cid": info and info.cid,
                    "size": info and info.size,
                }
                for url, info in zip(placed.copied, infos, strict=True)
            ],
            "cut": placed.cut_from is not None,
            "advice": self.draft.advice and self.draft.advice.text,
        }

    def __str__(self) -> str:
        told = self.to_dict()
        lines = [f"{self.action}: {self.uri}", _json(told["record"])]
        if self.schema is not None:
            lines += [f"create: {self.schema_uri}", _json(told["schema"])]
        for copy in told["copies"]:
            size = "" if copy["size"] is None else f" ({copy['size']:,} bytes)"
            lines.append(f"copy, unless it is there: {copy['url']}{size}")
        if told["cut"]:
            lines.append(
                "Some shards are larger than the server takes as one blob and are cut anew: "
                "the content CID is another, and derivedFrom tells the entry's."
            )
        if told["advice"]:
            lines.append(told["advice"])
        return "\n".join([*lines, "Nothing was written."])


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
