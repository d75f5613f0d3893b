"""What CurrencyLayer's refusals mean. They come with HTTP 200 and a code, or from the gateway before it with a status.

Nothing a provider wrote goes into an error unmasked: bodies echo keys.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from holdfast.domain.errors import HoldfastError, ProviderRefused, RateQuotaExhausted, SourceUnavailable
from holdfast.fx.strict_json import NumberText
from holdfast.outbound.masking import Masker
from holdfast.outbound.policy import Answer

NO_RATES = 106
PLAN = 105
QUOTA = (104, 429)
_TOLD_LENGTH_MAX = 200
PAUSE_S_MAX = 30.0  # a pause that short is no used up quota, and is waited for
_NO_HEADER_WAIT_S = 3600.0
_WAIT_S_MAX = 31 * 86400.0
_TRANSIENT = {408, 425}
_MEANINGS: dict[int, tuple[str, str]] = {
    101: (
        "the key is missing or wrong",
        "check the key: HOLDFAST_FX_KEY, or key and key_file under [fx.currencylayer]",
    ),
    102: ("the account is not active", "ask the provider's support"),
    103: ("there is no such function", "check url under [fx.currencylayer]"),
    104: ("the month's calls are used up", "run again next month, or take a larger plan and use --ignore-quota"),
    201: ("the source currency is unknown", "this provider is asked for USD; check url under [fx.currencylayer]"),
    202: ("a currency is unknown", "check --currencies, or currencies under [fx]"),
    301: ("no date was given", "this is a bug in Holdfast"),
    302: ("the date is not valid", "check --date, --from and --to"),
    404: ("there is no such resource", "check url under [fx.currencylayer]"),
}
_HTTPS = (
    "the plan does not include HTTPS",
    'take a plan with HTTPS, or an apilayer key; or send the key in the clear: url = "http://..." under '
    "[fx.currencylayer] and --allow-insecure-http",
)
_FUNCTION = (
    "the plan does not include this function",
    "take a plan that has it, or ask in a way the plan has: single days, no --live",
)
_GATEWAY: dict[int, tuple[str, str]] = {
    401: ("the gateway does not accept the key", _MEANINGS[101][1]),
    403: ("the gateway does not let this key use this API", "subscribe to the API, and check the key"),
    404: ("the gateway knows no such address", _MEANINGS[404][1]),
}
KEPT = "nothing of this answer was kept"


def error_of_code(code: int, error: dict[str, Any], shown: str, masker: Masker, answer: Answer) -> HoldfastError:
    """What `{"success": false, "error": {...}}` means."""
    told = told_by(error, masker)
    if code in QUOTA:
        return _quota(f"{shown}: error {code}: {_MEANINGS[104][0]}{told}; {KEPT}", answer, whole_month=code == 104)
    if code == PLAN:
        meaning, hint = _HTTPS if is_about_https(error) else _FUNCTION
        return ProviderRefused(f"{shown}: error {code}: {meaning}{told}; {KEPT}", hint=hint)
    if code in _MEANINGS:
        meaning, hint = _MEANINGS[code]
        return ProviderRefused(f"{shown}: error {code}: {meaning}{told}; {KEPT}", hint=hint)
    return ProviderRefused(
        f"{shown}: error {code}, which is none that is known{told}; {KEPT}", hint="look it up with the provider"
    )


def is_about_https(error: dict[str, Any]) -> bool:
    """Code 105 says two things: the plan has no HTTPS, or it does not have this function."""
    return re.search("https|encrypt", f"{error.get('type')} {error.get('info')}", re.IGNORECASE) is not None


def error_of_status(answer: Answer, shown: str, masker: Masker, body: Any) -> HoldfastError:
    """What a status other than 200 means, or a body that is no answer at all."""
    told = told_by(body, masker) if isinstance(body, dict) else _excerpt(answer.body, masker)
    what = f"{shown}: HTTP {answer.status}"
    if answer.status == 429:
        wait_s = _retry_after_s(answer)
        if wait_s is not None and wait_s <= PAUSE_S_MAX:
            message = f"{what}: asks for a pause of {wait_s:.0f} s{told}; {KEPT}"
            return SourceUnavailable(message, hint="run again later", status=429, retry_after_s=wait_s)
        return _quota(f"{what}: too many calls{told}; {KEPT}", answer, whole_month=False)
    if answer.status in _GATEWAY:
        meaning, hint = _GATEWAY[answer.status]
        return ProviderRefused(f"{what}: {meaning}{told}; {KEPT}", hint=hint)
    if 300 <= answer.status < 400:  # followed, it would be a second call, and maybe to somewhere without HTTPS
        return ProviderRefused(f"{what}: it is a redirect, which is not followed; {KEPT}", hint=_MEANINGS[404][1])
    if 400 <= answer.status < 500 and answer.status not in _TRANSIENT:
        return ProviderRefused(f"{what}: the request is refused{told}; {KEPT}", hint="check [fx.currencylayer]")
    found = f"{what}{told}" if answer.status != 200 else f"{shown}: expected a JSON object, found{told or ' nothing'}"
    return SourceUnavailable(f"{found}; {KEPT}", hint="run again later", status=answer.status)


def _quota(message: str, answer: Answer, *, whole_month: bool) -> RateQuotaExhausted:
    """How long to leave the provider alone: as it says; else to the month's end (0), or for an hour."""
    wait_s = min(_retry_after_s(answer) or 0, _WAIT_S_MAX) or (0.0 if whole_month else _NO_HEADER_WAIT_S)
    return RateQuotaExhausted(message, hint="see: holdfast fx status; days stored before stay", wait_s=wait_s)


def _retry_after_s(answer: Answer) -> float | None:
    text = answer.headers.get("retry-after", "").strip()
    if re.fullmatch("[0-9]{1,8}", text):
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None


def code_of(body: Any) -> tuple[int, dict[str, Any]] | None:
    """The code and the error object of a refusal; None: the body is none."""
    error = body.get("error") if isinstance(body, dict) and body.get("success") is False else None
    code = error.get("code") if isinstance(error, dict) else None
    if isinstance(error, dict) and isinstance(code, NumberText | str) and re.fullmatch("[0-9]{1,4}", code):
        return int(code), error
    return None


def told_by(body: dict[str, Any], masker: Masker) -> str:
    """What the provider says itself, in brackets."""
    words = [str(body[name]) for name in ("type", "info", "message") if isinstance(body.get(name), str)]
    return _bracketed(": ".join(words), masker)


def _excerpt(body: bytes, masker: Masker) -> str:
    text = re.sub(r"<[^>]*>", " ", body[:4000].decode("utf-8", errors="replace"))
    return _bracketed(text, masker)


def _bracketed(text: str, masker: Masker) -> str:
    plain = " ".join("".join(letter if letter.isprintable() else " " for letter in masker.mask(text)).split())
    return f" ({plain[:_TOLD_LENGTH_MAX]})" if plain else ""
