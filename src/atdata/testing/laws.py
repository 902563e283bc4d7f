"""The laws of lenses, tested on generated samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from atdata.base.extras import require

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from atdata.samples.lens import Lens

S = TypeVar("S")
V = TypeVar("V")


def check_lens_laws(
    lens: Lens[S, V],
    sources: SearchStrategy[S],
    views: SearchStrategy[V],
    *,
    put_put: bool = False,
    examples: int = 100,
) -> None:
    """Test the lens laws on samples that hypothesis generates.

    Samples are compared by their bytes.

    Args:
        lens: A lens with a putter.
        sources: Samples of its source type.
        views: Samples of its view type that may be put.
        put_put: Test also that a second put overwrites the first.
        examples: Number of examples to generate.

    Raises:
        AssertionError: A law is broken: GetPut, PutGet or PutPut, with the sample that breaks it.
        MissingExtra: hypothesis is not installed.
    """
    hypothesis: Any = require("hypothesis", extra="testing")

    def check(source: Any, view: Any, other: Any) -> None:
        lawful("GetPut", lens.put(lens.get(source), source), source)
        lawful("PutGet", lens.get(lens.put(view, source)), view)
        if put_put:
            lawful("PutPut", lens.put(other, lens.put(view, source)), lens.put(other, source))

    def lawful(law: str, got: Any, wanted: Any) -> None:
        if got.packed != wanted.packed:
            raise AssertionError(f"{lens!r} breaks {law}: {got!r} is not {wanted!r}")

    generated = hypothesis.given(sources, views, views)(check)
    hypothesis.settings(max_examples=examples, deadline=None, database=None)(generated)()
