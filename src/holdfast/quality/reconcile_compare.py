"""A bucket of prints from the sources against the same bucket of the table: which rows differ, and how.

Of several source rows with one key the greatest (sequence, `_origin`) is expected (P5). Values decide: a row that a
later delivery repeated unchanged may keep the `_origin` of any of those deliveries, but of no other row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from holdfast.domain.origin import ROW_BITS
from holdfast.quality.reconcile_hash import KEY, KEY_2, ORIGIN, RANK, VALUES, Prints

Ids = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Known:
    """What origins may mean. Sorted: chunks that could not be read again, origins of mended rows."""

    unreadable: Ids
    mended: Ids

    def is_unreadable(self, origins: Ids) -> Mask:
        return among(origins >> ROW_BITS, self.unreadable)

    def is_mended(self, origins: Ids) -> Mask:
        return among(origins, self.mended)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A bucket's rows by what is to be said of them; `source` and `table` of what differs stand side by side."""

    expected: int
    missing: Prints
    extra: Prints
    different: tuple[Prints, Prints]
    unverified: Prints
    mended: Prints


def compare(source: Prints, table: Prints, known: Known) -> Verdict:
    """What a bucket's table rows are against what its source rows say they should be."""
    source, table = source[np.argsort(source[:, KEY])], table[np.argsort(table[:, KEY])]
    if _are_the_same(source, table):
        nothing = source[:0]
        return Verdict(len(source), nothing, nothing, (nothing, nothing), nothing, nothing)
    source_ids, table_ids = _ids(source, table)
    order = _ranked(source, source_ids)
    source, source_ids = source[order], source_ids[order]
    is_winner = np.append(source_ids[1:] != source_ids[:-1], True) if len(source) else np.empty(0, np.bool_)
    winners, winner_ids = source[is_winner], source_ids[is_winner]
    places = np.searchsorted(winner_ids, table_ids)
    places_safe = np.minimum(places, max(len(winner_ids) - 1, 0))
    is_met = (winner_ids[places_safe] == table_ids) if len(winner_ids) else np.zeros(len(table), np.bool_)
    is_spare = _spare(table, table_ids, winners, places_safe, is_met)
    met = np.flatnonzero(is_met & ~is_spare)
    missed = np.ones(len(winners), np.bool_)
    missed[places_safe[met]] = False
    different, beaten = _met(source, source_ids, winners[places_safe[met]], table[met], table_ids[met], known)
    alone = np.concatenate([table[~is_met | is_spare], beaten[0]])
    is_copy = np.concatenate([is_spare[~is_met | is_spare], np.zeros(len(beaten[0]), np.bool_)])
    mended = known.is_mended(alone[:, ORIGIN]) & ~is_copy
    unverified = known.is_unreadable(alone[:, ORIGIN]) & ~mended & ~is_copy
    return Verdict(
        expected=len(winners) - len(beaten[0]),
        missing=winners[missed],
        extra=alone[~mended & ~unverified],
        different=different,
        unverified=alone[unverified],
        mended=alone[mended],
    )


def _are_the_same(source: Prints, table: Prints) -> bool:
    """Both in order of KEY: has each row of the table its source row, and is that the only one of its key?"""
    if source.shape != table.shape:
        return False
    keys = source[:, KEY]
    equal = all((source[:, column] == table[:, column]).all() for column in (KEY, KEY_2, VALUES, ORIGIN))
    return equal and not (keys[1:] == keys[:-1]).any()


def _met(
    source: Prints, source_ids: Ids, winners: Prints, table: Prints, table_ids: Ids, known: Known
) -> tuple[tuple[Prints, Prints], tuple[Prints, Prints]]:
    """Of keys both sides have: pairs that differ, and table rows that beat what the sources can still say."""
    same = winners[:, VALUES] == table[:, VALUES]
    doubtful = np.flatnonzero(~(same & (winners[:, ORIGIN] == table[:, ORIGIN])))
    winners, table, table_ids, same = winners[doubtful], table[doubtful], table_ids[doubtful], same[doubtful]
    outside = known.is_unreadable(table[:, ORIGIN]) | known.is_mended(table[:, ORIGIN])
    fine = same & (outside | _is_repeated(source, source_ids, table, table_ids))
    beats = ~same & outside & outranks(table, winners)
    differs = ~fine & ~beats
    return (winners[differs], table[differs]), (table[beats], winners[beats])


def _ids(source: Prints, table: Prints) -> tuple[Ids, Ids]:
    """A number for every key, the same on both sides: its first hash, unless two keys of the bucket share that."""
    keys = np.concatenate([source[:, [KEY, KEY_2]], table[:, [KEY, KEY_2]]])
    order = np.argsort(keys[:, 0])
    ordered = keys[order]
    if not ((ordered[1:, 0] == ordered[:-1, 0]) & (ordered[1:, 1] != ordered[:-1, 1])).any():
        return source[:, KEY], table[:, KEY]
    _, ids = np.unique(keys, axis=0, return_inverse=True)
    ids = ids.reshape(-1).astype(np.int64)
    return ids[: len(source)], ids[len(source) :]


def _ranked(prints: Prints, ids: Ids) -> Ids:
    """The order by key, then sequence, then origin."""
    order: Ids = np.argsort(ids)
    ordered = ids[order]
    if not (ordered[1:] == ordered[:-1]).any():
        return order
    words = [prints[:, column] for column in range(prints.shape[1] - 1, RANK - 1, -1)]
    return np.lexsort([prints[:, ORIGIN], *words, ids])


def _spare(table: Prints, ids: Ids, winners: Prints, places: Ids, is_met: Mask) -> Mask:
    """Rows of a key that the table has more than once (it lost its key): all but the one that fits best."""
    spare = np.zeros(len(table), np.bool_)
    order = np.argsort(ids, kind="stable")
    ordered = ids[order]
    if not (ordered[1:] == ordered[:-1]).any():
        return spare
    fits = np.zeros(len(table), np.int64)
    if len(winners):
        fits += 2 * (is_met & (winners[places, VALUES] == table[:, VALUES]))
        fits += is_met & (winners[places, ORIGIN] == table[:, ORIGIN])
    order = np.lexsort([-table[:, ORIGIN], -fits, ids])
    ordered = ids[order]
    spare[order[1:]] = ordered[1:] == ordered[:-1]
    return spare & is_met


def _is_repeated(source: Prints, source_ids: Ids, table: Prints, table_ids: Ids) -> Mask:
    """Is the row's origin that of a delivery which the winner, and all deliveries between the two, repeat unchanged?

    `source` is ranked, so those stand at the end of their key.
    """
    if not len(source) or not len(table):
        return np.zeros(len(table), np.bool_)
    goes_on = np.append((source_ids[1:] == source_ids[:-1]) & (source[1:, VALUES] == source[:-1, VALUES]), False)
    ends_key = np.append(source_ids[1:] != source_ids[:-1], True)
    last_of_stretch = np.flatnonzero(~goes_on)
    stretch = np.searchsorted(last_of_stretch, np.arange(len(source)))
    leads = np.flatnonzero(ends_key[last_of_stretch[stretch]])
    leads = leads[np.argsort(source[leads, ORIGIN])]
    at = np.minimum(np.searchsorted(source[leads, ORIGIN], table[:, ORIGIN]), len(leads) - 1)
    found: Mask = (source[leads[at], ORIGIN] == table[:, ORIGIN]) & (source_ids[leads[at]] == table_ids)
    return found


def outranks(one: Prints, other: Prints) -> Mask:
    """Is (sequence, origin) greater?"""
    greater = np.zeros(len(one), np.bool_)
    equal = np.ones(len(one), np.bool_)
    for column in (*range(RANK, one.shape[1]), ORIGIN):
        greater |= equal & (one[:, column] > other[:, column])
        equal &= one[:, column] == other[:, column]
    return greater


def among(values: Ids, known: Ids) -> Mask:
    if not len(known) or not len(values):
        return np.zeros(len(values), np.bool_)
    at = np.minimum(np.searchsorted(known, values), len(known) - 1)
    found: Mask = known[at] == values
    return found
