"""What the aiohttp wire does otherwise than the blocking one, and why.

A test that is named here has to fail over aiohttp. So a difference that is gone shows.
"""

from __future__ import annotations

from attrs import frozen


@frozen
class Difference:
    """A test that shows it.

    Attributes:
        test: The name of the test.
        cases: What the ids of its cases contain that show it; by default all of them show it.
        reason: Why the wire does otherwise.
    """

    test: str
    reason: str
    cases: tuple[str, ...] = ("",)


_TUNNEL = "aiohttp asks a proxy for a tunnel by itself: "

DIFFERENCES = (
    Difference(
        "test_a_proxy_that_cannot_be_reached_is_reported_without_its_password",
        "aiohttp knows no SOCKS, so nothing is reached",
        ("socks5h",),
    ),
    Difference(
        "test_its_words_are_passed_on",
        f"{_TUNNEL}it reads no page that explains a refusal, nor a head that is cut",
        ("Not for you", "a moment", "not for you", "302 Found", "said9"),
    ),
    Difference(
        "test_a_proxy_that_says_nothing_of_use_broke_off",
        f"{_TUNNEL}it quotes no line that is not HTTP, and takes 101 for a status",
        ("SSH", "101"),
    ),
    Difference(
        "test_credentials_are_not_among_them",
        f"{_TUNNEL}it reads no page, so there are no credentials to hide in it",
    ),
    Difference(
        "test_a_page_that_does_not_come_is_not_waited_for",
        f"{_TUNNEL}it reads no page that explains a refusal",
    ),
    Difference(
        "test_any_status_of_2xx_is_a_tunnel",
        f"{_TUNNEL}it takes no status but 200 for one",
        ("201", "204"),
    ),
    Difference(
        "test_a_proxy_answers_as_a_server_does",
        f"{_TUNNEL}bytes that follow the answer are lost, and the handshake fails for them",
        ("more than the answer",),
    ),
    Difference(
        "test_headers_that_do_not_say_where_the_answer_ends_are_refused",
        "urllib3 refuses it; here the answer, which has no body, is read and ends the connection",
        ("two odd lengths of nothing",),
    ),
)


def difference(test: str, case: str) -> Difference | None:
    """Return why a *case* of a *test* has to fail over aiohttp, or None."""
    found = (
        one for one in DIFFERENCES if one.test == test and any(part in case for part in one.cases)
    )
    return next(found, None)
