"""Tensors of PyTorch and bfloat16 as fields: stored as NumPy arrays."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import ml_dtypes
import msgpack
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import atdata
from atdata.errors import MissingExtra, SampleError, SchemaError
from atdata.samples.annotations import annotation_of, kind_of
from atdata.samples.arrays import from_npy, to_npy
from atdata.samples.packable import projection
from atdata.samples.schema import schema_document, type_from_document
from atdata.samples.stub_text import stub_text
from atdata.samples.tensors import Bfloat16, TensorOf

BF16 = ml_dtypes.bfloat16
NUMBERS = np.array([[0.0, -1.5, 3e38], [1e-38, np.inf, 2.0]], "f4")


@atdata.packable
class Loose:
    tensor: torch.Tensor


@atdata.packable
class Activations:
    tensor: Annotated[torch.Tensor, torch.bfloat16, (None, 3)]
    mask: Annotated[torch.Tensor | None, torch.bool] = None


@atdata.packable
class Plain:
    tensor: NDArray[BF16]


@atdata.packable
class Scaled:
    tensor: NDArray[np.float32]


@atdata.packable
class ScaledTensor:
    tensor: Annotated[torch.Tensor, torch.float32]


def packed(sample: Any) -> bytes:
    return sample.packed  # type: ignore[no-any-return]


def bfloat_tensor() -> torch.Tensor:
    return torch.from_numpy(NUMBERS).to(torch.bfloat16)


@pytest.mark.parametrize(
    "dtype",
    [
        *("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"),
        *("float16", "float32", "float64", "complex64", "complex128"),
    ],
)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3)])
def test_tensors_come_back_equal(dtype: str, shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    tensor = torch.from_numpy(array)
    data = packed(Loose(tensor))
    assert msgpack.unpackb(data) == {"tensor": to_npy(array)}
    again = Loose.from_bytes(data)  # type: ignore[attr-defined]
    assert again.tensor.dtype == tensor.dtype
    assert again == Loose(tensor)
    again.tensor.zero_()  # its memory is its own


def test_any_tensor_is_stored_by_its_values() -> None:
    tensor = torch.arange(12.0).reshape(3, 4).T[::2].requires_grad_()
    again = Loose.from_bytes(packed(Loose(tensor)))  # type: ignore[attr-defined]
    assert torch.equal(again.tensor, tensor)
    assert not again.tensor.requires_grad


def test_bfloat16_tensors_are_stored_as_their_bits() -> None:
    one = Activations(bfloat_tensor(), torch.tensor([True]))
    stored = from_npy(msgpack.unpackb(packed(one))["tensor"])
    assert stored.dtype == np.uint16
    assert np.array_equal(stored, NUMBERS.astype(BF16).view(np.uint16))
    again = Activations.from_bytes(packed(one))  # type: ignore[attr-defined]
    assert again.tensor.dtype == torch.bfloat16
    assert again == one


def test_bfloat16_arrays_and_tensors_are_read_as_each_other() -> None:
    array = NUMBERS.astype(BF16)
    data = packed(Plain(array))
    again = Plain.from_bytes(data)  # type: ignore[attr-defined]
    assert again.tensor.dtype == BF16
    assert np.array_equal(again.tensor, array)
    assert torch.equal(Activations.from_bytes(data).tensor, bfloat_tensor())  # type: ignore[attr-defined]
    assert Plain.from_data({"tensor": array}) == Plain(array)  # type: ignore[attr-defined]


def test_another_byte_order_is_read() -> None:
    swapped = NUMBERS.astype(BF16).view(np.uint16).astype(">u2")
    data = msgpack.packb({"tensor": to_npy(swapped)})
    assert np.array_equal(Plain.from_bytes(data).tensor, NUMBERS.astype(BF16))  # type: ignore[attr-defined]
    assert torch.equal(Activations.from_bytes(data).tensor, bfloat_tensor())  # type: ignore[attr-defined]


def test_the_schema_is_that_of_an_array() -> None:
    bfloat = {"x-atdata-type": "array", "x-atdata-dtype": "bfloat16"}
    assert schema_document(Plain)["properties"]["tensor"] == bfloat
    shaped = {**bfloat, "x-atdata-shape": [None, 3]}
    assert schema_document(Activations)["properties"]["tensor"] == shaped
    document = schema_document(ScaledTensor)
    assert {**document, "title": "Scaled"} == schema_document(Scaled)


def test_a_class_from_the_schema_has_arrays() -> None:
    decoded: Any = type_from_document(schema_document(Activations))
    again = decoded.from_bytes(packed(Activations(bfloat_tensor())))
    assert np.array_equal(again.tensor, NUMBERS.astype(BF16))
    assert again.packed == packed(Activations(bfloat_tensor()))


@pytest.mark.parametrize(
    ("sample", "message", "hint"),
    [
        (
            Loose(bfloat_tensor()),
            "tensor of dtype bfloat16",
            "Annotated[torch.Tensor, torch.bfloat16]",
        ),
        (Loose(NUMBERS), "expected a tensor, got ndarray", "torch.from_numpy(value)"),  # type: ignore[arg-type]
        (Loose(torch.zeros(2).to_sparse()), "Loose.tensor", ""),
        (Activations(torch.zeros(2, 3)), "expected a bfloat16 tensor", "tensor.to(torch.bfloat16)"),
        (Activations(bfloat_tensor()[:, :2]), "shape (2, 2)", ""),
        (Plain(NUMBERS), "expected an array of dtype bfloat16, got", ""),  # type: ignore[arg-type]
        (Scaled(NUMBERS.astype(BF16)), "bfloat16", "NDArray[ml_dtypes.bfloat16]"),  # type: ignore[arg-type]
    ],
)
def test_what_does_not_fit_is_not_written(sample: Any, message: str, hint: str) -> None:
    with pytest.raises(SampleError) as caught:
        packed(sample)
    assert message in str(caught.value)
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize("array", [np.array(["a"]), np.zeros(2, "M8[s]"), np.zeros(2, "V2")])
def test_arrays_that_pytorch_lacks_are_refused(array: Any) -> None:
    with pytest.raises(SampleError, match="expected a tensor, got an array of dtype"):
        Loose.from_bytes(msgpack.packb({"tensor": to_npy(array)}))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "annotation",
    [
        Annotated[torch.Tensor, torch.float8_e4m3fn],
        Annotated[torch.Tensor, (3, -1)],
        Annotated[torch.Tensor, ("batch", 3)],
    ],
)
def test_annotations_that_mean_nothing_are_refused(annotation: Any) -> None:
    with pytest.raises(SchemaError):
        kind_of(annotation)


def test_annotations_and_kinds_are_inverse() -> None:
    for kind in (
        TensorOf(),
        TensorOf("bfloat16", (None, 3)),
        TensorOf(None, (2,)),
        Bfloat16(),
        Bfloat16((None, 3)),
    ):
        assert kind_of(annotation_of(kind)) == kind


def test_a_projection_keeps_tensors() -> None:
    chosen: Any = projection(Activations, ("tensor",))
    assert torch.equal(
        chosen.from_bytes(packed(Activations(bfloat_tensor()))).tensor, bfloat_tensor()
    )


@pytest.mark.parametrize("batch_size", [1, 7, 64, 100])
def test_batches_are_tensors(tmp_path: Path, batch_size: int) -> None:
    samples = [Activations(bfloat_tensor() + number) for number in range(100)]
    dataset = atdata.write_shards(samples, tmp_path / "data", maxcount=30)
    batches = list(dataset.ordered(batch_size=batch_size))
    tensors = [batch.tensor for batch in batches]
    assert torch.equal(torch.cat(tensors), torch.stack([one.tensor for one in samples]))
    assert [one for batch in batches for one in batch] == samples
    assert batches[0].mask == [None] * batch_size
    assert "torch.bfloat16" in batches[0]._repr_html_()
    assert list(dataset) == samples


def test_batches_of_bfloat16_are_arrays(tmp_path: Path) -> None:
    samples = [Plain((NUMBERS + number).astype(BF16)) for number in range(100)]
    dataset = atdata.write_shards(samples, tmp_path / "data")
    (batch,) = dataset.ordered(batch_size=100)
    assert batch.tensor.dtype == BF16
    assert np.array_equal(batch.tensor, np.stack([one.tensor for one in samples]))
    assert list(batch) == samples


def test_tensors_of_several_shapes_are_a_list(tmp_path: Path) -> None:
    samples = [Loose(torch.arange(number % 3)) for number in range(9)]
    dataset = atdata.write_shards(samples, tmp_path / "data")
    (batch,) = dataset.ordered(batch_size=9)
    assert [one.tolist() for one in batch.tensor] == [one.tensor.tolist() for one in samples]


def test_shuffled_samples_and_to_torch_give_tensors(tmp_path: Path) -> None:
    samples = [ScaledTensor(torch.full((2,), float(number))) for number in range(50)]
    dataset = atdata.write_shards(samples, tmp_path / "data")
    assert {one.tensor[0].item() for one in dataset.shuffled(seed=1)} == set(range(50))
    (batch,) = dataset.to_torch(shuffle=False, batch_size=50)
    assert torch.equal(batch["tensor"], torch.stack([one.tensor for one in samples]))


@pytest.mark.parametrize("batch_size", [None, 2])
def test_to_torch_gives_arrays_of_bfloat16_as_tensors(
    tmp_path: Path, batch_size: int | None
) -> None:
    dataset = atdata.write_shards([Plain(NUMBERS.astype(BF16))] * 2, tmp_path / "data")
    one = next(iter(dataset.to_torch(shuffle=False, batch_size=batch_size)))["tensor"]
    assert torch.equal(
        one, bfloat_tensor() if batch_size is None else bfloat_tensor().expand(2, 2, 3)
    )


def test_exports_have_arrays_and_bfloat16_as_float32(tmp_path: Path) -> None:
    one = Activations(bfloat_tensor(), torch.tensor([True]))
    tensors = atdata.write_shards([one, one], tmp_path / "tensors")
    arrays = atdata.write_shards([Plain(NUMBERS.astype(BF16))] * 2, tmp_path / "arrays")
    exact = NUMBERS.astype(BF16).astype("f4")
    for dataset in (tensors, arrays):
        cell = dataset.to_arrow().column("tensor")
        assert np.array_equal(cell.combine_chunks().to_numpy_ndarray()[1], exact)
        hugging_face = dataset.to_hf().with_format("numpy")
        assert np.array_equal(hugging_face[1]["tensor"], exact)
    assert tensors.to_hf()[0]["mask"] == [True]


def test_lists_of_tensors_are_exported_as_bytes(tmp_path: Path) -> None:
    @atdata.packable
    class Many:
        tensors: list[torch.Tensor]

    dataset = atdata.write_shards([Many([torch.zeros(2)])], tmp_path / "data")
    stored = [to_npy(np.zeros(2, "f4"))]
    assert dataset.to_arrow().column("tensors").to_pylist() == [stored]
    assert dataset.to_hf()[0]["tensors"] == stored


def test_stubs_name_the_types() -> None:
    assert "from torch import Tensor\n" in stub_text(Loose, "One")
    text = stub_text(Plain, "One")
    assert "from ml_dtypes import bfloat16\n" in text
    assert "tensor: NDArray[bfloat16]\n" in text


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    document = schema_document(Plain) | {"title": "Unknown"}
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    with pytest.raises(MissingExtra, match=r"atdata-sdk\[bfloat16\]"):
        type_from_document(document)


def test_classes_without_tensors_do_not_load_pytorch() -> None:
    code = (
        "import sys, numpy, numpy.typing, atdata\n"
        "@atdata.packable\n"
        "class A:\n"
        "    array: numpy.typing.NDArray[numpy.float32]\n"
        "a = A(numpy.zeros(3, 'f4'))\n"
        "assert A.from_bytes(a.packed) == a\n"
        "assert atdata.SampleBatch[A]([a, a]).array.shape == (2, 3)\n"
        "assert 'torch' not in sys.modules and 'ml_dtypes' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
