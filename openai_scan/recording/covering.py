"""Text of a stream, covered: letters become `x`, digits become `1`, and every byte stays in place.

A covered body decodes to the same events, with as much text in each. A bug that depends on how an
answer is framed, cut, ordered or nested is still there. What was said is not.

- An ASCII letter becomes `x` or `X`, a digit `1`. Spaces and punctuation stay. Any other character
  becomes one that takes as many bytes in UTF-8, and a byte that is not UTF-8 becomes 0xFF.
- In JSON, the keys stay, and so do the values that say what an event is: `type`, `role`, `status`
  and the others in `_KEPT`. An ID becomes another one, the same wherever it occurs. Numbers stay,
  except in lists, where they may be the bytes or tokens of the text.
- Where users choose the keys, as in `metadata` or a schema, these are covered too.
- The arguments of a call stay JSON, also when they come in pieces.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator
from typing import Any

from attrs import define, field

from openai_scan import bounded_json
from openai_scan.sse.beginnings import begins_as_events

# Keys with values that the API defines. A value that has a space in it is covered all the same.
_KEPT = frozenset(
    {"type", "object", "event", "role", "status", "finish_reason", "native_finish_reason"}
    | {"stop_reason", "reason", "phase", "code", "model", "service_tier", "truncation", "effort"}
    | {"verbosity", "detail", "quality", "size", "background", "output_format", "method"}
)
_PLAIN_VALUE = re.compile(r"[\w.:/@+-]{1,100}", re.ASCII)
_PLAIN_KEY = re.compile(r"[\w.$-]{1,64}", re.ASCII)

# What is below these has keys that users or models have chosen.
_PRIVATE = frozenset(
    {"arguments", "metadata", "parameters", "properties", "schema", "json_schema", "$defs"}
    | {"definitions", "parsed", "logit_bias", "headers", "input", "outputs", "environment"}
)

# Text that is JSON itself: the arguments of a call.
_ARGUMENTS = frozenset({"arguments", "partial_json"})

# What an ID begins with, such as `run_`; the rest is replaced if it is long enough to be one.
_PREFIX = re.compile(r"^[a-z]{2,20}[_-]")
_SHORTEST_ID = 4

_TOKEN = re.compile(
    r'"(?P<text>(?:[^"\\]|\\.)*)(?P<quote>"?)'
    r"|(?P<number>-?\d[\d.eE+-]*)|(?P<word>[A-Za-z_]\w*)|(?P<mark>[{}\[\],:])|.",
    re.DOTALL,
)
# A character of a JSON string, as it is written.
_CHARACTER = re.compile(r"\\u[0-9a-fA-F]{4}|\\.|.", re.DOTALL)

# Words that stand in a payload without quotes.
_WORDS = ("true", "false", "null")
_KEPT_WORDS = frozenset({*_WORDS, "DONE", "NaN", "Infinity"})

# Letters by how many bytes of UTF-8 they take.
_LETTERS = {2: "\u00e9", 3: "\u8a9e", 4: "\U0001f600"}
_BYTE_ORDER_MARK = "\ufeff"
_LINE = re.compile(r"([^\r\n]*)(\r\n|\r|\n|\Z)")
_FIELD = re.compile(r"(data|event|id|retry|)(: ?|\Z)(.*)", re.DOTALL)


def covered(text: str) -> str:
    """Return *text* with its letters and digits replaced; it takes as many bytes."""
    return "".join(map(_covered_character, text))


def _covered_character(character: str) -> str:
    if character.isascii():
        if character.isdigit():
            return "1"
        if character.isalpha():
            return "X" if character.isupper() else "x"
        return character
    if "\udc80" <= character <= "\udcff":  # a byte that is not UTF-8, see `Cover.body`
        return "\udcff"
    if character == _BYTE_ORDER_MARK or character.isspace():
        return character
    return _LETTERS[len(character.encode("utf-8", "surrogatepass"))]


@define
class _Arguments:
    """JSON that comes in pieces, covered so that it stays JSON.

    It reads one character after the other, and changes only letters and digits.
    """

    depth: int = 0
    is_json: bool | None = None
    in_string: bool = False
    escape: int = 0  # characters that belong to an escape and are still to come
    word: str = ""
    before: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether nothing has begun, or all that has begun has ended."""
        return self.depth == 0 and self.is_json is not False

    def take(self, character: str) -> str:
        """Return what takes the place of *character*."""
        if self.is_json is None and not character.isspace():
            self.is_json = character in "{["
        if not self.is_json:
            return _covered_character(character)
        taken = self._in_string(character) if self.in_string else self._outside(character)
        self.before = character
        return taken

    def _in_string(self, character: str) -> str:
        if self.escape:
            self.escape -= 1
            if self.escape == 0 and self.before == "\\" and character == "u":
                self.escape = 4
                return character
            if self.before == "\\":
                return character
            return "0078"[3 - self.escape]  # the code of "x"
        if character == "\\":
            self.escape = 1
        elif character == '"':
            self.in_string = False
        return _covered_character(character)

    def _outside(self, character: str) -> str:
        longer = self.word + character
        self.word = longer if any(word.startswith(longer) for word in _WORDS) else ""
        if self.word or (character in "eE" and self.before.isdigit()):
            return character
        self.in_string = character == '"'
        self.depth += (character in "{[") - (character in "}]")
        return _covered_character(character)


@define
class _Container:
    """An object or a list that has begun.

    Attributes:
        is_list: Which of both it is.
        is_private: Whether its keys are covered as well.
        key: The key that the next value belongs to; in a list, the key of the list.
        wants_key: Whether the next text is a key.
    """

    is_list: bool
    is_private: bool
    key: str
    wants_key: bool


@define
class Cover:
    """What has to be remembered to cover the streams of one file.

    IDs get the same replacement everywhere, and the arguments of a call go on in later events.
    """

    _ids: dict[str, str] = field(factory=dict)
    _arguments: dict[Hashable, _Arguments] = field(factory=dict)

    def body(self, data: bytes) -> bytes:
        """Return the body of an answer, covered; it has as many bytes, and the same line ends."""
        text = data.decode("utf-8", "surrogateescape")
        start = text.lstrip(_BYTE_ORDER_MARK + " \t\r\n")
        if start.startswith(("{", "[")):
            text = self.json(text)
        elif begins_as_events(data, is_all=True):
            self._arguments.clear()
            text = self._events(text)
        else:
            text = covered(text)
        return text.encode("utf-8", "surrogateescape")

    def json(self, text: str) -> str:
        """Return JSON, covered. What is not JSON in it is covered as well."""
        places = iter(_places_in(text))
        stack = [_Container(is_list=True, is_private=False, key="", wants_key=False)]
        parts = []
        for token in _TOKEN.finditer(text):
            inside = stack[-1]
            if token["text"] is not None:
                parts.append(f'"{self._text(token["text"], inside, places)}{token["quote"]}')
            elif token["mark"] is not None:
                _move(stack, token["mark"])
                parts.append(token[0])
            elif token["number"] is not None:
                hidden = inside.is_private or inside.is_list
                parts.append(re.sub(r"\d", "1", token[0]) if hidden else token[0])
            elif token["word"] in _KEPT_WORDS:
                parts.append(token[0])
            else:
                parts.append(covered(token[0]))
        return "".join(parts)

    def id(self, name: str) -> str:
        """Return an ID to take the place of *name*, with the same prefix and as many bytes."""
        found = self._ids.get(name)
        if found is None:
            number = str(len(self._ids) + 1)
            start = len(name) - len(_PREFIX.sub("", name))
            if len(name) - start < _SHORTEST_ID:
                start = 0
            room = len(name.encode("utf-8", "surrogatepass")) - start
            # A short one is a number of the server's, such as "0".
            found = name if room < _SHORTEST_ID else name[:start] + number.zfill(room)
            self._ids[name] = found
        return found

    def plain(self, value: str) -> str:
        """Return a value that the API defines as it is, and any other covered."""
        return value if _PLAIN_VALUE.fullmatch(value) else covered(value)

    def _text(self, text: str, inside: _Container, places: Iterator[Hashable]) -> str:
        """Return a string of a payload, covered as its place in the payload allows."""
        if inside.wants_key:
            inside.key, inside.wants_key = text, False
            return text if not inside.is_private and _PLAIN_KEY.fullmatch(text) else _string(text)
        if inside.is_private:
            return _string(text)
        key = inside.key
        if key in _ARGUMENTS:
            return self._piece(text, next(places, None))
        if key in _KEPT:
            return text if _PLAIN_VALUE.fullmatch(text) else _string(text)
        if (key == "id" or key.endswith("_id")) and "\\" not in text:
            return self.id(text)
        if key == "delta":
            place = next(places, None)
            return _string(text) if place is None else self._piece(text, place)
        return _string(text)

    def _piece(self, text: str, place: Hashable) -> str:
        """Return a piece of the arguments of the call at *place*, or all of them."""
        state = self._arguments.get(place)
        if state is None or state.is_whole:
            state = self._arguments[place] = _Arguments()
        return "".join(_escaped(one[0], state.take) for one in _CHARACTER.finditer(text))

    def _events(self, text: str) -> str:
        """Return an event stream, covered: its fields stay, and so does each event's `event`."""
        # The last one is empty, with nothing behind it.
        lines = [(match[1], match[2]) for match in _LINE.finditer(text)]
        parts: list[str] = []
        data: list[tuple[int, str]] = []  # the place of each value in `parts`

        def end_event() -> None:
            values = self.json("\n".join(value for _, value in data)).split("\n")
            for (place, _), value in zip(data, values, strict=True):
                parts[place] = value
            data.clear()

        for line, end in lines:
            if not line and data:
                end_event()
            mark = _BYTE_ORDER_MARK if line.startswith(_BYTE_ORDER_MARK) else ""
            found = _FIELD.fullmatch(line.removeprefix(mark))
            if found is None:
                parts += (covered(line), end)
                continue
            name, colon, value = found.groups()
            match name:
                case "data":
                    data.append((len(parts) + 3, value))
                case "event":
                    value = self.plain(value)
                case "id":
                    value = self.id(value)
                case "retry":
                    pass
                case _:  # a comment, or an empty line
                    value = covered(value)
            parts += (mark, name, colon, value, end)
        return "".join(parts)


def _move(stack: list[_Container], mark: str) -> None:
    """Enter or leave what *mark* begins or ends, or go on in it."""
    inside = stack[-1]
    match mark:
        case "{" | "[":
            private = inside.is_private or inside.key in _PRIVATE
            is_list = mark == "["
            key = inside.key if is_list else ""
            stack.append(_Container(is_list, private, key, wants_key=not is_list))
        case "}" | "]" if len(stack) > 1:
            stack.pop()
        case ",":
            inside.wants_key = not inside.is_list
        case _:
            pass


def _string(text: str) -> str:
    """Return what is between the quotes of a JSON string, covered."""
    return "".join(_escaped(one[0], _covered_character) for one in _CHARACTER.finditer(text))


def _escaped(written: str, cover: Callable[[str], str]) -> str:
    """Return a character of a JSON string covered, written in the same way.

    Args:
        written: The character itself, or its escape.
        cover: Takes the character, and returns what takes its place.
    """
    if len(written) == 1:
        return cover(written)
    if written[1] != "u":
        cover({"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}.get(written[1], written[1]))
        return written
    character = chr(int(written.removeprefix("\\u"), base=16))
    if "\ud800" <= character <= "\udfff":  # half a character
        cover("x")
        return r"\ud83d" if character < "\udc00" else r"\ude00"
    return f"\\u{ord(cover(character)):04x}"


def _places_in(text: str) -> Iterator[Hashable]:
    """Yield where each string of arguments of a payload belongs, in order; None for other deltas.

    Two pieces belong together if they have the same place: the keys on the way to them, with the
    index or the ID of each element of a list, and the item of the event.
    """
    try:
        payload = bounded_json.loads(text)
    except ValueError:
        return
    item: tuple[Hashable, ...] = ()
    is_call = False
    if isinstance(payload, dict):
        item = (str(payload.get("item_id")), str(payload.get("output_index")))
        is_call = "arguments" in str(payload.get("type"))
    yield from _places(payload, item, is_call=is_call)


def _places(value: Any, place: tuple[Hashable, ...], *, is_call: bool) -> Iterator[Hashable]:
    match value:
        case dict():
            for key, inner in value.items():
                if isinstance(inner, str):
                    if key in _ARGUMENTS:
                        yield (*place, key)
                    elif key == "delta":
                        yield (*place, key) if is_call else None
                elif key not in _PRIVATE:
                    yield from _places(inner, (*place, key), is_call=is_call)
        case list():
            for number, inner in enumerate(value):
                name = inner.get("index", number) if isinstance(inner, dict) else number
                yield from _places(inner, (*place, str(name)), is_call=is_call)
        case _:
            pass
