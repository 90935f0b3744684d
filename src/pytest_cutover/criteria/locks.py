"""The migration keeps a table from its readers or writers no longer than allowed."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, field_validator

from pytest_cutover.criteria.base import Example, Kind
from pytest_cutover.database import Database
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
        "Production's disks and tables may be slower. A LOCK TABLE or TRUNCATE inside of a function that no DDL follows is "
        "seen only from 20 ms on. A server that was given is not traced: *not checked*."
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
        holds = longest is None or (self.within is not None and longest.seconds <= self.within)
        return Finding(
            holds, self._told(longest, holds=holds), expected=self._expected(),
            actual="not locked" if longest is None else f"{longest.mode} for {format_duration(longest.seconds)}",
            evidence=(Evidence.of(f"Locks on {self.table}", ("mode", "held", "taken by"), [_row(held) for held in found]),)
            if found else (),
        )  # fmt: skip

    def _expected(self) -> str:
        strength = self.mode if self.mode == MODES[-1] else f"{self.mode} or stronger"
        return f"{strength} for at most {format_duration(self.within)}" if self.within else f"no {strength}"

    def _told(self, longest: Held | None, *, holds: bool) -> str:
        if longest is None:
            return f"the migration takes no such lock on {self.table}"
        text = f"the migration holds {longest.mode} on {self.table} for {format_duration(longest.seconds)}"
        if holds:
            return text
        allowed = f"at most {format_duration(self.within)} are allowed" if self.within else "it may take no such lock"
        return f"{text}, {allowed}: {longest.by}"


def _row(held: Held) -> tuple[Any, ...]:
    return held.mode, format_duration(held.seconds), held.by
