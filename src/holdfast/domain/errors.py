"""Every error Holdfast raises, with the exit code the command line gives it.

HoldfastError                          1
 +- UsageError                         2   the user's words, config, contract or credentials
 |   +- ConfigError                    2
 |   +- ContractError                  2
 |   +- SourceError                    2   a source is missing, unreadable, or not what its contract says
 |   +- TargetMismatch                 2   the table that exists is not the contract's
 |   +- ModelError                     2   a model's file is not sound, or its inputs are not there
 |   +- LedgerError                    2   the ledger is newer than this code, or was tampered with
 |   +- ProviderRefused                2   a provider of exchange rates refuses the key, the plan or the request
 +- DriftRefused                       4   the source's columns differ from the contract
 +- RejectBudgetExceeded               3
 +- NotProved                          3   a table differs from its sources, or they cannot be read again
 +- ChecksFailed                       3   data that was checked is not as declared; it stays where it is
 +- ChecksBroken                       1   checks that could not be asked; nothing is known of what they are about
 +- SourceChanged                      1   the pinned bytes are no longer there (P8)
 +- ChunkFailed                        1   a chunk killed its workers, or cannot be written
 +- RowNotFound                        1   no row of the table is the one that was asked about
 +- PartitionRefused                   1   what a model's SELECT gave is no partition's content; nothing was written
 +- PartitionsFailed                   1   some partitions could not be built; the others are
 +- RowsUnaccounted                    1   counts do not add up: a bug, nothing was committed (P3)
 +- RatesUnusable                      1   a provider's answer is not what was asked for; nothing of it was kept
 +- RateMissing                        1   no exchange rate, and the gap policy allows no other day's
 +- RatesIncomplete                   75   some days could not be fetched; the others are kept
 +- RateQuotaExhausted                75   the provider allows no further calls for now
 +- FetchTakenOver                    75   another process fetches these rates now
 +- WorkerFailed                       *   a worker process gave up; carries that process's code and exit code
 +- ClaimLost                          1   another worker owns the chunk now (P6); the worker loop handles it
 +- Interrupted                  130/143
 +- OutboundError                      1   a call to another service; see docs/outbound.md
 |   +- RequestRefused                 1   permanent: the service says no (4xx), or the request may not be sent
 |   +- ResponseTooLarge               1
 |   +- SourceUnavailable             75   every try failed in a way that may pass
 |   |   +- BreakerOpen               75   it failed so often lately that it is left alone for a while
 |   +- RateLimited                   75   the service's limit (429), or our own, leaves no room before the deadline
 +- DatabaseError                      1
     +- AuthenticationFailed           2
     +- AccessDenied                   2   connected, but not allowed (permissions, read-only database)
     +- DiskFull                       1
     +- StatementFailed                1   the database refused a statement; not retried
     +- UniqueViolation                1
     +- ConstraintViolation            1   NOT NULL, CHECK, foreign key, value out of range
     +- TransactionEnded               1   a transaction object was used after its end: a caller's bug
     +- TransientError                75   allow-listed as worth another try
         +- ConnectionLost             75
         |   +- CommitUnknown          75  lost while COMMIT was under way: resolve, never guess (P12)
         +- DatabaseUnavailable        75  could not connect at all
         +- Deadlock                   75
         +- SerializationFailure       75
         +- LockTimeout                75  includes SQLite's SQLITE_BUSY
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class HoldfastError(Exception):
    """An error a person can act on: what happened (`message`), what to do next (`hint`)."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def code(self) -> str:
        """The stable name that `--json` reports."""
        return type(self).__name__


class UsageError(HoldfastError):
    exit_code = 2


class ConfigError(UsageError):
    pass


class ContractError(UsageError):
    pass


class SourceError(UsageError):
    pass


class TargetMismatch(UsageError):
    pass


class ModelError(UsageError):
    pass


class LedgerError(UsageError):
    pass


class ProviderRefused(UsageError):
    pass


class RatesUnusable(HoldfastError):
    pass


class RateMissing(HoldfastError):
    pass


class RatesIncomplete(HoldfastError):
    exit_code = 75


class RateQuotaExhausted(HoldfastError):
    """`wait_s`: how long the provider is to be left alone (0: to the month's end); None: the ledger knows already."""

    exit_code = 75

    def __init__(self, message: str, *, hint: str = "", wait_s: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.wait_s = wait_s


class FetchTakenOver(HoldfastError):
    exit_code = 75


class DriftRefused(HoldfastError):
    """`noted`: what was found (`engine.drifting.Noted`), for the ledger's history."""

    exit_code = 4
    noted: Sequence[Any] = ()


class NotProved(HoldfastError):
    exit_code = 3


class RejectBudgetExceeded(HoldfastError):
    """`allowed`: the budget that was exceeded, in rows, where one commit exceeded it."""

    exit_code = 3
    allowed: int | None = None


class ChecksFailed(HoldfastError):
    exit_code = 3


class ChecksBroken(HoldfastError):
    pass


class PlaceLost(SourceError):
    """An API does not know the place of a page any more, so its extraction cannot be gone on with."""


class SourceChanged(HoldfastError):
    pass


class ChunkFailed(HoldfastError):
    pass


class RowNotFound(HoldfastError):
    pass


class PartitionRefused(HoldfastError):
    pass


class PartitionsFailed(HoldfastError):
    pass


class RowsUnaccounted(HoldfastError):
    pass


class WorkerFailed(HoldfastError):
    """An error of another process, told in this one."""

    def __init__(self, message: str, *, hint: str, code: str, exit_code: int) -> None:
        super().__init__(message, hint=hint)
        self._code = code
        self.exit_code = exit_code

    @property
    def code(self) -> str:
        return self._code


class ClaimLost(HoldfastError):
    pass


class Interrupted(HoldfastError):
    """A signal asked the process to stop; the state is resumable."""

    def __init__(self, message: str, *, hint: str = "", signal_number: int = 2) -> None:
        super().__init__(message, hint=hint)
        self.exit_code = 128 + signal_number


class OutboundError(HoldfastError):
    """`status`: the HTTP status that came, if one did."""

    def __init__(
        self, message: str, *, hint: str = "", status: int | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.retry_after_s = retry_after_s


class RequestRefused(OutboundError):
    pass


class ResponseTooLarge(OutboundError):
    pass


class SourceUnavailable(OutboundError):
    """`retry_after_s`: when another try makes sense, in seconds from now; None: nobody knows."""

    exit_code = 75


class BreakerOpen(SourceUnavailable):
    pass


class RateLimited(OutboundError):
    """`retry_after_s`: when there is room again, in seconds from now; None: nobody knows."""

    exit_code = 75


class DatabaseError(HoldfastError):
    pass


class AuthenticationFailed(DatabaseError):
    exit_code = 2


class AccessDenied(DatabaseError):
    exit_code = 2


class DiskFull(DatabaseError):
    pass


class StatementFailed(DatabaseError):
    pass


class UniqueViolation(DatabaseError):
    pass


class ConstraintViolation(DatabaseError):
    pass


class TransactionEnded(DatabaseError):
    pass


class TransientError(DatabaseError):
    exit_code = 75


class ConnectionLost(TransientError):
    pass


class CommitUnknown(ConnectionLost):
    pass


class DatabaseUnavailable(TransientError):
    pass


class Deadlock(TransientError):
    pass


class SerializationFailure(TransientError):
    pass


class LockTimeout(TransientError):
    pass
