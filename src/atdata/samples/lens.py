"""Lenses: views of samples of one type as samples of another, and changes written back.

A lens from A to B has a getter ``A -> B`` and, optionally, a putter ``(B, A) -> A`` that returns
an A whose view is that B. A well-behaved lens keeps two laws, which
:func:`atdata.testing.check_lens_laws` tests:

* GetPut: ``put(get(a), a) == a``; an unchanged view changes nothing.
* PutGet: ``get(put(b, a)) == b``; the view that is put is the view that is read.
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
from atdata.samples.dict_sample import DictSample, dict_fields, dict_sample
from atdata.samples.member_fields import MemberFields, payloads
from atdata.samples.members import member_codec
from atdata.samples.wire import pack

S = TypeVar("S")
V = TypeVar("V")
W = TypeVar("W")


class Lens(Generic[S, V]):
    """A way to see an ``S`` as a ``V``. Calling it is the same as :meth:`get`.

    ``@lens`` on the getter makes and registers a lens; ``Lens(…)`` only makes one.
    ``first | second`` is the composition of two.

    Args:
        get: From source to view.
        put: From view and source to the new source; None if there is no way back.
        source_type: Type of the source; None if the getter's annotation has it.
        view_type: Type of the view; None if the getter's annotation has it.

    Raises:
        SchemaError: A type is missing, or is not a sample type.
    """

    def __init__(
        self,
        get: Callable[[S], V],
        put: Callable[[V, S], S] | None = None,
        *,
        source_type: type[S] | None = None,
        view_type: type[V] | None = None,
    ) -> None:
        if source_type is None or view_type is None:
            annotated = _types(get, sys._getframe(1).f_locals)
            source_type, view_type = source_type or annotated[0], view_type or annotated[1]
        self.get: Callable[[S], V] = get
        self._put = put
        self.source_type: type[S] = source_type
        self.view_type: type[V] = view_type
        functools.update_wrapper(cast("Callable[..., Any]", self), get)

    @staticmethod
    def identity(sample_type: type[S]) -> Lens[S, S]:
        """Return the lens from a type to itself, which changes nothing."""
        return Lens(
            lambda source: source,
            lambda view, _: view,
            source_type=sample_type,
            view_type=sample_type,
        )

    def __call__(self, source: S) -> V:
        """Return the view of a source; the same as :meth:`get`."""
        return self.get(source)

    def put(self, view: V, source: S) -> S:
        """Return a source with this view, which otherwise equals the given one.

        Raises:
            SampleError: The lens has no putter.
        """
        if self._put is None:
            raise SampleError(f"{self!r} has no way back", hint="Write one, with @….putter.")
        return self._put(view, source)

    def putter(self, put: Callable[[V, S], S]) -> Callable[[V, S], S]:
        """Set the putter; usable as a decorator."""
        self._put = put
        return put

    def then(self, other: Lens[V, W]) -> Lens[S, W]:
        """Compose this lens with the next one. The result has a putter if both have one.

        Raises:
            SchemaError: The next one does not begin with the type that this one leads to.
        """
        first, second = self, other
        if first.view_type is not second.source_type:
            raise SchemaError(f"{second!r} can't follow {first!r}: their types differ")

        def get(source: S) -> W:
            return second.get(first.get(source))

        def put(view: W, source: S) -> S:
            return first.put(second.put(view, first.get(source)), source)

        back = None if first._put is None or second._put is None else put
        return Lens(get, back, source_type=first.source_type, view_type=second.view_type)

    def __or__(self, other: Lens[V, W]) -> Lens[S, W]:
        return self.then(other)

    def __reduce__(self) -> Any:
        # The getter's name refers to the lens, so the getter can't be pickled. Workers import the
        # module, which registers the lens, and look it up.
        return _again, (self.source_type, self.view_type)

    def __repr__(self) -> str:
        return f"Lens({self.source_type.__name__} -> {self.view_type.__name__})"


class LensNetwork:
    """The lenses of this process, and paths through them. ``LensNetwork()`` is always the same.

    There is a built-in lens from :class:`DictSample` to every packable class (fields by name); a
    registered one takes precedence.
    """

    _the_one: LensNetwork | None = None
    _lenses: dict[type, dict[type, Lens[Any, Any]]]

    def __new__(cls) -> LensNetwork:
        """Return the network; it is made at the first call."""
        if cls._the_one is None:
            cls._the_one = super().__new__(cls)
            cls._the_one._lenses = {}
        return cls._the_one

    def register(self, lens: Lens[Any, Any]) -> None:
        """Register a lens; an earlier one between the same types is replaced."""
        self._lenses.setdefault(lens.source_type, {})[lens.view_type] = lens

    def transform(self, source: type[S], view: type[V]) -> Lens[S, V]:
        """Return the lens from one type to another: a registered one, or the shortest composition.

        Raises:
            SchemaError: There is no path, or several that are equally short; register a direct
                lens to choose.
        """
        if (source_type := cast("type[object]", source)) is view:
            return cast("Lens[S, V]", Lens.identity(source_type))
        ways = self._shortest(source, view)
        if len(ways) == 1:
            return cast("Lens[S, V]", functools.reduce(Lens.then, ways[0]))
        hint = f"Write it: @atdata.lens on a function from {source.__name__} to {view.__name__}."
        if ways:
            shown = " and ".join(_shown(way) for way in ways[:2])
            raise SchemaError(f"several ways are equally short: {shown}", hint=hint)
        if source is DictSample:
            return cast("Lens[S, V]", from_dict_sample(view))
        raise SchemaError(f"no lens leads from {source.__name__} to {view.__name__}", hint=hint)

    def is_registered(self, source: type, view: type) -> bool:
        """Return whether a direct lens between these types is registered."""
        return view in self._lenses.get(source, {})

    def __iter__(self) -> Iterator[Lens[Any, Any]]:
        return (lens for views in self._lenses.values() for lens in views.values())

    def _shortest(self, source: type, view: type) -> list[tuple[Lens[Any, Any], ...]]:
        """Return the shortest paths; two of them are enough to know that there are several."""
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
    """Make and register a lens; a decorator: ``def f(a: A) -> B`` becomes the lens from A to B.

    Raises:
        SchemaError: The function lacks annotations of its two types, or they are not sample types.
    """
    source_type, view_type = _types(getter, sys._getframe(1).f_locals)
    made: Lens[S, V] = Lens(getter, source_type=source_type, view_type=view_type)
    LensNetwork().register(made)
    return made


def from_dict_sample(view_type: type[V]) -> Lens[DictSample, V]:
    """Return the lens from samples without a type to a packable class: fields by name.

    Those of samples that were read from members are found as in shards of members.

    Putting changes the fields that differ and keeps all others, including those that the class
    does not have; so a field that is missing and has its default stays missing.

    Raises:
        SchemaError: The class is not a sample type.
    """
    codec = codec_of(view_type)

    def get(source: DictSample) -> V:
        fields = dict_fields(source)
        if isinstance(fields, MemberFields):
            members = member_codec(view_type)
            return cast("V", members.decode(dict(payloads(fields, members.extensions))))
        return cast("V", codec.from_data(source.to_dict()))

    def put(view: V, source: DictSample) -> DictSample:
        fields = dict_fields(source)
        if isinstance(fields, MemberFields):
            encode = member_codec(view_type).encode
            members = _changed(dict(encode(get(source))), dict(encode(view)))
            return dict_sample(type(source), fields.changed(members))
        before, after = codec.to_plain(get(source)), codec.to_plain(view)
        changed = {name: after[name] for name in after if _differ(before[name], after[name])}
        return DictSample({**source.to_dict(), **DictSample.from_data(changed).to_dict()})

    return Lens(get, put, source_type=DictSample, view_type=view_type)


def _again(source_type: type[S], view_type: type[V]) -> Lens[S, V]:
    return LensNetwork().transform(source_type, view_type)


def _changed(before: dict[str, bytes], after: dict[str, bytes]) -> dict[str, bytes | None]:
    names = [*after, *(name for name in before if name not in after)]
    return {name: after.get(name) for name in names if before.get(name) != after.get(name)}


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
            f"{name} is not the getter of a lens",
            hint="Write it as def f(a: A) -> B, where A and B are packable classes.",
        )
    return cast("tuple[type, type]", tuple(found))


def _is_sample_type(found: Any) -> bool:
    return isinstance(found, type) and hasattr(found, "packed")


def _shown(way: tuple[Lens[Any, Any], ...]) -> str:
    names = [way[0].source_type.__name__, *(lens.view_type.__name__ for lens in way)]
    return " -> ".join(names)
