"""Which files are compressed, and how: by name, unless the contract says so itself."""

from __future__ import annotations

from typing import Literal

Compression = Literal["auto", "none", "gzip", "bz2", "zstd", "zip"]
_SUFFIXES = {".gz": "gzip", ".gzip": "gzip", ".bz2": "bz2", ".zst": "zstd", ".zstd": "zstd", ".zip": "zip"}


def compression_of(uri: str, wanted: str = "auto") -> str:
    """`gzip`, `bz2`, `zstd`, `zip`, or nothing for a file whose bytes are the data themselves."""
    if wanted == "auto":
        return next((kind for suffix, kind in _SUFFIXES.items() if _path(uri).casefold().endswith(suffix)), "")
    return "" if wanted == "none" else wanted


def bare_name(uri: str) -> str:
    """The name without the part that says how it is compressed: `day.jsonl` for `day.jsonl.gz`."""
    path = _path(uri)
    suffix = next((suffix for suffix in _SUFFIXES if path.casefold().endswith(suffix)), "")
    return path[: -len(suffix)] if suffix else path


def _path(uri: str) -> str:
    """Without a query, which only addresses on the web have."""
    return uri.partition("?")[0] if "://" in uri else uri
