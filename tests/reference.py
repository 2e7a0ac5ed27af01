"""The WHATWG standard's event-stream rules once more, slow and literal, to compare with.

Every line follows one sentence of "Parsing an event stream" and "Interpreting an event stream".
It shares no code and no idea with the tokenizer: it wants the whole stream at once, as text.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

from __future__ import annotations

import re

from attrs import define, field

# The standard sets no limit. A number with more digits than this is ignored, by our own decision.
MAX_DIGITS = 640


@define
class EventSource:
    """What the standard says that an EventSource keeps, and what it has dispatched."""

    dispatched: list[tuple[str, str, str]] = field(factory=list)  # type, data, last event ID
    last_event_id: str = ""
    reconnection_time: int | None = None
    data_buffer: str = ""
    event_type_buffer: str = ""
    last_event_id_buffer: str = ""


def interpret(stream: bytes) -> EventSource:
    """Return what the whole *stream* means."""
    source = EventSource()
    # "Streams must be decoded using the UTF-8 decode algorithm", which strips one BOM.
    text = stream.decode("utf-8", "replace").removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
    # "The stream must then be parsed by reading everything line by line." What follows the last
    # line end is not a line: "Once the end of the file is reached, any pending data must be
    # discarded."
    *lines, _ = re.split("\r\n|\n|\r", text)
    for line in lines:
        if line == "":
            _dispatch(source)
        elif line[0] == ":":
            pass
        elif ":" in line:
            name, value = line.split(":", maxsplit=1)
            if value != "" and value[0] == " ":
                value = value[1:]
            _process(source, name, value)
        else:
            _process(source, line, "")
    return source


def _process(source: EventSource, name: str, value: str) -> None:
    """Process the field, as the standard says."""
    if name == "event":
        source.event_type_buffer = value
    elif name == "data":
        source.data_buffer += value
        source.data_buffer += "\n"
    elif name == "id":
        if "\0" not in value:
            source.last_event_id_buffer = value
    elif name == "retry" and re.fullmatch("[0-9]+", value) is not None:
        significant = re.sub("^0+", "", value)
        if len(significant) <= MAX_DIGITS:
            source.reconnection_time = int("0" + significant)


def _dispatch(source: EventSource) -> None:
    """Dispatch the event, as the standard says."""
    source.last_event_id = source.last_event_id_buffer
    if source.data_buffer == "":
        source.event_type_buffer = ""
        return
    data = source.data_buffer.removesuffix("\n")
    kind = "message" if source.event_type_buffer == "" else source.event_type_buffer
    source.data_buffer = ""
    source.event_type_buffer = ""
    source.dispatched.append((kind, data, source.last_event_id))
