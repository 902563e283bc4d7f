"""Ways to tamper with a pack, each with the code and place of its finding."""

from __future__ import annotations

import copy
import gzip
import hashlib
import io
import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgpack
import numpy as np

from atdata.shards.canonical import canonical_json

from .forge import (
    BLOCK,
    END,
    Forgery,
    header,
    member,
    pax,
    sample_bytes,
    sample_member,
)

Tamper = Callable[[Forgery], None]


@dataclass(frozen=True)
class Attack:
    """One way to tamper.

    Attributes:
        name: Name of the test.
        tamper: Does it.
        code: What has to be found.
        shard: Where: number of the shard …
        member: … name of the member …
        piece: … which starts where this piece of the shard starts …
        delta: … this many bytes further on.
        offset: Offset in the pack, for findings that are not in a shard.
    """

    name: str
    tamper: Tamper
    code: str
    shard: int | None = None
    member: str | None = None
    piece: int | None = None
    delta: int = 0
    offset: int | None = None


ATTACKS: list[Attack] = []


def attack(code: str, **place: Any) -> Callable[[Tamper], Tamper]:
    def remember(tamper: Tamper) -> Tamper:
        ATTACKS.append(Attack(tamper.__name__, tamper, code, **place))
        return tamper

    return remember


def in_shard(code: str, name: str, change: Callable[[list[bytes]], None], **place: Any) -> None:
    """An attack on the pieces of shard 1; all digests are made right again."""

    def tamper(forgery: Forgery) -> None:
        change(forgery.shards[1])
        forgery.relock()

    place.setdefault("shard", 1)
    ATTACKS.append(Attack(name, tamper, code, **place))


def in_manifest(code: str, name: str, change: Callable[[dict[str, Any]], None]) -> None:
    """An attack on the manifest's data."""
    ATTACKS.append(Attack(name, lambda forgery: change(forgery.manifest), code))


def put(piece: int, data: bytes) -> Callable[[list[bytes]], None]:
    """Put bytes before a piece."""
    return lambda pieces: pieces.insert(piece, data)


def swap(piece: int, data: bytes) -> Callable[[list[bytes]], None]:
    """Put bytes in the place of a piece."""
    return lambda pieces: pieces.__setitem__(piece, data)


def change_checksum(piece: int, shift: int) -> Callable[[list[bytes]], None]:
    def change(pieces: list[bytes]) -> None:
        data = bytearray(pieces[piece])
        data[148:156] = b"%06o\0 " % (int(data[148:154], 8) + shift)
        pieces[piece] = bytes(data)

    return change


def flip(piece: int, offset: int, bit: int = 1) -> Callable[[list[bytes]], None]:
    def change(pieces: list[bytes]) -> None:
        data = bytearray(pieces[piece])
        data[offset] ^= bit
        pieces[piece] = bytes(data)

    return change


def cut(piece: int, size: int) -> Callable[[list[bytes]], None]:
    """End the shard inside a piece."""

    def change(pieces: list[bytes]) -> None:
        pieces[piece:] = [pieces[piece][:size]]

    return change


KEY = "000000004.msgpack"  # piece 1 of shard 1
NEXT = b"000000009.msgpack"

# 1. Truncation, zeros, glue, padding
in_shard("TAR_NO_END", "truncated_at_a_member_boundary", cut(2, 0), piece=2)
in_shard("TAR_NO_END", "truncated_in_a_header", cut(1, 300), piece=1)
in_shard("TAR_TRUNCATED", "truncated_in_a_payload", cut(1, 600), piece=1)
in_shard("TAR_NO_END", "half_an_end", cut(3, 511), piece=3)
in_shard("TAR_NO_END", "an_end_and_a_half", cut(3, 513), piece=3)
in_shard("TAR_NO_END", "no_end_at_all", cut(3, 0), piece=3)
in_shard("TAR_AFTER_END", "zero_block_between_members", put(1, bytes(512)), piece=1, delta=512)
in_shard("TAR_AFTER_END", "zero_blocks_between_members", put(2, END), piece=2, delta=1024)
in_shard("TAR_AFTER_END", "a_second_tar_after_the_end", put(4, sample_member(b"\x80") + END))
in_shard("TAR_AFTER_END", "a_byte_after_the_end", put(4, b"x" + bytes(511)))
in_shard("TAR_PADDING", "nonzero_padding", flip(1, -1), member=KEY, piece=1, delta=-1)
in_shard("SAMPLE_COUNT", "an_empty_tar", lambda pieces: pieces.__setitem__(slice(0, 3), []))
in_shard("TAR_EMPTY", "an_empty_file", lambda pieces: pieces.clear(), offset=0)


# 2. One bit
in_shard("TAR_BAD_CHECKSUM", "a_bit_in_a_name", flip(1, 3), piece=1)
in_shard("TAR_BAD_CHECKSUM", "a_bit_in_the_mode", flip(1, 101), piece=1)
in_shard("TAR_BAD_CHECKSUM", "a_bit_in_a_size", flip(1, 132), piece=1)
in_shard("TAR_BAD_CHECKSUM", "a_bit_in_a_checksum", flip(1, 149), piece=1)
in_shard("TAR_BAD_CHECKSUM", "a_bit_in_unused_bytes", flip(1, 505), piece=1)


@attack("SHARD_DIGEST", shard=1)
def a_bit_in_a_payload(forgery: Forgery) -> None:
    flip(1, 512 + 40)(forgery.shards[1])


@attack("SHARD_DIGEST", shard=0)
def a_label_changed_and_nothing_else(forgery: Forgery) -> None:
    forgery.shards[0][0] = forgery.shards[0][0].replace(b"\xa5label\x00", b"\xa5label\x01")


# 3. Names
def named(name: bytes) -> Callable[[list[bytes]], None]:
    return swap(1, member(name, sample_bytes()))


for _code, _name, _raw in (
    ("NAME_UNSAFE", "a_name_that_climbs", b"../000000004.msgpack"),
    ("NAME_UNSAFE", "a_name_that_climbs_inside", b"a/../b.msgpack"),
    ("NAME_UNSAFE", "an_absolute_name", b"/etc/000000004.msgpack"),
    ("NAME_UNSAFE", "a_nul_in_a_name", b"0000\x0004.msgpack"),
    ("NAME_UNSAFE", "a_newline_in_a_name", b"0000\n04.msgpack"),
    ("NAME_UNSAFE", "a_backslash_in_a_name", b"..\\04.msgpack"),
    ("NAME_UNSAFE", "a_name_that_is_not_utf8", b"0000\xff04.msgpack"),
    ("NAME_UNSAFE", "a_doubled_slash", b"a//b.msgpack"),
    ("NAME_HIDDEN", "a_dotfile", b".msgpack"),
    ("NAME_NO_EXTENSION", "no_dot", b"000000004"),
    ("NAME_RESERVED", "a_reserved_name", b"__meta__.msgpack"),
    ("NAME_RESERVED", "a_reserved_folder", b"__meta__/4.msgpack"),
):
    in_shard(_code, _name, named(_raw), member=None, piece=1)
in_shard(
    "NAME_NOT_PORTABLE",
    "digits_that_look_like_others",
    named("00000000\uff14.msgpack".encode()),
    member="00000000\uff14.msgpack",
    piece=1,
)
in_shard(
    "NAME_NOT_PORTABLE",
    "a_letter_of_another_alphabet",
    named("\u0430bc.msgpack".encode()),
    member="\u0430bc.msgpack",
    piece=1,
)
in_shard(
    "NAME_UNSAFE",
    "a_pax_path_that_climbs",
    put(1, pax(b"path", b"../../x")),
    member="'../../x'",
    piece=1,
    delta=1024,
)
in_shard("TAR_PAX", "another_pax_size", put(1, pax(b"size", b"0")), piece=1, delta=1024)
in_shard("TAR_PAX", "a_pax_link", put(1, pax(b"linkpath", b"x")), piece=1)
in_shard("TAR_PAX", "a_pax_length_that_lies", put(1, member(b"p", b"99 mtime=1\n", b"x")), piece=1)
in_shard("TAR_PAX", "a_pax_record_of_nothing", put(3, pax(b"mtime", b"1")))
in_shard(
    "NAME_UNSAFE",
    "a_gnu_long_name_that_climbs",
    put(1, member(b"L", b"../../x\0", b"L")),
    member="'../../x'",
    piece=1,
    delta=1024,
)
in_shard(
    "TAR_NOT_USTAR",
    "a_header_of_another_format",
    swap(1, member(KEY.encode(), b"", magic=bytes(8))),
    piece=1,
)

# 4. Types
for _name, _kind in (
    ("a_hard_link", b"1"),
    ("a_symbolic_link", b"2"),
    ("a_character_device", b"3"),
    ("a_block_device", b"4"),
    ("a_pipe", b"6"),
    ("a_contiguous_file", b"7"),
    ("a_sparse_file", b"S"),
    ("an_unknown_type", b"Z"),
):
    in_shard("TAR_MEMBER_KIND", _name, put(1, header(NEXT, 0, _kind)), piece=1)
in_shard("TAR_MEMBER_KIND", "a_folder_with_bytes", put(1, member(b"d/", b"x", b"5")), piece=1)
in_shard("TAR_PAX", "a_pax_path_of_all", put(0, pax(b"path", b"x.msgpack", b"g")), piece=0)
in_shard("TAR_MEMBER_KIND", "a_file_that_names_a_link", put(1, header(NEXT, 0, link=b"x")), piece=1)
in_shard(
    "TAR_BAD_NUMBER",
    "a_size_below_zero_in_base_256",
    put(1, header(NEXT, 0, size_field=b"\xff" * 12)),
    piece=1,
)
in_shard(
    "TAR_BAD_NUMBER",
    "a_size_below_zero",
    put(1, header(NEXT, 0, size_field=b"-1".ljust(12, b"\0"))),
    piece=1,
)
for _field, _at in (
    ("mode", 100),
    ("uid", 108),
    ("gid", 116),
    ("mtime", 136),
    ("devmajor", 329),
    ("devminor", 337),
):
    in_shard("TAR_BAD_NUMBER", f"junk_in_{_field}", put(1, header(NEXT, 0, junk_at=_at)), piece=1)
in_shard("TAR_BAD_CHECKSUM", "a_checksum_off_by_adlers_modulus", change_checksum(1, 65521), piece=1)


@attack("TAR_COMPRESSED", shard=1, piece=0)
def a_gzipped_shard(forgery: Forgery) -> None:
    forgery.shards[1] = [gzip.compress(forgery.shard(1), mtime=0)]
    forgery.relock()


# 5. Duplicates
def again(piece: int, name: bytes | None = None) -> Callable[[list[bytes]], None]:
    def change(pieces: list[bytes]) -> None:
        data = pieces[piece]
        pieces.insert(3, data if name is None else member(name, sample_bytes()))

    return change


in_shard("KEY_TWICE", "the_same_key_next_to_itself", again(2), member="000000005.msgpack", piece=3)
in_shard("KEY_TWICE", "the_same_key_further_on", again(0), member="000000003.msgpack", piece=3)
in_shard(
    "KEY_CASE",
    "keys_that_differ_in_case",
    lambda pieces: pieces.__setitem__(
        slice(1, 3), [sample_member(sample_bytes(), b"aBc"), sample_member(sample_bytes(), b"abC")]
    ),
    member="abC.msgpack",
    piece=2,
)
in_shard(
    "NAME_FIELD",
    "a_group_that_is_split",
    lambda pieces: pieces.insert(3, member(b"000000003.json", b"{}")),
    member="000000003.json",
    piece=3,
)


@attack("KEY_TWICE", shard=1, member="000000001.msgpack", piece=1)
def the_same_key_in_two_shards(forgery: Forgery) -> None:
    forgery.shards[1][1] = forgery.shards[0][1]
    forgery.relock()


@attack("KEY_CASE", shard=1, member="ABC.msgpack", piece=1)
def keys_of_two_shards_that_differ_in_case(forgery: Forgery) -> None:
    forgery.shards[0][1] = sample_member(sample_bytes(), b"abc")
    forgery.shards[1][1] = sample_member(sample_bytes(), b"ABC")
    forgery.relock()


# 6. Payloads
class Bomb:
    """Would say so if anybody unpickled it."""

    def __reduce__(self) -> Any:
        return (print, ("a pickle ran",))


def npy(array: np.ndarray[Any, Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def payload(code: str, name: str, data: bytes) -> None:
    in_shard(code, name, swap(1, member(KEY.encode(), data)), member=KEY, piece=1)


for _name, _raw in (
    ("a_pkl_member", b"000000004.pkl"),
    ("a_pth_member", b"000000004.pth"),
    ("a_gzipped_pkl_member", b"000000004.pkl.gz"),
    ("a_gzipped_pyd_member", b"000000004.pyd.gz"),
):
    in_shard(
        "NAME_PICKLE",
        _name,
        put(2, member(_raw, pickle.dumps(Bomb()))),
        member=_raw.decode(),
        piece=2,
    )

GOOD = npy(np.arange(4, dtype=np.float32))
payload("FIELD_PICKLE", "an_array_of_objects", sample_bytes(values=npy(np.array([Bomb()]))))
payload("FIELD_PICKLE", "a_pickle_in_an_array_field", sample_bytes(values=pickle.dumps(Bomb())))
COMPACT = b"\3<f4\1" + (4).to_bytes(8, "little") + np.arange(4, dtype="<f4").tobytes()
payload("FIELD_COMPACT", "an_array_of_the_earlier_form", sample_bytes(values=COMPACT))
payload("FIELD_TYPE", "an_array_of_the_earlier_form_cut", sample_bytes(values=COMPACT[:-1]))
payload("SAMPLE_TRAILING", "a_pickle_in_a_samples_place", pickle.dumps(Bomb(), protocol=2))
payload("SAMPLE_TRAILING", "bytes_after_a_sample", sample_bytes() + b"\x00")
payload("SAMPLE_TRAILING", "a_second_sample_after_it", sample_bytes() * 2)
payload("SAMPLE_KEY_TWICE", "a_field_twice", b"\x82\xa1a\x01\xa1a\x02")
payload(
    "SAMPLE_KEY_TWICE",
    "a_key_twice_deep_inside",
    sample_bytes().replace(b"\x82\xa1a\x01\xa1b\x02", b"\x82\xa1a\x01\xa1a\x02"),
)
payload("SAMPLE_EXTENSION", "an_extension_type", sample_bytes(label=msgpack.ExtType(5, b"x")))
payload(
    "SAMPLE_VALUES", "a_bomb_of_values", b"\x81\xa1v\xdd\x00\x10\x00\x01" + b"\xc0" * (2**20 + 1)
)
payload("SAMPLE_DEPTH", "a_depth_bomb", b"\x91" * 100_000 + b"\xc0")
payload("SAMPLE_MSGPACK", "a_length_bomb", b"\xdd\xff\xff\xff\xff")
payload("SAMPLE_MSGPACK", "a_text_bomb", b"\xdb\xff\xff\xff\xff")
payload("SAMPLE_MSGPACK", "a_map_bomb", b"\xdf\xff\xff\xff\xff")
payload("SAMPLE_MSGPACK", "a_sample_cut_off", sample_bytes()[:-1])
payload("SAMPLE_MSGPACK", "an_empty_sample", b"")
payload(
    "SAMPLE_MSGPACK", "text_that_is_no_text", sample_bytes().replace(b"\xa5label", b"\xa5lab\xffl")
)
payload("SAMPLE_NOT_MAP", "a_list_in_place_of_a_map", msgpack.packb([1, 2]))
payload("SAMPLE_NOT_MAP", "a_number_in_place_of_a_map", b"\x07")
payload("FIELD_MISSING", "a_field_missing", sample_bytes(label=...))
payload("FIELD_EXTRA", "a_field_too_many", sample_bytes(extra=1))
payload("FIELD_TYPE", "text_for_a_number", sample_bytes(label="7"))
payload("FIELD_TYPE", "a_float_for_an_integer", sample_bytes(label=7.0))
payload("FIELD_TYPE", "a_bool_for_an_integer", sample_bytes(label=True))
payload("FIELD_TYPE", "null_for_an_integer", sample_bytes(label=None))
payload("FIELD_TYPE", "text_for_bytes", sample_bytes(raw="raw"))
payload("FIELD_TYPE", "a_number_for_an_array", sample_bytes(values=5))
payload("FIELD_ARRAY", "another_dtype", sample_bytes(values=npy(np.arange(4.0))))
payload("FIELD_ARRAY", "a_shape_that_lies", sample_bytes(values=GOOD.replace(b"(4,)", b"(5,)")))
payload("FIELD_ARRAY", "a_shape_that_hides", sample_bytes(values=GOOD.replace(b"(4,)", b"(3,)")))
payload(
    "FIELD_ARRAY",
    "a_shape_of_2_to_the_60",
    sample_bytes(values=GOOD.replace(b"(4,), ", b"(1152921504606846976,), ")),
)
payload(
    "FIELD_ARRAY", "code_in_an_array_header", sample_bytes(values=GOOD.replace(b"False", b"exit("))
)


# 7. Manifest
def rows_of(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = manifest["shards"]
    return rows


in_manifest("MANIFEST_VERSION", "a_future_version", lambda m: m.update(format_version=2))
in_manifest("MANIFEST_VERSION", "a_version_that_is_true", lambda m: m.update(format_version=True))
in_manifest("MANIFEST_UNKNOWN_FIELD", "an_unknown_field", lambda m: m.update(extra=1))
in_manifest("MANIFEST_MISSING_FIELD", "a_field_left_out", lambda m: m.pop("totals"))
in_manifest("MANIFEST_PATH", "a_path_that_climbs", lambda m: rows_of(m)[0].update(path="../0.tar"))
in_manifest("MANIFEST_PATH", "an_absolute_path", lambda m: rows_of(m)[0].update(path="/0.tar"))
in_manifest("MANIFEST_PATH", "a_path_in_a_folder", lambda m: rows_of(m)[0].update(path="a/0.tar"))
in_manifest("MANIFEST_PATH", "a_hidden_path", lambda m: rows_of(m)[0].update(path=".0.tar"))
in_manifest("MANIFEST_SHARD_ORDER", "rows_swapped", lambda m: rows_of(m).reverse())
in_manifest("MANIFEST_DIGEST", "a_short_digest", lambda m: rows_of(m)[0].update(sha256="ab" * 16))
in_manifest(
    "MANIFEST_DIGEST",
    "an_upper_case_digest",
    lambda m: rows_of(m)[0].update(sha256=rows_of(m)[0]["sha256"].upper()),
)
in_manifest(
    "MANIFEST_DIGEST", "a_cid_of_others", lambda m: rows_of(m)[0].update(cid=rows_of(m)[1]["cid"])
)
in_manifest("MANIFEST_TOTALS", "wrong_totals", lambda m: m["totals"].update(samples=7))
in_manifest(
    "MANIFEST_CONTENT_CID",
    "another_content_cid",
    lambda m: m.update(content_cid=m["schema"]["cid"]),
)
in_manifest("MANIFEST_FORM", "no_shards", lambda m: m.update(shards=[]))
in_manifest("MANIFEST_FORM", "a_negative_count", lambda m: rows_of(m)[0].update(samples=-1))
in_manifest("MANIFEST_NAME", "a_name_that_climbs_in_the_manifest", lambda m: m.update(name="../x"))
in_manifest(
    "MANIFEST_FORM", "a_schema_ref_of_elsewhere", lambda m: m["schema"].update(ref="https://x/y")
)


@attack("MANIFEST_SHARD_TWICE")
def one_file_as_two_shards(forgery: Forgery) -> None:
    rows = rows_of(forgery.manifest)
    rows[1] = {**rows[0], "index": 1}
    forgery.total()


@attack("JSON_DUPLICATE_KEY")
def a_key_twice_in_the_manifest(forgery: Forgery) -> None:
    text = forgery.manifest_bytes()
    forgery.raw_manifest = text[:-1] + b',"version":"1.0.0"}'


@attack("JSON_INVALID")
def a_float_in_the_manifest(forgery: Forgery) -> None:
    forgery.raw_manifest = forgery.manifest_bytes().replace(b'"samples":6', b'"samples":6.0')


@attack("JSON_INVALID")
def a_manifest_nested_too_deeply(forgery: Forgery) -> None:
    forgery.raw_manifest = b"[" * 100_000


@attack("MANIFEST_NOT_CANONICAL")
def a_manifest_with_spaces(forgery: Forgery) -> None:
    forgery.raw_manifest = json.dumps(forgery.manifest, sort_keys=True).encode()


@attack("SAMPLE_COUNT", shard=1)
def a_wrong_count_with_a_right_hash(forgery: Forgery) -> None:
    rows_of(forgery.manifest)[1]["samples"] = 4
    forgery.total()


@attack("SCHEMA_CID")
def another_schema(forgery: Forgery) -> None:
    document = json.loads(forgery.schema)
    document["description"] = "another"
    forgery.schema = canonical_json(document)


@attack("SCHEMA_INVALID")
def a_schema_of_nothing(forgery: Forgery) -> None:
    forgery.schema = b"{}"


@attack("SCHEMA_INVALID")
def a_schema_that_names_code(forgery: Forgery) -> None:
    forgery.schema = forgery.schema.replace(b'"label"', b'"__class__"')


@attack("SCHEMA_NOT_CANONICAL")
def a_schema_with_spaces(forgery: Forgery) -> None:
    forgery.schema = json.dumps(json.loads(forgery.schema), sort_keys=True).encode()


# 8. The pack around it
@attack("SHARD_MISSING", shard=1)
def a_shard_left_out(forgery: Forgery) -> None:
    forgery.order = [0]


@attack("PACK_MEMBER", member="000001.tar")
def shards_reordered(forgery: Forgery) -> None:
    forgery.order = [1, 0]


@attack("PACK_MEMBER", member="000001.tar")
def a_shard_twice(forgery: Forgery) -> None:
    forgery.order = [0, 1, 1]


@attack("SHARD_DIGEST", shard=0)
def shards_swapped(forgery: Forgery) -> None:
    forgery.shards.reverse()


@attack("PACK_MEMBER", member="extra.tar")
def a_shard_too_many(forgery: Forgery) -> None:
    forgery.more = member(b"extra.tar", bytes(1024))


@attack("PACK_MEMBER", member="../evil")
def a_member_that_climbs(forgery: Forgery) -> None:
    forgery.more = member(b"../evil", b"x")


@attack("PACK_MEMBER", member="first")
def a_member_before_the_manifest(forgery: Forgery) -> None:
    forgery.before = member(b"first", b"x")


@attack("TAR_MEMBER_KIND")
def a_link_among_the_members(forgery: Forgery) -> None:
    forgery.middle = header(b"000000.tar", 0, b"2", link=b"/etc/passwd")


@attack("TAR_PAX")
def a_pax_record_among_the_members(forgery: Forgery) -> None:
    forgery.middle = pax(b"path", b"000000.tar")


@attack("PACK_TRUNCATED")
def a_pack_without_an_end(forgery: Forgery) -> None:
    forgery.tail = b""


@attack("PACK_TRUNCATED")
def a_pack_with_half_an_end(forgery: Forgery) -> None:
    forgery.tail = bytes(BLOCK)


@attack("PACK_AFTER_END")
def data_after_the_pack(forgery: Forgery) -> None:
    forgery.tail = END + b"more"


@attack("PACK_AFTER_END")
def a_second_pack_after_it(forgery: Forgery) -> None:
    forgery.tail = END + copy.deepcopy(forgery).pack()


@attack("SCHEMA_MISSING")
def a_pack_without_shards_or_schema(forgery: Forgery) -> None:
    forgery.order = []
    forgery.schema = b""
    forgery.tail = forgery.tail
    packed = forgery.pack()
    manifest = packed[
        : BLOCK + len(forgery.manifest_bytes()) + -len(forgery.manifest_bytes()) % BLOCK
    ]
    forgery.pack = lambda: manifest + END  # type: ignore[method-assign]


@attack("PACK_HEADER", member="dataset.json")
def a_header_of_another_tool(forgery: Forgery) -> None:
    packed = forgery.pack()
    data = forgery.manifest_bytes()
    forged = header(b"dataset.json", len(data)).replace(b"0000644", b"0000777")
    total = sum(forged) - sum(forged[148:156]) + 8 * 32
    forged = forged[:148] + b"%06o\x00 " % total + forged[156:]
    forgery.pack = lambda: forged + packed[BLOCK:]  # type: ignore[method-assign]


@attack("TAR_COMPRESSED", offset=0)
def a_gzipped_pack(forgery: Forgery) -> None:
    packed = gzip.compress(forgery.pack(), mtime=0)
    forgery.pack = lambda: packed  # type: ignore[method-assign]


@attack("TAR_BAD_CHECKSUM", offset=0)
def no_pack_at_all(forgery: Forgery) -> None:
    forgery.pack = lambda: hashlib.sha256(b"x").digest() * 64  # type: ignore[method-assign]


@attack("PACK_TRUNCATED", offset=0)
def an_empty_pack(forgery: Forgery) -> None:
    forgery.pack = lambda: b""  # type: ignore[method-assign]
