"""Code that exists only for speed changes no result: without it, every stream reads the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from openai_scan import Event, RawEvent, StreamerV2, replay
from openai_scan.events.chat import ChatCompletionChunk
from openai_scan.events.decoding import structure
from openai_scan.events.decoding.repeats import Repeats

pytestmark = pytest.mark.unmeasured

ROOT = Path(__file__).parents[3]

RECORDINGS = sorted((ROOT / "tests" / "recorded").glob("*.jsonl"))
SEEDS = sorted((ROOT / "fuzz" / "corpus" / "streamer").iterdir())


class NoRepeats:
    """A `Repeats` that recognizes no event as a repetition."""

    last = None

    def event(self, _: RawEvent) -> Event | None:
        """Recognise nothing."""
        return None

    def learn(self, raw: RawEvent, event: Event, decode: object) -> None:
        """Learn nothing."""


def no_plain_hook(_: object, __: object) -> None:
    """Build no class by the faster hook, so that cattrs builds all of them."""


SHORTCUTS: dict[str, Any] = {"Repeats": NoRepeats, "plain_hook": no_plain_hook}


def facts() -> list[tuple[Any, ...]]:
    """Return everything observable about all streams, read by the current code."""
    sources: list[Any] = [*map(replay, RECORDINGS), *([path.read_bytes()] for path in SEEDS)]
    found: list[tuple[Any, ...]] = []
    for source in sources:
        streamer = StreamerV2(source)
        events = []
        while streamer.next():
            event = streamer.event()
            events.append((repr(event), repr(attrs.asdict(event, recurse=False))))
        end = streamer.outcome, str(streamer.err()), streamer.notes
        found.append((events, *end, repr(streamer.snapshot())))
    return found


@pytest.mark.parametrize(
    "names", [["Repeats"], ["plain_hook"], ["Repeats", "plain_hook"]], ids="+".join
)
def test_without_a_shortcut_every_stream_is_the_same(
    names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recorded and fuzzed streams give the same events, ends, notes and answers."""
    expected = facts()
    for name in names:
        monkeypatch.setattr(structure, name, SHORTCUTS[name])
    monkeypatch.setattr(structure, "_hooks", {})  # the hooks made so far are plain ones
    assert facts() == expected


def test_each_shortcut_is_behind_one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A structurer looks up its shortcuts by the names in `SHORTCUTS`."""
    monkeypatch.setattr(structure, "_hooks", {})
    assert "plain_hook" in structure.hook_of(ChatCompletionChunk).__qualname__
    assert isinstance(structure.Structurer().repeats, Repeats)
    for name, replacement in SHORTCUTS.items():
        monkeypatch.setattr(structure, name, replacement)
    monkeypatch.setattr(structure, "_hooks", {})
    assert "plain_hook" not in structure.hook_of(ChatCompletionChunk).__qualname__
    assert not isinstance(structure.Structurer().repeats, Repeats)
