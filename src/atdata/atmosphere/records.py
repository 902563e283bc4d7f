"""Records of atdata's own types, read with their lexicons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self, TypeVar

from atdata.atmosphere.keys import AtUri
from atdata.errors import NetworkError, RecordError
from atdata_records import ValidationError
from atdata_records.base import Record as RecordKind

K = TypeVar("K", bound=RecordKind)


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record as a repository has it.

    Attributes:
        uri: Its address.
        cid: CID of its content, as the server reports it.
        value: Its content in JSON shape.
    """

    uri: AtUri
    cid: str
    value: dict[str, Any]

    @classmethod
    def from_answer(cls, answer: Any, uri: AtUri | None = None) -> Self:
        """Read one item of ``getRecord`` or ``listRecords``.

        Args:
            answer: The JSON of the server.
            uri: The requested address; the one in the answer when None.

        Raises:
            NetworkError: The answer is not of that form.
        """
        try:
            uri = uri or AtUri.parse(answer["uri"])
            cid, value = answer["cid"], answer["value"]
        except (KeyError, TypeError, ValueError) as error:
            raise NetworkError("the server's answer is not a record", uri=str(uri or "")) from error
        if not isinstance(cid, str) or not isinstance(value, dict):
            raise NetworkError("the server's answer is not a record", uri=str(uri))
        return cls(uri, cid, value)

    def read(self, kind: type[K]) -> K:
        """Return the record as its generated class.

        Raises:
            RecordError: Its lexicon refuses it, or its content has another CID than reported.
        """
        try:
            record = kind.from_dict(self.value)
        except ValidationError as error:
            raise RecordError(f"not a {kind.NSID}: {error}", uri=str(self.uri)) from error
        if record.cid() != self.cid:
            raise RecordError(
                f"the content has the CID {record.cid()}, but the server reports {self.cid}",
                uri=str(self.uri),
            )
        return record
