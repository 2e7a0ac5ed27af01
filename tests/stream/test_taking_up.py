"""Bookmarks: what is read from one, and what is said about anything else."""

from __future__ import annotations

from typing import Any

import pytest

from openai_scan.stream.taking_up import read_bookmark, read_session_bookmark

GOOD = {"format": 1, "answer_id": "r1", "position": 3}

_KEYS = (
    "this is not a bookmark: it must have the keys format, answer_id and position, as"
    " bookmark() returns them"
)
_NONE = "there is no bookmark: bookmark() returns None if the answer is whole or cannot be resumed"
_OF_SESSION = (
    "the position of the bookmark is the id of an event, as in an agent's session: pass the"
    " bookmark to resume_agent_session_stream()"
)
_NUMBER = "the position of the bookmark must be the number of an event, a whole number"

REFUSED: list[tuple[Any, str]] = [
    (
        None,
        "there is no bookmark: bookmark() returns None if the answer is whole or cannot be resumed",
    ),
    ([], "a bookmark must be a dict, not list"),
    ("r1", "a bookmark must be a dict, not str"),
    (
        GOOD | {"format": 2},
        "the bookmark has format 2, from a newer version: upgrade openai_scan",
    ),
    ({}, _KEYS),
    (GOOD | {"more": 1}, _KEYS),
    (GOOD | {"format": 0}, _KEYS),
    (GOOD | {"format": 1.0}, _KEYS),
    (GOOD | {"answer_id": ""}, "the answer_id of the bookmark must be a non-empty string"),
    (GOOD | {"answer_id": 5}, "the answer_id of the bookmark must be a non-empty string"),
]


@pytest.mark.parametrize(
    ("bookmark", "message"),
    [
        *REFUSED,
        (GOOD | {"position": "e1"}, _OF_SESSION),
        (GOOD | {"position": None}, _NUMBER),
        (GOOD | {"position": True}, _NUMBER),
        (GOOD | {"position": 3.0}, _NUMBER),
        (GOOD | {"position": 10**20}, _NUMBER),
        (GOOD | {"position": -(10**20)}, _NUMBER),
    ],
    ids=repr,
)
def test_a_bookmark_of_a_response_is_checked(bookmark: Any, message: str) -> None:
    """The message says what a bookmark has, or what to do with this one."""
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - all of the message is compared
        read_bookmark(bookmark)
    assert str(refused.value) == message


_ID = "the position of the bookmark must be the id of an event"


@pytest.mark.parametrize(
    ("bookmark", "message"), [*REFUSED, (GOOD, _ID), (GOOD | {"position": ""}, _ID)], ids=repr
)
def test_a_bookmark_of_a_session_is_checked(bookmark: Any, message: str) -> None:
    """Its position is the id of an event."""
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - all of the message is compared
        read_session_bookmark(bookmark)
    assert str(refused.value) == message


def test_a_bookmark_is_read() -> None:
    """Numbers may be of any size that a server counts to, and begin anywhere."""
    for position in (0, 3, -1, 2**53):
        assert read_bookmark(GOOD | {"position": position}) == ("r1", position)
    assert read_session_bookmark(GOOD | {"position": "e1"}) == ("r1", "e1")
