"""The base of the data model: what all values have in common, and what every answer has.

It imports nothing from the package but the JSON limits, so that errors can hold an answer and
events can be values.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import attrs
from attrs import field, frozen

from openai_scan import bounded_json

if TYPE_CHECKING:
    from typing_extensions import Self


KEY = "key"
"""The metadata key of an attribute's JSON key, for attributes whose JSON key has another name."""


class Value:
    """Instances compare, hash and print by their fields, as attrs classes do.

    attrs would generate and compile these methods for each class, which takes as long as the rest
    of defining the class: 12 ms for the 119 classes of an Assistants stream and 18 ms for the 158
    of a Responses stream, before the first event. So every subclass passes `eq=False, repr=False`
    to attrs and inherits these methods instead. A field's own `eq` and `repr` are respected.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        cls: Any = type(self)
        return all(getattr(self, name) == getattr(other, name) for name in _compared(cls))

    def __hash__(self) -> int:
        cls: Any = type(self)
        return hash((cls, *[getattr(self, name) for name in _compared(cls)]))

    def __repr__(self) -> str:
        cls: Any = type(self)
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in _shown(cls))
        return f"{cls.__qualname__}({fields})"


@functools.cache
def _compared(cls: Any) -> tuple[str, ...]:
    """Return the names of the fields that instances of *cls* are compared by."""
    return tuple(each.name for each in attrs.fields(cls) if each.eq)


@functools.cache
def _shown(cls: Any) -> tuple[str, ...]:
    """Return the names of the fields that the repr of *cls* shows."""
    return tuple(each.name for each in attrs.fields(cls) if each.repr)


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class Call(Value):
    """A call of one of your functions or custom tools, as far as it has arrived.

    Attributes:
        id: The id to send the output with; `""` for the old function calls of Chat Completions,
            which have none.
        name: The name of the function or tool.
        arguments: The arguments as JSON text; while they arrive, the text so far. `"{}"` if a
            finished call has none. For a custom tool, its input, which is any text.
        complete: Whether the server has finished the call and the arguments are valid JSON.
            Do not answer a call that is not complete.
        choice: The number of the choice that the call belongs to.
        kind: The kind of call: "function", or "custom" for a custom tool, whose *arguments* are
            plain text.
    """

    id: str
    name: str
    arguments: str
    complete: bool
    choice: int = 0
    kind: str = "function"

    def parsed(self) -> Any:
        """Return the arguments as a Python value; null counts as no arguments, `{}`.

        Raises:
            ValueError: The call is not complete, it calls a custom tool, or the arguments are
                nested too deeply.
        """
        if self.kind != "function":
            raise ValueError(f"the input of the {self.kind} tool {self.name!r} is not JSON")
        if not self.complete:
            raise ValueError(f"the call of {self.name!r} is not complete")
        arguments = bounded_json.loads(self.arguments)
        return {} if arguments is None else arguments


PieceKind: TypeAlias = Literal["text", "reasoning", "refusal", "call", "audio", "image"]
"""What a `Piece` belongs to: the text, a call, …"""


@frozen(slots=False, eq=False, repr=False)
class Piece(Value):
    """What an event adds to an answer, in the same form for every API.

    The pieces of a stream, grouped by kind, choice and call, add up to the whole answer. So a
    loop over them shows, forwards or stores any stream.

    Attributes:
        kind: What it belongs to.
        choice: The number of the choice it belongs to.
        text: What it adds. For a call: JSON text of its arguments, or the input of a custom tool;
            `""` for a piece that only announces the call. For audio and images: base64.
        call_id: The id of the call; `""` if it does not belong to a call or the id is not known
            yet.
        name: The name of the function or tool that is called; `""` likewise.
    """

    kind: PieceKind
    choice: int = 0
    text: str = ""
    call_id: str = ""
    name: str = ""


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class Counts(Value):
    """How many tokens an answer took, under the same names for every API; None if unknown.

    Attributes:
        input: Tokens of the request.
        output: Tokens of the answer, reasoning included.
        total: Both together, as the server counts them.
        cached: How many of *input* came from the server's cache.
        reasoning: How many of *output* were spent on reasoning.
    """

    input: int | None = None
    output: int | None = None
    total: int | None = None
    cached: int | None = None
    reasoning: int | None = None


class Answer(Protocol):
    """An answer of any API, as far as it has arrived."""

    @property
    def text(self) -> str:
        """The answer's text, without reasoning or refusal; with several choices, that of 0."""
        ...

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls of your functions in all choices, in order."""
        ...

    @property
    def usage(self) -> Any | None:
        """The token counts that the server sent last, or None."""
        ...

    @property
    def counts(self) -> Counts | None:
        """The same counts as `Counts`, or None."""
        ...

    @property
    def finish_reason(self) -> str | None:
        """Why the answer ended, in the server's words; with several choices, that of choice 0."""
        ...


@frozen(slots=False, eq=False, repr=False)
class UnknownObject(Value):
    """An object of a kind that this version has no class for, or that does not match its class.

    Every union of kinds ends in this class or a subclass, so each of its members has a `type`.

    Attributes:
        type: The kind, as the server sent it; `""` if it sent none.
        id: The object's id, or None if it has none.
        payload: The JSON object as the server sent it. The repr leaves it out because it may
            contain parts of the prompt.
    """

    type: str
    id: str | None
    payload: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> Self:
        """Return an object for *payload*, with its `type` and `id`."""
        kind, id = payload.get("type"), payload.get("id")
        return cls(
            kind if isinstance(kind, str) else "",
            id if isinstance(id, str) else None,
            payload,
        )

    def __hash__(self) -> int:  # a payload is not hashable
        return hash((type(self), self.type, self.id))


@frozen(slots=False, eq=False, repr=False)
class UnknownItem(UnknownObject):
    """An item of a response, such as a call, of an unknown kind."""


@frozen(slots=False, eq=False, repr=False)
class UnknownPart(UnknownObject):
    """A part of the content of a message or of a tool's output, of an unknown kind."""


@frozen(slots=False, eq=False, repr=False)
class UnknownTool(UnknownObject):
    """A tool of an unknown kind."""


@frozen(slots=False, eq=False, repr=False)
class UnknownToolCall(UnknownObject):
    """A call of a tool by a run of Assistants, or a piece of one, of an unknown kind."""


@frozen(slots=False, eq=False, repr=False)
class UnknownAnnotation(UnknownObject):
    """An annotation, such as a citation, of an unknown kind."""
