"""Responses of several agents: the root's text is the answer; all texts are there by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from attrs import evolve
from folding import answer, read, wire

from openai_scan import ResponseAnswer, StreamerV2
from openai_scan.events.responses import (
    Agent,
    AgentMessage,
    EncryptedContent,
    MultiAgentCall,
    MultiAgentCallOutput,
    OutputMessage,
    OutputTextContent,
    Response,
)

# The names of a root and of two subagents: paths, and names of which the first one is the root's.
NAMES = [("/root", "/root/critic", "/root/critic/helper"), ("lead", "critic", "helper")]


def event(name: str, /, agent: str | None = None, **payload: Any) -> Any:
    """Return the event `response.<name>` from *agent*."""
    known = None if agent is None else {"agent_name": agent}
    return {"type": f"response.{name}", "agent": known, **payload}


def item(kind: str, id: str, agent: str | None = None, **fields: Any) -> Any:
    """Return an output item of *agent*."""
    known = None if agent is None else {"agent_name": agent}
    return {"type": kind, "id": id, "agent": known, **fields}


def message(id: str, agent: str | None, text: str, **fields: Any) -> Any:
    """Return a whole message of *agent*."""
    content = [{"type": "output_text", "text": text}] if text else []
    status = "completed" if text else "in_progress"
    return item("message", id, agent, role="assistant", status=status, content=content, **fields)


def told(index: int, id: str, agent: str, *texts: str, **fields: Any) -> Iterator[Any]:
    """Yield the events of a message of *agent*."""
    place = {"output_index": index, "item_id": id, "content_index": 0}
    begun = message(id, agent, "", **fields)
    yield event("output_item.added", agent, output_index=index, item=begun)
    for number, text in enumerate(texts):
        yield event("output_text.delta", agent, delta=text, sequence_number=number, **place)
    whole = message(id, agent, "".join(texts), **fields)
    yield event("output_item.done", agent, output_index=index, item=whole)


def both(*streams: Iterator[Any]) -> Iterator[Any]:
    """Yield the events of several agents, one of each in turn."""
    for events in zip(*(list(stream) for stream in streams), strict=True):
        yield from events


def conversation(root: str, critic: str, helper: str) -> list[Any]:
    """Return a stream of three agents that all speak at once."""
    spawn = item("multi_agent_call", "m", root, action="spawn_agent", arguments="{}", call_id="c1")
    output = [{"type": "output_text", "text": "started"}]
    started = item(
        "multi_agent_call_output", "o", root, action="spawn_agent", call_id="c1", output=output
    )
    sent = item(
        "agent_message", "a", critic, author=critic, recipient=root,
        content=[{"type": "encrypted_content", "encrypted_content": "x"}],
    )  # fmt: skip
    call = item(
        "function_call", "f", helper, call_id="c2", name="look", arguments="{}",
        status="completed",
    )  # fmt: skip
    return [
        event("created", root, response={"id": "r", "status": "in_progress", "output": []}),
        event("output_item.done", root, output_index=0, item=spawn),
        event("output_item.done", root, output_index=1, item=started),
        *both(
            told(2, "m1", critic, "No", ", ", "no", ", ", "no", "!", " Never", "."),
            told(3, "m2", root, "Yes", ", ", "it", " is", " so", ",", " I", " say"),
            told(4, "m3", helper, "a", "b", "c", "d", "e", "f", "g", "h"),
        ),
        event("output_item.done", critic, output_index=5, item=sent),
        event("output_item.done", helper, output_index=6, item=call),
    ]


ROOT = "Yes, it is so, I say"
CRITIC = "No, no, no! Never."


@pytest.mark.parametrize("names", NAMES)
def test_text_is_that_of_the_root(names: tuple[str, str, str]) -> None:
    """This holds for every way to read it; `texts` has the text of each agent by name."""
    events = conversation(*names)
    streamer = read(*events)
    snapshot = streamer.snapshot()
    assert isinstance(snapshot, ResponseAnswer)
    assert (snapshot.text, snapshot.final_text, snapshot.root) == (ROOT, ROOT, names[0])
    assert snapshot.texts == dict(zip(names, (ROOT, CRITIC, "abcdefgh"), strict=True))
    again = StreamerV2(wire(*events), require_terminal=False)
    assert "".join(again.text_deltas()) == ROOT
    assert StreamerV2(wire(*events), require_terminal=False).read().decode() == ROOT
    spoken = StreamerV2(wire(*events), require_terminal=False)
    pieces = [piece for _ in spoken for piece in spoken.pieces()]
    assert "".join(piece.text for piece in pieces if piece.kind == "text") == ROOT
    assert streamer.notes == {}


@pytest.mark.parametrize("names", NAMES)
def test_every_agent_s_items_and_calls_are_there(names: tuple[str, str, str]) -> None:
    """A subagent's call needs an output too; its item is sent back as it came."""
    root, critic, helper = names
    streamer = read(*conversation(*names), event("completed", root, response={"output": []}))
    snapshot: Any = streamer.snapshot()
    assert [(call.id, call.name, call.complete) for call in snapshot.calls] == [
        ("c2", "look", True)
    ]
    spawn, started, *said, sent, call = snapshot.response.output
    assert spawn == MultiAgentCall(
        id="m", action="spawn_agent", arguments="{}", call_id="c1", agent=Agent(agent_name=root)
    )
    assert isinstance(started, MultiAgentCallOutput)
    assert started.output == (OutputTextContent(text="started"),)
    assert [one.agent.agent_name for one in said] == [critic, root, helper]
    assert isinstance(sent, AgentMessage)
    assert (sent.author, sent.recipient) == (critic, root)
    assert sent.content == (EncryptedContent(encrypted_content="x"),)
    assert call.agent == Agent(agent_name=helper)
    sent_back = streamer.input_items()
    assert [one["type"] for one in sent_back] == [one.type for one in snapshot.response.output]
    assert sent_back[-1]["agent"] == {"agent_name": helper}


@pytest.mark.parametrize("names", NAMES)
def test_whole_response_says_the_same(names: tuple[str, str, str]) -> None:
    """The last event alone, with the items of all agents, gives the same texts."""
    root, critic, _ = names
    output = [
        item("multi_agent_call", "m", root, action="a", arguments="", call_id="c"),
        message("m1", critic, "No"),
        message("m2", root, "Yes"),
    ]
    streamer = read(
        event("completed", response={"id": "r", "status": "completed", "output": output})
    )
    snapshot: Any = streamer.snapshot()
    assert (snapshot.text, snapshot.texts) == ("Yes", {critic: "No", root: "Yes"})
    assert [piece.text for piece in streamer.pieces()] in ([], ["Yes"])
    # Without the fold, only the items show who the root is.
    assert evolve(snapshot, root="").text == "Yes"


def test_items_without_an_agent_belong_to_the_root() -> None:
    """So nothing changes for a response of one agent."""
    found = answer(
        event("output_text.delta", output_index=0, delta="Hi"),
        event("output_text.delta", "/root/critic", output_index=1, item_id="b", delta="No"),
    )
    assert (found.text, found.root, found.texts) == (
        *("Hi", ""),
        {"/root": "Hi", "/root/critic": "No"},
    )


def test_root_without_a_name_has_one_in_texts() -> None:
    """It is taken from the paths of its subagents, or from a named item, or is `root`."""
    nameless = event("output_text.delta", output_index=0, item_id="a", delta="Hi")
    named = event("output_text.delta", "lead", output_index=1, item_id="b", delta=" there")
    path = event("output_text.delta", "/top/x/y", output_index=2, item_id="c", delta="No")
    assert answer(nameless).texts == {"root": "Hi"}
    assert answer(nameless, path).texts == {"/top": "Hi", "/top/x/y": "No"}
    both_ways = answer(nameless, named)
    assert (both_ways.root, both_ways.texts) == ("lead", {"lead": "Hi there"})
    # Without the fold, only the items show who the root is.
    assert evolve(both_ways, root="").texts == both_ways.texts
    assert answer(event("created", response={"id": "r", "output": []})).texts == {}


def test_an_agent_of_another_shape_is_ignored() -> None:
    """A server may have something else under the key `agent`; it does no harm."""
    delta = {"type": "response.output_text.delta", "output_index": 0, "delta": "Hi"}
    streamer = read({**delta, "agent": {"id": "a"}}, {**delta, "agent": {"id": "b"}})
    snapshot: Any = streamer.snapshot()
    assert (snapshot.text, snapshot.root, snapshot.texts) == ("HiHi", "", {"root": "HiHi"})
    assert streamer.notes == {}


def test_only_the_event_may_name_the_agent() -> None:
    """Then its item belongs to that agent too, even without an index."""
    added = event("output_item.added", "/root/critic", output_index=0, item=message("a", None, ""))
    delta = event("output_text.delta", "/root/critic", item_id="a", output_index=0, delta="No")
    found = answer(added, delta, event("output_text.delta", "/root/x", item_id="b", delta="x"))
    assert (found.text, found.texts) == ("", {"/root/critic": "No", "/root/x": "x"})


def test_two_agents_may_count_their_items_each_by_itself() -> None:
    """An event of one agent never adds to an item of another, even at the same index."""
    events = [
        event("output_text.delta", agent, delta=text, output_index=0, item_id=id)
        for text in ("1", "2")
        for agent, id in (("/root", "a"), ("/root/x", "b"), ("/root/y", "c"))
    ]
    found = answer(*events)
    assert found.texts == {"/root": "12", "/root/x": "12", "/root/y": "12"}


def test_agents_whose_items_have_neither_place_nor_id() -> None:
    """An event belongs to the one open item of its agent."""
    items = [
        item("function_call", "", agent, call_id=id, name="f", arguments="", status="in_progress")
        for agent, id in (("/root", "a"), ("/root/x", "b"))
    ]
    found = answer(
        *(event("output_item.added", one["agent"]["agent_name"], item=one) for one in items),
        event("function_call_arguments.delta", "/root", delta='{"a"'),
        event("function_call_arguments.delta", "/root/x", delta='{"b"'),
        event("function_call_arguments.delta", "/root", delta=": 1}"),
        event("function_call_arguments.delta", "/root/x", delta=": 2}"),
    )
    assert [call.arguments for call in found.calls] == ['{"a": 1}', '{"b": 2}']


def test_agent_of_an_item_may_be_named_late() -> None:
    """From then on the item belongs to that agent, whether it has ended or not."""
    begun, whole = message("a", None, ""), message("a", "/root/x", "No")
    deltas = [event("output_text.delta", output_index=0, item_id="a", delta="N")]
    first = event("output_item.added", output_index=0, item=begun)
    found = answer(first, *deltas, event("output_item.done", output_index=0, item=whole))
    assert (found.text, found.texts) == ("", {"/root/x": "No"})
    again = event("output_item.added", "/root/x", output_index=0, item=begun)
    assert answer(first, again, *deltas).texts == {"/root/x": "N"}


def test_an_event_that_repeats_is_not_taken_for_the_root_s() -> None:
    """The fast path for repetitions adds only the root's text to the answer."""
    deltas = [
        event("output_text.delta", agent, item_id=agent, output_index=place, delta=f"{number} ")
        for agent, place in (("/root", 0), ("/root/a", 1), ("/root", 0))
        for number in range(20)
    ]
    numbers = "".join(f"{number} " for number in range(20))
    streamer = StreamerV2(wire(*deltas), require_terminal=False)
    assert "".join(streamer.text_deltas()) == numbers * 2
    snapshot: Any = streamer.snapshot()
    assert snapshot.texts == {"/root": numbers * 2, "/root/a": numbers}


def test_other_words_of_a_subagent_are_no_answer_either() -> None:
    """Its reasoning, refusals, speech and images are not part of the answer, only of the items."""
    place = {"output_index": 0, "item_id": "i"}
    image = item("image_generation_call", "g", "/root/a", status="completed", result="QQ==")
    streamer = StreamerV2(
        wire(
            event("reasoning_text.delta", "/root/a", delta="Hm", **place),
            event("refusal.delta", "/root/a", delta="I", output_index=1, item_id="j"),
            event("audio.delta", "/root/a", delta="QQ=="),
            event("audio.transcript.delta", "/root/a", delta="A"),
            event("output_item.done", "/root/a", output_index=2, item=image),
            event("audio.transcript.delta", "/root", delta="B"),
        ),
        require_terminal=False,
    )
    assert [piece.text for _ in streamer for piece in streamer.pieces()] == ["B"]
    snapshot: Any = streamer.snapshot()
    assert (snapshot.text, snapshot.audio) == ("B", b"")
    assert len(snapshot.response.output) == 3


def test_phases_of_a_subagent_do_not_change_the_answer() -> None:
    """A subagent's final answer is not the root's, and JSON is parsed from the root's text."""
    events = [
        event("created", "/root", response={"id": "r", "output": []}),
        *told(0, "a", "/root/a", '{"no"', ": 1}", phase="final_answer"),
        *told(1, "b", "/root", '{"yes"', ": 1}"),
    ]
    streamer = StreamerV2(wire(*events), require_terminal=False)
    values = [streamer.partial() for _ in streamer]
    assert values[-1] == {"yes": 1}
    snapshot: Any = streamer.snapshot()
    assert snapshot.final_text == '{"yes": 1}'
    output = [message("a", "/root/a", "x", phase="final_answer"), message("b", "/root", "y")]
    final = event("completed", response={"id": "r", "status": "completed", "output": output})
    found: Any = read(final).snapshot()
    assert found.final_text == "y"


def test_an_item_of_an_unknown_kind_can_have_an_agent() -> None:
    """The first item with a valid name of an agent names the root, whatever its kind."""
    hologram = item("hologram", "h", "lead")
    odd = {"type": "hologram", "id": "i", "agent": {"agent_name": 5}}
    found = answer(
        event("output_item.done", output_index=0, item=odd),
        event("output_item.done", output_index=1, item=hologram),
        event("output_item.done", output_index=2, item=message("m", "critic", "No")),
    )
    assert (found.root, found.text) == ("lead", "")


def test_an_answer_without_a_name_is_made_by_hand() -> None:
    """If you build an answer yourself, as tests do, all of it belongs to the root."""
    said = OutputMessage(id="m", role="assistant", content=(OutputTextContent(text="Hi"),))
    assert ResponseAnswer(response=Response(output=(said,))).text == "Hi"
