"""Object stores and SFTP, through fsspec: s3://, gs://, az://, sftp://.

Credentials are found as each library finds them (environment, profiles, the machine's own identity) or are given under
`[remote.s3]` and its like, whose keys are the filesystem's own options. One filesystem a process and host; listings are
never cached, for a stamp must be what the store says now.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit

from holdfast.adapters.sources.remote import Passing, Seen
from holdfast.domain.errors import ConfigError, HoldfastError, SourceChanged, SourceError

LISTED_MAX = 100_000
_MAGIC = re.compile(r"[*?\[]")
_PASSING_KINDS = {
    "BotoCoreError",
    "HTTPClientError",
    "ClientConnectionError",
    "ClientPayloadError",
    "SSHException",
    "ServiceRequestError",
    "ServiceResponseError",
    "IncompleteReadError",
}
_CREDENTIAL_KINDS = {
    "PermissionDenied",  # SSH's
    "HostKeyNotVerifiable",
    "NoCredentialsError",
    "PartialCredentialsError",
    "AuthenticationException",
    "DefaultCredentialsError",
    "ClientAuthenticationError",
    "RefreshError",
    "ProfileNotFound",
    "TokenRetrievalError",
}
_VERSIONS = ("ETag", "etag", "generation")
_TIMES = ("LastModified", "last_modified", "updated", "mtime")


class Stores:
    """One kind of store: `kind` is the name of its extra and of its section in holdfast.toml."""

    def __init__(self, kind: str, options: dict[str, Any]) -> None:
        self._kind = kind
        self._options = options
        self._systems: dict[str, Any] = {}

    def glob(self, address: str) -> list[str]:
        system, path, before = self._at(address)
        if not _MAGIC.search(path):
            return [address]
        try:
            found = system.glob(path, detail=True)
            if not found and system.exists(path):
                return [address]  # a name with brackets in it
        except Exception as error:
            _raise(error, address, self._kind)
        names = sorted(name for name, info in found.items() if info.get("type") != "directory")
        if not names:
            raise SourceError(f"no file matches {address!r}; nothing was read", hint="check the pattern")
        if len(names) > LISTED_MAX:
            raise SourceError(
                f"{len(names):,} files match {address!r}, more than the {LISTED_MAX:,} of one load; nothing was read",
                hint="load them by narrower patterns, one after the other",
            )
        return [before + name for name in names]

    def look(self, address: str, shown: str) -> Seen:
        system, path, _ = self._at(address)
        try:
            info = system.info(path)
        except Exception as error:
            _raise(error, shown, self._kind)
        if info.get("type") == "directory":
            raise SourceError(
                f"{shown} is a folder; a source is a file; nothing was read", hint=f"name {shown.rstrip('/')}/*.csv"
            )
        version = next((str(info[name]) for name in _VERSIONS if info.get(name)), "")
        modified = next((str(info[name]) for name in _TIMES if info.get(name)), "")
        return Seen(int(info["size"]), "" if version.startswith("W/") else version, modified)

    def fetch(self, address: str, shown: str, start: int, end: int, seen: Seen) -> bytes:
        system, path, _ = self._at(address)
        try:
            with system.open(path, "rb", cache_type="none") as file:
                opened = getattr(file, "details", None) or {}
                now = next((str(opened[name]) for name in _VERSIONS if opened.get(name)), seen.version)
                if seen.version and now != seen.version:  # each range is read under the version just opened
                    raise _changed(shown)
                file.seek(start)
                data: bytes = file.read(end - start)
        except HoldfastError:
            raise
        except Exception as error:
            _raise(error, shown, self._kind)
        if len(data) != end - start:
            raise Passing(f"asked for {end - start:,} bytes, got {len(data):,}")
        return data

    def close(self) -> None:
        for system in self._systems.values():
            if getattr(system, "_s3", None) is not None:
                system.close_session(system.loop, system._s3)  # the others close when they are collected
        self._systems.clear()

    def _at(self, address: str) -> tuple[Any, str, str]:
        """The filesystem, the path within it, and what stands before such paths in an address."""
        scheme, _, rest = address.partition("://")
        if self._kind != "sftp":
            return self._system("", {}), rest, f"{scheme}://"
        parts = urlsplit(address)
        given = {"port": parts.port, "username": parts.username, "password": unquote(parts.password or "") or None}
        host = parts.hostname or ""
        options = {"host": host, **{name: value for name, value in given.items() if value}}
        return self._system(parts.netloc, options), unquote(parts.path), f"{scheme}://{parts.netloc}"

    def _system(self, host: str, given: dict[str, Any]) -> Any:
        if host not in self._systems:
            try:
                import fsspec

                kind: Any
                if self._kind == "sftp":
                    import sshfs

                    kind = sshfs.SSHFileSystem  # fsspec's own takes any host's key for the right one
                else:
                    kind = fsspec.get_filesystem_class({"gs": "gcs", "az": "abfs"}.get(self._kind, self._kind))
            except ImportError as error:
                raise ConfigError(
                    f"reading {self._kind}:// needs a package that is not installed",
                    hint=f"pip install 'holdfast[{self._kind}]'",
                ) from error
            options: dict[str, Any] = {"skip_instance_cache": True}
            if self._kind != "sftp":  # which takes every word for one of SSH's
                options["use_listings_cache"] = False
            of_host = self._options.get(host.rpartition("@")[2], {}) if host else {}
            general = {n: v for n, v in self._options.items() if not (host and isinstance(v, dict))}
            if self._kind == "sftp" and "known_hosts" not in {**general, **of_host}:
                general["known_hosts"] = _known_hosts()
            try:
                self._systems[host] = kind(**options, **{**general, **of_host, **given})
            except Exception as error:
                _raise(error, f"{self._kind}://{host.rpartition('@')[2]}", self._kind)
        return self._systems[host]


def _known_hosts() -> str:
    """The user's file of host keys: sshfs would trust any host without it."""
    path = Path.home() / ".ssh" / "known_hosts"
    if not path.is_file():
        raise ConfigError(
            f"{path} is not there, so nothing says which host is the right one; nothing was read",
            hint="make it with ssh-keyscan, or name another one: [remote.sftp] known_hosts = ...",
        )
    return str(path)


def _changed(shown: str) -> SourceChanged:
    return SourceChanged(
        f"{shown} changed while it was read; nothing of what was being read was loaded",
        hint="run the load again: it plans the new version, keeps what is equal and loads what changed",
    )


def _raise(error: Exception, shown: str, kind: str) -> NoReturn:
    """What a library says, in our words: its own may hold addresses with signatures, and keys."""
    kinds = {one.__name__ for one in type(error).__mro__}
    hint = f"check the name, and the credentials: environment, profile, or [remote.{kind}] in holdfast.toml"
    if "FileExpired" in kinds:
        raise _changed(shown) from None
    if kinds & _CREDENTIAL_KINDS:
        raise ConfigError(f"cannot read {shown}: no credentials that work; nothing was read", hint=hint) from None
    if isinstance(error, FileNotFoundError):
        raise SourceError(
            f"cannot read {shown}: there is no such file or bucket; nothing was read", hint=hint
        ) from None
    if isinstance(error, PermissionError):
        raise SourceError(f"cannot read {shown}: the store does not allow it; nothing was read", hint=hint) from None
    if isinstance(error, (TimeoutError, OSError)) or kinds & _PASSING_KINDS:
        raise Passing(f"the store does not answer as it should ({type(error).__name__})") from None
    raise SourceError(
        f"cannot read {shown}: the store's library gave up ({type(error).__name__}); nothing was read", hint=hint
    ) from None
