"""What a person at a prompt sees of the client's methods: their parameters, types and defaults."""

from __future__ import annotations

import inspect
import pydoc
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from typing_extensions import TypedDict, Unpack, is_typeddict

from openai_scan import AzureClient, Client
from openai_scan.client import Methods, params
from openai_scan.client.signatures import described, show_parameters
from openai_scan.transport import Timeout
from openai_scan.values import Value

METHODS = sorted(name for name in dir(Methods) if not name.startswith("_"))


@pytest.mark.unmeasured
@pytest.mark.parametrize("cls", [Client, AzureClient])
@pytest.mark.parametrize("name", METHODS)
def test_no_method_hides_its_parameters(cls: type, name: str) -> None:
    """No method shows only `**params`."""
    shown = inspect.signature(getattr(cls, name)).parameters.values()
    assert all(one.kind is not one.VAR_KEYWORD for one in shown)


def test_a_signature_has_names_types_and_defaults() -> None:
    """What is needed comes first and has no default; what every method takes comes last."""
    shown = inspect.signature(Client.create_chat_completion_stream).parameters
    names = list(shown)
    assert names[:3] == ["self", "model", "messages"]
    assert names[-6:] == list(params.Extras.__annotations__)
    assert set(names) == {"self", *params.CreateChatCompletion.__annotations__}
    assert shown["model"].annotation is str
    assert shown["model"].default is inspect.Parameter.empty
    assert shown["messages"].annotation == Sequence[Mapping[str, Any] | Value]
    assert shown["temperature"].annotation == float | None
    assert shown["temperature"].default is None
    assert shown["timeout"].annotation == Timeout | float | None


def test_a_bound_method_has_its_ids_first() -> None:
    """The ids come first, in the order in which you pass them."""
    with Client("k") as client:
        names = list(inspect.signature(client.create_run_stream).parameters)
    assert names[:2] == ["thread_id", "assistant_id"]


def test_help_shows_them() -> None:
    """help() prints the parameters, and what the method returns."""
    text = pydoc.plain(pydoc.render_doc(Client.create_response_stream))
    assert "max_output_tokens: int | None = None" in text
    assert "StreamerV2[ResponseEvent, ResponseAnswer]" in text


# Parameters whose names say all: the object to act on.
PLAIN = {
    *("assistant_id", "message_id", "response_id", "run_id", "session_id", "step_id"),
    *("subagent_id", "thread_id", "turn_id"),
}

# The classes of keyword arguments.
CLASSES = [name for name in params.__all__ if is_typeddict(getattr(params, name))]


@pytest.mark.parametrize("name", METHODS)
def test_every_parameter_has_a_line(name: str) -> None:
    """The lines are in the order of the signature; only names that say all have none."""
    method = getattr(Client, name)
    names = [one for one in inspect.signature(method).parameters if one != "self"]
    doc = inspect.getdoc(method) or ""
    _, _, section = doc.partition("Args:\n")
    described = re.findall(r"^    (\w+): \S", section.partition("\n\n")[0], re.MULTILINE)
    assert described == [one for one in names if one in described]
    assert set(names) - set(described) <= PLAIN
    assert doc.count("Args:") == bool(names)


@pytest.mark.parametrize("name", CLASSES)
def test_every_argument_is_described_where_it_is(name: str) -> None:
    """No class leaves one out, and none describes what it does not have."""
    kind = getattr(params, name)
    entries = described(kind)
    assert set(entries) == set(kind.__annotations__)
    for key, entry in entries.items():
        assert entry.startswith(f"    {key}: ")
        assert entry.endswith((".", '"`.'))


def test_help_tells_what_a_parameter_means() -> None:
    """With units and ranges, and in the words for this method."""
    text = pydoc.plain(pydoc.render_doc(Client.create_transcription_stream))
    assert "temperature: 0 to 1; lower is more predictable." in text
    assert 'include: `"logprobs"` for how likely each token was.' in text
    doc = inspect.getdoc(Client.create_chat_completion) or ""
    before, after = doc.index("    record: "), doc.index("Raises:\n    ScanError: ")
    assert doc.index("Args:") < before < after
    assert "each with a `role` and its\n        `content`.\n    frequency_penalty: " in doc


def test_a_method_that_describes_its_own_keeps_that() -> None:
    """The lines of the keyword arguments follow its own, in place of `params`."""
    doc = inspect.getdoc(Client.resume_stream) or ""
    assert doc.index("    bookmark: ") < doc.index("    seen: ") < doc.index("    include: ")
    assert "    params: " not in doc
    assert doc.index("    record: ") < doc.index("Raises:")


def test_without_docstrings_nothing_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """With `python -OO`, only the signature is changed."""

    class OfAnswers:
        def answer(self, **extras: Unpack[Silent]) -> None: ...

    class Silent(TypedDict, total=False):
        text: str

    OfAnswers.answer.__annotations__["extras"] = "Unpack[Silent]"
    monkeypatch.setattr(params, "Silent", Silent, raising=False)
    show_parameters(OfAnswers)
    assert list(inspect.signature(OfAnswers.answer).parameters) == ["self", "text"]
    assert OfAnswers.answer.__doc__ is None
