"""What a model needs to know about a Python function: its name, description and parameters."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Annotated, Any, Optional, TypeAlias, get_args, get_origin

import attrs
from typing_extensions import get_type_hints

from openai_scan.schema import API, described, schema_of

Function: TypeAlias = Callable[..., Any]

# Without this, Python 3.14 would evaluate all annotations, that of the result included.
_UNEVALUATED: Mapping[str, Any] = (
    {} if sys.version_info < (3, 14) else {"annotation_format": 3}  # FORWARDREF
)


def function_schema(function: Function, *, strict: bool = True) -> dict[str, Any]:
    """Return the JSON schema of a function's arguments, made from its signature.

    A line under `Args:` in the docstring becomes the description of that parameter.

    Args:
        function: A function whose parameters have types that `schema_of` supports.
        strict: See `schema_of`.

    Raises:
        TypeError: A parameter has no type, or one that a schema cannot describe; or the function
            takes `*args`, `**kwargs` or positional-only parameters, or is an asynchronous generator
            function.
    """
    schema = schema_of(arguments_of(function), strict=strict)
    schema.pop("description", None)  # it describes the function, not its arguments
    return schema


def tool_of(function: Function, *, api: API = "chat", strict: bool = True) -> dict[str, Any]:
    """Return the tool that offers *function* to the model, for the `tools` of a request.

    The tool has the function's name; its description is the first paragraph of the docstring.

    Args:
        function: See `function_schema`.
        api: The API to make it for.
        strict: See `schema_of`.

    Raises:
        TypeError: See `function_schema`.
    """
    about = {"name": name_of(function)}
    if description := described(function.__doc__)[0]:
        about["description"] = description
    schema = function_schema(function, strict=strict)
    if api == "agents":  # the Agents API requires a description
        return {"type": "function", "description": "", **about, "parameters": schema}
    tool = {**about, "parameters": schema, "strict": strict}
    return {"type": "function", **(tool if api == "responses" else {"function": tool})}


def name_of(function: Function) -> str:
    """Return the name under which the model calls *function*."""
    name = getattr(function, "__name__", None)
    if not isinstance(name, str):
        raise TypeError(f"{function!r} has no name: wrap it in a named function")
    return name


def is_coroutine_function(function: Function) -> bool:
    """Return whether calling *function* returns a coroutine."""
    return _has(function, inspect.iscoroutinefunction)


def _has(function: Function, kind: Callable[[Any], bool]) -> bool:
    """Return whether *function*, or the `__call__` of an object, is of that kind."""
    called = getattr(type(function), "__call__", None)  # noqa: B004 - of an object
    return kind(function) or kind(called)


def arguments_of(function: Function) -> type:
    """Return a class that has the function's parameters as its fields."""
    name = name_of(function)
    if _has(function, inspect.isasyncgenfunction):
        raise TypeError(
            f"{name} is an asynchronous generator function: wrap it in one that returns a result"
        )
    fields = {}
    try:
        signature = inspect.signature(function, **_UNEVALUATED)
    except ValueError:
        raise TypeError(
            f"the parameters of {name} are unknown: wrap it in a Python function"
        ) from None
    for parameter in signature.parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise TypeError(f"{name} takes {parameter}, but a model passes arguments by name only")
        kind, default = _type_of(parameter, function), parameter.default
        settings: dict[str, Any] = {
            "alias": parameter.name
        }  # attrs would strip a leading underscore
        if default is not parameter.empty:
            settings["default"] = default
        if default is None and get_origin(kind) is Annotated:
            kind = Annotated[(get_args(kind)[0] | None, *kind.__metadata__)]
        elif default is None:
            kind = Optional[kind]  # noqa: UP045 - the type is known only at run time
        fields[parameter.name] = attrs.field(type=kind, **settings)
    made = attrs.make_class(name, fields, frozen=True, kw_only=True)
    made.__doc__ = function.__doc__
    return made


def _type_of(parameter: inspect.Parameter, function: Function) -> Any:
    """Return the type of *parameter*, without evaluating the other annotations of *function*."""
    name = name_of(function)
    if parameter.annotation is parameter.empty:
        raise TypeError(f"the parameter {parameter.name} of {name} has no type: annotate it")
    inner = inspect.unwrap(function)
    holder = SimpleNamespace(__annotations__={"it": parameter.annotation})
    try:
        names = getattr(inner, "__globals__", {})
        return get_type_hints(holder, globalns=names, localns=names, include_extras=True)["it"]
    except NameError as error:
        raise TypeError(f"the type of the parameter {parameter.name} of {name}: {error}") from None
