from __future__ import annotations

from typing import Any

import pytest

from atdata.samples import generate_cid, verify_cid

# What the implementation before this one gave.
VECTORS: list[tuple[Any, str]] = [
    (
        {"a": 1, "b": [1, 2, {"c": None}]},
        "bafyreihv4dhy3jrmehoeacz7mr6magg6l3coephqdauiayxbxhbcknq7am",
    ),
    (
        {"schema_ref": "atdata://local/sampleSchema/A@1.0.0", "data_urls": ["s3://b/k.tar"]},
        "bafyreid22pon5vu2cu5gtrgy6b4yl7hj3v3kwqtsu4ojlkbqhv5apwvegm",
    ),
]


@pytest.mark.parametrize(("data", "cid"), VECTORS)
def test_known_data_has_known_cids(data: Any, cid: str) -> None:
    assert generate_cid(data) == cid
    assert verify_cid(cid, data)


def test_other_data_has_another_cid() -> None:
    data, cid = VECTORS[0]
    assert not verify_cid(cid, {**data, "a": 2})


def test_the_order_of_keys_does_not_matter() -> None:
    assert generate_cid({"a": 1, "b": 2}) == generate_cid({"b": 2, "a": 1})


def test_floats_are_refused() -> None:
    with pytest.raises(ValueError, match="float"):
        generate_cid({"a": 0.5})
