"""The example of the page about certificates, with a server that asks for one."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import requests
import trustme
from passing_on import EXAMPLES, HI, LAST, THERE, module_at
from server import CHUNKED, END, ch, serving


def test_the_example_shows_its_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server accepts no client without one."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    own = authority.issue_cert("client@example.com")
    own.private_key_pem.write_to_path(str(tmp_path / "client.key"))
    own.cert_chain_pems[0].write_to_path(str(tmp_path / "client.pem"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    authority.configure_trust(tls)
    tls.verify_mode = ssl.CERT_REQUIRED
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.chdir(tmp_path)
    example = module_at(EXAMPLES / "client-certificate/ask.py")
    body = ch(b"".join([HI, THERE, *LAST]))
    with serving([CHUNKED + body + END], tls=tls) as server:
        with example.ask(server.base_url, "why") as s:
            assert s.read() == b"Hi there"
        assert s.outcome == "completed"
        assert server.requests[0].json()["stream"] is True
        with pytest.raises(requests.ConnectionError):
            requests.post(server.base_url, timeout=10)
