"""Secrets as stars, in every spelling they take on their way: plain, url-encoded, base64 (basic auth), JSON.

Addresses lose, besides, the password in them and the value of any parameter whose name says it is a key.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

STARS = "***"
SHORTEST = 4  # masking `a` would wreck every line and hide nothing
_USER_INFO = re.compile(r"(\w://)[^\s/?#@]*@")
_KEY_PARAMETER = re.compile(
    r"(?i)([?&;](?:[\w.-]*(?:key|token|secret|signature|passw(?:or)?d|pwd|credential)|auth|sig)=)[^\s&;#'\"]+"
)


class Masker:
    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in _spellings(secret) if len(form) >= SHORTEST}
        ordered = sorted(forms, key=len, reverse=True)
        self._forms = re.compile("|".join(map(re.escape, ordered)), re.IGNORECASE) if ordered else None

    def mask(self, text: str) -> str:
        hidden = self._forms.sub(STARS, text) if self._forms else text
        return _KEY_PARAMETER.sub(rf"\1{STARS}", _USER_INFO.sub(rf"\1{STARS}@", hidden))

    def is_in(self, text: str) -> bool:
        return bool(self._forms and self._forms.search(text))


def _spellings(secret: str) -> set[str]:
    if len(secret) < SHORTEST:
        return set()
    quoted = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    encoded = {secret, *quoted, repr(secret)[1:-1], json.dumps(secret)[1:-1]}
    return encoded | {quote(form, safe="") for form in quoted} | _within_base64(secret.encode())


def _within_base64(secret: bytes) -> set[str]:
    """What is seen of a secret within longer base64 text, at each of the three places it can begin."""
    found = set()
    for before in range(3):
        text = base64.b64encode(b"\0" * before + secret)
        kept = text[(0, 2, 3)[before] : len(text) - (0, 3, 2)[(before + len(secret)) % 3]].decode()
        found |= {kept, kept.replace("+", "-").replace("/", "_")}
    return found
