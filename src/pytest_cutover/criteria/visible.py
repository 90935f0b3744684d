"""A role sees the rows that it should, and no others."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import Annotated, ClassVar

import psycopg
from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator
from typing_extensions import Self

from pytest_cutover.criteria.acting import Standing, acting_as, standing
from pytest_cutover.criteria.base import Example
from pytest_cutover.criteria.checking import earlier, rows, told
from pytest_cutover.criteria.fields import Predicate
from pytest_cutover.criteria.rows import TableKind, absent_columns, explain
from pytest_cutover.database import Database
from pytest_cutover.errors import NotChecked, QueryError
from pytest_cutover.finding import EVIDENCE_ROWS, Evidence, Finding
from pytest_cutover.names import parse_relation, quote_identifier, quote_relation
from pytest_cutover.plan.model import Text
from pytest_cutover.plan.values import Count, TableName

_OWN_SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)+")
_MAY_NOT = "42501"


def _settings(given: object) -> dict[str, str]:
    if not isinstance(given, dict):
        raise ValueError('write a table, as { "app.tenant" = "7" }')  # noqa: TRY004 (pydantic wants ValueError)
    read = {}
    for name, value in given.items():
        if not _OWN_SETTING.fullmatch(name):
            raise ValueError(f'"{name}" is not a setting of your own: those have a dot, as app.tenant (quote the key)')
        if isinstance(value, dict):
            value = json.dumps(value, default=str)
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise ValueError(f"{name}: write a text, a number, or a table, which is passed on as JSON")  # noqa: TRY004
        read[name] = str(value)
    return read


Settings = Annotated[
    dict[str, str], BeforeValidator(_settings), WithJsonSchema({"title": "table of texts; an inner table becomes JSON"})
]
"""The session's own settings by name."""


@dataclass(frozen=True)
class _Seen:
    """What a role sees: how many rows, of how many; how many of either meet the condition (without one: all).

    `same` is false where it sees as many rows as meet the condition, and they are others.
    """

    seen: int
    total: int
    seen_meeting: int
    total_meeting: int
    same: bool


class Visible(TableKind):
    """Acting as the role, with the settings, one sees as many rows as expected, or exactly those that meet a condition."""

    KIND: ClassVar[str] = "visible"
    GROUP: ClassVar[str] = "behaviour"
    PROVES: ClassVar[str] = (
        "In a read-only transaction the session became the role, made the settings (as `request.jwt.claims`), and counted "
        "what it sees; a superuser counted what there is. With `where` what it sees are exactly the rows that meet the "
        "condition, and there are others that it does not see. Row-level security must be on. An exempt role (superuser, "
        "BYPASSRLS, owner unless forced) fails, but with `bypass = true`, where it must see every row. A role that may not "
        "SELECT fails: being refused is not seeing 0 rows."
    )
    CANNOT: ClassVar[str] = (
        "It only reads: what the role may write is for `accepts` and `rejects`. `rows` alone says how many, and not which: "
        "that is for `where`. Settings of the role itself (ALTER ROLE … SET) do not apply. On a view it counts what is "
        "seen, and leaves open by which table's policies."
    )
    EXAMPLE: ClassVar[Example] = Example(
        criterion='table = "notes"\nrole = "note_reader"\nsettings = { "app.tenant" = "7" }\nwhere = "tenant = 7"\nrows = 2',
        before="DO $$ BEGIN CREATE ROLE note_reader; EXCEPTION WHEN duplicate_object THEN NULL; END $$;\n"
        "CREATE TABLE notes (id int PRIMARY KEY, tenant int NOT NULL);\n"
        "INSERT INTO notes VALUES (1, 7), (2, 8), (3, 7);\nGRANT SELECT ON notes TO note_reader;",
        passing="ALTER TABLE notes ENABLE ROW LEVEL SECURITY;\nCREATE POLICY own ON notes FOR SELECT TO note_reader\n"
        "  USING (tenant = current_setting('app.tenant')::int);",
        failing="ALTER TABLE notes ENABLE ROW LEVEL SECURITY;\nCREATE POLICY own ON notes FOR SELECT TO note_reader\n"
        "  USING (current_setting('app.tenant') <> '');",
        message="note_reader sees 3 of 3 rows of notes: 1 that it should not see; expected are 2 rows",
        plan='changes.altered = ["table:notes"]\nchanges.added = ["policy:notes.own"]',
    )

    table: TableName = Field(description="the table or view")
    role: Text = Field(description="who looks")
    settings: Settings = Field({}, description='what its session has set, as { "app.tenant" = "7" }')
    rows: Count | None = Field(None, description="how many rows it sees; 0 needs a table that holds some")
    where: Predicate | None = Field(None, description="and, or instead: it sees exactly the rows that meet this")
    bypass: bool = Field(
        False, strict=True, description="true: it is exempt on purpose (BYPASSRLS or owner) and sees every row"
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.rows is None and self.where is None and not self.bypass:
            raise ValueError("give `rows`, or `where`, or both; or `bypass = true` for a role that sees every row")
        if self.where is not None and self.bypass:
            raise ValueError("`bypass = true` means every row: leave `where` out")
        return self

    def find(self, before: Database, after: Database) -> Finding:
        """Finds what the role sees."""
        lacking = self.missing(before, after, self.table)
        if lacking is not None:
            return lacking
        where = standing(after, self.role, self.table)
        if where is None:
            return Finding(False, f"there is no role {self.role}", expected=self._expected(), actual="no such role")
        total = self._total(after)
        if total == 0:
            return self.empty(before, self.table, self._expected())
        unfit = self._unfit(where)
        if unfit:
            return Finding(False, unfit, expected=self._expected(), actual=_standing_shown(where))
        began = time.perf_counter()
        try:
            found, strangers = self._look(after, total, where)
        except QueryError as error:
            if error.sqlstate != _MAY_NOT:
                raise
            return Finding(
                False, f"{self.role} is refused, which is not 0 rows: {told(error)}", expected=self._expected(),
                actual="refused",
            )  # fmt: skip
        wrong = self._wrong(found)
        took = time.perf_counter() - began
        held_before, was = self._before(before, took)
        return Finding(
            not wrong,
            f"{self.role} sees {found.seen:,} of {rows(found.total)} of {self.table}{self._note(where, found)}"
            + "".join(f"; {each}" if number else f": {each}" for number, each in enumerate(wrong)),
            before=was, expected=self._expected(), actual=f"{found.seen:,} of {rows(found.total)}",
            evidence=(strangers,) if wrong and strangers is not None else (), held_before=held_before,
        )  # fmt: skip

    def _unfit(self, where: Standing) -> str:
        """Why what the role sees would prove nothing of the policies, or why it sees nothing but a refusal."""
        if where.refusal:
            return f"{self.role} may not read {self.table}: it {where.refusal}, and being refused is not seeing 0 rows"
        if where.is_table and not where.enabled:
            return f"row-level security of {self.table} is off: {self.role} sees every row, whatever its policies say"
        if where.superuser:
            return f"{self.role} is a superuser and sees every row of every table, so this proves nothing"
        if where.exemption and not self.bypass:
            return (
                f"{self.role} {where.exemption}: it sees every row of {self.table} whatever the policies say, so this "
                "proves nothing; name another role, or write bypass = true where it should"
            )
        if self.bypass and where.is_table and not where.exemption:
            return f"{self.role} is not exempt from the policies of {self.table}: it has no BYPASSRLS"
        return ""

    def _total(self, database: Database) -> int:
        if database.scalar("SELECT pg_catalog.row_security_active(%s)", (quote_relation(self.table),)):
            raise NotChecked(f"our own account does not see every row of {self.table}: its policies apply to it, too")
        # In one statement, as the role will count them.
        return int(database.scalar(f"SELECT count(*) FROM {quote_relation(self.table)}"))

    def _counting(self, among: str = "true", identified: bool = False) -> str:
        """How many rows there are, how many meet the condition, and a number for the set of those rows `among` all."""
        meeting = f"count(*) FILTER (WHERE (\n{self.where}\n) IS TRUE)" if self.where else "count(*)"
        each = "pg_catalog.hashtextextended(ctid::text, tableoid::bigint)"
        rows_as_number = f"bit_xor({each}) FILTER (WHERE (\n{among}\n) IS TRUE)" if identified else "NULL"
        return f"SELECT count(*), {meeting}, {rows_as_number} FROM {quote_relation(self.table)}"

    def _look(self, database: Database, total: int, where: Standing) -> tuple[_Seen, Evidence | None]:
        """What there is and what the role sees of it, and the rows that it should not see."""
        meeting, those = total, None
        # A condition that looks elsewhere, as at the members of a team, may be another one in the role's eyes.
        identified = self.where is not None and where.is_table and where.reads_every_column
        if self.where:
            _, meeting, those = database.query(self._counting(self.where, identified)).rows[0]
        if self.where and meeting == 0:
            raise NotChecked(f"no row of {self.table} meets the condition, so this proves nothing")
        if self.where and meeting == total:
            raise NotChecked(f"every row of {self.table} meets the condition: there is none that it should not see")
        with acting_as(database, self.role, self.settings) as connection:
            try:
                counted = connection.execute(self._counting(identified=identified).encode()).fetchone()
                assert counted is not None
                seen, seen_meeting, these = counted
                found = _Seen(seen, total, seen_meeting, meeting, seen != meeting or these == those)
                strangers = self._strangers(database, connection, found) if self.where else None
            except psycopg.Error as error:
                raise explain(error) from error
        return found, strangers

    def _strangers(self, database: Database, connection: psycopg.Connection, found: _Seen) -> Evidence | None:
        """The keys of the first rows that the role sees and should not."""
        keys = database.catalog.primary_key(self.table)
        number = found.seen - found.seen_meeting
        if not number or not keys:
            return None
        selected = ", ".join(f"{quote_identifier(name)}::text" for name in keys)
        order = ", ".join(
            f"{quote_identifier(parse_relation(self.table).name)}.{quote_identifier(name)}" for name in keys
        )
        listed = connection.execute(
            f"SELECT {selected} FROM {quote_relation(self.table)} WHERE (\n{self.where}\n) IS NOT TRUE"
            f" ORDER BY {order} LIMIT {EVIDENCE_ROWS}".encode()
        ).fetchall()
        return Evidence.of(f"Rows of {self.table} that {self.role} should not see", keys, listed, number)

    def _wrong(self, found: _Seen) -> list[str]:
        wrong = []
        if self.where:
            strangers, hidden = found.seen - found.seen_meeting, found.total_meeting - found.seen_meeting
            wrong += [f"{strangers:,} that it should not see"] if strangers else []
            wrong += [f"{hidden:,} that it should see are hidden"] if hidden else []
            wrong += [] if wrong or found.same else ["as many as meet the condition, but others"]
        if self.bypass and found.seen != found.total:
            wrong.append("expected is every row")
        if self.rows is not None and found.seen not in self.rows:
            wrong.append(f"expected {'is 1 row' if str(self.rows) == '1' else f'are {self.rows} rows'}")
        elif self.rows is not None and self.rows.maximum is None and found.seen == found.total and not self.bypass:
            wrong.append(f"{self.rows} cannot tell that from a leak; give an upper end, or `where`")
        return wrong

    def _note(self, where: Standing, found: _Seen) -> str:
        if where.exemption:
            return f", since it {where.exemption}"
        if where.is_table and not where.admitted and found.seen == 0:
            return ", since no policy is meant for it"
        return ", none is hidden" if found.seen == found.total and not self.where else ""

    def _before(self, before: Database, took: float) -> tuple[bool | None, str]:
        lacking = absent_columns(before, self.table, [])
        if lacking:
            return None, lacking

        def question(database: Database) -> tuple[bool | None, str]:
            where = standing(database, self.role, self.table)
            if where is None or self._unfit(where):
                return False, "no such role" if where is None else _standing_shown(where)
            try:
                found, _ = self._look(database, self._total(database), where)
            except NotChecked:
                return None, "not to be told"
            return not self._wrong(found), f"{found.seen:,} of {rows(found.total)}"

        return earlier(before, took, question)

    def _expected(self) -> str:
        parts = []
        if self.bypass:
            parts.append("every row")
        if self.rows is not None:
            parts.append("1 row" if str(self.rows) == "1" else f"{self.rows} rows")
        if self.where:
            parts.append(f"those where {' '.join(self.where.split())}")
        return ", ".join(parts)


def _standing_shown(where: Standing) -> str:
    if where.refusal:
        return "may not read it"
    if where.is_table and not where.enabled:
        return "row-level security is off"
    return where.exemption or "not exempt"
