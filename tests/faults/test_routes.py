"""Proxies, certificates, refusals of long requests, and many streams at once."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from server import (
    CHUNKED,
    END,
    FIN,
    PATIENCE,
    RST,
    TAKE,
    WAIT_FOR_HANG_UP,
    Repeat,
    Script,
    answer,
    ch,
    json_answer,
    serving,
)

from faults.proxies import Proxy
from faults.scripts import DONE, HI, STOP, WHOLE
from faults.table import SECURE, Route
from faults.world import bundle, certified, clean, world
from openai_scan import (
    APIError,
    Client,
    ConnectError,
    RedirectError,
    RetryPolicy,
    StreamerV2,
    TLSError,
    TransportError,
)
from openai_scan.transport.session.clocked import current

pytestmark = pytest.mark.usefixtures("wire")

MANY = 64
CERTIFICATES = ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"]


def ask(base_url: str, *, attempts: int = 1) -> StreamerV2:
    """Return a stream that has been read to its end."""
    retries = RetryPolicy(attempts=attempts, wait_max=0)
    with Client("sk-secret-1234", base_url, retries=retries) as client:
        s = client.create_chat_completion_stream(model="m", messages=[])
        while s.next():
            pass
        s.close()
        return s


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Return an environment that says nothing of proxies and certificates."""
    clean(monkeypatch)
    return monkeypatch


class TestProxies:
    """The variables that all programs know."""

    @pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
    def test_plain_requests_go_through_a_proxy(
        self, environment: pytest.MonkeyPatch, name: str
    ) -> None:
        """The server is reached, and by the proxy only."""
        with serving(WHOLE) as server, Proxy() as proxy:
            environment.setenv(name, proxy.url)
            assert ask(server.base_url).outcome == "completed"
            assert proxy.connections == 1

    @pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
    def test_a_tunnel_shows_the_proxy_nothing(
        self, environment: pytest.MonkeyPatch, name: str
    ) -> None:
        """It learns the server's name, and not the key."""
        environment.setenv("REQUESTS_CA_BUNDLE", str(bundle()))
        with serving(WHOLE, tls=certified()) as server, Proxy() as proxy:
            environment.setenv(name, proxy.url)
            assert ask(server.base_url).outcome == "completed"
            assert server.requests[0].headers["authorization"] == "Bearer sk-secret-1234"
        (head,) = proxy.heads
        assert head.startswith("CONNECT localhost:")
        assert "sk-secret-1234" not in head

    @pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
    def test_some_servers_need_none(self, environment: pytest.MonkeyPatch, name: str) -> None:
        """Servers that are named in `NO_PROXY` are reached directly."""
        with serving(WHOLE) as server, Proxy() as proxy:
            environment.setenv("HTTP_PROXY", proxy.url)
            environment.setenv(name, "example.org,localhost")
            assert ask(server.base_url).outcome == "completed"
            assert proxy.connections == 0


BASIC = b"Proxy-Authenticate: basic realm=x\r\nContent-Length: 3\r\n\r\nabc"
NOT_BASIC = b"X: \r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM x\r\n\r\n"
CHUNKS = b"Transfer-Encoding: chunked\r\n\r\n" + ch(b"<h1>Not ") + ch(b"for you</h1>") + END
INFORMATIONAL = b"HTTP/1.1 100 \r\n\r\nHTTP/1.1 103 Early\r\nX: y\r\n\r\n"

ASKED_FOR = (
    "a user name and password (HTTP 407): add them to its URL in HTTPS_PROXY, such as"
    " http://user:password@proxy:3128"
)

# What a proxy says, and what comes of it.
REFUSALS = [
    (
        b"HTTP/1.1 407 Proxy Authentication Required\r\n" + BASIC,
        f"requires {ASKED_FOR}",
    ),
    (
        b"HTTP/1.0 407 No\r\n" + NOT_BASIC,
        "requires Negotiate or NTLM (HTTP 407), but only Basic is supported",
    ),
    (
        b"HTTP/1.1 403 Forbidden\r\n" + CHUNKS,
        "answered with HTTP status 403 Forbidden: Not for you",
    ),
    (
        b"HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\na moment",
        "answered with HTTP status 503 Busy: a moment",
    ),
    (
        b'HTTP/1.0 407 No\r\nProxy-Authenticate: Digest q="auth", a=b, n = "x", Basic\r\n\r\n',
        f"requires {ASKED_FOR}",
    ),
    (
        b"HTTP/1.1 403 No\r\n\r\n" + b'{"error": {"message": "not for you"}}',
        "answered with HTTP status 403 No: not for you",
    ),
    (
        b"HTTP/1.1 403 No\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b",
        "answered with HTTP status 403 No",
    ),
    (b"HTTP/1.0 502\r\n\r\n", "answered with HTTP status 502"),
    (b"HTTP/1.1 302 Found\r\n", "answered with HTTP status 302 Found"),
    (
        INFORMATIONAL + b"HTTP/1.1 404 " + b"x" * 300 + b"\r\n\r\n" + b"page " * 50_000,
        "answered with HTTP status 404 " + "x" * 200 + ": " + "page " * 40,
    ),
]


class TestRefusals:
    """A proxy that makes no tunnel says why."""

    @staticmethod
    def refused(proxy: Proxy, environment: pytest.MonkeyPatch, user: str = "") -> ConnectError:
        """Return the error of a request through *proxy*."""
        environment.setenv("HTTPS_PROXY", proxy.url.replace("//", f"//{user}"))
        environment.setenv("REQUESTS_CA_BUNDLE", str(bundle()))
        error = ask("https://server.test/v1", attempts=3).err()
        assert type(error) is ConnectError
        return error

    @pytest.mark.parametrize(("said", "words"), REFUSALS)
    @pytest.mark.parametrize("secure", [False, True])
    def test_its_words_are_passed_on(
        self, environment: pytest.MonkeyPatch, said: bytes, words: str, *, secure: bool
    ) -> None:
        """The error quotes the proxy and says what to do if that is known, also over TLS."""
        tls = certified() if secure else None
        with Proxy([[said, FIN]] * 3, tls) as proxy:
            error = self.refused(proxy, environment)
            where = "https://server.test/v1"
            assert error.args == (f"no connection to {where} through the proxy: the proxy {words}",)
            status = error.proxy_status
            assert status is not None
            assert str(status) in words
            assert proxy.connections == (3 if status >= 500 else 1)

    @pytest.mark.parametrize(
        ("said", "words"),
        [
            (b"", "the proxy closed the connection"),
            (b"SSH-2.0-x\r\n", "the answer is not HTTP: SSH-2.0-x"),
            (b"HTTP/1.1 101 \r\n\r\n", "it switches to a protocol that was not requested"),
        ],
    )
    def test_a_proxy_that_says_nothing_of_use_broke_off(
        self, environment: pytest.MonkeyPatch, said: bytes, words: str
    ) -> None:
        """The error has no status, and the request is retried."""
        with Proxy([[said, FIN]] * 3) as proxy:
            error = self.refused(proxy, environment)
            assert str(error).endswith(f" through the proxy: {words}")
            assert error.proxy_status is None
            assert proxy.connections == 3

    def test_credentials_are_not_among_them(self, environment: pytest.MonkeyPatch) -> None:
        """The error hides credentials that the proxy repeats, and says if they are rejected."""
        said = answer(b"user:pass-word\r\n", status="403 dXNlcjpwYXNzLXdvcmQ=")
        again = answer(b"", status="407 pass-word")
        with Proxy([[said], [again]]) as proxy:
            user = "user:pass-word@"
            first = self.refused(proxy, environment, user)
            assert str(first).endswith("answered with HTTP status 403 [key]: [key]")
            assert "pass-word" not in repr(first.__cause__)
            second = self.refused(proxy, environment, user)
            assert str(second).endswith(
                "the proxy rejected the user name and password in its URL (HTTP 407)"
            )
            assert all("Basic dXNlcjpwYXNzLXdvcmQ=" in head for head in proxy.heads)

    def test_nothing_is_kept_of_it(self, environment: pytest.MonkeyPatch) -> None:
        """The thread would keep the credentials until its next request without needing them."""
        with Proxy([[answer(b"", status="403 Forbidden")]]) as proxy:
            self.refused(proxy, environment, "user:pass-word@")
            assert vars(current) == {}

    def test_a_page_that_does_not_come_is_not_waited_for(
        self, environment: pytest.MonkeyPatch
    ) -> None:
        """The error quotes what has come of the page."""
        environment.setattr("openai_scan.transport.session.tunnels._MAX_PAGE_SECONDS", 0.01)
        said = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nNot for"
        with Proxy([[said, WAIT_FOR_HANG_UP]]) as proxy:
            error = self.refused(proxy, environment)
            assert str(error).endswith("HTTP status 403 Forbidden: Not for")
            assert proxy.hung_up.wait(PATIENCE)

    def test_a_proxy_that_forwards_answers_itself(self, environment: pytest.MonkeyPatch) -> None:
        """Its refusal is an answer like any other; for a 407 the error says what to do."""
        with Proxy(
            [[answer(b"Who are you?", status="407 Proxy Authentication Required")]]
        ) as proxy:
            environment.setenv("HTTP_PROXY", proxy.url)
            error = ask("http://server.test/v1", attempts=3).err()
            assert isinstance(error, APIError)
            assert str(error) == (
                "Who are you?: the proxy requires a user name and password: add them to its URL in"
                " HTTP_PROXY, such as http://user:password@proxy:3128"
                " (HTTP status 407)"
            )
            assert proxy.connections == 1

    @pytest.mark.parametrize(
        "established",
        [
            b"HTTP/1.1 103 Early\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
            b"HTTP/1.1 102 Wait\r\n\r\nHTTP/1.1 201 Created\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 204 No Content\r\n\r\n",
        ],
    )
    def test_any_status_of_2xx_is_a_tunnel(
        self, environment: pytest.MonkeyPatch, established: bytes
    ) -> None:
        """Over TLS to the proxy too, and after informational answers."""
        environment.setenv("REQUESTS_CA_BUNDLE", str(bundle()))
        environment.setattr("faults.proxies.ESTABLISHED", established)
        for tls in (None, certified()):
            with serving(WHOLE, tls=certified()) as server, Proxy(tls=tls) as proxy:
                environment.setenv("HTTPS_PROXY", proxy.url)
                assert ask(server.base_url).outcome == "completed"
                assert proxy.connections == 1


class TestCertificates:
    """Whom to trust."""

    @pytest.mark.unmeasured
    @pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
    def test_the_environment_names_the_authority(
        self, environment: pytest.MonkeyPatch, name: str
    ) -> None:
        """Only authorities that the environment names are trusted."""
        with serving(WHOLE, tls=certified()) as server:
            assert isinstance(ask(server.base_url).err(), TLSError)
            environment.setenv(name, str(bundle()))
            assert ask(server.base_url).outcome == "completed"

    def test_the_first_of_them_counts(
        self, environment: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """A variable for requests alone comes before one for all programs."""
        environment.setenv("REQUESTS_CA_BUNDLE", str(bundle()))
        environment.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
        with serving(WHOLE, tls=certified()) as server:
            assert ask(server.base_url).outcome == "completed"

    @pytest.mark.parametrize("proxied", [False, True], ids=["direct", "tunnel"])
    @pytest.mark.parametrize("name", CERTIFICATES)
    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (None, "which cannot be read: No such file or directory"),
            ("", "which contains no readable certificate"),
            ("-----BEGIN CERTIFICATE-----\nx\n", "which contains no readable certificate"),
        ],
        ids=["missing", "empty", "broken"],
    )
    def test_certificates_that_cannot_be_read_are_reported_once(
        self,
        environment: pytest.MonkeyPatch,
        tmp_path: Path,
        name: str,
        content: str | None,
        words: str,
        *,
        proxied: bool,
    ) -> None:
        """The error names the variable and the file, in a stream and in a call. No retry helps."""
        path = tmp_path / "ca.pem"
        if content is not None:
            path.write_text(content)
        environment.setenv(name, str(path))
        with serving(tls=certified()) as server, Proxy() as proxy:
            if proxied:
                environment.setenv("https_proxy", proxy.url)
            error = ask(server.base_url, attempts=3).err()
            expected = (
                f"no secure connection to {server.base_url}: {name} is {str(path)!r}, {words}"
            )
            assert isinstance(error, TLSError)
            assert (str(error), error.variable) == (expected, name)
            assert server.connections <= 1
            with Client("sk-1", server.base_url) as client, pytest.raises(TLSError) as caught:
                client.list_models()
            assert str(caught.value) == expected
            assert server.connections <= 2

    @pytest.mark.parametrize("route", [Route.TLS, Route.TUNNEL])
    @pytest.mark.parametrize("place", ["missing/keys", "."], ids=["missing", "a folder"])
    def test_a_file_of_keys_that_cannot_be_written_is_reported_once(
        self, tmp_path: Path, route: Route, place: str
    ) -> None:
        """OpenSSL would write the keys of each connection to it."""
        path = str(tmp_path / place)
        with world(route, WHOLE) as around:
            around.environment.setenv("SSLKEYLOGFILE", path)
            error = ask(around.server.base_url, attempts=3).err()
            assert around.entrance.connections <= 1  # it may not have been accepted yet
        assert isinstance(error, TLSError)
        assert error.variable == "SSLKEYLOGFILE"
        assert f": SSLKEYLOGFILE is {path!r}, which cannot be written: " in str(error)

    def test_a_file_of_keys_that_can_be_written_is(
        self, environment: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """Another variable is not looked at as long as there is no error."""
        path = tmp_path / "keys"
        environment.setenv("SSLKEYLOGFILE", str(path))
        environment.setenv("REQUESTS_CA_BUNDLE", str(bundle()))
        environment.setenv("SSL_CERT_DIR", str(tmp_path / "missing"))
        with serving(WHOLE, tls=certified()) as server:
            assert ask(server.base_url).outcome == "completed"
        assert path.stat().st_size

    @pytest.mark.parametrize("name", [*CERTIFICATES, "SSLKEYLOGFILE"])
    def test_without_tls_no_variable_of_tls_is_at_fault(
        self, environment: pytest.MonkeyPatch, tmp_path: Path, name: str
    ) -> None:
        """Neither an answer nor a refused connection has to do with the variable."""
        environment.setenv(name, str(tmp_path / "missing"))
        with serving(WHOLE) as server:
            assert ask(server.base_url).outcome == "completed"
        error = ask(server.base_url).err()
        assert type(error) is ConnectError
        assert str(error) == f"no connection to {server.base_url}: Connection refused"

    @pytest.mark.parametrize("name", CERTIFICATES)
    def test_a_folder_of_other_certificates_is_not_at_fault(
        self, environment: pytest.MonkeyPatch, tmp_path: Path, name: str
    ) -> None:
        """The error says that the server's certificate was refused, and names no variable."""
        environment.setenv(name, str(tmp_path))
        with serving(tls=certified()) as server:
            error = ask(server.base_url).err()
        assert isinstance(error, TLSError)
        assert (error.variable, error.certificate_refused) == (None, True)

    @pytest.mark.parametrize("given", ["a folder", "a file", "nothing"])
    def test_certificates_that_can_be_read_are_not_at_fault(
        self, environment: pytest.MonkeyPatch, tmp_path: Path, given: str
    ) -> None:
        """If the server does not speak TLS, the error says so."""
        if given != "nothing":
            environment.setenv("SSL_CERT_FILE", str(tmp_path if given == "a folder" else bundle()))
        with serving(handshakes=[[TAKE, b"no TLS\r\n\r\n", FIN]]) as server:
            error = ask(server.base_url.replace("http:", "https:")).err()
        assert isinstance(error, TLSError)
        assert (error.variable, error.certificate_refused) == (None, False)


class TestRefusalsOfLongRequests:
    """A server that refuses a request before all of it was sent answers and hangs up."""

    # More than the buffers of both sides hold.
    LONG = "x" * (8 * 1024 * 1024)

    REFUSALS = (
        ("413 Payload Too Large", FIN),
        ("401 Unauthorized", RST),
        ("429 Too Many Requests", FIN),
    )

    @staticmethod
    def refusing(status: str, end: object) -> Script:
        """Return a script that reads some of a request, refuses it and ends the connection."""
        words = json_answer({"error": {"message": "no"}}, status=status)
        return [TAKE, words, end]

    @classmethod
    def check(cls, route: Route, status: str, end: object) -> None:
        """Check that the reader gets the refusal."""
        with world(route, openings=[cls.refusing(status, end)]) as around:
            retries = RetryPolicy(attempts=1)
            with Client("sk-1", around.server.base_url, retries=retries) as client:
                messages: list[Any] = [{"role": "user", "content": cls.LONG}]
                s = client.create_chat_completion_stream(model="m", messages=messages)
                assert not s.next()
            error = s.err()
            assert isinstance(error, APIError)
            assert error.status == int(status[:3])

    @pytest.mark.parametrize("route", [Route.PLAIN, Route.PROXY])
    @pytest.mark.parametrize(("status", "end"), REFUSALS)
    def test_the_reader_gets_the_refusal(self, route: Route, status: str, end: object) -> None:
        """However the connection ended, and although sending failed."""
        self.check(route, status, end)

    # Over TLS, asyncio drops what arrived before a reset, if the reset comes soon enough.
    @pytest.mark.wires("blocking", "threads")
    @pytest.mark.parametrize("route", SECURE)
    @pytest.mark.parametrize(("status", "end"), REFUSALS)
    def test_so_does_the_reader_over_tls(self, route: Route, status: str, end: object) -> None:
        """The client reads what arrived before it reports that sending failed."""
        self.check(route, status, end)

    @pytest.mark.wires("blocking", "threads")
    @pytest.mark.parametrize("route", [Route.TLS, Route.TUNNEL])
    def test_so_does_the_caller_of_a_method(self, route: Route) -> None:
        """A method that does not stream sends all at once as well."""
        with world(route, openings=[self.refusing("413 Payload Too Large", FIN)]) as around:
            with Client("sk-1", around.server.base_url) as client:
                with pytest.raises(APIError) as caught:
                    client.create_message("thread_1", role="user", content=self.LONG)
            assert caught.value.status == 413

    @pytest.mark.unmeasured
    @pytest.mark.parametrize("route", Route)
    @pytest.mark.parametrize("end", [FIN, RST])
    def test_without_a_refusal_the_connection_broke(self, route: Route, end: object) -> None:
        """There is no answer; the request is not sent again, since it may have been read."""
        with world(route, openings=[[TAKE, end]]) as around:
            with Client("sk-1", around.server.base_url) as client:
                with pytest.raises(TransportError, match=r"^no answer from ") as caught:
                    client.create_message("thread_1", role="user", content=self.LONG)
            assert type(caught.value) is TransportError
            assert caught.value.lost is not None
            assert "Max retries" not in str(caught.value)
            assert around.server.connections == 1


class TestOnce:
    """What may have arrived is not sent again."""

    @pytest.mark.parametrize("route", Route)
    def test_a_hang_up_before_the_response_headers_is_not_a_reason_to_send_again(
        self, route: Route
    ) -> None:
        """Whatever the route, the request may have been billed."""
        with world(route, [FIN], WHOLE) as around:
            s = ask(around.server.base_url, attempts=3)
            assert type(s.err()).__name__ == "TransportError"
            assert len(around.server.requests) == 1

    @pytest.mark.parametrize("status", ["302 Found", "307 Temporary Redirect"])
    def test_a_redirect_is_not_followed(self, environment: pytest.MonkeyPatch, status: str) -> None:
        """No other host gets the request, let alone the key."""
        with serving(WHOLE) as other:
            location = f"Location: {other.base_url}/chat/completions\r\n"
            with serving([answer(b"", status=status, headers=location)]) as server:
                assert isinstance(ask(server.base_url, attempts=3).err(), RedirectError)
                assert len(server.requests) == 1
            assert other.connections == 0

    @pytest.mark.parametrize(
        "place", ["http://[bad", "http://a:99999/", "\xff\xfe", "mailto:a@example.org", "//", "%"]
    )
    def test_a_redirect_to_nowhere_is_one_too(
        self, environment: pytest.MonkeyPatch, place: str
    ) -> None:
        """Its target is not parsed: the answer is at fault, not the request."""
        head = f"HTTP/1.1 302 Found\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n"
        with serving([head.encode("latin-1")]) as server:
            error = ask(server.base_url).err()
        assert isinstance(error, RedirectError)
        assert str(error).startswith("the server redirects to ")

    def test_a_redirect_without_an_end_is_left(self, environment: pytest.MonkeyPatch) -> None:
        """The client reads no more of its body than of any other refusal."""
        head = b"HTTP/1.1 302 Found\r\nLocation: /x\r\nTransfer-Encoding: chunked\r\n\r\n"
        with serving([head, Repeat(ch(b"x" * 20_000))]) as server:
            error = ask(server.base_url).err()
        assert isinstance(error, RedirectError)
        assert len(error.body) == 64 * 1024


@pytest.mark.unmeasured
@pytest.mark.wires("blocking", "threads")
def test_many_streams_side_by_side_keep_their_connections(environment: pytest.MonkeyPatch) -> None:
    """64 threads share a client; each has its own answer, and the pool has room for all."""
    all_begun = threading.Event()
    barrier = threading.Barrier(MANY, action=all_begun.set)
    outcomes: list[str | None] = []
    held: Script = [CHUNKED + ch(HI), all_begun, ch(STOP + DONE) + END]

    def read(client: Client) -> None:
        with client.create_chat_completion_stream(model="m", messages=[]) as s:
            assert s.next()
            barrier.wait()
            while s.next():
                pass
            outcomes.append(s.outcome)

    with serving(*[held] * (2 * MANY)) as server, Client("sk-1", server.base_url) as client:
        for _ in range(2):
            all_begun.clear()
            readers = [threading.Thread(target=read, args=(client,)) for _ in range(MANY)]
            for reader in readers:
                reader.start()
            for reader in readers:
                reader.join()
        assert server.connections == MANY
    assert outcomes == ["completed"] * (2 * MANY)


def test_five_streams_take_one_connection_on_every_route() -> None:
    """A proxy's tunnel is kept as a direct connection is."""
    for route in Route:
        with world(route, *[WHOLE] * 5) as around:
            with Client("sk-1", around.server.base_url) as client:
                for _ in range(5):
                    s = client.create_chat_completion_stream(model="m", messages=[])
                    assert s.read() == b"Hi"
                    s.close()
            assert (around.entrance.connections, len(around.server.requests)) == (1, 5)
