"""The wire that uses `fetch`, in a fake engine; `web/` has real ones."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from fake_engine import HANG, FakeEngine, JsException, Reply
from memory_wire import MemoryWire

from openai_scan import (
    AsyncAzureClient,
    AsyncClient,
    AzureClient,
    Client,
    ConfigurationError,
    ConnectError,
    RedirectError,
    RetryPolicy,
    StreamCancelledError,
    StreamerV2,
    StreamTimeoutError,
    Timeout,
    TransportError,
)
from openai_scan.transport import Request, Transport, Upload, clock
from openai_scan.transport.clock import Clock
from openai_scan.transport.exchange import AsyncExchange, Exchange
from openai_scan.transport.fetch import failures
from openai_scan.transport.fetch.failures import FetchError, failure_of
from openai_scan.transport.fetch.wire import FetchHeaders, FetchWire
from openai_scan.transport.transport import AsyncTransport
from openai_scan.transport.wire import at_once

KEY = "sk-secret-1234"
URL = "http://api.test/v1"
DONE = b"data: [DONE]\n\n"
ONCE = RetryPolicy(attempts=1)

Start = Callable[..., FakeEngine]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Return what starts an engine around this Python."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    monkeypatch.setattr(sys, "platform", "emscripten")

    def start(*replies: Reply, **settings: Any) -> FakeEngine:
        engine = FakeEngine(*replies, **settings)
        for name, module in engine.modules.items():
            monkeypatch.setitem(sys.modules, name, module)
        return engine

    yield start
    asyncio.set_event_loop(None)
    loop.close()


def exchange(**more: Any) -> Exchange:
    """Return the answer to a request over the default wire."""
    request = Request(**{"method": "POST", "path": "/x", "body": {}, "retries": ONCE, **more})
    return Transport(URL, key=KEY).stream(request)


class TestSending:
    """What is sent, and how."""

    def test_a_page_sends_no_cookies_and_takes_nothing_from_a_cache(self, start: Start) -> None:
        """It does not follow redirects either, and sends only the headers that it needs."""
        engine = start(Reply([DONE]), location="https://app.test/")
        source = exchange(query={"a": "b c"})
        assert list(source) == [DONE]
        ((url, options),) = engine.sent
        signal = options.pop("signal")
        assert (url, signal.aborted) == (f"{URL}/x?a=b+c", False)
        assert options == {
            "method": "POST",
            "headers": {
                "Accept": "text/event-stream, application/json",
                "Content-Type": "application/json",
                "Authorization": f"Bearer {KEY}",
            },
            "redirect": "manual",
            "credentials": "omit",
            "cache": "no-store",
            "body": b"{}",
        }

    def test_elsewhere_it_does_not_say_so(self, start: Start) -> None:
        """Outside pages these options are left out, since some edge runtimes refuse them."""
        engine = start(Reply([DONE]))
        assert list(exchange(method="GET", body=None)) == [DONE]
        assert set(engine.sent[0][1]) == {"method", "headers", "redirect", "signal"}

    def test_a_form_is_made_by_the_engine(self, start: Start) -> None:
        """The engine encodes forms with fields and files, and forms with files only."""
        engine = start(Reply([DONE]), Reply([DONE]))
        upload = Upload("file", "a.mp3", b"data")
        for body in ({"n": [1, True]}, None):
            assert list(exchange(body=body, uploads=(upload,))) == [DONE]
        file = ("file", ("blob", [b"data"], {"type": "audio/mpeg"}), "a.mp3")
        forms = [options["body"] for _, options in engine.sent]
        assert forms == [[("n[]", "1"), ("n[]", "true"), file], [file]]

    def test_the_connections_are_the_engines(self, start: Start) -> None:
        """The wire has no connections to close, and none that could be stale."""
        start()
        wire = FetchWire(blocking=True)
        Transport(URL, key=KEY, wire=wire).close()
        error = FetchError("gone", "ECONNRESET")
        wire.strip(error)
        assert (wire.is_stale(error), str(error), error.code) == (False, "gone", "ECONNRESET")


class TestReading:
    """What comes back."""

    def test_an_answer_shows_what_the_page_may_see(self, start: Start) -> None:
        """Names of headers have no case, and whether the connection was reused is unknown."""
        start(Reply([DONE], headers={"content-type": "text/event-stream", "X-Request-ID": "r"}))
        source = exchange()
        assert list(source) == [DONE]
        assert (source.status, source.request_id, source.reused) == (200, "r", None)
        assert dict(source.headers) == {"content-type": "text/event-stream", "x-request-id": "r"}

    def test_headers_are_a_mapping(self) -> None:
        """The headers are a mapping without case, like those of every wire."""
        headers = FetchHeaders([("A-b", "1")])
        assert (headers["a-B"], "A-B" in headers, list(headers), len(headers)) == (
            "1",
            True,
            ["a-b"],
            1,
        )

    def test_empty_blocks_are_no_end(self, start: Start) -> None:
        """An empty block does not end the body: only the engine says where the end is."""
        start(Reply([b"", b"data: 1\n\n", b"", b"data: 2\n\n"]))
        assert list(exchange()) == [b"data: 1\n\n", b"data: 2\n\n"]

    def test_an_answer_without_a_body_is_at_its_end(self, start: Start) -> None:
        """An answer with status 204, for example, yields nothing."""
        start(Reply(None, status=204))
        assert list(exchange()) == []

    @pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
    def test_the_engine_has_decoded_it(self, start: Start, coding: str) -> None:
        """The wire does not decode a body, even if the engine shows a Content-Encoding."""
        headers = {"content-type": "text/event-stream", "content-encoding": coding}
        start(Reply([DONE], headers=headers))
        assert list(exchange()) == [DONE]

    def test_closing_hangs_up(self, start: Start) -> None:
        """close() aborts the request, and a second close() does nothing."""
        engine = start(Reply([b"data: 1\n\n", HANG]))
        source = exchange()
        assert next(iter(source)) == b"data: 1\n\n"
        source.close()
        source.close()
        assert engine.sent[0][1]["signal"].aborted


class TestEnding:
    """What ends a wait."""

    @pytest.mark.parametrize(
        ("reply", "limit"),
        [
            (Reply(before=HANG), "first_byte"),
            (Reply([b"data: 1\n\n", HANG]), "idle"),
        ],
    )
    def test_a_time_limit_aborts(
        self, start: Start, monkeypatch: pytest.MonkeyPatch, reply: Reply, limit: str
    ) -> None:
        """The timer is set to what the clock allows, rounded up."""
        monkeypatch.setattr(clock, "time", SimpleNamespace(monotonic=lambda: 0.0))
        engine = start(reply)
        with pytest.raises(StreamTimeoutError) as caught:
            list(exchange(timeout=Timeout(**{limit: 0.0101})))
        assert (caught.value.limit, engine.timers[-1]) == (limit, 11)
        assert engine.sent[0][1]["signal"].aborted

    def test_a_cancellation_ends_every_later_wait(self, start: Start) -> None:
        """cancel() ends a wait for the body, and one for the response headers."""
        engine = start(Reply([b"data: 1\n\n", HANG]), Reply(before=HANG))
        source = exchange()
        chunks = iter(source)
        next(chunks)
        asyncio.get_event_loop().call_soon(source.cancel)
        with pytest.raises(TransportError, match="cancelled"):
            next(chunks)
        with StreamerV2(exchange()) as s:
            asyncio.get_event_loop().call_soon(s.cancel)
            assert not s.next()
            assert isinstance(s.err(), StreamCancelledError)
        assert all(options["signal"].aborted for _, options in engine.sent)

    def test_a_pause_ends_when_it_is_over_or_cancelled(self, start: Start) -> None:
        """After a cancellation, or where Python cannot wait, a pause ends at once."""
        engine = start()
        cancellation = FetchWire(blocking=True).cancellation()
        at_once(cancellation.pause(0.001))
        assert not cancellation.requested
        engine.waits = False
        at_once(cancellation.pause(999.0))
        engine.waits = True
        asyncio.get_event_loop().call_soon(cancellation.request)
        at_once(cancellation.pause(999.0))
        at_once(cancellation.pause(999.0))
        cancellation.request()
        assert cancellation.signal.aborted

    def test_a_pause_that_was_just_over_is_ended_by_nothing_else(self, start: Start) -> None:
        """A cancellation may come in the same moment as its timer."""
        start()
        cancellation = FetchWire(blocking=True).cancellation()
        loop = asyncio.get_event_loop()
        loop.call_soon(cancellation.request)
        loop.call_soon(cancellation.request)
        at_once(cancellation.pause(999.0))
        assert cancellation.requested

    def test_a_task_that_is_cancelled_aborts_its_request(self, start: Start) -> None:
        """Its exception leaves unchanged."""
        engine = start(Reply(before=HANG))
        transport = AsyncTransport(URL, key=KEY, wire=FetchWire(blocking=False))

        async def main() -> None:
            source = transport.stream(Request(method="GET", path="/x"))
            assert isinstance(source, AsyncExchange)
            task = asyncio.ensure_future(anext(source))
            asyncio.get_running_loop().call_soon(task.cancel)
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.get_event_loop().run_until_complete(main())
        assert engine.sent[0][1]["signal"].aborted


class TestErrors:
    """What an engine says, in our words."""

    def failed(self, start: Start, error: Exception, **settings: Any) -> TransportError:
        """Return the error of a request that failed."""
        start(Reply(before=error), **settings)
        with pytest.raises(TransportError) as caught:
            list(exchange())
        return caught.value

    def test_a_page_is_not_told_why(self, start: Start) -> None:
        """The error lists what the reason may be, and keeps no object of JavaScript."""
        error = self.failed(start, JsException("Failed to fetch"), location="http://app.test/")
        assert str(error) == (
            f"no answer from {URL}: Failed to fetch; a browser does not say why: there may be no"
            " connection or no such host, or the server may not allow requests from this origin"
            " (CORS), or the policy of the page may not allow the server (CSP)"
        )
        assert isinstance(error.__cause__, FetchError)
        assert error.__cause__.__context__ is None

    def test_a_secure_page_may_not_ask_an_insecure_server(self, start: Start) -> None:
        """The error names this reason too, which the engine does not distinguish from others."""
        error = self.failed(start, JsException("Load failed"), location="https://app.test/")
        assert str(error).endswith(
            "(CSP); a page that was loaded over https may not send requests over http"
        )

    def test_node_says_why(self, start: Start) -> None:
        """Node.js gives the reason, so a refused connection is a ConnectError: nothing was sent."""
        cause = JsException("connect ECONNREFUSED 127.0.0.1:1")
        cause.code = "ECONNREFUSED"  # type: ignore[attr-defined] # as Node.js does
        error = self.failed(start, JsException("fetch failed", cause))
        assert isinstance(error, ConnectError)
        assert str(error) == f"no connection to {URL}: connect ECONNREFUSED 127.0.0.1:1"

    def test_the_key_is_not_shown(self, start: Start) -> None:
        """The key is removed from a message of the engine that quotes it."""
        error = self.failed(start, JsException(f"Bearer {KEY} is no value"))
        assert str(error) == f"no answer from {URL}: Bearer [key] is no value"
        assert KEY not in repr(error.__cause__)

    def test_an_answer_that_breaks_off(self, start: Start) -> None:
        """The error quotes the engine."""
        start(Reply([b"data: 1\n\n", JsException("network error")]))
        with pytest.raises(TransportError, match=r"broke during the answer: network error$"):
            list(exchange())

    def test_a_redirect_is_not_followed(self, start: Start) -> None:
        """A browser hides the target of a redirect, and the error says so."""
        start(Reply(None, status=0, type="opaqueredirect"), location="https://app.test/")
        with pytest.raises(RedirectError, match="does not say where: set base_url to that"):
            list(exchange())

    @pytest.mark.parametrize(
        ("cause", "expected"),
        [
            (None, ("outer", None)),
            (JsException("inner"), ("inner", None)),
        ],
    )
    def test_the_cause_has_better_words(self, cause: Any, expected: tuple[str, Any]) -> None:
        """If an error has a cause, the message is that of the cause."""
        failure = failure_of(JsException("outer", cause))
        assert (str(failure), failure.code) == expected

    def test_a_cause_without_words_has_a_code(self) -> None:
        """The code replaces an empty message, as when all addresses of a host refuse."""
        cause = JsException("")
        cause.code = "ECONNREFUSED"  # type: ignore[attr-defined] # as Node.js does
        failure = failure_of(JsException("outer", cause))
        assert (str(failure), failure.code) == ("ECONNREFUSED", "ECONNREFUSED")

    def test_a_timeout_names_its_limit(self) -> None:
        """The error names the limit, before the answer and within it."""
        clock = Clock(Timeout(total=0.001))
        clock.limit = "total"
        for meaning in (failures.no_answer, failures.broken_answer):
            error = meaning(TimeoutError("over"), URL, clock)
            assert str(error) == "the answer took longer than total=0.001 s"

    @pytest.mark.parametrize(
        ("has_jspi", "way_out"),
        [(True, "runPythonAsync"), (False, "Chrome 137, Firefox 153 or Safari 27")],
    )
    def test_nothing_is_sent_if_python_cannot_wait(
        self, start: Start, has_jspi: bool, way_out: str
    ) -> None:
        """The error says why, and what to do."""
        engine = start(Reply([DONE]))
        engine.waits = False
        if not has_jspi:
            del engine.js.WebAssembly.Suspending
        with pytest.raises(ConfigurationError, match=way_out) as caught:
            list(exchange())
        assert "AsyncClient" in str(caught.value)
        assert engine.sent == []


class TestClients:
    """They choose the wire by themselves."""

    def test_a_client_uses_fetch(self, start: Start) -> None:
        """A client uses `fetch` if this Python runs in an engine."""
        start(Reply([b'{"data": []}'], headers={"content-type": "application/json"}))
        with Client(KEY, URL) as client:
            assert isinstance(client._transport.wire, FetchWire)
            assert len(client.list_models()) == 0

    @pytest.mark.parametrize(
        ("location", "key", "allowed", "refused"),
        [
            ("https://app.test/", KEY, False, True),
            ("https://app.test/", KEY, True, False),
            ("https://app.test/", "", False, False),
            (None, KEY, False, False),
            ("https://app.test/", lambda: KEY, False, True),
            ("https://app.test/", lambda: KEY, True, False),
        ],
    )
    def test_a_key_in_a_page_has_to_be_allowed(
        self, start: Start, location: str | None, key: Any, allowed: bool, refused: bool
    ) -> None:
        """It can be read there, and so can one that a callable returns."""
        start(location=location)
        makers: list[Callable[[], object]] = [
            lambda: Client(key, URL, allow_browser=allowed),
            lambda: AsyncClient(key, URL, allow_browser=allowed),
            lambda: AsyncAzureClient(
                "https://a.test", api_version="v1", api_key=key, allow_browser=allowed
            ),
            lambda: AzureClient(
                "https://a.test", api_version="v1", api_key=key, allow_browser=allowed
            ),
        ]
        for make in makers:
            if refused:
                with pytest.raises(ConfigurationError, match="allow_browser=True") as caught:
                    make()
                assert KEY not in str(caught.value)
            else:
                make()

    def test_so_does_an_asynchronous_one(self, start: Start) -> None:
        """An asynchronous client uses `fetch` too, unless you pass another wire."""
        start(Reply([b'{"data": []}'], headers={"content-type": "application/json"}))

        async def models() -> int:
            async with AsyncClient(KEY, URL) as client:
                assert isinstance(client._transport.wire, FetchWire)
                return len(await client.list_models())

        assert asyncio.get_event_loop().run_until_complete(models()) == 0
        wire = MemoryWire()
        assert AsyncClient(KEY, URL, wire=wire)._transport.wire is wire

    def test_elsewhere_no_engine_is_asked(self) -> None:
        """Without an engine, requests and urllib3 send the requests."""
        assert not isinstance(Client(KEY, URL)._transport.wire, FetchWire)
