"""Content identifiers: CIDv1, sha2-256, base32 (multiformats CID specification)."""

from __future__ import annotations

import re
from base64 import b32decode, b32encode
from hashlib import sha256
from typing import Final

__all__ = [
    "DAG_CBOR",
    "RAW",
    "codec",
    "digest",
    "from_bytes",
    "from_digest",
    "is_cid",
    "of_bytes",
    "of_cbor",
    "to_bytes",
]

RAW: Final = 0x55
DAG_CBOR: Final = 0x71

# Version, codec, hash function and length fill the first 32 bits. The digest starts within the
# seventh character, and the two bits that are left over at the end are zero.
_TEXT: Final = re.compile(r"ba(?:fy|fk)rei[a-h][a-z2-7]{50}[aeimquy4]", re.ASCII).fullmatch


def from_digest(sha256_digest: bytes, codec: int = RAW) -> str:
    """The CID of content with this SHA-256 digest (32 bytes)."""
    if len(sha256_digest) != 32:
        raise ValueError(f"a SHA-256 digest has 32 bytes, not {len(sha256_digest)}")
    if codec not in (RAW, DAG_CBOR):
        raise ValueError(f"codec {codec:#x} is neither raw (0x55) nor dag-cbor (0x71)")
    binary = bytes((1, codec, 0x12, 0x20)) + sha256_digest
    return "b" + b32encode(binary).decode().rstrip("=").lower()


def of_bytes(data: bytes | bytearray | memoryview) -> str:
    """The CID of bytes: codec raw, ``bafkrei…``."""
    return from_digest(sha256(data).digest(), RAW)


def of_cbor(encoded: bytes) -> str:
    """The CID of an encoded record: codec dag-cbor, ``bafyrei…``."""
    return from_digest(sha256(encoded).digest(), DAG_CBOR)


def is_cid(text: str) -> bool:
    """Whether text is a CIDv1 with sha2-256, codec raw or dag-cbor, in canonical base32."""
    return _TEXT(text) is not None


def to_bytes(text: str) -> bytes:
    """The binary form (36 bytes); ``ValueError`` when the text is not such a CID."""
    if not is_cid(text):
        raise ValueError(f"not a CIDv1 (sha2-256, raw or dag-cbor, base32): {text[:80]!r}")
    return b32decode(text[1:].upper() + "======")


def from_bytes(binary: bytes) -> str:
    """The text form of a binary CID; ``ValueError`` for other kinds than ours."""
    if len(binary) != 36 or binary[:1] != b"\x01" or binary[2:4] != b"\x12\x20":
        raise ValueError("not a binary CIDv1 with sha2-256")
    return from_digest(binary[4:], binary[1])


def digest(text: str) -> bytes:
    """The SHA-256 digest (32 bytes) in a CID; ``ValueError`` when the text is not such a CID."""
    return to_bytes(text)[4:]


def codec(text: str) -> int:
    """``RAW`` or ``DAG_CBOR``; ``ValueError`` when the text is not such a CID."""
    return to_bytes(text)[1]
