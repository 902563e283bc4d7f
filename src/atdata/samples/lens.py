"""Lenses: samples of one type seen as samples of another, and changes carried back.

A lens from A to B has a getter ``A -> B`` and, if one was written, a putter ``(B, A) -> A`` that
gives the A which shows as that B. A well-behaved lens keeps two laws, which
:func:`atdata.testing.check_lens_laws` tests:

* GetPut: ``put(get(a), a) == a``; what is put back unchanged changes nothing.
* PutGet: ``get(put(b, a)) == b``; what is put is what is seen.
"""

from __future__ import annotations

import functools
import inspect
import sys
import typing
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar, cast

from atdata.errors import SampleError, SchemaError
from atdata.samples.aliases import expanded
from atdata.samples.codec import codec_of
from atdata.samples.dict_sample import DictSample
from atdata.samples.wire import pack

S = TypeVar("S")
V = TypeVar("V")
W = TypeVar("W")


class Lens(Generic[S, V]):
    """A way to see an ``S`` as a ``V``. Calling it is the same as :meth:`get`.

    ``@lens`` on the getter makes one and registers it; ``Lens(…)`` makes one for own use.

    Args:
        getter: From source to view.
        putter: From view and source to the new source; None when there is no way back.
        source_type: Type of what the getter takes.
        view_type: Type of what it gives.
    """

    def __init__(
        self,
        getter: Callable[[S], V],
        putter: Callable[[V, S], S] | None = None,
        *,
        source_type: type[S],
        view_type: type[V],
    ) -> None:
        self.get: Callable[[S], V] = getter
        self._put = putter
        self.source_type = source_type
        self.view_type = view_type
        functools.update_wrapper(cast("Callable[..., Any]", self), getter)

    def __call__(self, source: S) -> V:
        """The same as :meth:`get`."""
        return self.get(source)

    def put(self, view: V, source: S) -> S:
        """The source that shows as this view, and is as the given one in all else.

        Raises:
            SampleError: The lens has no putter.
        """
        if self._put is None:
            raise SampleError(f"{self!r} has no way back", hint="write one, with @….putter")
        return self._put(view, source)

    def putter(self, put: Callable[[V, S], S]) -> Callable[[V, S], S]:
        """Decorator: the function is the putter from now on."""
        self._put = put
        return put

    def then(self, other: Lens[V, W]) -> Lens[S, W]:
        """This lens and the other behind it. There is a way back when both have one."""
        first, second = self, other

        def get(source: S) -> W:
            return second.get(first.get(source))

        def put(view: W, source: S) -> S:
            return first.put(second.put(view, first.get(source)), source)

        back = None if first._put is None or second._put is None else put
        return Lens(get, back, source_type=first.source_type, view_type=second.view_type)

    def __reduce__(self) -> Any:
        # The name of the getter is that of the lens. Worker processes import it, and know it too.
        return _again, (self.source_type, self.view_type)

    def __repr__(self) -> str:
        return f"Lens({self.source_type.__name__} -> {self.view_type.__name__})"


class LensNetwork:
    """The lenses of this process, and the ways through them. ``LensNetwork()`` is always the same.

    There is a lens from :class:`DictSample` to every packable class without anybody writing it
    (fields by name); one that is registered goes before it.
    """

    _the_one: LensNetwork | None = None
    _lenses: dict[type, dict[type, Lens[Any, Any]]]

    def __new__(cls) -> LensNetwork:
        """The network; made when it is first asked for."""
        if cls._the_one is None:
            cls._the_one = super().__new__(cls)
            cls._the_one._lenses = {}
        return cls._the_one

    def register(self, lens: Lens[Any, Any]) -> None:
        """Make a lens known; an earlier one between the same types is replaced."""
        self._lenses.setdefault(lens.source_type, {})[lens.view_type] = lens

    def transform(self, source: type[S], view: type[V]) -> Lens[S, V]:
        """The lens from one type to another: the registered one, or the shortest composition.

        Raises:
            SchemaError: There is no way, or several that are equally short. Which one is meant
                is then for a lens of one step to say; nothing is chosen in silence.
        """
        ways = self._shortest(source, view)
        if len(ways) == 1:
            return cast("Lens[S, V]", functools.reduce(Lens.then, ways[0]))
        hint = f"write it: @atdata.lens on a function from {source.__name__} to {view.__name__}"
        if ways:
            shown = " and ".join(_shown(way) for way in ways[:2])
            raise SchemaError(f"several ways are equally short: {shown}", hint=hint)
        if source is DictSample:
            return cast("Lens[S, V]", from_dict_sample(view))
        raise SchemaError(f"no lens leads from {source.__name__} to {view.__name__}", hint=hint)

    def is_registered(self, source: type, view: type) -> bool:
        """Whether somebody wrote a lens of one step between these types."""
        return view in self._lenses.get(source, {})

    def __iter__(self) -> Iterator[Lens[Any, Any]]:
        return (lens for views in self._lenses.values() for lens in views.values())

    def _shortest(self, source: type, view: type) -> list[tuple[Lens[Any, Any], ...]]:
        """The shortest ways; two of them are enough to know that there are several."""
        if source is DictSample and not self.is_registered(source, view):
            return []  # the lens by field names is one step long
        seen = {source}
        ways: list[tuple[Lens[Any, Any], ...]] = [()]
        while ways:
            longer: dict[type, list[tuple[Lens[Any, Any], ...]]] = {}
            for way in ways:
                for end, lens in self._lenses.get(way[-1].view_type if way else source, {}).items():
                    if end not in seen:
                        longer.setdefault(end, []).append((*way, lens))
            if view in longer:
                return longer[view]
            seen.update(longer)
            ways = [way for found in longer.values() for way in found[:2]]
        return []


def lens(getter: Callable[[S], V]) -> Lens[S, V]:
    """Decorator: ``def f(a: A) -> B`` becomes the lens from A to B, known to the network.

    Raises:
        SchemaError: The function does not say its two types, or they are no sample types.
    """
    source_type, view_type = _types(getter, sys._getframe(1).f_locals)
    made = Lens(getter, source_type=source_type, view_type=view_type)
    LensNetwork().register(made)
    return made


def from_dict_sample(view_type: type[V]) -> Lens[DictSample, V]:
    """The lens from samples of no type to a packable class: its fields, by their names.

    Putting changes the fields that differ and leaves alone all others, those that the class does
    not have among them; so a field that is missing and has its default stays missing.

    Raises:
        SchemaError: The class is no sample type.
    """
    codec = codec_of(view_type)

    def get(source: DictSample) -> V:
        return cast("V", codec.from_data(source.to_dict()))

    def put(view: V, source: DictSample) -> DictSample:
        before, after = codec.to_plain(get(source)), codec.to_plain(view)
        changed = {name: after[name] for name in after if _differ(before[name], after[name])}
        return DictSample({**source.to_dict(), **DictSample.from_data(changed).to_dict()})

    return Lens(get, put, source_type=DictSample, view_type=view_type)


def _again(source_type: type[S], view_type: type[V]) -> Lens[S, V]:
    return LensNetwork().transform(source_type, view_type)


def _differ(one: Any, other: Any) -> bool:
    # By their bytes: 1 is not True there, and NaN is itself.
    return pack({"": one}) != pack({"": other})


def _types(getter: Callable[..., Any], names: dict[str, Any]) -> tuple[type, type]:
    name = getattr(getter, "__name__", repr(getter))
    try:
        hints = typing.get_type_hints(getter, localns=names)
    except NameError as error:
        raise SchemaError(f"{name}: an annotation names {error.name!r}, which is unknown") from None
    parameters = list(inspect.signature(getter).parameters)
    found = [expanded(hints.get(key)) for key in (*parameters[:1], "return")]
    if len(parameters) != 1 or not all(_is_sample_type(one) for one in found):
        raise SchemaError(
            f"{name} is no getter of a lens",
            hint="write it as def f(a: A) -> B, where A and B are packable classes",
        )
    return cast("tuple[type, type]", tuple(found))


def _is_sample_type(found: Any) -> bool:
    return isinstance(found, type) and hasattr(found, "packed")


def _shown(way: tuple[Lens[Any, Any], ...]) -> str:
    names = [way[0].source_type.__name__, *(lens.view_type.__name__ for lens in way)]
    return " -> ".join(names)
