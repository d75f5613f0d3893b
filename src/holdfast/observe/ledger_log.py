"""Lines of the log on their way into the ledger: a processor of structlog's, behind the one that masks secrets.

Who keeps the ledger says where they go (`send_to`); until then, and for lines of no run, they go to stderr alone. It
never raises and never waits. A line may say `ledger_level`: what people see on stderr anyway, as the command's own last
words, is an INFO there and what it is in the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from typing import Any

from holdfast.domain.text import DETAIL_CHARS_MAX, details, storable

Sink = Callable[[Mapping[str, Any]], None]
_PLACES = {"logger": "logger", "pipeline_name": "pipeline", "module": "module", "function_name": "func_name"}
_OWN = {"event", "level", "ledger_level", "timestamp", "run_id", "lineno", *_PLACES.values()}
_sinks: list[Sink] = []


def send_to(sink: Sink) -> None:
    """From now on lines go to `sink`, as the columns of the ledger's table."""
    _sinks[:] = [sink]


def keep(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The processor."""
    if event.get("run_id") and event.get("level") != "debug":
        for sink in _sinks:
            with suppress(Exception):  # a line that cannot be kept is no reason to fail what it is about
                sink(_columns(event))
    return event


def _columns(event: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "level": str(event.get("ledger_level") or event["level"]),
        "message": storable(str(event["event"]), DETAIL_CHARS_MAX),
        "run_id": str(event["run_id"]),
        "line_number": int(event.get("lineno") or 0),
        "metadata": details({key: value for key, value in event.items() if key not in _OWN}),
        **{column: storable(str(event.get(key) or ""), 255) for column, key in _PLACES.items()},
    }
