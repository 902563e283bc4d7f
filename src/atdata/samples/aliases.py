"""Expansion of type aliases in annotations: ``type X = …``, and every other ``TypeAliasType``.

NumPy's own ``NDArray`` is such an alias from NumPy 2.5 on.
"""

from __future__ import annotations

import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from atdata.errors import SchemaError


def expanded(annotation: Any) -> Any:
    """Return an annotation (an object, not text) with every alias in it replaced by its value.

    Raises:
        SchemaError: An alias contains itself, or an undefined name.
    """
    return _expanded(annotation, ())


def _expanded(annotation: Any, within: tuple[Any, ...]) -> Any:
    origin, args = get_origin(annotation), get_args(annotation)
    alias = origin or annotation
    if _is_alias(alias):
        if alias in within:
            raise SchemaError(f"the type alias {alias.__name__} holds itself")
        args = tuple(_expanded(arg, within) for arg in args)  # Maybe[Maybe[int]] is valid
        return _expanded(_value(alias, args), (*within, alias))
    if origin is None or origin is Literal:
        return annotation
    if origin is Annotated:
        return Annotated[(_expanded(args[0], within), *annotation.__metadata__)]
    inner = tuple(_expanded(arg, within) for arg in args)
    if all(new is old for new, old in zip(inner, args, strict=True)):
        return annotation
    return (Union if origin is types.UnionType else origin)[inner]


def _is_alias(found: Any) -> bool:
    # By its attributes: typing_extensions has a class of its own before Python 3.14.
    return not isinstance(found, type) and hasattr(found, "__type_params__")


def _value(alias: Any, args: tuple[Any, ...]) -> Any:
    """Return the value of an alias, with its parameters replaced; missing ones are Any."""
    try:
        value = alias.__value__
    except NameError as error:
        raise SchemaError(
            f"the type alias {alias.__name__} names {error.name!r}, which is unknown"
        ) from None
    parameters = alias.__type_params__
    if args and len(parameters) != len(args):
        return value[args]  # one parameter takes many: Row[*Ts]
    given = dict(zip(parameters, args or (Any,) * len(parameters), strict=True))
    if value in parameters:
        return given[value]
    # The value may have them in another order, or not at all.
    wanted = tuple(given[one] for one in getattr(value, "__parameters__", ()) if one in given)
    return value[wanted] if wanted else value
