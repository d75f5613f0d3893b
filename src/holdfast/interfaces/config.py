"""The project: where it is, what `holdfast.toml` says, which contracts it has.

Precedence, strongest first: `--db` and options, environment (HOLDFAST_DB, HOLDFAST_LOAD__WORKERS, ...), holdfast.toml,
defaults. Every mistake is a ConfigError that names the file and the key. Passwords can stay out of the file: `${NAME}`
in a url is taken from the environment, `url_file` names a file that holds the url.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, get_args, get_origin
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from holdfast.domain.contract import CHUNK_BYTES_MAX, Contract, contract_from
from holdfast.domain.errors import ConfigError
from holdfast.interfaces.fx_config import FxSection
from holdfast.interfaces.source_config import SourceName, SourceSettings
from holdfast.observe.log import mask, register_password_of, register_secrets_of
from holdfast.outbound.policy import Policy

CONFIG_NAME = "holdfast.toml"
DEFAULT_URL = "sqlite:///holdfast.db"
_REFERENCE = r"\$\{(\w+)\}"
_VARIABLE = re.compile(r"HOLDFAST_([A-Z]+)__(\w+)", re.IGNORECASE)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DatabaseSettings(_Section):
    url: str | None = None
    url_file: str | None = None  # relative to the project; for secrets that are mounted as files

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.url and self.url_file:
            raise ValueError("url and url_file are both set: keep one")
        return self


class LoadSettings(_Section):
    """How a load runs. What a dataset *is* belongs to its contract."""

    workers: int = Field(default=1, ge=1, le=256)
    chunk_bytes: int | None = Field(default=None, ge=64, le=CHUNK_BYTES_MAX)  # None: as the contract says
    grace_s: float = Field(default=20.0, ge=0)
    retry_for_s: float = Field(default=300.0, ge=0)  # how long to wait for a database that went away
    lease_s: float = Field(default=15.0, gt=0)
    heartbeat_s: float = Field(default=5.0, gt=0)
    landing_rows_min: int | None = Field(default=None, ge=0)  # None: as suits the engine

    @model_validator(mode="after")
    def _beats_in_time(self) -> Self:
        if self.heartbeat_s * 2 > self.lease_s:
            raise ValueError("heartbeat_s must be at most half of lease_s, or one late beat loses the lease")
        return self


class LedgerSettings(_Section):
    """How long the ledger remembers what nothing hangs on: values that were replaced, logs, stages."""

    keep_days: int = Field(default=400, ge=1, le=36_500)


class _Settings(_Section):
    database: DatabaseSettings = DatabaseSettings()
    load: LoadSettings = LoadSettings()
    ledger: LedgerSettings = LedgerSettings()
    fx: FxSection = FxSection()
    sources: dict[SourceName, SourceSettings] = {}
    remote: dict[str, dict[str, Any]] = {}  # options of what opens s3://, gs://, az://, https:// and sftp://


@dataclass(frozen=True, slots=True)
class Project:
    """A project as this process sees it. `url` holds the password: print `url_shown` instead."""

    directory: Path
    url: str = field(repr=False)
    load: LoadSettings
    fx: FxSection
    sources: Mapping[str, SourceSettings] = field(default_factory=dict)
    remote: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)  # by scheme, secrets filled in
    ledger: LedgerSettings = field(default_factory=LedgerSettings)

    def policy(self, source: str) -> Policy:
        """How calls to a source are made: as its section says, or by the defaults."""
        return self.sources.get(source, SourceSettings()).policy(source)

    @property
    def url_shown(self) -> str:
        return mask(self.url)

    @property
    def contracts_directory(self) -> Path:
        return self.directory / "contracts"

    def dataset_names(self) -> list[str]:
        return sorted(path.stem for path in self.contracts_directory.glob("*.toml"))

    def contract(self, name: str) -> Contract:
        """The contract of a dataset. Raises ConfigError where there is none, ContractError where it is not sound."""
        path = self.contracts_directory / f"{name}.toml"
        if name not in (names := self.dataset_names()):
            listed = f"there are: {', '.join(names)}" if names else "there are none yet"
            raise ConfigError(
                f"no dataset {name!r}: looked for {path}; {listed}{_near(name, names)}",
                hint="make one with: holdfast contract infer FILE > contracts/NAME.toml",
            )
        return contract_from({"name": name, **read_toml(path)})

    def table_named(self, name: str) -> str | None:
        """The table that a contract names, be it sound or not; None where even that cannot be read."""
        with suppress(ConfigError):
            table = read_toml(self.contracts_directory / f"{name}.toml").get("table")
            return table if isinstance(table, str) else None
        return None

    def contracts(self) -> list[Contract]:
        return [self.contract(name) for name in self.dataset_names()]


def load_project(db: str | None = None, *, start: Path | None = None) -> Project:
    """The project around `start` (the current directory); one with defaults where no holdfast.toml is found.

    A relative SQLite path means the project in holdfast.toml, and the current directory in `db` and HOLDFAST_DB.
    """
    here = (start or Path.cwd()).absolute()
    path = find_config(here)
    directory = path.parent if path else here
    settings = _settings(read_toml(path) if path else {}, path)
    given = db or os.environ.get("HOLDFAST_DB")
    url = _anchored(given, here) if given else _anchored(_configured_url(settings.database, directory), directory)
    register_password_of(url)
    remote = {scheme: _filled(options, f"remote.{scheme}") for scheme, options in settings.remote.items()}
    register_secrets_of(remote)
    return Project(
        directory=directory,
        url=url,
        load=settings.load,
        fx=settings.fx,
        sources=settings.sources,
        remote=remote,
        ledger=settings.ledger,
    )


def _filled(options: dict[str, Any], place: str) -> dict[str, Any]:
    """The options with every `${NAME}` taken from the environment."""
    filled: dict[str, Any] = {}
    for name, value in options.items():
        key = f"{place}.{name}"
        if isinstance(value, dict):
            filled[name] = _filled(value, key)
        elif isinstance(value, str):
            filled[name] = re.sub(_REFERENCE, lambda part, key=key: _from_environment(part, key), value)  # type: ignore[misc]
        else:
            filled[name] = value
    return filled


def find_config(start: Path) -> Path | None:
    """HOLDFAST_CONFIG, or the holdfast.toml of this directory or the nearest parent that has one."""
    if named := os.environ.get("HOLDFAST_CONFIG"):
        path = Path(named).absolute()
        if not path.is_file():
            raise ConfigError(
                f"HOLDFAST_CONFIG names {path}, which is no file", hint="correct or unset HOLDFAST_CONFIG"
            )
        return path
    here = start.absolute()
    return next((d / CONFIG_NAME for d in (here, *here.parents) if (d / CONFIG_NAME).is_file()), None)


def read_toml(path: Path) -> dict[str, Any]:
    """Parse a TOML file. Raises ConfigError with file, line and column."""
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}", hint="check its permissions") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 at byte {error.start}", hint="save the file as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at (?:line (\d+), column (\d+)|end of document)\)", str(error))
        where = f":{place[1]}:{place[2]}" if place and place[1] else ""
        what = str(error)[: place.start()].strip() if place else str(error)
        raise ConfigError(f"{path}{where}: not valid TOML: {what}", hint="correct that line") from error


def _settings(data: dict[str, Any], path: Path | None) -> _Settings:
    try:
        return _Settings(**_overridden(data))
    except ValidationError as error:
        problems = "; ".join(_problem(e["loc"], e["type"], e["msg"]) for e in error.errors())
        raise ConfigError(
            f"{path or 'environment'}: {problems}", hint="correct the key (or its HOLDFAST_... variable) and try again"
        ) from None  # pydantic's own text would repeat the values, and a url is a secret


def _overridden(data: dict[str, Any]) -> dict[str, Any]:
    """The file's values under those of the environment: HOLDFAST_LOAD__WORKERS is `workers` of section `load`.

    By hand, because pydantic-settings takes longer to import than a known file takes to be recognised.
    """
    merged = dict(data)
    for name, value in os.environ.items():
        if (found := _VARIABLE.fullmatch(name)) and (section := found[1].lower()) in _Settings.model_fields:
            there = merged.get(section, {})
            merged[section] = {**there, found[2].lower(): value} if isinstance(there, dict) else there
    return merged


def _problem(place: tuple[int | str, ...], kind: str, message: str) -> str:
    name = ".".join(str(part) for part in place)
    if kind != "extra_forbidden":
        return f"{name}: {message.removeprefix('Value error, ')}"
    known = _known_at(place[:-1])
    return f"unknown key {name!r}{_near(str(place[-1]), known)}; known here: {', '.join(known)}"


def _known_at(place: tuple[int | str, ...]) -> list[str]:
    """The keys of the (sub)section at this place of the file; a number is an entry of a list."""
    section: Any = _Settings
    parts = iter(place)
    for part in parts:
        inner = section.model_fields[part].annotation if isinstance(part, str) else section
        section = next((kind for kind in (inner, *get_args(inner)) if hasattr(kind, "model_fields")), inner)
        if get_origin(inner) is dict:
            next(parts, None)  # the section's own name
    return list(section.model_fields)


def _near(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=2, cutoff=0.6)
    return f" (did you mean {' or '.join(map(repr, close))}?)" if close else ""


def _configured_url(database: DatabaseSettings, directory: Path) -> str:
    if database.url_file:
        path = directory / database.url_file
        try:
            return path.read_text("utf-8").strip()
        except OSError as error:
            raise ConfigError(
                f"database.url_file {path}: {error.strerror}", hint="correct the path, or give --db"
            ) from error
    url = database.url or DEFAULT_URL
    if whole := re.fullmatch(_REFERENCE, url):
        return _from_environment(whole)
    return re.sub(_REFERENCE, lambda part: quote(_from_environment(part), safe=""), url)  # `p@ss/word` is one part


def _from_environment(reference: re.Match[str], key: str = "database.url") -> str:
    if (value := os.environ.get(reference[1])) is None:
        raise ConfigError(
            f"{key} uses ${{{reference[1]}}}, but the environment has no {reference[1]}",
            hint=f"export {reference[1]}=..." + (", or give --db" if key == "database.url" else ""),
        )
    return value


def _anchored(url: str, directory: Path) -> str:
    """The url with a relative SQLite path made absolute; any other url as it is."""
    found = re.fullmatch(r"(sqlite(?:\+\w+)?):///(?!file:)([^/:?][^?]*)(\?.*)?", url)
    if not found:
        return url
    return f"{found[1]}:///{(directory / found[2]).as_posix()}{found[3] or ''}"
