"""The CIDs that name files and their blocks in IPFS: more kinds than records may hold.

Both versions and the usual bases are read (multiformats CID specification). The only digest
accepted is sha2-256: IPFS writes it, and every other function would be one more to trust.
"""

from __future__ import annotations

from base64 import b32encode
from dataclasses import dataclass
from hashlib import sha256

from atdata.errors import UrlError

RAW, DAG_PB = 0x55, 0x70
_SHA256 = b"\x12\x20"
_LONGEST = 128  # characters, in any base
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_ALPHABETS = {
    "b": "abcdefghijklmnopqrstuvwxyz234567",
    "f": "0123456789abcdef",
    "k": "0123456789abcdefghijklmnopqrstuvwxyz",
    "z": _BASE58,
}


@dataclass(frozen=True, slots=True)
class Cid:
    """The name of a block: how to read it, and its digest.

    Attributes:
        codec: :data:`RAW` or :data:`DAG_PB`.
        digest: The sha256 of its bytes.
        version: 0 or 1, which affects only how the CID is written.
    """

    codec: int
    digest: bytes
    version: int = 1

    @classmethod
    def parse(cls, text: str) -> Cid:
        """Parse a CID from text.

        Raises:
            UrlError: Not a CID, or not one of a file with sha2-256.
        """
        try:
            return cls.from_bytes(_decoded(text))
        except ValueError as error:
            raise UrlError(
                f"{text[:_LONGEST]!r} is not a CID of a file: {error}",
                hint="Give the CID of a file or folder with sha2-256: Qm…, bafy… or bafkrei….",
            ) from None

    @classmethod
    def from_bytes(cls, binary: bytes) -> Cid:
        """Parse a CID from the binary form, as links hold it.

        Raises:
            ValueError: Not a CID, or not one of a file with sha2-256.
        """
        if len(binary) == 34 and binary.startswith(_SHA256):
            return cls(DAG_PB, binary[2:], 0)
        if binary[:1] != b"\x01":
            raise ValueError("its version is not known")
        if binary[1:2] not in (bytes([RAW]), bytes([DAG_PB])):
            raise ValueError("its codec is neither raw nor dag-pb")
        if len(binary) != 36 or binary[2:4] != _SHA256:
            raise ValueError("its digest is another than sha2-256")
        return cls(binary[1], binary[4:])

    def matches(self, block: bytes) -> bool:
        """Return whether these are the bytes that the CID names."""
        return sha256(block).digest() == self.digest

    def __str__(self) -> str:
        if self.version == 0:
            return _base58(_SHA256 + self.digest)
        binary = bytes((1, self.codec)) + _SHA256 + self.digest
        return "b" + b32encode(binary).decode().rstrip("=").lower()


def _decoded(text: str) -> bytes:
    if len(text) > _LONGEST:
        raise ValueError("it is too long")
    if len(text) == 46 and text.startswith("Qm"):
        return _number(text, _BASE58).to_bytes(34, "big")
    # Other bases than base58 may be written in capitals.
    plain = text if text[:1] == "z" or not text.isupper() else text.lower()
    alphabet = _ALPHABETS.get(plain[:1])
    if alphabet is None:
        raise ValueError("its base is not known")
    number = _number(plain[1:], alphabet)
    if plain[0] == "b":  # digits of five bits: the bits left over must be zero
        number, rest = divmod(number, 1 << len(plain[1:]) * 5 % 8)
        if rest:
            raise ValueError("bits are left over")
    # The first byte is the version, so there are no leading zeros to lose.
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _number(digits: str, alphabet: str) -> int:
    number = 0
    for digit in digits:
        value = alphabet.find(digit)
        if value < 0:
            raise ValueError(f"{digit!r} is not a digit of its base")
        number = number * len(alphabet) + value
    return number


def _base58(binary: bytes) -> str:
    number, digits = int.from_bytes(binary, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        digits = _BASE58[digit] + digits
    return digits
