"""What goes in comes out: over sample types of every kind of field."""

from __future__ import annotations

import io
import json
import pickle

import jsonschema
import msgpack
import numpy as np
from hypothesis import given, settings

from atdata.samples.arrays import MAGIC
from atdata.samples.codec import codec_of
from atdata.samples.schema import schema_cid, schema_document, type_from_document
from atdata.samples.to_schema import describe

from .strategies import Case, cases

# Each example compiles a few classes.
few = settings(max_examples=50)


@few
@given(cases())
def test_samples_survive_their_bytes(case: Case) -> None:
    for sample in case.samples:
        packed = sample.packed
        assert case.sample_type.from_bytes(packed).packed == packed


@few
@given(cases())
def test_the_compiled_encoder_writes_what_msgpack_writes_of_plain_data(case: Case) -> None:
    codec = codec_of(case.sample_type)
    for sample in case.samples:
        assert codec.encode(sample) == msgpack.packb(codec.to_plain(sample))


@few
@given(cases())
def test_arrays_come_back_with_dtype_shape_and_bytes(case: Case) -> None:
    for sample in case.samples:
        again = case.sample_type.from_bytes(sample.packed)
        for name, value in vars(sample).items():
            if isinstance(value, np.ndarray):
                kept = getattr(again, name)
                assert (kept.dtype, kept.shape) == (value.dtype, value.shape)
                assert kept.tobytes() == value.tobytes()


@few
@given(cases())
def test_stock_numpy_reads_the_arrays(case: Case) -> None:
    for sample in case.samples:
        for name, value in msgpack.unpackb(sample.packed).items():
            if isinstance(value, bytes) and value.startswith(MAGIC):
                stock = np.load(io.BytesIO(value), allow_pickle=False)
                assert stock.tobytes() == getattr(sample, name).tobytes()


@few
@given(cases())
def test_a_type_survives_its_document(case: Case) -> None:
    document = schema_document(case.sample_type)
    jsonschema.Draft202012Validator.check_schema(document)
    decoded = type_from_document(json.loads(json.dumps(document)))
    # Made anew from the fields of the decoded class, not from what it remembers.
    assert describe(decoded) == document
    assert schema_cid("S", "1.0.0", schema_document(decoded)) == schema_cid("S", "1.0.0", document)


@few
@given(cases())
def test_decoded_types_read_and_write_the_same_bytes(case: Case) -> None:
    decoded = type_from_document(schema_document(case.sample_type))
    for sample in case.samples:
        assert decoded.from_bytes(sample.packed).packed == sample.packed


@few
@given(cases(nested=False))
def test_decoded_types_have_the_same_defaults(case: Case) -> None:
    decoded = codec_of(type_from_document(schema_document(case.sample_type)))
    for ours, theirs in zip(codec_of(case.sample_type).fields, decoded.fields, strict=True):
        assert (ours.name, str(ours.kind)) == (theirs.name, str(theirs.kind))
        assert (ours.required, ours.keyword_only) == (theirs.required, theirs.keyword_only)
        if not theirs.required:
            assert theirs.kind.encode(theirs.fallback()) == ours.kind.encode(ours.fallback())


@few
@given(cases())
def test_decoded_types_and_their_samples_can_be_pickled(case: Case) -> None:
    decoded = type_from_document(schema_document(case.sample_type))
    assert pickle.loads(pickle.dumps(decoded)) is decoded
    for sample in case.samples:
        theirs = decoded.from_bytes(sample.packed)
        # NumPy's own pickles lose some byte orders, so the values are not compared.
        assert type(pickle.loads(pickle.dumps(theirs))) is decoded
