"""The media type of a file, from its first bytes.

Only the start is looked at, so a file that several formats accept (a JPEG with a ZIP archive after
it) is what its start is, and is decoded as nothing else.
"""

from __future__ import annotations

_HEAD = 512

_PREFIXES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"II+\0", "image/tiff"),
    (b"MM\0+", "image/tiff"),
    (b"\xff\x0a", "image/jxl"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "image/jxl"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2"),
    (b"fLaC", "audio/flac"),
    (b"ID3", "audio/mpeg"),
    (b".snd", "audio/basic"),
    (b"caff", "audio/x-caf"),
    (b"\0\0\1\xba", "video/mpeg"),
    (b"FLV\1", "video/x-flv"),
    (b"0&\xb2u\x8ef\xcf\x11", "video/x-ms-asf"),
)
_RIFF = {b"WAVE": "audio/wav", b"WEBP": "image/webp", b"AVI ": "video/x-msvideo"}
_FORM = {b"AIFF": "audio/aiff", b"AIFC": "audio/aiff"}
# The brand of an ISO base media file; all others are MP4.
_BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), "image/avif"),
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis"), "image/heic"),
    **dict.fromkeys((b"M4A ", b"M4B ", b"M4P "), "audio/mp4"),
    b"qt  ": "video/quicktime",
}
# A still image whose coding only the compatible brands name.
_STILL = (b"mif1", b"msf1")
_QUICKTIME = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")


def sniff(data: bytes) -> str | None:
    """Return the media type of a file; None if it is not one of those known here."""
    head = data[:_HEAD]
    for prefix, media_type in _PREFIXES:
        if head.startswith(prefix):
            return media_type
    return _container(head) or _plain_image(head) or _stream(head)


def _container(head: bytes) -> str | None:
    kind, inner = head[:4], head[8:12]
    if kind in (b"RIFF", b"RF64"):
        return _RIFF.get(inner)
    if kind == b"FORM":
        return _FORM.get(inner)
    if kind == b"OggS":
        return "video/ogg" if b"\x80theora" in head[:64] else "audio/ogg"
    if kind == b"\x1aE\xdf\xa3":
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    if head[4:8] == b"ftyp":
        return _ftyp(head)
    return "video/quicktime" if head[4:8] in _QUICKTIME else None


def _ftyp(head: bytes) -> str:
    brand, length = head[8:12], int.from_bytes(head[:4], "big")
    if brand in _STILL:
        compatible = head[16 : min(length, _HEAD)]
        return "image/avif" if b"avif" in compatible else "image/heic"
    if brand.startswith(b"3g"):
        return "video/3gpp"
    return _BRANDS.get(brand, "video/mp4")


def _plain_image(head: bytes) -> str | None:
    # Two letters are a weak mark; the four reserved bytes of a BMP are zero.
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return "image/bmp"
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace():
        return "image/x-portable-anymap"
    return None


def _stream(head: bytes) -> str | None:
    """Return the type of a file that begins with its first frame or packet."""
    if head[:1] == b"G" == head[188:189]:
        return "video/mp2t"
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    layer, version, rates = head[1] >> 1 & 3, head[1] >> 3 & 3, head[2]
    if layer == 0:
        return "audio/aac" if head[1] & 0xF0 == 0xF0 else None
    # Values that the format reserves.
    sound = version != 1 and rates >> 4 != 15 and rates >> 2 & 3 != 3
    return "audio/mpeg" if sound else None
