"""Rehearsals of databases that are written to harm whoever reads of them: three plans, run as a team would."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from tests.project import Project, make_project

MARKUP = "<script>alert(1)</script>"
IMAGE = "</td><img src=x onerror=alert(1)>"
ESCAPES = "\x1b[31m\x1b]0;owned\x07\x1b[2J"
BIDI = "\u202egnp.exe\u2066"
HOSTILE = f"{MARKUP}\"'{IMAGE}{ESCAPES}{BIDI}\u200b\r::error::owned"
"""What values, error texts and notices hold; a name has no room for all of it."""

TABLE = f"t{MARKUP}\x1b[31m"
COLUMN = f"c\"'{BIDI}"
LONG = "l" * 1_000_000
WIDE = 1_000
MASKED, VALUE, KEY = "hunter2-masked", "swordfish-value", "albatross-key"
"""Row values: of a masked column, of a column that is not a key, and of a key that the third plan may not show."""


def quoted(name: str) -> str:
    """The name as an identifier of SQL."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def literal(value: str) -> str:
    """The text as a literal of SQL."""
    escaped = value.replace("'", "''")
    return f"'{escaped}'"


def toml(value: str) -> str:
    """The text as a string of TOML."""
    body = "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in value)
    return f'"{body}"'


def hostile_project(folder: Path) -> Project:
    """A repository with `hostile` (criteria fail), `broken` (its second step does) and `lite` (SQLite, shows nothing)."""
    project = make_project(folder)
    project.write("fixtures/backup.sql", _dump())
    for file in (folder / "migrations" / "first").iterdir():
        file.unlink()
    (folder / "migrations" / "first").rmdir()
    (folder / "verifications" / "test_own.py").unlink()
    _hostile(project)
    _broken(project)
    _lite(project)
    return project


def _dump() -> str:
    wide = ", ".join(f"w{number:04d} integer" for number in range(WIDE))
    table, column = quoted(TABLE), quoted(COLUMN)
    return f"""\
--
-- PostgreSQL database dump
--
-- Dumped from database version 15.0

CREATE TABLE public.{table} (k text PRIMARY KEY, {column} text, secret text, filled integer);
INSERT INTO public.{table} VALUES ({literal(HOSTILE)}, {literal(VALUE + HOSTILE)}, '{MASKED}', NULL),
  ({literal("b" + LONG[:2000])}, {literal(LONG)}, '{MASKED}', NULL);
ALTER TABLE public.{table} ENABLE ROW LEVEL SECURITY;
CREATE POLICY {quoted(IMAGE)} ON public.{table} USING (true);
CREATE TABLE public.wide (id integer PRIMARY KEY, {wide});
INSERT INTO public.wide VALUES (1), (2);

--
-- PostgreSQL database dump complete
--
"""


def _hostile(project: Project) -> None:
    table, name = quoted(TABLE), toml(quoted(TABLE))
    updates = ", ".join(f"w{number:04d} = 1" for number in range(WIDE))
    project.plan(
        "hostile",
        f"""\
title = {toml(HOSTILE)}
engine = "postgresql"
owner = {toml(HOSTILE)}
[backup]
path = "../../fixtures/backup.sql"
[migrate]
steps = [{{ sql = "01.sql" }}, {{ command = ["{{python}}", "say.py"] }}]
[[rollback]]
name = "manual"
steps = [{{ sql = "rollback.sql" }}]
[changes]
added = [{toml(f"column:{TABLE}.added")}]
[report]
evidence = "rows"
mask = ["*.secret"]
[[criteria]]
id = "filled"
kind = "not_null"
table = {name}
columns = ["filled"]
why = {toml(HOSTILE)}
source = {toml(HOSTILE)}
[[criteria]]
id = "policies"
kind = "objects"
object = "policies"
exactly = []
[[criteria]]
id = "wide-filled"
kind = "where"
table = "wide"
sql = "w0001 = 2"
[[criteria]]
id = "answer"
kind = "query"
sql = {toml(f"SELECT max({quoted(COLUMN)}) FROM {table}")}
value = 1
""",
        migration=f"""\
ALTER TABLE {table} ADD COLUMN IF NOT EXISTS added text;
UPDATE wide SET {updates};
DO $$ BEGIN RAISE NOTICE '%', {literal(HOSTILE)}; RAISE WARNING '%', repeat('n', 1000000); END $$;
CREATE INDEX {quoted("i" + IMAGE)} ON {table} (filled);
""",
        rollback=f"DO $$ BEGIN RAISE EXCEPTION '%', {literal(HOSTILE)} || repeat('e', 1000000); END $$;\n",
    )
    project.write(
        "migrations/hostile/say.py",
        f"import sys\nsys.stdout.buffer.write({HOSTILE.encode()!r} + b'\\x00\\xff\\n' + b'o' * 1_000_000)\n",
    )


def _broken(project: Project) -> None:
    project.plan(
        "broken",
        """\
title = "Stops"
engine = "postgresql"
[backup]
path = "../../fixtures/backup.sql"
[migrate]
steps = [{ sql = "01.sql" }]
[[criteria]]
id = "wide"
kind = "row_count"
table = "wide"
baseline = true
""",
        migration=f"DO $$ BEGIN RAISE EXCEPTION '%', {literal(HOSTILE)} || repeat('e', 1000000); END $$;\n",
    )


def _lite(project: Project) -> None:
    table = quoted(TABLE)
    connection = sqlite3.connect(project.root / "fixtures" / "lite.db")
    try:
        connection.execute(f"CREATE TABLE {table} (k TEXT PRIMARY KEY, {quoted(COLUMN)} TEXT, filled INTEGER)")
        connection.execute(f"INSERT INTO {table} VALUES (?, ?, NULL)", (KEY + HOSTILE, VALUE + "a\0b" + LONG))
        connection.commit()
    finally:
        connection.close()
    project.plan(
        "lite",
        f"""\
title = "SQLite"
engine = "sqlite"
[backup]
path = "../../fixtures/lite.db"
[migrate]
steps = [{{ sql = "01.sql" }}]
[report]
evidence = "none"
[[criteria]]
id = "lite-filled"
kind = "not_null"
table = {toml(table)}
columns = ["filled"]
""",
        migration=f"CREATE INDEX {quoted('i' + IMAGE)} ON {table} ({quoted(COLUMN)});\n",
    )
