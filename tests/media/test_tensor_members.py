"""Tensors and bfloat16 as members, which other tools read as arrays."""

from __future__ import annotations

import io
from typing import Annotated, Any

import ml_dtypes
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import atdata
from atdata.errors import SchemaError
from atdata.samples.members import member_codec


@atdata.packable
class Tensors:
    any: torch.Tensor
    bits: Annotated[torch.Tensor, torch.bfloat16, (None, 2)]
    array: NDArray[ml_dtypes.bfloat16]
    lists: Annotated[torch.Tensor, torch.float32, atdata.Member("lists.json")]
    some: list[torch.Tensor]
    named: dict[str, torch.Tensor]
    missing: torch.Tensor | None = None


def test_tensors_survive_their_members() -> None:
    sample = Tensors(
        any=torch.arange(3),
        bits=torch.tensor([[0.5, -1.0]], dtype=torch.bfloat16),
        array=np.array([0.5, 3.0], ml_dtypes.bfloat16),
        lists=torch.tensor([0.1, float("inf")]),
        some=[torch.arange(2)],
        named={"a": torch.zeros(0, 3)},
    )
    codec = member_codec(Tensors)
    members = dict(codec.encode(sample))
    read = codec.decode(members)
    assert read == sample
    assert (read.any.dtype, read.bits.dtype, read.lists.dtype) == (
        torch.int64,
        torch.bfloat16,
        torch.float32,
    )
    assert read.named["a"].shape == (0, 3)
    assert np.load(io.BytesIO(members["any"]), allow_pickle=False).tolist() == [0, 1, 2]
    assert members["lists.json"] == b"[0.10000000149011612,Infinity]"


@pytest.mark.parametrize(
    "annotation",
    [Annotated[torch.Tensor, torch.bfloat16], NDArray[ml_dtypes.bfloat16]],
)
def test_bfloat16_is_not_written_to_json_as_its_bits(annotation: Any) -> None:
    annotated = Annotated[annotation, atdata.Member("json")]
    made = atdata.packable(type("Made", (), {"__annotations__": {"value": annotated}}))
    with pytest.raises(SchemaError, match=r"Made\.value: a member 'json' can't hold"):
        member_codec(made)
