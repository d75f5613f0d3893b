"""A response's body: read whole, decompressed within a limit, or not at all."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

ENCODINGS = "gzip"  # what we ask for: others cannot be decompressed bit by bit with a limit
_WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 47}


class BodyTooLarge(Exception):
    """`found`: how large it is at least, in words."""


class BodyBroken(Exception):
    """The bytes are no whole compressed body."""


class BodyEncodingUnknown(Exception):
    pass


def read_body(chunks: Iterable[bytes], encoding: str, length: str | None, bytes_max: int) -> bytes:
    """All of it. Raises what is above; memory stays within `bytes_max` and one chunk, whatever was sent."""
    if length and length.isdigit() and int(length[:20]) > bytes_max:
        raise BodyTooLarge(f"{int(length[:20]):,} bytes")
    kind = encoding.strip().lower()
    if kind in ("", "identity"):
        return _joined(chunks, bytes_max)
    if kind not in _WINDOW_BITS:
        raise BodyEncodingUnknown(kind[:40])
    return _inflated(chunks, _WINDOW_BITS[kind], bytes_max)


def _joined(chunks: Iterable[bytes], bytes_max: int) -> bytes:
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > bytes_max:
            raise BodyTooLarge(f"more than {bytes_max:,} bytes")
    return bytes(body)


def _inflated(chunks: Iterable[bytes], window_bits: int, bytes_max: int) -> bytes:
    body, inflate, is_empty = bytearray(), zlib.decompressobj(window_bits), True
    try:
        for chunk in chunks:
            rest = chunk
            while rest:
                is_empty = False
                if inflate.eof:  # a gzip file may have several members
                    inflate = zlib.decompressobj(window_bits)
                body += inflate.decompress(rest, bytes_max + 1 - len(body))
                if len(body) > bytes_max:
                    raise BodyTooLarge(f"more than {bytes_max:,} bytes once decompressed")
                rest = inflate.unused_data or inflate.unconsumed_tail
    except zlib.error:
        raise BodyBroken("the compressed body is damaged") from None
    if not inflate.eof and not is_empty:
        raise BodyBroken("the compressed body breaks off")
    return bytes(body)
