"""A column of texts seen as its bytes: one numpy array of all of them, and where each text starts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.parsing.boundaries import Ints

_FEW_SHARE = 0.02
Mask = np.ndarray[Any, np.dtype[np.bool_]]


class Texts:
    """`data[starts[i]:starts[i + 1]]` is text i in UTF-8. The array has no nulls."""

    def __init__(self, array: pa.Array) -> None:
        self.array = array
        _, offsets, data = array.buffers()
        starts = np.frombuffer(offsets, np.int32)[array.offset : array.offset + len(array) + 1].astype(np.int64)
        bytes_ = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
        self.data = bytes_[starts[0] : starts[-1]]
        self.starts: Ints = starts - starts[0]
        self.lengths: Ints = starts[1:] - starts[:-1]

    def __len__(self) -> int:
        return len(self.lengths)

    def other_than_digits(self) -> tuple[Ints, Ints]:
        """Where bytes stand that are no ASCII digits, and in which text each does."""
        marks = np.flatnonzero(self.data - np.uint8(48) > 9)
        return marks, self.starts.searchsorted(marks, side="right") - 1

    def with_point_at(self, scale: int) -> Mask:
        """Which texts are digits with one point, that has `scale` digits after it and at least one before?"""
        points = self.starts[1:] - scale - 1
        plain = self.lengths >= scale + 2
        plain &= self.data[np.maximum(points, 0)] == 46
        is_other = self.data - np.uint8(48) > 9
        is_other[points if plain.all() else points[plain]] = False
        marks = np.flatnonzero(is_other)
        plain[self.starts.searchsorted(marks, side="right") - 1] = False
        return plain

    def replaced(self, mask: Mask, text: str) -> Texts:
        """The texts, with `text` where `mask` says."""
        rows = np.flatnonzero(mask)
        if len(rows) > len(self) * _FEW_SHARE:
            return Texts(pc.if_else(pa.array(mask), pa.scalar(text), self.array))
        return Texts(self._spliced(rows, text.encode())) if len(rows) else self

    def _spliced(self, rows: Ints, text: bytes) -> pa.Array:
        """As `replaced` does, cheaper for few rows: what lies between them is copied whole."""
        lengths = self.lengths.copy()
        lengths[rows] = len(text)
        starts = np.zeros(len(self) + 1, np.int32)
        np.cumsum(lengths, out=starts[1:])
        edges = np.concatenate([[0], self.starts[rows + 1]]), np.concatenate([self.starts[rows], [len(self.data)]])
        between = [self.data[start:end] for start, end in zip(*(edge.tolist() for edge in edges), strict=True)]
        data = text.join(part.data for part in between)
        return pa.StringArray.from_buffers(len(self), pa.py_buffer(starts), pa.py_buffer(data))
