"""Records behind an API that plays every kind of pagination, and the contract that reads them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from holdfast.domain.contract import Contract, contract_from
from tests.support.http_server import Call, HttpServer, Reply, Step

COLUMNS = [
    {"name": "id", "type": "bigint"},
    {"name": "amount", "type": "decimal(12,2)", "nullable": True},
    {"name": "updated_at", "type": "timestamp(%Y-%m-%dT%H:%M:%S%z)"},
]
PATH = "/v1/orders"


def record(number: int, amount: str = "1.10") -> dict[str, Any]:
    return {"id": number, "amount": amount, "updated_at": f"2026-01-{number // 100 + 1:02d}T10:00:{number % 60:02d}Z"}


@dataclass
class Records:
    """What the API holds; `size` of them a page. `step` answers a call as the kind of pagination wants."""

    items: list[dict[str, Any]] = field(default_factory=lambda: [record(number) for number in range(25)])
    size: int = 5

    def step(self, call: Call) -> Step:
        query = call.query
        since = query.get("since", "")
        items = [item for item in self.items if str(item["updated_at"]) >= since]
        start = (
            int(query.get("offset", 0)) or (int(query.get("page", 1)) - 1) * self.size or int(query.get("cursor", 0))
        )
        end = start + self.size
        more = end < len(items)
        following = f"{PATH}?cursor={end}&api_key={query.get('api_key', '')}" if more else None
        meta = {"cursor": end if more else None, "next": following}
        headers = {"Link": f'<{following}>; rel="next"'} if more else {}
        return Reply(json={"data": {"items": items[start:end]}, "meta": meta}, headers=headers)


def contract(server: HttpServer, *, api: dict[str, Any] | None = None, **rest: Any) -> Contract:
    keyed = {} if rest.get("write_disposition") == "append" else {"primary_key": ["id"]}
    told = {"url": server.url(PATH), "source": "api1", "records": "data.items", **(api or {})}
    return contract_from({"name": "orders", "table": "orders", "columns": COLUMNS, **keyed, "api": told, **rest})


PAGINATIONS: list[dict[str, Any]] = [
    {"type": "page"},
    {"type": "offset", "size": 5},
    {"type": "cursor", "cursor": "meta.cursor"},
    {"type": "link"},
    {"type": "next_url", "next": "meta.next"},
]
