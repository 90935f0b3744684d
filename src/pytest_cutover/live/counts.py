"""Do the rows of a live database number what the plan declares, against the baseline's counts."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_cutover.database import Database
from pytest_cutover.errors import NoBaseline
from pytest_cutover.finding import Evidence
from pytest_cutover.live.baseline import Baseline
from pytest_cutover.plan.model import Changes, RowChanges


@dataclass(frozen=True)
class CountedRows:
    """What does not add up, and the counts behind it; shaped as a ledger, from counts alone."""

    violations: tuple[str, ...]
    evidence: tuple[Evidence, ...]


def compare_counts(baseline: Baseline, live: Database, changes: Changes) -> CountedRows:
    """The tables whose rows do not number what the plan lets them.

    Raises:
        NoBaseline: a table could not be counted when the baseline was saved.
        QueryError: one cannot be counted now.
    """
    if baseline.uncounted:
        name, reason = next(iter(baseline.uncounted.items()))
        raise NoBaseline(f"the baseline has no row count of {name}: {reason}")
    for name, table in baseline.catalog.tables.items():
        if table.kind in ("table", "partitioned") and name not in baseline.rows:
            raise NoBaseline(f"the baseline has no row count of {name}")
    wrong = []
    for name, earlier in baseline.rows.items():
        if name not in live.catalog.tables:
            continue  # the differences of the schema say so
        now = live.count(name)
        allowed = changes.rows.get(name, RowChanges())
        lowest = earlier + allowed.added.minimum - _or_all(allowed.deleted.maximum, earlier)
        highest = None if allowed.added.maximum is None else earlier + allowed.added.maximum - allowed.deleted.minimum
        if now < lowest or (highest is not None and now > highest):
            wrong.append((name, earlier, now))
    return CountedRows(
        tuple(f"{name} has {now:,} rows, and had {earlier:,} in the baseline" for name, earlier, now in wrong),
        (Evidence.of("Rows", ("table", "baseline", "live"), wrong),) if wrong else (),
    )


def _or_all(number: int | None, rows: int) -> int:
    return rows if number is None else number
