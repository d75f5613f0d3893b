"""HTTP calls to one source: whole answers or clear errors, within its limits, and without its keys anywhere.

    with Client(Policy(source="api1", calls=100), LocalLimiter(), secrets=[key]) as client:
        answer = client.get("https://api.example.com/v1/items", params={"page": "1"}, headers={"apikey": key})

Only what is allow-listed is tried again: connections that fail, time out or break off, and the statuses 408, 425, 429,
500, 502, 503, 504. All of it ends by the policy's deadline.
"""

from __future__ import annotations

import ssl
from collections.abc import Container, Mapping, Sequence
from http.cookiejar import CookieJar, DefaultCookiePolicy
from itertools import count
from types import TracebackType
from typing import Self

from holdfast.domain.errors import (
    BreakerOpen,
    ConfigError,
    OutboundError,
    RateLimited,
    RequestRefused,
    ResponseTooLarge,
    SourceUnavailable,
)
from holdfast.outbound.counts import FAILURES, CallCounts
from holdfast.outbound.limiter import Limiter
from holdfast.outbound.masking import Masker
from holdfast.outbound.policy import Answer, Policy
from holdfast.outbound.retrying import Backoff, RetryBudget
from holdfast.outbound.tally import Tally
from holdfast.outbound.waiting import wait_for_turn
from holdfast.ports.clock import Clock, SystemClock

try:
    import httpx
except ImportError:
    raise ConfigError(
        "HTTP sources need httpx, which is not installed; nothing was sent", hint="pip install 'holdfast[http]'"
    ) from None

from holdfast.outbound.addresses import headers_for_another_host, is_same_place, problem_with, refused_redirect
from holdfast.outbound.body import ENCODINGS
from holdfast.outbound.exchange import Failure, Redirect, exchange
from holdfast.outbound.transport import Transport

_HEADERS = {"user-agent": "holdfast", "accept": "*/*", "accept-encoding": ENCODINGS}


class Client:
    """Safe to use from many threads; close it, or use it in a `with` block. `secrets` are masked in all it says."""

    def __init__(
        self,
        policy: Policy,
        limiter: Limiter,
        *,
        secrets: Sequence[str] = (),
        clock: Clock | None = None,
        verify: ssl.SSLContext | None = None,
    ) -> None:
        self.policy = policy
        self._limiter = limiter
        self._masker = Masker(secrets)
        self._clock = clock or SystemClock()
        self._backoff = Backoff(
            initial_s=policy.backoff_initial_s,
            multiplier=policy.backoff_multiplier,
            cap_s=policy.backoff_cap_s,
            jitter=policy.backoff_jitter,
        )
        self._budget = RetryBudget(policy.retry_budget)
        self._tally = Tally(limiter, policy.source, self._clock)
        self._http = httpx.Client(
            transport=Transport(verify),
            trust_env=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )

    def __repr__(self) -> str:
        return f"<Client {self.policy.source}>"

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        retry: bool = True,
        ok: Container[int] = (200,),
    ) -> Answer:
        """The whole answer, its status one of `ok`. `params` are added to those of `url`.

        `retry=False` sends one request at most, for calls that cost even when they fail. Raises RequestRefused (never
        tried again), ResponseTooLarge, SourceUnavailable, BreakerOpen, RateLimited; ConfigError for a bad `url`.
        """
        target = self._target(url, params)
        deadline_at_s = self._clock.monotonic_s() + self.policy.deadline_s
        self._budget.earn()
        failure: Failure | None = None
        for tries in count(1):
            try:
                outcome = self._try(target, {**_HEADERS, **_lower(headers)}, deadline_at_s, ok, is_patient=retry)
            except (BreakerOpen, RateLimited):
                if failure is None:
                    raise
                tried = f"tried {tries - 1} times, and it may not be called again before the call's time ends"
                raise self._error(failure, target, tried) from None
            if isinstance(outcome, Answer):
                return outcome
            failure = outcome
            wait_s = max(self._backoff.wait_s(tries), outcome.retry_after_s or 0.0)
            reason = self._reason_to_stop(outcome, tries, wait_s, deadline_at_s, retry=retry)
            if reason is not None:
                raise self._error(outcome, target, reason)
            self._tally.note(CallCounts(retries=1))
            self._clock.sleep(wait_s)
        raise AssertionError("count() does not end")

    def mask(self, text: str) -> str:
        """A text that the source may have put a secret into, without it."""
        return self._masker.mask(text)

    def close(self) -> None:
        """Close the connections and hand in the last counts."""
        self._tally.flush()
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _target(self, url: str, params: Mapping[str, str] | None) -> httpx.URL:
        target = _parsed(url)
        problem = "it is no address" if target is None else problem_with(target)
        if target is None or problem:
            raise ConfigError(
                f"{self.policy.source}: {self._masker.mask(url)!r}: {problem}; nothing was sent",
                hint="correct the address",
            )
        return target.copy_merge_params(dict(params)) if params else target

    def _try(
        self,
        url: httpx.URL,
        headers: Mapping[str, str],
        deadline_at_s: float,
        ok: Container[int],
        *,
        is_patient: bool,
    ) -> Answer | Failure:
        """One try: a request, and those it is sent on to."""
        for _ in range(self.policy.redirects_max + 1):
            waited_us = wait_for_turn(self._limiter, self.policy, self._clock, deadline_at_s, is_patient=is_patient)
            left_s = deadline_at_s - self._clock.monotonic_s()
            outcome = exchange(self._http, url, headers, policy=self.policy, left_s=left_s, ok=ok, masker=self._masker)
            self._settle(outcome, waited_us)
            if not isinstance(outcome, Redirect):
                return outcome
            following = _parsed(outcome.location, url)
            refused = "to no address" if following is None else refused_redirect(url, following, self._masker)
            if following is None or refused:
                return Failure("refused", f"redirects {refused}; that is not followed", is_transient=False)
            if not is_same_place(url, following):
                headers = headers_for_another_host(headers)
            url = following
        return Failure("refused", f"redirects more than {self.policy.redirects_max} times", is_transient=False)

    def _settle(self, outcome: Answer | Redirect | Failure, waited_us: int) -> None:
        """Tell the limiter how it went, and count."""
        counts = CallCounts(calls=1, waits=int(waited_us > 0), waited_us=waited_us)
        is_alive = True
        if isinstance(outcome, Answer):
            counts.last_status = outcome.status
        elif isinstance(outcome, Failure):
            is_alive = outcome.is_alive or not outcome.is_transient
            counts.last_status = outcome.status
            counts.failed(outcome.kind if outcome.kind in FAILURES else "refused")
            if outcome.retry_after_s and outcome.is_transient:
                self._limiter.pause(self.policy, outcome.retry_after_s)
        self._limiter.settle(self.policy, is_alive=is_alive)
        self._tally.note(counts)

    def _reason_to_stop(
        self, failure: Failure, tries: int, wait_s: float, deadline_at_s: float, *, retry: bool
    ) -> str | None:
        """Why there is no other try (empty: that goes without saying); None: there is one."""
        if not failure.is_transient:
            return ""
        if not retry:
            return "such a call is not repeated"
        if tries >= self.policy.tries:
            return f"tried {tries} times"
        if self._clock.monotonic_s() + wait_s >= deadline_at_s:
            return f"the call's {self.policy.deadline_s:g} s are over before it may be tried again"
        if not self._budget.spend():
            return "too many calls fail to repeat them all"
        return None

    def _error(self, failure: Failure, url: httpx.URL, reason: str) -> OutboundError:
        source = self.policy.source
        shown = self._masker.mask(str(url))
        message = f"{source}: {shown} {failure.text}" + (f"; {reason}" if reason else "") + "; nothing of it was kept"
        if failure.kind == "size":
            hint = f"ask for less at once, or raise response_bytes_max in [sources.{source}]"
            return ResponseTooLarge(message, hint=hint, status=failure.status)
        if not failure.is_transient:
            hint = _HINTS.get(failure.status or 0, "correct the request; the same one would be refused again")
            return RequestRefused(message, hint=hint, status=failure.status)
        kind = RateLimited if failure.status == 429 else SourceUnavailable
        when = f" in {failure.retry_after_s:.0f} s" if failure.retry_after_s else " later"
        return kind(message, hint=f"try again{when}", status=failure.status, retry_after_s=failure.retry_after_s)


_HINTS = {
    401: "check the key: it is missing, wrong or expired",
    403: "check the key's rights, and the plan it belongs to",
    404: "check the address",
    407: "the proxy wants a password: set it in HTTPS_PROXY",
}


def _parsed(url: str, base: httpx.URL | None = None) -> httpx.URL | None:
    try:
        return base.join(url) if base else httpx.URL(url)
    except (httpx.InvalidURL, ValueError, TypeError):
        return None


def _lower(headers: Mapping[str, str] | None) -> dict[str, str]:
    return {name.lower(): value for name, value in (headers or {}).items()}
