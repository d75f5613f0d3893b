"""What became of the rows: the counts that must add up (P3)."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.domain.errors import RowsUnaccounted


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCounts:
    """What became of some rows. Every row read has one fate."""

    read: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    superseded: int = 0
    rejected: int = 0

    def __post_init__(self) -> None:
        accounted = self.inserted + self.updated + self.unchanged + self.superseded + self.rejected
        if self.read != accounted:
            raise RowsUnaccounted(
                f"read {self.read:,} rows but accounted for {accounted:,}; nothing was committed",
                hint="this is a bug in Holdfast: please report it with the contract and the chunk's number",
            )

    def __add__(self, other: RowCounts) -> RowCounts:
        return RowCounts(
            read=self.read + other.read,
            inserted=self.inserted + other.inserted,
            updated=self.updated + other.updated,
            unchanged=self.unchanged + other.unchanged,
            superseded=self.superseded + other.superseded,
            rejected=self.rejected + other.rejected,
        )
