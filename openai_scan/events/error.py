"""Find out whether a payload reports an error, and read the error in any shape.

There is no standard for errors, so two questions are asked:

1. *Is it an error?* `reports_error()` looks for members that only errors have, such as `error`.
   `is_error()` also recognizes flat errors by their code or status, or because there is nothing
   but a message. Some servers send a code of 0 and "Success" when nothing is wrong.
2. *What does it say?* `read_error()` returns the message, however deep it is, and the type, code
   and parameter that are nearest to it.

Every value is looked at once, no deeper than `_MAX_DEPTH` levels.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, TypeAlias

from attrs import frozen

from openai_scan import bounded_json
from openai_scan.values import Value

# Characters of one error message, so that it fits into a log line.
_MAX_MESSAGE = 2000

# Characters of an id; that of OpenAI has forty or so.
_MAX_ID = 200

# How many of a list of faults, and how many entries of anything else, a message shows at most.
_MAX_SHOWN = 100

# Each proxy may wrap the error of its upstream server. No more than four layers have been seen.
_MAX_DEPTH = 16

# How many members of an object are looked at. The real errors have fewer than twenty.
_MAX_MEMBERS = 200

# The members with the words, the likeliest first. Names are compared without case, `_` and `-`.
_MESSAGES = (
    *("message", "msg", "errormessage", "errormsg", "errmsg", "statusmsg", "statusmessage"),
    *("errordescription", "faultstring"),
)
_DETAILS = ("detail", "details", "exception")
_TITLES = ("title", "description", "reason")

# The members with another error inside, before and after the words are looked for.
_ERRORS = ("error", "errors", "err", "fault")
_WRAPPERS = (*_ERRORS, "baseresp", "responsemetadata", "header", "response", "choices", "body")
_CAUSES = ("innererror", "cause", "metadata", "raw")
_ENVELOPES = ("data", "result", "response", "message", "body")

_CODES = ("code", "errorcode", "errcode", "statuscode")

# What may stand beside the words of an error that has no telling member.
_BESIDE_WORDS = frozenset(
    {*_MESSAGES, *_DETAILS, *_CODES, *_ERRORS, "type", "param", "status", "requestid", "traceid"}
    | {"timestamp", "path", "documentationurl", "help", "hint", "instance"}
)

# Codes, statuses and messages that say that nothing is wrong.
_FINE = frozenset(
    {"", "0", "none", "null", "false", "ok", "success", "successful", "succeeded", "done", "ping"}
    | {"pong", "connected", "heartbeat", "keepalive", "keep-alive", "no error"}
)
# The members of answers. An object that has one is not an error only because its `error` is empty.
_ANSWERS = frozenset({"choices", "output"})

_FAILED = frozenset({"error", "failed", "failure", "fail"})

# The names of events, which are not types of errors.
_EVENT_NAMES = frozenset({"error", "response.error", "response.failed"})

_Found: TypeAlias = "tuple[str | None, tuple[Mapping[str, Any], ...]]"
"""The words of an error, and the objects around them, the outermost first."""

_NOTHING: _Found = (None, ())


@frozen(kw_only=True, eq=False, repr=False)
class Error(Value):
    """What a server says about an error; what it leaves out is None.

    Attributes:
        message: What went wrong, in a sentence for people.
        type: The type of error, such as `"server_error"`.
        code: The code of the error, such as `"rate_limit_exceeded"`, or an HTTP status as text.
        param: The parameter of the request that is wrong.
        sequence_number: The number of the event in a Responses stream.
        event_id: The id of the event in the stream of an agent's session.
        session_id: The id of that session.
    """

    message: str | None = None
    type: str | None = None
    code: str | None = None
    param: str | None = None
    sequence_number: int | None = None
    event_id: str | None = None
    session_id: str | None = None


def reports_error(payload: Mapping[str, Any]) -> bool:
    """Return whether *payload*, which may also be an event, has an error among its members."""
    if any(_is_bad(payload[key]) for key in ("error", "errors") if payload.get(key)):
        return True
    base = payload.get("base_resp")  # MiniMax
    if isinstance(base, dict) and _is_bad_code(base.get("status_code")):
        return True
    choices = payload.get("choices")  # OpenRouter
    return isinstance(choices, list) and any(
        isinstance(choice, dict) and choice.get("error") and _is_bad(choice["error"])
        for choice in choices
    )


def is_error(payload: Any, *, named: bool = False) -> bool:
    """Return whether *payload*, which is not a known event, is an error.

    Args:
        payload: A JSON value.
        named: Whether it has a name of its own, so that a message alone does not make it an error.
    """
    if isinstance(payload, list):
        return bool(payload) and all(
            isinstance(item, dict) and is_error(item, named=True) for item in payload
        )
    if not isinstance(payload, dict):
        return False
    if payload.get("error") and _ANSWERS.isdisjoint(payload):
        return True
    if reports_error(payload) or _is_flat_error(payload, named):
        return True
    if not named:
        envelopes = (inner for key in _ENVELOPES if isinstance(inner := payload.get(key), dict))
        if _is_bad(payload.get("err")) or any(map(reports_error, envelopes)):
            return True
    exceptions = filter(_is_exception, islice(payload, _MAX_MEMBERS))
    return any(isinstance(payload[key], dict) and _find(payload[key])[0] for key in exceptions)


def read_error(payload: Any) -> Error:
    """Return the error in *payload*, a JSON value or text. What cannot be read is None."""
    words, around = _find(payload)
    facts = [_members(one) for one in reversed(around)]
    number = event_id = session_id = None
    if isinstance(payload, Mapping):
        number = payload.get("sequence_number")
        event_id, session_id = map(_id, map(payload.get, ("event_id", "session_id")))
        if words is None:
            inner = payload.get("error")
            if isinstance(inner, Mapping):  # elsewhere these are the answer's
                words = _text(inner.get("text")) or _text(inner.get("content"))
            words = words or _unread(inner or payload) or _text(payload.get("errors"))
            facts = [_members(one) for one in (inner, payload) if isinstance(one, Mapping)]
    elif words is None:
        words = _unread(payload)
    kind = _fact(facts, "type")
    if kind is None and facts and isinstance(label := facts[0].get("error"), str):
        kind = None if label == words else _text(label)  # {"error": "Bad Request", "message": ...}
    return Error(
        message=None if words is None else words[:_MAX_MESSAGE],
        type=kind,
        code=_fact(facts, *_CODES),
        param=_fact(facts, "param"),
        sequence_number=_whole(number),
        event_id=event_id,
        session_id=session_id,
    )


# Whether it is an error.


def _is_flat_error(payload: Mapping[str, Any], named: bool) -> bool:  # noqa: FBT001 - as above
    members = _members(payload)
    for key in ("fault", "header", "responsemetadata"):
        inner = members.get(key)
        if isinstance(inner, dict):
            return key == "fault" or bool(_members(inner).get("error")) or is_error(inner)
    words = next((members[key] for key in (*_MESSAGES, *_DETAILS) if members.get(key)), None)
    if not isinstance(words, str | list | dict) or _is_fine(words):
        return False
    status, kind = members.get("status"), members.get("type")
    codes = [members[key] for key in _CODES if members.get(key) is not None]
    is_message = isinstance(words, str) or not members.get("message")
    if _is_failed(status) or members.get("success") is False:
        return is_message
    if isinstance(kind, str) and any(word in kind.lower() for word in ("error", "exception")):
        return is_message
    if any(isinstance(one, str) and one for one in (kind, members.get("object"))):
        # An event of a server's own. An ordinary one has neither such a code nor such a form.
        return any(map(_is_failed, codes)) or {"title", "detail"} <= members.keys()
    if codes:
        return is_message and any(map(_is_bad_code, codes))
    if any("err" in key and ("msg" in key or "message" in key) for key in members):
        return True
    return not named and is_message and members.keys() <= _BESIDE_WORDS and status is None


def _is_bad(error: Any) -> bool:
    """Return whether *error*, the member of that name, says that something is wrong."""
    match error:
        case dict():
            members = _members(error)
            codes = [members[key] for key in _CODES if members.get(key) is not None]
            words, _ = _find(error)
            if codes and not any(map(_is_bad_code, codes)):
                return False
            return not _is_fine(words) if words else any(error.values())
        case list():
            return any(map(_is_bad, islice(error, _MAX_SHOWN)))
        case bool():
            return error
        case _:
            return _is_bad_code(error)


def _is_exception(key: str) -> bool:
    """Return whether a member is an error of AWS, such as `throttlingException`."""
    return key.lower().endswith("exception")


def _is_fine(words: Any) -> bool:
    return isinstance(words, str) and words.strip(" .!").lower() in _FINE


def _is_bad_code(code: Any) -> bool:
    """Return whether *code* is that of an error: neither 0 nor a status of 2xx, nor a word."""
    number = _number(code)
    if number is not None:
        return number != 0 and number // 100 != 2
    return isinstance(code, str) and not _is_fine(code)


def _is_failed(status: Any) -> bool:
    """Return whether *status* is that of an error: 4xx, 5xx, or a word."""
    number = _number(status)
    if number is not None:
        return 400 <= number < 600
    return isinstance(status, str) and status.lower() in _FAILED


def _number(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:9])
    return _whole(value)


# What it says.


def _find(value: Any, depth: int = 0) -> _Found:
    """Return the words of the error *value*, and the objects around them."""
    if depth == _MAX_DEPTH:
        return _NOTHING
    match value:
        case str():
            return _find_in_text(value, depth)
        case list():
            return _find_in_list(value, depth)
        case dict():
            words, around = _find_in_members(_members(value), depth)
            return (None, ()) if words is None else (words, (value, *around))
        case _:
            return _NOTHING


def _find_in_text(text: str, depth: int) -> _Found:
    """Return *text*, or the words in it if it is JSON."""
    if text.lstrip()[:1] in ("{", "["):
        with contextlib.suppress(ValueError, RecursionError):
            found = _find(bounded_json.loads(text), depth + 1)
            if found[0] is not None:
                return found
    return (text, ()) if _says_something(text) else _NOTHING


def _find_in_list(items: list[Any], depth: int) -> _Found:
    # FastAPI's list of faults. Only their words are used: "input" repeats the request.
    found = (_find(item, depth + 1) for item in items if isinstance(item, dict))
    faults = list(islice((one for one in found if one[0] is not None), _MAX_SHOWN))
    if faults:
        return "; ".join(str(words) for words, _ in faults), faults[0][1]
    if not all(isinstance(item, str) for item in items):
        return _NOTHING
    words = "; ".join(islice(filter(_says_something, items), _MAX_SHOWN))
    return (words, ()) if words else _NOTHING


def _says_something(text: str) -> bool:
    """Return whether *text* is more than blanks. LiteLLM writes "None" for nothing."""
    return text.strip() not in ("", "None")


def _find_in_members(members: Mapping[str, Any], depth: int) -> _Found:
    for keys, kinds in (
        (_ERRORS, (dict, list)),
        (_MESSAGES, (str, dict, list)),
        (_DETAILS, (str, dict, list)),
        (_TITLES, (str,)),
        (_WRAPPERS, (str, dict, list)),
        (_CAUSES, (str, dict, list)),
        (_ENVELOPES, (dict,)),
        (filter(_is_exception, members), (dict,)),
    ):
        for key in keys:
            inner = members.get(key)
            if isinstance(inner, kinds):
                found = _find(inner, depth + 1)
                if found[0] is not None:
                    return found
    return _NOTHING


def _members(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of an object by their names without case, `_` and `-`."""
    return {
        key.lower().replace("_", "").replace("-", ""): item
        for key, item in islice(value.items(), _MAX_MEMBERS)
    }


def _fact(facts: Sequence[Mapping[str, Any]], *keys: str) -> str | None:
    """Return the first of the members *keys* that is a text or a number; the innermost first."""
    for members in facts:
        for key in keys:
            value = _text(members.get(key))
            if value is not None and value not in _EVENT_NAMES:
                return value
    return None


def _text(value: Any) -> str | None:
    """Return *value* as text, or None if it is empty. LiteLLM writes "None" for nothing."""
    return None if value is None or value in ("", "None") else _shown(value)[:_MAX_MESSAGE]


def _unread(value: Any) -> str | None:
    """Return *value*, in which no words were found, as text, or None if it has nothing to show."""
    if isinstance(value, dict):
        members = _members(value)
        keys = (*_MESSAGES, *_DETAILS, *_TITLES)
        value = next((members[key] for key in keys if members.get(key)), None)
    return None if isinstance(value, bool) else _text(value)


def _shown(value: Any) -> str:
    """Return *value*, a JSON value, as text; only the beginning of what is large."""
    return str(value) if isinstance(value, str) else str(_beginning(value, _MAX_SHOWN))


def _beginning(value: Any, count: int) -> Any:
    """Return *value* with no more than *count* entries of each list and object in it.

    One inside another has half as many, so that a tree of them stays small.
    """
    match value:
        case str():
            return value[:_MAX_MESSAGE]
        case list():
            return [_beginning(item, count // 2) for item in value[:count]]
        case dict():
            entries = islice(value.items(), count)
            return {key[:_MAX_MESSAGE]: _beginning(item, count // 2) for key, item in entries}
        case _:
            return value


def _id(value: Any) -> str | None:
    """Return *value* if it is a text that can be an id."""
    return value if isinstance(value, str) and 0 < len(value) <= _MAX_ID else None


def _whole(value: Any) -> int | None:
    return value if type(value) is int else None
