"""What is asked of an HTTP API or a feed: the tables `[api]` and `[feed]` of a contract.

Secrets stand here by reference only (`${NAME}`), so a contract can be kept anywhere: in a repository, in the ledger.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, ClassVar, Literal, Self
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

PAGES_MAX = 10_000
URI_CHARS_MAX = 1_900
REFERENCE = re.compile(r"\$\{(\w+)\}")
_SECRET_NAMES = re.compile(
    r"(?i:(^|[_-])(key|apikey|appid|token|secret|password|passwd|pwd|signature|sig|auth|authorization|credentials?|cookie))$"
    r"|[a-z](Key|Token|Secret|Password|Signature)$"
)
_SPAN = re.compile(r"(\d+)([smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def _by_reference(value: str) -> str:
    if not REFERENCE.fullmatch(value):
        raise ValueError('a secret is given by reference, as in "${API_TOKEN}": never write it into a contract')
    return value


Secret = Annotated[str, AfterValidator(_by_reference)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Auth(_Strict):
    """How the caller says who he is. `name`: of the header or of the query parameter."""

    type: Literal["bearer", "header", "query", "basic"]
    name: str | None = None
    token: Secret | None = None
    username: str | None = None
    password: Secret | None = None

    @model_validator(mode="after")
    def _fits_its_type(self) -> Self:
        wanted = {
            "bearer": {"token"},
            "header": {"name", "token"},
            "query": {"name", "token"},
            "basic": {"username", "password"},
        }[self.type]
        _refuse_misfits(self, wanted, wanted)
        return self


class Pagination(_Strict):
    """How one page leads to the next. `size`: records asked for a page, told in `size_param`."""

    type: Literal["none", "page", "offset", "cursor", "link", "next_url"] = "none"
    param: str | None = None
    first: int | None = None
    size: int | None = Field(default=None, ge=1)
    size_param: str | None = None
    short_page_ends: bool | None = None  # is a page with fewer records than `size` the last one? None: no
    cursor: str | None = None  # where the next cursor stands in the body
    next: str | None = None  # where the next page's address stands in the body

    @model_validator(mode="after")
    def _fits_its_type(self) -> Self:
        sized = {"size", "size_param"}
        allowed, needed = {
            "none": (sized, set()),
            "page": ({"param", "first", "short_page_ends", *sized}, set()),
            "offset": ({"param", "first", "short_page_ends", *sized}, set()),
            "cursor": ({"param", "cursor", *sized}, {"cursor"}),
            "link": (sized, set()),
            "next_url": ({"next", *sized}, {"next"}),
        }[self.type]
        _refuse_misfits(self, allowed, needed)
        if self.short_page_ends and self.size is None:
            raise ValueError("short_page_ends needs size: how many records a full page has")
        if self.size_param and self.size is None:
            raise ValueError("size_param needs size: how many records to ask for")
        return self

    @property
    def name(self) -> str:
        """The query parameter that says which page is asked for."""
        return self.param or self.type

    @property
    def start(self) -> int:
        return self.first if self.first is not None else int(self.type == "page")


def _refuse_misfits(model: Auth | Pagination, allowed: set[str], needed: set[str]) -> None:
    given = {name for name in type(model).model_fields if name != "type" and getattr(model, name) is not None}
    if extra := sorted(given - allowed):
        raise ValueError(f"{', '.join(extra)}: does not go with type {model.type!r}")
    if missing := sorted(needed - given):
        raise ValueError(f"type {model.type!r} needs {', '.join(missing)}")


class Incremental(_Strict):
    """Only what is new is asked for: `param` is sent the greatest value of column `field` so far, less `lookback`."""

    field: str
    param: str
    lookback: str | int = 0
    start: str | None = None  # sent by the first extraction; None: it asks for everything
    format: str = "iso"  # iso | unix | unix_ms | a pattern of strftime

    @field_validator("lookback")
    @classmethod
    def _readable(cls, value: str | int) -> str | int:
        if not _SPAN.fullmatch(str(value)):
            raise ValueError(f'lookback {value!r}: write "2d", "6h", "30m", "15s", or a number')
        return value

    @property
    def lookback_s(self) -> int:
        """In seconds; of a column of whole numbers: how much less is sent."""
        found = _SPAN.fullmatch(str(self.lookback))
        return int(found[1]) * _SECONDS[found[2]] if found else 0


class _WebSource(_Strict):
    url: str
    source: str = ""  # the name of its limits, `[sources.NAME]`; empty: the host
    params: dict[str, str | int | bool] = Field(default_factory=dict)
    headers: dict[str, str] = Field(default_factory=dict)
    auth: Auth | None = None
    allow_insecure_http: bool = False

    @model_validator(mode="after")
    def _reachable_and_without_secrets(self) -> Self:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("url: expected https://host/path")
        if REFERENCE.search(f"{parts.netloc}{parts.path}"):
            raise ValueError("url: ${NAME} is filled in in parameters and headers only, not in the host or the path")
        if parts.username or parts.password:
            raise ValueError('url: a name and password belong into auth = { type = "basic", ... }')
        if parts.scheme == "http" and not self.allow_insecure_http and not is_loopback(parts.hostname):
            raise ValueError("url: http:// sends everything readable: use https://, or set allow_insecure_http = true")
        named = [*parse_qsl(parts.query), *self.params.items(), *self.headers.items()]
        for name, value in named:
            if _SECRET_NAMES.search(name) and not REFERENCE.search(str(value)):
                raise ValueError(
                    f'{name}: looks like a secret: give it by reference, as in "${{API_TOKEN}}", or by auth'
                )
        if len(self.uri) > URI_CHARS_MAX:
            raise ValueError(f"url: longer than {URI_CHARS_MAX} characters with its params")
        return self

    @property
    def limits_name(self) -> str:
        return self.source or str(urlsplit(self.url).hostname)

    @property
    def uri(self) -> str:
        """The address with its own parameters, secrets as references: the name under which the ledger knows it."""
        parts = urlsplit(self.url)
        pairs = [*parse_qsl(parts.query, keep_blank_values=True), *sorted(self.texts().items())]
        return urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(pairs, safe="${}:/,"), ""))

    def texts(self) -> dict[str, str]:
        return {name: text_of(value) for name, value in self.params.items()}


class Api(_WebSource):
    """An HTTP API that answers with JSON. `records`: where the list of records stands; empty: the body is the list."""

    records: str = ""
    pagination: Pagination = Pagination()
    incremental: Incremental | None = None
    pages_max: int = Field(default=PAGES_MAX, ge=1, le=1_000_000)

    @property
    def form(self) -> str:
        """What a page's place in the ledger means: places of another form cannot be gone on from."""
        return f"api {self.pagination.type}"


class Feed(_WebSource):
    """An RSS, Atom or RDF feed. `bad_dates`: what becomes of a date that nobody can read."""

    bad_dates: Literal["null", "reject"] = "null"
    bytes_max: int = Field(default=16 * 1024 * 1024, ge=1024, le=256 * 1024 * 1024)

    incremental: ClassVar[None] = None
    pages_max: ClassVar[int] = 1

    @property
    def form(self) -> str:
        return "feed"


def text_of(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
