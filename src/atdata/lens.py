"""Lenses under the name that they had in earlier versions: ``from atdata.lens import Lens``.

Their home is :mod:`atdata.samples.lens`. ``@atdata.lens`` is a decorator, before and after this
module is imported: it can be called as one.
"""

from __future__ import annotations

import sys
import types

from atdata.samples.lens import Lens, LensNetwork, lens

__all__ = ["Lens", "LensNetwork", "lens"]


class _Decorator(types.ModuleType):
    __call__ = staticmethod(lens)


sys.modules[__name__].__class__ = _Decorator
