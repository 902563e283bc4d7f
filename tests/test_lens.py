"""The module of lenses of earlier versions."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import atdata

{first}
@atdata.packable
class Full:
    label: int

def inside():
    @atdata.packable
    class Label:
        label: int

    {decorator}
    def label(full: Full) -> Label:
        return Label(full.label)

    return label(Full(3)).label

from atdata.lens import Lens, LensNetwork, lens
assert inside() == 3
assert len(list(LensNetwork())) == 1
assert lens is not atdata.lens and callable(atdata.lens)
assert Lens is atdata.Lens
"""


def test_the_decorator_works_before_and_after_the_module_is_imported() -> None:
    for first in ("", "import atdata.lens", "from atdata.lens import lens", "atdata.lens"):
        for decorator in ("@atdata.lens", "@__import__('atdata.lens').lens"):
            program = PROGRAM.format(first=first, decorator=decorator)
            subprocess.run([sys.executable, "-c", program], check=True)
