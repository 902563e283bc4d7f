"""Archives of arrays, as ``np.savez`` writes them: read bounded, without pickle."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Mapping
from typing import Final

from atdata.errors import SampleError
from atdata.samples import arrays

MAX_UNFOLDED: Final = 2**27
"""Bytes by which the arrays may be larger than the archive; deflate could hold 1,000 times it."""

_MAX_DIRECTORY = 2**20  # bytes: some ten thousand arrays
_END = 22  # bytes of the record at the end, when it has no comment
_COMPRESSION = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_SUFFIX = ".npy"
_NAME = re.compile(r"[^\x00-\x1f\x7f\\]*")
_UNSOUND = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, NotImplementedError, RuntimeError),
    *(EOFError, LookupError, OSError, OverflowError, TypeError, ValueError, MemoryError),
)


def parse_npz(payload: bytes) -> dict[str, arrays.Array]:
    """Return the arrays of an archive by name, in order.

    Raises:
        SampleError: Not an archive of ``.npy`` files, a name twice, an object array, or arrays
            that are larger than the archive by more than ``MAX_UNFOLDED``.
    """
    _check_directory(payload)
    try:
        with zipfile.ZipFile(io.BytesIO(payload)) as archive:
            infos = archive.infolist()
            _check_entries(infos, len(payload) + MAX_UNFOLDED)
            return {info.filename.removesuffix(_SUFFIX): _array(archive, info) for info in infos}
    except SampleError:
        raise
    except _UNSOUND as error:
        raise SampleError(f"not an npz archive: {error}") from None


def npz_bytes(named: Mapping[str, bytes]) -> bytes:
    """Return an archive of arrays, which are given in ``.npy`` form; always the same bytes.

    Raises:
        SampleError: A name can't be that of a file in an archive, or a value is not an array.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, npy in named.items():
            if not (_NAME.fullmatch(name) and name.isprintable()):
                raise SampleError("the name of an array in an npz archive is printable text")
            if not isinstance(npy, bytes) or not npy.startswith(arrays.MAGIC):
                raise SampleError("an npz archive holds arrays only", path=f"[{name!r}]")
            info = zipfile.ZipInfo(name + _SUFFIX)
            info.create_system = 3  # else it is that of the machine
            archive.writestr(info, npy)
    return buffer.getvalue()


def _check_directory(payload: bytes) -> None:
    """Check the end of the archive: the reader loads its whole directory."""
    end = payload[-_END:]
    if payload[:2] != b"PK" or end[:4] != b"PK\5\6":
        raise SampleError("not an npz archive")
    if int.from_bytes(end[12:16], "little") > _MAX_DIRECTORY:
        raise SampleError("an npz archive of too many arrays")


def _check_entries(infos: list[zipfile.ZipInfo], most: int) -> None:
    names = {info.filename for info in infos}
    if len(names) != len(infos) or not all(name.endswith(_SUFFIX) for name in names):
        raise SampleError("an npz archive holds other files, or an array twice")
    # The others take memory by what they claim.
    if any(info.compress_type not in _COMPRESSION for info in infos):
        raise SampleError("an npz archive is compressed by another method than deflate")
    if sum(info.file_size for info in infos) > most:
        raise SampleError(
            f"the arrays of an npz archive have more than {most} bytes",
            hint="Write them as npy members, or uncompressed.",
        )


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> arrays.Array:
    with archive.open(info) as file:
        npy = file.read(info.file_size)  # no more is unfolded than was promised
        if len(npy) != info.file_size or file.read(1):
            raise SampleError("an array in an npz archive has another length than is promised")
    return arrays.from_npy(npy)
