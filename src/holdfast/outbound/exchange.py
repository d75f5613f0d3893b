"""One request and what became of it: an answer, a redirect, or a failure in our words. No exception of the HTTP library
gets out, not even as the context of another one: their texts hold addresses, and addresses hold keys.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import httpcore
import httpx

from holdfast.domain.errors import HoldfastError
from holdfast.outbound.body import BodyBroken, BodyEncodingUnknown, BodyTooLarge, read_body
from holdfast.outbound.masking import Masker
from holdfast.outbound.policy import Answer, Policy
from holdfast.outbound.retrying import retry_after_s
from holdfast.outbound.transport import ends_within

REDIRECTS = (301, 302, 303, 307, 308)
TRANSIENT_STATUSES = (408, 425, 429, 500, 502, 503, 504)
EXCERPT_BYTES = 2048
EXCERPT_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Redirect:
    location: str


@dataclass(frozen=True, slots=True)
class Failure:
    """`kind` is one of counts.FAILURES, or `size`. `text` is masked. `is_transient`: is another try allowed?"""

    kind: str
    text: str
    is_transient: bool
    status: int | None = None
    retry_after_s: float | None = None

    @property
    def is_alive(self) -> bool:
        """Did the source show that it works, though it did not give what was asked for?"""
        return self.status is not None and (self.status not in TRANSIENT_STATUSES or self.status == 429)


_is_silent: ContextVar[bool] = ContextVar("outbound call under way", default=False)


class _SilentDuringCalls(logging.Filter):
    """httpx logs every address at INFO, httpcore every header at DEBUG. Their other users are left alone."""

    def filter(self, _record: logging.LogRecord, /) -> bool:
        return not _is_silent.get()


_FILTER = _SilentDuringCalls()
for _name in ("httpx", *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks"))):
    logging.getLogger(_name).addFilter(_FILTER)


@contextmanager
def without_their_logs() -> Iterator[None]:
    token = _is_silent.set(True)
    try:
        yield
    finally:
        _is_silent.reset(token)


def exchange(
    http: httpx.Client,
    url: httpx.URL,
    headers: Mapping[str, str],
    *,
    policy: Policy,
    left_s: float,
    ok: Container[int],
    masker: Masker,
) -> Answer | Redirect | Failure:
    """Send one GET and read what comes, within `left_s` seconds."""
    timeout = httpx.Timeout(policy.read_timeout_s, connect=policy.connect_timeout_s)
    try:
        with (
            without_their_logs(),
            ends_within(left_s),
            http.stream("GET", url, headers=dict(headers), timeout=timeout) as response,
        ):
            return _received(response, policy, ok, masker)
    except HoldfastError:  # a signal's
        raise
    except Exception as error:  # each is named below; one that is not is still not let out with the address in it
        return _failure_of(error, policy, masker)


def _received(
    response: httpx.Response, policy: Policy, ok: Container[int], masker: Masker
) -> Answer | Redirect | Failure:
    status = response.status_code
    if status in REDIRECTS and status not in ok and "location" in response.headers:
        return Redirect(response.headers["location"])
    if status in ok:
        encoding, length = response.headers.get("content-encoding", ""), response.headers.get("content-length")
        body = read_body(response.iter_raw(), encoding, length, policy.response_bytes_max)
        # Content-Encoding and Content-Length were of what is unpacked now
        kept = {k.lower(): v for k, v in response.headers.items() if k.lower() != "content-encoding"}
        return Answer(status, kept, body, masker.mask(str(response.request.url)))
    said = _excerpt(response, masker)
    return Failure(
        "limited" if status == 429 else "status" if status in TRANSIENT_STATUSES else "refused",
        f"answered {status} {masker.mask(response.reason_phrase)[:40]}".rstrip() + (f": {said}" if said else ""),
        status in TRANSIENT_STATUSES,
        status,
        retry_after_s(response.headers.get("retry-after")),
    )


def _excerpt(response: httpx.Response, masker: Masker) -> str:
    """The beginning of an error's body, on one line. Masked as a whole before it is cut: half a key is a key too."""
    found = b""
    try:
        for chunk in response.iter_raw():
            found += chunk
            if len(found) >= EXCERPT_BYTES:
                break
    except HoldfastError:
        raise
    except Exception:
        return ""
    if response.headers.get("content-encoding"):
        return ""
    text = "".join(c if c.isprintable() else " " for c in found[: EXCERPT_BYTES * 4].decode("utf-8", "replace"))
    shown = " ".join(masker.mask(text).split())
    return shown if len(shown) <= EXCERPT_CHARACTERS else f"{shown[:EXCERPT_CHARACTERS]}..."


def _failure_of(error: Exception, policy: Policy, masker: Masker) -> Failure:
    said = " ".join(masker.mask(str(error)).split())[:EXCERPT_CHARACTERS]
    match error:
        case BodyTooLarge():
            allowed = f"response_bytes_max allows {policy.response_bytes_max:,}"
            return Failure("size", f"sent {said}, {allowed}", is_transient=False)
        case BodyBroken():
            return Failure("cut", said, is_transient=True)
        case BodyEncodingUnknown():
            return Failure("refused", f"sent a body encoded as {said!r}, expected gzip or none", is_transient=False)
        case httpcore.ConnectTimeout() | httpcore.PoolTimeout():
            return Failure("timeout", "did not take the connection in time", is_transient=True)
        case httpcore.TimeoutException():
            return Failure("timeout", "was silent, or too slow for the call's deadline", is_transient=True)
        case httpcore.ConnectError() if _is_about_certificates(error):
            return Failure("refused", f"has no certificate that is trusted ({said})", is_transient=False)
        case httpcore.ConnectError() | httpcore.ProxyError():
            return Failure("connect", f"cannot be reached ({said})", is_transient=True)
        case httpcore.NetworkError() | httpcore.RemoteProtocolError():
            return Failure("cut", f"broke off its answer ({said})", is_transient=True)
        case ssl.SSLError() | OSError():
            return Failure("cut", f"broke off its answer ({said})", is_transient=True)
        case httpx.RemoteProtocolError():  # httpx looks where a redirect leads before we do
            return Failure("refused", "redirects to no address; that is not followed", is_transient=False)
        case _:  # a header or an address that cannot be sent: its text would repeat it
            return Failure("refused", f"the request cannot be sent ({type(error).__name__})", is_transient=False)


def _is_about_certificates(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
