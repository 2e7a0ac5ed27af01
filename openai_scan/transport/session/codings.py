"""The Content-Encodings that an answer may have, and how much it may expand."""

from __future__ import annotations

import errno
from typing import Any

import urllib3
from urllib3.exceptions import DecodeError
from urllib3.response import BaseHTTPResponse

from openai_scan.errors import NotAnEventStreamError

# How much a compressed body may expand. Events of a model compress to a tenth or a twentieth, and
# to a hundredth if the model repeats one word; a decompression bomb, to a thousandth or a
# millionth. So the ratio is not checked until there is much data.
_MAX_RATIO = 100
_RATIO_FROM_BYTES = 16 * 1024 * 1024

# The first bytes of codings that have a signature. Proxies that decompress an answer often leave
# the header, and then the body begins differently.
MAGIC = {"gzip": b"\x1f\x8b", "x-gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd"}

# The class with which urllib3 decodes each coding; any other coding is deflate.
_CLASSES = {
    "gzip": "GzipDecoder",
    "x-gzip": "GzipDecoder",
    "br": "BrotliDecoder",
    "zstd": "ZstdDecoder",
}

# The maximum size of the result of one decoding step.
_STEP_BYTES = 64 * 1024

_UNDECODABLE = "the body cannot be decompressed"


def decoders() -> list[str]:
    """Return the names of the codings that urllib3 decodes."""
    return urllib3.HTTPResponse.CONTENT_DECODERS


def is_known(encoding: str, decoders: list[str]) -> bool:
    """Return whether urllib3 decodes *encoding* in bounded pieces.

    It returns bodies of any other encoding unchanged. Versions of Brotli before 1.2 decompress all
    input at once, however large the result.

    Args:
        encoding: Its name, in lower case.
        decoders: The codings that urllib3 can decode.
    """
    if encoding == "br" and encoding in decoders:
        brotli: Any = vars(urllib3.response)["brotli"]
        return hasattr(brotli.Decompressor, "can_accept_more_data")
    return encoding in ("identity", *decoders)


def is_encoded(codings: list[str], decoders: list[str]) -> bool:
    """Return whether a body with these *codings* needs to be decoded, and can be.

    urllib3 treats an unknown coding as deflate if there is another one.
    """
    return {*codings, "identity"} != {"identity"} and all(
        is_known(coding, decoders) for coding in codings
    )


def check_ratio(decoded: int, arrived: int) -> None:
    """Reject a body that expands too much.

    Args:
        decoded: The number of decoded bytes.
        arrived: The number of bytes that arrived.

    Raises:
        NotAnEventStreamError: It expands too much.
    """
    if decoded > max(_RATIO_FROM_BYTES, _MAX_RATIO * arrived):
        raise NotAnEventStreamError(
            f"the answer expands to more than {_MAX_RATIO} times its size when decompressed"
        )


class Decoder:
    """Decodes a body in bounded steps, if it is not read through urllib3.

    Args:
        coding: Its Content-Encoding, which must be known.
    """

    def __init__(self, coding: str) -> None:
        classes = vars(urllib3.response)
        name = _CLASSES.get(coding, "DeflateDecoder")
        self._decoder: urllib3.response.ContentDecoder = classes[name]()
        self._came = self._became = 0

    @property
    def has_more(self) -> bool:
        """Whether the input so far has more output."""
        return self._decoder.has_unconsumed_tail

    def take(self, data: bytes) -> bytes:
        """Return the next step of output, for *data* and earlier input; it may be empty.

        Raises:
            OSError: It cannot be decoded.
            NotAnEventStreamError: It expands too much.
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
        """Return the rest at the end of the body.

        Raises:
            OSError: The body is cut off.
        """
        try:
            return self._decoder.flush()
        except DecodeError as error:
            raise OSError(errno.EPROTO, _UNDECODABLE) from error
