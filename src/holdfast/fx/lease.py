"""One fetch a provider at a time: two at once would pay twice for the same days.

The lease saves the double work; what makes storing right is that the holder is checked under the row's lock in the very
transaction that stores. A holder that froze past its lease and comes back stores nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from holdfast.domain.errors import DatabaseError, FetchTakenOver, UniqueViolation
from holdfast.ports.clock import Clock
from holdfast.ports.database import Database, Row, Transaction

POLL_S = 0.5
TABLE_LOCK = "fx_rates table"  # whoever writes the reading table, of whichever provider, stands in line here


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who fetches. `is_dead` says of another holder's `process` that it is known to have ended."""

    id: str
    process: str
    is_dead: Callable[[str], bool]


class Lease:
    """A provider's lease, from `held` on. Every call to the provider renews it."""

    def __init__(self, database: Database, provider: str, holder: Holder, clock: Clock, lease_s: float) -> None:
        self._database = database
        self._provider = provider
        self._holder = holder
        self._clock = clock
        self._lease_s = lease_s

    @contextmanager
    def held(self, wait_s_max: float) -> Iterator[None]:
        """Wait until the lease is free, over, or its holder dead. Raises FetchTakenOver after `wait_s_max`."""
        for name in (self._provider, TABLE_LOCK):
            with suppress(UniqueViolation), self._database.transaction() as tx:
                tx.run("fx_lease_add", lease_name=name, known_name=name)
        end = self._clock.monotonic_s() + wait_s_max
        while not self._taken():
            if self._clock.monotonic_s() > end:
                raise FetchTakenOver(
                    f"{self._provider}: another process has been fetching for {wait_s_max:.0f} s; nothing was asked",
                    hint="run again later: what it stores need not be fetched again",
                )
            self._clock.sleep(POLL_S)
        try:
            yield
        finally:
            with suppress(DatabaseError), self._database.transaction() as tx:
                tx.run("fx_lease_free", lease_name=self._provider, holder=self._holder.id)

    def renew(self, tx: Transaction) -> None:
        """Hold on for `lease_s` more. Raises FetchTakenOver where it is somebody else's by now."""
        self.check(tx)
        self._hold(tx)

    def check(self, tx: Transaction) -> None:
        """Lock the lease's row to the end of the transaction, and go on only if it is ours."""
        row = self._locked(tx)
        if row["holder"] != self._holder.id:
            raise FetchTakenOver(
                f"{self._provider}: another process took the fetch over, because this one was silent for too long; "
                "this transaction stored nothing",
                hint="run again: what the other one stored need not be fetched again",
            )

    def _taken(self) -> bool:
        with self._database.transaction() as tx:
            row = self._locked(tx)
            other = row["holder"] not in (None, self._holder.id)
            if other and row["is_held"] and not self._holder.is_dead(row["process"] or ""):
                return False
            self._hold(tx)
            return True

    def _locked(self, tx: Transaction) -> Row:
        return tx.run("fx_lease_lock", lease_name=self._provider).rows[0]

    def _hold(self, tx: Transaction) -> None:
        tx.run(
            "fx_lease_hold",
            lease_name=self._provider,
            holder=self._holder.id,
            process=self._holder.process,
            lease_s=self._lease_s,
        )
