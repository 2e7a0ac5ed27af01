"""What a person at a prompt sees of the client's methods: their parameters, types and defaults."""

from __future__ import annotations

import inspect
import pydoc
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from openai_scan import AzureClient, Client
from openai_scan.client import Methods, params
from openai_scan.transport import Timeout

METHODS = sorted(name for name in dir(Methods) if not name.startswith("_"))


@pytest.mark.parametrize("cls", [Client, AzureClient])
@pytest.mark.parametrize("name", METHODS)
def test_no_method_hides_its_parameters(cls: type, name: str) -> None:
    """None of them shows only `**params`."""
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
    assert shown["messages"].annotation == Sequence[Mapping[str, Any] | Any]
    assert shown["temperature"].annotation == float | None
    assert shown["temperature"].default is None
    assert shown["timeout"].annotation == Timeout | float | None


def test_a_bound_method_has_its_ids_first() -> None:
    """As they are passed."""
    with Client("k") as client:
        names = list(inspect.signature(client.create_run_stream).parameters)
    assert names[:2] == ["thread_id", "assistant_id"]


def test_help_shows_them() -> None:
    """help() prints the parameters, and what the method returns."""
    text = pydoc.plain(pydoc.render_doc(Client.create_response_stream))
    assert "max_output_tokens: int | None = None" in text
    assert "StreamerV2[ResponseEvent, ResponseAnswer]" in text
