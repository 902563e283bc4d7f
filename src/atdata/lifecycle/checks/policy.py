"""A policy: an organisation's requirements on datasets that are otherwise valid.

A JSON object. ``policy_version`` is 1; every other field is a gate, and all are optional:
``min_samples``, ``max_samples``, ``max_shards``, ``max_shard_bytes``, ``max_bytes`` (integers),
``names`` and ``schema_cids`` (lists of allowed values), ``required_fields`` (names that the
schema must require), ``source_required`` (true: the manifest must name where samples came from).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from atdata.errors import SchemaError, StorageError
from atdata.lifecycle.report import Finding
from atdata.shards.canonical import parse_json
from atdata.shards.manifest import Manifest

_MAX_BYTES = 1 << 20
_NUMBERS: dict[str, Callable[[Manifest], int]] = {
    "min_samples": lambda manifest: manifest.samples,
    "max_samples": lambda manifest: manifest.samples,
    "max_shards": lambda manifest: len(manifest.shards),
    "max_shard_bytes": lambda manifest: max(shard.size for shard in manifest.shards),
    "max_bytes": lambda manifest: manifest.size,
}
_LISTS = ("names", "schema_cids", "required_fields")


@dataclass(frozen=True, slots=True)
class Policy:
    """Gates; see the module.

    Attributes:
        gates: The fields of the file, except ``policy_version``.
    """

    gates: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_file(cls, path: Path | str) -> Policy:
        """Return the policy in a file.

        Raises:
            StorageError: It can't be read.
            SchemaError: It is not a policy.
        """
        try:
            with Path(path).open("rb") as file:
                return cls.from_json(file.read(_MAX_BYTES + 1))
        except OSError as error:
            raise StorageError(
                f"the policy can't be read: {error.strerror}", uri=str(path)
            ) from error

    @classmethod
    def from_json(cls, data: bytes) -> Policy:
        """Return the policy in these bytes.

        Raises:
            ManifestError, SchemaError: They are not a policy.
        """
        gates = parse_json(data, limit=_MAX_BYTES)
        if not isinstance(gates, dict) or gates.pop("policy_version", None) != 1:
            raise SchemaError("a policy is a JSON object with policy_version 1")
        for name, value in gates.items():
            _check_gate(name, value)
        return cls(gates)

    def findings(self, manifest: Manifest, document: dict[str, Any]) -> Iterator[Finding]:
        """Yield a finding for each gate that a dataset does not pass."""
        for name, gate in sorted(self.gates.items()):
            if (refused := _refused(name, gate, manifest, document)) is not None:
                expected, actual = refused
                yield Finding(
                    "POLICY_GATE", "the policy refuses it", path=name, expected=expected,
                    actual=actual,
                )  # fmt: skip


def _check_gate(name: str, value: Any) -> None:
    sound = (
        (name in _NUMBERS and type(value) is int and value >= 0)
        or (name in _LISTS and _is_texts(value))
        or (name == "source_required" and type(value) is bool)
    )
    if not sound:
        raise SchemaError(
            f"the policy's {name!r} is not known, or has a value of the wrong type", path=name
        )


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _refused(
    name: str, gate: Any, manifest: Manifest, document: dict[str, Any]
) -> tuple[str | int, str | int] | None:
    """Return the gate's value and the actual one if the dataset does not pass; else None."""
    if name in _NUMBERS:
        number = _NUMBERS[name](manifest)
        passes = number >= gate if name.startswith("min") else number <= gate
        return None if passes else (gate, number)
    if name == "names":
        return None if manifest.name in gate else (", ".join(gate), manifest.name)
    if name == "schema_cids":
        return None if manifest.schema_cid in gate else (", ".join(gate), manifest.schema_cid)
    if name == "required_fields":
        required = document.get("required", [])
        missing = [field for field in gate if field not in required]
        return (", ".join(gate), ", ".join(required)) if missing else None
    return ("a source", "none") if gate and not manifest.source else None
