"""The migration keeps a table from its readers or writers no longer than allowed."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, field_validator

from pytest_cutover.criteria.base import Example, Kind
from pytest_cutover.database import Database
from pytest_cutover.errors import NotChecked
from pytest_cutover.finding import Evidence, Finding
from pytest_cutover.names import nearest
from pytest_cutover.plan.model import Phase
from pytest_cutover.plan.values import Duration, TableName, format_duration
from pytest_cutover.trace import MODES, Held, Trace, at_least

_WEAKER = ("ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE")


class Locks(Kind):
    """The migration holds no lock of that mode or a stronger one on the table for longer than allowed."""

    KIND: ClassVar[str] = "locks"
    GROUP: ClassVar[str] = "locks"
    MEANINGFUL: ClassVar[tuple[Phase, ...]] = ("rehearsal",)
    PROVES: ClassVar[str] = (
        "Each lock on the table was timed in the rehearsal, from the beginning of the statement that took it to the end of "
        "its transaction, whatever runs the migration. None of that mode or a stronger one was held for longer than "
        "`within`, or none at all where there is no `within`."
    )
    CANNOT: ClassVar[str] = (
        "Nobody was in the way: in production the migration also waits for its locks, and whoever comes later waits behind it. "
        "Production's disks and tables may be slower. How long a LOCK TABLE or TRUNCATE inside of a function that no DDL follows "
        "was held is measured only from some 20 ms on; one that was shorter counts as a lock all the same, and is *not checked* where "
        "`within` is shorter still. Where the server has no pg_stat_statements it is not seen, which the finding says. A server that "
        "was given is not traced: *not checked*."
    )
    EXAMPLE: ClassVar[Example] = Example(
        criterion='table = "flights"\nmode = "ACCESS EXCLUSIVE"\nwithin = "300ms"',
        before="CREATE TABLE flights (id int PRIMARY KEY); INSERT INTO flights VALUES (1);",
        passing="ALTER TABLE flights ADD COLUMN cid integer;\nSELECT pg_sleep(0.4);",
        failing="BEGIN;\nALTER TABLE flights ADD COLUMN cid integer;\nSELECT pg_sleep(0.4);\nCOMMIT;",
        message="at most 300 ms are allowed: ALTER TABLE public.flights",
        plan='changes.added = ["column:flights.cid"]',
    )

    table: TableName = Field(description="the table")
    mode: str = Field(
        "ACCESS EXCLUSIVE",
        description="the weakest lock that counts, as PostgreSQL spells it: ACCESS EXCLUSIVE also keeps readers out, SHARE and "
        "what lies between keep writers out, SHARE UPDATE EXCLUSIVE only other DDL and VACUUM",
    )
    within: Duration | None = Field(None, description="how long it may be held; without it, it may not be taken at all")

    @field_validator("mode")
    @classmethod
    def _known(cls, mode: str) -> str:
        if mode in _WEAKER:
            raise ValueError(f"found {mode!r}: every statement takes it, and it keeps nobody from reading or writing")
        if mode not in MODES:
            raise ValueError(f"found {mode!r}. Allowed: {', '.join(MODES)}.{nearest(mode.upper(), MODES)}")
        return mode

    def check(self, before: Database, trace: Trace) -> Finding:
        """Finds how long the table was locked."""
        if trace.named(self.table) is None:
            return Finding(
                False, f"there is no table {self.table} before the migration: nobody could be kept from it",
                expected=self._expected(), actual="no such table",
                before=f"{len(before.catalog.tables)} tables",
            )  # fmt: skip
        found = [each for each in trace.held if each.table == self.table and at_least(each.mode, self.mode)]
        longest = found[0] if found else None
        if self.within is not None and longest is not None and longest.at_most and longest.seconds > self.within:
            measured = [each for each in found if not each.at_most]
            if not measured or measured[0].seconds <= self.within:
                raise NotChecked(
                    f"{longest.by} took {longest.mode} on {self.table} for {longest.length}, which nobody could measure; "
                    f"{format_duration(self.within)} are allowed"
                )
            longest = measured[0]
        holds = longest is None or (self.within is not None and longest.seconds <= self.within)
        told = self._told(longest, holds=holds)
        if longest is None and trace.not_counted:
            told = f"{told}, as far as was seen: what ran inside of functions is not known ({trace.not_counted})"
        return Finding(
            holds, told, expected=self._expected(),
            actual="not locked" if longest is None else f"{longest.mode} for {longest.length}",
            evidence=(Evidence.of(f"Locks on {self.table}", ("mode", "held", "taken by"), [_row(held) for held in found]),)
            if found else (),
        )  # fmt: skip

    def _expected(self) -> str:
        strength = self.mode if self.mode == MODES[-1] else f"{self.mode} or stronger"
        return f"{strength} for at most {format_duration(self.within)}" if self.within else f"no {strength}"

    def _told(self, longest: Held | None, *, holds: bool) -> str:
        if longest is None:
            return f"the migration takes no such lock on {self.table}"
        text = f"the migration holds {longest.mode} on {self.table} for {longest.length}"
        if holds:
            return text
        allowed = f"at most {format_duration(self.within)} are allowed" if self.within else "it may take no such lock"
        return f"{text}, {allowed}: {longest.by}"


def _row(held: Held) -> tuple[Any, ...]:
    return held.mode, held.length, held.by
