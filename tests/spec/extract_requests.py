"""Extract from the official client how OpenAI's document describes the requests of each endpoint.

`python tests/spec/extract_requests.py` writes `requests.json` beside this file, from the package
`openai` that is installed. That package is generated from the document, which is nowhere to be had
as a whole: `resources/` has the method, the path and the place of each parameter, `types/` has the
parameters.
"""

from __future__ import annotations

import ast
import importlib
import json
import os
import pkgutil
import sys
import typing
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeGuard

import openai
import openai.resources
import typing_extensions
from attrs import frozen

HERE = Path(__file__).parent

# Where the methods of the APIs are that the client has.
_MODULES = (
    *("audio", "beta.agents.sessions", "beta.assistants", "beta.responses", "beta.threads"),
    *("chat", "completions", "images", "models", "responses"),
)
_METHODS = {"_post": "POST", "_get": "GET", "_get_api_list": "GET", "_delete": "DELETE"}

_OF_PYTHON = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
    dict: "object",
    object: "any",
    Any: "any",
}
_FILES = (bytes, tuple, typing.IO, os.PathLike)


@frozen
class Call:
    """A request, as a method of the official client makes it.

    Attributes:
        module: Where the method is.
        function: The method.
        node: The call that sends the request.
    """

    module: Any
    function: ast.FunctionDef
    node: ast.Call

    @property
    def endpoint(self) -> str:
        """The method and the path."""
        path = self.node.args[0]
        if isinstance(path, ast.Call):  # path_template("/threads/{thread_id}", ...)
            path = path.args[0]
        assert isinstance(path, ast.Constant), ast.dump(path)
        attribute: Any = self.node.func
        return f"{_METHODS[attribute.attr]} {path.value!s}"

    def facts(self) -> dict[str, Any]:
        """Return the facts about the request."""
        body = self._parameters(_argument(self.node, "body"))
        options = _argument(self.node, "options")
        query = self._parameters(_argument(options, "query"))
        sends = None if body is None else "JSON"
        if _argument(self.node, "files") is not None:
            sends = "form"
        return {
            "query": _types(query or {}),
            "body": _types(body or {}),
            "required": sorted(
                name for name, hint in {**(query or {}), **(body or {})}.items() if hint.required
            ),
            "sends": sends,
            "headers": self._headers(),
        }

    def _parameters(self, node: ast.expr | None) -> dict[str, Hint] | None:
        """Return the parameters that `maybe_transform({...}, SomeParams)` sends, or None."""
        if node is None:
            return None
        assert isinstance(node, ast.Call), ast.dump(node)
        names, kind = node.args
        if isinstance(names, ast.Attribute):  # context = prepare(self, {...}); context.body
            names = names.value
        if isinstance(names, ast.Name):
            names = self._value_of(names.id)
        if isinstance(names, ast.Call):  # deepcopy_with_paths({...}, [...]), prepare(self, {...})
            names = next(one for one in names.args if isinstance(one, ast.Dict))
        assert isinstance(names, ast.Dict), ast.dump(names)
        hints = [_hints(one) for one in self._classes(kind)]
        found = {}
        for key in names.keys:
            assert isinstance(key, ast.Constant)
            known = [of_class[key.value] for of_class in hints if key.value in of_class]
            found[str(key.value)] = Hint(
                types=sorted({one for hint in known for one in hint.types}),
                required=len(known) == len(hints) and all(hint.required for hint in known),
            )
        return found

    def _classes(self, node: ast.expr) -> Iterator[Any]:
        """Yield the classes of parameters that an expression can be."""
        if isinstance(node, ast.IfExp):  # with and without streaming
            yield from self._classes(node.body)
            yield from self._classes(node.orelse)
            return
        value = eval(ast.unparse(node), vars(self.module))  # a name in that module
        yield from typing.get_args(value) or [value]

    def _value_of(self, name: str) -> ast.expr:
        """Return what the method assigns to a variable of its own."""
        [value] = [
            node.value
            for node in ast.walk(self.function)
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and node.targets[0].id == name
        ]
        return value

    def _headers(self) -> dict[str, str]:
        """Return the header that an API has to be asked with."""
        for one in self.function.args.kwonlyargs:
            if one.arg == "betas" and one.annotation is not None:  # what the header may say
                words = [node.value for node in ast.walk(one.annotation) if _is_text(node)]
                return {"OpenAI-Beta": ",".join(words)}
        return {
            str(key.value): str(value.value)
            for node in ast.walk(self.function)
            if isinstance(node, ast.Dict)
            for key, value in zip(node.keys, node.values, strict=True)
            if isinstance(key, ast.Constant) and key.value == "OpenAI-Beta"
            if isinstance(value, ast.Constant)
        }


@frozen
class Hint:
    """What a parameter may be.

    Attributes:
        types: The types of JSON; "file" for a file, "any" for anything.
        required: Whether it must be there.
    """

    types: list[str]
    required: bool


def extract() -> str:
    """Return the facts of all endpoints of the APIs that the client has, as JSON."""
    kept = {call.endpoint: call.facts() for module in _modules() for call in _calls_of(module)}
    lines = (f"  {json.dumps(name)}: {json.dumps(kept[name])}" for name in sorted(kept))
    source = json.dumps(f"openai {openai.__version__}")
    return f'{{"source": {source},\n "endpoints": {{\n' + ",\n".join(lines) + "\n}}\n"


def _modules() -> Iterator[Any]:
    for name in _MODULES:
        module = importlib.import_module(f"openai.resources.{name}")
        yield module
        for found in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{module.__name__}."):
            yield importlib.import_module(found.name)


def _calls_of(module: Any) -> Iterator[Call]:
    """Yield the requests of all blocking methods of a module."""
    for owner in ast.parse(Path(module.__file__).read_text(encoding="utf-8")).body:
        if isinstance(owner, ast.ClassDef) and not owner.name.startswith("Async"):
            for function in owner.body:
                if isinstance(function, ast.FunctionDef):
                    yield from _calls_in(module, function)


def _calls_in(module: Any, function: ast.FunctionDef) -> Iterator[Call]:
    for node in ast.walk(function):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name("self"), attr=attribute)):
                if attribute in _METHODS:
                    yield Call(module, function, node)


def _is_text(node: ast.AST) -> TypeGuard[Any]:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _argument(node: ast.expr | None, name: str) -> ast.expr | None:
    if not isinstance(node, ast.Call):
        return None
    return next((one.value for one in node.keywords if one.arg == name), None)


def _types(parameters: Mapping[str, Hint]) -> dict[str, list[str]]:
    return {name: hint.types for name, hint in sorted(parameters.items())}


def _hints(kind: Any) -> dict[str, Hint]:
    hints = typing_extensions.get_type_hints(kind, include_extras=True)
    return {
        name: Hint(
            types=sorted(set(json_types(hint))),
            required=name in kind.__required_keys__ or _is_required(typing.get_origin(hint)),
        )
        for name, hint in hints.items()
    }


def _is_required(origin: Any) -> bool:
    return origin is typing_extensions.Required


def json_types(hint: Any) -> Iterable[str]:
    """Yield the types of JSON that an annotation allows; those of a list have those of its items.

    Such as "string", "array of integer", "object"; "file" for a file, "any" for anything.
    """
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint in _OF_PYTHON:
        yield _OF_PYTHON[hint]
    elif typing_extensions.is_typeddict(hint) or origin in (
        dict,
        typing.get_origin(Mapping[str, str]),
    ):
        yield "object"
    elif hint in _FILES or origin in _FILES:
        yield "file"
    elif origin is typing.Literal:
        yield from (_OF_PYTHON[type(value)] for value in inner)
    elif origin is not None and isinstance(origin, type) and issubclass(origin, Iterable):
        yield from (f"array of {one}" for item in inner for one in json_types(item))
    elif getattr(hint, "__name__", "") == "SequenceNotStr":
        yield "array of any"
    else:
        assert inner, hint
        first = inner[:1] if origin is typing.Annotated else inner
        for one in first:
            yield from json_types(one)


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit((HERE / "requests.json").read_text(encoding="utf-8") != extract())
    (HERE / "requests.json").write_text(extract(), encoding="utf-8")
