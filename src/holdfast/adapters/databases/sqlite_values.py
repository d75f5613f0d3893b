"""What SQLite holds of a value: its clock's words, and numbers it keeps exactly."""

from __future__ import annotations

from decimal import Decimal

from holdfast.domain.errors import ConstraintViolation

EXACT_DIGITS_MAX = 15
NOW = "strftime('%Y-%m-%d %H:%M:%f', 'now')"


def exact_number(value: Decimal, column: str = "") -> int | float:
    """The number SQLite holds for a decimal. Raises ConstraintViolation where that would not be the same number."""
    if value.is_finite():
        if value == value.to_integral_value() and abs(value) < 2**63:
            return int(value)
        if len(value.normalize().as_tuple().digits) <= EXACT_DIGITS_MAX:
            return float(value)
    where = f"column {column!r}: " if column else ""
    raise ConstraintViolation(
        f"{where}a decimal has more than the {EXACT_DIGITS_MAX} significant digits SQLite holds exactly"
        "; nothing was written",
        hint="reject such values beforehand, or use an engine with exact decimals (PostgreSQL)",
    )
