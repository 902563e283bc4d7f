"""Walks: the files of ``src/atdata`` that a journey enters, and how often it returns to each.

A journey enters a file when a function of it is called: ``sys.setprofile`` reports each call. Calls
one after another in the same file are one stay, and a stay in a file that was left before is a
return. Not counted are calls inside an expression (comprehensions, lambdas), a generator that goes
on, and coming back because a called function has ended.

The floors that every room stands on are left out, as in the review that asked for short ways: the
errors, the progress callbacks and helpers of ``base/``, the bytes on the wire of ``storage/``; and
generated records, which are not in ``src/atdata``.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import atdata

_ROOT = Path(atdata.__file__).parent
_LEFT_OUT = ("base/", "errors.py", "progress.py", "storage/")


@dataclass
class Walk:
    """The stays of one journey.

    Attributes:
        stays: The files in order, relative to ``src/atdata``.
    """

    stays: list[str] = field(default_factory=list)

    @property
    def returns(self) -> dict[str, int]:
        """Number of returns to each file, in the order in which the files are entered."""
        return {name: stays - 1 for name, stays in Counter(self.stays).items()}

    def enter(self, path: Path) -> None:
        """Count a call of a function of this file, if it is a file of the runtime."""
        if path.is_relative_to(_ROOT):
            name = path.relative_to(_ROOT).as_posix()
            if not name.startswith(_LEFT_OUT) and [name] != self.stays[-1:]:
                self.stays.append(name)

    def __str__(self) -> str:
        returns = self.returns
        lines = [f"{count:>3}  {name}" for name, count in returns.items()]
        total = f"{len(returns)} files, {sum(returns.values())} returns"
        return "\n".join(["returns to each file:", *lines, total, "", " -> ".join(self.stays)])


@contextmanager
def walking() -> Iterator[Walk]:
    """Follow the calls of this thread inside the block."""
    walk = Walk()
    begun: set[FrameType] = set()  # frames of generators are called again to go on

    def profile(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and not frame.f_code.co_name.startswith("<") and frame not in begun:
            begun.add(frame)
            walk.enter(Path(frame.f_code.co_filename))

    sys.setprofile(profile)
    try:
        yield walk
    finally:
        sys.setprofile(None)
