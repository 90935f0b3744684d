"""The migration keeps a table from its readers or writers no longer than allowed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from pydantic import Field, field_validator, model_validator
from typing_extensions import Self

from pytest_cutover.canaries.model import INTERVAL_S, Wait
from pytest_cutover.criteria.base import Example, Kind
from pytest_cutover.database import Database
from pytest_cutover.errors import NotChecked
from pytest_cutover.finding import Evidence, Finding
from pytest_cutover.names import nearest
from pytest_cutover.plan.model import Phase
from pytest_cutover.plan.values import Duration, TableName, format_duration
from pytest_cutover.trace import MODES, Held, Recording, Trace, at_least

ROW = "FOR UPDATE"
SHORTEST_S = 10 * INTERVAL_S
"""What is looked at so often cannot be held to a shorter time."""

_WEAKER = ("ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE")
_OTHER_ROW_LOCKS = ("FOR NO KEY UPDATE", "FOR SHARE", "FOR KEY SHARE")
_CLIENTS = {"read": "a reader", "write": "a writer"}


class Locks(Kind):
    """The migration keeps nobody from the table, or from a row of it, for longer than allowed."""

    KIND: ClassVar[str] = "locks"
    GROUP: ClassVar[str] = "locks"
    MEANINGFUL: ClassVar[tuple[Phase, ...]] = ("rehearsal",)
    PROVES: ClassVar[str] = (
        "Each lock on the table was timed in the rehearsal, from the beginning of the statement that took it to the end of "
        "its transaction, whatever runs the migration. None of that mode or a stronger one was held for longer than "
        "`within`, or none at all where there is no `within`. With `within`, clients also asked for the table all the while: none of its "
        "readers (and, for weaker modes than ACCESS EXCLUSIVE, of its writers) waited for longer, be it for several locks in a row or "
        'for a table that was renamed away. `mode = "FOR UPDATE"`: of a sample of 100 rows none was closed to who would update it for longer.'
    )
    CANNOT: ClassVar[str] = (
        "Nobody was in the way: in production the migration also waits for its locks, and whoever comes later waits behind it. "
        "Production's disks and tables may be slower. How long a LOCK TABLE or TRUNCATE inside of a function that no DDL follows "
        "was held is measured only from some 20 ms on; one that was shorter counts as a lock all the same, and is *not checked* where "
        "`within` is shorter still. Where the server has no pg_stat_statements it is not seen, which the finding says. "
        "A few rows of many may be in no sample, and of a table that has no rows none is looked at: *not checked*. "
        "The locks of a server that was given are not traced: *not checked*, where no client waited for too long; its rows are."
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
        "what lies between keep writers out, SHARE UPDATE EXCLUSIVE only other DDL and VACUUM; or FOR UPDATE: any lock of a "
        "row, or of the table, that keeps out who would update a row",
    )
    within: Duration | None = Field(
        None,
        description="how long it may be held; without it, it may not be taken at all. FOR UPDATE needs one of 200 ms or more: "
        "looking at rows every 20 ms proves no shorter one",
    )

    @field_validator("mode")
    @classmethod
    def _known(cls, mode: str) -> str:
        if mode in _WEAKER:
            raise ValueError(f"found {mode!r}: every statement takes it, and it keeps nobody from reading or writing")
        if mode == "FOR KEY SHARE":
            raise ValueError(
                f"found {mode!r}: it keeps nobody from updating a row. Write {ROW!r} for the locks that do"
            )
        if mode in _OTHER_ROW_LOCKS:
            raise ValueError(
                f"found {mode!r}: write {ROW!r}, which stands for every lock of a row that keeps out who would update it, "
                "also the one that an UPDATE itself takes"
            )
        if mode not in (*MODES, ROW):
            known = (*MODES, ROW)
            raise ValueError(f"found {mode!r}. Allowed: {', '.join(known)}.{nearest(mode.upper(), known)}")
        return mode

    @model_validator(mode="after")
    def _rows_need_a_time(self) -> Self:
        if self.mode == ROW and (self.within is None or self.within < SHORTEST_S):
            raise ValueError(
                f"{ROW} needs within, of {format_duration(SHORTEST_S)} or more: a sample of the rows is looked at every "
                f"{format_duration(INTERVAL_S)}, which cannot prove that none was ever closed"
            )
        return self

    def check(self, before: Database, recording: Recording, waits: Sequence[Wait]) -> Finding:
        """Finds for how long the table, or its rows, were closed.

        Raises:
            NotChecked: that was not measured, or not closely enough.
        """
        if self.table not in before.catalog.tables and (
            recording.trace is None or recording.trace.named(self.table) is None
        ):
            return Finding(
                False, f"there is no table {self.table} before the migration: nobody could be kept from it",
                expected=self._expected(), actual="no such table",
                before=f"{len(before.catalog.tables)} tables",
            )  # fmt: skip
        met = {each.access: each for each in waits if each.table == self.table}
        if self.mode == ROW:
            return self._of_rows(met.get("row", Wait(self.table, "row", missing="nobody looked")))
        asked = [met[access] for access in self._accesses() if access in met]
        kept_out = self._of_clients(asked)
        try:
            held = self._of_locks(recording.had())
        except NotChecked:
            if kept_out is None:
                raise
            return kept_out
        if self.within is not None and held.holds:
            if kept_out is not None:
                return kept_out
            if not asked or not all(each.tries for each in asked):
                why = next((f": {each.missing}" for each in asked if each.missing), "")
                raise NotChecked(f"no client could ask for {self.table} while it was migrated{why}")
        return held

    def _of_locks(self, trace: Trace) -> Finding:
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

    def _of_clients(self, asked: Iterable[Wait]) -> Finding | None:
        """What fails where a client waited for too long, None where none did."""
        longest = max(asked, key=lambda each: each.longest, default=None)
        if self.within is None or longest is None or longest.longest <= self.within:
            return None
        who, waited = _CLIENTS[longest.access], format_duration(longest.longest)
        return Finding(
            False, f"{who} of {self.table} waited for {waited}, at most {format_duration(self.within)} are allowed: it was "
            "locked several times in a row, or not there",
            expected=self._expected(), actual=f"{who} waited for {waited}", evidence=(_evidence(longest),),
        )  # fmt: skip

    def _of_rows(self, row: Wait) -> Finding:
        assert self.within is not None
        if not row.tries:
            raise NotChecked(f"no row of {self.table} was looked at while it was migrated: {row.missing}")
        closed, allowed = format_duration(row.longest), format_duration(self.within)
        holds = row.longest <= self.within
        if holds and (row.at_most is None or row.at_most > self.within):
            raise NotChecked(
                f"rows of {self.table} were closed to their writers for at least {closed}, and, for all that was seen, for up to "
                f"{format_duration(row.at_most or 0.0)}; {allowed} are allowed: it was too near to that, or the machine too busy "
                "to look often enough"
            )
        is_seen = bool(row.longest or row.share)
        text = f"rows of {self.table} were closed to their writers for {closed}"
        return Finding(
            holds,
            f"{text}, at most {allowed} are allowed" if not holds
            else text if is_seen else f"no row of {self.table} was seen closed to its writers",
            expected=self._expected(),
            actual=f"closed for {closed}" if is_seen else "not closed",
            evidence=(_evidence(row),) if is_seen else (),
        )  # fmt: skip

    def _accesses(self) -> tuple[str, ...]:
        return ("read",) if self.mode == MODES[-1] else ("read", "write")

    def _expected(self) -> str:
        if self.mode == ROW and self.within is not None:
            return f"no row closed to its writers for longer than {format_duration(self.within)}"
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


def watched(criteria: Iterable[object]) -> list[str]:
    """The tables of which the criteria say how long somebody may wait."""
    return [each.table for each in criteria if isinstance(each, Locks) and each.within is not None]


def _row(held: Held) -> tuple[Any, ...]:
    return held.mode, held.length, held.by


def _evidence(wait: Wait) -> Evidence:
    """What a client met, as a table of one row."""
    columns = ["client", "waited", "from", "in all", "asked"]
    row = [
        _CLIENTS.get(wait.access, "a writer of a row"), format_duration(wait.longest), format_duration(wait.at),
        format_duration(wait.total), f"{wait.tries:,} times",
    ]  # fmt: skip
    if wait.share is not None:
        columns.append("of the sample at once")
        row.append(f"{wait.share:.0%}")
    return Evidence.of(f"Who waited for {wait.table}", columns, [row])
