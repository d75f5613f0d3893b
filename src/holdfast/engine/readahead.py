"""Reading the next chunk while this one is written.

Only a lone worker reads ahead, and without a claim: it guesses which chunk comes next, and throws the work away if it
was wrong. So there is never more than one chunk in a worker's hand.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from holdfast.engine.claims import Claim
from holdfast.engine.reading import ReadyChunk

Read = Callable[[Claim], ReadyChunk]


class ReadAhead:
    """Wraps `read`: `take(claim)` gives what was read ahead for it, or reads it now."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="holdfast-readahead")
        self._guess: tuple[Claim, Future[ReadyChunk]] | None = None

    def start(self, guess: Claim) -> None:
        self._guess = (guess, self._pool.submit(self._read, guess))

    def take(self, claim: Claim) -> ReadyChunk:
        guess, self._guess = self._guess, None
        if guess is None:
            return self._read(claim)
        guessed, future = guess
        if replace(guessed, epoch=claim.epoch) == claim:
            return future.result()
        future.cancel()
        return self._read(claim)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
