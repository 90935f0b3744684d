"""What a plan for SQLite may not say, and why: refused when the plan is read, so that nothing passes for want of a meaning."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pytest_cutover.names import parse_relation
from pytest_cutover.plan.model import Criterion, PlanFile, Step

NOT_FOR_SQLITE = {
    "rls": "SQLite has no row-level security",
    "visible": "SQLite has no roles: whoever can read the file sees every row",
    "locks": "SQLite locks the whole file, and keeps no record of it",
    "connections": "SQLite has no server that could count connections",
    "no_blockers": "SQLite has no server that could tell who waits for whom",
    "flyway_history": "this version runs Flyway migrations on PostgreSQL only",
}
"""The kinds that have no meaning here, each with the reason."""

OBJECT_WORDS = frozenset({
    "tables", "views", "columns", "constraints", "primary_keys", "foreign_keys", "unique_constraints",
    "check_constraints", "indexes", "sequences", "triggers",
})  # fmt: skip
"""What `object` may count."""

_OBJECT_KINDS = ("table", "column", "constraint", "index", "sequence", "view", "trigger", "setting")
_SERVER_PLACES = ("host", "port", "database", "user", "password")


def sqlite_problems(file: PlanFile, criteria: Sequence[Criterion]) -> Iterator[tuple[str, str]]:
    """The place in the plan and what is wrong there, for each thing that SQLite does not have."""
    if file.migrate.role is not None:
        yield "migrate.role", "SQLite has no roles; remove it"
    if file.migrate.hazards != "warn":
        yield "migrate.hazards", f"{NOT_FOR_SQLITE['locks']}; remove it"
    if file.backup.prelude:
        yield "backup.prelude", "a SQLite file needs nothing but itself; remove it"
    if file.sandbox.extensions:
        yield "sandbox.extensions", "SQLite has no extensions that belong to a database; remove it"
    if file.sandbox.image is not None:
        yield "sandbox.image", "a SQLite database is a file and has no server; remove it"
    if "max_scan" in file.live.model_fields_set:
        yield "live.max_scan", "SQLite does not say how much a statement would read; remove it"
    for place, step in _steps(file):
        for name, value in step.env.items():
            for word in re.findall(r"\{(\w+)\}", value):
                if word in _SERVER_PLACES:
                    yield f"{place}.env.{name}", f"{{{word}}} has no meaning for a file; write {{path}} or {{url}}"
    named = {f"changes.{key}": getattr(file.changes, key) for key in ("added", "dropped", "altered")}
    named |= {f'rollback "{way.name}".residue': way.residue for way in file.rollback}
    for place, names in named.items():
        for name in names:
            yield from _object(place, name)
    for table in (*file.changes.rows, *file.backup.expect.rows):
        yield from _table(f"the table {table}", table)
    for criterion in criteria:
        for key, text in _criterion(criterion):
            yield f'criterion "{criterion.id}": {key}', text


def _steps(file: PlanFile) -> Iterator[tuple[str, Step]]:
    for number, step in enumerate(file.migrate.steps, 1):
        yield f"migrate.steps[{number}]", step
    for way in file.rollback:
        for number, step in enumerate(way.steps, 1):
            yield f'rollback "{way.name}".steps[{number}]', step


def _criterion(criterion: Criterion) -> Iterator[tuple[str, str]]:
    if getattr(criterion, "role", None) is not None:
        yield "role", "SQLite has no roles; remove it"
    if getattr(criterion, "sample", None) is not None:
        yield "sample", "a SQLite file cannot be sampled; remove it"
    if getattr(criterion, "schema_", None) is not None:
        yield "schema", "a SQLite database is one schema; remove it"
    word = getattr(criterion, "object", None)
    if word is not None and word not in OBJECT_WORDS:
        yield "object", f"SQLite has no {str(word).replace('_', ' ')}. Allowed: {', '.join(sorted(OBJECT_WORDS))}"
    if isinstance(getattr(criterion, "value", None), bool):
        yield "value", "SQLite has no true and false; write 1 or 0"
    if getattr(criterion, "validated", True) is False:
        yield "validated", "SQLite has no NOT VALID; remove it"
    if getattr(criterion, "valid", True) is False:
        yield "valid", "an index of SQLite is always valid; remove it"
    names = getattr(criterion, "names", None)
    for name in names if isinstance(names, list) else []:
        yield from _object("names", name)
    for key in ("table", "to"):
        table = getattr(criterion, key, None)
        if isinstance(table, str):
            yield from _table(key, table)


def _object(place: str, name: str) -> Iterator[tuple[str, str]]:
    kind = name.partition(":")[0]
    if kind not in _OBJECT_KINDS:
        yield place, f'found "{name}": SQLite has no {kind}. Kinds: {", ".join(_OBJECT_KINDS)}'


def _table(place: str, table: str) -> Iterator[tuple[str, str]]:
    if parse_relation(table).schema != "public":
        yield place, f'found "{table}": a SQLite database is one schema; write the name alone'
