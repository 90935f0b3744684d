"""The schema history table: made, read and written as Flyway does it on PostgreSQL.

As Flyway's PostgreSQLDatabase.getRawCreateScript, JdbcTableSchemaHistory and AbbreviationUtils.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from pytest_cutover.flyway.version import Version

COLUMNS = (
    "installed_rank", "version", "description", "type", "script", "checksum", "installed_by", "installed_on",
    "execution_time", "success",
)  # fmt: skip
_READ = ("installed_rank", "version", "description", "type", "script", "checksum", "success")
_DESCRIPTION_LENGTH = 200
_SCRIPT_LENGTH = 1000


@dataclass(frozen=True)
class Applied:
    """One row of the history. `version` is None for a repeatable migration and for the marker of a new schema."""

    rank: int
    version: Version | None
    description: str
    type: str
    script: str
    checksum: int | None
    success: bool

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> Applied:
        """The row as `select_history` gives it.

        Raises:
            ValueError: its version is none.
        """
        rank, version, *rest = row
        return cls(rank, Version.parse(version) if version is not None else None, *rest)

    @property
    def label(self) -> str:
        """What to call it in a sentence."""
        return f"version {self.version}" if self.version is not None else self.script


def select_history(table: str) -> str:
    """The SELECT that reads the history; `table` is a quoted identifier."""
    return f"SELECT {', '.join(_READ)} FROM {table} ORDER BY installed_rank"


def abbreviated_description(text: str) -> str:
    """The description as it fits into its column."""
    return text if len(text) <= _DESCRIPTION_LENGTH else text[: _DESCRIPTION_LENGTH - 3] + "..."


def abbreviated_script(text: str) -> str:
    """The script's name as it fits into its column: its end is kept."""
    return text if len(text) <= _SCRIPT_LENGTH else "..." + text[3 - _SCRIPT_LENGTH :]


class History:
    """The history table in one schema, through one connection."""

    def __init__(self, connection: psycopg.Connection, schema: str, table: str, installed_by: str) -> None:
        self.connection = connection
        self.schema = schema
        self.table = table
        self.installed_by = installed_by
        self.identifier = sql.Identifier(schema, table)

    def exists(self) -> bool:
        """True where the table is there."""
        return self._one("SELECT to_regclass(%s) IS NOT NULL", (self.identifier.as_string(self.connection),)) is True

    def create(self) -> None:
        """Makes the table, its key and its index, with the names and types that Flyway gives them."""
        table = self.identifier
        statements = (
            sql.SQL(
                """CREATE TABLE {} (
                    installed_rank integer NOT NULL, version character varying(50),
                    description character varying(200) NOT NULL, type character varying(20) NOT NULL,
                    script character varying(1000) NOT NULL, checksum integer,
                    installed_by character varying(100) NOT NULL, installed_on timestamp NOT NULL DEFAULT now(),
                    execution_time integer NOT NULL, success boolean NOT NULL)"""
            ).format(table),
            sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} PRIMARY KEY (installed_rank)").format(
                table, sql.Identifier(f"{self.table}_pk")
            ),
            sql.SQL("CREATE INDEX {} ON {} (success)").format(sql.Identifier(f"{self.table}_s_idx"), table),
        )
        for statement in statements:
            self.connection.execute(statement)

    def applied(self) -> list[Applied]:
        """The rows in the order of their ranks; none where the table is not there."""
        if not self.exists():
            return []
        query = select_history(self.identifier.as_string(self.connection))
        return [Applied.of(row) for row in self.connection.execute(query.encode()).fetchall()]

    def add(
        self, version: str | None, description: str, type_: str, script: str, checksum: int | None, milliseconds: int,
        *, success: bool,
    ) -> None:  # fmt: skip
        """Writes a row with the next rank; the marker of a new schema has the rank 0."""
        rank = sql.SQL("0") if type_ == "SCHEMA" else sql.SQL("(SELECT coalesce(max(installed_rank), 0) + 1 FROM {})")
        self.connection.execute(
            sql.SQL(
                "INSERT INTO {} (installed_rank, version, description, type, script, checksum, installed_by,"
                " execution_time, success) SELECT {}, %s, %s, %s, %s, %s, %s, %s, %s"
            ).format(self.identifier, rank.format(self.identifier)),
            (
                version, abbreviated_description(description), type_, abbreviated_script(script), checksum,
                self.installed_by, milliseconds, success,
            ),
        )  # fmt: skip

    def schema_exists(self) -> bool:
        """True where the table's schema is there."""
        return self._one("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = %s)", (self.schema,)) is True

    def schema_is_empty(self) -> bool:
        """True where the schema holds no table, view, sequence, type or function of its own."""
        return self._one(
            """SELECT NOT EXISTS (
                SELECT FROM pg_class WHERE relnamespace = n.oid AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
                    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = pg_class.oid AND d.deptype = 'e')
                UNION ALL
                SELECT FROM pg_type WHERE typnamespace = n.oid AND typrelid = 0 AND typelem = 0
                    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = pg_type.oid AND d.deptype = 'e')
                UNION ALL
                SELECT FROM pg_proc WHERE pronamespace = n.oid
                    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = pg_proc.oid AND d.deptype = 'e')
            ) FROM pg_namespace n WHERE nspname = %s""",
            (self.schema,),
        ) is not False  # fmt: skip

    def _one(self, query: str, parameters: tuple[Any, ...]) -> Any:
        row = self.connection.execute(query.encode(), parameters).fetchone()
        return row[0] if row is not None else None
