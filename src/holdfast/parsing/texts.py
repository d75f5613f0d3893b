"""A column of texts seen as its bytes: one numpy array of all of them, and where each text starts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.parsing.boundaries import Ints

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
        self.lengths: Ints = np.diff(starts)

    def __len__(self) -> int:
        return len(self.lengths)

    def other_than_digits(self) -> tuple[Ints, Ints]:
        """Where bytes stand that are no ASCII digits, and in which text each does."""
        marks = np.flatnonzero(self.data - np.uint8(48) > 9)
        return marks, self.starts.searchsorted(marks, side="right") - 1

    def have_point_at(self, scale: int) -> bool:
        """Is every text digits with one point, which has `scale` digits after it and at least one before?"""
        if not len(self) or not scale or int(self.lengths.min()) < scale + 2:
            return False
        points = self.data[self.starts[1:] - scale - 1] == 46
        return bool(points.all()) and int(np.count_nonzero(self.data - np.uint8(48) > 9)) == len(self)

    def with_zero(self, mask: Mask) -> pa.Array:
        """The texts, with "0" where `mask` says."""
        return pc.if_else(pa.array(mask), pa.scalar("0"), self.array) if mask.any() else self.array
