"""The tables [api] and [feed] of a contract: what is refused before anybody is asked."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.domain.contract import Contract, contract_from
from holdfast.domain.errors import ContractError

COLUMNS = [{"name": "id", "type": "bigint"}, {"name": "note", "type": "json", "nullable": True}]
HTTPS = "https://api.example.com/v1/orders"


def contract(table: str = "api", **told: Any) -> Contract:
    rest = {name: told.pop(name) for name in ("source", "write_disposition", "max_rejects") if name in told}
    key = {} if rest.get("write_disposition") == "append" else {"primary_key": "id"}
    return contract_from({"name": "o", "table": "o", **key, "columns": COLUMNS, **rest, table: {"url": HTTPS, **told}})


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"url": "ftp://x.example/a"}, "expected https://"),
        ({"url": "http://x.example/a"}, "allow_insecure_http"),
        ({"url": "https://me:pw@x.example/a"}, "belong into auth"),
        ({"url": HTTPS + "?api_key=abc"}, "by reference"),
        ({"url": "https://x.example/${TOKEN}/a"}, "not in the host or the path"),
        ({"params": {"access_token": "abc"}}, "by reference"),
        ({"params": {"accessToken": "abc"}}, "by reference"),
        ({"headers": {"Authorization": "Bearer abc"}}, "by reference"),
        ({"auth": {"type": "bearer", "token": "abc"}}, "by reference"),
        ({"auth": {"type": "bearer"}}, "needs token"),
        ({"auth": {"type": "basic", "token": "${T}"}}, "does not go with"),
        ({"pagination": {"type": "cursor"}}, "needs cursor"),
        ({"pagination": {"type": "page", "next": "a.b"}}, "does not go with"),
        ({"pagination": {"type": "page", "size_param": "n"}}, "needs size"),
        ({"pagination": {"type": "page", "short_page_ends": True}}, "needs size"),
        ({"incremental": {"field": "nope", "param": "since"}}, "is no column"),
        ({"incremental": {"field": "note", "param": "since"}}, "use a timestamp"),
        ({"incremental": {"field": "id", "param": "since", "lookback": "2 weeks"}}, "lookback"),
        ({"source": "a.csv"}, "keep one"),
        ({"max_rejects": "5%"}, "a number of rows"),
        ({"write_disposition": "replace", "incremental": {"field": "id", "param": "s"}}, "takes everything"),
        ({"write_disposition": "append"}, "needs incremental without lookback"),
        ({"table": "feed", "write_disposition": "append"}, "needs incremental without lookback"),
        ({"params": {"q": "x" * 2000}}, "longer than"),
        ({"table": "feed", "pages_max": 2}, "no key of a contract"),
    ],
)
def test_what_is_refused(told: dict[str, Any], why: str) -> None:
    with pytest.raises(ContractError, match=why) as refused:
        contract(**told)
    assert "abc" not in refused.value.message
    assert "pw@" not in refused.value.message


def test_its_address_is_stable_and_without_secrets() -> None:
    told = contract(url=HTTPS + "?b=2", params={"status": "paid", "all": True, "api_key": "${KEY}"})
    assert told.web is not None
    assert told.web.uri == HTTPS + "?b=2&all=true&api_key=${KEY}&status=paid"
    assert Contract.model_validate_json(told.model_dump_json(by_alias=True)) == told
