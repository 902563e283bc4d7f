"""A member of 1 MB costs what its size costs, whatever it claims."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from atdata.samples.arrays import to_npy

from .measure import MEBIBYTE, cost

SIZE = MEBIBYTE - 8
SETUP = "import atdata, numpy; from atdata.samples.members import member_codec"
READ = """
from pathlib import Path
payload = Path(arguments["path"]).read_bytes()
sample = member_codec(atdata.DictSample).decode({arguments["extension"]: payload})
result(len(sample[arguments["extension"]]))
"""


def bomb(arrays: int, size: int) -> bytes:
    """An archive of arrays of zeros, each of so many bytes."""
    buffer = io.BytesIO()
    npy = to_npy(np.zeros(size, "u1"))
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(arrays):
            archive.writestr(f"{number}.npy", npy)
    return buffer.getvalue()


MEMBERS = {
    "long list of lists": ("cbor", b"\x9a" + SIZE.to_bytes(4, "big") + b"\x80" * SIZE),
    "deep list": ("cbor", b"\x81" * SIZE),
    "list that is not there": ("cbor", b"\x9b" + b"\x7f" * 8),
    "bytes that are not there": ("cbor", b"\x5b" + b"\x7f" * 8),
    "long list": ("json", b"[" + b"[]," * (SIZE // 3 - 1) + b"1]"),
    "deep lists": ("json", b"[" * SIZE),
    "many keys": ("json", b"{" + b",".join(b'"%x":{}' % n for n in range(90_000)) + b"}"),
    "long number": ("json", b"9" * SIZE),
    "long integer": ("cls", b"9" * SIZE),
    "one array of zeros": ("npz", bomb(1, 160 * MEBIBYTE)),
    "many arrays of zeros": ("npz", bomb(40, 4 * MEBIBYTE)),
    "arrays within the bound": ("npz", bomb(2, 60 * MEBIBYTE)),
}


@pytest.mark.parametrize("name", MEMBERS)
def test_a_member_costs_little(name: str, tmp_path: Path) -> None:
    extension, payload = MEMBERS[name]
    assert len(payload) <= MEBIBYTE
    path = tmp_path / "member"
    path.write_bytes(payload)
    taken = cost(READ, setup=SETUP, arguments={"path": str(path), "extension": extension})
    taken.assert_bounded()
    assert taken.error is None or taken.error[0] == "SampleError"
