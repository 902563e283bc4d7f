from __future__ import annotations

import pytest

from atdata.local.sample_types import SampleTypes


def test_types_are_attributes() -> None:
    types = SampleTypes()
    types.add("Image", int)
    types.add("Audio", str)
    assert types.Image is int
    assert list(types) == dir(types) == ["Audio", "Image"]
    assert "Audio" in types
    assert len(types) == 2
    assert repr(types) == "SampleTypes(Audio, Image)"


def test_a_name_that_is_not_loaded() -> None:
    types = SampleTypes()
    types.add("Image", int)
    with pytest.raises(AttributeError, match="loaded are: Image"):
        _ = types.Audio
