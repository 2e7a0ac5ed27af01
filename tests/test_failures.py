"""How the exceptions of requests, urllib3 and the system become ours; without a network."""

from __future__ import annotations

import errno
import http.client
import os
import ssl
from typing import Any

import pytest
import requests
import urllib3
from urllib3.exceptions import (
    DecodeError,
    LocationParseError,
    MaxRetryError,
    ProtocolError,
    ReadTimeoutError,
)

from openai_scan import (
    ConnectError,
    ConnectTimeoutError,
    StreamTimeoutError,
    Timeout,
    TLSError,
    TransportError,
)
from openai_scan.transport.causes import causes
from openai_scan.transport.clock import Clock
from openai_scan.transport.session import failures

POOL: Any = urllib3.HTTPConnectionPool("api.test")
RESET = ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
CERTIFICATE = ssl.SSLCertVerificationError(1, "[SSL] certificate verify failed")
TRUST = "; if you trust the server, set REQUESTS_CA_BUNDLE to the file of its authority"
NO_SOCKS = "a SOCKS proxy needs the package PySocks: pip install 'requests[socks]'"
UNKNOWN_AUTHORITY = ssl.SSLCertVerificationError(1, "self-signed certificate")
UNKNOWN_AUTHORITY.verify_code = 18
EXPIRED = ssl.SSLCertVerificationError(1, "certificate has expired")
EXPIRED.verify_code = 10
MALFORMED = "no request to U: its URL, or that of the proxy in the environment, is malformed"


def clock(*, connecting: bool) -> Clock:
    """Return the clock of an exchange with limits, before or after there is a connection."""
    clock = Clock(Timeout(connect=1, first_byte=2))
    clock.start()
    if not connecting:
        clock.connected()
    clock.left()
    return clock


@pytest.mark.parametrize(
    ("error", "connecting", "cls", "message"),
    [
        (
            requests.exceptions.InvalidHeader("s3cret"),
            True,
            TransportError,
            "no request to U: the value of a header is malformed",
        ),
        (requests.exceptions.InvalidURL("s3cret"), True, TransportError, MALFORMED),
        (ValueError("s3cret"), True, TransportError, MALFORMED),
        (requests.ConnectionError(RESET), False, TransportError,
            "no answer from U: Connection reset by peer"),
        (requests.exceptions.SSLError("bad"), False, TransportError, "no answer from U: bad"),
        (requests.exceptions.ProxyError("bad"), False, TransportError, "no answer from U: bad"),
        (requests.ConnectionError("bad"), True, ConnectError, "no connection to U: bad"),
        (requests.exceptions.SSLError(CERTIFICATE), True, TLSError,
            "no secure connection to U: [SSL] certificate verify failed"),
        (requests.exceptions.SSLError(UNKNOWN_AUTHORITY), True, TLSError,
            f"no secure connection to U: self-signed certificate{TRUST}"),
        (requests.exceptions.SSLError(EXPIRED), True, TLSError,
            "no secure connection to U: certificate has expired"),
        (requests.exceptions.InvalidSchema("Missing dependencies for SOCKS support."), True,
            TransportError,
            f"no request to U: {NO_SOCKS}"),
        (requests.exceptions.InvalidSchema("bad"), True, TransportError, "no answer from U: bad"),
        (requests.exceptions.ProxyError("bad"), True, ConnectError,
            "no connection to U through the proxy: bad"),
        (requests.RequestException("bad"), True, TransportError, "no answer from U: bad"),
        (OSError("no such file"), True, TLSError, "no secure connection to U: no such file"),
        (urllib3.exceptions.HTTPError("bad"), True, TransportError, "no answer from U: bad"),
    ],
)  # fmt: skip
def test_a_request_without_an_answer(
    error: Exception, connecting: bool, cls: type[TransportError], message: str
) -> None:
    """Once there is a connection, the request may have arrived: it is not a ConnectError then."""
    ours = failures.no_answer(error, "U", clock(connecting=connecting))
    assert type(ours) is cls
    assert str(ours) == message


@pytest.mark.parametrize(
    "error", [ReadTimeoutError(POOL, "/x", "late"), TimeoutError("late")], ids=["urllib3", "system"]
)
def test_a_wait_that_was_too_long_is_a_timeout(error: Exception) -> None:
    """A timeout is found among the causes, and the clock knows which limit it was."""
    wrapped = requests.ConnectionError(MaxRetryError(POOL, "/x", error))
    for one in (error, wrapped):
        before = failures.no_answer(one, "U", clock(connecting=True))
        assert type(before) is ConnectTimeoutError
        assert str(before) == "no connection to U within connect=1 s"
        after = failures.no_answer(one, "U", clock(connecting=False))
        assert type(after) is StreamTimeoutError
        assert str(after) == "no answer from U within first_byte=2 s"
    broken = failures.broken_answer(error, "U", clock(connecting=False))
    assert str(broken) == "no answer from U within first_byte=2 s"


@pytest.mark.parametrize(
    ("error", "lost", "words"),
    [
        (RESET, "reset", "Connection reset by peer"),
        (ConnectionAbortedError("aborted"), "reset", "aborted"),
        (BrokenPipeError("pipe"), "reset", "pipe"),
        (ProtocolError("broken", RESET), "reset", "Connection reset by peer"),
        (http.client.IncompleteRead(b""), "cut", "it was closed before its end"),
        (http.client.RemoteDisconnected("closed"), "cut", "closed"),
        (ProtocolError("aborted", http.client.RemoteDisconnected("closed")), "cut", "closed"),
        (ssl.SSLEOFError(8, "EOF"), "cut", "EOF"),
        (ProtocolError("", http.client.IncompleteRead(b"")), "cut", "it was closed before its end"),
        (http.client.HTTPException("a chunk has no size"), None, "a chunk has no size"),
        (ProtocolError("aborted", http.client.BadStatusLine(" a" + 99 * "b")), None,
            "the answer is not HTTP: a" + 59 * "b"),
        (ProtocolError("aborted", http.client.UnknownProtocol("HTTP/3")), None,
            "the answer uses HTTP/3 instead of HTTP/1.1"),
        (ProtocolError("aborted", http.client.LineTooLong("header line")), None,
            "the answer has a header line of more than 64 KiB"),
        (DecodeError("inner", ValueError("z")), None, "the body cannot be decompressed"),
        (OSError("odd"), None, "odd"),
    ],
)  # fmt: skip
def test_an_answer_that_broke_off(error: Exception, lost: str | None, words: str) -> None:
    """The error says how, in the plainest words of its causes."""
    ours = failures.broken_answer(error, "U", clock(connecting=False))
    assert type(ours) is TransportError
    assert ours.lost == lost
    assert ours.args == (f"the connection broke during the answer: {words}",)
    assert failures.reason(error) == words


def test_a_certificate_that_was_refused_is_distinguished_from_other_failures() -> None:
    """It would be refused again, so that the request is not retried."""
    for cause, refused in ((CERTIFICATE, True), (RESET, False)):
        ours = failures.no_answer(requests.exceptions.SSLError(cause), "U", clock(connecting=True))
        assert isinstance(ours, ConnectError)
        assert ours.certificate_refused is refused
        assert ours.lost == (None if refused else "reset")


@pytest.mark.parametrize(
    ("error", "stale"),
    [
        (http.client.RemoteDisconnected("closed"), True),
        (RESET, True),
        (BrokenPipeError("pipe"), True),
        (requests.ConnectionError(ProtocolError("aborted", RESET)), True),
        (ConnectionAbortedError("aborted"), True),  # what Windows says of a reset
        (ConnectionRefusedError("refused"), False),
        (http.client.IncompleteRead(b""), False),
        (TimeoutError("late"), False),
    ],
)
def test_a_connection_that_the_server_had_closed(error: Exception, stale: bool) -> None:
    """It is known by the system's errors, wherever in the causes they are."""
    assert failures.is_stale(error) is stale


def test_causes_are_found_where_each_library_keeps_them() -> None:
    """A cause may be a `reason`, an argument (the last one counts first), or chained by Python."""
    first, second, third = OSError("1"), OSError("2"), OSError("3")
    assert list(causes(first)) == [first]
    assert list(causes(Exception(first, second)))[1:] == [second]
    reasoned = urllib3.exceptions.MaxRetryError(POOL, "/x", first)
    reasoned.args = (second,)
    assert list(causes(reasoned)) == [reasoned, first]
    first.__context__ = second
    assert list(causes(first)) == [first, second]
    first.__cause__ = third
    assert list(causes(first)) == [first, third]


def test_a_ring_of_causes_has_an_end() -> None:
    """A ring of causes is followed for 20 steps; the deepest chain ever seen has six."""
    one, other = OSError("1"), OSError("2")
    one.__cause__, other.__cause__ = other, one
    assert list(causes(one)) == [one, other] * 10


class TestStripping:
    """Whatever holds or quotes a request is removed from an error."""

    def test_the_request_and_the_answer_go(self) -> None:
        """The error loses its request and its response, which hold the headers and the body."""
        error = requests.RequestException("words", request=requests.Request())
        error.response = requests.Response()
        failures.strip(error)
        assert vars(error) == {"request": None, "response": None}
        assert error.args == ("words",)

    @pytest.mark.parametrize(
        "error",
        [
            requests.exceptions.InvalidHeader("s3cret", request=requests.Request()),
            requests.exceptions.InvalidURL("s3cret"),
            LocationParseError("s3cret"),
            ValueError("s3cret"),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_what_quotes_has_no_words(self, error: Exception) -> None:
        """An error that may quote the URL or a header loses its message, also in attributes."""
        failures.strip(error)
        assert error.args == ()
        assert "s3cret" not in repr(vars(error))

    def test_other_value_errors_keep_theirs(self) -> None:
        """Other ValueErrors, such as those about certificates, keep their message."""
        error = UnicodeError("words")
        failures.strip(error)
        assert error.args == ("words",)

    def test_a_url_has_no_query(self) -> None:
        """The path of a URL stays in the message and in the attributes; the query is removed."""
        error = ReadTimeoutError(POOL, "/x?a=s3cret?b", "late: /x?a=s3cret?b")
        failures.strip(error)
        assert error.url == "/x"
        assert "late: /x" in error.args[0]
        assert "s3cret" not in str(error)
        nowhere = MaxRetryError(POOL, "", None)
        words = nowhere.args
        failures.strip(nowhere)
        assert (nowhere.args, nowhere.url) == (words, "")
