"""Pages: what an extraction from an API or a feed is made of. A page is a chunk; its place says where it begins."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace

At = dict[str, str | int]
LOST_PATTERN = '%"lost": true%'
WARNINGS_PATTERN = '%"warnings": ["%'  # what LIKE finds in a place that has any


@dataclass(frozen=True, slots=True)
class Done:
    """What a page leaves behind once it is committed. `high`: the greatest incremental value so far, with its own."""

    high: str | None = None
    etag: str = ""
    modified: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins, and what must be known to ask for it: no secret among it.

    `at`: the page number, offset, cursor or address; empty: the first page. `since`: what the incremental parameter is
    sent. `high`: as of the pages before. `previous`: hash of the records before. `mark`: an earlier `at` that must not
    come again. `etag`, `modified`: of the last time. `lost`: the API does not know it any more.
    """

    at: At = field(default_factory=dict)
    since: str | None = None
    basis: str = ""  # what `high`, `etag` and `modified` hold for: the incremental column, or how a feed is read
    high: str | None = None
    previous: str = ""
    mark: str = ""
    etag: str = ""
    modified: str = ""
    lost: bool = False
    done: Done | None = None

    def to_json(self) -> str:
        return json.dumps({name: value for name, value in asdict(self).items() if value}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Place:
        data = json.loads(text)
        done = data.pop("done", None)
        place = cls(**data)
        if done is None:
            return place
        return replace(place, done=Done(**{**done, "warnings": tuple(done.get("warnings", ()))}))


@dataclass(frozen=True, slots=True)
class Page:
    """What was answered. `records`: each one's own JSON text, in one line. `next_at`: None on the last page.

    `unchanged`: nothing is new since `etag` and `modified`. `shown`: its address, without secrets.
    """

    records: list[bytes]
    next_at: At | None
    shown: str
    unchanged: bool = False
    etag: str = ""
    modified: str = ""
    warnings: tuple[str, ...] = ()


def warnings_of(place: str) -> tuple[str, ...]:
    """What the page at a place of the ledger had to say."""
    done = Place.from_json(place).done
    return done.warnings if done else ()
