"""Write the methods of the asynchronous client from those of the blocking one.

::

    python scripts/generate_async_client.py [--check]

Each module of `openai_scan/client/` that has a class of methods becomes one of the same name in
`openai_scan/client/aio/`. What a module has besides that class is imported, not repeated. A method
that waits becomes a coroutine function: one that calls another one that does, that asks a stream
for its whole answer, or that reads it. The names of classes get `Async` in front.

The clients themselves, in `__init__.py`, get one more parameter, `wire`.
"""

from __future__ import annotations

import argparse
import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
CLIENT = "openai_scan.client"
AIO = f"{CLIENT}.aio"

# What a class of methods stands on.
_BASE = "BaseClient"

# The classes of other modules that have an asynchronous counterpart, and where that is.
_COUNTERPARTS = {
    "StreamerV2": ("AsyncStreamerV2", "openai_scan.aio"),
    _BASE: ("AsyncBaseClient", f"{AIO}.base"),
    "Transport": ("AsyncTransport", "openai_scan.transport.transport"),
    "KeySource": ("AsyncKeySource", "openai_scan.transport.key"),
}

# What waits: of the client, and of a stream that a method has opened.
_CALLS = {"_call"}
_OF_STREAMS = {"close", "final", "final_as", "input_items", "messages", "next", "read"}

# What the clients say of themselves. Each has to be found.
_PHRASES = {
    "The client: one method per endpoint, typed; those that stream return a `StreamerV2`.": (
        "The asynchronous client: its methods are those of `openai_scan.client`, awaited."
    ),
    "A client of OpenAI's API or a compatible one. Many threads may use it at once.": (
        "An asynchronous client of OpenAI's API or a compatible one.\n\n"
        "    Many tasks of one event loop may use it at once, on asyncio and on Trio."
    ),
    "`close()` or a `with` block closes them": "`aclose()` or an `async with` block closes them",
    "A client of Azure OpenAI; otherwise like": (
        "An asynchronous client of Azure OpenAI; otherwise like"
    ),
}
_MORE_RAISED = (
    "or what the wire needs is not installed.\n        ValueError: There is no wire of that name."
)
_WIRE = {
    "Client": 'What sends the requests: `"aiohttp"`, `"threads"` or a wire. By default aiohttp'
    "\n            if the extra `aio` is installed, and threads otherwise.",
    "AzureClient": "See `AsyncClient`.",
}


class GeneratorError(Exception):
    """The blocking client has something that this script does not know how to turn."""


@dataclass
class Module:
    """A module of the blocking client.

    Attributes:
        name: Its name in the package `openai_scan.client`.
        text: Its source.
        tree: The same, parsed.
        methods: The class of methods in it.
    """

    name: str
    text: str
    tree: ast.Module = field(init=False)
    methods: ast.ClassDef | None = field(init=False)

    def __post_init__(self) -> None:
        self.tree = ast.parse(self.text)
        found = [one for one in self.tree.body if isinstance(one, ast.ClassDef)]
        self.methods = next((one for one in found if _BASE in _bases(one)), None)


def generate(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each module of the asynchronous client.

    Args:
        folder: Where the modules of the blocking client are.
    """
    modules = [
        Module(path.stem, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.py"))
    ]
    apis = [(one, one.methods) for one in modules if one.methods is not None]
    waiting = _waiting(methods for _, methods in apis)
    for module, methods in apis:
        yield f"{module.name}.py", _formatted(_methods(module, methods, waiting))
    clients = next(one for one in modules if one.name == "__init__")
    yield "__init__.py", _formatted(_clients(clients, {module.name for module, _ in apis}))


def _waiting(classes: Iterable[ast.ClassDef]) -> set[str]:
    """Return the names of all methods that wait."""
    methods = [one for cls in classes for one in cls.body if isinstance(one, ast.FunctionDef)]
    waiting = set(_CALLS)
    while True:
        more = {one.name for one in methods if any(_waits(node, waiting) for node in ast.walk(one))}
        if more <= waiting:
            return waiting
        waiting |= more


def _waits(node: ast.AST, waiting: set[str]) -> bool:
    """Return whether *node* is a call to be awaited, or a block or a loop that awaits.

    A stream is opened by a `with` block, and a loop over a name is one over a stream.
    """
    match node:
        case ast.For(iter=ast.Name()):
            return True
        case ast.With(items=[ast.withitem(context_expr=ast.Call(func=function))]):
            return _is_own(function)
        case ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name)):
            return name in waiting
        case ast.Call(func=ast.Attribute(value=ast.Name(), attr=name)):
            return name in _OF_STREAMS
    return False


def _is_own(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and ast.unparse(function.value) == "self"


def _methods(module: Module, cls: ast.ClassDef, waiting: set[str]) -> str:
    """Return the text of an API's module, whose class of methods is *cls*."""
    edits = _Edits(module.text)
    own = {f"{cls.name}": f"Async{cls.name}"}
    renamed = own | {name: other for name, (other, _) in _COUNTERPARTS.items()}
    edits.replace_name(cls, own[cls.name])
    _rename(edits, cls, renamed)
    _describe(edits, cls, renamed | {"Client": "AsyncClient"})
    _await(edits, cls, waiting)
    used = {one.id for one in ast.walk(cls) if isinstance(one, ast.Name)}
    local = sorted(name for name in used if name in _defined(module.tree))
    lines = [f"from {CLIENT}.{module.name} import {', '.join(local)}"] if local else []
    docstring = ast.get_docstring(module.tree, clean=False) or ""
    return "\n".join(
        [
            f'"""{_generated(docstring, module.name)}"""',
            "",
            "from __future__ import annotations",
            "",
            *_imports(module.tree.body, used),
            *lines,
            *_typing_imports(module.tree.body, used),
            "",
            edits.of(cls),
            "",
        ]
    )


def _generated(docstring: str, name: str) -> str:
    """Return the docstring of a module that was generated from the module *name*."""
    first, _, rest = docstring.partition("\n")
    origin = f"Generated by scripts/generate_async_client.py from openai_scan/client/{name}.py."
    return f"{first}\n\n{origin}\n{rest}"


def _clients(module: Module, apis: set[str]) -> str:
    """Return the text of the module with the clients."""
    edits = _Edits(module.text)
    classes = [one for one in module.tree.body if isinstance(one, ast.ClassDef)]
    imported = {
        alias.name
        for one in module.tree.body
        if isinstance(one, ast.ImportFrom) and one.module in {f"{CLIENT}.{api}" for api in apis}
        for alias in one.names
    }
    own = {name: f"Async{name}" for name in (*(one.name for one in classes), *sorted(imported))}
    renamed = own | {name: other for name, (other, _) in _COUNTERPARTS.items()}
    body: list[str] = []
    used: set[str] = set()
    for node in module.tree.body:
        if isinstance(node, ast.ClassDef):
            edits.replace_name(node, own[node.name])
        if isinstance(node, ast.ClassDef) or _is_call_of(node, "show_parameters"):
            _rename(edits, node, renamed)
            used |= {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
    for cls in classes:
        _describe(edits, cls, own | {"StreamerV2": "AsyncStreamerV2"})
        if cls.name in _WIRE:
            _add_wire(edits, cls)
    for node in module.tree.body:
        if isinstance(node, ast.ClassDef) or _is_call_of(node, "show_parameters"):
            body += ["", edits.of(node)]
    local = sorted(name for name in used if name in _defined(module.tree) and name not in own)
    public = ", ".join(f'"{own[name]}"' for name in sorted(_WIRE))
    docstring = ast.get_docstring(module.tree, clean=False) or ""
    text = "\n".join(
        [
            f'"""{_generated(docstring, module.name)}"""',
            "",
            "from __future__ import annotations",
            "",
            *_imports(module.tree.body, used, apis),
            *([f"from {CLIENT} import {', '.join(local)}"] if local else []),
            "from openai_scan.transport.wires import AsyncWire",
            "",
            f"__all__ = [{public}]",
            *body,
            "",
        ]
    )
    for phrase, other in _PHRASES.items():
        if phrase not in text:
            raise GeneratorError(f"the clients no longer say {phrase!r}: change _PHRASES")
        text = text.replace(phrase, other)
    return text


def _add_wire(edits: _Edits, cls: ast.ClassDef) -> None:
    """Add the parameter `wire`, its description, and its argument of the transport."""
    (start,) = (
        one for one in cls.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"
    )
    (made,) = (
        one
        for one in ast.walk(start)
        if isinstance(one, ast.Call) and _is_call_of(one, "Transport")
    )
    edits.insert(_end(start.args.kw_defaults[-1]), ", wire: AsyncWire = None")
    edits.insert(_end(made.keywords[-1].value), ", wire=wire")
    text = edits.text_of(cls.body[0])
    text = text.replace("\n\n    Raises:", f"\n        wire: {_WIRE[cls.name]}\n\n    Raises:")
    for end in (" or a header is", " or a header is malformed"):
        text = text.replace(f"{end}.\n", f"{end},\n            {_MORE_RAISED}\n")
    edits.replace(cls.body[0], text)


def _is_call_of(node: ast.AST, name: str) -> bool:
    match node:
        case ast.Expr(value=value):
            return _is_call_of(value, name)
        case ast.Call(func=ast.Name(id=called)):
            return called == name
    return False


def _rename(edits: _Edits, tree: ast.AST, names: Mapping[str, str]) -> None:
    """Give classes the names of their counterparts."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in names:
            edits.replace(node, names[node.id])


def _describe(edits: _Edits, cls: ast.ClassDef, names: Mapping[str, str]) -> None:
    """Give classes the names of their counterparts in docstrings too."""
    for owner in (cls, *cls.body):
        if isinstance(owner, ast.ClassDef | ast.FunctionDef) and ast.get_docstring(owner):
            node = owner.body[0]
            text = edits.text_of(node)
            for name, other in names.items():
                text = re.sub(rf"`{name}\b", f"`{other}", text)
            text = text.replace(" a `Async", " an `Async")
            if text != edits.text_of(node):
                edits.replace(node, text)


def _await(edits: _Edits, cls: ast.ClassDef, waiting: set[str]) -> None:
    """Await what waits."""
    inner = {
        id(one.value)
        for one in ast.walk(cls)
        if isinstance(one, ast.Attribute | ast.Subscript) and isinstance(one.value, ast.Call)
    }
    for method in cls.body:
        if not isinstance(method, ast.FunctionDef) or method.name not in waiting:
            continue
        edits.insert((method.lineno, method.col_offset), "async ")
        for node in ast.walk(method):
            if not _waits(node, waiting):
                continue
            if isinstance(node, ast.With | ast.For):
                edits.insert((node.lineno, node.col_offset), "async ")
            elif isinstance(node, ast.Call) and id(node) in inner:
                edits.insert((node.lineno, node.col_offset), "(await ")
                edits.insert(_end(node), ")")
            elif isinstance(node, ast.Call):
                edits.insert((node.lineno, node.col_offset), "await ")


def _imports(body: list[ast.stmt], used: set[str], apis: Iterable[str] = ()) -> Iterator[str]:
    """Yield the imports of the names that are *used*, each of the counterpart if there is one."""
    for node in body:
        if isinstance(node, ast.Import):
            yield from (f"import {one.name}" for one in node.names if one.name in used)
        elif isinstance(node, ast.ImportFrom) and node.module != "__future__":
            for alias in node.names:
                if alias.name not in used:
                    continue
                if alias.name in _COUNTERPARTS:
                    other, module = _COUNTERPARTS[alias.name]
                    yield f"from {module} import {other}"
                elif node.module in {f"{CLIENT}.{api}" for api in apis}:
                    module = f"{AIO}.{str(node.module).rpartition('.')[2]}"
                    yield f"from {module} import Async{alias.name}"
                else:
                    yield f"from {node.module} import {alias.name}"


def _typing_imports(body: list[ast.stmt], used: set[str]) -> list[str]:
    """Return the block of imports for type checkers."""
    for node in body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            lines = [f"    {line}" for line in _imports(node.body, used)]
            return ["from typing import TYPE_CHECKING", "", "if TYPE_CHECKING:", *lines]
    return []


def _defined(tree: ast.Module) -> set[str]:
    """Return the names that a module itself defines."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {one.id for one in node.targets if isinstance(one, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


def _bases(cls: ast.ClassDef) -> set[str]:
    return {one.id for one in cls.bases if isinstance(one, ast.Name)}


def _end(node: Any) -> tuple[int, int]:
    return node.end_lineno, node.end_col_offset


class _Edits:
    """Changes of a source text, at the places of its nodes.

    Args:
        text: The text.
    """

    def __init__(self, text: str) -> None:
        self._text = text.encode()
        self._starts = [0]
        for line in self._text.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._changes: dict[tuple[int, int], bytes] = {}

    def insert(self, place: tuple[int, int], text: str) -> None:
        """Insert *text* at a line and a column."""
        at = self._offset(place)
        self._changes[at, at] = self._changes.get((at, at), b"") + text.encode()

    def replace(self, node: ast.AST, text: str) -> None:
        """Replace the text of *node*."""
        self._changes[self._span(node)] = text.encode()

    def replace_name(self, cls: ast.ClassDef, name: str) -> None:
        """Rename a class where it is defined."""
        start, _ = self._span(cls)
        at = self._text.index(cls.name.encode(), start)
        self._changes[at, at + len(cls.name)] = name.encode()

    def text_of(self, node: ast.AST) -> str:
        """Return the text of *node*, as it has been replaced."""
        start, end = self._span(node)
        return self._changes.get((start, end), self._text[start:end]).decode()

    def of(self, node: ast.AST) -> str:
        """Return the text of *node* with all changes in it."""
        start, end = self._span(node)
        made, at = b"", start
        for (first, last), text in sorted(self._changes.items()):
            if start <= first <= last <= end:
                made += self._text[at:first] + text
                at = last
        return (made + self._text[at:end]).decode()

    def _span(self, node: Any) -> tuple[int, int]:
        decorators = getattr(node, "decorator_list", [])
        first = decorators[0] if decorators else node
        start = self._offset((first.lineno, first.col_offset)) - bool(decorators)
        return start, self._offset((node.end_lineno, node.end_col_offset))

    def _offset(self, place: tuple[int, int]) -> int:
        line, column = place
        return self._starts[line - 1] + column


def _formatted(text: str) -> str:
    """Return *text*, sorted and formatted by ruff."""
    path = ROOT / "openai_scan" / "client" / "aio" / "generated.py"
    for arguments in (["check", "--select=I", "--fix-only", "--quiet"], ["format", "--quiet"]):
        command = [sys.executable, "-m", "ruff", *arguments, f"--stdin-filename={path}", "-"]
        text = subprocess.run(  # noqa: S603 - ruff
            command, input=text, capture_output=True, text=True, check=True
        ).stdout
    return text


def main() -> int:
    """Write the files, or check that they are up to date."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail if out of date")
    options = parser.parse_args()
    folder = ROOT / "openai_scan" / "client"
    stale = []
    for name, text in generate(folder):
        path = folder / "aio" / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(path.relative_to(ROOT))
        if not options.check:
            path.write_text(text, encoding="utf-8", newline="\n")
    for path in stale:
        print("out of date:" if options.check else "written:", path)
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
