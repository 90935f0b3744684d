"""Timestamps are in UTC, and mean what they meant."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, PrivateAttr, WithJsonSchema, model_validator
from typing_extensions import Self

from pytest_cutover.content.settled import Settled
from pytest_cutover.criteria.base import Example
from pytest_cutover.criteria.checking import listed, rows
from pytest_cutover.criteria.forms import unsettled
from pytest_cutover.criteria.instants import Instant, Reader, matcher, may_be_long, read_utc
from pytest_cutover.criteria.rows import TableKind, absent_columns
from pytest_cutover.criteria.timestamps import Timestamps
from pytest_cutover.database import Database
from pytest_cutover.errors import NotChecked
from pytest_cutover.finding import Finding
from pytest_cutover.names import quote_identifier
from pytest_cutover.plan.values import ColumnName, TableName

_WITH_ZONE = ("timestamp with time zone", "timestamptz")
_NOT_UTC = "is not ISO 8601 in UTC"
_MOVED = "means another instant"
_UNREAD = "could not be read before"
_UNREADABLE = "cannot be read for sure"
_LOST = "is NULL, and had a value"
_MADE_UP = "has a value, and was NULL"
_TOUCHED = "is no timestamp, and changed"


def _source(value: object) -> str | dict[str, str]:
    """Raises ValueError where the zones or forms are none."""
    if not isinstance(value, str) and not (
        isinstance(value, dict) and value and all(isinstance(each, str) for each in value.values())
    ):
        raise ValueError('write a zone, as "UTC" or "+07:00", or { "YYYY-MM-DD HH:MM:SS" = "UTC", … }')
    Reader(value)
    return value


Source = Annotated[
    Any, BeforeValidator(_source), WithJsonSchema({"title": 'a zone, or { "YYYY-MM-DD HH:MM:SS" = zone, … }'})
]
"""How texts without a zone are to be read."""


class Utc(TableKind):
    """Every value of the columns is ISO 8601 in UTC and means the same instant as before; NULL stays NULL."""

    KIND: ClassVar[str] = "utc"
    GROUP: ClassVar[str] = "time"
    PROVES: ClassVar[str] = (
        "Each value was read: a `T`, a date of the calendar, seconds with any fraction, and `Z` or `+00:00` at the end. It "
        "was compared, digit by digit of the fraction, with the same row's value before the migration, which was read in "
        "the zone that it names itself or that `source` says. Values of a pattern in `skip` are as they were. A value that "
        "could not be read before is a failure. Of a `timestamptz` column only the instant is compared. On a live database, "
        "whose rows of before are gone, each value's form is proved, and only where the criterion passed in the rehearsal of "
        "this very plan and migration; ahead of the migration that each value can be read in the zones of `source`."
    )
    CANNOT: ClassVar[str] = (
        "Whether `source` is right, nobody can read in the data: it is what the plan claims. New rows are only looked at for "
        "their form, and rows that are gone not at all: `row_count` and `[changes]` see those. A live run compares no instant: "
        "what the migration makes of a form that the backup does not hold, only a newer backup can tell. Of a table without a primary "
        "key the instants of each column are compared as a whole, so that two that changed places pass."
    )
    EXAMPLE: ClassVar[Example] = Example(
        criterion='table = "events"\ncolumns = ["at"]\nsource = { "YYYY-MM-DD HH:MM:SS" = "+07:00" }\nskip = ["HH:MM"]',
        before="CREATE TABLE events (id int PRIMARY KEY, at text);\n"
        "INSERT INTO events VALUES (1, '2026-01-01 03:30:00.25'), (2, '2026-01-01T03:30:00+02:00'), (3, '08:00'), (4, NULL);",
        passing="UPDATE events SET at = '2025-12-31T20:30:00.25Z' WHERE id = 1;\n"
        "UPDATE events SET at = '2026-01-01T01:30:00Z' WHERE id = 2;",
        failing="UPDATE events SET at = replace(at, ' ', 'T') || 'Z' WHERE id = 1;\n"
        "UPDATE events SET at = '2026-01-01T01:30:00Z' WHERE id = 2;",
        message="1 of 2 timestamps of events.at means another instant",
        plan='changes.rows.events.changed = ["at"]',
    )

    table: TableName = Field(description="the table")
    columns: Annotated[list[ColumnName], Field(min_length=1)] = Field(description="the columns that hold timestamps")
    source: Source = Field(
        description="the zone of values that name none: one for all, as UTC, +07:00 or Asia/Bangkok, or one for each form. "
        "Forms are spelled YYYY MM DD HH MM SS; a fraction needs no form of its own"
    )
    skip: list[str] = Field([], description="patterns of values that are no timestamps and stay as they were, as HH:MM")

    _reader: Reader = PrivateAttr()
    _left_out: re.Pattern[str] | None = PrivateAttr()
    _ahead: bool = PrivateAttr(False)

    @model_validator(mode="after")
    def _prepare(self) -> Self:
        self._reader = Reader(self.source)
        self._left_out = matcher(self.skip)
        return self

    def before_values(self) -> Utc:
        """Ahead of the migration: each value can be read."""
        found = self.model_copy()
        found._ahead = True
        return found

    def find(self, before: Database, after: Database) -> Finding:
        """Finds the values that are not in UTC, or mean another instant."""
        lacking = self.missing(before, after, self.table, self.columns)
        if lacking is not None:
            return lacking
        if after.live:
            return self._forms(before, after)
        before.require(f"comparing the instants of {self.table}")
        gone = absent_columns(before, self.table, self.columns)
        if gone:
            raise NotChecked(f"there was {gone} before, so there are no instants to compare with")
        expected = f"{listed(self.columns)} in UTC, each instant as before"
        key = self._key(before, after)
        settled = self._settled(before, after, key)
        old, new = settled.old, settled.new
        if not new and not settled.rows:
            return self.empty(before, self.table, expected)
        typed = self._typed(after)
        counted = Timestamps(self.columns)
        counted.timestamps, counted.skipped = settled.timestamps, settled.skipped
        for place, values in new.items():
            earlier = old.get(place) if key else None
            for number, column in enumerate(self.columns):
                was = _NO_ROW if earlier is None else earlier[number]
                self._judge(counted, place, column, was, values[number], column in typed)
        if not key:
            self._as_bag(counted, old, new)
        if counted.timestamps == 0 and not counted.wrong:
            raise NotChecked(f"{self.table} holds no timestamp in {listed(self.columns)}, so this proves nothing")
        skipped = f"; {counted.skipped:,} values left out, unchanged" if counted.skipped else ""
        apart = len(old) - len(old.keys() & new.keys()) if key else 0
        skipped += f"; {rows(apart)} of before not compared: gone" if apart else ""
        how = "" if key else "; instants compared as a whole, for want of a key"
        in_utc_before = self._in_utc(old) + settled.in_utc
        held_before = in_utc_before == len(self._values(old)) + settled.timestamps
        if not counted.wrong:
            return Finding(
                True, f"all {counted.timestamps:,} timestamps of {self.table} are in UTC and mean the instant they "
                f"meant{skipped}{how}", before=f"{in_utc_before:,} in UTC", expected=expected,
                actual=f"{counted.timestamps:,} in UTC, each as before", held_before=held_before,
            )  # fmt: skip
        return Finding(
            False, counted.message(self.table) + how, before=f"{in_utc_before:,} in UTC", expected=expected,
            actual=counted.actual(), evidence=(counted.evidence(self.table, key),), held_before=held_before,
        )  # fmt: skip

    def _forms(self, before: Database, after: Database) -> Finding:
        """Finds the values of a live database that have no form that they may have."""
        typed = self._typed(after)
        found = unsettled(after, self.table, self.columns, typed, self._reader.offsets() if self._ahead else None)
        counted = Timestamps(self.columns)
        counted.timestamps = found.values
        for place, values in found.rows:
            for column, value in zip(self.columns, values):
                if self._skips(value):
                    counted.timestamps -= 1
                    counted.skipped += 1
                elif value is not None:
                    read = self._meant(value) if self._ahead else self._after(value, column in typed)
                    if read is None:
                        counted.note(place, column, _UNREADABLE if self._ahead else _NOT_UTC)
        expected = f"{listed(self.columns)} " + ("to be read in the zones of `source`" if self._ahead else "in UTC")
        if counted.wrong:
            return Finding(
                False, counted.message(self.table), expected=expected, actual=counted.actual(),
                evidence=(counted.evidence(self.table, found.key),),
            )  # fmt: skip
        if counted.timestamps == 0:
            raise NotChecked(f"{self.table} holds no timestamp in {listed(self.columns)}, so this proves nothing")
        skipped = f"; left out: {counted.skipped:,}" if counted.skipped else ""
        number = f"all {counted.timestamps:,} timestamps of {self.table}"
        if self._ahead:
            return Finding(
                True, f"{number} can be read{skipped}", expected=expected, actual=f"{counted.timestamps:,} readable"
            )
        rehearsed = before.proved_in_rehearsal(self.id)
        return Finding(
            True, f"{number} are in UTC by their form{skipped}; that they mean what they meant was proved in the rehearsal "
            f"of {rehearsed} and is not compared here", expected=expected, actual=f"{counted.timestamps:,} in UTC by form",
        )  # fmt: skip

    def _typed(self, after: Database) -> set[str]:
        return {each.name for each in after.catalog.columns_of(self.table) if each.type in _WITH_ZONE}

    def _judge(self, counted: Timestamps, place: tuple[Any, ...], column: str, was: Any, now: Any, typed: bool) -> None:
        if was is None or now is None:
            if was is not _NO_ROW and (was is None) != (now is None):
                counted.note(place, column, _MADE_UP if was is None else _LOST)
            return
        if self._skips(was):
            counted.skipped += 1
            if was != now or type(was) is not type(now):
                counted.note(place, column, _TOUCHED)
            return
        if was is _NO_ROW and self._skips(now):
            return
        counted.timestamps += 1
        found = self._after(now, typed)
        if found is None:
            counted.note(place, column, _NOT_UTC)
        elif was is not _NO_ROW:
            meant = self._meant(was)
            if meant is None:
                counted.note(place, column, _UNREAD)
            elif meant != found:
                counted.note(place, column, _MOVED)

    def _as_bag(self, counted: Timestamps, old: Mapping[Any, Any], new: Mapping[Any, Any]) -> None:
        """Compares each column's instants, NULLs and skipped values as a whole."""
        for number, column in enumerate(self.columns):
            meant = Counter(self._sign(values[number], after=False) for values in old.values())
            found = Counter(self._sign(values[number], after=True) for values in new.values())
            for _ in (meant - found).elements():
                counted.note((), column, _MOVED)

    def _sign(self, value: Any, after: bool) -> Any:
        if value is None or self._skips(value):
            return value
        return (self._after(value, False) if after else self._meant(value)) or ("unread", value)

    def _after(self, value: Any, typed: bool) -> Instant | None:
        if not isinstance(value, str):
            return None
        return self._reader.read(value) if typed else read_utc(value)

    def _meant(self, value: Any) -> Instant | None:
        return self._reader.read(value) if isinstance(value, str) else None

    def _skips(self, value: Any) -> bool:
        return self._left_out is not None and isinstance(value, str) and self._left_out.fullmatch(value) is not None

    def _key(self, before: Database, after: Database) -> tuple[str, ...]:
        """The primary key that both have, so that a row is known again; empty where there is none."""
        key = after.catalog.primary_key(self.table)
        return key if key and key == before.catalog.primary_key(self.table) else ()

    def _settled(self, before: Database, after: Database, key: tuple[str, ...]) -> Settled:
        """All rows, or those that the database could not settle by itself."""
        offsets = self._reader.offsets()
        if key and offsets and not any(may_be_long(each) for each in self.skip):
            settled = before.settled_instants(after, self.table, key, self.columns, offsets, self.skip)
            if settled is not None:
                return settled
        return Settled(0, 0, 0, 0, self._read(before, key), self._read(after, key))

    def _read(self, database: Database, key: tuple[str, ...]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        """The values of the columns by row: as texts where the database can give them so."""
        names = [quote_identifier(name) for name in self.columns]
        if database.dialect == "postgresql":
            names = [database.as_text(name) for name in names]
        keys = [quote_identifier(name) for name in key]
        found = database.query(f"SELECT {', '.join([*keys, *names])} FROM {database.relation(self.table)}").rows
        size = len(key)
        if not size:
            return {(number,): tuple(row) for number, row in enumerate(found)}
        return {tuple(row[:size]): tuple(row[size:]) for row in found}

    def _values(self, found: Mapping[Any, tuple[Any, ...]]) -> list[Any]:
        return [value for row in found.values() for value in row if value is not None and not self._skips(value)]

    def _in_utc(self, found: Mapping[Any, tuple[Any, ...]]) -> int:
        return sum(self._after(value, False) is not None for value in self._values(found))


class _NoRow:
    """What a row that is new had before."""


_NO_ROW = _NoRow()
