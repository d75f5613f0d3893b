"""Prints on disk in buckets by key, so that two tables of any size are compared a bucket at a time (P10).

One temporary file a side, without a name from its first moment: nothing is left behind however the process ends.
"""

from __future__ import annotations

import tempfile

import numpy as np
import numpy.typing as npt

from holdfast.quality.reconcile_hash import KEY, Prints

BUCKET_ROWS = 131_072  # about; what a bucket takes in memory when it is compared: some 30 MB
BUCKETS_MAX = 4096
BATCH_ROWS = 524_288


def buckets_for(rows: int) -> int:
    """A power of two."""
    wanted = max(1, -(-rows // BUCKET_ROWS))
    return min(BUCKETS_MAX, 1 << (wanted - 1).bit_length())


class Spill:
    """Rows go in in any order (from one thread); rows of a bucket come out in the order they went in."""

    def __init__(self, width: int, buckets: int) -> None:
        self.rows = 0
        self._width = width
        self._buckets = buckets
        self._shift = np.uint64(64 - (buckets - 1).bit_length())
        self._file = tempfile.TemporaryFile(prefix="holdfast-verify-")  # noqa: SIM115 - closed by close()
        self._bounds: list[tuple[int, npt.NDArray[np.int64]]] = []
        self._waiting: list[Prints] = []
        self._waiting_rows = 0

    def add(self, prints: Prints) -> None:
        self._waiting.append(prints)
        self._waiting_rows += len(prints)
        self.rows += len(prints)
        if self._waiting_rows >= BATCH_ROWS:
            self.flush()

    def flush(self) -> None:
        """To be called before the first bucket is read."""
        if not self._waiting_rows:
            return
        prints = self._waiting[0] if len(self._waiting) == 1 else np.concatenate(self._waiting)
        self._waiting, self._waiting_rows = [], 0
        if self._buckets > 1:
            bucket = (prints[:, KEY].view(np.uint64) >> self._shift).astype(np.uint16)
            prints = prints[np.argsort(bucket, kind="stable")]
            counts = np.bincount(bucket, minlength=self._buckets)
        else:
            counts = np.array([len(prints)])
        begin = self._file.seek(0, 2)
        self._file.write(np.ascontiguousarray(prints).data)
        self._bounds.append((begin, np.concatenate([[0], np.cumsum(counts)])))

    def bucket(self, number: int) -> Prints:
        row_bytes = self._width * 8
        parts = []
        for begin, bounds in self._bounds:
            first, last = int(bounds[number]), int(bounds[number + 1])
            if first < last:
                self._file.seek(begin + first * row_bytes)
                data = self._file.read((last - first) * row_bytes)
                parts.append(np.frombuffer(data, np.int64).reshape(-1, self._width))
        if not parts:
            return np.empty((0, self._width), np.int64)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def close(self) -> None:
        self._file.close()
