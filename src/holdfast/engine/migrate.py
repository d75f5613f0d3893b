"""The ledger's versions. Statements are named `ledger_<version>_<step>`; a version applies whole or not at all.

A newer ledger than this code is refused; an older one is migrated in a transaction under a lock, so two processes that
start at once on an empty database both succeed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from holdfast.domain.errors import LedgerError, SerializationFailure
from holdfast.ports.database import Database, Transaction

MIGRATIONS: dict[int, tuple[str, ...]] = {
    1: (
        "ledger_1_migration",
        "ledger_1_dataset",
        "ledger_1_run",
        "ledger_1_load",
        "ledger_1_file",
        "ledger_1_file_by_content",
        "ledger_1_chunk",
        "ledger_1_chunk_unfinished",
        "ledger_1_chunk_by_load",
        "ledger_1_chunk_by_file",
        "ledger_1_reject",
        "ledger_1_worker",
    ),
    2: ("ledger_2_chunk_place",),
    3: ("ledger_3_outbound",),
    4: ("ledger_4_fx_quote", "ledger_4_fx_no_data", "ledger_4_fx_quota", "ledger_4_fx_lease"),
    5: ("ledger_5_drift",),
    6: ("ledger_6_touch", "ledger_6_change", "ledger_6_change_by_key"),
    7: ("ledger_7_model_partition",),
    8: ("ledger_8_check_result", "ledger_8_check_result_by_name", "ledger_8_check_partition"),
    9: (
        "ledger_9_run_place",
        "ledger_9_run_process",
        "ledger_9_stage",
        "ledger_9_stage_by_run",
        "ledger_9_log",
        "ledger_9_log_by_run",
        "ledger_9_log_by_time",
        "ledger_9_view_pipeline_checkpoint",
        "ledger_9_view_processed_months",
        "ledger_9_view_pipeline_logs",
    ),
    10: ("ledger_10_reject_mended",),
}
LATEST = max(MIGRATIONS)


@dataclass(frozen=True, slots=True)
class LedgerVersion:
    """`found` is 0 where there is no ledger yet."""

    found: int
    latest: int = LATEST

    @property
    def is_current(self) -> bool:
        return self.found == self.latest


def ledger_version(database: Database) -> LedgerVersion:
    """The ledger's version. Raises LedgerError when it is newer than this code or was changed by hand."""
    with database.reading() as tx:
        return LedgerVersion(_verified(database, tx))


def upgrade(database: Database) -> LedgerVersion:
    """Bring the ledger to the latest version; returns what was found before. Safe to call at every start."""
    try:
        found = ledger_version(database).found
    except SerializationFailure:
        found = 0  # its tables are made at this very moment: by the time of the lock they are there
    if found == LATEST:
        return LedgerVersion(found)
    with database.transaction() as tx:
        tx.run("ledger_lock")
        found = _verified(database, tx)
        tx.run("ledger_schema")
        for version in (v for v in sorted(MIGRATIONS) if v > found):
            for name in MIGRATIONS[version]:
                tx.run(name)
            tx.run("migration_add", version=version, checksum=_checksum(database, version))
    return LedgerVersion(found)


def _verified(database: Database, tx: Transaction) -> int:
    if not tx.run("ledger_exists").rows[0]["found"]:
        return 0
    applied = {row["version"]: row["checksum"] for row in tx.run("migrations_applied").rows}
    newest = max(applied, default=0)
    if newest > LATEST:
        raise LedgerError(
            f"the ledger is version {newest}, this Holdfast knows up to {LATEST}; nothing was touched",
            hint="upgrade Holdfast on this machine: pip install --upgrade holdfast",
        )
    for version, checksum in applied.items():
        if checksum != _checksum(database, version):
            raise LedgerError(
                f"the ledger's version {version} was not made by this Holdfast; nothing was touched",
                hint="restore the ledger from a backup, or load into a fresh database",
            )
    return newest


def _checksum(database: Database, version: int) -> str:
    text = "\n".join(database.statement(name) for name in MIGRATIONS[version])
    return hashlib.sha256(text.encode()).hexdigest()
