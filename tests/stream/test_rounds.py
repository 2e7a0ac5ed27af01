"""What a chain knows of its earlier rounds: the conversation, and the tokens of all."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from openai_scan.stream.rounds import Rounds
from openai_scan.values import Counts

SAID = {"role": "assistant", "content": "said"}


def asked(**body: Any) -> Any:
    """Return a source whose request had this body."""
    return SimpleNamespace(request=SimpleNamespace(body=body))


def answered(counts: Counts | None = None, *, id: str | None = None, run: str | None = None) -> Any:
    """Return an answer so far, of a response with this *id*, or of this *run*."""
    value = SimpleNamespace(counts=counts)
    if id is not None:
        value.response = SimpleNamespace(id=id)
    if run is not None:
        value.run = SimpleNamespace(id=run)
    return SimpleNamespace(is_over=False, value=lambda: value, as_sent=lambda _choice: [SAID])


@pytest.mark.parametrize(
    ("given", "listed"),
    [
        ("Hi", [{"role": "user", "content": "Hi"}]),
        ("", []),
        ([{"role": "user"}], [{"role": "user"}]),
        (({"role": "user"},), [{"role": "user"}]),
        (None, []),
        (5, []),
        ({"role": "user"}, []),
    ],
)
def test_a_prompt_is_a_list_of_messages(given: Any, listed: list[Any]) -> None:
    """A text is what the user says; what is no prompt is nothing."""
    assert Rounds(asked(messages=given)).messages() == listed
    assert Rounds(asked(input=given)).input() == listed
    assert Rounds(asked()).messages() == Rounds(asked()).input() == []


@pytest.mark.parametrize(
    "source",
    [object(), SimpleNamespace(request=None), SimpleNamespace(request=SimpleNamespace(body=b""))],
    ids=["no request", "None", "bytes"],
)
def test_a_source_may_have_no_request(source: Any) -> None:
    """Then it has no prompt."""
    rounds = Rounds(source)
    assert rounds.messages() == rounds.input() == []
    rounds.go_on(answered(id="r1"), source)
    assert rounds.messages() == rounds.input() == []


@pytest.mark.parametrize(
    ("settings", "id", "goes_on"),
    [
        ({"previous_response_id": "r1"}, "r1", True),
        ({"previous_response_id": "r0"}, "r1", False),
        ({"previous_response_id": "r0", "conversation": "c"}, "r1", False),
        ({"conversation": "c"}, "r1", True),
        ({}, "r1", False),
        ({"previous_response_id": "r1"}, None, False),
        ({"conversation": "c"}, None, False),
    ],
)
def test_a_request_that_relies_on_the_server_repeats_nothing(
    settings: dict[str, Any], id: str | None, *, goes_on: bool
) -> None:
    """Its items come after those before it. Any other request has the whole conversation."""
    rounds = Rounds(asked(input="one"))
    rounds.go_on(answered(id=id), asked(input="two", **settings))
    one, two = ({"role": "user", "content": each} for each in ("one", "two"))
    assert rounds.input() == ([one, SAID, two] if goes_on else [two])
    rounds.go_on(answered(id="r2"), asked(input="three", previous_response_id="r2"))
    three = {"role": "user", "content": "three"}
    assert rounds.input() == [*([one, SAID] if goes_on else []), two, SAID, three]
    rounds.go_on(answered(id="r3"), asked(input="four"))
    assert rounds.input() == [{"role": "user", "content": "four"}]


def test_tokens_are_added_up() -> None:
    """Each kind by itself. What no round has reported is unknown, not zero."""
    rounds = Rounds(asked())
    assert rounds.total_counts(answered()) is None
    first, second = Counts(input=1, output=2, cached=4), Counts(input=10, output=20, total=30)
    assert rounds.total_counts(answered(first)) == first
    rounds.go_on(answered(first), asked())
    assert rounds.total_counts(answered()) == first
    assert rounds.total_counts(answered(second)) == Counts(input=11, output=22, total=30, cached=4)
    rounds.go_on(answered(second), asked())
    rounds.go_on(answered(), asked())
    assert rounds.total_counts(answered(first)) == Counts(input=12, output=24, total=30, cached=8)


def test_a_run_counts_its_tokens_itself() -> None:
    """Its usage is that of all streams in which it went on; another run's comes on top."""
    rounds = Rounds(asked())
    rounds.go_on(answered(Counts(input=1), run="a"), asked())
    assert rounds.total_counts(answered(Counts(input=5), run="a")) == Counts(input=5)
    rounds.go_on(answered(Counts(input=5), run="a"), asked())
    assert rounds.total_counts(answered(Counts(input=10), run="b")) == Counts(input=15)


def test_an_answer_that_is_over_has_been_counted() -> None:
    """The next one has not come yet; neither has an answer before its first event."""
    rounds = Rounds(asked())
    counts = Counts(input=1)
    rounds.go_on(answered(counts), asked())
    over = answered(Counts(input=5))
    over.is_over = True
    assert rounds.total_counts(over) == counts
    none_yet = answered()
    none_yet.value = lambda: None
    assert rounds.total_counts(none_yet) == counts
