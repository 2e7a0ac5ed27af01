"""What was found out, and the words for it."""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal, TypeAlias

from attrs import frozen

from openai_scan import bounded_json
from openai_scan.cli.checkup.looks import Look
from openai_scan.errors import APIError, NotAnEventStreamError, ScanError, TransportError
from openai_scan.stream.described import counted

Result: TypeAlias = Literal["ok", "no", "odd", "refused", "broken"]
"""What a check ended with.

`"no"`: the server does not offer it. `"odd"`: it works, but not as with OpenAI. `"refused"`: the
server wants another key or model, or fewer requests, so it cannot be told.
"""

_EVENT_STREAM = "text/event-stream"

# Another key or model, other parameters or a later time may get another answer than these.
_REFUSED = frozenset({400, 401, 402, 403, 407, 408, 409, 422, 429})

_LONGEST = 120  # characters of a server's own words

_MOST_KEYS = 6

# Reported with the end of a stream, or no oddities at all.
_KEEP_ALIVES = ("comment", "empty_event")


@frozen
class Finding:
    """What a check found out.

    Attributes:
        api: The API, such as `"chat"`.
        check: What was checked, such as `"end of stream"`.
        result: What it ended with.
        seen: The details, in a few words.
    """

    api: str
    check: str
    result: Result
    seen: str


Verdict: TypeAlias = tuple[Result, str]
"""The result of a check and its details."""


def shortened(text: str) -> str:
    """Return *text*, or its beginning if it is long."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def of_refusal(error: ScanError, *, has_model: bool = False) -> Verdict:
    """Return what the refusal of a proper request says about an API.

    Args:
        error: What the request ended with.
        has_model: Whether a model was asked for. A server that does not have it may answer with
            404, as it does for an API that it does not have.
    """
    words = shortened(str(error))
    if isinstance(error, NotAnEventStreamError):
        return "no", words
    if not isinstance(error, APIError) or error.status is None:
        return "broken", words
    if has_model and error.status == 404 and "model" in error.message.lower():
        return "refused", words
    if error.status in _REFUSED:
        return "refused", words
    return ("broken" if error.status >= 500 and error.status != 501 else "no"), words


def of_endpoint(look: Look) -> Verdict:
    """Return whether an API is there, from the answer to a proper request."""
    error = look.error
    is_refused = isinstance(error, APIError) and error.status is not None
    is_lost = isinstance(error, TransportError) and look.status is None
    if error is not None and (is_refused or is_lost or isinstance(error, NotAnEventStreamError)):
        return of_refusal(error, has_model=True)
    kind = look.content_type or "no Content-Type"
    is_usual = kind.partition(";")[0].strip().lower() == _EVENT_STREAM
    result: Result = "ok" if is_usual or look.notes["whole_answer"] else "odd"
    return result, f"HTTP {look.status}, {kind}"


def of_streaming(look: Look) -> Verdict:
    """Return whether and how fast events came."""
    stats, notes = look.stats, look.notes
    if notes["whole_answer"]:
        return "odd", "a whole answer came in place of a stream"
    if not stats.events:
        return "broken", "no event came"
    words = [f"{counted(stats.events, 'event')} in {stats.seconds or 0:.2f} s"]
    if stats.to_first_text is not None:
        words.append(f"text after {stats.to_first_text:.2f} s")
    if alive := sum(notes[note] for note in _KEEP_ALIVES):
        words.append(counted(alive, "keep-alive"))
    return "ok", ", ".join(words)


def of_end(look: Look) -> Verdict:
    """Return how a stream ended."""
    if look.error is not None:
        return "broken", shortened(str(look.error))
    words = [look.last or "no event"]
    if look.reason not in {None, look.stream.outcome}:
        words.append(f"finish_reason {look.reason}")
    if look.stream.outcome != "completed":
        words.append(f"the answer is {look.stream.outcome}")
    odd = {
        "missing_done": "no [DONE]",
        "held_open": "the connection was left open",
        "broken_end": "the connection broke after the answer",
    }
    wrong = [says for note, says in odd.items() if look.notes[note]]
    return ("odd" if wrong else "ok"), ", ".join(words + wrong)


def of_usage(look: Look) -> Verdict:
    """Return whether the tokens were counted."""
    usage = look.stats.usage
    if usage is None or usage.estimated:
        return "no", "no count of tokens came"
    return "ok", f"{_number(usage.input)} in, {_number(usage.output)} out"


def of_notes(notes: Counter[str]) -> Verdict:
    """Return what was tolerated, in all streams of an API."""
    odd = {note: times for note, times in sorted(notes.items()) if note not in _KEEP_ALIVES}
    if not odd:
        return "ok", "none"
    return "odd", ", ".join(f"{note} ({times})" for note, times in odd.items())


def of_error(look: Look) -> Verdict:
    """Return how the server refuses a request that is wrong."""
    error = look.error
    if error is None:
        return "no", "it was accepted"
    if not isinstance(error, APIError):
        return "odd", shortened(str(error))
    if error.status is None:
        return "odd", f"HTTP 200, and the error in the stream: {shape_of(error.body)}"
    words = f"HTTP {error.status}"
    if error.code is not None and error.code != str(error.status):
        words += f", code {shortened(error.code)}"
    body = error.body
    is_usual = isinstance(body, dict) and isinstance(body.get("error"), dict)
    is_odd = error.status >= 500 or error.status < 400 or not is_usual
    return ("odd" if is_odd else "ok"), f"{words}, {shape_of(body)}"


def shape_of(body: Any) -> str:
    """Return which keys the body of an error has, without its values."""
    if isinstance(body, str):
        body = bounded_json.value_or(body)
    if isinstance(body, list):
        return f"[{', '.join(map(shape_of, body[:1]))}]"
    if not isinstance(body, dict):
        return "text"
    keys = [
        f"{shortened(str(key))}: {shape_of(value)}" if key == "error" else shortened(str(key))
        for key, value in [*body.items()][:_MOST_KEYS]
    ]
    return f"{{{', '.join(keys)}}}"


def _number(count: int | None) -> str:
    return "?" if count is None else str(count)
