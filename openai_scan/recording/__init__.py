"""Record streams as they arrive, and replay them as if they came from the network.

A recording is a text file of JSON lines: one for the response headers, one for each read with its
time, and one for the end. docs/reference/recording.md describes the format.
"""

from openai_scan.recording.file import Recording, RecordTo
from openai_scan.recording.lines import Cause, End, Failure, Head, Read, Section
from openai_scan.recording.player import Replay, exchanges_of, read_recording, replay
from openai_scan.recording.recorder import AsyncRecordedSource, RecordedSource, record
from openai_scan.recording.redacting import redact_recording

__all__ = [
    "AsyncRecordedSource",
    "Cause",
    "End",
    "Failure",
    "Head",
    "Read",
    "RecordTo",
    "RecordedSource",
    "Recording",
    "Replay",
    "Section",
    "exchanges_of",
    "read_recording",
    "record",
    "redact_recording",
    "replay",
]
