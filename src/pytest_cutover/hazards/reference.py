"""The page docs/hazards.md, from the hazards' own data."""

from __future__ import annotations

import inspect

from pytest_cutover.hazards import HAZARDS, Hazard

_HEAD = """\
# Hazards

What hurts a busy database while a migration runs, or after it. A rehearsal looks for each of them, whatever runs the migration: an
SQL file, a program, Flyway. It finds by what the server did (its locks, its log, its event triggers) and by what is left in
the database, never by the words of a statement alone; what it cannot tell, it does not find.

They warn beside the verdict, with the size of the table. With `hazards = "fail"` in `[migrate]` each becomes a criterion,
`hazards:ID`, and one that is found makes the plan NO-GO. Either way a waiver accepts it, by the names of the objects:

```toml
[[waivers]]
criterion = "hazards:blocking-index-build"
accepts = "flights"
owner = "A team or role"
until = 2026-12-31
reason = "the application is stopped meanwhile"
```

`superuser-only` is found by a run: without `role` in `[migrate]` the migration runs once more, on a copy, as a role that owns the
database and everything in it that is not the system's or the platform's (the schemas that a prelude makes; there it has every privilege),
and has no attribute: NOSUPERUSER, NOBYPASSRLS, NOCREATEROLE. A statement of an SQL file that is refused to it (SQLSTATE 42501) is named
and run as superuser then, so that those behind it are found too; a program's are read in the server's log, where the first
may be the last. What it leaves is compared, object by object and row by row, but for owners and grantors. Where there is a difference the same
role runs it a third time, as superuser: what differs then, too, is the time of day, a random key or the role's name, and no
finding. A plan with a `role` that is no superuser has proved it by the rehearsal itself; the report says which of the two it is. A
migration that stops on every second run, as one that writes a file, is *not looked for*, with the reason. An account of production that has
more than an owner, as Supabase's `postgres` (BYPASSRLS, CREATEROLE, member of the API's roles), may get what is named: that is for a waiver.

How long a table may be locked is a criterion of its own: [`locks`](kinds.md#locks).

What runs inside of a function is seen by its DDL, its locks, and what pg_stat_statements counts of it; where the server has
no such library, a note beside the verdict says so. Which timeout a TRUNCATE, LOCK TABLE, VACUUM FULL, CLUSTER or, before PostgreSQL 17,
REINDEX had is known only next to other DDL of its session. A server that was given (`--sandbox=URL`) is not traced: there, only those marked
with * are looked for.

This page is written from the hazards' own data (`make docs`); the same examples are run as tests.
"""


def render_hazards() -> str:
    """The whole page in Markdown."""
    listed = "\n".join(
        f"* [`{name}`](#{name}){'' if hazard.TRACED else ' *'}: {_claim(hazard)}" for name, hazard in HAZARDS.items()
    )
    return "\n".join([_HEAD, f"{listed}\n", *(_section(hazard) for hazard in HAZARDS.values())])


def _claim(hazard: type[Hazard]) -> str:
    return (inspect.getdoc(hazard) or "").split("\n")[0]


def _section(hazard: type[Hazard]) -> str:
    parts = [
        f"## {hazard.ID}\n",
        f"{_claim(hazard)}\n",
        f"*Why it hurts:* {hazard.HURTS}\n",
        f"*Safer:* {hazard.SAFER}\n",
    ]
    who = f" Run as `{hazard.ROLE}`." if hazard.ROLE else ""
    for title, text in (
        (f"Before.{who}", hazard.BEFORE),
        ("It has the hazard", hazard.BAD),
        ("It does the same without", hazard.GOOD),
    ):
        parts.append(f"{title}\n\n```sql\n{text}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    print(render_hazards(), end="")
