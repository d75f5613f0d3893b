"""Files that are not on this machine: which place an address means, what may stand in it, and how long it is asked for.

The ledger keeps addresses, and so do logs and errors: none may hold a secret. `${NAME}` in an address stands for a
variable of the environment; it is filled in only when a request is made, on whatever machine that is. An address with a
password or a signature written out is refused.

Errors that pass (timeouts, resets, throttling, 5xx) are tried again here and nowhere else.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

import stamina
import structlog
import xxhash

from holdfast.domain.chunk import FileStamp
from holdfast.domain.errors import ConfigError, SourceError, SourceUnavailable

stamina.instrumentation.set_on_retry_hooks([])  # what is tried again is logged below, in our words
T = TypeVar("T")
log = structlog.get_logger("holdfast.sources")
AHEAD_BYTES = 8 * 1024 * 1024  # fetched at once for who reads on: a request costs a round trip
EXTRAS = {
    "s3": "s3",
    "s3a": "s3",
    "gs": "gs",
    "gcs": "gs",
    "az": "az",
    "abfs": "az",
    "abfss": "az",
    "sftp": "sftp",
    "https": "https",
    "http": "https",
}
_REFERENCE = re.compile(r"\$\{(\w+)\}")
_SECRET_QUERY = re.compile(
    r"(?i)[?&;#]((?:[\w.-]*(?:signature|credential|token|secret|passwo?r?d|pwd|jwt|"
    r"(?:api|access|private|subscription)[_-]?key))|sig|key|auth|awsaccesskeyid)=(?!\$\{\w+\}(?:[&;#]|$))[^&;#]"
)
_WEB_USER = re.compile(r"(?i)^https?://(?!\$\{\w+\}@)[^/@:]+@")
_PASSWORD = re.compile(r"^\w+://[^/@]*:(?!\$\{\w+\}@)[^/@]*@")


class Passing(Exception):
    """Trouble that may be over soon. Told in words without secrets."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a place says of a file. `version`: a strong ETag or the like; empty: only `modified` is known."""

    size_bytes: int
    version: str
    modified: str


class Place(Protocol):
    """One kind of storage. Addresses come with everything filled in; errors are Passing or HoldfastError."""

    def glob(self, address: str) -> list[str]:
        """Addresses of files that match; the address itself where the place cannot list or it is a plain name."""
        ...

    def look(self, address: str, shown: str) -> Seen: ...

    def fetch(self, address: str, shown: str, start: int, end: int, seen: Seen) -> bytes:
        """Exactly bytes [start, end) of the file as it was `seen`. Raises SourceChanged."""
        ...

    def close(self) -> None: ...


class RemoteFiles:
    """Files behind addresses. `options`: by scheme, as in `[remote.s3]`."""

    def __init__(self, options: dict[str, dict[str, Any]], *, retry_for_s: float) -> None:
        unknown = sorted(set(options) - set(EXTRAS.values()))
        if unknown:
            raise ConfigError(
                f"holdfast.toml: remote.{unknown[0]} is unknown; known are {', '.join(sorted(set(EXTRAS.values())))}",
                hint="correct the section's name",
            )
        self._options = options
        self._retry_for_s = retry_for_s
        self._places: dict[str, Place] = {}

    def _found(self, pattern: str) -> list[str]:
        """Addresses that match, with what stands for a variable in the host's place as it was written."""
        place, address = self._place(pattern), self._filled(pattern)
        host = re.match(r"\w+://[^/]*", pattern)
        host_shown = host[0] if host else ""
        host_bytes = len(self._filled(host_shown))
        found = self._asked(lambda: place.glob(address), pattern)
        return [pattern if one == address else host_shown + one[host_bytes:] for one in found]

    def list(self, patterns: list[str]) -> list[FileStamp]:
        uris: dict[str, None] = {}
        for pattern in patterns:
            refuse_secrets(pattern)
            for uri in self._found(pattern):
                uris[uri] = None
        return [self.stamp(uri) for uri in uris]

    def stamp(self, uri: str) -> FileStamp:
        place, address = self._place(uri), self._filled(uri)
        seen = self._asked(lambda: place.look(address, uri), uri)
        return _stamp(uri, seen)

    def open(self, uri: str) -> RemoteHandle:
        place, address = self._place(uri), self._filled(uri)
        seen = self._asked(lambda: place.look(address, uri), uri)

        def fetch(start: int, end: int) -> bytes:
            return self._asked(lambda: place.fetch(address, uri, start, end, seen), uri)

        return RemoteHandle(fetch, seen.size_bytes)

    def close(self) -> None:
        for place in self._places.values():
            place.close()
        self._places.clear()

    def _place(self, uri: str) -> Place:
        scheme = uri.partition("://")[0].lower()
        if scheme not in EXTRAS:
            raise SourceError(
                f"cannot read {uri}: nothing here knows {scheme}://; known are {', '.join(sorted(EXTRAS))}",
                hint="check the address, or fetch the file first",
            )
        kind = EXTRAS[scheme]
        if kind not in self._places:
            options = self._options.get(kind, {})
            if kind == "https":
                from holdfast.adapters.sources.web import Web

                self._places[kind] = Web(options)
            else:
                from holdfast.adapters.sources.stores import Stores

                self._places[kind] = Stores(kind, options)
        return self._places[kind]

    def _filled(self, uri: str) -> str:
        def value(found: re.Match[str]) -> str:
            if (text := os.environ.get(found[1])) is None:
                raise ConfigError(
                    f"{uri} uses ${{{found[1]}}}, but the environment has no {found[1]}; nothing was read",
                    hint=f"export {found[1]}=... wherever a worker runs",
                )
            return quote(text, safe="") if found.start() < path_start else text  # `p@ss/word` is one part

        scheme, _, rest = uri.partition("://")
        path_start = len(scheme) + 3 + len(rest.partition("/")[0])
        return _REFERENCE.sub(value, uri)

    def _asked(self, work: Callable[[], T], uri: str) -> T:
        def worth_it(error: Exception) -> bool:
            if isinstance(error, Passing):
                log.warning("trying again", what=uri, error=str(error))
            return isinstance(error, Passing)

        attempts = stamina.retry_context(
            on=worth_it, attempts=None, timeout=self._retry_for_s, wait_initial=0.1, wait_max=10.0, wait_jitter=0.5
        )
        try:
            for attempt in attempts:
                with attempt:
                    return work()
        except Passing as last:
            raise SourceUnavailable(
                f"{uri} could not be read for {self._retry_for_s:g} s: {last}; what was committed before stays",
                hint="try again later; the load goes on where it stopped",
            ) from None
        raise AssertionError("retry_context ends by returning or raising")


@dataclass(slots=True)
class RemoteHandle:
    """One remote file, as it was when it was opened. Who reads on gets what was fetched ahead."""

    fetch: Callable[[int, int], bytes]
    size_bytes: int
    _start: int = 0
    _data: bytes = b""

    def read(self, start: int, end: int) -> bytes:
        end = min(end, self.size_bytes)
        if start >= end:
            return b""
        ahead = self._start + len(self._data)
        if not self._start <= start <= end <= ahead:
            reads_on = bool(self._data) and self._start <= start <= ahead
            self._data = b""  # not both at once
            stop = min(self.size_bytes, max(end, start + AHEAD_BYTES)) if reads_on else end
            self._start, self._data = start, self.fetch(start, stop)
        return self._data[start - self._start : end - self._start]

    def close(self) -> None:
        self._data = b""


def _stamp(uri: str, seen: Seen) -> FileStamp:
    if seen.version:
        digest = xxhash.xxh3_128_hexdigest(seen.version.encode())  # of whatever length, in any letters
        return FileStamp(uri=uri, size_bytes=seen.size_bytes, modified=f"etag:{digest}", is_proof=True)
    return FileStamp(uri=uri, size_bytes=seen.size_bytes, modified=seen.modified[:64])


def refuse_secrets(uri: str) -> None:
    """Raises ConfigError for an address that holds a secret itself: it would stand in the ledger and in logs."""
    told = "a password" if _PASSWORD.match(uri) else "a user or a token" if _WEB_USER.match(uri) else ""
    if found := _SECRET_QUERY.search(uri):
        told = found[1]
    if told:
        scheme, _, rest = uri.partition("://")
        shown = f"{scheme}://{re.split('[?;#]', rest.rpartition('@')[2])[0]}"
        raise ConfigError(
            f"the address of {shown} has {told} in it, which would stand in the ledger; nothing was read",
            hint="put the secret into a variable and write ${NAME} in its place",
        )
