"""No reader gets another's answer: which connections are reused, and what is read from them."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from attrs import define, field, frozen
from faults.scripts import WHOLE
from faults.table import Route
from faults.world import bundle, certified, clean, world
from hypothesis import example, given, settings
from hypothesis import strategies as st
from server import (
    CHUNKED,
    CLOSE_DELIMITED,
    END,
    FIN,
    RST,
    TAKE,
    WAIT_FOR_HANG_UP,
    Repeat,
    Script,
    ScriptedServer,
    SeenRequest,
    ch,
    serving,
)
from urllib3.connection import HTTPConnection

from openai_scan import Client, ConnectError, RetryPolicy, ScanError, Timeout
from openai_scan.transport import Exchange, Request, Transport

pytestmark = pytest.mark.usefixtures("wire")

EVENT = b"data: 1\n\n"
HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{}\r\n"
BODY = ch(EVENT) + END
OK = CHUNKED + BODY
EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
ONCE = RetryPolicy(attempts=1)
MANY = [f"X-{number}: y" for number in range(1000)]
HEAD_START = b"HTTP/1.1 200 OK\r\n"


def head(*lines: str, version: str = "HTTP/1.1", status: str = "200 OK") -> bytes:
    """Return response headers with these lines."""
    text = HEAD.format("".join(f"{line}\r\n" for line in lines))
    return text.replace("HTTP/1.1 200 OK", f"{version} {status}").encode()


def sized(*lines: str, version: str = "HTTP/1.1") -> bytes:
    """Return an answer with a length, and more headers."""
    return head(f"Content-Length: {len(EVENT)}", *lines, version=version) + EVENT


def read(exchange: Exchange) -> tuple[bytes, ScanError | None]:
    """Return what an exchange hands over, and what it ends with."""
    found = b""
    error = None
    try:
        for chunk in exchange:
            found += chunk
    except ScanError as failed:
        error = failed
    exchange.close()
    return found, error


def ask(transport: Transport, path: str = "/x") -> Exchange:
    """Return an exchange that is not sent again."""
    timeout = Timeout(first_byte=10, idle=10)
    request = Request(method="POST", path=path, body={}, retries=ONCE, timeout=timeout)
    return transport.stream(request)


def after(*script: object) -> tuple[bytes, str | None, bool]:
    """Return what the answer *script* comes to, and whether another request uses its connection."""
    with serving(script, [OK]) as server:
        transport = Transport(server.base_url, key="")
        found, error = read(ask(transport))
        assert read(ask(transport)) == (EVENT, None)
        transport.close()
        return found, None if error is None else str(error), server.connections == 1


KEPT = {
    "chunks": OK,
    "a length": sized(),
    "a length among blanks": head(f"Content-Length: \t{len(EVENT)} \t") + EVENT,
    "two ends of a line": OK.replace(b"\r\n\r\n", b"\n\n", 1),
    "a trailer": CHUNKED + ch(EVENT) + b"0\r\nX: y\r\n\r\n",
    "informational answers": b"HTTP/1.1 100 Continue\r\n\r\n" + EARLY_HINTS * 3 + OK,
    "a hint with other line ends": EARLY_HINTS.replace(b"\r\n", b"\n") + OK,
    "twenty informational answers": EARLY_HINTS * 20 + OK,
    "a long hint": b"HTTP/1.1 103 Hints\r\n" + b"x" * 65534 + b"\r\n\r\n" + OK,
    "two hundred header lines": sized(*MANY[:200]),
    "a thousand header lines": sized(*MANY[:996]),
    "large headers": sized(*(f"X: {'y' * 40_000}" for _ in range(6))),
    "a large header": sized("X: " + "y" * (64 * 1024 - 5)),
    "two hundred trailers": CHUNKED + ch(EVENT) + b"0\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    "a hint of two hundred lines": EARLY_HINTS[:-2] + b"X: y\r\n" * 200 + b"\r\n" + OK,
    "a long first line": sized().replace(b"OK", b"x" * (65536 - len("HTTP/1.1 200 \r\n"))),
}


@pytest.mark.unmeasured
@pytest.mark.parametrize("sent", KEPT.values(), ids=list(KEPT))
def test_a_connection_is_used_again_after_an_answer_whose_end_is_beyond_doubt(sent: bytes) -> None:
    """The next byte can only belong to the next answer."""
    assert after(sent) == (EVENT, None, True)


LEFT: dict[str, tuple[bytes | object, ...]] = {
    "a whole answer more": (OK + OK,),
    "a byte more": (sized() + b"\n",),
    "a length that is too short": (head("Content-Length: 9") + EVENT + b"data: 2\n\n",),
    "an old version": (sized("Connection: keep-alive", version="HTTP/1.0"),),
    "a version that nobody knows": (sized(version="HTTP/1.2"),),
    "close": (sized("Connection: x, Close"),),
    "close, in a second header": (sized("Connection: keep-alive", "Connection: close"),),
    "a length twice": (sized(f"Content-Length: {len(EVENT)}"),),
    "a length and chunks": (head("Content-Length: 9", "Transfer-Encoding: chunked") + BODY,),
    "a length and a coding": (sized("Transfer-Encoding: identity"),),
    "chunks in an old version": (
        head("Transfer-Encoding: chunked", version="HTTP/1.0") + BODY,
        FIN,
    ),
    "a line that is not a header": (sized("this is not a header"), FIN),
    "a line that continues another": (sized("X: y", " z"),),
    "a carriage return in a line": (sized("X: y\rZ: 1"), FIN),
    "an end with the connection": (CLOSE_DELIMITED + EVENT, FIN),
    "an end within the trailer": (CHUNKED + ch(EVENT) + b"0\r\n", FIN),
}


@pytest.mark.unmeasured
@pytest.mark.parametrize("script", LEFT.values(), ids=list(LEFT))
def test_a_connection_is_closed_after_an_answer_that_leaves_a_doubt(
    script: tuple[bytes | object, ...],
) -> None:
    """The answer is read all the same."""
    assert after(*script) == (EVENT, None, False)


BROKEN = "the connection broke during the answer: "
REFUSED: dict[str, tuple[tuple[bytes | object, ...], str]] = {
    **{
        repr(length): (
            (head(f"Content-Length: {length}") + EVENT, WAIT_FOR_HANG_UP),
            "its Content-Length is not a number of bytes",
        )
        for length in ("1_0", "+9", "-9", "9.0", "0x9", "", "9,", "\x0b9", "100000000000000")
    },
    "two lengths": (
        (head("Content-Length: 9", "Content-Length: 10") + EVENT, WAIT_FOR_HANG_UP),
        "the answer has two different Content-Lengths",
    ),
    "two lengths of nothing": (
        (head("Content-Length: 0", "Content-Length: 9", status="204 No Content"), WAIT_FOR_HANG_UP),
        "the answer has two different Content-Lengths",
    ),
    "two lengths beside chunks": (
        (head("Content-Length: 9, 10", "Transfer-Encoding: chunked") + BODY, WAIT_FOR_HANG_UP),
        "the answer has two different Content-Lengths",
    ),
    "two odd lengths of nothing": (
        (head("Content-Length: +9, 10", status="204 No Content"), WAIT_FOR_HANG_UP),
        "a header of the answer is malformed",
    ),
    "two lengths in one line": (
        (head("Content-Length: 9, 10") + EVENT, WAIT_FOR_HANG_UP),
        "the answer has two different Content-Lengths",
    ),
    "another protocol": (
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n" + OK, WAIT_FOR_HANG_UP),
        "it switches to a protocol that was not requested",
    ),
    "hints without an end": (
        (Repeat(EARLY_HINTS),),
        "its informational answers do not end",
    ),
    "too many hints": (
        (EARLY_HINTS * 21 + OK, WAIT_FOR_HANG_UP),
        "its informational answers do not end",
    ),
    "a hint that is a line without an end": (
        (b"HTTP/1.1 103 Hints\r\n" + b"x" * 70_000, WAIT_FOR_HANG_UP),
        "the answer has a header line of more than 64 KiB",
    ),
    "large hints": (
        (Repeat(EARLY_HINTS.replace(b"style", b"x" * 20_000)),),
        "the answer has more than 256 KiB of headers",
    ),
    "a hint that is cut": ((EARLY_HINTS[:-2], FIN), "it was closed before its end"),
    "nothing after a hint": ((EARLY_HINTS, FIN), "the server closed the connection"),
    "a status that is not one": (
        (head(status="2_00"), WAIT_FOR_HANG_UP),
        "the answer is not HTTP: HTTP/1.1 2_00",
    ),
    "a first line that is too long": (
        (b"HTTP/1.1 200 " + b"x" * (65536 - len("HTTP/1.1 200 \r\n")) + b"x\r\n", WAIT_FOR_HANG_UP),
        "the answer has a header line of more than 64 KiB",
    ),
    "a first line without an end": (
        (b"HTTP/1.1 200 " + b"x" * 70_000, WAIT_FOR_HANG_UP),
        "the answer has a header line of more than 64 KiB",
    ),
    "too many header lines": (
        (head(*MANY[:998]) + EVENT, WAIT_FOR_HANG_UP),
        "the answer has more than 1000 header lines",
    ),
    "too many header lines after hints": (
        (EARLY_HINTS * 3 + head(*MANY[:990]) + EVENT, WAIT_FOR_HANG_UP),
        "the answer has more than 1000 header lines",
    ),
    "header lines without an end": (
        (HEAD_START, Repeat(b"X: y\r\n" * 100)),
        "the answer has more than 1000 header lines",
    ),
    "a header line that is too long": (
        (head("X: " + "y" * (64 * 1024 - 4)) + EVENT, WAIT_FOR_HANG_UP),
        "the answer has a header line of more than 64 KiB",
    ),
    "a header line without an end": (
        (HEAD_START, Repeat(b"x" * 10_000)),
        "the answer has a header line of more than 64 KiB",
    ),
    "large headers": (
        (head(*(f"X: {'y' * 50_000}" for _ in range(6))) + EVENT, WAIT_FOR_HANG_UP),
        "the answer has more than 256 KiB of headers",
    ),
    "a head that is cut": ((CHUNKED[:-2], FIN), "it was closed before its end"),
}


@pytest.mark.parametrize(("script", "reason"), REFUSED.values(), ids=list(REFUSED))
def test_headers_that_do_not_say_where_the_answer_ends_are_refused(
    script: tuple[bytes | object, ...], reason: str
) -> None:
    """No byte of the body is handed over, and the connection is closed."""
    found, error, kept = after(*script)
    assert (found, kept) == (b"", False)
    assert error is not None
    assert error.startswith("no answer from http://localhost:")
    assert f"/v1: {reason}" in error


CUT: dict[str, tuple[tuple[bytes | object, ...], str]] = {
    "a length that is too long": (
        (head("Content-Length: 10") + EVENT, FIN),
        "it was closed before its end",
    ),
    "a chunk that is longer than its size": (
        (CHUNKED + b"9\r\n" + EVENT + b"xx\r\n" + END, WAIT_FOR_HANG_UP),
        "a chunk is longer than its size",
    ),
    "a chunk without its line end": (
        (CHUNKED + b"9\r\n" + EVENT + b"\r", FIN),
        "it was closed before its end",
    ),
    "a trailer without an end": (
        (CHUNKED + ch(EVENT) + b"0\r\n" + b"X: y\r\n" * 20_000, WAIT_FOR_HANG_UP),
        "the answer has more than 1000 header lines",
    ),
}


@pytest.mark.parametrize(("script", "reason"), CUT.values(), ids=list(CUT))
def test_a_body_without_its_end_is_an_error(
    script: tuple[bytes | object, ...], reason: str
) -> None:
    """What came before it is handed over, and the connection is closed."""
    assert after(*script) == (EVENT, BROKEN + reason, False)


@pytest.mark.parametrize("lines", [(), ("Content-Length: 0",), ("Transfer-Encoding: chunked",)])
def test_an_answer_without_a_body_has_none(lines: Sequence[str]) -> None:
    """Whatever its headers say, the client does not wait; they may be ambiguous."""
    nothing = head(*lines, status="204 No Content")
    with serving([nothing], [OK]) as server:
        transport = Transport(server.base_url, key="")
        assert read(ask(transport)) == (b"", None)
        assert read(ask(transport)) == (EVENT, None)
        transport.close()
    assert server.connections == (2 if "chunked" in str(lines) else 1)


def test_hints_are_read_past_within_the_limit() -> None:
    """Hints are not the answer, so they do not restart `first_byte`."""
    with serving([Repeat(EARLY_HINTS[:30])]) as server:
        transport = Transport(server.base_url, key="")
        exchange = transport.stream(
            Request(method="GET", path="/x", timeout=Timeout(first_byte=0.1), retries=ONCE)
        )
        assert "within first_byte=0.1 s" in str(read(exchange)[1])
        transport.close()


def test_a_server_that_has_begun_to_answer_has_got_the_request() -> None:
    """A hint is a part of the answer, so that the request is not sent again after it."""
    with serving([OK], [EARLY_HINTS, FIN]) as server:
        transport = Transport(server.base_url, key="")
        assert read(ask(transport)) == (EVENT, None)
        again = Request(method="POST", path="/x", retries=RetryPolicy(attempts=2))
        assert "the server closed the connection" in str(read(transport.stream(again))[1])
        transport.close()
    assert len(server.requests) == 2


@pytest.mark.wires("blocking", "threads")
def test_a_request_that_was_not_sent_to_its_end_is_the_connection_s_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server would take the rest of it, or of the next one, for a request."""

    def broken(self: HTTPConnection, *args: Any, **kwargs: Any) -> None:
        send(self, *args, **kwargs)
        monkeypatch.undo()
        raise BrokenPipeError

    send = HTTPConnection.request
    monkeypatch.setattr(HTTPConnection, "request", broken)
    assert after(OK) == (EVENT, None, False)


TUNNELS = {
    "another status": (b"HTTP/1.1 204 Fine\r\n\r\n", True),
    "yet another": (b"HTTP/1.1 201 Made\r\n\r\n", True),
    "hints": (EARLY_HINTS + b"HTTP/1.1 200 Connection established\r\n\r\n", True),
    "two hundred header lines": (
        b"HTTP/1.1 200 Connection established\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        True,
    ),
    "more than the answer": (b"HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.1", False),
}


@pytest.mark.parametrize(("sent", "through"), TUNNELS.values(), ids=list(TUNNELS))
def test_a_proxy_answers_as_a_server_does(sent: bytes, *, through: bool) -> None:
    """Any status of 2xx is a tunnel, hints are read past, and nothing may follow."""
    handshake = [sent, TAKE, FIN]
    with world(Route.TUNNEL, [*WHOLE], tunnels=[handshake]) as around:
        client = Client("", around.server.base_url, retries=ONCE)
        with client, client.create_chat_completion_stream(model="m", messages=[]) as s:
            assert not s.next()
            error = s.err()
    assert isinstance(error, ConnectError)
    assert ("it is unclear where the proxy's answer ends" in str(error)) != through
    assert "Tunnel connection failed" not in str(error)


# One connection, and many answers. Each is marked with the number of its request.

NUMBERS = re.compile(rb"m([0-9]+)\b")


@frozen
class Scripted:
    """An answer as hypothesis draws it.

    Attributes:
        framing: How it announces the end of its body.
        hints: The statuses of the informational answers before it.
        fault: What is wrong with it, or "".
        place: Where it is cut or cancelled, by which share of its bytes.
    """

    framing: str
    hints: tuple[int, ...]
    fault: str
    place: float

    @property
    def is_clean(self) -> bool:
        """Whether it is whole, and its connection is used again."""
        return not self.fault and self.framing != "closing"

    def sent(self, number: int) -> bytes:
        """Return its bytes."""
        marked = b'data: {"m":"m%d"}\n\n' % number
        body = marked * 3
        hint = b"HTTP/1.1 %d Hint\r\nX: m%d\r\n\r\n"
        before = b"".join(hint % (status, number) for status in self.hints)
        length = f"Content-Length: {len(body)}"
        chunked = "Transfer-Encoding: chunked"
        chunks = b"".join(ch(body[at : at + 20]) for at in range(0, len(body), 20)) + END
        behind = CHUNKED + ch(marked) + END
        match self.fault:
            case "surplus":
                behind = behind[: int(self.place * len(behind))] or b"\n"
            case "another protocol":
                return b"HTTP/1.1 101 No\r\n\r\n" + behind + behind
            case "short":
                return before + head(f"Content-Length: {len(marked)}") + body + behind
            case "long":
                return before + head(f"Content-Length: {len(body) + 5}") + body
            case "two lengths":
                return before + head(length, f"Content-Length: {len(marked)}") + body + behind
            case "odd length":
                return before + head(f"Content-Length: {len(marked)}_0") + body + behind
            case "length and chunks":
                return before + head(length, chunked) + chunks + behind
            case "bad chunk":
                return before + CHUNKED + ch(body)[:-2] + behind
            case _:
                behind = b""
        match self.framing:
            case "chunks":
                return before + head(chunked) + chunks + behind
            case "length":
                return before + head(length) + body + behind
            case _:
                return before + head("Connection: close") + body


FAULTS = (
    *("", "", "surplus", "another protocol", "short", "long", "two lengths", "odd length"),
    *("length and chunks", "bad chunk", "end", "reset", "cancel", "cancel"),
)
answers = st.builds(
    Scripted,
    framing=st.sampled_from(["chunks", "length", "closing"]),
    hints=st.lists(st.sampled_from([100, 102, 103]), max_size=2).map(tuple),
    fault=st.sampled_from(FAULTS),
    place=st.floats(0, 1),
)
CLEAN = Scripted("chunks", (), "", 0)


@define(repr=False)
class MarkingServer(ScriptedServer):
    """A server that plays what the number in the path of a request says."""

    answers: Sequence[Scripted] = ()
    exchanges: list[Exchange] = field(factory=list)

    def _script_for(self, request: SeenRequest) -> Script:
        number = int(request.line.split()[1].rpartition("/")[2])
        one = self.answers[number]
        sent = one.sent(number)
        place = int(one.place * len(sent))
        match one.fault:
            case "end" | "reset":
                return [sent[:place], FIN if one.fault == "end" else RST]
            case "cancel":
                return [sent[:place], self.exchanges[number].cancel, sent[place:]]
            case "":  # in two pieces, so that the second comes when the first has been judged
                end = () if one.is_clean else (FIN,)
                return [sent[:place], sent[place:], *end]
            case _:
                return [sent, FIN]

    def play(self, answers: Sequence[Scripted], readers: int = 1) -> None:
        """Ask for *answers*, in order; judge what is read as each."""
        self.answers = answers
        before = self.connections
        transport = Transport(self.base_url, key="")
        self.exchanges = [ask(transport, f"/{number}") for number in range(len(answers))]
        wrong: list[object] = []
        threads = [
            threading.Thread(target=self._read_every, args=(first, readers, wrong))
            for first in range(1, readers)
        ]
        for thread in threads:
            thread.start()
        self._read_every(0, readers, wrong)
        for thread in threads:
            thread.join()
        transport.close()
        assert not wrong
        if all(one.is_clean for one in answers):
            assert self.connections - before <= readers

    def _read_every(self, first: int, step: int, wrong: list[object]) -> None:
        for number in range(first, len(self.answers), step):
            found, error = read(self.exchanges[number])
            shown = found + repr(error).encode()
            if set(map(int, NUMBERS.findall(shown))) - {number}:
                wrong.append((number, shown))
            if self.answers[number].is_clean and found.count(b"m%d" % number) != 3:
                wrong.append((number, shown))


@pytest.fixture(scope="module", params=["plain", "TLS"])
def server(request: pytest.FixtureRequest) -> Iterator[MarkingServer]:
    """Return a server that all examples ask."""
    with pytest.MonkeyPatch.context() as environment:
        clean(environment)
        environment.setitem(os.environ, "REQUESTS_CA_BUNDLE", str(bundle()))
        with MarkingServer(tls=certified() if request.param == "TLS" else None) as server:
            yield server


@given(answers=st.lists(answers, min_size=2, max_size=8))
@example(answers=[CLEAN] * 8)
@example(
    answers=[Scripted("length", (103, 100), "", 0), Scripted("length", (), "surplus", 1), CLEAN]
)
@settings(max_examples=40)
def test_no_byte_of_one_answer_is_read_as_another_s(
    server: MarkingServer, answers: Sequence[Scripted]
) -> None:
    """This holds whatever a server sends, and wherever a reader is cancelled."""
    server.play(answers)


@given(answers=st.lists(answers, min_size=24, max_size=24))
@settings(max_examples=10)
@pytest.mark.wires("blocking", "threads")
def test_nor_where_threads_share_the_connections(
    server: MarkingServer, answers: Sequence[Scripted]
) -> None:
    """A late `cancel()` does not affect the next request on the same connection."""
    server.play(answers, readers=4)
