"""The Content-Encodings that an answer may have, and how large it may become."""

from __future__ import annotations

import errno
from typing import Any

import urllib3
from urllib3.exceptions import DecodeError
from urllib3.response import BaseHTTPResponse

from openai_scan.errors import NotAnEventStreamError

# What a compressed body may become. Events of a model compress to a tenth or a twentieth, and to a
# hundredth if it says one word again and again; what is made to exhaust a reader, to a thousandth
# or a millionth. So the ratio is not asked for before there is much of it.
_MAX_RATIO = 100
_RATIO_FROM_BYTES = 16 * 1024 * 1024

# How the codings begin that begin with something of their own. Proxies that decompress an answer
# often pass the header on, and then it begins otherwise.
MAGIC = {"gzip": b"\x1f\x8b", "x-gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd"}

# What urllib3 decodes each coding with; any other one is deflate.
_CLASSES = {
    "gzip": "GzipDecoder",
    "x-gzip": "GzipDecoder",
    "br": "BrotliDecoder",
    "zstd": "ZstdDecoder",
}

# How large one step of decoding may become.
_STEP_BYTES = 64 * 1024

_UNDECODABLE = "what was sent cannot be decompressed"


def decoders() -> list[str]:
    """Return the names of the codings that urllib3 decodes."""
    return urllib3.HTTPResponse.CONTENT_DECODERS


def is_known(encoding: str, decoders: list[str]) -> bool:
    """Return whether urllib3 decodes *encoding*, in bounded pieces.

    It hands over any other encoding as it is. Versions of Brotli before 1.2 decompress all that
    they are given at once, however large it becomes.

    Args:
        encoding: Its name, in lower case.
        decoders: What urllib3 can decode.
    """
    if encoding == "br" and encoding in decoders:
        brotli: Any = vars(urllib3.response)["brotli"]
        return hasattr(brotli.Decompressor, "can_accept_more_data")
    return encoding in ("identity", *decoders)


def is_encoded(codings: list[str], decoders: list[str]) -> bool:
    """Return whether a body of these *codings* has to be decoded, and can be.

    urllib3 takes a coding that it does not know for deflate if there is another one.
    """
    return {*codings, "identity"} != {"identity"} and all(
        is_known(coding, decoders) for coding in codings
    )


def check_ratio(decoded: int, arrived: int) -> None:
    """Refuse a body that becomes too much.

    Args:
        decoded: How many bytes it has become.
        arrived: How many bytes it was.

    Raises:
        NotAnEventStreamError: It is.
    """
    if decoded > max(_RATIO_FROM_BYTES, _MAX_RATIO * arrived):
        raise NotAnEventStreamError(
            f"the answer becomes more than {_MAX_RATIO} times as large when it is decompressed"
        )


class Decoder:
    """Decodes a body in bounded steps, for who reads it past urllib3.

    Args:
        coding: Its Content-Encoding, which is known.
    """

    def __init__(self, coding: str) -> None:
        classes = vars(urllib3.response)
        name = _CLASSES.get(coding, "DeflateDecoder")
        self._decoder: urllib3.response.ContentDecoder = classes[name]()
        self._came = self._became = 0

    @property
    def has_more(self) -> bool:
        """Whether there is more of what was taken, without another byte."""
        return self._decoder.has_unconsumed_tail

    def take(self, data: bytes) -> bytes:
        """Return a step of what *data* becomes, after what was left before; it may be nothing.

        Raises:
            OSError: It cannot be decoded.
            NotAnEventStreamError: It becomes too much.
        """
        self._came += len(data)
        try:
            content = self._decoder.decompress(data, _STEP_BYTES)
        except BaseHTTPResponse.DECODER_ERROR_CLASSES as error:
            raise OSError(errno.EPROTO, _UNDECODABLE) from error
        self._became += len(content)
        check_ratio(self._became, self._came)
        return content

    def end(self) -> bytes:
        """Return what is left at the end of the body.

        Raises:
            OSError: It is cut off.
        """
        try:
            return self._decoder.flush()
        except DecodeError as error:
            raise OSError(errno.EPROTO, _UNDECODABLE) from error
