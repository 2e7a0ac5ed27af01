"""Error pages become short messages, whatever they contain."""

from __future__ import annotations

from typing import Any

import pytest

from openai_scan import snippet
from openai_scan.events.error import Error, read_error
from openai_scan.transport import refusals


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("", ""),
        ("plain", "plain"),
        (" two \n lines ", "two lines"),
        ("<h1>502</h1><p>Bad <b>gateway</b>", "502 Bad gateway"),
        ("<script>a</script>one<STYLE x>b</Style>two", "one two"),
        ("<script>a<script>b</script>c", "c"),
        ("<script>a</script>b<script>c</script>d", "b d"),
        ("<script>a</style>b", "a b"),
        ("<script>a<script>b<style>c</style>d", "a b d"),
        ("<scripted>a</scripted>", "a"),
        ("1 < 2", "1 < 2"),
        ("a<", "a<"),
        ("<", "<"),
        ("<<>b", "b"),
        ("<" * 300, "<" * 200),
        ("w" * 300, "w" * 200),
        ("w " * 300, "w " * 100),
        ("w\n" * 300, "w " * 100),
        ("w" * 198 + " ab", "w" * 198 + " a"),
        ("ab<br>" * 300, ("ab " * 67)[:200]),
        ("<i></i>" * 1000 + "late", "late"),
        ("<style>" + "x" * 5000 + "</style>late", "late"),
    ],
    ids=lambda text: text[:20],
)
def test_page_is_read_without_its_tags(page: str, words: str) -> None:
    """The message has its first two hundred characters, on one line."""
    error = refusals.refusal(502, "Bad Gateway", {}, page)
    assert error.args[0].rstrip() == (
        words.rstrip() or "the server answered with HTTP status 502 Bad Gateway"
    )


def test_end_of_a_script_is_looked_for_until_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed search goes through the whole page, so there is one for each kind of element."""
    searches: list[int] = []

    class Ends:
        """A pattern that is never found."""

        def search(self, _: str, start: int) -> None:
            """Note the place at which the search begins."""
            searches.append(start)

    ends: dict[str, Any] = {"script": Ends(), "style": Ends()}
    monkeypatch.setattr(snippet, "_RAW_TEXT_ENDS", ends)
    refusals.refusal(502, "", {}, "<script>a" * 10 + "<style>a" * 10)
    assert searches == [0, 90]


def test_page_nested_too_deeply_is_text() -> None:
    """It is quoted, like any page that is not JSON."""
    assert refusals.refusal(500, "", {}, "[" * 100_000).args[0] == "[" * 200


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({"detail": [{"msg": "a"}] * 1000}, "; ".join("a" * 100)),
        ({"detail": [{"msg": ["a"] * 3}]}, "a; a; a"),
        ([1] * 1000, str([1] * 100)),
        ([[1] * 1000] * 2, str([[1] * 50] * 2)),
        ({"message": {str(number): 1 for number in range(1000)}}, None),
        ({"message": {"k" * 5000: ["v" * 5000]}}, "{'" + "k" * 1998),
        ({"message": ["v" * 5000]}, "v" * 2000),
        ({"message": ["v" * 5000, 1]}, "['" + "v" * 1998),
    ],
    ids=lambda value: str(value)[:20],
)
def test_message_shows_the_beginning(payload: Any, message: str | None) -> None:
    """No more of a long list or a large object becomes text than the message shows."""
    found = read_error(payload)
    if message is None:
        message = str({str(number): 1 for number in range(100)})
    assert found == Error(message=message[:2000])
