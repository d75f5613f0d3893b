"""Remote files: read by spans of one version, through trouble that passes, and without a word about secrets."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from holdfast.adapters.sources.everywhere import Everywhere
from holdfast.adapters.sources.remote import AHEAD_BYTES, refuse_secrets
from holdfast.domain.errors import ConfigError, SourceChanged, SourceError, SourceUnavailable
from tests.support.web_server import WebServer, reply

DATA = bytes(range(256)) * 400


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebServer]:
    with WebServer(tmp_path, files={"a.csv": DATA}) as server:
        yield server


@pytest.fixture
def source(web: WebServer) -> Iterator[Everywhere]:
    with_login = {"username": "me", "password": "the-password", "headers": {"X-Key": "the-key"}}
    options: dict[str, dict[str, Any]] = {
        "https": {"ca_file": web.ca_file, "timeout_s": 5, web.host: with_login},
    }
    source = Everywhere(web.directory, options, retry_for_s=30)
    yield source
    source.close()


def test_spans_over_https_with_credentials_for_that_host(web: WebServer, source: Everywhere) -> None:
    [stamp] = source.list([web.url("a.csv")])
    assert (stamp.uri, stamp.size_bytes, stamp.is_proof) == (web.url("a.csv"), len(DATA), True)
    handle = source.open(stamp.uri)
    assert handle.read(10, 20) == DATA[10:20]
    assert handle.read(20, 30) == DATA[20:30], "what is read on is fetched ahead"
    count = len(web.requests)
    assert handle.read(30, 5_000) == DATA[30:5_000]
    assert handle.read(len(DATA) - 3, len(DATA) + 9) == DATA[-3:]
    assert handle.read(len(DATA), len(DATA) + 9) == b""
    assert len(web.requests) == count
    assert len(DATA) < AHEAD_BYTES
    handle.close()
    for _, headers in web.requests:
        assert headers["X-Key"] == "the-key"
        assert headers["Authorization"].startswith("Basic ")
        assert headers["Accept-Encoding"] == "identity"


def test_trouble_that_passes_is_waited_out(web: WebServer, source: Everywhere) -> None:
    """A storm of 503, a reset, an answer cut short, one of other bytes than asked for: and then the right ones."""

    def storm(handler: BaseHTTPRequestHandler, number: int) -> bool:
        if number in (1, 2, 6):
            reply(handler, 503)
        elif number == 3:
            handler.connection.close()
        elif number == 5:
            handler.send_response(206)
            handler.send_header("Content-Length", "100")
            handler.send_header("Content-Range", f"bytes 100-199/{len(DATA)}")
            handler.end_headers()
            handler.wfile.write(DATA[100:150])
            handler.close_connection = True
        elif number == 7:
            reply(handler, 206, DATA[:100], {"Content-Range": f"bytes 0-99/{len(DATA)}"})
        else:
            return False
        return True

    web.trouble, web.has_etags = storm, False
    handle = source.open(web.url("a.csv"))
    assert handle.read(100, 200) == DATA[100:200]
    assert len(web.requests) == 8


def test_a_file_that_changes_is_not_mixed(web: WebServer, source: Everywhere) -> None:
    handle = source.open(web.url("a.csv"))
    assert handle.read(0, 10) == DATA[:10]
    web.files["a.csv"] = DATA[::-1]
    with pytest.raises(SourceChanged, match=r"a\.csv changed while it was read"):
        handle.read(90_000, 90_010)
    web.has_etags = False
    handle = source.open(web.url("a.csv"))
    web.files["a.csv"] = DATA + b"more"
    with pytest.raises(SourceChanged):
        handle.read(0, 10)


def test_a_server_without_ranges(web: WebServer, source: Everywhere, monkeypatch: pytest.MonkeyPatch) -> None:
    web.has_ranges = False
    handle = source.open(web.url("a.csv"))
    assert handle.read(500, 600) == DATA[500:600]
    monkeypatch.setattr("holdfast.adapters.sources.web.WHOLE_BYTES_MAX", 1_000)
    with pytest.raises(SourceError, match="can only send it whole") as caught:
        handle.read(600, 700)
    assert caught.value.hint == "fetch the file first"


def test_what_does_not_pass_is_said_at_once(web: WebServer, source: Everywhere) -> None:
    statuses = iter([401, 403, 410, 301])

    def refuse(handler: BaseHTTPRequestHandler, _number: int) -> bool:
        reply(handler, next(statuses), headers={"Location": "http://elsewhere.example.com/a.csv"})
        return True

    for missing in (f"https://{web.host}/b.csv", f"https://{web.host}/*.csv"):
        with pytest.raises(SourceError, match=r"no such file|is a pattern"):
            source.list([missing])
    web.trouble = refuse
    for told in ("asks for credentials", "does not allow it", "is gone", "redirects to a place that is not https"):
        with pytest.raises(SourceError, match=told) as caught:
            source.stamp(web.url("a.csv"))
        assert "the-password" not in str(caught.value)
    with pytest.raises(SourceError, match="certificate is not trusted"):
        Everywhere(web.directory, {}).stamp(web.url("a.csv"))
    with pytest.raises(SourceError, match="nothing here knows ftp://"):
        source.list(["ftp://host/a.csv"])


def test_credentials_do_not_follow_a_redirect_to_another_host(web: WebServer, source: Everywhere) -> None:
    def redirect(handler: BaseHTTPRequestHandler, _number: int) -> bool:
        if handler.headers["Host"] != web.host:
            return False
        reply(handler, 302, headers={"Location": web.url("a.csv").replace("localhost", "127.0.0.1")})
        return True

    web.trouble = redirect
    assert source.stamp(web.url("a.csv")).size_bytes == len(DATA)
    [(_, first), (_, second)] = web.requests
    assert {"X-Key", "Authorization"} <= set(first)
    assert not {"X-Key", "Authorization"} & set(second)


def test_a_server_that_stays_away_is_given_up_in_time(web: WebServer, source: Everywhere) -> None:
    web.trouble = lambda handler, _number: reply(handler, 503) or True
    impatient = Everywhere(web.directory, source._options, retry_for_s=0.3)
    with pytest.raises(SourceUnavailable, match=r"could not be read for 0\.3 s: the server answers 503") as caught:
        impatient.stamp(web.url("a.csv"))
    assert caught.value.exit_code == 75
    impatient.close()


def test_a_compressed_file_over_https(web: WebServer, source: Everywhere) -> None:
    web.files["a.csv.gz"] = gzip.compress(DATA)
    handle = source.unpack(web.url("a.csv.gz"), "gzip")
    assert handle.read(1_000, 2_000) == DATA[1_000:2_000]
    handle.close()


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("https://me:the-password@h/a.csv", "a password"),
        ("sftp://me:the-password@h/a.csv", "a password"),
        ("https://h/a.csv?X-Amz-Signature=the-password&b=1", "X-Amz-Signature"),
        ("https://h/a.csv?b=1&sig=the-password", "sig"),
        ("https://h/a.csv?token=the-password", "token"),
        ("https://h/a.csv?a=1&client-secret=the-password", "client-secret"),
        ("https://h/a.csv#access_token=the-password", "access_token"),
        ("https://the-password@h/a.csv", "a user or a token"),
    ],
)
def test_an_address_with_a_secret_is_refused_without_repeating_it(uri: str, told: str) -> None:
    with pytest.raises(ConfigError, match=f"has {told} in it") as caught:
        refuse_secrets(uri)
    assert "the-password" not in caught.value.message + caught.value.hint
    for fine in (
        "https://h/a.csv?${SIGNED}",
        "https://me:${PW}@h/a.csv",
        "sftp://me@h/a",
        "https://h/a?token=${T}&keyword=a",
    ):
        refuse_secrets(fine)


def test_variables_in_an_address_are_filled_in_for_the_request_alone(
    web: WebServer, source: Everywhere, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    uri = web.url("a.csv?sig=${HOLDFAST_TEST_SIG}")
    with pytest.raises(ConfigError, match="the environment has no HOLDFAST_TEST_SIG"):
        source.list([uri])
    monkeypatch.setenv("HOLDFAST_TEST_SIG", "the-signature")
    web.files["a.csv?sig=the-signature"] = DATA
    assert [stamp.uri for stamp in source.list([uri])] == [uri]
    with pytest.raises(SourceError) as caught:
        source.stamp(uri.replace("a.csv", "b.csv"))
    assert "the-signature" not in str(caught.value) + caplog.text


@pytest.mark.parametrize(("uri", "extra"), [("gs://b/a", "gs"), ("az://b/a", "az"), ("sftp://h/a", "sftp")])
def test_a_missing_extra_is_named(uri: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("gcsfs", "adlfs", "sshfs"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError) as caught:
        Everywhere(tmp_path).list([uri])
    assert caught.value.hint == f"pip install 'holdfast[{extra}]'"
