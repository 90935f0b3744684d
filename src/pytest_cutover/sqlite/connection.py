"""A SQLite database file: its address, connections that only read, and errors as SQLSTATEs."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from pytest_cutover.errors import QueryError, TargetError
from pytest_cutover.sqlite.language import REACHES_OUT

_WAIT_S = 5.0

Authorizer = Callable[[int, str | None, str | None, str | None, str | None], int]

# The numbers of sqlite3.h: Python names them only from 3.11 on.
_READING = frozenset({20, 21, 31, 33})
"""SQLITE_READ, SQLITE_SELECT, SQLITE_FUNCTION, SQLITE_RECURSIVE."""
_FUNCTION, _PRAGMA, _UPDATE = 31, 19, 23
_OK, _DENY = 0, 1

READ_PRAGMAS = frozenset({
    "application_id", "auto_vacuum", "collation_list", "compile_options", "data_version", "database_list", "encoding",
    "foreign_key_check", "foreign_key_list", "freelist_count", "function_list", "index_info", "index_list",
    "index_xinfo", "integrity_check", "journal_mode", "module_list", "page_count", "page_size", "pragma_list",
    "quick_check", "read_uncommitted", "schema_version", "table_info", "table_list", "table_xinfo", "user_version",
})  # fmt: skip
"""Those that only tell something, also as the tables pragma_NAME."""

_TAKES_A_NAME = frozenset({
    "foreign_key_check", "foreign_key_list", "index_info", "index_list", "index_xinfo", "integrity_check", "quick_check",
    "table_info", "table_list", "table_xinfo",
})  # fmt: skip
"""Those whose argument is a question and not a new setting."""

_STATES = (
    (r"UNIQUE constraint failed|PRIMARY KEY constraint failed", "23505"),
    (r"NOT NULL constraint failed", "23502"),
    (r"FOREIGN KEY constraint failed", "23503"),
    (r"CHECK constraint failed", "23514"),
    (r"cannot store \w+ value in \w+ column|datatype mismatch", "22P02"),
    (r"integer overflow", "22003"),
    (r"malformed JSON", "22032"),
    (r"no such table|no such view|no such index|no such trigger", "42P01"),
    (r"no such column|has no column named|no such rowid", "42703"),
    (r"no such function", "42883"),
    (r"no such collation sequence|no such module", "42704"),
    (r"ambiguous column name", "42702"),
    (
        r"syntax error|unrecognized token|incomplete input|wrong number of arguments|values were supplied|misuse",
        "42601",
    ),
    (r"already exists|already another table or index|duplicate column name", "42P07"),
    (r"not authorized|access to .* is prohibited|authorization denied", "42501"),
    (r"readonly database", "25006"),
    (r"database is locked|database table is locked|database schema is locked", "55P03"),
    (r"interrupted", "57014"),
    (r"database or disk is full", "53100"),
    (r"out of memory", "53200"),
    (r"malformed|not a database|disk I/O error|unable to open", "58030"),
)
"""What SQLite's messages begin with or hold, and the SQLSTATE that PostgreSQL has for the same."""


@dataclass(frozen=True)
class SqliteTarget:
    """One database file. Where somebody else holds it locked, it is waited for `wait_s` seconds."""

    path: Path
    wait_s: float = _WAIT_S

    @classmethod
    def parse(cls, url: str) -> SqliteTarget:
        """The target that `sqlite:///relative` or `sqlite:////absolute` means, as SQLAlchemy reads it.

        Raises:
            TargetError: it names no file, or one that is not there.
        """
        scheme, _, rest = url.partition("://")
        name = rest.partition("?")[0].removeprefix("/")
        if scheme.partition("+")[0] != "sqlite" or not rest.startswith("/") or not name or name == ":memory:":
            raise TargetError(f"{url}: a SQLite database is sqlite:///relative/path.db or sqlite:////absolute/path.db")
        path = Path(unquote(name))
        if not path.is_file():
            raise TargetError(f"{url}: there is no file {path.absolute()}")
        return cls(path)

    @property
    def url(self) -> str:
        """The address as SQLAlchemy and most frameworks write it."""
        return f"sqlite:///{self.path}"

    @property
    def shown(self) -> str:
        """The address for people."""
        return str(self.path)

    @property
    def places(self) -> dict[str, str]:
        """What a command step's environment may hold of it."""
        return {"url": self.url, "path": str(self.path)}

    def connect(self, *, read_only: bool = False) -> sqlite3.Connection:
        """A new connection in autocommit; a read-only one cannot be made to write, whatever is executed on it.

        Raises:
            sqlite3.Error: it cannot be opened.
        """
        mode = "ro" if read_only else "rw"
        connection = sqlite3.connect(
            f"file:{quote(str(self.path))}?mode={mode}", uri=True, isolation_level=None, timeout=self.wait_s,
            check_same_thread=False,
        )  # fmt: skip
        # A text need not be valid UTF-8, and Python's own message on it would quote the value.
        connection.text_factory = lambda raw: raw.decode("utf-8", "backslashreplace")
        if read_only:
            connection.execute("PRAGMA query_only = ON")
        return connection


def restrict(connection: sqlite3.Connection, authorizer: Authorizer) -> None:
    """Sets the authorizer, once the tables pragma_NAME are there: SQLite makes each when it is first read, and asks
    for that what it asks for a write.

    Raises:
        sqlite3.Error: somebody else holds the file locked; it was waited for once, and not for every table anew.
    """
    connection.execute("SELECT 1 FROM sqlite_schema LIMIT 0")
    for name in sorted(READ_PRAGMAS):
        with suppress(sqlite3.OperationalError):
            connection.execute(f"SELECT * FROM pragma_{name} LIMIT 0")
    connection.set_authorizer(authorizer)


def only_reading(action: int, first: str | None, second: str | None, database: str | None, source: str | None) -> int:
    """SQLite's authorizer for the SQL of a plan: reading is allowed, and nothing else."""
    if action == _PRAGMA:
        name = (first or "").lower()
        return _OK if name in READ_PRAGMAS and (second is None or name in _TAKES_A_NAME) else _DENY
    if action == _FUNCTION:
        return _DENY if (second or "").lower() in REACHES_OUT else _OK
    if action == _UPDATE and first in ("sqlite_master", "sqlite_schema"):
        # What SQLite asks while it declares a virtual table, json_each and the like; the file itself is opened for reading.
        return _OK
    return _OK if action in _READING else _DENY


def sqlstate(error: sqlite3.Error) -> str | None:
    """The SQLSTATE that PostgreSQL has for such an error, None where there is none."""
    if "SQLITE_CONSTRAINT_TRIGGER" in getattr(error, "sqlite_errorname", ""):
        return "P0001"
    text = str(error)
    found = next((state for pattern, state in _STATES if re.search(pattern, text)), None)
    if found is None and isinstance(error, sqlite3.IntegrityError):
        # Before Python 3.11 nothing else tells what a trigger raises.
        return "P0001"
    return found


def as_query_error(error: sqlite3.Error) -> QueryError:
    """The driver's error as ours. SQLite's messages name objects, never values; what a trigger raises is its own text."""
    return QueryError(str(error), sqlstate(error))
