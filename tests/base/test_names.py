from __future__ import annotations

import pytest

from atdata.base.names import is_portable, portable


@pytest.mark.parametrize(
    ("name", "replaced"),
    [
        ("con", "con-"),
        ("NUL", "NUL-"),
        ("aux.v1.tar", "aux-.v1.tar"),
        ("Com1", "Com1-"),
        ("lpt².x", "lpt²-.x"),
        ("nul .txt", "nul- .txt"),
        ("dot.", "dot-"),
        ("space ", "space-"),
        ("a:b", "a-b"),
        ("con.", "con-"),
        ('a<b>c"d|e?f*g\\h/i\x1f', "a-b-c-d-e-f-g-h-i-"),
    ],
)
def test_what_windows_can_not_hold_is_replaced(name: str, replaced: str) -> None:
    assert not is_portable(name)
    assert portable(name) == replaced
    assert is_portable(replaced)


@pytest.mark.parametrize(
    "name", ["console", "null", "com", "com10", "aux-1.0.0", "a.con", ".hidden", "Größe 1", "x.tar"]
)
def test_other_names_stay(name: str) -> None:
    assert is_portable(name)
    assert portable(name) == name
