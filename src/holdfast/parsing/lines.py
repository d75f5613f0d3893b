"""Physical lines: which mark ends them, and the width of a code unit. Needs no numpy, so it costs a start nothing."""

from __future__ import annotations

from typing import Literal, TypeVar

Newline = Literal["lf", "cr"]
Text = bytes | bytearray
Given = TypeVar("Given", bound=bytes | bytearray | memoryview)


def width_of(encoding: str) -> int:
    """Bytes a code unit."""
    return 2 if encoding.startswith("utf-16") else 1


def narrow(data: Given, encoding: str) -> Given | bytes:
    """One byte a code unit: ASCII as it is, all else 0x80. Boundaries are made of ASCII only, so none is lost."""
    if width_of(encoding) == 1:
        return data
    import numpy as np

    units = np.frombuffer(data, "<u2" if encoding == "utf-16-le" else ">u2", count=len(data) // 2)
    return np.where(units < 128, units, 128).astype(np.uint8).tobytes()


def sniff_newline(head: bytes, encoding: str = "utf-8") -> Newline:
    """Which line end a file uses: "cr" only where its head has carriage returns and no line feed at all."""
    text = narrow(head, encoding)
    return "cr" if b"\r" in text and b"\n" not in text else "lf"


def line_end_of(newline: str) -> bytes:
    return b"\r" if newline == "cr" else b"\n"


def tail_bytes(tail: bytes, lines: int, newline: str, encoding: str = "utf-8") -> int:
    """How many bytes the last `lines` physical lines of `tail` take."""
    text, mark = narrow(tail[len(tail) % width_of(encoding) :], encoding), line_end_of(newline)
    end = len(text) - (1 if text.endswith(mark) else 0)
    for _ in range(lines):
        end = text.rfind(mark, 0, max(end, 0))
        if end < 0:
            return len(tail)
    return (len(text) - end - 1) * width_of(encoding)
