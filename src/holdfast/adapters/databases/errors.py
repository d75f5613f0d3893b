"""Every exception that comes up from a driver, in Holdfast's words. None gets out as it was (P11).

A driver's text may repeat values and, in the URL it was given, a password: an engine's `fault` leaves the values out,
`Translator` masks the secrets.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy.exc as sa_exc

from holdfast.adapters.databases.address import Address
from holdfast.adapters.databases.engine import Engine, Fault
from holdfast.domain.errors import (
    CommitUnknown,
    ConnectionLost,
    ConstraintViolation,
    DatabaseError,
    DatabaseUnavailable,
    HoldfastError,
    StatementFailed,
)

_ROLLED_BACK = "nothing of it was kept"


def _value_errors() -> tuple[type[Exception], ...]:
    """Arrow's own only where it is there already: asking for them must not import it."""
    arrow = sys.modules.get("pyarrow")
    return (OverflowError, UnicodeError, arrow.ArrowException) if arrow else (OverflowError, UnicodeError)


class Translator:
    def __init__(self, engine: Engine, address: Address) -> None:
        self._engine = engine
        self.address = address
        self._driver_errors: tuple[type[Exception], ...] = engine.driver_errors()

    @contextmanager
    def translated(
        self, what: str, *, lost: type[ConnectionLost | DatabaseUnavailable] = ConnectionLost
    ) -> Iterator[None]:
        """Errors of the block come out as DatabaseError, a lost connection as `lost`; the driver's own are hidden."""
        try:
            yield
        except Exception as error:
            if isinstance(error, (sa_exc.SQLAlchemyError, *self._driver_errors, *_value_errors())):
                raise self._in_our_words(error, what, lost) from None
            raise

    def _in_our_words(
        self, error: BaseException, what: str, lost: type[ConnectionLost | DatabaseUnavailable]
    ) -> HoldfastError:
        fault = self._fault_of(error)
        kind = lost if issubclass(fault.kind, ConnectionLost) else fault.kind
        if issubclass(kind, CommitUnknown):
            return kind(
                f"{what} on {self.address}: the connection was lost while COMMIT was under way "
                f"({self.address.redact(fault.text)}); whether it was committed is not known",
                hint="connect again and look at what the database says before writing anything twice",
            )
        text = self.address.redact(fault.text)
        if issubclass(kind, DatabaseError):
            text += f"; {_ROLLED_BACK}"
        return kind(f"{what} on {self.address}: {text}", hint=fault.hint)

    def _fault_of(self, error: BaseException) -> Fault:
        if isinstance(error, sa_exc.TimeoutError):
            return Fault(
                DatabaseUnavailable,
                "every connection of the pool is in use",
                "end transactions sooner, or connect with a greater pool_size",
            )
        if isinstance(error, sa_exc.PendingRollbackError):
            return Fault(ConnectionLost, "the connection was lost earlier in this transaction")
        if isinstance(error, _value_errors()):
            return Fault(ConstraintViolation, f"a value cannot be stored ({type(error).__name__})")
        driver = error.orig if isinstance(error, sa_exc.DBAPIError) and error.orig else error
        fault = self._engine.fault(driver)
        if fault is None and isinstance(driver, _value_errors()):
            return Fault(ConstraintViolation, f"a value cannot be stored ({type(driver).__name__})")
        if fault and isinstance(error, sa_exc.DBAPIError) and error.connection_invalidated:
            return Fault(
                fault.kind if issubclass(fault.kind, ConnectionLost) else ConnectionLost, fault.text, fault.hint
            )
        return fault or Fault(StatementFailed, _first_line(error))


def _first_line(error: BaseException) -> str:
    """SQLAlchemy's own complaints say the reason first; what follows may repeat the statement's values."""
    reason = error.orig if isinstance(error, sa_exc.StatementError) and error.orig else error
    return (str(reason).splitlines() or [type(reason).__name__])[0]
