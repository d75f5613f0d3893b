"""Secrets as stars, in every spelling they take on their way: plain, url-encoded, escaped, base64 (basic auth).

Addresses lose, besides, the password in them and the value of any parameter whose name says it is a key.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable

STARS = "***"
_PLUS = r"|\+"  # a space in a query
SHORTEST = 4  # masking `a` would wreck every line and hide nothing
_USER_INFO = re.compile(r"(\w://)[^\s/?#@]*@")
_KEY_PARAMETER = re.compile(
    r"(?i)([?&;](?:[\w.-]*(?:key|token|secret|signature|passw(?:or)?d|pwd|credential)|auth|sig)=)[^\s&;#'\"]+"
)


class Masker:
    def __init__(self, secrets: Iterable[str]) -> None:
        kept = sorted({secret for secret in secrets if len(secret) >= SHORTEST}, key=len, reverse=True)
        forms = [form for secret in kept for form in (_as_text(secret), *_within_base64(secret))]
        self._forms = re.compile("|".join(forms), re.IGNORECASE) if forms else None

    def mask(self, text: str) -> str:
        hidden = self._forms.sub(STARS, text) if self._forms else text
        return _KEY_PARAMETER.sub(rf"\1{STARS}", _USER_INFO.sub(rf"\1{STARS}@", hidden))

    def is_in(self, text: str) -> bool:
        return bool(self._forms and self._forms.search(text))


def _as_text(secret: str) -> str:
    """A pattern of the secret as it is and with any of its characters url-encoded (twice, too) or escaped.

    Which characters are, differs from one library to the next: `/` is `%2F` here, `\/` there. Groups are atomic, so
    that searching never goes back: a text is searched in time that grows with its length only.
    """
    whole = {secret, repr(secret.encode("utf-8", "surrogatepass"))[2:-1], json.dumps(secret)[1:-1]}
    encoded = "".join(_character(character) for character in secret)
    return "|".join([encoded, *map(re.escape, sorted(whole, key=len, reverse=True))])  # the longest spelling first


def _character(character: str) -> str:
    utf8, utf16 = (character.encode(name, "surrogatepass") for name in ("utf-8", "utf-16-be"))
    units = (utf16[place : place + 2].hex() for place in range(0, len(utf16), 2))
    forms = [
        "".join(f"%(?:25)?{byte:02x}" for byte in utf8),
        "".join(rf"\\{{1,2}}u{unit}" for unit in units),
        rf"\\{{0,2}}{re.escape(character)}",
    ]
    return f"(?>{'|'.join(forms)}{_PLUS if character == ' ' else ''})"


def _within_base64(secret: str) -> set[str]:
    """Patterns of what is seen of a secret within longer base64 text, at each of the three places it can begin."""
    found, told = set(), secret.encode("utf-8", "surrogatepass")
    for before in range(3):
        text = base64.b64encode(b"\0" * before + told)
        kept = text[(0, 2, 3)[before] : len(text) - (0, 3, 2)[(before + len(told)) % 3]].decode()
        if len(kept) >= SHORTEST:
            found |= {re.escape(kept), re.escape(kept.replace("+", "-").replace("/", "_"))}
    return found
