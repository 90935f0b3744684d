"""Every reference leads to a row, declared as a foreign key or not."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator
from typing_extensions import Self

from pytest_cutover.criteria.base import Example
from pytest_cutover.criteria.checking import earlier, listed, rows
from pytest_cutover.criteria.fields import Agreeing
from pytest_cutover.criteria.rows import Counted, RowByRowKind, absent_columns, offending
from pytest_cutover.database import Database
from pytest_cutover.errors import NotChecked
from pytest_cutover.finding import Evidence, Finding
from pytest_cutover.names import parse_relation, quote_identifier
from pytest_cutover.plan.values import ColumnName, TableName


class References(RowByRowKind):
    """Every row that refers to the other table finds a row there, and agrees with it in the columns of `match`."""

    KIND: ClassVar[str] = "references"
    GROUP: ClassVar[str] = "data"
    PROVES: ClassVar[str] = (
        "For each row with a value in all of `columns` there is a row of `to` with the same values, whether or not a "
        "foreign key is declared. With `match`, every such row of `to` also agrees in the further columns, and NULL "
        "agrees with nothing."
    )
    CANNOT: ClassVar[str] = (
        "A row with NULL in one of `columns` refers to nothing and is not judged: `not_null` is. Whether the reference "
        "leads to the right row is for `match`, `where` or `query`."
    )
    EXAMPLE: ClassVar[Example] = Example(
        criterion='table = "players"\ncolumns = ["series_id"]\nto = "series"\nmatch = ["league_id"]',
        before="CREATE TABLE series (id int PRIMARY KEY, league_id int NOT NULL);\n"
        "CREATE TABLE players (id int PRIMARY KEY, league_id int NOT NULL);\n"
        "INSERT INTO series VALUES (11, 1), (12, 2); INSERT INTO players VALUES (1, 1), (2, 2), (3, 2);",
        passing="ALTER TABLE players ADD COLUMN series_id int;\nUPDATE players SET series_id = 10 + league_id;",
        failing="ALTER TABLE players ADD COLUMN series_id int REFERENCES series;\nUPDATE players SET series_id = 11;",
        message="2 of 3 references from players to series disagree in league_id",
        plan='changes.added = ["column:players.series_id"]',
        failing_plan='changes.added = ["column:players.series_id", "constraint:players.players_series_id_fkey"]',
    )

    table: TableName = Field(description="the table that refers")
    columns: Annotated[list[ColumnName], Field(min_length=1)] = Field(description="its columns that refer")
    to: TableName = Field(description="the table referred to")
    to_columns: list[ColumnName] = Field([], description="the columns referred to; left out: its primary key")
    match: Agreeing = Field({}, description='further columns that agree: names on both sides, or { own = "other" }')

    @model_validator(mode="after")
    def _as_many_columns(self) -> Self:
        if self.to_columns and len(self.to_columns) != len(self.columns):
            raise ValueError(f"{len(self.columns)} columns cannot refer to {len(self.to_columns)}")
        return self

    def find(self, before: Database, after: Database) -> Finding:
        """Finds the references that lead nowhere, and those that disagree."""
        agreeing = self.match
        lacking = self.missing(before, after, self.table, [*self.columns, *agreeing]) or self.missing(
            before, after, self.to, [*self.to_columns, *agreeing.values()]
        )
        if lacking is not None:
            return lacking
        keys = self._keys(after)
        if keys is None:
            return Finding(
                False, f"{self.to} has no primary key of {len(self.columns)} columns; give `to_columns`",
                expected=f"columns of {self.to} to refer to", actual="none",
            )  # fmt: skip
        expected = f"every {listed(self.columns)} leads to a row of {self.to}" + (
            f" that agrees in {listed(list(agreeing))}" if agreeing else ""
        )
        began = time.perf_counter()
        found = self._count(after, keys)
        total, referring, orphans, mismatches = found.sums
        took = time.perf_counter() - began
        if total == 0:
            return self.empty(before, self.table, expected)
        if referring == 0:
            return self._no_reference(before, keys, total, expected)
        held_before, was = self._before(before, keys, took)
        none = f"; {rows(total - referring)} with NULL left out" if referring != total else ""
        parts = []
        if orphans:
            parts.append(f"{orphans:,} of {referring:,} references from {self.table} to {self.to} lead to no row")
        if mismatches:
            whole = (
                f"{mismatches:,} disagree"
                if parts
                else (f"{mismatches:,} of {referring:,} references from {self.table} to {self.to} disagree")
            )
            parts.append(f"{whole} in {listed(list(agreeing))}")
        if not parts:
            agree = f" and agree in {listed(list(agreeing))}" if agreeing else ""
            return Finding(
                True, f"all {referring:,} references from {self.table} lead to a row of {self.to}{agree}{none}",
                before=was, expected=expected, actual="0 rows that do not", held_before=held_before,
            )  # fmt: skip
        both = f"{rows(orphans)} without a parent, {rows(mismatches)} in disagreement"
        return Finding(
            False, ", and ".join(parts), before=was, expected=expected,
            actual=both if orphans and mismatches else rows(orphans or mismatches),
            evidence=self._evidence(after, keys, found), held_before=held_before,
        )  # fmt: skip

    def _keys(self, database: Database) -> list[str] | None:
        keys = list(self.to_columns or database.catalog.primary_key(self.to))
        return keys if len(keys) == len(self.columns) else None

    def _conditions(self, database: Database, keys: list[str]) -> tuple[str, str, str]:
        """SQL for: the row `child` refers to something; it is an orphan; a row that it refers to disagrees."""
        child = [f"child.{quote_identifier(name)}" for name in self.columns]
        parent = [f"parent.{quote_identifier(name)}" for name in keys]
        refers = " AND ".join(f"{name} IS NOT NULL" for name in child)
        same = " AND ".join(f"{left} = {right}" for left, right in zip(child, parent, strict=True))
        source = f"EXISTS (SELECT 1 FROM {database.relation(self.to)} AS parent WHERE {same}"
        disagrees = " OR ".join(
            f"(child.{quote_identifier(own)} = parent.{quote_identifier(other)}) IS NOT TRUE"
            for own, other in self.match.items()
        )
        return refers, f"{refers} AND NOT {source})", f"{refers} AND {source} AND ({disagrees or 'false'}))"

    def _count(self, database: Database, keys: list[str]) -> Counted:
        """All rows, rows that refer, orphans, and rows that disagree with one they refer to."""
        refers, orphan, mismatch = self._conditions(database, keys)

        def ask(part: str) -> Sequence[Any]:
            source = f"FROM {self.relation_of(database, 'AS child')} WHERE {part}"
            agreeing = f"(SELECT count(*) {source} AND {mismatch})" if self.match else "0"
            return database.query(
                f"SELECT (SELECT count(*) {source}), (SELECT count(*) {source} AND {refers}),"
                f" (SELECT count(*) {source} AND {orphan}), {agreeing}"
            ).rows[0]

        return self.counted(database, ask, alias="child")

    def _no_reference(self, before: Database, keys: list[str], total: int, expected: str) -> Finding:
        text = f"none of {rows(total)} of {self.table} refers to {self.to}: all hold NULL in {listed(self.columns)}"
        if self._lacks(before, keys) or self._count(before, keys).sums[1] == 0:
            raise NotChecked(f"{text}, so this proves nothing")
        return Finding(False, f"{text}, and some did before", expected=expected, actual="no references")

    def _lacks(self, before: Database, keys: list[str]) -> str:
        return absent_columns(before, self.table, [*self.columns, *self.match]) or absent_columns(
            before, self.to, [*keys, *self.match.values()]
        )

    def _before(self, before: Database, keys: list[str], took: float) -> tuple[bool | None, str]:
        lacking = self._lacks(before, keys)
        if lacking:
            return None, lacking

        def question(database: Database) -> tuple[bool | None, str]:
            _, referring, orphans, mismatches = self._count(database, keys).sums
            if referring == 0:
                return None, "no references"
            return orphans + mismatches == 0, f"{orphans + mismatches:,} of {referring:,} references wrong"

        return earlier(before, took, question)

    def _evidence(self, after: Database, keys: list[str], found: Counted) -> tuple[Evidence, ...]:
        _, orphan, mismatch = self._conditions(after, keys)
        to, columns = parse_relation(self.to).name, self.columns
        blocks = (
            (2, orphan, columns, f"Rows of {self.table} that lead to no row of {to}"),
            (3, mismatch, [*columns, *self.match], f"Rows of {self.table} that disagree with {to}"),
        )
        return tuple(
            offending(
                after, self.table, condition, shown, title, found.sums[position], alias="child",
                sampling=self.sampling(after), parts=found.holding(position),
            )
            for position, condition, shown, title in blocks
            if found.sums[position]
        )  # fmt: skip
