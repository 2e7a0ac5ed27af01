"""The streams of the soak: what each is answered with, and how it has to end.

All of a case follows from its number and a seed, so that server and client agree on it without a
word, and a run can be repeated.
"""

from __future__ import annotations

import json
import random
import zlib
from enum import Enum

from attrs import frozen
from server import CHUNKED, CLOSE_DELIMITED, END, FIN, RST, WAIT_FOR_HANG_UP, Script, answer, ch

from faults.table import Framing, Route

DONE = b"data: [DONE]\n\n"
_LENGTH = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {}\r\n\r\n"
_ERROR = b'data: {"error":{"message":"slow down","code":"rate_limit_exceeded"}}\n\n'

_HINT = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"

# More than is sent, so that the body is never whole.
_MISSING = 1_000_000

_REFUSALS = {
    "400 Bad Request": "BadRequestError",
    "401 Unauthorized": "AuthenticationError",
    "404 Not Found": "NotFoundError",
    "429 Too Many Requests": "RateLimitError",
    "503 Busy": "InternalServerError",
}


class Kind(Enum):
    """What a stream meets with."""

    WHOLE = "no fault"
    GZIP = "compression"
    LAYERS = "compression in two layers"
    HINTS = "informational responses first"
    SURPLUS = "another answer after its own"
    RETRY = "a refusal, then success"
    END = "a proper end that comes too early"
    FIN = "a close"
    RST = "a reset"
    GARBAGE = "invalid bytes for a chunk"
    STALL = "silence"
    CANCEL = "`cancel()` by another thread"
    LEAVE = "`close()`"
    ERROR = "an error event"
    REFUSAL = "a refusal"
    PAGE = "a page instead of events"
    NO_HEAD = "a close before the response headers"
    CUT_HEAD = "a close within the response headers"
    UNREACHABLE = "a refused connection"


# In how many of a hundred cases; silence takes its time.
_WEIGHTS = {
    **dict.fromkeys(Kind, 4),
    Kind.WHOLE: 40,
    Kind.FIN: 8,
    Kind.STALL: 3,
    Kind.UNREACHABLE: 1,
}


@frozen
class Expected:
    """How a case may end.

    Attributes:
        endings: The outcomes, each with the class of its error or None.
        events: The fewest and the most events that are delivered.
        text: Their text; where fewer events come, it is the beginning of it.
    """

    endings: tuple[tuple[str, str | None], ...]
    events: tuple[int, int]
    text: str


@frozen
class Case:
    """One stream.

    Attributes:
        deltas: The events with text; a terminal event and `[DONE]` follow.
        before: How many events come before the fault.
        middle: Whether it comes in the middle of the next one.
        sizes: In what pieces the body is sent.
    """

    number: int
    kind: Kind
    route: Route
    framing: Framing
    deltas: tuple[str, ...]
    before: int
    middle: bool
    sizes: tuple[int, ...]

    @property
    def events(self) -> list[bytes]:
        """All events of the whole stream."""
        deltas = [_chunk({"content": text}, None) for text in self.deltas]
        return [*deltas, _chunk({}, "stop"), DONE]

    @property
    def sent(self) -> bytes:
        """What is sent of the body before the fault."""
        events = self.events
        half = events[self.before][:30] if self.middle else b""
        return b"".join(events[: self.before]) + half

    @property
    def is_terminal(self) -> bool:
        """Whether the answer is whole before the fault."""
        return self.before > len(self.deltas)


def case(seed: int, number: int) -> Case:
    """Return the case of that *number*."""
    dice = random.Random(f"{seed} {number}")
    kind = dice.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
    routes, weights = list(Route), (6, 2, 1, 1)
    framings = [Framing.CHUNKED, Framing.CLOSING, Framing.LENGTH]
    if kind in (Kind.END, Kind.SURPLUS):
        framings.remove(Framing.CLOSING)
    elif kind in (Kind.GARBAGE, Kind.GZIP, Kind.LAYERS):
        framings = [Framing.CHUNKED]
    deltas = tuple(
        f"{dice.choice(_WORDS)} " * dice.randint(1, 9) for _ in range(dice.randint(1, 9))
    )
    # Leaving, and an error event, come before the answer is whole.
    most = len(deltas) + (0 if kind in (Kind.CANCEL, Kind.LEAVE, Kind.ERROR) else 2)
    before = dice.randint(0, most)
    cuts = kind in (Kind.FIN, Kind.RST, Kind.STALL, Kind.END, Kind.CANCEL)
    return Case(
        number=number,
        kind=kind,
        route=dice.choices(routes, weights)[0],
        framing=dice.choice(framings),
        deltas=deltas,
        before=before,
        middle=cuts and before < len(deltas) and dice.random() < 0.5,
        sizes=tuple(dice.choice((1, 7, 50, 200, 1000)) for _ in range(3)),
    )


_WORDS = ("one", "two", "zwölf", "三", "\N{GRINNING FACE}", "\u2028", '"', "\\n")


def script(one: Case, *, again: bool) -> Script:
    """Return what the server plays; *again* if it was asked before."""
    match one.kind:
        case Kind.WHOLE | Kind.LEAVE | Kind.RETRY if again or one.kind is not Kind.RETRY:
            return _whole(one)
        case Kind.RETRY:
            return [answer(b"", status="503 Busy")]
        case Kind.GZIP:
            return [_gzipped(one)]
        case Kind.LAYERS:
            return [_gzipped(one).replace(b": gzip\r\n", b": gzip, gzip\r\n"), WAIT_FOR_HANG_UP]
        case Kind.HINTS:
            return [_HINT * (1 + one.number % 3), *_whole(one)]
        case Kind.SURPLUS:  # in one piece: what comes later could be the next answer
            behind = CHUNKED + ch(_chunk({"content": "another's"}, "stop") + DONE) + END
            return [b"".join(_whole_bytes(one)) + behind]
        case Kind.END:
            head, end = _head(one.framing, len(one.sent))
            return [head, *_framed(one, one.sent), end]
        case Kind.ERROR:
            events = one.events
            body = b"".join([*events[: one.before], _ERROR, DONE])
            head, end = _head(one.framing, len(body))
            return [head, *_framed(one, body), end]
        case Kind.FIN | Kind.RST | Kind.STALL | Kind.CANCEL | Kind.GARBAGE:
            last = {Kind.FIN: [FIN], Kind.RST: [RST], Kind.GARBAGE: [b"no number\r\n", FIN]}
            head, _ = _head(one.framing, len(one.sent) + _MISSING)
            all_at_once = head + b"".join(_framed(one, one.sent))
            return [all_at_once, *last.get(one.kind, [WAIT_FOR_HANG_UP])]
        case Kind.REFUSAL:
            return [answer(b'{"error": {"message": "no"}}', status=_refusal(one))]
        case Kind.PAGE:
            return [answer(b"<html>log in</html>", headers="Content-Type: text/html\r\n")]
        case Kind.NO_HEAD:
            return [FIN]
        case _:
            return [CHUNKED[: 10 + 6 * one.before], FIN]


def expected(one: Case) -> Expected:
    """Return how the case has to end."""
    count = len(one.deltas) + 2
    match one.kind:
        case Kind.WHOLE | Kind.GZIP | Kind.RETRY | Kind.HINTS | Kind.SURPLUS:
            return _expect(one, count, ("completed", None))
        case Kind.END:
            return _expect(one, one.before, _short(one, "truncated", "TruncatedStreamError"))
        case Kind.FIN if one.framing is Framing.CLOSING:
            return _expect(one, one.before, _short(one, "truncated", "TruncatedStreamError"))
        case Kind.FIN | Kind.GARBAGE:
            return _expect(one, one.before, _short(one, "failed", "TransportError"))
        case Kind.RST:
            return _after_a_reset(one)
        case Kind.STALL:
            return _expect(one, one.before, _short(one, "timed_out", "StreamTimeoutError"))
        case Kind.CANCEL:
            return _expect(one, one.before, ("cancelled", "StreamCancelledError"))
        case Kind.LEAVE:
            return _expect(one, one.before, ("cancelled", None))
        case Kind.ERROR:
            found = _expect(one, one.before, ("failed", "RateLimitError"))
            return Expected(found.endings, (one.before + 2, one.before + 2), found.text)
        case Kind.REFUSAL:
            return _expect(one, 0, ("failed", _REFUSALS[_refusal(one)]))
        case Kind.PAGE | Kind.LAYERS:
            return _expect(one, 0, ("failed", "NotAnEventStreamError"))
        case Kind.UNREACHABLE:
            return _expect(one, 0, ("failed", "ConnectError"))
        case _:
            return _expect(one, 0, ("failed", "TransportError"))


def _expect(one: Case, events: int, *endings: tuple[str, str | None]) -> Expected:
    return Expected(endings, (events, events), "".join(one.deltas[:events]))


def _short(one: Case, outcome: str, error: str) -> tuple[str, str | None]:
    """Return the ending of a stream that was cut: nothing is lost once the answer is whole."""
    return ("completed", None) if one.is_terminal else (outcome, error)


def _after_a_reset(one: Case) -> Expected:
    """Return what may be: a reset can overtake what was sent, and TLS may hide it."""
    endings: list[tuple[str, str | None]] = [("failed", "TransportError")]
    if one.framing is Framing.CLOSING and one.route in (Route.TLS, Route.TUNNEL):
        endings.append(("truncated", "TruncatedStreamError"))
    if one.is_terminal:
        endings.append(("completed", None))
    return Expected(tuple(endings), (0, one.before), "".join(one.deltas[: one.before]))


def _refusal(one: Case) -> str:
    return list(_REFUSALS)[one.number % len(_REFUSALS)]


def _chunk(delta: dict[str, str], finish_reason: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    payload = {"id": "c", "object": "chat.completion.chunk", "choices": [choice]}
    return b"data: " + json.dumps(payload, ensure_ascii=False).encode() + b"\n\n"


def _head(framing: Framing, length: int) -> tuple[bytes, object]:
    """Return response headers, and the proper end of the body."""
    match framing:
        case Framing.CHUNKED:
            return CHUNKED, END
        case Framing.CLOSING:
            return CLOSE_DELIMITED, FIN
        case _:
            return _LENGTH.format(length).encode(), b""


def _framed(one: Case, body: bytes) -> list[bytes]:
    """Return *body* in pieces, as it is sent."""
    pieces = []
    for size in one.sizes:
        pieces.append(body[:size])
        body = body[size:]
    pieces.append(body)
    return [ch(piece) if one.framing is Framing.CHUNKED else piece for piece in pieces if piece]


def _whole(one: Case) -> Script:
    _, end = _head(one.framing, 0)
    return [*_whole_bytes(one), *([end] if end is FIN else [])]


def _whole_bytes(one: Case) -> list[bytes]:
    """Return the pieces of a whole answer."""
    body = b"".join(one.events)
    head, end = _head(one.framing, len(body))
    return [head, *_framed(one, body), *([end] if isinstance(end, bytes) else [])]


def _gzipped(one: Case) -> bytes:
    packer = zlib.compressobj(wbits=31)
    sent = CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")
    for event in one.events:
        sent += ch(packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH))
    return sent + ch(packer.flush()) + END
