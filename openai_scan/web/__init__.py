"""What a web page needs to stream with this library, without a server of its own."""

from openai_scan.web.bundle import write_bundle

__all__ = ["write_bundle"]
