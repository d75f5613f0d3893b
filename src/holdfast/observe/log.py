"""Logs on stderr and in the ledger, without secrets.

`setup` once a process: human lines at WARNING by default, JSON lines with HOLDFAST_LOG=json. What a run logs from INFO
on goes to the ledger too, whatever stderr is to show (`ledger_log.py`). Whoever learns a secret registers it
(`register_secret`, `register_password_of`); from then on `mask` replaces it, and every log line goes through `mask`.
Passwords in urls are masked whether registered or not.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any
from urllib.parse import quote, unquote

LEVELS = ("debug", "info", "warning", "error", "critical")
_STARS = "***"
_USER_INFO = re.compile(r"(\w://[^\s:/@?#]*):[^\s/]*@")
_QUERY_SECRET = re.compile(r"(?i)\b((?:password|passwd|pwd|token|secret|api_?key|access_key)=)[^\s&;'\"]+")
_SECRET_NAME = re.compile(r"(?i)pass|pwd|token|secret|key|credential|connection_string|authorization|^sas")
_secrets: set[str] = set()
_NOT_SHOWN = ("ledger_level", "run_id", "pipeline", "logger", "module", "func_name", "lineno")  # in plain lines


def register_secret(secret: str) -> None:
    """Never let this text out. Short ones are left: masking `a` would wreck every line and hide nothing."""
    _secrets.update(form for form in (secret, quote(secret, safe=""), repr(secret)[1:-1]) if len(form) >= 4)


def register_password_of(url: str) -> None:
    found = re.search(r"://[^:/@?#]*:(.*)@", url)
    if found and found[1]:
        register_secret(found[1])
        register_secret(unquote(found[1]))


def register_secrets_of(options: Mapping[str, Any]) -> None:
    """Every text in a section of options, however deep, under a name that says it is one."""
    for name, value in options.items():
        if isinstance(value, Mapping):
            register_secrets_of(value)
        elif isinstance(value, str) and _SECRET_NAME.search(name):
            register_secret(value)


def mask(text: str) -> str:
    """The text with every registered secret, and every password in a url, as stars."""
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, _STARS)
    return _QUERY_SECRET.sub(rf"\1{_STARS}", _USER_INFO.sub(rf"\1:{_STARS}@", text))


def setup(level: str = "warning") -> None:
    """Configure structlog for this process; a worker process calls it again with the same level."""
    import structlog

    from holdfast.observe import ledger_log

    as_json = os.environ.get("HOLDFAST_LOG", "").lower() == "json"
    parameters = structlog.processors.CallsiteParameter
    shown = LEVELS.index(level.lower())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _add_logger,
            structlog.processors.CallsiteParameterAdder([parameters.MODULE, parameters.FUNC_NAME, parameters.LINENO]),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _mask_event,
            ledger_log.keep,
            lambda _logger, _method, event: _shown_from(shown, event),
            structlog.processors.JSONRenderer() if as_json else _plain_line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(min(level.lower(), "info", key=LEVELS.index)),
        logger_factory=_StderrLogger,
        cache_logger_on_first_use=False,
    )


def setup_by_default() -> None:
    """For a program that uses the library and has not said how its logs are to look."""
    import structlog

    if not structlog.is_configured():
        setup()


class _StderrLogger:
    """Writes to stderr, whatever that is by the time of the line."""

    def __init__(self, name: str = "holdfast", *_: object) -> None:
        self.name = name

    def msg(self, text: str) -> None:
        sys.stderr.write(text + "\n")  # at once: threads write lines, not parts of them
        sys.stderr.flush()

    debug = info = warning = warn = error = exception = critical = fatal = msg


def _add_logger(logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event["logger"] = getattr(logger, "name", "")
    return event


def _shown_from(shown: int, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The line, if stderr is to show its level; the ledger has it already."""
    if LEVELS.index(event["level"]) < shown:
        import structlog

        raise structlog.DropEvent
    return event


def _mask_event(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key in event:
        event[key] = _masked(event[key])
    return event


def _masked(value: object) -> object:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, dict):
        return {str(key): _masked(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_masked(inner) for inner in value]
    return mask(str(value))


def _plain_line(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    """`12:01:02 warning  chunk failed  chunk=17 attempts=3`, with a traceback, if any, below."""
    time, level, text = str(event.pop("timestamp", ""))[11:19], event.pop("level", ""), event.pop("event", "")
    traceback = event.pop("exception", "")
    for key in _NOT_SHOWN:
        event.pop(key, None)
    details = " ".join(f"{key}={value}" for key, value in event.items())
    line = f"{time} {level:<8} {text}" + (f"  {details}" if details else "")
    return f"{line}\n{traceback}" if traceback else line
