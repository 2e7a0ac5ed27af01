"""A key that a callable returns: when it is asked, what it may return, and that it is not shown."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from server import CHUNKED, END, FIN, ScriptedServer, ch, json_answer

from openai_scan import (
    APIError,
    AsyncAzureClient,
    AsyncClient,
    AzureClient,
    Client,
    ConfigurationError,
    RetryPolicy,
)
from openai_scan.transport.key import Key
from openai_scan.transport.wire import at_once

RETURNED = "the callable for the key returned"
TOKEN = "token-of-the-first-hour"
QUICK = RetryPolicy(wait_initial=0)
DONE = b"event: done\ndata: [DONE]\n\n"
STREAM = [CHUNKED + ch(DONE) + END]
BUSY = json_answer({"error": {"message": "later"}}, status="429 Busy", headers="Retry-After: 0\r\n")


class Tokens:
    """Returns another token each time."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self) -> str:
        """Return the next one."""
        self.asked += 1
        return f"token-{self.asked}-xxxxxxxx"


def azure(server: ScriptedServer, ad_token: Any, **more: Any) -> AzureClient:
    """Return a client of Azure, whichever kind the module has."""
    endpoint = server.base_url.removesuffix("/v1")
    return AzureClient(endpoint, api_version="v", ad_token=ad_token, retries=QUICK, **more)


def keys(server: ScriptedServer) -> list[str]:
    """Return the keys of the requests that have arrived."""
    return [request.headers["authorization"] for request in server.requests]


@pytest.mark.usefixtures("wire")
class TestAsking:
    """The callable is asked once for each attempt, and at no other time."""

    def test_each_request_has_a_token_of_its_own(self, server: ScriptedServer) -> None:
        """Making the client and the stream asks for none."""
        server.scripts += [STREAM, [json_answer({"id": "t"})]]
        tokens = Tokens()
        with azure(server, tokens) as client:
            stream = client.create_run_stream("t", assistant_id="a")
            assert tokens.asked == 0
            with stream as s:
                assert s.next()
            client.create_thread()
        assert keys(server) == ["Bearer token-1-xxxxxxxx", "Bearer token-2-xxxxxxxx"]
        assert "api-key" not in server.requests[0].headers

    def test_so_has_each_retry(self, server: ScriptedServer) -> None:
        """A retry asks again, as a token may have expired while the client waited."""
        server.scripts += [[BUSY], STREAM, [BUSY], [json_answer({"id": "t"})]]
        tokens = Tokens()
        with azure(server, tokens) as client:
            with client.create_run_stream("t", assistant_id="a") as s:
                assert s.next()
            assert client.create_thread().id == "t"
        assert keys(server) == [f"Bearer token-{number}-xxxxxxxx" for number in (1, 2, 3, 4)]

    def test_a_key_can_come_from_a_callable_too(self, server: ScriptedServer) -> None:
        """The ordinary client takes a callable as well, as Azure's newer endpoint requires."""
        server.scripts.append(STREAM)
        with Client(lambda: TOKEN, server.base_url) as client:
            with client.create_run_stream("t", assistant_id="a") as s:
                assert s.next()
        assert keys(server) == [f"Bearer {TOKEN}"]

    def test_it_travels_in_the_header_of_a_key(self, server: ScriptedServer) -> None:
        """With `api_key=`, the Azure client sends the result in Azure's own header."""
        server.scripts.append([json_answer({"id": "t"})])
        endpoint = server.base_url.removesuffix("/v1")
        with AzureClient(endpoint, api_version="v", api_key=lambda: TOKEN) as client:
            client.create_thread()
        assert server.requests[0].headers["api-key"] == TOKEN

    def test_a_string_is_always_the_same_key(self) -> None:
        """A key that is a string never changes."""
        key = Key(TOKEN)
        assert not key.changes
        assert at_once(key.current(may_wait=False)) is key

    def test_a_request_that_was_cancelled_asks_for_none(self, server: ScriptedServer) -> None:
        """A cancelled request does not ask for a token, and sends nothing."""
        tokens = Tokens()
        with azure(server, tokens) as client:
            s = client.create_run_stream("t", assistant_id="a")
            s.cancel()
            assert not s.next()
        assert (tokens.asked, server.requests) == (0, [])


@pytest.mark.usefixtures("wire")
class TestFailing:
    """What the callable raises is the caller's own, and what cannot be a key is not sent."""

    def test_its_exception_leaves_unchanged(self, server: ScriptedServer) -> None:
        """What the callable raises is never retried, even if it looks like a network error."""
        asked = []

        def fails() -> str:
            asked.append(1)
            raise failure

        with azure(server, fails) as client:
            for failure in (LookupError("no credential"), OSError("no network"), APIError("no")):
                with pytest.raises(type(failure)) as caught:
                    client.create_thread()
                assert caught.value is failure
                s = client.create_run_stream("t", assistant_id="a")
                with pytest.raises(type(failure)) as caught:
                    s.next()
                assert caught.value is failure
        assert len(asked) == 6
        assert server.requests == []

    @pytest.mark.parametrize(
        ("returned", "kind", "message"),
        [
            (None, TypeError, "the callable for the key must return a string, not NoneType"),
            (b"token", TypeError, "the callable for the key must return a string, not bytes"),
            ("", ConfigurationError, f"{RETURNED} an empty string"),
            *(
                (
                    text,
                    ConfigurationError,
                    f"{RETURNED} a string with characters that no API key has",
                )
                for text in (f"{TOKEN}\n", f" {TOKEN}", "to ken", "t\u00f6ken")
            ),
        ],
    )
    def test_what_cannot_be_a_key_is_refused(
        self, server: ScriptedServer, returned: Any, kind: type[Exception], message: str
    ) -> None:
        """The message does not show it."""
        with azure(server, lambda: returned) as client:
            with pytest.raises(kind) as caught:
                client.create_thread()
        assert str(caught.value) == message
        assert server.requests == []

    @pytest.mark.parametrize("key", [1, b"key", ["key"]])
    def test_what_is_neither_is_refused_at_once(self, server: ScriptedServer, key: Any) -> None:
        """The client raises a TypeError when it is made."""
        with pytest.raises(TypeError, match="a key is a string or a callable, not "):
            azure(server, key)


@pytest.mark.usefixtures("wire")
class TestHiding:
    """The token is shown no more than a key is."""

    def test_an_error_does_not_show_it(self, server: ScriptedServer) -> None:
        """Servers repeat it, and each request hides its own."""
        for token in ("token-1-xxxxxxxx", "token-2-xxxxxxxx"):
            refusal = {"error": {"message": f"Bad token {token}."}}
            server.scripts.append([json_answer(refusal, status="401 No")])
        tokens = Tokens()
        with azure(server, tokens) as client:
            with pytest.raises(APIError) as caught:
                client.create_thread()
            assert caught.value.message == "Bad token [key]."
            assert "token-1" not in str(caught.value.body)
            s = client.create_run_stream("t", assistant_id="a")
            assert not s.next()
            assert "Bad token [key]." in str(s.err())

    def test_neither_does_a_recording_or_the_log(
        self, server: ScriptedServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The repr of the client, the stream or the error does not show it either."""
        body = b'event: error\ndata: {"error": {"message": "token-1-xxxxxxxx"}}\n\n'
        server.scripts.append([CHUNKED + ch(body), FIN])
        file = io.BytesIO()
        caplog.set_level(logging.DEBUG, "openai_scan")
        with azure(server, Tokens()) as client:
            s = client.create_run_stream("t", assistant_id="a", record=file)
            while s.next():
                pass
            shown = f"{client!r} {s!r} {s.err()!r} {caplog.text} {file.getvalue().decode()}"
        assert "token-1" not in shown
        assert "[key]" in file.getvalue().decode()


class TestAwaiting:
    """Only an asynchronous client awaits what the callable returns."""

    def test_a_coroutine_is_awaited(self, server: ScriptedServer) -> None:
        """An Azure client awaits it for a call, and an ordinary client for a stream."""

        async def token() -> str:
            await asyncio.sleep(0)
            return TOKEN

        async def main() -> None:
            endpoint = server.base_url.removesuffix("/v1")
            async with (
                AsyncAzureClient(endpoint, api_version="v", ad_token=token) as client,
                AsyncClient(token, server.base_url) as other,
            ):
                await client.create_thread()
                async with other.create_run_stream("t", assistant_id="a") as s:
                    assert await s.next()

        server.scripts += [[json_answer({"id": "t"})], STREAM]
        asyncio.run(main())
        assert keys(server) == [f"Bearer {TOKEN}"] * 2

    def test_a_task_that_is_cancelled_meanwhile_sends_nothing(self, server: ScriptedServer) -> None:
        """A task that is cancelled while it waits for a token cancels the coroutine."""
        seen: list[str] = []

        async def token() -> str:
            seen.append("asked")
            try:
                await asyncio.Event().wait()
            finally:
                seen.append("left")
            raise AssertionError

        async def main() -> None:
            async with AsyncClient(token, server.base_url) as client:
                s = client.create_run_stream("t", assistant_id="a")
                task = asyncio.create_task(s.next())
                while not seen:
                    await asyncio.sleep(0)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task

        asyncio.run(main())
        assert (seen, server.requests) == (["asked", "left"], [])

    def test_a_blocking_client_refuses_an_awaitable(self, server: ScriptedServer) -> None:
        """A coroutine is closed, so that Python does not complain that it was never awaited."""

        async def coroutine() -> str:
            raise AssertionError

        class Other:
            def __await__(self) -> Any:
                raise AssertionError

        callables: list[Callable[[], Awaitable[str]]] = [coroutine, Other]
        for returns in callables:
            given: Any = returns
            with Client(given, server.base_url) as client:
                with pytest.raises(TypeError) as caught:
                    client.create_thread()
            assert str(caught.value) == (
                "the callable for the key returned an awaitable: use an asynchronous client, or"
                " return the key itself"
            )
        assert server.requests == []
