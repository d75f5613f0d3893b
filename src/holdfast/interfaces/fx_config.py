"""`[fx]` of holdfast.toml: which providers of exchange rates, which currencies, where the key is.

A key is never written into the file: `key = "${NAME}"` takes it from the environment, `key_file` from a file. Stronger
than both are HOLDFAST_FX_KEY and HOLDFAST_FX_KEY_FILE.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from holdfast.domain.errors import ConfigError
from holdfast.observe.log import register_secret

if TYPE_CHECKING:
    from holdfast.interfaces.config import Project
    from holdfast.wiring_fx import FxSettings

KEY_VARIABLE, KEY_FILE_VARIABLE = "HOLDFAST_FX_KEY", "HOLDFAST_FX_KEY_FILE"
_REFERENCE = re.compile(r"\$\{(\w+)\}")
_TABLE = r"[a-z_][a-z0-9_]{0,62}(\.[a-z_][a-z0-9_]{0,62})?"
_FREE_PLAN_HOST = "api.currencylayer.com"
_KEY_BYTES_MIN, _KEY_BYTES_MAX = 8, 512


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _reachable(url: str | None) -> str | None:
    if url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
        raise ValueError("expected an address as https://host/path")
    return url


class CurrencyLayerSection(_Part):
    """`endpoint`: apilayer.com takes the key in a header, currencylayer.com in the address."""

    endpoint: Literal["apilayer", "currencylayer"] = "apilayer"
    url: str | None = None  # a proxy of one's own; None: the endpoint's
    key: str | None = None
    key_file: str | None = None  # relative to the project

    @field_validator("key")
    @classmethod
    def _by_reference(cls, key: str | None) -> str | None:
        if key is not None and not _REFERENCE.fullmatch(key):
            raise ValueError('a key does not belong into a file: write key = "${NAME}" and set NAME, or use key_file')
        return key

    @field_validator("url")
    @classmethod
    def _an_address(cls, url: str | None) -> str | None:
        if url and (urlsplit(url).query or urlsplit(url).username):
            raise ValueError("a key, and any other parameter, is added by Holdfast: keep the plain address")
        return _reachable(url)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.key and self.key_file:
            raise ValueError("key and key_file are both set: keep one")
        return self


class EcbSection(_Part):
    url: str | None = None

    _an_address = field_validator("url")(_reachable)


class FileSection(_Part):
    """`rate_is`: what a rate of the file means. Columns by name."""

    path: str | None = None  # relative to the project
    date: str = "date"
    currency: str = "currency"
    rate: str = "rate"
    rate_is: Literal["usd_per_unit", "units_per_usd"] | None = None


class CoverageSection(_Part):
    """A dataset whose rows each have a day and a currency, by column."""

    dataset: str
    date: str
    currency: str


class FxSection(_Part):
    provider: Literal["currencylayer", "ecb", "file"] | None = None
    currencies: tuple[str, ...] = ("EUR", "GBP", "ILS")
    table: str = Field(default="fx_rates", pattern=f"^{_TABLE}$")
    allow_insecure_http: bool = False
    gap_days_max: int = Field(default=0, ge=0, le=366)  # 0: a day without a rate is an error
    currencylayer: CurrencyLayerSection = CurrencyLayerSection()
    ecb: EcbSection = EcbSection()
    file: FileSection = FileSection()
    coverage: tuple[CoverageSection, ...] = ()

    @field_validator("currencies", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return codes_of(value) if isinstance(value, str) else value


def codes_of(text: str) -> tuple[str, ...]:
    """`ILS, EUR` as codes, in capital letters."""
    return tuple(code.strip().upper() for code in text.split(",") if code.strip())


def fx_settings(project: Project, *, allow_insecure_http: bool = False) -> FxSettings:
    """What the wiring needs, the key read from where it is. Raises ConfigError."""
    from holdfast.wiring_fx import FxSettings

    section, directory = project.fx, project.directory
    insecure = allow_insecure_http or section.allow_insecure_http
    layer, file = section.currencylayer, section.file
    url = layer.url
    if url is None and layer.endpoint == "currencylayer":
        url = f"{'http' if insecure else 'https'}://{_FREE_PLAN_HOST}"  # its free plan has no HTTPS
    return FxSettings(
        provider=section.provider,
        table=section.table,
        allow_insecure_http=insecure,
        key=_key(layer, directory),
        currencylayer_url=url,
        currencylayer_key_in="header" if layer.endpoint == "apilayer" else "query",
        ecb_url=section.ecb.url,
        file_path=directory / file.path if file.path else None,
        file_columns={"date": file.date, "currency": file.currency, "rate": file.rate},
        file_rate_is=file.rate_is,
        policies={name: project.policy(name) for name in ("currencylayer", "ecb")},
    )


def _key(section: CurrencyLayerSection, directory: Path) -> str | None:
    if key := os.environ.get(KEY_VARIABLE):
        return _checked(key, KEY_VARIABLE)
    if path := os.environ.get(KEY_FILE_VARIABLE):
        return _checked(_read(Path(path), KEY_FILE_VARIABLE), KEY_FILE_VARIABLE)
    if section.key_file:
        return _checked(_read(directory / section.key_file, "fx.currencylayer.key_file"), "fx.currencylayer.key_file")
    if section.key and (named := _REFERENCE.fullmatch(section.key)):
        key = os.environ.get(named[1])
        return _checked(key, named[1]) if key else None
    return None


def _read(path: Path, setting: str) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_KEY_BYTES_MAX * 2).decode("ascii").strip()
    except OSError as error:
        raise ConfigError(f"{setting} {path}: {error.strerror}", hint="correct the path") from error
    except UnicodeDecodeError:
        raise ConfigError(f"{setting} {path}: it holds no key", hint="a key is plain ASCII text") from None


def _checked(key: str, setting: str) -> str:
    """The key, never to be shown from now on. One that is too short could not be told from other text."""
    key = key.strip()
    register_secret(key)
    if not (_KEY_BYTES_MIN <= len(key) <= _KEY_BYTES_MAX and key.isascii() and key.isprintable() and " " not in key):
        raise ConfigError(
            f"{setting} holds no key: expected {_KEY_BYTES_MIN} to {_KEY_BYTES_MAX} printable ASCII characters; "
            "nothing was sent",
            hint="copy the key from the provider's page once more",
        )
    return key
