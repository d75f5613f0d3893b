"""Secrets by reference: `${NAME}` is the environment's NAME, else what the file holds that NAME_FILE names."""

from __future__ import annotations

import os
from pathlib import Path

from holdfast.domain.errors import ConfigError
from holdfast.domain.web_source import REFERENCE


def is_reference(text: str) -> bool:
    return bool(REFERENCE.search(text))


def resolved(text: str, what: str) -> str:
    """The text with its references filled in. Raises ConfigError, which never tells what a secret says."""
    return REFERENCE.sub(lambda found: _secret(found[1], what), text)


def secrets_in(text: str, what: str) -> list[str]:
    """What must not be shown of a text with references: each secret by itself, and the whole of it."""
    found = [_secret(name, what) for name in REFERENCE.findall(text)]
    return [*found, resolved(text, what)] if found else []


def _secret(name: str, what: str) -> str:
    if value := os.environ.get(name):
        return value
    if path := os.environ.get(f"{name}_FILE"):
        try:
            if value := Path(path).read_text("utf-8").strip():
                return value
            raise ConfigError(
                f"{what} uses ${{{name}}}, and {name}_FILE names {path}, which is empty; nothing was asked for",
                hint="write the secret into it",
            )
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"{what} uses ${{{name}}}, and {name}_FILE names {path}, which cannot be read: {error}; nothing was"
                " asked for",
                hint="correct the path or its permissions",
            ) from None
    raise ConfigError(
        f"{what} uses ${{{name}}}, but the environment has neither {name} nor {name}_FILE; nothing was asked for",
        hint=f"export {name}=..., or {name}_FILE=/path/of/a/file/that/holds/it",
    )
