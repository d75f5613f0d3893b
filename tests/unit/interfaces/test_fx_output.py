"""What `fx fetch` says of days without a rate: weekends must not bury the rest."""

from __future__ import annotations

from datetime import date, timedelta

from holdfast.interfaces.cli.fx import _without_rate


def test_days_that_lack_the_same_currencies_are_one_line_and_neighbours_one_span() -> None:
    saturday = date(2024, 1, 6)
    weekends = [saturday + timedelta(days=7 * week + n) for week in range(5) for n in (0, 1)]
    lacking = [(day, currency) for day in weekends for currency in ("ILS", "EUR")] + [(date(2024, 1, 9), "EUR")]
    assert list(_without_rate(lacking)) == [
        "no rate of EUR, ILS on 10 days: 2024-01-06 to 2024-01-07, 2024-01-13 to 2024-01-14,"
        " 2024-01-20 to 2024-01-21 and 2 more",
        "no rate of EUR on 1 day: 2024-01-09",
    ]
    assert not list(_without_rate([]))
