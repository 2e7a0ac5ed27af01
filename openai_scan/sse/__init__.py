"""The wire: event-stream bytes in, raw events out. No network, no JSON, no OpenAI."""

from openai_scan.sse.beginnings import BYTE_ORDER_MARK
from openai_scan.sse.encode import encode, encode_all
from openai_scan.sse.event import RawEvent
from openai_scan.sse.scanner import EventScanner
from openai_scan.sse.source import BinaryFile, LiveSource, Source, WritableFile
from openai_scan.sse.tokenizer import DEFAULT_MAX_EVENT_BYTES, EventTokenizer
from openai_scan.surrogates import utf8

__all__ = [
    "BYTE_ORDER_MARK",
    "DEFAULT_MAX_EVENT_BYTES",
    "BinaryFile",
    "EventScanner",
    "EventTokenizer",
    "LiveSource",
    "RawEvent",
    "Source",
    "WritableFile",
    "encode",
    "encode_all",
    "utf8",
]
