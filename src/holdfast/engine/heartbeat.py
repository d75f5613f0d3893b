"""The thread that renews a worker's lease while it works."""

from __future__ import annotations

import threading

import structlog

from holdfast.domain.errors import DatabaseError
from holdfast.engine.claims import Claimant

log = structlog.get_logger("holdfast.heartbeat")


class Heartbeat:
    """A context for a claimant that has joined: beats within, leaves on going out. A missed beat is logged."""

    def __init__(self, claimant: Claimant, every_s: float) -> None:
        self._claimant = claimant
        self._every_s = every_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="holdfast-heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(timeout=self._every_s)
        try:
            self._claimant.leave()
        except DatabaseError as error:
            log.debug("could not sign off; the lease will end by itself", error=error.message)

    def _beat(self) -> None:
        while not self._ended.wait(self._every_s):
            try:
                self._claimant.beat()
            except DatabaseError as error:
                log.warning("heartbeat missed", error=error.message)
