"""Whichever form a server sends a response in, the reader is told the same, and nothing twice."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from response_forms import facts, forms, outputs, tell

from openai_scan.values import Counts


@given(st.data())
def test_a_response_in_any_form(data: st.DataObject) -> None:
    """Text, reasoning, refusal, calls, usage and outcome are those of the response."""
    output = data.draw(outputs)
    expected = facts(output)
    told = tell(*data.draw(forms(output)))
    answer: Any = told.stream.final()
    assert told.text == answer.text == expected["text"]
    assert (told.reasoning, told.refusal) == (expected["reasoning"], expected["refusal"])
    assert told.calls == expected["calls"]
    assert {(one.id, one.name): one.arguments for one in answer.calls} == expected["calls"]
    assert all(one.complete for one in answer.calls)
    assert answer.counts == Counts(input=5, output=7, total=12, cached=2, reasoning=3)
    assert (told.stream.outcome, answer.finish_reason) == ("completed", "completed")
    assert not {"text_differs", "delta_after_end", "item_index_reused"} & set(told.stream.notes)
