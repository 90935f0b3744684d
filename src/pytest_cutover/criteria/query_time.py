"""A query is fast enough."""

from __future__ import annotations

import time
from typing import ClassVar

from pydantic import Field, model_validator
from typing_extensions import Self

from pytest_cutover.criteria.base import Example
from pytest_cutover.criteria.checking import DatabaseKind, earlier, timed_out
from pytest_cutover.criteria.fields import Select
from pytest_cutover.database import Database
from pytest_cutover.errors import NoBaseline, NotChecked, QueryError
from pytest_cutover.finding import Finding
from pytest_cutover.plan.values import Duration, format_duration

RUNS = 3
MORE_RUNS = 7
NOISE_S = 0.001
"""A query that takes less is never called slower than before: that small a difference is the machine's."""
LONGEST_S = 30.0


class QueryTime(DatabaseKind):
    """The query takes at most `within`, and at most `times_baseline` times as long as before."""

    KIND: ClassVar[str] = "query_time"
    GROUP: ClassVar[str] = "queries"
    PROVES: ClassVar[str] = (
        "After one run to warm up, the best of three runs was quick enough; where it was not, the best of ten counts, "
        "because other work on the machine can only make a run slower. A query that takes ten times its limit is cancelled. "
        "Below one millisecond no query counts as slower than before."
    )
    CANNOT: ClassVar[str] = (
        "Production has other hardware, other load and a cold cache. A ratio to the baseline says more than a time."
    )
    EXAMPLE: ClassVar[Example] = Example(
        criterion="sql = \"SELECT count(*) FROM flights WHERE callsign = 'AB1'\"\ntimes_baseline = 10",
        before="CREATE TABLE flights (id int PRIMARY KEY, callsign text, cid int);\n"
        "INSERT INTO flights SELECT n, 'AB' || n, n FROM generate_series(1, 200000) AS n;\n"
        "CREATE INDEX by_callsign ON flights (callsign);",
        passing="CREATE INDEX by_callsign_cid ON flights (callsign, cid);\nDROP INDEX by_callsign;",
        failing="CREATE INDEX by_cid ON flights (cid);\nDROP INDEX by_callsign;",
        message="at most 10 times as long as before",
        plan='changes.added = ["index:by_callsign_cid"]\nchanges.dropped = ["index:by_callsign"]',
        failing_plan='changes.added = ["index:by_cid"]\nchanges.dropped = ["index:by_callsign"]',
    )

    sql: Select = Field(description="one SELECT")
    within: Duration | None = Field(None, description="how long it may take")
    times_baseline: float | None = Field(None, gt=0, description="how many times as long as before it may take")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.within is None and self.times_baseline is None:
            raise ValueError("give `within`, or `times_baseline`, or both")
        return self

    def find(self, before: Database, after: Database) -> Finding:
        """Measures the query."""
        limits: list[tuple[float, str]] = []
        baseline = None
        if self.within is not None:
            limits.append((self.within, f"within {_shown(self.within)}"))
        if self.times_baseline is not None:
            baseline = self._baseline(before)
            allowed = max(baseline * self.times_baseline, NOISE_S)
            limits.append((allowed, f"at most {self.times_baseline:g} times as long as before ({_shown(baseline)})"))
        limit = min(allowed for allowed, _ in limits)
        expected = " and ".join(text for _, text in limits)
        best = _best(after, self.sql, limit, min(max(limit * 10, 1.0), LONGEST_S))
        if best is None:
            return Finding(
                False, f"the query was cancelled, expected is {expected}",
                before="" if baseline is None else _shown(baseline), expected=expected, actual="cancelled",
            )  # fmt: skip
        held_before, was = None, "" if baseline is None else _shown(baseline)
        if baseline is None:
            held_before, was = earlier(before, best * 4, lambda database: _earlier(database, self.sql, limit))
        holds = best <= limit
        return Finding(
            holds, f"the query takes {_shown(best)}" + ("" if holds else f", expected is {expected}"), before=was,
            expected=expected, actual=_shown(best), held_before=held_before,
        )  # fmt: skip

    def _baseline(self, before: Database) -> float:
        try:
            best = _best(before, self.sql, 0, LONGEST_S)
        except NoBaseline:
            raise
        except QueryError as error:
            raise NotChecked(f"the query cannot run before the migration: {error}") from error
        if best is None:
            raise NotChecked(f"the query takes more than {_shown(LONGEST_S)} before the migration")
        return best


def _best(database: Database, sql: str, limit: float, longest: float) -> float | None:
    """The best time in seconds, None where a run took longer than `longest` and was cancelled."""
    began = time.perf_counter()
    try:
        with database.time_limit(longest):
            _run(database, sql)
            best = min(_run(database, sql) for _ in range(RUNS))
            for _ in range(MORE_RUNS):
                if best <= limit or time.perf_counter() - began > LONGEST_S:
                    break
                best = min(best, _run(database, sql))
    except QueryError as error:
        if timed_out(error):
            return None
        raise
    return best


def _run(database: Database, sql: str) -> float:
    """One run: seconds until the last row has arrived."""
    began = time.perf_counter()
    database.drain(sql)
    return time.perf_counter() - began


def _earlier(before: Database, sql: str, limit: float) -> tuple[bool | None, str]:
    _run(before, sql)
    best = min(_run(before, sql) for _ in range(RUNS))
    return best <= limit, _shown(best)


def _shown(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms" if seconds < 0.01 else format_duration(seconds)
