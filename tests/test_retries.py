"""Which attempt follows an error, and after what pause, without sending anything."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from openai_scan import (
    APIError,
    ConnectError,
    EventTooLargeError,
    InternalServerError,
    RateLimitError,
    RetryPolicy,
    ScanError,
    StreamCancelledError,
    TLSError,
    TransportError,
    TruncatedStreamError,
)
from openai_scan.transport.retries import Attempt, retry_after

AT_ONCE = RetryPolicy(wait_initial=0)
BUSY = InternalServerError("busy", status=503)
BROKEN = TransportError("reset")


def lasting(**facts: Any) -> TLSError:
    """Return an error that the next attempt would end with as well, with these attributes."""
    error = TLSError("no secure connection")
    for name, value in facts.items():
        setattr(error, name, value)
    return error


def test_a_first_attempt_has_no_past() -> None:
    """Each call has a key of its own."""
    attempt = Attempt()
    assert (attempt.number, attempt.pause) == (1, 0)
    assert (attempt.deadline, attempt.position) == (None, None)
    assert attempt.key != Attempt().key


@pytest.mark.parametrize(
    ("error", "safe", "with_resend"),
    [
        (BUSY, True, True),
        (APIError("no", status=400), False, False),
        (ConnectError("refused"), True, True),
        (TLSError("handshake"), True, True),
        (lasting(certificate_refused=True), False, False),
        (lasting(variable="SSL_CERT_FILE"), False, False),
        (BROKEN, False, True),
        (TruncatedStreamError("cut"), False, True),
        (EventTooLargeError("large"), False, False),
        (StreamCancelledError("cancelled"), False, False),
    ],
    ids=str,
)
def test_a_request_is_repeated_if_that_is_safe(
    error: ScanError, safe: bool, with_resend: bool
) -> None:
    """With `resend`, it is also repeated if the server may have done the work."""
    for resend, expected in ((False, safe), (True, with_resend)):
        policy = RetryPolicy(wait_initial=0, resend=resend)
        assert (Attempt().again(error, policy) is not None) == expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (BUSY, True),
        (APIError("no", status=400), False),
        (APIError("busy", code="rate_limit_exceeded"), False),
        (BROKEN, True),
        (ConnectError("refused"), True),
        (lasting(certificate_refused=True), False),
        (lasting(variable="SSL_CERT_FILE"), False),
        (TruncatedStreamError("cut"), True),
        (EventTooLargeError("large"), False),
        (StreamCancelledError("cancelled"), False),
    ],
    ids=str,
)
def test_an_answer_is_resumed_if_it_broke_off(error: ScanError, expected: bool) -> None:
    """It is also resumed if a resumption failed for now, but not after an error in the stream."""
    assert (Attempt().onward(error, AT_ONCE, position=3) is not None) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [(302, False), (403, False), (407, False), (408, True), (429, True), (500, True)],
)
def test_a_proxy_that_refuses_for_good_is_not_asked_again(status: int, expected: bool) -> None:
    """Only failures that may be temporary are retried or resumed."""
    error = ConnectError("refused")
    error.proxy_status = status
    assert (Attempt().again(error, AT_ONCE) is not None) is expected
    assert (Attempt().onward(error, AT_ONCE, position=3) is not None) is expected


def test_the_next_attempt_belongs_to_the_same_call() -> None:
    """It has the same key, and what is left of the same time."""
    first = Attempt(number=2, deadline=1e12, position=7, key="call")
    assert first.again(BUSY, AT_ONCE) == Attempt(number=3, deadline=1e12, position=7, key="call")
    assert first.onward(BROKEN, AT_ONCE, position=8) == Attempt(
        number=2, deadline=1e12, position=8, key="call"
    )


def test_there_are_no_more_attempts_than_the_policy_allows() -> None:
    """The first one counts."""
    policy = RetryPolicy(attempts=3, wait_initial=0)
    assert Attempt(number=2).again(BUSY, policy) is not None
    assert Attempt(number=3).again(BUSY, policy) is None
    assert Attempt(number=4).again(BUSY, policy) is None


@pytest.mark.parametrize(
    ("before", "position", "number"),
    [(None, 0, 2), (None, 5, 2), (0, 0, None), (0, 1, 2), (5, 5, None), (5, 4, None), (5, 6, 2)],
)
def test_an_attempt_that_gets_on_is_a_success(
    before: int | None, position: int, number: int | None
) -> None:
    """An answer may break off any number of times, as long as something new arrives."""
    attempt = Attempt(number=3, position=before).onward(BROKEN, AT_ONCE, position=position)
    assert (None if attempt is None else attempt.number) == number
    assert attempt is None or attempt.position == position


@pytest.mark.parametrize("seconds", [0, 2.5, 120])
def test_the_server_says_how_long_the_pause_is(seconds: float) -> None:
    """The server's pause counts, not the policy's, up to the longest that the policy allows."""
    error = RateLimitError("later", status=429, retry_after=seconds)
    policy = RetryPolicy(wait_initial=3600, wait_max=3600)
    for attempt in (Attempt().again(error, policy), Attempt().onward(error, policy, position=3)):
        assert attempt is not None
        assert attempt.pause == seconds


def test_too_long_a_pause_is_not_made() -> None:
    """The caller gets the error, and can see in it how long the server wants to be left alone."""
    error = RateLimitError("later", status=429, retry_after=120.5)
    assert Attempt().again(error, AT_ONCE) is None
    assert Attempt().again(error, RetryPolicy(max_retry_after=121)) is not None


@pytest.mark.parametrize(("deadline", "allowed"), [(1059, False), (1060, False), (1061, True)])
def test_a_pause_that_outlasts_the_total_is_not_made(
    monkeypatch: pytest.MonkeyPatch, deadline: float, allowed: bool
) -> None:
    """Nothing could be sent after it."""
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0)
    error = RateLimitError("later", status=429, retry_after=60)
    assert (Attempt(deadline=deadline).again(error, AT_ONCE) is not None) == allowed


def test_without_a_wish_of_the_server_the_pause_is_random() -> None:
    """Its bound doubles with each attempt."""
    policy = RetryPolicy(attempts=9, wait_initial=1, wait_max=16)
    for number, bound in ((1, 1), (2, 2), (5, 16), (6, 16)):
        attempts = [Attempt(number=number).again(BUSY, policy) for _ in range(100)]
        pauses = [attempt.pause for attempt in attempts if attempt is not None]
        assert 0 <= min(pauses) < bound / 2 < max(pauses) <= bound


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after-ms": "0", "retry-after": "9"}, 0),
        ({"retry-after-ms": "-1", "retry-after": "9"}, 9),
        ({"retry-after-ms": "inf", "retry-after": "0"}, 0),
        ({"retry-after-ms": "2"}, 0.002),
    ],
)
def test_milliseconds_come_first(headers: dict[str, str], seconds: float) -> None:
    """The header in milliseconds counts, unless its value is invalid."""
    assert retry_after(headers) == seconds


@pytest.fixture(params=["America/New_York", "Asia/Kolkata", "UTC"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Set another time zone."""
    with monkeypatch.context() as there:
        there.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="Windows has no other way to set the zone")
@pytest.mark.parametrize(
    "date",
    [
        "Sun, 06 Nov 2022 08:49:37 GMT",
        "Sunday, 06-Nov-22 08:49:37 GMT",
        "Sun Nov  6 08:49:37 2022",
        "Sun Nov 06 08:49:37 2022",
        "Sun, 06 Nov 2022 08:49:37",
        "Sun, 06 Nov 2022 08:49:37 -0000",
        "Sun, 06 Nov 2022 08:49:37 +0000",
        "Sun, 06 Nov 2022 08:49:37 UTC",
        "06 Nov 2022 08:49:37 GMT",
        "Sun, 06 Nov 2022 03:49:37 -0500",
    ],
)
@pytest.mark.usefixtures("zone")
def test_a_date_is_in_gmt(monkeypatch: pytest.MonkeyPatch, date: str) -> None:
    """A date is read as GMT, in any form and any local time zone, unless it has another offset."""
    monkeypatch.setattr(time, "time", lambda: 1667724577.0 - 60)
    assert retry_after({"retry-after": date}) == 60


@pytest.mark.parametrize(
    "date", ["", "Sun Nov", "Sun, 32 Nov 2022 08:49:37", "Sun Nov  6 25:00:00 2022"]
)
def test_what_is_not_a_date_is_not_a_wish(date: str) -> None:
    """Half a date, or a day and an hour that do not exist."""
    assert retry_after({"retry-after": date}) is None
