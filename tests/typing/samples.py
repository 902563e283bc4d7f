"""What type checkers know of sample types. Checked by mypy --strict, never run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, assert_type

import numpy as np
from numpy.typing import NDArray

import atdata


@atdata.packable
class Sample:
    features: NDArray[np.float32]
    label: int
    tags: list[str] = field(default_factory=list)


@atdata.packable(kw_only=True, frozen=True)
class Keyword:
    label: int = 0
    name: str


@dataclass
class Inheriting(atdata.PackableSample):
    features: NDArray[np.float32]


sample = Sample(np.zeros(3, np.float32), 1)
assert_type(sample.label, int)
Sample("features", label=1)  # type: ignore[arg-type]
Sample(sample.features, label=1, other=2)  # type: ignore[call-arg]
Keyword(1, "a")  # type: ignore[call-arg]
Keyword(name="a").label = 3  # type: ignore[misc]


# Media fields hold what they are annotated with; what they accept more is for run time.
@atdata.packable
class Photo:
    image: atdata.Image
    sound: Annotated[atdata.Audio | None, atdata.MediaType("audio/flac")] = None


photo = Photo(atdata.Image(b""))
assert_type(photo.image.array(), np.ndarray[tuple[int, int, int], np.dtype[np.uint8]])
assert_type(photo.image.size(), tuple[int, int])
if photo.sound is not None:
    assert_type(photo.sound.samples(), atdata.Waveform)

# To know of ``packed`` and its companions, type checkers need the base class.
inheriting = Inheriting(sample.features)
assert_type(inheriting.packed, bytes)
assert_type(Inheriting.from_bytes(inheriting.packed), Inheriting)
packable: atdata.Packable = inheriting
untyped: atdata.Packable = atdata.DictSample(label=1)

batch = atdata.SampleBatch[Sample]([sample])
assert_type(batch[0], Sample)
assert_type(batch.sample_type, type[Sample])
